//! C204 to C211: what named ACSs do.

use std::time::Duration;

use trestle::sim::acs::Reply;
use trestle::sim::acs::message::{AttributeChange, Style};

use crate::catalogue::{Check, checks};
use crate::get::empty_table;
use crate::private::{Options, Private};
use crate::subject::{MS, PROVISIONING_CODE, check, check_alone, check_new};
use crate::support::finish;
use crate::transfers::download;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c204_genieacs_discovers_the_device,
    c205_an_ill_formed_fault_is_survived,
    c206_a_raw_ampersand_does_no_harm,
    c207_freeacs_provisions_the_device,
    c208_the_answer_of_old_freeacs_is_an_acknowledgement,
    c209_204_in_answer_to_inform_is_no_success,
    c210_a_report_that_is_never_acknowledged_is_given_up,
    c211_oktopus_speaks_cwmp_1_0,
];

fn c204_genieacs_discovers_the_device() {
    check(204, async |mut subject| {
        subject.device.set_style(Style::genieacs());
        let mut session = subject.turn().await;
        let mut open = vec![String::new()];
        let mut parameters = Vec::new();
        while let Some(path) = open.pop() {
            for name in session.get_names(&path, true).await.unwrap() {
                if name.name.ends_with('.') {
                    open.push(name.name);
                } else {
                    parameters.push(name.name);
                }
            }
        }
        let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
        for batch in parameters.chunks(32) {
            assert_eq!(session.get_values(batch).await.unwrap().len(), batch.len());
        }
        let change = AttributeChange {
            name: PROVISIONING_CODE,
            notification: None,
            access_list: Some(&["Subscriber"]),
        };
        session.set_attributes(&[change]).await.unwrap();
        let number = session.number();
        let exchanges = session.device().exchanges();
        session.end().unwrap();
        // GenieACS answers 400 to a request that does not show the cookie of its session.
        let later = exchanges.iter().filter(|one| one.session == number).skip(1);
        for exchange in later {
            let cookies = exchange.header("cookie").unwrap_or_default();
            let shown = format!("acs-session={number}");
            assert!(
                cookies.contains(&shown),
                "{} with {cookies:?}",
                exchange.rpc()
            );
        }
    });
}

fn c205_an_ill_formed_fault_is_survived() {
    check(205, async |mut subject| {
        subject.device.set_style(Style::genieacs());
        let url = subject.world.files.url("/c205-missing");
        let mut session = subject.turn().await;
        session.download(&download("C205", &url)).await.unwrap();
        session.end().unwrap();
        let mut session = subject.device.session().await.unwrap();
        let report = session.respond_inform().await.unwrap();
        assert_eq!(report.rpc(), "TransferComplete");
        let reply = session.fault_with_two_colons(8000);
        session.reply(reply).unwrap();
        drop(session);
        // The report was not taken: it comes again in another session, and not at once for ever.
        let mut session = subject.wake().await;
        assert!(session.inform().has_event("7 TRANSFER COMPLETE"));
        assert_eq!(session.begin().await.unwrap().len(), 1);
        session.end().unwrap();
        let reports = subject
            .device
            .exchanges()
            .iter()
            .filter(|exchange| exchange.rpc() == "TransferComplete")
            .count();
        assert!((2..=4).contains(&reports), "{reports} reports");
    });
}

fn c206_a_raw_ampersand_does_no_harm() {
    check(206, async |mut subject| {
        subject.device.set_style(Style::genieacs());
        let mut session = subject.turn().await;
        let body = session
            .style()
            .download(&download("C206", "http://127.0.0.1/a%20b&c.bin"))
            .replace("&amp;", "&");
        let envelope = session.envelope(Some("C206"), &body);
        session.reply(Reply::message(envelope)).unwrap();
        drop(session);
        let quiet = std::time::Duration::from_secs(1);
        if !subject.device.is_silent_for(quiet).await {
            let incoming = subject.device.next().await.unwrap();
            assert_eq!(incoming.exchange.rpc(), "Fault");
        }
        subject.turn().await.end().unwrap();
    });
}

fn c207_freeacs_provisions_the_device() {
    check(207, async |mut subject| {
        subject.device.set_style(Style::freeacs());
        let mut session = subject.turn().await;
        assert_eq!(session.get_values(&[]).await.unwrap(), []);
        assert!(
            !session
                .get_names("Device.", false)
                .await
                .unwrap()
                .is_empty()
        );
        let table = empty_table(&mut session).await;
        assert_eq!(session.get_values(&[&table]).await.unwrap(), []);
        let key = "0123456789abcdef0123456789abcdef";
        session
            .set_values(&[(PROVISIONING_CODE, "free", "xsd:string")], key)
            .await
            .unwrap();
        session.end().unwrap();
        let session = subject.wake().await;
        let told = session
            .inform()
            .value("Device.ManagementServer.ParameterKey");
        assert_eq!(told, Some(key));
        session.end_with(Reply::status(503)).unwrap();
    });
}

fn c208_the_answer_of_old_freeacs_is_an_acknowledgement() {
    check_alone(208, async || {
        let options = Options {
            settings: "[acs]\nprofile = \"freeacs\"\n".to_owned(),
            ..Options::default()
        };
        let private = Private::start(208, options).await;
        let mut subject = private.subject(0).await;
        subject.device.set_style(Style::freeacs());
        let url = subject.world.files.url("/c208-missing");
        let mut session = subject.turn().await;
        session.download(&download("C208", &url)).await.unwrap();
        session.end().unwrap();
        let mut session = subject.device.session().await.unwrap();
        let report = session.respond_inform().await.unwrap();
        assert_eq!(report.rpc(), "TransferComplete");
        let body = session
            .style()
            .method("AutonomousTransferCompleteResponse", "");
        let reply = session.response(&body);
        assert!(session.exchange(reply).await.unwrap().is_empty_post());
        session.end().unwrap();
        let mut session = subject.wake().await;
        assert_eq!(session.inform().retry_count, 0);
        assert!(!session.inform().has_event("7 TRANSFER COMPLETE"));
        assert_eq!(session.begin().await.unwrap(), []);
        session.end().unwrap();
    });
}

fn c210_a_report_that_is_never_acknowledged_is_given_up() {
    check_alone(210, async || {
        let profiles = tempfile::tempdir().unwrap();
        std::fs::create_dir(profiles.path().join("acs")).unwrap();
        std::fs::write(
            profiles.path().join("acs/deaf.toml"),
            "version = \"1.0\"\nunacknowledged_limit = 3\n",
        )
        .unwrap();
        let options = Options {
            settings: format!(
                "[acs]\nprofile = \"deaf\"\n[mappings]\npath = {:?}\n",
                profiles.path()
            ),
            speed: 60,
            ..Options::default()
        };
        let private = Private::start(210, options).await;
        let mut subject = private.subject(0).await;
        subject.device.set_style(Style::oktopus());
        let url = subject.world.files.url("/c210-missing");
        let mut session = subject.turn().await;
        session.download(&download("MSDWK", &url)).await.unwrap();
        session.end().unwrap();
        let mut last = None;
        for _ in 0..3 {
            let mut session = subject.device.session().await.unwrap();
            let at = session.pending().unwrap().at;
            assert_eq!(session.inform().retry_count, 0, "sessions end normally");
            assert!(session.inform().has_event("7 TRANSFER COMPLETE"));
            let report = session.respond_inform().await.unwrap();
            assert_eq!(report.rpc(), "TransferComplete");
            // The ACS still gets its turn.
            let next = session.exchange(Reply::status(200)).await.unwrap();
            assert!(next.is_empty_post());
            session.end().unwrap();
            if let Some(last) = last.replace(at) {
                let waited = private.unscaled(at - last);
                assert!(
                    waited >= Duration::from_secs(55),
                    "{waited:?} between tries"
                );
            }
        }
        // It is given up, with an alarm.
        let quiet = private.scaled(Duration::from_secs(600));
        assert!(subject.device.is_silent_for(quiet).await);
        let session = subject.wake().await;
        assert!(!session.inform().has_event("7 TRANSFER COMPLETE"));
        session.end_with(Reply::status(204)).unwrap();
        let log = private.logged();
        let alarm = log.lines().find(|line| line.contains("given up"));
        assert!(alarm.is_some_and(|line| line.contains("WARN")), "{alarm:?}");
    });
}

fn c209_204_in_answer_to_inform_is_no_success() {
    check_new(209, async |mut subject| {
        subject.running.boot().await;
        let session = subject.device.session().await.unwrap();
        let events = session.inform().events.clone();
        assert!(session.inform().has_event("0 BOOTSTRAP"));
        session.end().unwrap();
        let session = subject.device.session().await.unwrap();
        assert_eq!(session.inform().retry_count, 1);
        assert_eq!(session.inform().events, events);
        finish(session).await;
    });
}

fn c211_oktopus_speaks_cwmp_1_0() {
    check(211, async |mut subject| {
        subject.device.set_style(Style::oktopus());
        let mut session = subject.turn().await;
        session.get_names("Device.", true).await.unwrap();
        session.get_value(&format!("{MS}URL")).await.unwrap();
        session
            .set_values(&[(PROVISIONING_CODE, "okto", "xsd:string")], "")
            .await
            .unwrap();
        session.end().unwrap();
    });
}
