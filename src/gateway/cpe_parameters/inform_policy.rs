//! Device.ManagementServer.: whether and when a device opens sessions beside its periodic Informs.

use super::parameter::{
    CpeParameter, boolean, known_moment, moment, settable, shown, write_number,
};

pub(super) static PARAMETERS: &[CpeParameter] = &[
    settable(
        "Device.ManagementServer.CWMPRetryIntervalMultiplier",
        |reading| reading.record.cpe.retry_policy.multiplier.to_string(),
        |cpe, value| write_number(&mut cpe.retry_policy.multiplier, value),
    ),
    settable(
        "Device.ManagementServer.CWMPRetryMinimumWaitInterval",
        |reading| reading.record.cpe.retry_policy.minimum_wait.to_string(),
        |cpe, value| write_number(&mut cpe.retry_policy.minimum_wait, value),
    ),
    settable(
        "Device.ManagementServer.DefaultActiveNotificationThrottle",
        |reading| reading.record.cpe.active_notification_throttle.to_string(),
        |cpe, value| write_number(&mut cpe.active_notification_throttle, value),
    ),
    settable(
        "Device.ManagementServer.EnableCWMP",
        |reading| boolean(reading.record.cpe.enable_cwmp),
        |cpe, value| cpe.enable_cwmp = value == "1",
    ),
    settable(
        "Device.ManagementServer.HeartbeatPolicy.Enable",
        |reading| boolean(reading.record.cpe.heartbeat.enable),
        |cpe, value| cpe.heartbeat.enable = value == "1",
    ),
    settable(
        "Device.ManagementServer.HeartbeatPolicy.InitiationTime",
        |reading| moment(reading.record.cpe.heartbeat.initiation),
        |cpe, value| cpe.heartbeat.initiation = known_moment(value),
    ),
    settable(
        "Device.ManagementServer.HeartbeatPolicy.ReportingInterval",
        |reading| reading.record.cpe.heartbeat.interval.to_string(),
        |cpe, value| write_number(&mut cpe.heartbeat.interval, value),
    ),
    // In the names of a call; the InformParameter table has wildcards of its own.
    shown("Device.ManagementServer.InstanceWildcardsSupported", |_| {
        boolean(false)
    }),
];
