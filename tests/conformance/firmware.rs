//! C065, C146 and C156: firmware, by order of the ACS and without one.

use std::time::Duration;

use trestle::sim::acs::cpe::CpeMessage;
use trestle::sim::acs::message::{Style, Transfer};

use crate::catalogue::{Check, checks};
use crate::private::{Options, Private};
use crate::subject::{DI, MS, Subject, check, check_alone, fault_code};
use crate::transfers::{download, reports};
use crate::variant::{Template, Variant};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c065_firmware_is_told_when_the_phone_runs_it,
    c146_firmware_that_does_not_run_is_never_reported_good,
    c156_firmware_without_an_order_is_told_by_the_policy,
];

const FIRMWARE: &str = "1 Firmware Upgrade Image";
const AUTONOMOUS: &str = "10 AUTONOMOUS TRANSFER COMPLETE";

/// Orders firmware and lets the phone fetch its file; the path at which it finds the image.
async fn order_firmware(subject: &mut Subject, key: &str, url: &str) -> String {
    let image = Transfer {
        file_type: FIRMWARE,
        ..download(key, url)
    };
    let mut session = subject.turn().await;
    session.download(&image).await.unwrap();
    session.end().unwrap();
    let mut text = String::new();
    for _ in 0..100 {
        text = String::from_utf8(subject.running.boot().await.body).unwrap();
        if let Some(folder) = text.split("/firmware/").nth(1) {
            let token = folder.split([' ', '\r', '\n', '<']).next().unwrap();
            return format!("firmware/{token}/57i.st");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the phone is not pointed at its firmware: {text}");
}

fn c065_firmware_is_told_when_the_phone_runs_it() {
    check(65, async |mut subject| {
        let before = subject.running.boot().await.body;
        subject.world.files.put("/57i.st", "the image");
        let url = subject.world.files.url("/57i.st");
        let path = order_firmware(&mut subject, "C065", &url).await;
        let image = subject.running.get(&path, "3.2.2.6038").await;
        assert_eq!(image.body, b"the image");
        let served = subject.running.get_own("3.3.1.9").await;
        assert_eq!(served.body, before, "the pointer is gone again");
        let mut session = subject.device.session().await.unwrap();
        let inform = session.inform().clone();
        for event in ["1 BOOT", "7 TRANSFER COMPLETE", "M Download"] {
            assert!(inform.has_event(event), "{event}: {:?}", inform.events);
        }
        assert_eq!(inform.command_keys("M Download"), ["C065"]);
        let version = format!("{DI}SoftwareVersion");
        assert_eq!(inform.value(&version), Some("3.3.1.9"));
        if Variant::current().template == Template::Device2 {
            assert!(inform.has_event("4 VALUE CHANGE"), "{:?}", inform.events);
        }
        let requests = session.begin().await.unwrap();
        session.end().unwrap();
        let report = requests.iter().find_map(CpeMessage::transfer_complete);
        let report = report.unwrap();
        assert_eq!(
            (report.command_key.as_str(), report.fault_code),
            ("C065", 0)
        );
        assert!(report.start_time <= report.complete_time);
        assert_eq!(subject.running.get(&path, "3.3.1.9").await.status, 404);
    });
}

fn c146_firmware_that_does_not_run_is_never_reported_good() {
    check_alone(146, async || {
        let options = Options {
            speed: 50,
            ..Options::default()
        };
        let private = Private::start(146, options).await;
        let mut subject = private.subject(1).await;
        let before = subject.running.boot().await.body;
        let files = &private.world.files;
        files.put("/57i.st", "an image that the phone does not like");
        let path = order_firmware(&mut subject, "bad", &files.url("/57i.st")).await;
        subject.running.get(&path, "3.2.2.6038").await;
        subject.running.boot().await;
        let mut session = subject.turn().await;
        let queued = session.queued_transfers().await.unwrap();
        assert_eq!(queued[0].state, 2, "it may still be writing the image");
        session.end().unwrap();
        // Long after it could have been written, the phone is still what it was.
        private.pass(Duration::from_secs(601)).await;
        subject.running.boot().await;
        let done = reports(&mut subject.device, 1, "M Download").await;
        assert!(matches!(done[0].fault_code, 9010 | 9018), "{done:?}");
        assert_eq!(subject.running.boot().await.body, before);
        // A file that is none, and one for another model.
        files.put("/page", "<html>no such file</html>");
        let url = files.url("/page");
        let mut session = subject.turn().await;
        let page = Transfer {
            file_type: FIRMWARE,
            ..download("page", &url)
        };
        session.download(&page).await.unwrap();
        let other = files.url("/6867i.st");
        let other = Transfer {
            file_type: FIRMWARE,
            ..download("other", &other)
        };
        assert_eq!(fault_code(session.download(&other).await), 9003);
        session.end().unwrap();
        let done = reports(&mut subject.device, 1, "M Download").await;
        assert!(matches!(done[0].fault_code, 9010 | 9018), "{done:?}");
        assert_eq!(subject.running.boot().await.body, before);
    });
}

fn c156_firmware_without_an_order_is_told_by_the_policy() {
    check(156, async |mut subject| {
        let policy = format!("{MS}AutonomousTransferCompletePolicy.");
        let set = |name: &str| format!("{policy}{name}");
        let (enable, files) = (set("Enable"), set("FileTypeFilter"));
        // The policy is off: nothing but the restart is told.
        subject.running.get_own("1.0.7.98").await;
        let mut session = subject.device.session().await.unwrap();
        assert!(!session.inform().has_event(AUTONOMOUS));
        session.begin().await.unwrap();
        assert_eq!(
            session.get_value(&set("TransferTypeFilter")).await.unwrap(),
            "Both"
        );
        let values = [
            (enable.as_str(), "1", "xsd:boolean"),
            (files.as_str(), "2 Web Content", "xsd:string"),
        ];
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();
        // The filter does not let firmware pass.
        subject.running.get_own("1.0.7.99").await;
        let mut session = subject.device.session().await.unwrap();
        assert!(!session.inform().has_event(AUTONOMOUS));
        session.begin().await.unwrap();
        session
            .set_values(&[(files.as_str(), FIRMWARE, "xsd:string")], "")
            .await
            .unwrap();
        session.end().unwrap();
        subject.running.get_own("1.0.7.100").await;
        let mut session = subject.device.session().await.unwrap();
        let inform = session.inform().clone();
        assert!(inform.has_event(AUTONOMOUS));
        assert!(!inform.has_event("7 TRANSFER COMPLETE"));
        let requests = session.begin().await.unwrap();
        session.end().unwrap();
        let report = requests
            .iter()
            .find_map(CpeMessage::autonomous_transfer_complete)
            .unwrap();
        assert_eq!(
            (report.file_type.as_str(), report.fault_code),
            (FIRMWARE, 0)
        );
        assert!(report.is_download);
        // An ACS that does not have the method is not called.
        let mut style = Style::standard();
        style
            .methods
            .retain(|method| method != "AutonomousTransferComplete");
        subject.device.set_style(style);
        subject.running.get_own("1.0.7.101").await;
        let mut session = subject.device.session().await.unwrap();
        let requests = session.begin().await.unwrap();
        session.end().unwrap();
        assert!(
            requests
                .iter()
                .all(|request| request.autonomous_transfer_complete().is_none())
        );
        let quiet = Duration::from_secs(2);
        assert!(subject.device.is_silent_for(quiet).await, "no hot loop");
    });
}
