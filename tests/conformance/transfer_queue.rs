//! C142, C148 to C155: transfers that wait, run, are reported, scheduled and cancelled.

use std::time::{Duration, Instant};

use trestle::sim::acs::Reply;
use trestle::sim::acs::cpe::QueuedTransfer;
use trestle::sim::acs::message::{Transfer, Window};
use trestle::sim::file_server::Behaviour;

use crate::catalogue::{Check, checks};
use crate::private::{Options, Private};
use crate::subject::{PROVISIONING_CODE, check, check_alone, fault_code};
use crate::transfers::{CONFIGURATION, changed_file, download, reports};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c142_a_delay_is_waited_for,
    c148_a_report_is_sent_until_it_is_acknowledged,
    c148_a_transfer_that_a_kill_cuts_off_begins_anew,
    c150_a_report_waits_for_a_session_of_its_own,
    c151_the_queue_is_told,
    c153_windows_are_checked,
    c154_work_is_done_in_the_window_only,
    c155_a_waiting_transfer_is_cancelled_for_good,
];

/// A window of a ScheduleDownload in which everything may be done at any time.
fn window<'a>(start: &'a str, end: &'a str) -> Window<'a> {
    Window {
        start,
        end,
        mode: "1 At Any Time",
        user_message: "",
        max_retries: "-1",
    }
}

fn c142_a_delay_is_waited_for() {
    check_alone(142, async || {
        let (private, mut subject) = Private::announced(142, 10).await;
        private.world.files.put("/c142", changed_file(&subject));
        let url = private.world.files.url("/c142");
        let mut session = subject.turn().await;
        let body = session
            .style()
            .download_after(&download("C142", &url), 30, "");
        let before = Instant::now();
        session.call(&body).await.unwrap();
        let after = Instant::now();
        session.end().unwrap();
        let done = reports(&mut subject.device, 1, "M Download").await;
        assert_eq!(done[0].fault_code, 0);
        let fetched = private.world.files.requests("/c142")[0].at;
        let longest = private.unscaled(fetched.duration_since(before));
        assert!(longest >= Duration::from_secs(30), "{longest:?}");
        let shortest = private.unscaled(fetched.duration_since(after));
        assert!(shortest < Duration::from_secs(60), "{shortest:?}");
    });
}

fn c148_a_report_is_sent_until_it_is_acknowledged() {
    check_alone(148, async || {
        let (mut private, mut subject) = Private::announced(148, 20).await;
        let url = private.world.files.url("/c148-missing");
        let mut session = subject.turn().await;
        session.download(&download("C148", &url)).await.unwrap();
        session.end().unwrap();
        // Within the body: what breaks off before is sent again on another connection.
        let cut = Reply::message("<".repeat(1000)).cut_after(600);
        for refusal in [cut, Reply::status(500), Reply::status(503)] {
            let mut session = subject.device.session().await.unwrap();
            let inform = session.inform();
            assert_eq!(
                inform.command_keys("M Download"),
                ["C148"],
                "{:?} before {refusal:?}",
                inform.events
            );
            let report = session.respond_inform().await.unwrap();
            assert_eq!(report.rpc(), "TransferComplete");
            session.end_with(refusal).unwrap();
        }
        private.kill();
        private.start_again();
        subject.running.boot().await;
        let done = reports(&mut subject.device, 1, "M Download").await;
        assert_eq!(
            (done[0].command_key.as_str(), done[0].fault_code),
            ("C148", 9016)
        );
        let mut session = subject.turn().await;
        assert!(!session.inform().has_event("7 TRANSFER COMPLETE"));
        assert!(session.all_queued_transfers().await.unwrap().is_empty());
        session.end().unwrap();
        private.kill();
        private.start_again();
        let wait = private.scaled(Duration::from_secs(60));
        assert!(subject.device.is_silent_for(wait).await);
    });
}

fn c148_a_transfer_that_a_kill_cuts_off_begins_anew() {
    check_alone(148, async || {
        let mut private = Private::start(148, Options::default()).await;
        let mut subject = private.subject(1).await;
        let content = changed_file(&subject).into_bytes();
        let slow = Behaviour::Slow {
            content,
            wait: Duration::from_secs(5),
        };
        private.world.files.set("/c148-slow", slow, None);
        let url = private.world.files.url("/c148-slow");
        let mut session = subject.turn().await;
        session.download(&download("slow", &url)).await.unwrap();
        session.end().unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        private.kill();
        private.start_again();
        let done = reports(&mut subject.device, 1, "M Download").await;
        assert_eq!(
            (done[0].command_key.as_str(), done[0].fault_code),
            ("slow", 0)
        );
        assert!(subject.device.is_silent_for(Duration::from_secs(2)).await);
    });
}

fn c150_a_report_waits_for_a_session_of_its_own() {
    check(150, async |mut subject| {
        let content = changed_file(&subject).into_bytes();
        let slow = Behaviour::Slow {
            content,
            wait: Duration::from_secs(2),
        };
        subject.world.files.set("/c150", slow, None);
        let url = subject.world.files.url("/c150");
        let mut session = subject.turn().await;
        session.download(&download("C150", &url)).await.unwrap();
        // If it begins while the session is open, it ends in it.
        tokio::time::sleep(Duration::from_secs(3)).await;
        session.get_value(PROVISIONING_CODE).await.unwrap();
        session.end().unwrap();
        let mut session = subject.device.session().await.unwrap();
        assert!(session.inform().has_event("7 TRANSFER COMPLETE"));
        let requests = session.begin().await.unwrap();
        session.end().unwrap();
        assert!(requests.iter().any(|one| one.transfer_complete().is_some()));
    });
}

fn c151_the_queue_is_told() {
    check_alone(151, async || {
        let (private, mut subject) = Private::announced(151, 1).await;
        let content = changed_file(&subject).into_bytes();
        let file_size = u32::try_from(content.len()).unwrap();
        let slow = Behaviour::Slow {
            content,
            wait: Duration::from_secs(6),
        };
        private.world.files.set("/c151", slow, None);
        let url = private.world.files.url("/c151");
        let mut session = subject.turn().await;
        for key in ["one", "two"] {
            let sized = Transfer {
                file_size,
                ..download(key, &url)
            };
            session.download(&sized).await.unwrap();
        }
        let late = Transfer {
            file_type: "1 Vendor Configuration File",
            ..download("late", &url)
        };
        let body = session.style().upload_after(&late, 3000);
        session.call(&body).await.unwrap();
        session.end().unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut session = subject.turn().await;
        let listed = |list: Vec<QueuedTransfer>| -> Vec<(String, u32, bool, String)> {
            let entry =
                |one: QueuedTransfer| (one.command_key, one.state, one.is_download, one.file_type);
            list.into_iter().map(entry).collect()
        };
        let all = session.all_queued_transfers().await.unwrap();
        let sizes: Vec<u32> = all.iter().map(|one| one.file_size).collect();
        assert_eq!(sizes[..2], [file_size; 2]);
        let all = listed(all);
        let entry = |key: &str, state, is_download, file_type: &str| {
            (key.to_owned(), state, is_download, file_type.to_owned())
        };
        assert_eq!(
            all,
            [
                entry("one", 2, true, CONFIGURATION),
                entry("two", 2, true, CONFIGURATION),
                entry("late", 1, false, "1 Vendor Configuration File"),
            ]
        );
        let some = session.queued_transfers().await.unwrap();
        let states: Vec<_> = some.iter().map(|one| one.state).collect();
        assert_eq!(states, [2, 2, 1]);
        assert_eq!(fault_code(session.cancel_transfer("one").await), 9021);
        session.cancel_transfer("unknown").await.unwrap();
        session.cancel_transfer("late").await.unwrap();
        let some = session.queued_transfers().await.unwrap();
        assert_eq!(some.len(), 2);
        session.end().unwrap();
        let done = reports(&mut subject.device, 2, "M Download").await;
        let mut keys: Vec<_> = done.iter().map(|one| one.command_key.as_str()).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["one", "two"]);
        assert!(subject.device.is_silent_for(Duration::from_secs(2)).await);
    });
}

fn c155_a_waiting_transfer_is_cancelled_for_good() {
    check(155, async |mut subject| {
        let url = subject.world.files.url("/c155-missing");
        let mut session = subject.turn().await;
        let body = session
            .style()
            .download_after(&download("C155", &url), 2, "");
        session.call(&body).await.unwrap();
        session.cancel_transfer("C155").await.unwrap();
        session.cancel_transfer("unknown").await.unwrap();
        session.end().unwrap();
        assert!(subject.device.is_silent_for(Duration::from_secs(4)).await);
        assert!(subject.world.files.requests("/c155-missing").is_empty());
        let mut session = subject.turn().await;
        session.download(&download("C155", &url)).await.unwrap();
        session.end().unwrap();
        // It has failed before anybody can ask to cancel it, and will be reported.
        let mut session = subject.device.session().await.unwrap();
        session.respond_inform().await.unwrap();
        let call = session.style().fault(8002);
        let reply = session.response(&call);
        session.exchange(reply).await.unwrap();
        assert_eq!(fault_code(session.cancel_transfer("C155").await), 9021);
        session.end().unwrap();
        subject.waker().knock().await;
        assert_eq!(reports(&mut subject.device, 1, "M Download").await.len(), 1);
    });
}

fn c153_windows_are_checked() {
    check(153, async |mut subject| {
        let url = subject.world.files.url("/c153");
        let order = download("C153", &url);
        let mut session = subject.turn().await;
        let strange = Window {
            mode: "7 Foo",
            ..window("3000", "4000")
        };
        let bad: [&[Window<'_>]; 6] = [
            &[window("3000", "4000"), window("3500", "5000")],
            &[window("4000", "3000")],
            &[window("0", "0")],
            &[],
            &[window("1", "2"), window("3", "4"), window("5", "6")],
            &[strange],
        ];
        for windows in bad {
            let refused = session.schedule_download(&order, windows).await;
            assert_eq!(fault_code(refused), 9003, "{windows:?}");
        }
        let good = [window("3000", "4000"), window("5000", "6000")];
        session.schedule_download(&order, &good).await.unwrap();
        let queued = session.queued_transfers().await.unwrap();
        assert_eq!((queued.len(), queued[0].state), (1, 1));
        session.cancel_transfer("C153").await.unwrap();
        session.end().unwrap();
    });
}

fn c154_work_is_done_in_the_window_only() {
    check_alone(154, async || {
        let (private, mut subject) = Private::announced(154, 10).await;
        let files = &private.world.files;
        files.put("/c154", changed_file(&subject));
        files.set("/c154-down", Behaviour::Close, None);
        let urls = [files.url("/c154"), files.url("/c154-down")];
        let mut session = subject.turn().await;
        let before = Instant::now();
        for (key, url) in [("up", &urls[0]), ("down", &urls[1])] {
            let windows = [window("30", "60")];
            session
                .schedule_download(&download(key, url), &windows)
                .await
                .unwrap();
        }
        let after = Instant::now();
        session.end().unwrap();
        for report in reports(&mut subject.device, 2, "M ScheduleDownload").await {
            let code = if report.command_key == "up" { 0 } else { 9020 };
            assert_eq!(report.fault_code, code, "{report:?}");
        }
        for path in ["/c154", "/c154-down"] {
            let requests = private.world.files.requests(path);
            assert!(!requests.is_empty());
            for request in requests {
                let longest = private.unscaled(request.at.duration_since(before));
                let shortest = private.unscaled(request.at.duration_since(after));
                assert!(longest.as_secs() >= 30, "{path} after {longest:?}");
                assert!(shortest.as_secs() < 60, "{path} after {shortest:?}");
            }
        }
    });
}
