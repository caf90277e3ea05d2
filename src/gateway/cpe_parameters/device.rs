//! The root, and objects of which the CPE itself has one or two parameters.

use super::parameter::{CpeParameter, moment, shown};

pub(super) static PARAMETERS: &[CpeParameter] = &[
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
    shown("Device.RootDataModelVersion", |_| "2.12".to_owned()),
    shown("Device.Services.VoiceServiceNumberOfEntries", |_| {
        "1".to_owned()
    }),
    shown("Device.Time.CurrentLocalTime", |reading| {
        moment(Some(reading.now))
    }),
];
