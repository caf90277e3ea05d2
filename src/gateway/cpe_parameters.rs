//! Parameters that belong to the virtual CPE itself and stand in no file of the phone.

use jiff::Timestamp;

use crate::cwmp::DeviceId;
use crate::datamodel::{UNKNOWN_TIME, ValueType};
use crate::device::{CpeState, DeviceRecord};
use crate::native::Mac;
use crate::wire::Secret;

/// What a parameter's value is computed from.
pub(super) struct Reading<'a> {
    pub(super) mac: Mac,
    pub(super) record: &'a DeviceRecord,
    pub(super) identity: &'a DeviceId,
    pub(super) acs_url: &'a str,
    pub(super) acs_username: &'a str,
    pub(super) periodic_inform_interval: u32,
    pub(super) connection_request_url: &'a str,
    pub(super) gateway_serial: &'a str,
    pub(super) now: Timestamp,
}

/// How the ACS changes a parameter: the text is canonical and within the model's limits.
type Write = fn(&mut CpeState, &str);

/// A parameter of the virtual CPE, shown where the data model of the device has it, and everywhere
/// if it is ours. Type, range and access of a standard one are the schema's; one without `write` is
/// read-only here.
pub(super) struct CpeParameter {
    pub(super) path: &'static str,
    /// Type where the schema has none, because the parameter is ours.
    pub(super) own_type: Option<ValueType>,
    pub(super) read: fn(&Reading<'_>) -> String,
    pub(super) write: Option<Write>,
}

const fn shown(path: &'static str, read: fn(&Reading<'_>) -> String) -> CpeParameter {
    CpeParameter {
        path,
        own_type: None,
        read,
        write: None,
    }
}

const fn settable(
    path: &'static str,
    read: fn(&Reading<'_>) -> String,
    write: Write,
) -> CpeParameter {
    CpeParameter {
        path,
        own_type: None,
        read,
        write: Some(write),
    }
}

const fn own(
    path: &'static str,
    own_type: ValueType,
    read: fn(&Reading<'_>) -> String,
) -> CpeParameter {
    CpeParameter {
        path,
        own_type: Some(own_type),
        read,
        write: None,
    }
}

/// The parameters, in order of their paths.
pub(super) static CPE_PARAMETERS: &[CpeParameter] = &[
    shown("Device.DeviceInfo.Description", |_| {
        "SIP phone provisioned by trestle".to_owned()
    }),
    // What the phone does right now is not known; its virtual CPE is there.
    shown("Device.DeviceInfo.DeviceStatus", |_| "Up".to_owned()),
    shown("Device.DeviceInfo.HardwareVersion", |_| String::new()),
    shown("Device.DeviceInfo.Manufacturer", |reading| {
        reading.identity.manufacturer.clone()
    }),
    shown("Device.DeviceInfo.ManufacturerOUI", |reading| {
        reading.identity.oui.clone()
    }),
    shown("Device.DeviceInfo.ModelName", |reading| {
        reading.record.model.clone().unwrap_or_default()
    }),
    shown("Device.DeviceInfo.ProductClass", |reading| {
        reading.identity.product_class.clone()
    }),
    settable(
        "Device.DeviceInfo.ProvisioningCode",
        |reading| reading.record.cpe.provisioning_code.clone(),
        |cpe, value| value.clone_into(&mut cpe.provisioning_code),
    ),
    // The gateway that the phone is seen through (cwmp.md J2). It has no maker with an OUI: the one
    // here is of the range that nobody owns.
    shown("Device.DeviceInfo.ProxierInfo.ManufacturerOUI", |_| {
        "020000".to_owned()
    }),
    shown("Device.DeviceInfo.ProxierInfo.ProductClass", |_| {
        "trestle".to_owned()
    }),
    shown("Device.DeviceInfo.ProxierInfo.ProxyProtocol", |_| {
        "X_TRESTLE_ProvisioningFile".to_owned()
    }),
    shown("Device.DeviceInfo.ProxierInfo.SerialNumber", |reading| {
        reading.gateway_serial.to_owned()
    }),
    shown("Device.DeviceInfo.SerialNumber", |reading| {
        reading.identity.serial_number.clone()
    }),
    shown("Device.DeviceInfo.SoftwareVersion", |reading| {
        reading.record.software_version.clone().unwrap_or_default()
    }),
    // The Broadband Forum's own descriptions. There is none of a single phone, so a row has no UUID
    // and names no features (data-model.md section 1).
    shown("Device.DeviceInfo.SupportedDataModel.1.Features", |_| {
        String::new()
    }),
    shown("Device.DeviceInfo.SupportedDataModel.1.URL", |_| {
        "https://cwmp-data-models.broadband-forum.org/tr-181-2-12-0-cwmp-full.xml".to_owned()
    }),
    shown("Device.DeviceInfo.SupportedDataModel.1.URN", |_| {
        "urn:broadband-forum-org:tr-181-2-12-0-cwmp".to_owned()
    }),
    shown("Device.DeviceInfo.SupportedDataModel.2.Features", |_| {
        String::new()
    }),
    shown("Device.DeviceInfo.SupportedDataModel.2.URL", |_| {
        "https://cwmp-data-models.broadband-forum.org/tr-104-1-1-0-full.xml".to_owned()
    }),
    shown("Device.DeviceInfo.SupportedDataModel.2.URN", |_| {
        "urn:broadband-forum-org:tr-104-1-1-0".to_owned()
    }),
    shown("Device.DeviceInfo.UpTime", up_time),
    // Only profiles that are wholly there are claimed (data-model.md section 1).
    shown("Device.DeviceSummary", |_| {
        "Device:1.2[](Baseline:1), VoiceService:1.1[1]()".to_owned()
    }),
    shown("Device.Ethernet.Interface.1.MACAddress", |reading| {
        reading.mac.with_colons()
    }),
    shown("Device.Ethernet.Link.1.MACAddress", |reading| {
        reading.mac.with_colons()
    }),
    shown("Device.LAN.MACAddress", |reading| reading.mac.with_colons()),
    // Rows are named by their numbers only.
    shown("Device.ManagementServer.AliasBasedAddressing", |_| {
        "0".to_owned()
    }),
    settable(
        "Device.ManagementServer.ConnectionRequestPassword",
        |reading| {
            let password = &reading.record.cpe.connection_request_password;
            password.expose().to_owned()
        },
        |cpe, value| cpe.connection_request_password = Secret::new(value),
    ),
    shown("Device.ManagementServer.ConnectionRequestURL", |reading| {
        reading.connection_request_url.to_owned()
    }),
    settable(
        "Device.ManagementServer.ConnectionRequestUsername",
        |reading| reading.record.cpe.connection_request_username.clone(),
        |cpe, value| value.clone_into(&mut cpe.connection_request_username),
    ),
    shown("Device.ManagementServer.ParameterKey", |reading| {
        reading.record.cpe.parameter_key.clone()
    }),
    settable(
        "Device.ManagementServer.Password",
        |reading| {
            let password = reading.record.cpe.acs.password.as_ref();
            password.map(Secret::expose).unwrap_or_default().to_owned()
        },
        |cpe, value| cpe.acs.password = Some(Secret::new(value)),
    ),
    settable(
        "Device.ManagementServer.PeriodicInformEnable",
        |reading| u8::from(reading.record.cpe.periodic_inform_enable).to_string(),
        |cpe, value| cpe.periodic_inform_enable = value == "1",
    ),
    settable(
        "Device.ManagementServer.PeriodicInformInterval",
        |reading| reading.periodic_inform_interval.to_string(),
        |cpe, value| cpe.periodic_inform_interval = value.parse().ok(),
    ),
    settable(
        "Device.ManagementServer.PeriodicInformTime",
        |reading| moment(reading.record.cpe.periodic_inform_time),
        |cpe, value| {
            let is_known = value != UNKNOWN_TIME;
            cpe.periodic_inform_time = value.parse().ok().filter(|_| is_known);
        },
    ),
    settable(
        "Device.ManagementServer.URL",
        |reading| reading.acs_url.to_owned(),
        |cpe, value| cpe.acs.url = Some(value.to_owned()),
    ),
    settable(
        "Device.ManagementServer.UpgradesManaged",
        |reading| u8::from(reading.record.cpe.upgrades_managed).to_string(),
        |cpe, value| cpe.upgrades_managed = value == "1",
    ),
    settable(
        "Device.ManagementServer.Username",
        |reading| reading.acs_username.to_owned(),
        |cpe, value| cpe.acs.username = Some(value.to_owned()),
    ),
    shown("Device.RootDataModelVersion", |_| "2.12".to_owned()),
    shown("Device.Services.VoiceServiceNumberOfEntries", |_| {
        "1".to_owned()
    }),
    shown("Device.Time.CurrentLocalTime", |reading| {
        moment(Some(reading.now))
    }),
    own(
        "Device.X_TRESTLE_Delivery.ConfirmedRevision",
        ValueType::UnsignedInt,
        |reading| {
            let confirmed = reading.record.delivery.confirmed;
            confirmed.unwrap_or_default().to_string()
        },
    ),
    own(
        "Device.X_TRESTLE_Delivery.DesiredRevision",
        ValueType::UnsignedInt,
        |reading| reading.record.delivery.desired.to_string(),
    ),
    own(
        "Device.X_TRESTLE_Delivery.LastContact",
        ValueType::DateTime,
        |reading| {
            let contact = reading.record.contact.as_ref();
            moment(contact.map(|contact| contact.at))
        },
    ),
    own(
        "Device.X_TRESTLE_Delivery.ServedRevision",
        ValueType::UnsignedInt,
        |reading| {
            let served = reading.record.delivery.served.as_ref();
            served
                .map(|served| served.revision)
                .unwrap_or_default()
                .to_string()
        },
    ),
];

/// Seconds since the phone was seen to restart; 0 while that is not known.
fn up_time(reading: &Reading<'_>) -> String {
    let since = reading.record.booted_at.map_or(0, |booted_at| {
        reading.now.duration_since(booted_at).as_secs()
    });
    since.clamp(0, i64::from(u32::MAX)).to_string()
}

/// A moment as a data model writes it (cwmp.md I4).
pub(super) fn moment(moment: Option<Timestamp>) -> String {
    moment.map_or_else(
        || UNKNOWN_TIME.to_owned(),
        |moment| moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datamodel::Schema;

    #[test]
    fn they_stand_in_order_and_agree_with_the_schema() {
        assert!(CPE_PARAMETERS.is_sorted_by_key(|parameter| parameter.path));
        for parameter in CPE_PARAMETERS {
            let path = parameter.path;
            let models = [Schema::device1(), Schema::device2()];
            let entries: Vec<_> = models
                .iter()
                .filter_map(|model| model.entry(path))
                .collect();
            assert_eq!(entries.is_empty(), parameter.own_type.is_some(), "{path}");
            if parameter.write.is_some() {
                assert!(entries.iter().all(|entry| entry.writable()), "{path}");
            }
        }
    }
}
