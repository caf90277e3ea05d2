//! C051 to C067: Inform and its events.

use jiff::Timestamp;
use trestle::sim::acs::Reply;

use crate::catalogue::{Check, checks};
use crate::model::Model;
use crate::redirects::second_acs;
use crate::subject::{DI, MS, Waker, check, check_new};
use crate::support::finish;
use crate::variant::{Template, Variant};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c051_first_contact_is_a_bootstrap,
    c052_the_device_id_is_that_of_device_info,
    c053_the_forced_list_is_complete,
    c054_without_a_change_there_is_nothing_but_the_forced_list,
    c056_a_new_acs_url_is_a_bootstrap_there,
    c059_bootstrap_stays_until_it_is_delivered,
    c067_the_current_time_is_right,
];

/// The forced list of Device:1 (cwmp.md I5), sorted.
const FORCED_DEVICE1: [&str; 6] = [
    "Device.DeviceInfo.HardwareVersion",
    "Device.DeviceInfo.SoftwareVersion",
    "Device.DeviceSummary",
    "Device.LAN.IPAddress",
    "Device.ManagementServer.ConnectionRequestURL",
    "Device.ManagementServer.ParameterKey",
];

/// The forced list of Device:2 (cwmp.md I5), sorted.
const FORCED_DEVICE2: [&str; 7] = [
    "Device.DeviceInfo.HardwareVersion",
    "Device.DeviceInfo.ProvisioningCode",
    "Device.DeviceInfo.SoftwareVersion",
    "Device.ManagementServer.AliasBasedAddressing",
    "Device.ManagementServer.ConnectionRequestURL",
    "Device.ManagementServer.ParameterKey",
    "Device.RootDataModelVersion",
];

/// The forced list of the template; that of the tables, where they are there, is the same.
fn forced() -> Vec<&'static str> {
    let forced = match Variant::current().template {
        Template::Device1 => FORCED_DEVICE1.to_vec(),
        Template::Device2 => FORCED_DEVICE2.to_vec(),
    };
    let model = Model::current();
    if model.is_known() {
        assert_eq!(model.forced(), forced);
    }
    forced
}

fn c051_first_contact_is_a_bootstrap() {
    check_new(51, async |mut subject| {
        subject.running.boot().await;
        let session = subject.device.session().await.unwrap();
        let inform = session.inform();
        assert!(inform.has_event("0 BOOTSTRAP"), "{:?}", inform.events);
        assert!(
            inform
                .events
                .iter()
                .all(|event| event.command_key.is_empty())
        );
        assert_eq!(inform.retry_count, 0);
        assert_eq!(inform.max_envelopes, "1");
        finish(session).await;
    });
}

fn c052_the_device_id_is_that_of_device_info() {
    check(52, async |mut subject| {
        let serial = subject.phone.serial();
        let mut session = subject.turn().await;
        let id = session.inform().device_id.clone();
        for (name, value) in [
            ("Manufacturer", &id.manufacturer),
            ("ManufacturerOUI", &id.oui),
            ("ProductClass", &id.product_class),
            ("SerialNumber", &id.serial_number),
        ] {
            let told = session.get_value(&format!("{DI}{name}")).await.unwrap();
            assert_eq!(&told, value, "{name}");
        }
        session.end().unwrap();
        assert_eq!(id.serial_number, serial);
        assert_eq!(id.oui, serial[..6]);
        let session = subject.wake().await;
        assert_eq!(session.inform().device_id, id);
        session.end_with(Reply::status(503)).unwrap();
    });
}

fn c053_the_forced_list_is_complete() {
    check_new(53, async |mut subject| {
        subject.running.boot().await;
        let session = subject.device.session().await.unwrap();
        for name in forced() {
            assert!(session.inform().value(name).is_some(), "{name}");
        }
        session.end_with(Reply::status(503)).unwrap();
    });
}

fn c054_without_a_change_there_is_nothing_but_the_forced_list() {
    check(54, async |mut subject| {
        let session = subject.wake().await;
        let inform = session.inform();
        if inform.event_codes() == ["6 CONNECTION REQUEST"] {
            let mut names: Vec<_> = inform
                .parameters
                .iter()
                .map(|parameter| parameter.name.as_str())
                .collect();
            names.sort_unstable();
            assert_eq!(names, forced());
        } else {
            panic!("nothing happened, but the events are {:?}", inform.events);
        }
        finish(session).await;
    });
}

fn c056_a_new_acs_url_is_a_bootstrap_there() {
    check(56, async |mut subject| {
        let other = second_acs(56, None).await;
        let mut there = other.device(&subject.phone.serial());
        let mut session = subject.turn().await;
        let url = format!("{MS}URL");
        session
            .set_values(&[(&url, other.url(), "xsd:string")], "")
            .await
            .unwrap();
        session.end().unwrap();
        let before = subject.device.exchanges().len();
        let mut session = there.session().await.unwrap();
        assert!(session.inform().has_event("0 BOOTSTRAP"));
        assert_eq!(session.inform().retry_count, 0);
        assert_eq!(session.pending().unwrap().header("cookie"), None);
        session.begin().await.unwrap();
        assert_eq!(session.get_value(&url).await.unwrap(), other.url());
        session.end().unwrap();
        assert_eq!(subject.device.exchanges().len(), before);
    });
}

fn c059_bootstrap_stays_until_it_is_delivered() {
    check_new(59, async |mut subject| {
        subject.running.boot().await;
        let session = subject.device.session().await.unwrap();
        assert!(session.inform().has_event("0 BOOTSTRAP"));
        session.end_with(Reply::close()).unwrap();
        let session = subject.device.session().await.unwrap();
        assert!(session.inform().has_event("0 BOOTSTRAP"));
        assert_eq!(session.inform().retry_count, 1);
        session.end_with(Reply::status(500)).unwrap();
        let mut session = subject.device.session().await.unwrap();
        assert!(session.inform().has_event("0 BOOTSTRAP"));
        assert_eq!(session.inform().retry_count, 2);
        session.begin().await.unwrap();
        let waker = Waker::set_up(&mut session).await;
        session.end().unwrap();
        waker.knock().await;
        let session = subject.device.session().await.unwrap();
        assert!(!session.inform().has_event("0 BOOTSTRAP"));
        assert_eq!(session.inform().retry_count, 0);
        finish(session).await;
    });
}

#[allow(
    clippy::disallowed_methods,
    reason = "the check compares the device's clock with this machine's"
)]
fn c067_the_current_time_is_right() {
    check(67, async |mut subject| {
        let session = subject.wake().await;
        let told: Timestamp = session.inform().current_time.parse().unwrap();
        let difference = Timestamp::now().duration_since(told).as_secs().abs();
        assert!(difference <= 2, "{difference} s");
        session.end_with(Reply::status(503)).unwrap();
    });
}
