//! Sessions with a scripted ACS; the names of conformance checks stand where one is played.

use std::sync::Arc;

use super::{Delivered, MAX_SENDS, Reply, Session, SessionEnd, SessionFailure, SessionStart, Step};
use crate::cwmp;
use crate::cwmp::soap::samples::{fixture, inform, transfer};
use crate::cwmp::{
    AcsProfile, AcsRequest, CpeCall, CpeResponse, CwmpVersion, Fault, FaultCode, SoapError,
};

mod calls;
mod versions;

#[path = "../../../tests/fuzz/laws/session.rs"]
mod law;

const INFORM_RESPONSE: &str =
    "<cwmp:InformResponse><MaxEnvelopes>1</MaxEnvelopes></cwmp:InformResponse>";
const TRANSFER_RESPONSE: &str = "<cwmp:TransferCompleteResponse/>";
const HOLD: &str = "<cwmp:HoldRequests soap:mustUnderstand='1'>1</cwmp:HoldRequests>";
const NO_HOLD: &str = "<cwmp:HoldRequests soap:mustUnderstand='1'>0</cwmp:HoldRequests>";

/// A session under test, with words for what an ACS does and sees.
struct Play {
    session: Session,
}

/// TransferComplete of these ids.
fn reports(ids: &[u64]) -> Vec<(u64, CpeCall)> {
    ids.iter()
        .map(|id| {
            let report = transfer(&format!("key{id}"));
            (*id, CpeCall::TransferComplete(report))
        })
        .collect()
}

impl Play {
    fn new(transfers: &[u64]) -> Self {
        Self::with(reports(transfers), CwmpVersion::V1_4, AcsProfile::default())
    }

    fn with(calls: Vec<(u64, CpeCall)>, version: CwmpVersion, profile: AcsProfile) -> Self {
        let start = SessionStart {
            inform: inform(),
            calls,
            version,
            profile: Arc::new(profile),
            id_seed: 0x1F,
        };
        Self {
            session: Session::new(start),
        }
    }

    /// A session whose Inform has been answered and committed.
    fn informed(transfers: &[u64], headers: &str) -> Self {
        let mut play = Self::new(transfers);
        assert!(play.sent().contains("<cwmp:Inform>"));
        play.answer_with(headers, INFORM_RESPONSE);
        play.committed(Delivered::Inform);
        play
    }

    /// The body that has to be sent.
    fn sent(&mut self) -> String {
        match self.session.poll() {
            Step::Send(Some(body)) => String::from_utf8(body.to_vec()).unwrap(),
            other => panic!("no message: {other:?}"),
        }
    }

    fn sent_empty_post(&mut self) {
        assert_eq!(self.session.poll(), Step::Send(None));
    }

    fn reply(&mut self, status: u16, body: &[u8]) {
        assert!(matches!(self.session.poll(), Step::Send(_)));
        self.session.on_reply(Reply {
            status,
            body,
            retry_after: None,
        });
    }

    fn answer(&mut self, body: &str) {
        self.answer_with("", body);
    }

    fn answer_with(&mut self, headers: &str, body: &str) {
        self.reply(200, envelope(headers, body).as_bytes());
    }

    fn answer_fault(&mut self, status: u16, code: u16) {
        self.reply(status, envelope("", &fault(code)).as_bytes());
    }

    fn committed(&mut self, wanted: Delivered) {
        assert_eq!(self.session.poll(), Step::Commit(wanted.clone()));
        assert_eq!(self.session.poll(), Step::Commit(wanted));
        self.session.on_committed();
    }

    fn executed(&mut self, result: Result<CpeResponse, Fault>) -> AcsRequest {
        let Step::Execute(request) = self.session.poll() else {
            panic!("nothing to execute: {:?}", self.session.poll());
        };
        self.session.on_result(result);
        request
    }

    fn completed(&mut self) {
        assert_eq!(self.session.poll(), Step::Finish(SessionEnd::Complete));
    }

    fn failed(&mut self) -> SessionFailure {
        match self.session.poll() {
            Step::Finish(SessionEnd::Failed(failure)) => failure,
            other => panic!("not failed: {other:?}"),
        }
    }
}

fn envelope(headers: &str, body: &str) -> String {
    format!(
        "<soap:Envelope xmlns:soap='http://schemas.xmlsoap.org/soap/envelope/' \
         xmlns:cwmp='urn:dslforum-org:cwmp-1-2'><soap:Header>\
         <cwmp:ID soap:mustUnderstand='1'>acs&amp;1</cwmp:ID>{headers}</soap:Header>\
         <soap:Body>{body}</soap:Body></soap:Envelope>"
    )
}

fn fault(code: u16) -> String {
    format!(
        "<soap:Fault><faultcode>Server</faultcode><faultstring>CWMP fault</faultstring><detail>\
         <cwmp:Fault><FaultCode>{code}</FaultCode><FaultString>why</FaultString></cwmp:Fault>\
         </detail></soap:Fault>"
    )
}

fn id_of(message: &str) -> &str {
    let (_, rest) = message
        .split_once("<cwmp:ID soap-env:mustUnderstand=\"1\">")
        .unwrap();
    rest.split_once("</cwmp:ID>").unwrap().0
}

#[test]
fn c014_one_empty_post_and_the_end() {
    let mut play = Play::informed(&[], "");
    play.sent_empty_post();
    play.reply(204, b"");
    play.completed();
}

#[test]
fn c015_an_empty_200_ends_a_session_like_204() {
    let mut play = Play::informed(&[], "");
    play.reply(200, b"\r\n");
    play.completed();
}

#[test]
fn c016_each_request_is_answered_in_the_next_post() {
    let mut play = Play::informed(&[], "");
    play.sent_empty_post();
    play.answer("<cwmp:GetRPCMethods/>");
    let methods = vec!["Reboot".to_owned()];
    let request = play.executed(Ok(CpeResponse::GetRpcMethods(methods)));
    assert_eq!(request, AcsRequest::GetRpcMethods);
    let answer = play.sent();
    assert!(answer.contains("<cwmp:GetRPCMethodsResponse>"), "{answer}");
    assert_eq!(id_of(&answer), "acs&amp;1");

    play.answer("<cwmp:Reboot><CommandKey>k</CommandKey></cwmp:Reboot>");
    play.executed(Err(Fault::new(FaultCode::RequestDenied, "no phone")));
    let answer = play.sent();
    assert!(answer.contains("<FaultCode>9001</FaultCode>"), "{answer}");
    assert_eq!(id_of(&answer), "acs&amp;1");
    play.reply(204, b"");
    play.completed();
}

#[test]
fn a_request_without_an_id_gets_an_answer_without_one() {
    let mut play = Play::informed(&[], "");
    play.reply(200, b"<Envelope><Body><GetRPCMethods/></Body></Envelope>");
    play.executed(Ok(CpeResponse::GetRpcMethods(Vec::new())));
    assert!(!play.sent().contains("cwmp:ID"));
}

#[test]
fn c017_held_requests_go_once_the_hold_is_lifted() {
    let mut play = Play::informed(&[7], HOLD);
    play.sent_empty_post();
    play.answer_with(NO_HOLD, "<cwmp:GetRPCMethods/>");
    play.executed(Ok(CpeResponse::GetRpcMethods(Vec::new())));
    assert!(play.sent().contains("<cwmp:GetRPCMethodsResponse>"));
    play.reply(204, b"");
    assert!(play.sent().contains("<CommandKey>key7</CommandKey>"));
    play.answer(TRANSFER_RESPONSE);
    play.committed(Delivered::Call(7));
    // Only an empty answer tells that the ACS has no more.
    play.sent_empty_post();
    play.reply(204, b"");
    play.completed();
}

#[test]
fn a_request_without_the_header_lifts_the_hold() {
    let mut play = Play::informed(&[7], HOLD);
    play.answer("<cwmp:FooBar/>");
    play.reply(204, b"");
    assert!(play.sent().contains("<cwmp:TransferComplete>"));
}

#[test]
fn c018_what_is_held_to_the_end_waits_for_the_next_session() {
    let mut play = Play::informed(&[7], HOLD);
    play.sent_empty_post();
    play.reply(204, b"");
    play.completed();
}

#[test]
fn c019_c020_every_transfer_is_reported_before_the_empty_post() {
    let mut play = Play::informed(&[7, 8], "");
    let first = play.sent();
    assert!(first.contains("<CommandKey>key7</CommandKey>"));
    play.answer(TRANSFER_RESPONSE);
    play.committed(Delivered::Call(7));
    let second = play.sent();
    assert!(second.contains("<CommandKey>key8</CommandKey>"));
    assert_ne!(id_of(&first), id_of(&second));
    play.answer(TRANSFER_RESPONSE);
    play.committed(Delivered::Call(8));
    play.sent_empty_post();
}

#[test]
fn c021_fault_8005_has_the_same_inform_sent_again() {
    for status in [200, 500] {
        let mut play = Play::new(&[]);
        let first = play.sent();
        play.answer_fault(status, 8005);
        assert_eq!(play.sent(), first);
        play.answer(INFORM_RESPONSE);
        play.committed(Delivered::Inform);
    }
}

#[test]
fn c022_but_not_for_ever() {
    let mut play = Play::new(&[]);
    for _ in 0..MAX_SENDS {
        play.sent();
        play.answer_fault(200, 8005);
    }
    assert_eq!(play.failed(), SessionFailure::EndlessRetry);
}

#[test]
fn c023_any_other_fault_to_inform_fails_the_session() {
    for code in [8001, 8002, 8003, 8004, 8899] {
        let mut play = Play::new(&[7]);
        play.answer_fault(200, code);
        let failure = SessionFailure::InformFault {
            code: Some(code),
            text: "why".to_owned(),
        };
        assert_eq!(play.failed(), failure);
        let text = format!("the ACS refused the Inform with fault {code}: why");
        assert_eq!(failure.to_string(), text);
    }
}

#[test]
fn c024_a_refused_transfer_waits_for_a_later_session() {
    let mut play = Play::informed(&[7, 8], "");
    play.answer_fault(200, 8002);
    assert!(play.sent().contains("<CommandKey>key8</CommandKey>"));
    play.answer(TRANSFER_RESPONSE);
    play.committed(Delivered::Call(8));
    play.sent_empty_post();
    play.reply(204, b"");
    play.completed();
}

#[test]
fn fault_8005_has_the_same_transfer_sent_again_but_not_for_ever() {
    let mut play = Play::informed(&[7], "");
    let first = play.sent();
    for _ in 0..MAX_SENDS {
        assert_eq!(play.sent(), first);
        play.answer_fault(500, 8005);
    }
    play.sent_empty_post();
}

#[test]
fn c025_rubbish_fails_the_session_and_tells_where() {
    let mut play = Play::informed(&[], "");
    play.reply(200, b"<Envelope><Body>");
    let SessionFailure::Unreadable(SoapError::NotWellFormed { position, .. }) = play.failed()
    else {
        panic!("{}", play.failed());
    };
    assert_eq!(position, 16);

    for body in [
        &b"Hello"[..],
        b"<!DOCTYPE a><a/>",
        b"<html/>",
        &[b'a'; 5 * 1024 * 1024],
    ] {
        let mut play = Play::informed(&[], "");
        play.reply(200, body);
        assert!(matches!(play.failed(), SessionFailure::Unreadable(_)));
    }
}

#[test]
fn c032_a_header_that_must_be_understood_gets_its_own_fault() {
    let mut play = Play::informed(&[], "");
    let header = "<x:Transaction soap:mustUnderstand='1' xmlns:x='urn:x'/>";
    play.answer_with(header, "<cwmp:GetRPCMethods/>");
    let answer = play.sent();
    assert!(
        answer.contains("<faultcode>soap-env:MustUnderstand</faultcode>"),
        "{answer}"
    );
    assert_eq!(id_of(&answer), "acs&amp;1");
    play.reply(204, b"");
    play.completed();
}

#[test]
fn an_inform_response_that_cannot_be_understood_delivers_nothing() {
    let mut play = Play::new(&[]);
    play.answer_with(
        "<x:Transaction soap:mustUnderstand='1' xmlns:x='urn:x'/>",
        INFORM_RESPONSE,
    );
    let header = "Transaction".to_owned();
    assert_eq!(play.failed(), SessionFailure::NotUnderstood { header });
}

fn failed_status(status: u16) -> SessionFailure {
    SessionFailure::Status {
        status,
        retry_after: None,
    }
}

#[test]
fn c046_other_statuses_fail_the_session() {
    for status in [201, 302, 400, 401, 403, 404, 503] {
        let mut play = Play::new(&[]);
        play.reply(status, envelope("", INFORM_RESPONSE).as_bytes());
        assert_eq!(play.failed(), failed_status(status));
    }
    for body in ["", "<html/>", &envelope("", INFORM_RESPONSE)] {
        let mut play = Play::new(&[]);
        play.reply(500, body.as_bytes());
        assert_eq!(play.failed(), failed_status(500));
    }
}

#[test]
fn c087_an_unknown_method_is_refused_without_asking_the_gateway() {
    let mut play = Play::informed(&[], "");
    play.answer("<cwmp:FooBar/>");
    let answer = play.sent();
    assert!(answer.contains("<FaultCode>9000</FaultCode>"), "{answer}");
    assert_eq!(id_of(&answer), "acs&amp;1");
    play.reply(204, b"");
    play.completed();
}

#[test]
fn bad_arguments_are_refused_without_asking_the_gateway() {
    let mut play = Play::informed(&[], "");
    play.answer("<cwmp:Reboot/>");
    let answer = play.sent();
    assert!(answer.contains("<FaultCode>9003</FaultCode>"), "{answer}");
    assert!(
        answer.contains("the argument CommandKey is missing"),
        "{answer}"
    );
}

#[test]
fn c205_a_fault_with_two_colons_is_a_failed_call() {
    let mut play = Play::informed(&[7], "");
    play.reply(200, &fixture("genieacs-fault"));
    play.sent_empty_post();
}

#[test]
fn c206_a_broken_download_fails_the_session() {
    let mut play = Play::informed(&[], "");
    play.reply(200, &fixture("genieacs-download-with-bare-ampersand"));
    assert!(matches!(play.failed(), SessionFailure::Unreadable(_)));
}

#[test]
fn c209_an_empty_answer_to_inform_delivers_nothing() {
    for status in [200, 204] {
        let mut play = Play::new(&[]);
        play.reply(status, b"");
        assert_eq!(play.failed(), SessionFailure::NoInformResponse { status });
    }
}

#[test]
fn c210_an_empty_answer_to_a_transfer_acknowledges_nothing_and_breaks_nothing() {
    let mut play = Play::informed(&[7], "");
    play.reply(200, b"");
    play.sent_empty_post();
    play.reply(204, b"");
    play.completed();

    let mut play = Play::informed(&[7, 8], "");
    play.reply(204, b"");
    play.completed();
}

#[test]
fn a_message_out_of_place_fails_the_session() {
    let mut play = Play::new(&[]);
    play.answer("<cwmp:GetRPCMethods/>");
    let failure = play.failed();
    let text = "the ACS sent a request where an InformResponse was due";
    assert_eq!(failure.to_string(), text);

    for (body, found) in [
        (INFORM_RESPONSE, "the response InformResponse"),
        ("<cwmp:KickedResponse/>", "the response KickedResponse"),
        (&fault(8005), "fault 8005"),
    ] {
        let mut play = Play::informed(&[], "");
        play.answer(body);
        let wanted = "a request or an empty answer";
        let found = found.to_owned();
        assert_eq!(play.failed(), SessionFailure::OutOfPlace { wanted, found });
    }

    let mut play = Play::informed(&[7], "");
    play.answer("<cwmp:KickedResponse/>");
    assert!(matches!(play.failed(), SessionFailure::OutOfPlace { .. }));
}

#[test]
fn a_broken_connection_fails_the_session_wherever_it_is() {
    let silence = SessionFailure::Silence { seconds: 30 };
    let mut asked = Play::informed(&[], "");
    asked.answer("<cwmp:GetRPCMethods/>");
    let mut committing = Play::new(&[]);
    committing.answer(INFORM_RESPONSE);
    for mut play in [Play::new(&[]), asked, committing] {
        play.session.on_failure(silence.clone());
        assert_eq!(play.failed(), silence);
        play.session.on_failure(failed_status(400));
        assert_eq!(play.failed(), silence);
    }
}

#[test]
fn ids_differ_between_sessions() {
    let id = |id_seed| {
        let start = SessionStart {
            inform: inform(),
            calls: Vec::new(),
            version: CwmpVersion::V1_4,
            profile: Arc::default(),
            id_seed,
        };
        let session = Session::new(start);
        let message = Play { session }.sent();
        id_of(&message).to_owned()
    };
    assert_ne!(id(1), id(2));
}

#[test]
fn the_law_holds_for_its_seeds() {
    // Hold, then everything; a retry without end; a script that carries its own body.
    let seeds: [&[u8]; 5] = [
        &[4, 2, 0, 8, 0, 12, 1, 10, 11, 13, 0xC0, 3, 0, 3, 0, 0xC0],
        &[5; 40],
        // The methods of the ACS are asked for, and one call is not among them.
        &[4, 1, 0, 3, 0, 3, 0, 18, 0, 19, 0, 20, 1, 22, 0xC0],
        &[4, 1, 0, 0xC0],
        b"\x04\xF0<Envelope><Body><InformResponse/></Body></Envelope>",
    ];
    for seed in seeds {
        law::holds(seed);
    }
}

proptest::proptest! {
    #[test]
    fn the_law_holds_for_any_script(script in proptest::collection::vec(0u8.., 0..40)) {
        law::holds(&script);
    }

    #[test]
    fn the_law_holds_for_scripts_that_begin_well(script in proptest::collection::vec(0u8..0xD0, 0..40)) {
        let begun: Vec<u8> = [4, 1, 0].into_iter().chain(script).collect();
        law::holds(&begun);
    }
}
