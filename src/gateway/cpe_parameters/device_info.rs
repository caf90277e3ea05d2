//! Device.DeviceInfo.: who the phone is.

use super::parameter::{CpeParameter, Reading, settable, shown};

pub(super) static PARAMETERS: &[CpeParameter] = &[
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
];

/// Seconds since the phone was seen to restart; 0 while that is not known.
fn up_time(reading: &Reading<'_>) -> String {
    let since = reading.record.booted_at.map_or(0, |booted_at| {
        reading.now.duration_since(booted_at).as_secs()
    });
    since.clamp(0, i64::from(u32::MAX)).to_string()
}
