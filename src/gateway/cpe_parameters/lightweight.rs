//! Device.ManagementServer.: lightweight notifications (cwmp.md A10).

use super::parameter::{CpeParameter, known_moment, moment, settable, shown, write_number};

const UDP: &str = "UDP";

pub(super) static PARAMETERS: &[CpeParameter] = &[
    shown(
        "Device.ManagementServer.LightweightNotificationProtocolsSupported",
        |_| UDP.to_owned(),
    ),
    settable(
        "Device.ManagementServer.LightweightNotificationProtocolsUsed",
        |reading| {
            let is_used = reading.record.cpe.lightweight.over_udp;
            if is_used { UDP } else { "" }.to_owned()
        },
        |cpe, value| cpe.lightweight.over_udp = value == UDP,
    )
    .checked(|value| match value {
        "" | UDP => Ok(()),
        _ => Err(format!("nothing or {UDP} is wanted")),
    }),
    settable(
        "Device.ManagementServer.LightweightNotificationTriggerInterval",
        |reading| reading.record.cpe.lightweight.trigger_interval.to_string(),
        |cpe, value| write_number(&mut cpe.lightweight.trigger_interval, value),
    ),
    settable(
        "Device.ManagementServer.LightweightNotificationTriggerTime",
        |reading| moment(reading.record.cpe.lightweight.trigger_time),
        |cpe, value| cpe.lightweight.trigger_time = known_moment(value),
    ),
    settable(
        "Device.ManagementServer.UDPLightweightNotificationHost",
        |reading| reading.record.cpe.lightweight.host.clone(),
        |cpe, value| value.clone_into(&mut cpe.lightweight.host),
    ),
    settable(
        "Device.ManagementServer.UDPLightweightNotificationPort",
        |reading| reading.record.cpe.lightweight.port.to_string(),
        |cpe, value| write_number(&mut cpe.lightweight.port, value),
    )
    .checked(|value| match value.parse::<u16>() {
        Ok(1..) => Ok(()),
        _ => Err("a port, 1 to 65535, is wanted".to_owned()),
    }),
];
