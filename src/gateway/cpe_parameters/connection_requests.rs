//! Device.ManagementServer.: how an ACS wakes the device.

use super::parameter::{CpeParameter, settable, shown};
use crate::wire::Secret;

pub(super) static PARAMETERS: &[CpeParameter] = &[
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
];
