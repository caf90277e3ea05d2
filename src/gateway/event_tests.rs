//! The gateway with a clock of its own: events, notification, heartbeats, scheduled Informs.

use super::tests::{Bench, MAC, codes, set};
use super::{Delivery, GatewayError, OpenSession};
use crate::cwmp::{AcsRequest, CpeResponse, EventCode, FaultCode, SetAttribute, SetValue};
use crate::mapping::{Packs, Template};

const SOFTWARE_VERSION: &str = "Device.DeviceInfo.SoftwareVersion";
const DISPLAY_NAME: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";
const NEW_FIRMWARE: &str = "Grandstream Model HW GXP2170 SW 1.0.11.99 DevId 000b82a1b2c3";
const MS: &str = "Device.ManagementServer.";

fn names(session: &OpenSession) -> Vec<&str> {
    let told = session.inform.parameters.iter();
    told.map(|told| told.name.as_str()).collect()
}

fn notify(name: &str, number: i64) -> AcsRequest {
    AcsRequest::SetParameterAttributes(vec![SetAttribute {
        name: name.to_owned(),
        notification: Some(number),
        access_list: None,
    }])
}

async fn notification(bench: &Bench, name: &str) -> u8 {
    let request = AcsRequest::GetParameterAttributes(vec![name.to_owned()]);
    let CpeResponse::GetParameterAttributes(attributes) = bench.execute(request).await else {
        panic!("another answer");
    };
    attributes.first().unwrap().notification.number()
}

/// The ACS takes the Inform, and the session ends well.
async fn take(bench: &Bench) {
    let delivered = bench.gateway.delivered(MAC, Delivery::Inform).await;
    delivered.unwrap();
    bench.end().await;
}

/// An announced device with the Device:2 template.
async fn device2() -> Bench {
    let packs = Packs::embedded().unwrap().with_template(Template::Device2);
    let bench = Bench::new().await.restart_with(packs).await;
    bench.fetch().await;
    bench.session().await;
    take(&bench).await;
    bench
}

#[tokio::test]
async fn first_contact_tells_of_no_changes() {
    let bench = Bench::new().await;
    bench.fetch().await;
    let session = bench.session().await;
    assert_eq!(codes(&session), [EventCode::Bootstrap, EventCode::Boot]);
}

#[tokio::test]
async fn other_firmware_is_a_boot_and_a_change_that_nobody_asked_for() {
    for bench in [Bench::announced().await, device2().await] {
        bench.fetch_as(NEW_FIRMWARE).await;
        assert_eq!(bench.wait(), Some(0));
        let session = bench.session().await;
        assert_eq!(codes(&session), [EventCode::Boot, EventCode::ValueChange]);
        let mut told = session.inform.parameters.iter();
        let told = told.find(|told| told.name == SOFTWARE_VERSION).unwrap();
        assert_eq!(told.value, "1.0.11.99");
        let mut seen = names(&session);
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count, "no parameter twice");
    }
}

#[tokio::test]
async fn a_default_can_be_set_to_0_and_what_the_model_forces_cannot() {
    let bench = Bench::announced().await;
    assert_eq!(notification(&bench, SOFTWARE_VERSION).await, 2);
    bench.execute(notify(SOFTWARE_VERSION, 0)).await;
    let bench = bench.restart().await;
    assert_eq!(notification(&bench, SOFTWARE_VERSION).await, 0);
    bench.fetch_as(NEW_FIRMWARE).await;
    assert_eq!(codes(&bench.session().await), [EventCode::Boot]);
    take(&bench).await;
    bench.execute(notify(SOFTWARE_VERSION, 2)).await;
    assert_eq!(notification(&bench, SOFTWARE_VERSION).await, 2);

    let bench = device2().await;
    bench.execute(notify(SOFTWARE_VERSION, 0)).await;
    assert_eq!(notification(&bench, SOFTWARE_VERSION).await, 2);
    bench.fetch_as(NEW_FIRMWARE).await;
    let session = bench.session().await;
    assert_eq!(codes(&session), [EventCode::Boot, EventCode::ValueChange]);
}

#[tokio::test]
async fn lightweight_changes_are_kept_beside_those_of_informs() {
    let bench = Bench::announced().await;
    let over_udp = bench.gateway.change(MAC, |draft, _| {
        draft.record.cpe.lightweight.over_udp = true;
        Ok::<(), GatewayError>(())
    });
    over_udp.await.unwrap();
    for (number, is_active, is_in_inform) in [
        (3, false, false),
        (4, false, true),
        (5, true, false),
        (6, true, true),
    ] {
        bench.execute(notify(DISPLAY_NAME, number)).await;
        let by_hand = vec![(DISPLAY_NAME.to_owned(), format!("by hand {number}"))];
        bench.gateway.set_by_operator(MAC, by_hand).await.unwrap();
        assert_eq!(bench.wait(), None, "{number} opens no session");
        let changes = bench.gateway.lightweight_changes(MAC).await.unwrap();
        let changes = changes.unwrap();
        assert_eq!(
            bench.gateway.inner.lightweight.due(&MAC).is_some(),
            is_active,
            "{number}"
        );
        let told = changes.first().unwrap();
        assert_eq!(
            (told.name.as_str(), told.value.clone()),
            (DISPLAY_NAME, format!("by hand {number}"))
        );
        let told = bench.gateway.lightweight_told(MAC, &changes).await;
        told.unwrap();
        assert_eq!(bench.gateway.lightweight_changes(MAC).await.unwrap(), None);
        bench.gateway.wake(MAC).await;
        let session = bench.session().await;
        let has_change = codes(&session).contains(&EventCode::ValueChange);
        assert_eq!(has_change, is_in_inform, "{number}");
        take(&bench).await;
    }
    let fault = bench.gateway.execute(MAC, notify(DISPLAY_NAME, 7)).await;
    assert_eq!(fault.unwrap_err().code, FaultCode::InvalidArguments);
}

#[tokio::test]
async fn delivery_of_the_file_is_told_to_an_acs_that_asks_for_it() {
    let bench = Bench::announced().await;
    let desired = "Device.X_TRESTLE_Delivery.DesiredRevision";
    let served = "Device.X_TRESTLE_Delivery.ServedRevision";
    for name in [desired, served] {
        bench.execute(notify(name, 2)).await;
    }
    bench.execute(set(DISPLAY_NAME, "by the ACS")).await;
    let session = bench.session().await;
    assert_eq!(codes(&session), [EventCode::ValueChange]);
    assert!(names(&session).contains(&desired));
    take(&bench).await;
    bench.fetch().await;
    let session = bench.session().await;
    assert!(names(&session).contains(&served) && !names(&session).contains(&desired));
}

#[tokio::test]
async fn a_period_that_a_failed_session_had_outlives_a_restart() {
    let bench = Bench::announced().await;
    bench
        .execute(set(&format!("{MS}PeriodicInformInterval"), "60"))
        .await;
    bench.advance(61);
    let mac = bench.gateway.next_session().await.mac;
    assert_eq!(mac, MAC);
    let session = bench.session().await;
    assert_eq!(codes(&session), [EventCode::Periodic]);
    bench.fail().await;
    let wait = bench.wait().unwrap();
    assert!((4..=10).contains(&wait), "it waits for its retry: {wait}");
    let bench = bench.restart().await;
    let session = bench.session().await;
    assert_eq!(codes(&session), [EventCode::Periodic]);
    take(&bench).await;
    assert_eq!(bench.wait(), None);
}

#[tokio::test]
async fn c198_a_restart_makes_due_what_was_due_and_nothing_else() {
    let bench = Bench::announced().await;
    for delay_seconds in [100, 200] {
        let command_key = delay_seconds.to_string();
        bench
            .execute(AcsRequest::ScheduleInform {
                delay_seconds,
                command_key,
            })
            .await;
    }
    let bench = bench.restart().await;
    assert_eq!(bench.wait(), None, "nothing is owed yet");
    bench.advance(150);
    let bench = bench.restart().await;
    assert_eq!(bench.gateway.next_session().await.mac, MAC);
    let session = bench.session().await;
    assert_eq!(
        codes(&session),
        [EventCode::Scheduled, EventCode::ScheduleInform]
    );
    assert_eq!(session.inform.events[1].command_key, "100");
    take(&bench).await;
    bench.advance(60);
    assert_eq!(bench.gateway.next_session().await.mac, MAC);
    let session = bench.session().await;
    assert_eq!(session.inform.events[1].command_key, "200");
}

#[tokio::test]
async fn c069_a_heartbeat_is_alone_and_leaves_the_rest_to_the_next_session() {
    let bench = device2().await;
    for (name, value) in [("Enable", "1"), ("ReportingInterval", "30")] {
        bench
            .execute(set(&format!("{MS}HeartbeatPolicy.{name}"), value))
            .await;
    }
    bench.execute(notify(DISPLAY_NAME, 1)).await;
    let by_hand = vec![(DISPLAY_NAME.to_owned(), "by hand".to_owned())];
    bench.gateway.set_by_operator(MAC, by_hand).await.unwrap();
    bench.advance(31);
    assert_eq!(bench.gateway.next_session().await.mac, MAC);
    let session = bench.session().await;
    assert_eq!(codes(&session), [EventCode::Heartbeat]);
    assert!(!names(&session).contains(&DISPLAY_NAME));
    take(&bench).await;
    bench.gateway.wake(MAC).await;
    let session = bench.session().await;
    assert_eq!(
        codes(&session),
        [EventCode::ValueChange, EventCode::ConnectionRequest]
    );
}

#[tokio::test]
async fn c068_a_row_adds_parameters_to_informs_with_its_events() {
    let bench = device2().await;
    let table = format!("{MS}InformParameter.");
    let added = bench
        .execute(AcsRequest::AddObject {
            object_name: table.clone(),
            parameter_key: String::new(),
        })
        .await;
    let CpeResponse::AddObject { instance, .. } = added else {
        panic!("{added:?}");
    };
    let row = format!("{table}{instance}.");
    let value = |name: &str, value: &str| SetValue {
        name: format!("{row}{name}"),
        value: value.to_owned(),
        value_type: None,
    };
    let set_all = |values: Vec<SetValue>| AcsRequest::SetParameterValues {
        parameters: values,
        parameter_key: String::new(),
    };
    let pattern = "Device.Services.VoiceService.1.VoiceProfile.*.Name";
    let values = vec![
        value("Enable", "1"),
        value("EventList", "6 CONNECTION REQUEST"),
        value("ParameterName", pattern),
    ];
    bench.execute(set_all(values)).await;
    let is_extra = |name: &&str| name.ends_with(".Name");
    bench.gateway.wake(MAC).await;
    let session = bench.session().await;
    let told = names(&session).into_iter().filter(is_extra).count();
    assert!(told >= 1, "{:?}", names(&session));
    take(&bench).await;
    let request = AcsRequest::ScheduleInform {
        delay_seconds: 1,
        command_key: String::new(),
    };
    bench.execute(request).await;
    bench.advance(2);
    bench.gateway.next_session().await;
    let session = bench.session().await;
    assert_eq!(names(&session).into_iter().filter(is_extra).count(), 0);
    take(&bench).await;
    for bad in ["Device.*.Name", "Device.DeviceInfo.*"] {
        let refused = bench
            .gateway
            .execute(MAC, set_all(vec![value("ParameterName", bad)]))
            .await;
        let fault = refused.unwrap_err();
        assert_eq!(fault.parameters[0].code, FaultCode::InvalidParameterValue);
    }
    let nothing = vec![value(
        "ParameterName",
        "Device.Services.VoiceService.*.NoSuch",
    )];
    bench.execute(set_all(nothing)).await;
    bench.gateway.wake(MAC).await;
    let session = bench.session().await;
    assert_eq!(names(&session).into_iter().filter(is_extra).count(), 0);
}
