//! C140 to C152: Download of the configuration, and Upload.

use std::time::Duration;

use trestle::sim::acs::cpe::{CpeMessage, TransferComplete};
use trestle::sim::acs::digest::Authentication;
use trestle::sim::acs::message::Transfer;
use trestle::sim::acs::{Device, ScriptError};
use trestle::sim::file_server::{Behaviour, FileServer};

use crate::catalogue::{Check, checks};
use crate::certificates::self_signed_server;
use crate::subject::{DI, Subject, check, fault_code};
use crate::variant::{Template, Variant};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c140_a_download_is_reported_once,
    c141_the_command_key_comes_back_unchanged,
    c143_each_failure_has_its_code,
    c144_a_bad_order_is_refused_at_once,
    c145_credentials_are_shown_when_asked_and_tls_is_checked,
    c146_a_broken_file_changes_nothing,
    c147_every_accepted_download_is_reported_and_the_surplus_refused,
    c149_an_acknowledged_transfer_is_forgotten,
    c152_row_1_goes_up_and_no_other,
];

pub(crate) const CONFIGURATION: &str = "3 Vendor Configuration File";
const UNKNOWN_TIME: &str = "0001-01-01T00:00:00Z";

/// A Download of a configuration file.
pub(crate) fn download<'a>(key: &'a str, url: &'a str) -> Transfer<'a> {
    Transfer {
        command_key: key,
        file_type: CONFIGURATION,
        url,
        username: "",
        password: "",
        file_size: 0,
    }
}

/// Goes through sessions until so many transfers were reported.
pub(crate) async fn reports(
    device: &mut Device,
    count: usize,
    method: &str,
) -> Vec<TransferComplete> {
    let mut reports = Vec::new();
    while reports.len() < count {
        let mut session = device.session().await.unwrap();
        let inform = session.inform().clone();
        let requests = session.begin().await.unwrap();
        session.end().unwrap();
        for report in requests.iter().filter_map(CpeMessage::transfer_complete) {
            assert!(inform.has_event("7 TRANSFER COMPLETE"));
            let keys = inform.command_keys(method);
            assert!(keys.contains(&report.command_key.as_str()), "{keys:?}");
            reports.push(report);
        }
    }
    reports
}

/// Orders Downloads in one session and waits for all their reports.
async fn run_downloads(subject: &mut Subject, transfers: &[Transfer<'_>]) -> Vec<TransferComplete> {
    let mut session = subject.turn().await;
    for transfer in transfers {
        let response = session.download(transfer).await.unwrap();
        assert_eq!(response.body.child_text("Status"), "1");
        assert_eq!(response.body.child_text("StartTime"), UNKNOWN_TIME);
        assert_eq!(response.body.child_text("CompleteTime"), UNKNOWN_TIME);
    }
    session.end().unwrap();
    reports(&mut subject.device, transfers.len(), "M Download").await
}

/// The phone's file with another display name.
pub(crate) fn changed_file(subject: &Subject) -> String {
    let file = subject.phone.file();
    let changed = file.replace("Desk", "Table");
    assert_ne!(file, changed);
    changed
}

fn c140_a_download_is_reported_once() {
    check(140, async |mut subject| {
        let changed = changed_file(&subject);
        subject.world.files.put("/c140", changed.clone());
        let url = subject.world.files.url("/c140");
        let done = run_downloads(&mut subject, &[download("C140", &url)]).await;
        assert_eq!(done[0].command_key, "C140");
        assert_eq!((done[0].fault_code, done[0].fault_text.as_str()), (0, ""));
        assert!(done[0].start_time <= done[0].complete_time);
        assert_eq!(subject.running.boot().await.body, changed.into_bytes());
        let mut session = subject.turn().await;
        assert!(session.get_values(&["Device."]).await.is_ok());
        session.end().unwrap();
    });
}

fn c141_the_command_key_comes_back_unchanged() {
    check(141, async |mut subject| {
        let key = format!("<&\" é{}", "k".repeat(27));
        assert_eq!(key.chars().count(), 32);
        subject.world.files.put("/c141", changed_file(&subject));
        for path in ["/c141", "/c141-missing"] {
            let url = subject.world.files.url(path);
            let done = run_downloads(&mut subject, &[download(&key, &url)]).await;
            assert_eq!(done[0].command_key, key);
        }
    });
}

fn c143_each_failure_has_its_code() {
    check(143, async |mut subject| {
        let files = &subject.world.files;
        let asked = Authentication::basic("file", "filesecret");
        files.set("/c143-401", Behaviour::Serve(b"x".to_vec()), Some(asked));
        files.set("/c143-500", Behaviour::Status(500), None);
        let content = changed_file(&subject).into_bytes();
        let cut = Behaviour::Cut { content, after: 20 };
        files.set("/c143-cut", cut, None);
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let refused = format!("http://{}/f", closed.local_addr().unwrap());
        drop(closed);
        let cases: [(&str, String, &[u32]); 6] = [
            ("404", files.url("/c143-404"), &[9016]),
            ("401", files.url("/c143-401"), &[9012]),
            ("refused", refused, &[9015]),
            ("host", "http://no-such-host.invalid/f".to_owned(), &[9015]),
            ("cut", files.url("/c143-cut"), &[9017, 9010]),
            ("500", files.url("/c143-500"), &[9016, 9010]),
        ];
        let transfers: Vec<_> = cases
            .iter()
            .map(|(key, url, _)| download(key, url))
            .collect();
        // Three at a time: so many every CPE must take.
        for batch in transfers.chunks(3) {
            for report in run_downloads(&mut subject, batch).await {
                let (key, _, codes) = cases
                    .iter()
                    .find(|(key, _, _)| *key == report.command_key)
                    .unwrap();
                assert!(codes.contains(&report.fault_code), "{key}: {report:?}");
            }
        }
    });
}

fn c144_a_bad_order_is_refused_at_once() {
    check(144, async |mut subject| {
        let long = format!("http://127.0.0.1/{}", "x".repeat(240));
        assert_eq!(long.len(), 257);
        let mut session = subject.turn().await;
        for (url, code) in [
            ("ftp9://127.0.0.1/f", 9013),
            ("http://u:p@127.0.0.1/f", 9003),
            ("", 9003),
            (&long, 9003),
        ] {
            let result = session.download(&download("bad", url)).await;
            assert_eq!(fault_code(result), code, "{url}");
        }
        let strange = Transfer {
            file_type: "99 Foo",
            ..download("bad", "http://127.0.0.1/f")
        };
        assert_eq!(fault_code(session.download(&strange).await), 9003);
        session.end().unwrap();
        assert!(subject.device.is_silent_for(Duration::from_secs(2)).await);
    });
}

fn c145_credentials_are_shown_when_asked_and_tls_is_checked() {
    check(145, async |mut subject| {
        let content = changed_file(&subject);
        let files = &subject.world.files;
        let (user, password) = ("file", "filesecret");
        for (path, asked) in [
            ("/c145-basic", Authentication::basic(user, password)),
            ("/c145-digest", Authentication::digest(user, password)),
        ] {
            files.set(path, Behaviour::Serve(content.clone().into()), Some(asked));
        }
        let strange = FileServer::start(Some(self_signed_server("127.0.0.1")))
            .await
            .unwrap();
        strange.put("/c145", content);
        let cases = [
            ("basic", files.url("/c145-basic")),
            ("digest", files.url("/c145-digest")),
            ("tls", strange.url("/c145")),
        ];
        let transfers: Vec<_> = cases
            .iter()
            .map(|(key, url)| Transfer {
                username: user,
                password,
                ..download(key, url)
            })
            .collect();
        for report in run_downloads(&mut subject, &transfers).await {
            match report.command_key.as_str() {
                "tls" => assert!(
                    matches!(report.fault_code, 9010 | 9015 | 9019),
                    "{report:?}"
                ),
                _ => assert_eq!(report.fault_code, 0, "{report:?}"),
            }
        }
        assert!(strange.requests("/c145").is_empty());
    });
}

fn c146_a_broken_file_changes_nothing() {
    check(146, async |mut subject| {
        let before = subject.running.boot().await.body;
        let files = &subject.world.files;
        files.put(
            "/c146-format",
            b"\x00\xff<html>this is no configuration".to_vec(),
        );
        files.put("/c146-size", changed_file(&subject));
        let (format, size) = (files.url("/c146-format"), files.url("/c146-size"));
        let wrong_size = Transfer {
            file_size: 999_999,
            ..download("size", &size)
        };
        let transfers = [download("format", &format), wrong_size];
        for report in run_downloads(&mut subject, &transfers).await {
            assert!(matches!(report.fault_code, 9010 | 9018), "{report:?}");
        }
        assert_eq!(subject.running.boot().await.body, before);
    });
}

fn c147_every_accepted_download_is_reported_and_the_surplus_refused() {
    check(147, async |mut subject| {
        let url = subject.world.files.url("/c147-missing");
        let mut accepted = vec!["twice", "twice", "once"];
        let mut session = subject.turn().await;
        for key in &accepted {
            session.download(&download(key, &url)).await.unwrap();
        }
        let more: Vec<String> = (0..20).map(|number| format!("more-{number}")).collect();
        for key in &more {
            match session.download(&download(key, &url)).await {
                Ok(_) => accepted.push(key),
                Err(ScriptError::Fault(fault)) => assert_eq!(fault.code, 9004),
                Err(other) => panic!("{other}"),
            }
        }
        session.end().unwrap();
        assert!(accepted.len() < 3 + more.len(), "there is no end to them");
        let reports = reports(&mut subject.device, accepted.len(), "M Download").await;
        let mut reported: Vec<_> = reports.iter().map(|one| one.command_key.as_str()).collect();
        reported.sort_unstable();
        accepted.sort_unstable();
        assert_eq!(reported, accepted);
    });
}

fn c149_an_acknowledged_transfer_is_forgotten() {
    check(149, async |mut subject| {
        let url = subject.world.files.url("/c149-missing");
        run_downloads(&mut subject, &[download("C149", &url)]).await;
        let mut session = subject.turn().await;
        assert!(!session.inform().has_event("7 TRANSFER COMPLETE"));
        assert!(!session.inform().has_event("M Download"));
        assert_eq!(session.all_queued_transfers().await.unwrap(), []);
        session.end().unwrap();
    });
}

fn c152_row_1_goes_up_and_no_other() {
    check(152, async |mut subject| {
        let served = subject.running.boot().await.body;
        let files = &subject.world.files;
        files.set("/c152-500", Behaviour::Status(507), None);
        let urls = [
            files.url("/c152-own"),
            files.url("/c152-log"),
            files.url("/c152-500"),
        ];
        let mut session = subject.turn().await;
        if Variant::current().template == Template::Device2 {
            for (table, least) in [("VendorConfigFile", 1), ("VendorLogFile", 1)] {
                let count = format!("{DI}{table}NumberOfEntries");
                let count: u32 = session.get_value(&count).await.unwrap().parse().unwrap();
                assert!(count >= least);
                let name = format!("{DI}{table}.1.Name");
                assert!(!session.get_value(&name).await.unwrap().is_empty());
            }
        }
        let upload = |file_type, url| Transfer {
            file_type,
            ..download(file_type, url)
        };
        session
            .upload(&upload("3 Vendor Configuration File 1", &urls[0]))
            .await
            .unwrap();
        session
            .upload(&upload("4 Vendor Log File 1", &urls[1]))
            .await
            .unwrap();
        session
            .upload(&upload("2 Vendor Log File", &urls[2]))
            .await
            .unwrap();
        for unknown in [
            "3 Vendor Configuration File 99",
            "4 Vendor Log File 99",
            "99 Foo",
        ] {
            let refused = session.upload(&upload(unknown, &urls[0])).await;
            assert_eq!(fault_code(refused), 9003, "{unknown}");
        }
        session.end().unwrap();
        for report in reports(&mut subject.device, 3, "M Upload").await {
            let code = if report.command_key == "2 Vendor Log File" {
                9011
            } else {
                0
            };
            assert_eq!(report.fault_code, code, "{report:?}");
        }
        let files = &subject.world.files;
        assert_eq!(files.upload("/c152-own").await, served);
        let log = String::from_utf8(files.upload("/c152-log").await).unwrap();
        assert!(log.contains("has fetched revision"), "{log}");
        assert!(!log.contains(&subject.phone.sip_password()));
    });
}
