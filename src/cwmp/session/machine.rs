//! The state machine.

use std::collections::VecDeque;

use super::failure::SessionFailure;
use crate::cwmp::fault::{Fault, FaultCode};
use crate::cwmp::message::{AcsRequest, AcsResponse, CpeCall, CpeRequest, CpeResponse, Inform};
use crate::cwmp::soap::{
    AcsBody, AcsMessage, decode, encode_fault, encode_must_understand_fault, encode_request,
    encode_response,
};

/// How often one request is sent at most when the ACS answers fault 8005 each time (cwmp.md N9).
pub const MAX_SENDS: u32 = 10;

/// What a session begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStart {
    /// Its first message.
    pub inform: Inform,
    /// What the CPE has to say besides, each under an id of its own.
    pub calls: Vec<(u64, CpeCall)>,
    /// Makes the IDs of the CPE's requests; another number for each session.
    pub id_seed: u64,
}

/// What the driver has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// POST this; `None` is the empty POST. Then [`Session::on_reply`].
    Send(Option<Vec<u8>>),
    /// Do what the ACS asks. Then [`Session::on_result`].
    Execute(AcsRequest),
    /// Note durably that the ACS has taken this. Then [`Session::on_committed`].
    Commit(Delivered),
    /// Close the connection; nothing follows.
    Finish(SessionEnd),
}

/// What the ACS has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivered {
    /// The Inform with its events, except those that end with a TransferComplete.
    Inform,
    /// The call of this id.
    Call(u64),
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEnd {
    /// As the protocol wants it. Transfers that were not committed wait for the next session.
    Complete,
    /// Otherwise.
    Failed(SessionFailure),
}

/// The final answer to a POST: authentication and redirects are done.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// HTTP status.
    pub status: u16,
    /// All of the body.
    pub body: &'a [u8],
}

/// One session (cwmp.md N1 to N10). A call that does not fit the step at hand changes nothing.
#[derive(Debug)]
pub struct Session {
    state: State,
    calls: VecDeque<(u64, CpeCall)>,
    hold_requests: bool,
    id_seed: u64,
    requests: u32,
}

#[derive(Debug)]
enum State {
    Sending {
        body: Option<Vec<u8>>,
        awaited: Awaited,
        sends: u32,
    },
    Executing {
        id: Option<String>,
        request: AcsRequest,
    },
    Committing(Delivered),
    Ended(SessionEnd),
}

/// What the answer to a POST has to be.
#[derive(Debug, Clone, Copy)]
enum Awaited {
    /// An InformResponse.
    Inform,
    /// The response to the call of this id.
    Call(u64),
    /// A request or nothing: the ACS has the turn.
    Turn,
}

impl Session {
    /// Begins a session.
    pub fn new(start: SessionStart) -> Self {
        let mut session = Self {
            state: State::Ended(SessionEnd::Complete),
            calls: start.calls.into(),
            hold_requests: false,
            id_seed: start.id_seed,
            requests: 0,
        };
        session.request(&CpeRequest::Inform(start.inform), Awaited::Inform);
        session
    }

    /// What to do next: the same until the call that the step names, or [`Session::on_failure`].
    pub fn poll(&self) -> Step {
        match &self.state {
            State::Sending { body, .. } => Step::Send(body.clone()),
            State::Executing { request, .. } => Step::Execute(request.clone()),
            State::Committing(delivered) => Step::Commit(*delivered),
            State::Ended(end) => Step::Finish(end.clone()),
        }
    }

    /// The ACS has answered the POST.
    pub fn on_reply(&mut self, reply: Reply<'_>) {
        let State::Sending { awaited, .. } = self.state else {
            return;
        };
        let taken = match (read_reply(reply), awaited) {
            (Err(failure), _) => Err(failure),
            (Ok(None), Awaited::Inform) => Err(SessionFailure::NoInformResponse {
                status: reply.status,
            }),
            (Ok(None), Awaited::Call(_)) => {
                self.unanswered_call(reply.status);
                Ok(())
            }
            (Ok(None), Awaited::Turn) => {
                self.acs_has_no_more();
                Ok(())
            }
            (Ok(Some(message)), _) => {
                self.hold_requests = message.hold_requests;
                match awaited {
                    Awaited::Inform => self.inform_answered(message),
                    Awaited::Call(id) => self.call_answered(id, message),
                    Awaited::Turn => self.acs_speaks(message),
                }
            }
        };
        if let Err(failure) = taken {
            self.end(SessionEnd::Failed(failure));
        }
    }

    /// The request of the ACS is executed, or refused.
    pub fn on_result(&mut self, result: Result<CpeResponse, Fault>) {
        let State::Executing { id, .. } = &self.state else {
            return;
        };
        let body = match result {
            Ok(response) => encode_response(id.as_deref(), &response),
            Err(fault) => encode_fault(id.as_deref(), &fault),
        };
        self.send(Some(body), Awaited::Turn);
    }

    /// The delivery is on disk.
    pub fn on_committed(&mut self) {
        if matches!(self.state, State::Committing(_)) {
            self.go_on();
        }
    }

    /// The POST could not be sent, its answer did not come, or something else broke. Ends the
    /// session, unless it has ended already.
    pub fn on_failure(&mut self, failure: SessionFailure) {
        if !matches!(self.state, State::Ended(_)) {
            self.end(SessionEnd::Failed(failure));
        }
    }

    fn inform_answered(&mut self, message: AcsMessage) -> Result<(), SessionFailure> {
        match message.body {
            AcsBody::Fault(fault) if fault.asks_for_retry() => {
                if self.send_again() {
                    Ok(())
                } else {
                    Err(SessionFailure::EndlessRetry)
                }
            }
            AcsBody::Fault(fault) => Err(SessionFailure::InformFault {
                code: fault.code,
                text: fault.text,
            }),
            AcsBody::Response(AcsResponse::Inform) => {
                check_understood(message.must_understand_unknown)?;
                self.state = State::Committing(Delivered::Inform);
                Ok(())
            }
            other => Err(out_of_place("an InformResponse", &other)),
        }
    }

    fn call_answered(&mut self, id: u64, message: AcsMessage) -> Result<(), SessionFailure> {
        match message.body {
            // Any other fault leaves the report for a later session (cwmp.md N10); so does a
            // retry that never ends.
            AcsBody::Fault(fault) => {
                if !(fault.asks_for_retry() && self.send_again()) {
                    self.go_on();
                }
                Ok(())
            }
            AcsBody::Response(response) if acknowledges(&response) => {
                check_understood(message.must_understand_unknown)?;
                self.state = State::Committing(Delivered::Call(id));
                Ok(())
            }
            other => Err(out_of_place("a TransferCompleteResponse", &other)),
        }
    }

    /// An empty answer to TransferComplete is no acknowledgement: the report waits for a later
    /// session (cwmp.md T2b). After 204 the ACS is through with this one. After an empty 200 it
    /// still gets its turn: Oktopus answers every TransferComplete so, and would otherwise never
    /// get to send its own requests.
    fn unanswered_call(&mut self, status: u16) {
        if status == 204 {
            self.end(SessionEnd::Complete);
        } else {
            self.go_on();
        }
    }

    fn acs_speaks(&mut self, message: AcsMessage) -> Result<(), SessionFailure> {
        let id = message.id;
        let refusal = match (message.must_understand_unknown, message.body) {
            (_, body @ (AcsBody::Response(_) | AcsBody::Fault(_))) => {
                return Err(out_of_place("a request or an empty answer", &body));
            }
            (Some(header), _) => encode_must_understand_fault(id.as_deref(), &header),
            (None, AcsBody::Request(AcsRequest::Unsupported(method))) => {
                let text = format!("the method {method} is not supported");
                let fault = Fault::new(FaultCode::MethodNotSupported, text);
                encode_fault(id.as_deref(), &fault)
            }
            (None, AcsBody::BadRequest { fault, .. }) => encode_fault(id.as_deref(), &fault),
            (None, AcsBody::Request(request)) => {
                self.state = State::Executing { id, request };
                return Ok(());
            }
        };
        self.send(Some(refusal), Awaited::Turn);
        Ok(())
    }

    /// The ACS gives the turn back: a request that was held goes now, or the session is over
    /// (cwmp.md N6, N7).
    fn acs_has_no_more(&mut self) {
        if !self.send_next_call() {
            self.end(SessionEnd::Complete);
        }
    }

    /// The next request of the CPE, or the empty POST, which hands the turn to the ACS. The
    /// session may end only after an empty answer, so this holds after late reports too.
    fn go_on(&mut self) {
        if !self.send_next_call() {
            self.send(None, Awaited::Turn);
        }
    }

    fn send_next_call(&mut self) -> bool {
        if self.hold_requests {
            return false;
        }
        let Some((id, call)) = self.calls.pop_front() else {
            return false;
        };
        self.request(&CpeRequest::Call(call), Awaited::Call(id));
        true
    }

    fn request(&mut self, request: &CpeRequest, awaited: Awaited) {
        self.requests += 1;
        let id = format!("{:016x}-{}", self.id_seed, self.requests);
        self.send(Some(encode_request(&id, request)), awaited);
    }

    fn send(&mut self, body: Option<Vec<u8>>, awaited: Awaited) {
        self.state = State::Sending {
            body,
            awaited,
            sends: 1,
        };
    }

    /// Has the same bytes sent once more; false when that was done often enough.
    fn send_again(&mut self) -> bool {
        match &mut self.state {
            State::Sending { sends, .. } if *sends < MAX_SENDS => {
                *sends += 1;
                true
            }
            _ => false,
        }
    }

    fn end(&mut self, end: SessionEnd) {
        self.state = State::Ended(end);
    }
}

/// `None` is an empty answer: 204, or 200 without a body (cwmp.md H8). A 500 counts when it
/// carries a fault (cwmp.md H10).
fn read_reply(reply: Reply<'_>) -> Result<Option<AcsMessage>, SessionFailure> {
    let status = reply.status;
    match status {
        204 => Ok(None),
        200 if reply.body.trim_ascii().is_empty() => Ok(None),
        200 => Ok(Some(decode(reply.body)?)),
        500 => match decode(reply.body) {
            Ok(message) if matches!(message.body, AcsBody::Fault(_)) => Ok(Some(message)),
            _ => Err(SessionFailure::Status { status }),
        },
        _ => Err(SessionFailure::Status { status }),
    }
}

/// Older versions of FreeACS name another method in their answer (cwmp.md section 11).
fn acknowledges(response: &AcsResponse) -> bool {
    match response {
        AcsResponse::TransferComplete
        | AcsResponse::AutonomousTransferComplete
        | AcsResponse::RequestDownload => true,
        AcsResponse::Other(_) | AcsResponse::Inform | AcsResponse::GetRpcMethods(_) => false,
    }
}

fn check_understood(unknown_header: Option<String>) -> Result<(), SessionFailure> {
    match unknown_header {
        Some(header) => Err(SessionFailure::NotUnderstood { header }),
        None => Ok(()),
    }
}

fn out_of_place(wanted: &'static str, body: &AcsBody) -> SessionFailure {
    let found = match body {
        AcsBody::Request(_) => "a request".to_owned(),
        AcsBody::BadRequest { method, .. } => format!("the request {method}"),
        AcsBody::Response(AcsResponse::Inform) => "an InformResponse".to_owned(),
        AcsBody::Response(AcsResponse::TransferComplete) => "a TransferCompleteResponse".to_owned(),
        AcsBody::Response(AcsResponse::AutonomousTransferComplete) => {
            "an AutonomousTransferCompleteResponse".to_owned()
        }
        AcsBody::Response(AcsResponse::RequestDownload) => "a RequestDownloadResponse".to_owned(),
        AcsBody::Response(AcsResponse::GetRpcMethods(_)) => "a GetRPCMethodsResponse".to_owned(),
        AcsBody::Response(AcsResponse::Other(name)) => format!("the response {name}"),
        AcsBody::Fault(fault) => match fault.code {
            Some(code) => format!("fault {code}"),
            None => "a SOAP fault".to_owned(),
        },
    };
    SessionFailure::OutOfPlace { wanted, found }
}
