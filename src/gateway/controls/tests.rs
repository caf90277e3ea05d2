//! Phones that are told to act, with a clock that is moved by hand.

use std::time::Duration;

use super::{ControlOutcome, ControlSettings, Rate, SipRoute, SipVia};
use crate::cwmp::{AcsRequest, EventCode};
use crate::gateway::tests::{Bench, MAC, codes, set};
use crate::gateway::{ControlJob, DeviceMatch};
use crate::mapping::ControlAction;
use crate::native::Mac;
use crate::wire::sip::SipTransport;

const DISPLAY_NAME: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";
const PASSWORD: &str = "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.SIP.AuthPassword";
const USER: &str = "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.SIP.AuthUserName";

impl Bench {
    async fn job(&self) -> ControlJob {
        let job = tokio::time::timeout(Duration::from_secs(20), self.gateway.next_control());
        job.await.expect("nobody has to be told anything")
    }

    async fn is_quiet(&self) -> bool {
        let job = self.gateway.next_control();
        // Long enough for what is done without a job to come to its end: a commit, on a busy machine.
        let job = tokio::time::timeout(Duration::from_secs(3), job);
        job.await.is_err()
    }

    async fn answer(&self, job: &ControlJob, outcome: ControlOutcome) {
        self.gateway.finish_control(job.mac, job.id, outcome).await;
    }

    /// The next job, by which means, and its outcome.
    async fn told(&self, outcome: ControlOutcome) -> String {
        let job = self.job().await;
        self.answer(&job, outcome).await;
        job.means.name.clone()
    }

    async fn order_reboot(&self) {
        let command_key = "R1".to_owned();
        self.execute(AcsRequest::Reboot { command_key }).await;
    }

    async fn rename(&self, name: &str) {
        self.execute(set(DISPLAY_NAME, name)).await;
    }

    fn restarts(&self) -> usize {
        let (record, _) = self.gateway.load(MAC).unwrap().unwrap();
        record.delivery.reboot.keys.len()
    }
}

const REFUSED: ControlOutcome = ControlOutcome::Refused { status: 489 };

#[tokio::test]
async fn a_means_that_leads_to_no_fetch_is_followed_by_the_next() {
    let bench = Bench::announced().await;
    bench.rename("Desk").await;
    assert_eq!(
        bench.told(ControlOutcome::Accepted).await,
        "notify check-sync"
    );
    assert!(bench.is_quiet().await, "it gets its time");
    bench.advance(30);
    assert_eq!(bench.told(ControlOutcome::NoAnswer).await, "notify resync");
    bench.advance(60);
    let third = bench.told(ControlOutcome::NoAnswer).await;
    assert_eq!(third, "notify resync", "which has not been shown to fail");
}

#[tokio::test]
async fn a_means_that_is_refused_is_followed_at_once_and_who_waits_hears_the_last_word() {
    let bench = Bench::announced().await;
    let gateway = bench.gateway.clone();
    let asked = tokio::spawn(async move { gateway.resync(MAC).await.unwrap() });
    assert_eq!(bench.told(REFUSED).await, "notify check-sync");
    bench.advance(1);
    assert_eq!(bench.told(ControlOutcome::Accepted).await, "notify resync");
    assert_eq!(asked.await.unwrap(), Some(ControlOutcome::Accepted));
}

#[tokio::test]
async fn what_works_is_remembered_for_the_model_and_firmware_also_by_a_restart() {
    let bench = Bench::announced().await;
    bench.rename("One").await;
    assert_eq!(
        bench.told(ControlOutcome::Accepted).await,
        "notify check-sync"
    );
    bench.advance(30);
    assert_eq!(bench.told(ControlOutcome::Accepted).await, "notify resync");
    bench.fetch().await;
    let bench = bench.restart().await;
    bench.rename("Two").await;
    assert_eq!(bench.told(ControlOutcome::Accepted).await, "notify resync");
    bench.fetch().await;
    let shown = bench.gateway.show(MAC).await.unwrap().means;
    let counts: Vec<_> = shown
        .iter()
        .filter(|means| means.action == ControlAction::Resync)
        .map(|means| (means.means.as_str(), means.tried, means.fetched))
        .collect();
    assert_eq!(
        counts,
        [("notify resync", 2, 2), ("notify check-sync", 1, 0)]
    );
    // Another firmware is another matter.
    bench
        .fetch_as("Grandstream Model HW GXP2170 SW 1.0.11.99 DevId 000b82a1b2c3")
        .await;
    bench.rename("Three").await;
    assert_eq!(
        bench.told(ControlOutcome::Accepted).await,
        "notify check-sync"
    );
}

#[tokio::test]
async fn a_fetch_speaks_for_a_means_also_before_the_answer_is_known() {
    let bench = Bench::announced().await;
    let counts = async || {
        let shown = bench.gateway.show(MAC).await.unwrap().means;
        let tried = shown.iter().filter(|means| means.tried > 0);
        tried
            .map(|means| (means.tried, means.fetched))
            .collect::<Vec<_>>()
    };
    for (name, outcome) in [
        ("One", ControlOutcome::Accepted),
        ("Two", ControlOutcome::NoAnswer),
    ] {
        bench.rename(name).await;
        let job = bench.job().await;
        bench.fetch().await;
        bench.answer(&job, outcome).await;
    }
    assert_eq!(counts().await, [(2, 2)]);
    bench.fetch().await;
    assert_eq!(counts().await, [(2, 2)], "each time once");
    bench.rename("Three").await;
    let job = bench.job().await;
    bench.fetch().await;
    bench.answer(&job, REFUSED).await;
    assert_eq!(counts().await, [(3, 2)], "it fetched for another reason");
}

#[tokio::test]
async fn a_fetch_that_was_ordered_counts_although_nothing_else_follows_from_it() {
    let bench = Bench::announced().await;
    for _ in 0..3 {
        bench.fetch().await;
    }
    for _ in 0..2 {
        let gateway = bench.gateway.clone();
        let asked = tokio::spawn(async move { gateway.resync(MAC).await.unwrap() });
        bench.told(ControlOutcome::Accepted).await;
        assert_eq!(asked.await.unwrap(), Some(ControlOutcome::Accepted));
        bench.fetch().await;
    }
    let shown = bench.gateway.show(MAC).await.unwrap().means;
    assert_eq!((shown[0].tried, shown[0].fetched), (2, 2), "{shown:?}");
}

#[tokio::test]
async fn a_fetch_long_after_or_after_a_refusal_speaks_for_no_means() {
    let bench = Bench::announced().await;
    bench.rename("One").await;
    bench.told(ControlOutcome::Accepted).await;
    bench.advance(601);
    bench.fetch().await;
    bench.rename("Two").await;
    for _ in 0..2 {
        bench.told(REFUSED).await;
        bench.advance(1);
    }
    bench.fetch().await;
    let shown = bench.gateway.show(MAC).await.unwrap().means;
    assert!(shown.iter().all(|means| means.fetched == 0), "{shown:?}");
    assert!(shown.iter().any(|means| means.tried > 0));
}

#[tokio::test]
async fn a_phone_is_restarted_to_make_it_fetch_only_where_that_is_allowed() {
    let settings = ControlSettings {
        restart_to_fetch: true,
        ..ControlSettings::default()
    };
    let bench = Bench::announced()
        .await
        .restart_with_control(settings)
        .await;
    bench.rename("One").await;
    assert_eq!(bench.told(REFUSED).await, "notify check-sync");
    bench.advance(1);
    assert_eq!(bench.told(REFUSED).await, "notify resync");
    bench.advance(1);
    let job = bench.job().await;
    assert_eq!(job.means.name, "notify check-sync;reboot=true");
    assert_eq!(job.action, ControlAction::Resync);
}

#[tokio::test]
async fn likely_means_and_those_that_show_a_password_are_for_who_wants_them() {
    let names = async |settings: ControlSettings| {
        let bench = Bench::announced()
            .await
            .restart_with_control(settings)
            .await;
        let shown = bench.gateway.show(MAC).await.unwrap().means;
        let names = shown.into_iter().map(|means| (means.action, means.means));
        let others = names.filter(|(action, _)| *action != ControlAction::Resync);
        others.map(|(_, name)| name).collect::<Vec<_>>()
    };
    let notify = "notify check-sync;reboot=true";
    assert_eq!(names(ControlSettings::default()).await, [notify]);
    let likely = ControlSettings {
        with_likely: true,
        ..ControlSettings::default()
    };
    assert_eq!(names(likely.clone()).await, [notify, "notify reset"]);
    let all = ControlSettings {
        show_passwords: true,
        ..likely
    };
    let wanted = [notify, "web api", "cti api", "notify reset", "cti api"];
    assert_eq!(names(all).await, wanted);
}

#[tokio::test]
async fn a_challenge_is_answered_with_what_the_phone_has_and_not_with_what_it_will_have() {
    let bench = Bench::announced().await;
    let shown = async || {
        let job = bench.job().await;
        bench.answer(&job, ControlOutcome::NoAnswer).await;
        bench.advance(1000);
        let own = job.sip.credentials;
        (own.username, own.password.expose().to_owned())
    };
    let pair = |user: &str, password: &str| (user.to_owned(), password.to_owned());
    bench.execute(set(PASSWORD, "New-Sheet-44")).await;
    assert_eq!(shown().await, pair("desk-2170", "Vx7!kelp#Row"));
    bench.execute(set(USER, "desk-new")).await;
    bench.rename("no matter").await;
    assert_eq!(shown().await, pair("desk-2170", "Vx7!kelp#Row"));
    bench.fetch().await;
    bench.rename("Desk").await;
    assert_eq!(shown().await, pair("desk-new", "New-Sheet-44"));
    let (record, _) = bench.gateway.load(MAC).unwrap().unwrap();
    assert!(
        record.control.held.is_empty(),
        "nothing is kept for nothing"
    );
}

#[tokio::test]
async fn a_phone_is_told_where_its_account_is_or_through_the_proxy() {
    let bench = Bench::announced().await;
    bench.rename("Desk").await;
    let job = bench.job().await;
    assert_eq!(job.address.to_string(), "192.0.2.41");
    assert_eq!((job.sip.port, job.sip.transport), (5060, SipTransport::Udp));
    assert_eq!(job.sip.user, "2170");
    assert_eq!(job.sip.via, None);
    let via = SipVia {
        proxy: "sip:pbx.example.net;lr".parse().unwrap(),
        credentials: None,
    };
    let elsewhere = DeviceMatch {
        vendor: Some("htek".to_owned()),
        ..DeviceMatch::default()
    };
    let route = |devices, via| SipRoute { devices, via };
    let settings = ControlSettings {
        routes: vec![
            route(elsewhere, None),
            route(DeviceMatch::default(), Some(via.clone())),
        ],
        ..ControlSettings::default()
    };
    let bench = bench.restart_with_control(settings).await;
    let job = bench.job().await;
    assert_eq!(job.sip.via, Some(via));
    assert_eq!(job.sip.domain, "sip.example.net");
}

#[tokio::test]
async fn a_restart_that_was_agreed_to_and_does_not_come_is_told_by_other_means() {
    let bench = Bench::announced().await;
    bench.order_reboot().await;
    let means = bench.told(ControlOutcome::Accepted).await;
    assert_eq!(means, "notify check-sync;reboot=true");
    bench.advance(600);
    assert!(bench.is_quiet().await, "a call may last");
    bench.advance(300);
    let job = bench.job().await;
    assert_eq!(job.action, ControlAction::Reboot);
    bench.answer(&job, ControlOutcome::Accepted).await;
    bench.fetch().await;
    assert_eq!(bench.restarts(), 0);
    bench.advance(10_000);
    assert!(bench.is_quiet().await, "it has restarted");
}

#[tokio::test]
async fn a_late_yes_is_none_to_a_restart_that_was_ordered_after_the_first() {
    let bench = Bench::announced().await;
    bench.order_reboot().await;
    let first = bench.job().await;
    bench.fetch().await;
    assert_eq!(bench.restarts(), 0, "it has restarted");
    bench.order_reboot().await;
    bench.answer(&first, ControlOutcome::Accepted).await;
    let second = bench.job().await;
    assert_eq!(second.action, ControlAction::Reboot);
    bench.answer(&second, ControlOutcome::Accepted).await;
    bench.fetch().await;
    assert_eq!(bench.restarts(), 0);
}

#[tokio::test]
async fn who_orders_while_the_phone_is_being_told_hears_what_it_says_to_that_order() {
    let bench = Bench::announced().await;
    bench.rename("Desk").await;
    let first = bench.job().await;
    let gateway = bench.gateway.clone();
    let asked = tokio::spawn(async move { gateway.resync(MAC).await.unwrap() });
    while !bench.gateway.hold(MAC).await.control.is_asked_for() {
        tokio::task::yield_now().await;
    }
    bench.answer(&first, ControlOutcome::Accepted).await;
    bench.fetch().await;
    let second = bench.job().await;
    assert!(!asked.is_finished(), "that was not said to him");
    bench.answer(&second, ControlOutcome::NoAnswer).await;
    assert_eq!(asked.await.unwrap(), Some(ControlOutcome::NoAnswer));
}

#[tokio::test]
async fn an_agreed_restart_is_waited_for_across_a_restart_of_the_gateway() {
    let bench = Bench::announced().await;
    bench.order_reboot().await;
    bench.told(ControlOutcome::Accepted).await;
    let bench = bench.restart().await;
    assert!(
        bench.is_quiet().await,
        "it is not told a second time at once"
    );
    bench.advance(900);
    assert_eq!(bench.job().await.action, ControlAction::Reboot);
}

#[tokio::test]
async fn an_order_to_restart_ends_when_its_time_is_over() {
    let bench = Bench::announced().await;
    bench.order_reboot().await;
    for _ in 0..6 {
        bench.told(ControlOutcome::NoAnswer).await;
        bench.advance(1000);
    }
    assert!(bench.is_quiet().await);
    assert_eq!(bench.restarts(), 1, "it may restart by itself");
    bench.advance(80_000);
    assert!(bench.is_quiet().await);
    assert_eq!(bench.restarts(), 1);
    bench.advance(4_400);
    assert!(bench.is_quiet().await);
    assert_eq!(bench.restarts(), 0);
    let log = bench.gateway.log_file(MAC).unwrap();
    assert!(log.contains("the order is at its end"), "{log}");
    bench.fetch().await;
    bench.gateway.wake(MAC).await;
    let session = bench.session().await;
    assert!(!codes(&session).contains(&EventCode::Reboot));
}

#[tokio::test]
async fn a_fetch_of_a_phone_that_has_refused_to_restart_is_no_restart() {
    let bench = Bench::announced().await;
    bench.order_reboot().await;
    bench.told(REFUSED).await;
    bench.fetch().await;
    assert_eq!(bench.restarts(), 1);
    bench.advance(30);
    bench.told(ControlOutcome::NoAnswer).await;
    bench.fetch().await;
    assert_eq!(bench.restarts(), 0, "its yes may have been lost");
}

#[tokio::test]
async fn a_phone_that_refuses_everything_is_told_less_and_less_and_then_no_more() {
    let bench = Bench::announced().await;
    bench.rename("Desk").await;
    for wait in [1, 60, 1, 240, 1] {
        bench.told(REFUSED).await;
        bench.advance(wait);
    }
    bench.told(REFUSED).await;
    bench.advance(959);
    assert!(bench.is_quiet().await);
    bench.advance(10_000);
    assert!(bench.is_quiet().await);
}

#[tokio::test]
async fn a_phone_without_a_sure_way_to_reset_it_is_left_alone() {
    let bench = Bench::announced().await;
    let gateway = bench.gateway.clone();
    let asked = tokio::spawn(async move { gateway.reset_phone(MAC).await.unwrap() });
    assert!(bench.is_quiet().await);
    assert_eq!(asked.await.unwrap(), Some(ControlOutcome::NoMeans));
}

#[tokio::test]
async fn phones_of_one_site_are_told_at_its_pace_and_another_site_is_not_held_up() {
    const OTHERS: [(&str, &str, [u8; 4]); 2] = [
        (
            "cfg001fc1d4e5f6.xml",
            "Htek UC926 2.0.4.2 00:1f:c1:d4:e5:f6",
            [192, 0, 2, 42],
        ),
        (
            "00085D7890AB.cfg",
            "Aastra6867i MAC:00-08-5D-78-90-AB V:4.2.0.181-SIP",
            [198, 51, 100, 7],
        ),
    ];
    let settings = ControlSettings {
        per_site: Rate::new(0.1).unwrap(),
        ..ControlSettings::default()
    };
    let bench = Bench::announced()
        .await
        .restart_with_control(settings)
        .await;
    let macs: [Mac; 3] = [
        MAC,
        "001fc1d4e5f6".parse().unwrap(),
        "00085d7890ab".parse().unwrap(),
    ];
    for (file, user_agent, address) in OTHERS {
        bench.fetch_from(file, user_agent, address).await;
    }
    for mac in macs {
        let changed = bench
            .gateway
            .change(mac, |draft, _| {
                draft.record.delivery.desired += 1;
                Ok::<(), crate::gateway::GatewayError>(())
            })
            .await;
        changed.unwrap();
    }
    let mut told = vec![bench.job().await.mac, bench.job().await.mac];
    told.sort();
    assert!(told.contains(&macs[2]), "the other site has its turn");
    assert!(bench.is_quiet().await, "the third waits for its site");
    bench.advance(10);
    told.push(bench.job().await.mac);
    told.sort();
    let mut wanted = macs.to_vec();
    wanted.sort();
    assert_eq!(told, wanted);
}
