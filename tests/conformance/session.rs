//! C013 to C032 and C049: the course of a session.

use std::time::Duration;

use trestle::sim::acs::cpe::CpeMessage;
use trestle::sim::acs::{Reply, Session};

use crate::catalogue::{Check, checks};
use crate::subject::{INTERVAL, PROVISIONING_CODE, Subject, check, check_new, fault_code};
use crate::support::finish;
use crate::transfers::download;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c013_inform_is_first,
    c014_one_empty_post_and_nothing_after_204,
    c015_200_without_a_body_ends_a_session_too,
    c016_each_answer_is_the_very_next_post,
    c017_held_requests_wait_for_the_release,
    c018_what_is_held_to_the_end_comes_in_a_later_session,
    c019_transfer_complete_precedes_the_empty_post,
    c020_two_transfers_are_two_reports,
    c021_fault_8005_repeats_the_same_inform_at_once,
    c022_fault_8005_for_ever_is_given_up,
    c023_any_other_fault_to_inform_fails_the_session,
    c024_a_refused_report_comes_again,
    c025_what_is_no_soap_fails_the_session_only,
    c026_silence_is_borne_for_half_a_minute: slow,
    c027_a_clean_close_between_exchanges_is_no_failure,
    c029_after_a_reboot_the_session_goes_on,
    c030_the_whole_model_is_one_answer,
    c031_odd_inform_responses_are_taken,
    c032_only_a_header_that_must_be_understood_is_refused,
    c049_a_fault_counts_with_status_500_too,
];

/// Long enough for a wrong message to show up.
const QUIET: Duration = Duration::from_millis(1500);

/// Orders a Download that fails, and waits for the Inform that reports it.
async fn with_report_due<'a>(subject: &'a mut Subject, keys: &[&str]) -> Session<'a> {
    let url = subject.world.files.url("/missing");
    let mut session = subject.turn().await;
    for key in keys {
        let transfer = download(key, &url);
        session.download(&transfer).await.unwrap();
    }
    session.end().unwrap();
    // Each Inform is refused until all reports are due together.
    loop {
        let incoming = subject.device.next().await.unwrap();
        let inform = incoming.exchange.message.as_ref().unwrap().inform();
        if inform.unwrap().command_keys("M Download").len() == keys.len() {
            subject.device.put_back(incoming);
            return subject.device.session().await.unwrap();
        }
        incoming.reply(Reply::status(500));
    }
}

fn c013_inform_is_first() {
    check_new(13, async |mut subject| {
        subject.running.boot().await;
        let mut session = subject.device.session().await.unwrap();
        let reply = {
            let body = session.style().fault(8005);
            session.response(&body)
        };
        let again = session.exchange(reply).await.unwrap();
        assert_eq!(again.rpc(), "Inform");
        assert!(session.respond_inform().await.unwrap().is_empty_post());
        let rpcs: Vec<String> = session
            .device()
            .exchanges()
            .iter()
            .map(|exchange| exchange.rpc().to_owned())
            .collect();
        assert_eq!(rpcs, ["Inform", "Inform", ""]);
        session.end().unwrap();
    });
}

async fn ends_after_one_empty_post(subject: &mut Subject, last: Reply) {
    let mut session = subject.wake().await;
    assert!(session.respond_inform().await.unwrap().is_empty_post());
    session.end_with(last).unwrap();
    assert!(subject.device.is_silent_for(QUIET).await);
    let session = subject.wake().await;
    assert_eq!(session.inform().retry_count, 0);
    session.end_with(Reply::status(503)).unwrap();
}

fn c014_one_empty_post_and_nothing_after_204() {
    check(14, async |mut subject| {
        ends_after_one_empty_post(&mut subject, Reply::status(204)).await;
    });
}

fn c015_200_without_a_body_ends_a_session_too() {
    check(15, async |mut subject| {
        ends_after_one_empty_post(&mut subject, Reply::status(200)).await;
    });
}

fn c016_each_answer_is_the_very_next_post() {
    check(16, async |mut subject| {
        let mut session = subject.turn().await;
        session.get_value(PROVISIONING_CODE).await.unwrap();
        session
            .set_values(&[(PROVISIONING_CODE, "a", "xsd:string")], "")
            .await
            .unwrap();
        session.get_names("Device.", true).await.unwrap();
        let number = session.number();
        let rpcs: Vec<String> = session
            .device()
            .exchanges()
            .iter()
            .filter(|exchange| exchange.session == number)
            .map(|exchange| exchange.rpc().to_owned())
            .collect();
        assert_eq!(
            rpcs,
            [
                "Inform",
                "",
                "GetParameterValuesResponse",
                "SetParameterValuesResponse",
                "GetParameterNamesResponse",
            ]
        );
        session.end().unwrap();
        assert!(subject.device.is_silent_for(QUIET).await);
    });
}

fn c017_held_requests_wait_for_the_release() {
    check(17, async |mut subject| {
        let mut session = with_report_due(&mut subject, &["held"]).await;
        session.set_hold_requests(true);
        assert!(session.respond_inform().await.unwrap().is_empty_post());
        session.set_hold_requests(false);
        session.get_value(PROVISIONING_CODE).await.unwrap();
        let report = session.exchange(Reply::status(204)).await.unwrap();
        assert_eq!(report.rpc(), "TransferComplete");
    });
}

fn c018_what_is_held_to_the_end_comes_in_a_later_session() {
    check(18, async |mut subject| {
        let mut session = with_report_due(&mut subject, &["held for ever"]).await;
        session.set_hold_requests(true);
        assert!(session.respond_inform().await.unwrap().is_empty_post());
        session.end().unwrap();
        let mut session = subject.wake().await;
        assert_eq!(session.inform().retry_count, 0, "the session was good");
        assert!(session.inform().has_event("7 TRANSFER COMPLETE"));
        assert_eq!(
            session.inform().command_keys("M Download"),
            ["held for ever"]
        );
        assert_eq!(keys(&session.begin().await.unwrap()), ["held for ever"]);
        session.end().unwrap();
    });
}

/// The CommandKeys of the reports among requests of a CPE.
fn keys(requests: &[CpeMessage]) -> Vec<String> {
    let reports = requests.iter().filter_map(CpeMessage::transfer_complete);
    reports.map(|report| report.command_key).collect()
}

fn c019_transfer_complete_precedes_the_empty_post() {
    check(19, async |mut subject| {
        let mut session = with_report_due(&mut subject, &["before"]).await;
        let report = session.respond_inform().await.unwrap();
        assert_eq!(report.rpc(), "TransferComplete");
        let body = session.style().transfer_complete_response();
        let reply = session.response(&body);
        assert!(session.exchange(reply).await.unwrap().is_empty_post());
        session.end().unwrap();
    });
}

fn c020_two_transfers_are_two_reports() {
    check(20, async |mut subject| {
        let mut session = with_report_due(&mut subject, &["one", "two"]).await;
        let reports = session.begin().await.unwrap();
        let mut keys: Vec<String> = reports
            .iter()
            .map(|report| report.transfer_complete().unwrap().command_key)
            .collect();
        keys.sort_unstable();
        assert_eq!(keys, ["one", "two"]);
        session.end().unwrap();
    });
}

fn c021_fault_8005_repeats_the_same_inform_at_once() {
    check(21, async |mut subject| {
        let mut session = subject.wake().await;
        let first = session.pending().unwrap().clone();
        let body = session.style().fault(8005);
        let reply = session.response(&body);
        let again = session.exchange(reply).await.unwrap();
        assert!(again.at - first.at < Duration::from_secs(2));
        let inform = |exchange: &trestle::sim::acs::Exchange| {
            let inform = exchange.message.as_ref().unwrap().inform().unwrap();
            (inform.events, inform.retry_count)
        };
        assert_eq!(inform(&again), inform(&first));
        finish(session).await;
    });
}

fn c022_fault_8005_for_ever_is_given_up() {
    check_new(22, async |mut subject| {
        subject.running.boot().await;
        let mut session = subject.device.session().await.unwrap();
        let number = session.number();
        let body = session.style().fault(8005);
        for _ in 0..9 {
            let reply = session.response(&body);
            assert_eq!(session.exchange(reply).await.unwrap().rpc(), "Inform");
        }
        let reply = session.response(&body);
        session.reply(reply).unwrap();
        drop(session);
        // A fault 8005 keeps the session of this ACS open: what comes next is the retry.
        let again = subject.device.next().await.unwrap();
        let inform = again.exchange.message.as_ref().unwrap().inform().unwrap();
        assert_eq!(inform.retry_count, 1);
        let exchanges = subject.device.exchanges();
        let informs: Vec<_> = exchanges
            .iter()
            .filter(|one| one.session >= number && one.rpc() == "Inform")
            .collect();
        let [.., last, retry] = informs.as_slice() else {
            panic!("{} Informs", informs.len());
        };
        assert!(
            retry.at - last.at >= Duration::from_secs(4),
            "the retry waits"
        );
        again.reply(Reply::status(503));
    });
}

fn c023_any_other_fault_to_inform_fails_the_session() {
    check(23, async |mut subject| {
        for (failed, code) in [8002, 8001, 8003, 8004, 8899].into_iter().enumerate() {
            let mut session = subject.wake().await;
            assert_eq!(session.inform().retry_count, u32::try_from(failed).unwrap());
            let body = session.style().fault(code);
            let reply = session.response(&body);
            session.end_with(reply).unwrap();
        }
        let session = subject.wake().await;
        assert_eq!(session.inform().retry_count, 5);
        finish(session).await;
        let session = subject.wake().await;
        assert_eq!(session.inform().retry_count, 0);
        session.end_with(Reply::status(503)).unwrap();
    });
}

fn c024_a_refused_report_comes_again() {
    check(24, async |mut subject| {
        let mut session = with_report_due(&mut subject, &["refused"]).await;
        let report = session.respond_inform().await.unwrap();
        assert_eq!(report.rpc(), "TransferComplete");
        let body = session.style().fault(8002);
        let reply = session.response(&body);
        assert!(session.exchange(reply).await.unwrap().is_empty_post());
        session.get_value(PROVISIONING_CODE).await.unwrap();
        session.end().unwrap();
        let mut session = subject.wake().await;
        assert_eq!(session.inform().retry_count, 0, "the session was good");
        assert!(session.inform().has_event("7 TRANSFER COMPLETE"));
        assert_eq!(session.inform().command_keys("M Download"), ["refused"]);
        assert_eq!(keys(&session.begin().await.unwrap()), ["refused"]);
        session.end().unwrap();
        let session = subject.wake().await;
        assert!(!session.inform().has_event("7 TRANSFER COMPLETE"));
        session.end_with(Reply::status(503)).unwrap();
    });
}

fn c025_what_is_no_soap_fails_the_session_only() {
    check(25, async |mut subject| {
        let bomb = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"boom\">]><a>&b;</a>";
        let huge = "a".repeat(5 * 1024 * 1024);
        for text in ["this is no XML", "<a><b>", bomb, &huge, "<root/>"] {
            let mut session = subject.turn().await;
            session.reply(Reply::message(text)).unwrap();
            drop(session);
            // Either a SOAP fault comes, or the session is over; the next wake shows life.
            if !subject.device.is_silent_for(QUIET).await {
                let incoming = subject.device.next().await.unwrap();
                assert_eq!(incoming.exchange.rpc(), "Fault", "{:.40}", text);
            }
        }
        subject.turn().await.end().unwrap();
    });
}

fn c026_silence_is_borne_for_half_a_minute() {
    check_new(26, async |mut subject| {
        subject.device.set_patience(Duration::from_secs(90));
        subject.running.boot().await;
        let session = subject.device.session().await.unwrap();
        let asked = session.pending().unwrap().at;
        session.end_with(Reply::stall()).unwrap();
        let again = subject.device.session().await.unwrap();
        let waited = again.pending().unwrap().at - asked;
        assert!(waited >= Duration::from_secs(34), "{waited:?}");
        assert_eq!(again.inform().retry_count, 1);
        again.end_with(Reply::status(503)).unwrap();
    });
}

fn c027_a_clean_close_between_exchanges_is_no_failure() {
    check(27, async |mut subject| {
        let mut session = subject.wake().await;
        let first = session.pending().unwrap().connection;
        let reply = session.inform_response().close_quietly();
        let exchange = session.exchange(reply).await.unwrap();
        assert!(exchange.is_empty_post());
        assert_ne!(exchange.connection, first);
        let body = session.style().get_parameter_values(&[PROVISIONING_CODE]);
        let reply = Reply::message(session.envelope(Some("1"), &body)).and_close();
        let answer = session.exchange(reply).await.unwrap();
        assert_eq!(answer.rpc(), "GetParameterValuesResponse");
        assert_ne!(answer.connection, exchange.connection);
        session.end().unwrap();
    });
}

fn c029_after_a_reboot_the_session_goes_on() {
    check(29, async |mut subject| {
        let mut session = subject.turn().await;
        session.reboot("again").await.unwrap();
        session.get_value(PROVISIONING_CODE).await.unwrap();
        session.end().unwrap();
    });
}

fn c030_the_whole_model_is_one_answer() {
    check(30, async |mut subject| {
        let mut session = subject.turn().await;
        let names = session.get_names("", false).await.unwrap();
        let values = session.get_values(&[""]).await.unwrap();
        let parameters = names.iter().filter(|name| !name.name.ends_with('.'));
        assert_eq!(values.len(), parameters.count());
        session.end().unwrap();
    });
}

fn c031_odd_inform_responses_are_taken() {
    check(31, async |mut subject| {
        for arguments in [
            "<MaxEnvelopes>0</MaxEnvelopes>",
            "<MaxEnvelopes>9</MaxEnvelopes>",
            "<Other>x</Other><MaxEnvelopes>1</MaxEnvelopes><More><a/></More>",
        ] {
            let mut session = subject.wake().await;
            let body = session.style().method("InformResponse", arguments);
            let reply = session.response(&body);
            assert!(session.exchange(reply).await.unwrap().is_empty_post());
            session.end().unwrap();
        }
    });
}

fn c032_only_a_header_that_must_be_understood_is_refused() {
    check(32, async |mut subject| {
        let mut session = subject.turn().await;
        let block = |must: &str| format!("<x:Strange xmlns:x=\"urn:strange\" {must}>1</x:Strange>");
        for must in ["", "soapenv:mustUnderstand=\"0\""] {
            session.set_more_header(&block(must));
            session.get_value(INTERVAL).await.unwrap();
        }
        session.set_more_header(&block("soapenv:mustUnderstand=\"1\""));
        let body = session.style().get_parameter_values(&[INTERVAL]);
        let envelope = session.envelope(Some("must"), &body);
        let exchange = session.exchange(Reply::message(envelope)).await.unwrap();
        let fault = exchange
            .message
            .as_ref()
            .and_then(|message| message.fault());
        assert_eq!(fault.unwrap().soap_code, "MustUnderstand");
        assert_eq!(fault_code(session.get_values(&["Device.No"]).await), 9005);
        session.end().unwrap();
    });
}

fn c049_a_fault_counts_with_status_500_too() {
    check(49, async |mut subject| {
        for status in [500, 200] {
            let mut session = subject.wake().await;
            let first = session.pending().unwrap().clone();
            let body = session.style().fault(8005);
            let reply = session.response(&body).with_status(status);
            let again = session.exchange(reply).await.unwrap();
            assert_eq!(again.body, first.body, "the very same Inform");
            assert!(again.at - first.at < Duration::from_secs(2));
            finish(session).await;
        }
    });
}
