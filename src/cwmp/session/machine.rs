//! The state machine.

use std::collections::VecDeque;
use std::sync::Arc;

use super::answer::{acknowledges, check_understood, out_of_place, read_reply, settled};
use super::failure::{SessionFailure, VersionDoubt};
use crate::cwmp::fault::{Fault, FaultCode};
use crate::cwmp::message::{
    AcsRequest, AcsResponse, CpeCall, CpeRequest, CpeResponse, Inform, Notification,
};
use crate::cwmp::soap::{
    AcsBody, AcsMessage, Outgoing, Voice, encode_fault, encode_must_understand_fault,
    encode_request, encode_response,
};
use crate::cwmp::{AcsProfile, CwmpVersion, RetryAfter};

/// How often one request is sent at most when the ACS answers fault 8005 each time (cwmp.md N9).
pub const MAX_SENDS: u32 = 10;

/// What a session begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStart {
    /// Its first message.
    pub inform: Inform,
    /// What the CPE has to say besides, each under an id of its own.
    pub calls: Vec<(u64, CpeCall)>,
    /// The version that the Inform is written in; what is in force after it may be less.
    pub version: CwmpVersion,
    /// What is particular to the ACS.
    pub profile: Arc<AcsProfile>,
    /// Makes the IDs of the CPE's requests; another number for each session.
    pub id_seed: u64,
}

/// What the driver has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// POST this; `None` is the empty POST. Then [`Session::on_reply`].
    Send(Option<Outgoing>),
    /// Do what the ACS asks. Then [`Session::on_result`].
    Execute(AcsRequest),
    /// Note durably that the ACS has taken this. Then [`Session::on_committed`].
    Commit(Delivered),
    /// Close the connection; nothing follows.
    Finish(SessionEnd),
}

/// What the ACS has taken, or never will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// The Inform with its events, except those that end with a TransferComplete.
    Inform,
    /// The call of this id.
    Call(u64),
    /// The calls of these ids are not made: the ACS does not have their methods (cwmp.md M11).
    /// They stay as they are.
    Unlisted(Vec<u64>),
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
    /// The header Retry-After, if it can be read.
    pub retry_after: Option<RetryAfter>,
}

/// One session (cwmp.md N1 to N10). A call that does not fit the step at hand changes nothing.
#[derive(Debug)]
pub struct Session {
    state: State,
    calls: VecDeque<(u64, CpeCall)>,
    /// Laid aside, and not yet told to the driver.
    unlisted: Vec<u64>,
    hold_requests: bool,
    /// In force; the one of the Inform until that is answered.
    version: CwmpVersion,
    profile: Arc<AcsProfile>,
    /// The ACS has taken the Inform.
    informed: bool,
    /// The ACS has been asked for its methods.
    asked_methods: bool,
    id_seed: u64,
    requests: u32,
}

#[derive(Debug)]
enum State {
    Sending {
        body: Option<Outgoing>,
        awaited: Awaited,
        sends: u32,
    },
    Executing {
        id: Option<String>,
        request: AcsRequest,
    },
    Committing {
        delivered: Delivered,
        /// The ACS has ended the session: nothing may follow.
        then_end: bool,
    },
    Ended(SessionEnd),
}

/// What the answer to a POST has to be.
#[derive(Debug)]
enum Awaited {
    /// An InformResponse.
    Inform,
    /// The response to this call.
    Call(u64, CpeCall),
    /// The methods of the ACS.
    Methods,
    /// A request or nothing: the ACS has the turn.
    Turn,
}

impl Session {
    /// Begins a session.
    pub fn new(start: SessionStart) -> Self {
        let mut session = Self {
            state: State::Ended(SessionEnd::Complete),
            calls: start.calls.into(),
            unlisted: Vec::new(),
            hold_requests: false,
            version: start.version,
            asked_methods: !start.profile.ask_methods,
            profile: start.profile,
            informed: false,
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
            State::Committing { delivered, .. } => Step::Commit(delivered.clone()),
            State::Ended(end) => Step::Finish(end.clone()),
        }
    }

    /// The ACS has answered the POST.
    pub fn on_reply(&mut self, reply: Reply<'_>) {
        let State::Sending { awaited, .. } = &mut self.state else {
            return;
        };
        let awaited = std::mem::replace(awaited, Awaited::Turn);
        let taken = match read_reply(reply) {
            Err(failure) => Err(failure),
            Ok(None) => self.nothing_answered(awaited, reply.status),
            Ok(Some(message)) => {
                self.hold_requests = message.hold_requests;
                if asks_for_retry(&message.body) && !matches!(awaited, Awaited::Turn) {
                    self.retry_asked(awaited)
                } else {
                    match awaited {
                        Awaited::Inform => self.inform_answered(message),
                        Awaited::Call(id, call) => self.call_answered(id, &call, message),
                        Awaited::Methods => self.methods_answered(message),
                        Awaited::Turn => self.acs_speaks(message),
                    }
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
        let (id, version) = (id.as_deref(), self.version);
        let body = match result {
            Ok(CpeResponse::GetRpcMethods(mut methods)) => {
                methods.retain(|method| CwmpVersion::of_method(method) <= version);
                encode_response(version, id, CpeResponse::GetRpcMethods(methods))
            }
            Ok(response) => encode_response(version, id, response),
            Err(fault) => encode_fault(version, id, &fault),
        };
        self.send(Some(body), Awaited::Turn);
    }

    /// The delivery is on disk.
    pub fn on_committed(&mut self) {
        match self.state {
            State::Committing { then_end: true, .. } => self.end(SessionEnd::Complete),
            State::Committing { .. } if !self.unlisted.is_empty() => {
                let unlisted = std::mem::take(&mut self.unlisted);
                self.commit(Delivered::Unlisted(unlisted), false);
            }
            State::Committing { .. } => self.go_on(),
            _ => {}
        }
    }

    /// The POST could not be sent, its answer did not come, or something else broke. Ends the
    /// session, unless it has ended already.
    pub fn on_failure(&mut self, failure: SessionFailure) {
        if !matches!(self.state, State::Ended(_)) {
            self.end(SessionEnd::Failed(failure));
        }
    }

    /// How much the end of the session speaks against the version of its Inform (cwmp.md E14).
    pub fn version_doubt(&self) -> VersionDoubt {
        match &self.state {
            State::Ended(SessionEnd::Failed(failure)) if !self.informed => failure.version_doubt(),
            _ => VersionDoubt::None,
        }
    }

    /// An empty answer. To a call it is no acknowledgement, unless the ACS is known for it: the
    /// report waits for a later session (cwmp.md T2b). After 204 the ACS is through with this
    /// one. After an empty 200 it still gets its turn: Oktopus answers every TransferComplete so,
    /// and would otherwise never get to send its own requests.
    fn nothing_answered(&mut self, awaited: Awaited, status: u16) -> Result<(), SessionFailure> {
        let is_through = status == 204;
        match awaited {
            Awaited::Inform => return Err(SessionFailure::NoInformResponse { status }),
            Awaited::Turn => self.acs_has_no_more(),
            Awaited::Call(id, CpeCall::TransferComplete(_)) if self.profile.empty_acknowledges => {
                self.commit(Delivered::Call(id), is_through);
            }
            Awaited::Methods => self.methods_known(&[], is_through),
            Awaited::Call(..) if is_through => self.end(SessionEnd::Complete),
            Awaited::Call(..) => self.go_on(),
        }
        Ok(())
    }

    /// Fault 8005: the very same request goes again, but not for ever (cwmp.md N9).
    fn retry_asked(&mut self, asked: Awaited) -> Result<(), SessionFailure> {
        if let State::Sending { awaited, sends, .. } = &mut self.state
            && *sends < MAX_SENDS
        {
            *sends += 1;
            *awaited = asked;
            return Ok(());
        }
        match asked {
            Awaited::Inform => return Err(SessionFailure::EndlessRetry),
            Awaited::Methods => self.methods_known(&[], false),
            Awaited::Call(..) | Awaited::Turn => self.go_on(),
        }
        Ok(())
    }

    fn inform_answered(&mut self, message: AcsMessage) -> Result<(), SessionFailure> {
        match message.body {
            AcsBody::Fault(fault) => Err(SessionFailure::InformFault {
                code: fault.code,
                text: fault.text,
            }),
            AcsBody::Response(AcsResponse::Inform) => {
                check_understood(&message)?;
                self.version = settled(self.version, &message)?;
                self.informed = true;
                let version = self.version;
                self.lay_aside(|call| call.since() > version);
                self.commit(Delivered::Inform, false);
                Ok(())
            }
            other => Err(out_of_place("an InformResponse", &other)),
        }
    }

    /// A fault leaves the report for a later session (cwmp.md N10).
    fn call_answered(
        &mut self,
        id: u64,
        call: &CpeCall,
        message: AcsMessage,
    ) -> Result<(), SessionFailure> {
        match &message.body {
            AcsBody::Fault(_) => self.go_on(),
            AcsBody::Response(response) if acknowledges(call, response, &self.profile) => {
                check_understood(&message)?;
                self.commit(Delivered::Call(id), false);
            }
            other => return Err(out_of_place("the response to its report", other)),
        }
        Ok(())
    }

    /// An ACS that refuses to tell its methods has none but those that it must have.
    fn methods_answered(&mut self, message: AcsMessage) -> Result<(), SessionFailure> {
        match &message.body {
            AcsBody::Fault(_) => self.methods_known(&[], false),
            AcsBody::Response(AcsResponse::GetRpcMethods(methods)) => {
                check_understood(&message)?;
                self.methods_known(methods, false);
            }
            other => return Err(out_of_place("a GetRPCMethodsResponse", other)),
        }
        Ok(())
    }

    /// Lays aside what the ACS has no method for (cwmp.md M11).
    fn methods_known(&mut self, methods: &[String], is_through: bool) {
        self.lay_aside(|call| {
            !is_required(call) && methods.iter().all(|known| known != call.method())
        });
        let unlisted = std::mem::take(&mut self.unlisted);
        match (unlisted.is_empty(), is_through) {
            (false, _) => self.commit(Delivered::Unlisted(unlisted), is_through),
            (true, true) => self.end(SessionEnd::Complete),
            (true, false) => self.go_on(),
        }
    }

    /// Takes calls out that the ACS does not have the method for.
    fn lay_aside(&mut self, lacks: impl Fn(&CpeCall) -> bool) {
        let unlisted = &mut self.unlisted;
        self.calls.retain(|(id, call)| {
            let is_lacking = lacks(call);
            if is_lacking {
                unlisted.push(*id);
            }
            !is_lacking
        });
    }

    fn acs_speaks(&mut self, message: AcsMessage) -> Result<(), SessionFailure> {
        let version = self.version;
        let id = message.id;
        let id_text = id.as_deref();
        let refusal = match (message.must_understand_unknown, message.body) {
            (_, body @ (AcsBody::Response(_) | AcsBody::Fault(_))) => {
                return Err(out_of_place("a request or an empty answer", &body));
            }
            (Some(header), _) => encode_must_understand_fault(version, id_text, &header),
            (None, AcsBody::BadRequest { method, fault }) => {
                let fault = refusal_of(&method, version).unwrap_or(fault);
                encode_fault(version, id_text, &fault)
            }
            (None, AcsBody::Request(request)) => match refused(&request, version) {
                Some(fault) => encode_fault(version, id_text, &fault),
                None => {
                    self.state = State::Executing { id, request };
                    return Ok(());
                }
            },
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
        let Some((_, call)) = self.calls.front() else {
            return false;
        };
        if !self.asked_methods && !is_required(call) {
            self.asked_methods = true;
            self.request(&CpeRequest::GetRpcMethods, Awaited::Methods);
            return true;
        }
        let Some((id, call)) = self.calls.pop_front() else {
            return false;
        };
        self.request(&CpeRequest::Call(call.clone()), Awaited::Call(id, call));
        true
    }

    fn request(&mut self, request: &CpeRequest, awaited: Awaited) {
        self.requests += 1;
        let id = format!("{:016x}-{}", self.id_seed, self.requests);
        let voice = Voice {
            version: self.version,
            session_timeout: self.profile.session_timeout,
        };
        self.send(Some(encode_request(voice, &id, request)), awaited);
    }

    fn send(&mut self, body: Option<Outgoing>, awaited: Awaited) {
        self.state = State::Sending {
            body,
            awaited,
            sends: 1,
        };
    }

    fn commit(&mut self, delivered: Delivered, then_end: bool) {
        self.state = State::Committing {
            delivered,
            then_end,
        };
    }

    fn end(&mut self, end: SessionEnd) {
        self.state = State::Ended(end);
    }
}

fn asks_for_retry(body: &AcsBody) -> bool {
    matches!(body, AcsBody::Fault(fault) if fault.asks_for_retry())
}

/// Whether every ACS has the method.
fn is_required(call: &CpeCall) -> bool {
    matches!(call, CpeCall::TransferComplete(_))
}

/// What can be refused without asking the gateway: what no CPE of this version does.
fn refused(request: &AcsRequest, version: CwmpVersion) -> Option<Fault> {
    if let AcsRequest::Unsupported(method) = request {
        let text = format!("the method {method} is not supported");
        return Some(Fault::new(FaultCode::MethodNotSupported, text));
    }
    if let AcsRequest::SetParameterAttributes(entries) = request
        && version < CwmpVersion::V1_4
        && let Some(number) = entries
            .iter()
            .filter_map(|entry| entry.notification)
            .find(|number| *number > i64::from(Notification::Active.number()))
    {
        let text = format!("notification {number} is none of 0, 1 and 2 of CWMP {version}");
        return Some(Fault::new(FaultCode::InvalidArguments, text));
    }
    refusal_of(request.method(), version)
}

/// The refusal of a method that the version does not have.
fn refusal_of(method: &str, version: CwmpVersion) -> Option<Fault> {
    (CwmpVersion::of_method(method) > version).then(|| {
        let text = format!("CWMP {version} does not have the method {method}");
        Fault::new(FaultCode::MethodNotSupported, text)
    })
}
