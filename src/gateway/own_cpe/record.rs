//! Who the gateway's own CPE is, and its start.

use std::sync::Arc;

use jiff::Timestamp;

use super::health::Health;
use super::virtual_devices::VirtualDevices;
use crate::cwmp::{AcsRequest, DeviceId, Event, EventCode, Fault, FaultCode};
use crate::datamodel::ParameterPath;
use crate::device::{CpeState, DeviceRecord, TreePath};
use crate::gateway::core::Gateway;
use crate::gateway::cpe_parameters::{GATEWAY_OUI, GATEWAY_PRODUCT_CLASS};
use crate::gateway::door::GatewayError;
use crate::gateway::draft::conventional_username;
use crate::gateway::{random, view};
use crate::mapping::Pack;
use crate::native::Mac;
use crate::store::{Batch, Table, encode};
use crate::wire::Secret;

/// The address under which the gateway's own CPE goes: that of all stations, which no phone has.
pub(in crate::gateway) const OWN_MAC: Mac = Mac::BROADCAST;
/// What its record has in the place of a mapping pack's name.
pub(in crate::gateway) const NO_VENDOR: &str = "trestle gateway";
/// The key of its record in [`Table::Meta`].
const RECORD_KEY: &[u8] = b"own-cpe";
/// Manufacturer and model.
const NAME: &str = "trestle";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const SOFTWARE_VERSION: &str = "Device.DeviceInfo.SoftwareVersion";

/// What the gateway's own CPE has in memory.
#[derive(Debug)]
pub(in crate::gateway) struct OwnCpe {
    /// Its lenses: none, for Device:2.
    pub(in crate::gateway) pack: Arc<Pack>,
    /// When the process opened the gateway.
    opened_at: Timestamp,
    pub(in crate::gateway) health: Health,
    pub(in crate::gateway) virtual_devices: VirtualDevices,
}

impl OwnCpe {
    /// For a gateway that is opened now.
    pub(in crate::gateway) fn new(opened_at: Timestamp) -> Self {
        let pack = Pack::without_lenses(NO_VENDOR, NAME);
        Self {
            pack: Arc::new(pack),
            opened_at,
            health: Health::default(),
            virtual_devices: VirtualDevices::default(),
        }
    }
}

/// Where a device's record stands in the store: that of the gateway's own CPE not among the
/// phones'.
pub(in crate::gateway) fn place_of(mac: Mac) -> (Table, Vec<u8>) {
    if mac == OWN_MAC {
        (Table::Meta, RECORD_KEY.to_vec())
    } else {
        (Table::Device, mac.bytes().to_vec())
    }
}

/// The fault of a request that can't be carried out where there is no phone.
pub(in crate::gateway) fn refusal(mac: Mac, request: &AcsRequest) -> Option<Fault> {
    if mac != OWN_MAC {
        return None;
    }
    let (code, text) = match request {
        AcsRequest::Reboot { .. } | AcsRequest::FactoryReset => (
            FaultCode::RequestDenied,
            "the gateway is not restarted or reset by an ACS",
        ),
        AcsRequest::Download(_) | AcsRequest::Upload(_) | AcsRequest::ScheduleDownload(_) => (
            FaultCode::InvalidArguments,
            "the gateway itself has no file of this type",
        ),
        _ => return None,
    };
    Some(Fault::new(code, text))
}

impl Gateway {
    /// Announces the gateway itself, where the operator wants that. It has just started, and its
    /// phones have not (cwmp.md J7).
    ///
    /// # Errors
    /// [`GatewayError`] when its record can't be read or written.
    pub(in crate::gateway) async fn start_own_cpe(&self) -> Result<(), GatewayError> {
        if !self.inner.settings.announce_gateway {
            return Ok(());
        }
        let live = self.hold(OWN_MAC).await;
        let (mut record, original) = match self.load(OWN_MAC)? {
            Some((record, bytes)) => (record, Some(bytes)),
            None => (self.new_own_record()?, None),
        };
        if record.software_version.as_deref() != Some(VERSION) {
            record.software_version = Some(VERSION.to_owned());
            if record.cpe.informed_acs.is_some()
                && let Ok(path) = SOFTWARE_VERSION.parse::<ParameterPath>()
            {
                record.cpe.events.note_change(path);
            }
        }
        record.booted_at = Some(self.inner.own_cpe.opened_at);
        record.cpe.events.add(Event::plain(EventCode::Boot));
        let (table, key) = place_of(OWN_MAC);
        let mut batch = Batch::new();
        batch.require(table, &key, original);
        batch.put_long(table, &key, encode(&record)?);
        let ticket = self.inner.store.commit(batch)?;
        let segment = &record.cpe.connection_request_segment;
        self.inner.known.note_segment(OWN_MAC, segment);
        let schema = self.inner.own_cpe.pack.schema();
        self.plan(OWN_MAC, &record, schema, &live, true);
        ticket.durable().await?;
        Ok(())
    }

    fn new_own_record(&self) -> Result<DeviceRecord, GatewayError> {
        let identity = DeviceId {
            manufacturer: NAME.to_owned(),
            oui: GATEWAY_OUI.to_owned(),
            product_class: GATEWAY_PRODUCT_CLASS.to_owned(),
            serial_number: view::gateway_serial(self.inner.phase_key),
        };
        let mut cpe = CpeState::new(random::text()?, Secret::new(random::text()?));
        cpe.connection_request_username = conventional_username(&identity);
        cpe.events.add(Event::plain(EventCode::Bootstrap));
        Ok(DeviceRecord {
            model: Some(NAME.to_owned()),
            software_version: Some(VERSION.to_owned()),
            identity: Some(identity),
            lenses: self.inner.own_cpe.pack.id().to_string(),
            ..DeviceRecord::new(NO_VENDOR.to_owned(), TreePath::nowhere(), cpe)
        })
    }
}
