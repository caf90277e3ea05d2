//! Device.ManagementServer.: where the ACS is, and when it is informed.

use url::Url;

use super::parameter::{CpeParameter, boolean, known_moment, moment, settable, shown};
use crate::wire::Secret;

pub(super) static PARAMETERS: &[CpeParameter] = &[
    // Rows are named by their numbers only.
    shown("Device.ManagementServer.AliasBasedAddressing", |_| {
        "0".to_owned()
    }),
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
        |reading| boolean(reading.record.cpe.periodic_inform_enable),
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
        |cpe, value| cpe.periodic_inform_time = known_moment(value),
    ),
    settable(
        "Device.ManagementServer.URL",
        |reading| reading.acs_url.to_owned(),
        |cpe, value| cpe.acs.url = Some(value.to_owned()),
    )
    .checked(check_acs_url),
    settable(
        "Device.ManagementServer.UpgradesManaged",
        |reading| boolean(reading.record.cpe.upgrades_managed),
        |cpe, value| cpe.upgrades_managed = value == "1",
    ),
    settable(
        "Device.ManagementServer.Username",
        |reading| reading.acs_username.to_owned(),
        |cpe, value| cpe.acs.username = Some(value.to_owned()),
    ),
];

/// An ACS URL is http or https, names a host, and carries no credentials (cwmp.md G1).
fn check_acs_url(text: &str) -> Result<(), String> {
    let is_good = Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    });
    if is_good {
        Ok(())
    } else {
        Err("an http or https URL without user information is wanted".to_owned())
    }
}
