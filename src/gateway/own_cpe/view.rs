//! What the data model of the gateway's own CPE shows.

use std::sync::Arc;

use super::record::OWN_MAC;
use super::virtual_devices::{COUNT, TABLE};
use crate::cwmp::Fault;
use crate::datamodel::{ParameterPath, ValueType};
use crate::gateway::core::Gateway;
use crate::gateway::door::GatewayError;
use crate::gateway::live::Live;
use crate::gateway::view::View;
use crate::mapping::{Parameter, ValueState};
use crate::native::Mac;

/// Tables that are there without a row.
pub(in crate::gateway) const EMPTY_TABLES: &[&str] = &[TABLE];

/// What the parameters that it has in common with the phones' CPEs begin with.
const SHARED: &[&str] = &[
    "Device.DeviceInfo.",
    "Device.ManagementServer.",
    "Device.RootDataModelVersion",
];
/// What of that is a phone's alone: the gateway has a proxier as little as lines, and it is not
/// behind a NAT that its phones are not behind.
const NOT_SHARED: &[&str] = &[
    "Device.DeviceInfo.ProxierInfo.",
    "Device.DeviceInfo.SupportedDataModel.2.",
    "Device.ManagementServer.NATDetected",
    "Device.ManagementServer.STUN",
    "Device.ManagementServer.UDPConnectionRequest",
];

/// Whether the gateway's own CPE has a parameter of the phones' CPEs too.
pub(in crate::gateway) fn shares(path: &str) -> bool {
    let begins = |start: &&str| path.starts_with(*start);
    SHARED.iter().any(begins) && !NOT_SHARED.iter().any(begins)
}

impl Gateway {
    /// What the data model of a device shows, as far as these names name it: of the gateway's own
    /// CPE the rows of phones are left out that no name names. With `next_level` a name does not
    /// name what is deeper below it.
    ///
    /// # Errors
    /// 9004 for more rows than one answer holds; the faults of [`Gateway::view`].
    pub(in crate::gateway) fn view_naming<'n>(
        &self,
        mac: Mac,
        live: &mut Live,
        names: impl IntoIterator<Item = &'n str>,
        next_level: bool,
    ) -> Result<Arc<View>, Fault> {
        if mac != OWN_MAC {
            return Ok(self.view(mac, live)?);
        }
        let rows = self.virtual_devices(names, next_level)?;
        Ok(self.own_view(rows)?)
    }

    /// What the gateway's own CPE shows, with these rows of phones. It is not kept: what it shows
    /// changes without its record.
    pub(in crate::gateway) fn own_view(
        &self,
        rows: Vec<Parameter>,
    ) -> Result<Arc<View>, GatewayError> {
        let loaded = self.load(OWN_MAC)?;
        let (record, _) = loaded.ok_or(GatewayError::UnknownPhone(OWN_MAC))?;
        let description = "gateway for SIP phones that are provisioned by files";
        let count = self.inner.own_cpe.virtual_devices.count();
        let mut parameters = self.health_parameters();
        parameters.extend(parameter(
            "Device.DeviceInfo.Description",
            ValueType::String,
            description.to_owned(),
        ));
        parameters.extend(parameter(COUNT, ValueType::UnsignedInt, count.to_string()));
        parameters.extend(rows);
        let reachability = self.reachability(OWN_MAC, &record);
        Ok(Arc::new(View::new(
            OWN_MAC,
            record,
            Arc::clone(&self.inner.own_cpe.pack),
            parameters,
            &self.inner.settings,
            reachability,
            self.inner.phase_key,
        )))
    }
}

/// Whether nobody looks out for changes of a parameter: so it is with what comes from outside the
/// record of the gateway's own CPE.
pub(in crate::gateway) fn is_unwatched(mac: Mac, view: &View, path: &ParameterPath) -> bool {
    let path = path.as_str();
    mac == OWN_MAC && path != COUNT && view.cpe_parameter(path).is_none()
}

/// A parameter that is only read.
pub(super) fn parameter(path: &str, value_type: ValueType, value: String) -> Option<Parameter> {
    Some(Parameter {
        path: path.parse().ok()?,
        value_type,
        writable: false,
        hidden: false,
        value,
        state: ValueState::Default,
    })
}
