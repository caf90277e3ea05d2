//! ManagementServer.VirtualDevice.: a row for each announced phone (cwmp.md J3).
//!
//! The rows stand in the store, not in memory. A phone gets its instance number when it is
//! announced, once and for all; numbers are not given again.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::cwmp::{DeviceId, Fault, FaultCode, Notification};
use crate::datamodel::{ParameterPath, ValueType};
use crate::device::DeviceRecord;
use crate::gateway::core::{Gateway, mac_of_key};
use crate::gateway::cpe_parameters::{PROXY_PROTOCOL, moment};
use crate::gateway::door::GatewayError;
use crate::gateway::notifications::in_force;
use crate::gateway::own_cpe::OWN_MAC;
use crate::mapping::Parameter;
use crate::native::Mac;
use crate::store::{Batch, StoreError, Table};

use super::view::parameter;

/// The table.
pub(super) const TABLE: &str = "Device.ManagementServer.VirtualDevice.";
/// How many rows it has. Of what changes without an ACS, it is the one thing that is watched.
pub(in crate::gateway) const COUNT: &str = "Device.ManagementServer.VirtualDeviceNumberOfEntries";
/// Most rows of one answer. A larger table is read in parts.
pub(super) const MAX_ROWS: usize = 1_000;
/// Rows of one commit when many phones get theirs at once.
const ROWS_PER_COMMIT: usize = 1_000;
/// First byte of the keys that lead from an instance number to a phone.
const BY_NUMBER: u8 = 0;
/// First byte of the keys that lead from a phone to its instance number.
const BY_MAC: u8 = 1;

/// What is in memory of the table.
#[derive(Debug, Default)]
pub(in crate::gateway) struct VirtualDevices {
    count: AtomicU32,
    /// The last instance number that was given.
    last: AtomicU32,
}

impl VirtualDevices {
    /// Rows of the table.
    pub(super) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// A row that a batch has put is in the store.
    pub(in crate::gateway) fn row_added(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Gateway {
    /// Counts the rows, and gives one to every announced phone that has none: those that were
    /// announced while the gateway itself was not.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails.
    pub(in crate::gateway) fn open_virtual_devices(&self) -> Result<(), GatewayError> {
        if !self.inner.settings.announce_gateway {
            return Ok(());
        }
        let table = &self.inner.own_cpe.virtual_devices;
        for entry in self.inner.store.scan(Table::VirtualDevice, &[BY_NUMBER]) {
            let key = match entry {
                Ok((key, _)) => key,
                // Its key is enough: the number is given.
                Err(StoreError::DamagedValue { raw_key, .. }) => raw_key,
                Err(error) => return Err(error.into()),
            };
            table.last.fetch_max(number_of(&key)?, Ordering::Relaxed);
            table.row_added();
        }
        let mut batch = Batch::new();
        let mut rows = 0;
        for (mac, record) in self.devices().filter_map(Result::ok) {
            if self.give_row(mac, &record, &mut batch)? {
                rows += 1;
                table.row_added();
            }
            if rows == ROWS_PER_COMMIT {
                self.inner
                    .store
                    .commit(std::mem::take(&mut batch))?
                    .wait()?;
                rows = 0;
            }
        }
        self.inner.store.commit(batch)?.wait()?;
        Ok(())
    }

    /// Puts a row for an announced phone into the batch, if it has none. Whoever commits that says
    /// so by [`VirtualDevices::row_added`].
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails.
    pub(in crate::gateway) fn give_row(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        batch: &mut Batch,
    ) -> Result<bool, GatewayError> {
        let is_wanted = self.inner.settings.announce_gateway && mac != OWN_MAC;
        if !is_wanted || record.identity.is_none() {
            return Ok(false);
        }
        let by_mac = mac_key(mac);
        if self
            .inner
            .store
            .get(Table::VirtualDevice, &by_mac)?
            .is_some()
        {
            return Ok(false);
        }
        let last = &self.inner.own_cpe.virtual_devices.last;
        let number = last.fetch_add(1, Ordering::Relaxed) + 1;
        batch.put(
            Table::VirtualDevice,
            &number_key(number),
            mac.bytes().to_vec(),
        );
        batch.put(Table::VirtualDevice, &by_mac, number.to_be_bytes().to_vec());
        Ok(true)
    }

    /// A phone has got its row: an ACS that watches their number hears of it. Boxed, because it is
    /// a part of the commit of the phone's record and commits another one.
    pub(in crate::gateway) fn tell_new_row(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            if let Err(error) = self.note_new_row().await {
                tracing::error!(%error, "the ACS does not hear of a new phone");
            }
        })
    }

    async fn note_new_row(&self) -> Result<(), GatewayError> {
        let Ok(path) = COUNT.parse::<ParameterPath>() else {
            return Ok(());
        };
        let schema = self.inner.own_cpe.pack.schema();
        let is_watched =
            |record: &DeviceRecord| in_force(schema, &record.cpe, &path) != Notification::Off;
        let own = self.load(OWN_MAC)?;
        if !own.is_some_and(|(record, _)| is_watched(&record)) {
            return Ok(());
        }
        self.change(OWN_MAC, |draft, _| {
            draft.queue_changes(vec![path]);
            Ok(())
        })
        .await
    }

    /// The parameters of all rows that these names name. With `next_level` a name above the table
    /// names none.
    ///
    /// # Errors
    /// 9004 for more rows than one answer holds.
    pub(super) fn virtual_devices<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        next_level: bool,
    ) -> Result<Vec<Parameter>, Fault> {
        let mut rows = BTreeSet::new();
        for name in names {
            match named(name, next_level) {
                Named::None => {}
                Named::Row(number) => rows.extend(self.row(number)?),
                Named::All => rows.extend(self.all_rows()?),
            }
        }
        if rows.len() > MAX_ROWS {
            return Err(self.too_many());
        }
        let rows = rows.into_iter();
        Ok(rows
            .flat_map(|(number, mac)| self.row_parameters(number, mac))
            .collect())
    }

    fn row(&self, number: u32) -> Result<Option<(u32, Mac)>, GatewayError> {
        let key = number_key(number);
        match self.inner.store.get(Table::VirtualDevice, &key)? {
            Some(mac) => Ok(Some((number, mac_of_key(&mac)?))),
            None => Ok(None),
        }
    }

    fn all_rows(&self) -> Result<Vec<(u32, Mac)>, Fault> {
        let rows = self.inner.store.scan(Table::VirtualDevice, &[BY_NUMBER]);
        let mut all = Vec::new();
        for row in rows {
            let (key, mac) = row.map_err(GatewayError::from)?;
            if all.len() == MAX_ROWS {
                return Err(self.too_many());
            }
            all.push((number_of(&key)?, mac_of_key(&mac)?));
        }
        Ok(all)
    }

    fn too_many(&self) -> Fault {
        let count = self.inner.own_cpe.virtual_devices.count();
        Fault::new(
            FaultCode::ResourcesExceeded,
            format!("{TABLE} has {count} rows; ask for {MAX_ROWS} at most, by their numbers"),
        )
    }

    /// A phone whose record can't be read has a row all the same, with what is known.
    fn row_parameters(&self, number: u32, mac: Mac) -> Vec<Parameter> {
        let record = self.load(mac).ok().flatten().map(|(record, _)| record);
        let identity = record.as_ref().and_then(|record| record.identity.clone());
        let identity = identity.unwrap_or_else(|| DeviceId {
            manufacturer: String::new(),
            oui: mac.oui(),
            product_class: String::new(),
            serial_number: mac.upper(),
        });
        let contact = record.as_ref().and_then(|record| record.contact.as_ref());
        let address = contact.map(|contact| contact.address.to_string());
        let status = record.as_ref().map(|record| record.delivery_status());
        let text = |name: &str, value: String| (name.to_owned(), ValueType::String, value);
        // There is no table of hosts that `Host` and the references could point to.
        let columns = [
            text("DiscoveryProtocol", String::new()),
            text("DiscoveryProtocolReference", String::new()),
            text("Host", String::new()),
            text("ManufacturerOUI", identity.oui),
            text("ProductClass", identity.product_class),
            text("ProxyProtocol", PROXY_PROTOCOL.to_owned()),
            text("ProxyProtocolReference", String::new()),
            text("SerialNumber", identity.serial_number),
            text("X_TRESTLE_Address", address.unwrap_or_default()),
            text(
                "X_TRESTLE_DeliveryStatus",
                status.map(|status| status.to_string()).unwrap_or_default(),
            ),
            (
                "X_TRESTLE_LastContact".to_owned(),
                ValueType::DateTime,
                moment(contact.map(|contact| contact.at)),
            ),
        ];
        let columns = columns.into_iter();
        columns
            .filter_map(|(name, value_type, value)| {
                parameter(&format!("{TABLE}{number}.{name}"), value_type, value)
            })
            .collect()
    }
}

/// What a name of a call names of the table.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    None,
    Row(u32),
    All,
}

fn named(name: &str, next_level: bool) -> Named {
    let Some(rest) = name.strip_prefix(TABLE) else {
        let is_above = TABLE.starts_with(name) && (name.is_empty() || name.ends_with('.'));
        return if is_above && !next_level {
            Named::All
        } else {
            Named::None
        };
    };
    let number = rest.split('.').next().unwrap_or_default();
    match number.parse() {
        _ if rest.is_empty() => Named::All,
        Ok(number) => Named::Row(number),
        Err(_) => Named::None,
    }
}

fn number_key(number: u32) -> Vec<u8> {
    [&[BY_NUMBER][..], &number.to_be_bytes()].concat()
}

fn mac_key(mac: Mac) -> Vec<u8> {
    [&[BY_MAC][..], &mac.bytes()].concat()
}

/// A record of the table of rows, and the one that it has to lead back from.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::gateway) struct RowLink {
    /// The phone.
    pub(in crate::gateway) mac: Mac,
    /// Key and value of the record that leads the other way.
    pub(in crate::gateway) back: (Vec<u8>, Vec<u8>),
}

/// What a record of the table of rows says; `None` for one that trestle has not made.
pub(in crate::gateway) fn row_link(key: &[u8], value: &[u8]) -> Option<RowLink> {
    match *key.first()? {
        BY_NUMBER => {
            let number = number_of(key).ok()?;
            let mac = mac_of_key(value).ok()?;
            let back = (mac_key(mac), number.to_be_bytes().to_vec());
            Some(RowLink { mac, back })
        }
        BY_MAC => {
            let mac = mac_of_key(key.get(1..)?).ok()?;
            let number = u32::from_be_bytes(value.try_into().ok()?);
            let back = (number_key(number), mac.bytes().to_vec());
            Some(RowLink { mac, back })
        }
        _ => None,
    }
}

fn number_of(key: &[u8]) -> Result<u32, GatewayError> {
    let bytes = key.get(1..).and_then(|rest| rest.try_into().ok());
    bytes
        .map(u32::from_be_bytes)
        .ok_or_else(|| GatewayError::OddKey {
            key: key.escape_ascii().to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_names_a_row_all_rows_or_none() {
        for (name, next_level, wanted) in [
            ("", false, Named::All),
            ("Device.", false, Named::All),
            ("Device.", true, Named::None),
            ("Device.ManagementServer.", false, Named::All),
            ("Device.ManagementServer.VirtualDevice", false, Named::None),
            (TABLE, false, Named::All),
            (TABLE, true, Named::All),
            (
                "Device.ManagementServer.VirtualDevice.17.",
                true,
                Named::Row(17),
            ),
            (
                "Device.ManagementServer.VirtualDevice.17.Host",
                false,
                Named::Row(17),
            ),
            (
                "Device.ManagementServer.VirtualDevice.x.",
                false,
                Named::None,
            ),
            ("Device.DeviceInfo.", false, Named::None),
        ] {
            assert_eq!(named(name, next_level), wanted, "{name} {next_level}");
        }
    }
}
