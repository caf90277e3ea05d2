//! The gateway that a phone is seen through (cwmp.md J2): Device.DeviceInfo.ProxierInfo., and for
//! data models that have no such object one of ours with the same parameters (cwmp.md G8).

use super::parameter::{CpeParameter, own, shown};
use crate::datamodel::ValueType;

/// The gateway's ManufacturerOUI. It has no maker with an OUI: this one is of the range that nobody
/// owns.
pub(in crate::gateway) const GATEWAY_OUI: &str = "020000";
/// The gateway's ProductClass.
pub(in crate::gateway) const GATEWAY_PRODUCT_CLASS: &str = "trestle";
/// How the gateway speaks with the phones. The standard's enumeration knows nothing like it
/// (cwmp.md J3).
pub(in crate::gateway) const PROXY_PROTOCOL: &str = "X_TRESTLE_ProvisioningFile";

/// Objects of ours, each with the standard one that it stands for: it is not shown where the data
/// model has that one.
const STAND_INS: &[(&str, &str)] = &[(
    "Device.X_TRESTLE_Proxier.",
    "Device.DeviceInfo.ProxierInfo.",
)];

/// The standard object that a parameter of ours stands for, if it stands for one.
pub(in crate::gateway) fn stands_for(path: &str) -> Option<&'static str> {
    let mut pairs = STAND_INS.iter();
    let pair = pairs.find(|(own, _)| path.starts_with(own));
    pair.map(|(_, standard)| *standard)
}

pub(super) static PARAMETERS: &[CpeParameter] = &[
    shown("Device.DeviceInfo.ProxierInfo.ManufacturerOUI", |_| {
        GATEWAY_OUI.to_owned()
    }),
    shown("Device.DeviceInfo.ProxierInfo.ProductClass", |_| {
        GATEWAY_PRODUCT_CLASS.to_owned()
    }),
    shown("Device.DeviceInfo.ProxierInfo.ProxyProtocol", |_| {
        PROXY_PROTOCOL.to_owned()
    }),
    shown("Device.DeviceInfo.ProxierInfo.SerialNumber", |reading| {
        reading.gateway_serial.to_owned()
    }),
    own(
        "Device.X_TRESTLE_Proxier.ManufacturerOUI",
        ValueType::String,
        |_| GATEWAY_OUI.to_owned(),
    ),
    own(
        "Device.X_TRESTLE_Proxier.ProductClass",
        ValueType::String,
        |_| GATEWAY_PRODUCT_CLASS.to_owned(),
    ),
    own(
        "Device.X_TRESTLE_Proxier.ProxyProtocol",
        ValueType::String,
        |_| PROXY_PROTOCOL.to_owned(),
    ),
    own(
        "Device.X_TRESTLE_Proxier.SerialNumber",
        ValueType::String,
        |reading| reading.gateway_serial.to_owned(),
    ),
];
