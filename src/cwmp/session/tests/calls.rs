//! What the CPE says besides its Inform, and what counts as an answer.

use super::*;
use crate::cwmp::soap::samples::{autonomous_report, wish};

const AUTONOMOUS_RESPONSE: &str = "<cwmp:AutonomousTransferCompleteResponse/>";

fn methods(names: &[&str]) -> String {
    let list: String = names
        .iter()
        .map(|name| format!("<string>{name}</string>"))
        .collect();
    format!(
        "<cwmp:GetRPCMethodsResponse><MethodList>{list}</MethodList></cwmp:GetRPCMethodsResponse>"
    )
}

/// A session with one call of each kind, whose Inform is delivered.
fn with_all(profile: AcsProfile) -> Play {
    let mut calls = reports(&[1]);
    calls.push((2, CpeCall::AutonomousTransferComplete(autonomous_report())));
    calls.push((3, CpeCall::RequestDownload(wish())));
    with_calls(calls, profile)
}

fn with_calls(calls: Vec<(u64, CpeCall)>, profile: AcsProfile) -> Play {
    let mut play = Play::with(calls, CwmpVersion::V1_4, profile);
    play.answer(INFORM_RESPONSE);
    play.committed(Delivered::Inform);
    play
}

#[test]
fn what_every_acs_has_goes_without_asking_and_the_rest_only_if_it_is_listed() {
    let mut play = with_all(AcsProfile::default());
    assert!(play.sent().contains("<cwmp:TransferComplete>"));
    play.answer(TRANSFER_RESPONSE);
    play.committed(Delivered::Call(1));
    assert!(
        play.sent()
            .contains("<cwmp:GetRPCMethods></cwmp:GetRPCMethods>")
    );
    play.answer(&methods(&["Inform", "RequestDownload"]));
    play.committed(Delivered::Unlisted(vec![2]));
    assert!(play.sent().contains("<cwmp:RequestDownload>"));
    play.answer("<cwmp:RequestDownloadResponse/>");
    play.committed(Delivered::Call(3));
    play.sent_empty_post();
    play.reply(204, b"");
    play.completed();
}

#[test]
fn an_acs_that_lists_all_gets_all() {
    let mut play = with_all(AcsProfile::default());
    play.answer(TRANSFER_RESPONSE);
    play.committed(Delivered::Call(1));
    play.answer(&methods(&["AutonomousTransferComplete", "RequestDownload"]));
    assert!(play.sent().contains("<cwmp:AutonomousTransferComplete>"));
    play.answer(AUTONOMOUS_RESPONSE);
    play.committed(Delivered::Call(2));
    assert!(play.sent().contains("<cwmp:RequestDownload>"));
}

#[test]
fn an_acs_that_is_not_asked_gets_all() {
    let profile = AcsProfile {
        ask_methods: false,
        ..AcsProfile::default()
    };
    let mut play = with_all(profile);
    play.answer(TRANSFER_RESPONSE);
    play.committed(Delivered::Call(1));
    assert!(play.sent().contains("<cwmp:AutonomousTransferComplete>"));
}

#[test]
fn nobody_is_asked_for_methods_when_transfers_are_all_there_is() {
    let mut play = Play::informed(&[7], "");
    assert!(play.sent().contains("<cwmp:TransferComplete>"));
    play.answer(TRANSFER_RESPONSE);
    play.committed(Delivered::Call(7));
    play.sent_empty_post();
}

#[test]
fn c205_an_acs_that_refuses_to_tell_its_methods_has_only_those_of_every_acs() {
    let unlisted = || Delivered::Unlisted(vec![2, 3]);
    let begun = || {
        let mut play = with_all(AcsProfile::default());
        play.answer(TRANSFER_RESPONSE);
        play.committed(Delivered::Call(1));
        play
    };
    for reply in [
        fixture("genieacs-fault"),
        envelope("", &fault(8000)).into_bytes(),
        Vec::new(),
    ] {
        let mut play = begun();
        play.reply(200, &reply);
        play.committed(unlisted());
        play.sent_empty_post();
    }
    let mut play = begun();
    play.reply(204, b"");
    play.committed(unlisted());
    play.completed();
    let mut play = begun();
    for _ in 0..MAX_SENDS {
        assert!(play.sent().contains("<cwmp:GetRPCMethods>"));
        play.answer_fault(200, 8005);
    }
    play.committed(unlisted());
    play.sent_empty_post();
    let mut play = begun();
    play.answer(TRANSFER_RESPONSE);
    assert!(matches!(play.failed(), SessionFailure::OutOfPlace { .. }));
}

#[test]
fn c205_a_fault_with_two_colons_leaves_an_autonomous_report_for_later() {
    let profile = AcsProfile {
        ask_methods: false,
        ..AcsProfile::default()
    };
    let report = CpeCall::AutonomousTransferComplete(autonomous_report());
    let mut play = with_calls(vec![(2, report)], profile);
    play.reply(200, &fixture("genieacs-fault"));
    play.sent_empty_post();
}

#[test]
fn each_call_has_one_right_answer() {
    let calls = [
        reports(&[1]).remove(0).1,
        CpeCall::AutonomousTransferComplete(autonomous_report()),
        CpeCall::RequestDownload(wish()),
    ];
    let answers = [
        TRANSFER_RESPONSE,
        AUTONOMOUS_RESPONSE,
        "<cwmp:RequestDownloadResponse/>",
    ];
    for (call, right) in calls.iter().zip(answers) {
        for answer in answers {
            let profile = AcsProfile {
                ask_methods: false,
                ..AcsProfile::default()
            };
            let mut play = with_calls(vec![(1, call.clone())], profile);
            play.answer(answer);
            if answer == right {
                play.committed(Delivered::Call(1));
            } else {
                assert!(matches!(play.failed(), SessionFailure::OutOfPlace { .. }));
            }
        }
    }
}

#[test]
fn c208_the_answer_of_old_freeacs_acknowledges_a_transfer_where_the_profile_says_so() {
    let profile = AcsProfile {
        transfer_complete_answers: vec!["AutonomousTransferCompleteResponse".to_owned()],
        ..AcsProfile::default()
    };
    let mut play = with_calls(reports(&[7]), profile);
    play.reply(200, &fixture("freeacs-transfer-complete-answer"));
    play.committed(Delivered::Call(7));
}

#[test]
fn c210_an_empty_answer_acknowledges_a_transfer_where_the_profile_says_so() {
    let profile = || AcsProfile {
        empty_acknowledges: true,
        ..AcsProfile::default()
    };
    let mut play = with_calls(reports(&[7, 8]), profile());
    play.reply(200, b"");
    play.committed(Delivered::Call(7));
    assert!(play.sent().contains("<CommandKey>key8</CommandKey>"));
    // After 204 nothing may follow.
    play.reply(204, b"");
    play.committed(Delivered::Call(8));
    play.completed();

    let report = CpeCall::AutonomousTransferComplete(autonomous_report());
    let asks_nobody = AcsProfile {
        ask_methods: false,
        ..profile()
    };
    let mut play = with_calls(vec![(2, report)], asks_nobody);
    play.reply(200, b"");
    play.sent_empty_post();
}

#[test]
fn c047_a_failed_session_tells_when_the_acs_wants_to_be_asked_again() {
    let mut play = Play::new(&[]);
    let asked = Some(crate::cwmp::RetryAfter::Seconds(60));
    play.session.on_reply(Reply {
        status: 503,
        body: b"",
        retry_after: asked,
    });
    assert_eq!(play.failed().retry_after(), asked);
}
