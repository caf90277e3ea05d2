//! Transfers with a clock that is moved by hand: windows, firmware, restarts of the gateway.

use bytes::Bytes;

use super::tests::{Bench, MAC, USER_AGENT, codes};
use super::{Carried, ControlOutcome, Delivery, OpenSession};
use crate::cwmp::{
    AcsProfile, AcsRequest, CpeCall, CpeResponse, Download, EventCode, FaultCode, QueuedTransfer,
    QueuedTransferState, RequestDownload, ScheduleDownload, TimeWindow, TransferComplete,
    TransferFault, Upload,
};
use crate::mapping::ControlAction;
use crate::wire::Secret;

const OLD: &str = USER_AGENT;
const NEW: &str = "Grandstream Model HW GXP2170 SW 1.0.11.99 DevId 000b82a1b2c3";
const FIRMWARE: &str = "1 Firmware Upgrade Image";
const CONFIGURATION: &str = "3 Vendor Configuration File";

fn download(key: &str, file_type: &str) -> Download {
    Download {
        command_key: key.to_owned(),
        file_type: file_type.to_owned(),
        url: "http://files.example.net/image".to_owned(),
        username: String::new(),
        password: Secret::default(),
        file_size: 0,
        target_file_name: String::new(),
        delay_seconds: 0,
    }
}

fn window(start: u32, end: u32, max_retries: i32) -> TimeWindow {
    TimeWindow {
        start,
        end,
        mode: "1 At Any Time".to_owned(),
        user_message: String::new(),
        max_retries,
    }
}

fn scheduled(key: &str, file_type: &str, windows: Vec<TimeWindow>) -> AcsRequest {
    AcsRequest::ScheduleDownload(ScheduleDownload {
        download: download(key, file_type),
        windows,
    })
}

fn unreachable() -> TransferFault {
    TransferFault {
        code: FaultCode::FileServerUnreachable,
        text: "nobody is there".to_owned(),
    }
}

/// The reports of a session.
fn reports(session: &OpenSession) -> Vec<TransferComplete> {
    let calls = session.calls.iter();
    calls
        .filter_map(|pending| match &pending.call {
            CpeCall::TransferComplete(report) => Some(report.clone()),
            _ => None,
        })
        .collect()
}

impl Bench {
    /// Lets the download that is due bring these bytes.
    async fn carry(&self, content: &'static [u8]) {
        let job = self.gateway.next_transfer().await;
        let content = Bytes::from_static(content);
        self.gateway
            .finish_transfer(MAC, job.id, Ok(Carried::file(content)))
            .await;
    }

    /// Lets the download that is due fail.
    async fn break_off(&self) {
        let job = self.gateway.next_transfer().await;
        self.gateway
            .finish_transfer(MAC, job.id, Err(unreachable()))
            .await;
    }

    /// When the next step of a transfer is due, in seconds from now.
    fn transfer_wait(&self, id: u64) -> Option<i64> {
        let due = self.gateway.inner.transfers.due(&(MAC, id))?;
        Some(
            due.duration_since(super::Clock::now(&*self.clock))
                .as_secs(),
        )
    }

    fn own_text(&self) -> String {
        let (_, bytes) = self.gateway.own_file(MAC).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// The path at which the phone is pointed for its firmware.
    pub(super) fn image_path(&self) -> String {
        let text = self.own_text();
        let start = text.find("192.0.2.1:8080/").expect("a pointer") + "192.0.2.1:8080/".len();
        let folder = text[start..].split('<').next().unwrap();
        format!("{folder}/gxp2170fw.bin")
    }

    async fn queued(&self) -> Vec<QueuedTransfer> {
        match self.execute(AcsRequest::GetAllQueuedTransfers).await {
            CpeResponse::GetAllQueuedTransfers(list) => list,
            other => panic!("{other:?}"),
        }
    }

    async fn order_firmware(&self) {
        self.execute(AcsRequest::Download(download("F1", FIRMWARE)))
            .await;
        self.carry(b"an image").await;
    }
}

#[tokio::test]
async fn c065_firmware_is_reported_once_the_phone_runs_it() {
    let bench = Bench::announced().await;
    let before = bench.own_text();
    bench.order_firmware().await;
    assert_eq!(bench.wait(), None, "the image alone is no report");
    let job = bench.gateway.next_control().await;
    assert_eq!(job.action, ControlAction::Resync);
    bench
        .gateway
        .finish_control(MAC, job.id, ControlOutcome::Accepted)
        .await;
    let bench = bench.restart().await;
    bench.advance(5);
    bench.fetch().await;
    let path = bench.image_path();
    assert_eq!(
        bench.take_file(&path, OLD).await.as_deref(),
        Some(&b"an image"[..])
    );
    assert_eq!(bench.wait(), None, "it does not run it yet");
    assert_eq!(bench.queued().await[0].state, QueuedTransferState::Running);
    let bench = bench.restart().await;
    bench.advance(90);
    bench.fetch_as(NEW).await;
    let session = bench.session().await;
    let mut events = codes(&session);
    events.retain(|code| *code != EventCode::ValueChange);
    assert_eq!(
        events,
        [
            EventCode::Boot,
            EventCode::Download,
            EventCode::TransferComplete
        ]
    );
    let report = &reports(&session)[0];
    assert_eq!((report.command_key.as_str(), &report.fault), ("F1", &None));
    let version = "Device.DeviceInfo.SoftwareVersion";
    let mut shown = session.inform.parameters.iter();
    let shown = shown.find(|parameter| parameter.name == version).unwrap();
    assert_eq!(shown.value, "1.0.11.99");
    assert_eq!(bench.own_text(), before, "the pointer is taken back");
    assert_eq!(
        bench.take_file(&path, NEW).await,
        None,
        "and so is the image"
    );
    let (record, _) = bench.gateway.load(MAC).unwrap().unwrap();
    assert!(!record.delivery.is_outstanding(), "{:?}", record.delivery);
}

#[tokio::test]
async fn a_phone_that_looks_for_no_firmware_is_told_to_restart() {
    let bench = Bench::announced().await;
    bench.order_firmware().await;
    let job = bench.gateway.next_control().await;
    bench
        .gateway
        .finish_control(MAC, job.id, ControlOutcome::Accepted)
        .await;
    bench.fetch().await;
    assert_eq!(bench.transfer_wait(1), Some(60));
    bench.advance(60);
    let job = tokio::select! {
        _ = bench.gateway.next_transfer() => panic!("it is here already"),
        job = bench.gateway.next_control() => job,
    };
    assert_eq!(job.action, ControlAction::Reboot);
}

#[tokio::test]
async fn c146_a_phone_that_comes_back_with_its_old_firmware_has_not_taken_the_new() {
    let bench = Bench::announced().await;
    let before = bench.own_text();
    bench.order_firmware().await;
    bench.fetch().await;
    let path = bench.image_path();
    bench.take_file(&path, OLD).await.unwrap();
    bench.advance(30);
    bench.fetch().await;
    assert_eq!(bench.wait(), None, "it may still be writing it");
    bench.advance(600);
    bench.fetch().await;
    let session = bench.session().await;
    let fault = reports(&session)[0].fault.clone().unwrap();
    assert_eq!(fault.code, FaultCode::FileCorrupted);
    assert!(fault.text.contains("1.0.11.16"), "{}", fault.text);
    assert_eq!(bench.own_text(), before);
}

#[tokio::test]
async fn firmware_that_nobody_fetches_has_failed_at_its_deadline() {
    let bench = Bench::announced().await;
    let before = bench.own_text();
    bench.order_firmware().await;
    assert_eq!(bench.transfer_wait(1), Some(1800));
    let bench = bench.restart().await;
    bench.advance(1800);
    tokio::select! {
        _ = bench.gateway.next_transfer() => panic!("it is here already"),
        () = async { while bench.wait().is_none() { tokio::task::yield_now().await; } } => {}
    }
    let fault = reports(&bench.session().await)[0].fault.clone().unwrap();
    assert_eq!(fault.code, FaultCode::TransferFailure);
    assert_eq!(bench.own_text(), before);
}

#[tokio::test]
async fn what_is_no_image_for_the_phone_is_refused() {
    let bench = Bench::announced().await;
    let before = bench.own_text();
    let mut other = download("F1", FIRMWARE);
    other.target_file_name = "gxp2130fw.bin".to_owned();
    let mut large = download("F1", FIRMWARE);
    large.file_size = u32::MAX;
    for (order, code) in [
        (other, FaultCode::InvalidArguments),
        (download("F1", "4 Tone File"), FaultCode::InvalidArguments),
        (large, FaultCode::ResourcesExceeded),
    ] {
        let refused = bench
            .gateway
            .execute(MAC, AcsRequest::Download(order))
            .await;
        assert_eq!(refused.unwrap_err().code, code);
    }
    bench
        .execute(AcsRequest::Download(download("F1", FIRMWARE)))
        .await;
    bench.carry(b" <!DOCTYPE HTML><p>not found").await;
    let fault = reports(&bench.session().await)[0].fault.clone().unwrap();
    assert_eq!(fault.code, FaultCode::FileCorrupted);
    assert_eq!(bench.own_text(), before);
}

#[tokio::test]
async fn another_acs_url_takes_a_pointer_back() {
    let bench = Bench::announced().await;
    let before = bench.own_text();
    bench.order_firmware().await;
    assert_ne!(bench.own_text(), before);
    let path = bench.image_path();
    let url = "Device.ManagementServer.URL";
    bench
        .execute(super::tests::set(url, "http://other.example.net/"))
        .await;
    assert_eq!(bench.own_text(), before);
    assert_eq!(bench.take_file(&path, OLD).await, None);
    assert!(bench.queued().await.is_empty());
}

#[tokio::test]
async fn a_transfer_that_a_restart_cuts_off_begins_anew_and_a_finished_one_is_reported() {
    let bench = Bench::announced().await;
    for key in ["D1", "D2"] {
        let order = AcsRequest::Download(download(key, CONFIGURATION));
        bench.execute(order).await;
    }
    bench.break_off().await;
    let cut_off = bench.gateway.next_transfer().await;
    let bench = bench.restart().await;
    let again = bench.gateway.next_transfer().await;
    assert_eq!(again.id, cut_off.id);
    bench
        .gateway
        .finish_transfer(MAC, again.id, Err(unreachable()))
        .await;
    let bench = bench.restart().await;
    let session = bench.session().await;
    let reported = reports(&session);
    let keys: Vec<&str> = reported
        .iter()
        .map(|one| one.command_key.as_str())
        .collect();
    assert_eq!(keys, ["D1", "D2"]);
    let done = Delivery::Inform;
    bench.gateway.delivered(MAC, done).await.unwrap();
    for call in &session.calls {
        let taken = Delivery::Call(call.id);
        bench.gateway.delivered(MAC, taken).await.unwrap();
    }
    bench.end().await;
    assert!(bench.queued().await.is_empty());
    assert_eq!(bench.restart().await.wait(), None);
}

#[tokio::test]
async fn c154_work_is_done_in_windows_only_and_9020_is_told_when_all_are_over() {
    let bench = Bench::announced().await;
    let windows = vec![window(30, 60, -1), window(100, 130, 0)];
    bench.execute(scheduled("S1", CONFIGURATION, windows)).await;
    assert_eq!(bench.transfer_wait(1), Some(30));
    let bench = bench.restart().await;
    assert_eq!(bench.transfer_wait(1), Some(30));
    bench.advance(30);
    let mut elapsed = 30;
    while elapsed < 60 {
        bench.break_off().await;
        let wait = bench.transfer_wait(1).unwrap();
        assert!((1..=70).contains(&wait), "{wait} at {elapsed}");
        bench.advance(wait);
        elapsed += wait;
    }
    assert_eq!(elapsed, 100, "nothing between the windows");
    bench.break_off().await;
    let session = bench.session().await;
    assert_eq!(
        codes(&session),
        [EventCode::ScheduleDownload, EventCode::TransferComplete]
    );
    let fault = reports(&session)[0].fault.clone().unwrap();
    assert_eq!(fault.code, FaultCode::OutsideTimeWindows);
    assert!(fault.text.contains("nobody is there"), "{}", fault.text);
}

#[tokio::test]
async fn a_gateway_that_was_off_through_all_windows_says_so() {
    let bench = Bench::announced().await;
    let windows = vec![window(30, 60, -1)];
    bench.execute(scheduled("S1", CONFIGURATION, windows)).await;
    bench.advance(100);
    let bench = bench.restart().await;
    tokio::select! {
        _ = bench.gateway.next_transfer() => panic!("no window is open"),
        () = async { while bench.wait().is_none() { tokio::task::yield_now().await; } } => {}
    }
    let fault = reports(&bench.session().await)[0].fault.clone().unwrap();
    assert_eq!(fault.code, FaultCode::OutsideTimeWindows);
}

#[tokio::test]
async fn c155_what_waits_is_cancelled_and_what_has_begun_is_not() {
    let bench = Bench::announced().await;
    let mut late = download("late", CONFIGURATION);
    late.delay_seconds = 60;
    bench.execute(AcsRequest::Download(late)).await;
    let order = AcsRequest::Download(download("now", CONFIGURATION));
    bench.execute(order).await;
    let job = bench.gateway.next_transfer().await;
    let cancel = |key: &str| AcsRequest::CancelTransfer {
        command_key: key.to_owned(),
    };
    let refused = bench.gateway.execute(MAC, cancel("now")).await;
    assert_eq!(refused.unwrap_err().code, FaultCode::CancelNotPermitted);
    assert_eq!(
        bench.execute(cancel("late")).await,
        CpeResponse::CancelTransfer
    );
    assert_eq!(
        bench.execute(cancel("none")).await,
        CpeResponse::CancelTransfer
    );
    bench
        .gateway
        .finish_transfer(MAC, job.id, Err(unreachable()))
        .await;
    let keys: Vec<String> = bench
        .queued()
        .await
        .into_iter()
        .map(|one| one.command_key)
        .collect();
    assert_eq!(keys, ["now"]);
    let refused = bench.gateway.execute(MAC, cancel("now")).await;
    assert_eq!(refused.unwrap_err().code, FaultCode::CancelNotPermitted);
}

#[tokio::test]
async fn c156_firmware_without_an_order_is_told_if_the_acs_wants_to_hear_of_it() {
    let bench = Bench::announced().await;
    bench.fetch_as(NEW).await;
    let session = bench.session().await;
    assert!(!codes(&session).contains(&EventCode::AutonomousTransferComplete));
    bench
        .gateway
        .delivered(MAC, Delivery::Inform)
        .await
        .unwrap();
    bench.end().await;
    bench
        .gateway
        .change(MAC, |draft, _| {
            draft.record.cpe.autonomous_policy.enable = true;
            Ok::<(), super::GatewayError>(())
        })
        .await
        .unwrap();
    bench.fetch_as(OLD).await;
    let session = bench.session().await;
    let events = codes(&session);
    assert!(events.contains(&EventCode::Boot), "{events:?}");
    assert!(events.contains(&EventCode::AutonomousTransferComplete));
    let [pending] = session.calls.as_slice() else {
        panic!("{:?}", session.calls);
    };
    let CpeCall::AutonomousTransferComplete(report) = &pending.call else {
        panic!("{pending:?}");
    };
    assert_eq!(
        (report.file_type.as_str(), &report.fault),
        (FIRMWARE, &None)
    );
    assert_eq!(bench.queued().await[0].state, QueuedTransferState::Finished);
}

#[tokio::test]
async fn a_person_can_let_the_device_ask_for_a_file() {
    let bench = Bench::announced().await;
    let wish = RequestDownload {
        file_type: FIRMWARE.to_owned(),
        arguments: vec![("Version".to_owned(), "2".to_owned())],
    };
    bench
        .gateway
        .request_download(MAC, wish.clone())
        .await
        .unwrap();
    let session = bench.restart().await.session().await;
    assert_eq!(codes(&session), [EventCode::RequestDownload]);
    assert_eq!(
        session.calls[0].call,
        CpeCall::RequestDownload(wish.clone())
    );

    let genieacs = AcsProfile {
        name: "genieacs".to_owned(),
        request_download: false,
        ..AcsProfile::default()
    };
    let bench = Bench::announced().await.restart_for(genieacs).await;
    let refused = bench.gateway.request_download(MAC, wish).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("genieacs"), "{refused}");
}

#[tokio::test]
async fn an_acs_that_must_not_be_asked_for_files_is_a_reason_to_refuse() {
    let profile = AcsProfile {
        name: "deaf".to_owned(),
        request_download: false,
        ..AcsProfile::default()
    };
    let bench = Bench::announced().await.restart_for(profile).await;
    let wish = RequestDownload {
        file_type: FIRMWARE.to_owned(),
        arguments: Vec::new(),
    };
    let asked = bench.gateway.request_download(MAC, wish).await;
    let reason = asked.unwrap_err().to_string();
    assert!(reason.contains("`deaf`"), "{reason}");
}

#[tokio::test]
async fn the_log_has_what_was_seen_and_goes_up() {
    let bench = Bench::announced().await;
    bench
        .execute(AcsRequest::Upload(Upload {
            command_key: "U1".to_owned(),
            file_type: "4 Vendor Log File 1".to_owned(),
            url: "http://files.example.net/log".to_owned(),
            username: String::new(),
            password: Secret::default(),
            delay_seconds: 0,
        }))
        .await;
    let bench = bench.restart().await;
    let job = bench.gateway.next_transfer().await;
    let super::TransferDirection::Upload { content } = job.direction else {
        panic!("an upload");
    };
    let text = String::from_utf8(content.to_vec()).unwrap();
    for wanted in [
        "asks for cfg",
        "has fetched revision 1",
        "session with the ACS ended well",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(text.lines().all(|line| line.starts_with("2027-")), "{text}");
}
