//! Device.ManagementServer.: how an ACS wakes the device.

use super::parameter::{CpeParameter, boolean, settable, shown, write_number};
use crate::gateway::waking::UDP_ADDRESS;
use crate::wire::Secret;

pub(super) static PARAMETERS: &[CpeParameter] = &[
    settable(
        "Device.ManagementServer.ConnectionRequestPassword",
        |reading| {
            let password = &reading.record.cpe.connection_request_password;
            password.expose().to_owned()
        },
        |cpe, value| {
            cpe.connection_request_password = Secret::new(value);
            // Nothing that is signed with another one can be replayed.
            cpe.udp_connection_requests.last_accepted = 0;
        },
    ),
    shown("Device.ManagementServer.ConnectionRequestURL", |reading| {
        reading.reachability.connection_request_url.clone()
    }),
    settable(
        "Device.ManagementServer.ConnectionRequestUsername",
        |reading| reading.record.cpe.connection_request_username.clone(),
        |cpe, value| value.clone_into(&mut cpe.connection_request_username),
    ),
    settable(
        "Device.ManagementServer.HTTPConnectionRequestEnable",
        |reading| boolean(reading.record.cpe.http_connection_requests),
        |cpe, value| cpe.http_connection_requests = value == "1",
    ),
    shown("Device.ManagementServer.NATDetected", |reading| {
        boolean(reading.reachability.nat_is_detected)
    }),
    settable(
        "Device.ManagementServer.STUNEnable",
        |reading| boolean(reading.record.cpe.udp_connection_requests.stun_enable),
        |cpe, value| cpe.udp_connection_requests.stun_enable = value == "1",
    ),
    settable(
        "Device.ManagementServer.STUNMaximumKeepAlivePeriod",
        |reading| {
            let requests = &reading.record.cpe.udp_connection_requests;
            requests.maximum_keep_alive.to_string()
        },
        |cpe, value| write_number(&mut cpe.udp_connection_requests.maximum_keep_alive, value),
    ),
    settable(
        "Device.ManagementServer.STUNMinimumKeepAlivePeriod",
        |reading| {
            let requests = &reading.record.cpe.udp_connection_requests;
            requests.minimum_keep_alive.to_string()
        },
        |cpe, value| write_number(&mut cpe.udp_connection_requests.minimum_keep_alive, value),
    ),
    settable(
        "Device.ManagementServer.STUNPassword",
        |reading| {
            let requests = &reading.record.cpe.udp_connection_requests;
            requests.password.expose().to_owned()
        },
        |cpe, value| cpe.udp_connection_requests.password = Secret::new(value),
    ),
    settable(
        "Device.ManagementServer.STUNServerAddress",
        |reading| {
            let requests = &reading.record.cpe.udp_connection_requests;
            requests.server_address.clone()
        },
        |cpe, value| value.clone_into(&mut cpe.udp_connection_requests.server_address),
    ),
    settable(
        "Device.ManagementServer.STUNServerPort",
        |reading| {
            let requests = &reading.record.cpe.udp_connection_requests;
            requests.server_port.to_string()
        },
        |cpe, value| write_number(&mut cpe.udp_connection_requests.server_port, value),
    ),
    settable(
        "Device.ManagementServer.STUNUsername",
        |reading| reading.record.cpe.udp_connection_requests.username.clone(),
        |cpe, value| value.clone_into(&mut cpe.udp_connection_requests.username),
    ),
    shown(
        "Device.ManagementServer.SupportedConnReqMethods",
        |reading| {
            let methods = if reading.reachability.udp_is_heard {
                "HTTP,STUN"
            } else {
                "HTTP"
            };
            methods.to_owned()
        },
    ),
    shown(UDP_ADDRESS, |reading| {
        reading.reachability.udp_address.clone()
    }),
    settable(
        "Device.ManagementServer.UDPConnectionRequestAddressNotificationLimit",
        |reading| {
            let requests = &reading.record.cpe.udp_connection_requests;
            requests.notification_limit.to_string()
        },
        |cpe, value| write_number(&mut cpe.udp_connection_requests.notification_limit, value),
    ),
];
