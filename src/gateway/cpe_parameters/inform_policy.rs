//! Device.ManagementServer.: whether and when a device opens sessions beside its periodic Informs.

use super::parameter::{CpeParameter, boolean, known_moment, moment, settable, shown};

// The data model has checked that the numbers are in range; the defaults of a record are.
pub(super) static PARAMETERS: &[CpeParameter] = &[
    settable(
        "Device.ManagementServer.CWMPRetryIntervalMultiplier",
        |reading| reading.record.cpe.retry_policy.multiplier.to_string(),
        |cpe, value| {
            let policy = &mut cpe.retry_policy;
            policy.multiplier = value.parse().unwrap_or(policy.multiplier);
        },
    ),
    settable(
        "Device.ManagementServer.CWMPRetryMinimumWaitInterval",
        |reading| reading.record.cpe.retry_policy.minimum_wait.to_string(),
        |cpe, value| {
            let policy = &mut cpe.retry_policy;
            policy.minimum_wait = value.parse().unwrap_or(policy.minimum_wait);
        },
    ),
    settable(
        "Device.ManagementServer.DefaultActiveNotificationThrottle",
        |reading| reading.record.cpe.active_notification_throttle.to_string(),
        |cpe, value| {
            let throttle = &mut cpe.active_notification_throttle;
            *throttle = value.parse().unwrap_or(*throttle);
        },
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
        |cpe, value| {
            let heartbeat = &mut cpe.heartbeat;
            heartbeat.interval = value.parse().unwrap_or(heartbeat.interval);
        },
    ),
    // In the names of a call; the InformParameter table has wildcards of its own.
    shown("Device.ManagementServer.InstanceWildcardsSupported", |_| {
        boolean(false)
    }),
];
