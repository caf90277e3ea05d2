//! Runs the sessions that are due: one task and one connection each.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::body::Content;
use super::connect::{Connector, RESPONSE_DEADLINE, SendFailure};
use super::conversation::{Conversation, ConversationFailure, Limits};
use super::lane::{Lane, Turn};
use super::pace::Verdict;
use super::settings::AcsSettings;
use super::trust::ConnectorError;
use super::work::{contained, run_jobs};
use crate::cwmp::{
    AcsRequest, CpeResponse, Delivered, Exchange, Fault, MAX_BODY, Reply, Session, SessionEnd,
    SessionFailure, SessionStart, Step, VersionDoubt,
};
use crate::gateway::{
    Delivery, Direction, Gateway, GatewayError, OpenSession, SessionOutcome, TraceId,
};
use crate::native::Mac;

/// How long a session may last: an ACS that never ends one must not keep others from theirs.
const SESSION_DEADLINE: Duration = Duration::from_secs(3600);
/// The gateway's time for one request of the ACS, or for one delivery to be on disk.
const GATEWAY_DEADLINE: Duration = Duration::from_secs(60);
const REPLY_LIMITS: Limits = Limits {
    bytes: MAX_BODY,
    deadline: RESPONSE_DEADLINE,
};

/// Holds the sessions of all devices, some at once with each ACS.
pub struct Driver {
    gateway: Gateway,
    /// By the ACS's number.
    acss: Vec<Side>,
}

/// What sessions with one ACS need. A slow ACS fills its own lane and holds nobody else up.
struct Side {
    connector: Arc<Connector>,
    max_sessions: u16,
    due: Arc<Lane>,
}

impl Driver {
    /// Reads certificates and keys; opens nothing yet. The settings are those of each ACS, in the
    /// order of [`AcsNumber`](crate::gateway::AcsNumber).
    pub fn new(gateway: Gateway, settings: &[AcsSettings]) -> Result<Self, ConnectorError> {
        let now = gateway.clock().now();
        let side = |settings: &AcsSettings| {
            Ok::<_, ConnectorError>(Side {
                connector: Arc::new(Connector::for_acs(settings)?),
                max_sessions: settings.max_sessions.get(),
                due: Arc::new(Lane::new(
                    settings.max_sessions,
                    settings.max_sessions_per_second,
                    now,
                )),
            })
        };
        Ok(Self {
            gateway,
            acss: settings.iter().map(side).collect::<Result<_, _>>()?,
        })
    }

    /// Holds sessions as they fall due, until `shutdown`. Those under way then get a few seconds
    /// to end.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { gateway, acss } = self;
        let mut running = JoinSet::new();
        for side in &acss {
            let (gateway, connector) = (gateway.clone(), Arc::clone(&side.connector));
            let (due, shutdown) = (Arc::clone(&side.due), shutdown.clone());
            let max_sessions = side.max_sessions;
            running.spawn(async move {
                run_jobs(
                    max_sessions,
                    shutdown,
                    || due.next(gateway.clock()),
                    |turn| run_one(gateway.clone(), Arc::clone(&connector), turn),
                )
                .await;
            });
        }
        let distribute = async {
            loop {
                let due = gateway.next_session().await;
                match acss.get(gateway.acs_number(due.mac).0) {
                    Some(side) => side.due.add(due),
                    None => {
                        tracing::error!(device = %due.mac, "no ACS of the device's number is there");
                    }
                }
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = distribute => {}
            // A lane ends before that only by a panic, and then the gateway has to stop.
            Some(Err(error)) = running.join_next() => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
        while running.join_next().await.is_some() {}
    }
}

/// One device's session from opening to closing. Whatever goes wrong inside ends this session
/// and no other.
async fn run_one(gateway: Gateway, connector: Arc<Connector>, turn: Turn) {
    let mac = turn.mac();
    let open = match gateway.open_session(mac).await {
        Ok(Some(open)) => open,
        Ok(None) => return,
        Err(error) => {
            tracing::error!(device = %mac, %error, "a session cannot be opened");
            return;
        }
    };
    let trace = gateway.begin_trace(mac, &open.endpoint.url);
    let counterpart = Device {
        gateway: gateway.clone(),
        mac,
        trace,
    };
    let held = contained(async move {
        let held = timeout(SESSION_DEADLINE, hold(&connector, &counterpart, open)).await;
        held.unwrap_or_else(|_| failed("the ACS keeps the session open without an end"))
    })
    .await;
    let outcome = held.unwrap_or_else(|error| {
        tracing::error!(device = %mac, %error, "a session panicked");
        failed("internal error of the gateway")
    });
    match &outcome {
        SessionOutcome::Ended => tracing::debug!(device = %mac, "session ended"),
        SessionOutcome::Failed { reason, .. } => {
            tracing::info!(device = %mac, reason, "session failed");
        }
    }
    let now = gateway.clock().now();
    turn.ended(verdict(&outcome, now), now);
    gateway.end_trace(trace, &outcome);
    gateway.close_session(mac, outcome).await;
}

/// What the end of a session tells of its ACS.
fn verdict(outcome: &SessionOutcome, now: Timestamp) -> Verdict {
    match outcome {
        SessionOutcome::Ended => Verdict::Good,
        SessionOutcome::Failed {
            retry_after: Some(asked),
            ..
        } => Verdict::Busy(asked.wait(now)),
        SessionOutcome::Failed { .. } => Verdict::Failed,
    }
}

/// What a session asks of the gateway.
trait Counterpart: Sync {
    fn execute(
        &self,
        request: AcsRequest,
    ) -> impl Future<Output = Result<CpeResponse, Fault>> + Send;
    fn delivered(
        &self,
        delivery: Delivery,
    ) -> impl Future<Output = Result<(), GatewayError>> + Send;
    /// A message has gone over the wire, `status` with one of the ACS: for whoever watches.
    fn seen(
        &self,
        _direction: Direction,
        _status: Option<u16>,
        _length: usize,
        _body: impl FnOnce() -> Vec<u8>,
    ) {
    }
}

/// One device of the gateway.
struct Device {
    gateway: Gateway,
    mac: Mac,
    trace: TraceId,
}

impl Counterpart for Device {
    async fn execute(&self, request: AcsRequest) -> Result<CpeResponse, Fault> {
        self.gateway.execute(self.mac, request).await
    }

    async fn delivered(&self, delivery: Delivery) -> Result<(), GatewayError> {
        self.gateway.delivered(self.mac, delivery).await
    }

    fn seen(
        &self,
        direction: Direction,
        status: Option<u16>,
        length: usize,
        body: impl FnOnce() -> Vec<u8>,
    ) {
        self.gateway
            .trace(self.trace, direction, status, length, body);
    }
}

/// Does what the session machine says until it has ended.
async fn hold(
    connector: &Connector,
    counterpart: &impl Counterpart,
    open: OpenSession,
) -> SessionOutcome {
    let id_seed = match getrandom::u64() {
        Ok(seed) => seed,
        Err(error) => return failed(format!("cannot get random bytes: {error}")),
    };
    let anywhere = |_: &str, _: IpAddr| true;
    let exchange = Exchange::new(open.endpoint.url, open.endpoint.credentials);
    let mut conversation = Conversation::new(connector, &anywhere, exchange);
    let calls = open.calls.into_iter();
    let mut session = Session::new(SessionStart {
        inform: open.inform,
        calls: calls.map(|pending| (pending.id, pending.call)).collect(),
        version: open.version,
        profile: open.endpoint.profile,
        id_seed,
    });
    loop {
        match session.poll() {
            Step::Send(message) => {
                let content = message.map(Content::of);
                let length = content.as_ref().map_or(0, Content::length);
                counterpart.seen(Direction::Sent, None, length, || {
                    content.as_ref().map_or_else(Vec::new, Content::to_vec)
                });
                match conversation.tell(content.as_ref(), REPLY_LIMITS).await {
                    Ok(answer) => {
                        let (status, body) = (answer.status, &answer.body);
                        counterpart.seen(Direction::Received, Some(status), body.len(), || {
                            body.to_vec()
                        });
                        session.on_reply(Reply {
                            status,
                            body,
                            retry_after: answer.retry_after,
                        });
                    }
                    Err(failure) => session.on_failure(session_failure(&failure)),
                }
            }
            Step::Execute(request) => {
                match timeout(GATEWAY_DEADLINE, counterpart.execute(request)).await {
                    Ok(result) => session.on_result(result),
                    Err(_) => return failed("the gateway did not carry out a request in time"),
                }
            }
            Step::Commit(delivered) => {
                let delivery = match delivered {
                    Delivered::Inform => Delivery::Inform,
                    Delivered::Call(id) => Delivery::Call(id),
                    Delivered::Unlisted(ids) => Delivery::Unlisted(ids),
                };
                match timeout(GATEWAY_DEADLINE, counterpart.delivered(delivery)).await {
                    Ok(Ok(())) => session.on_committed(),
                    Ok(Err(error)) => return failed(format!("cannot note a delivery: {error}")),
                    Err(_) => return failed("the gateway did not note a delivery in time"),
                }
            }
            Step::Finish(SessionEnd::Complete) => return SessionOutcome::Ended,
            Step::Finish(SessionEnd::Failed(failure)) => {
                return SessionOutcome::Failed {
                    reason: failure.to_string(),
                    retry_after: failure.retry_after(),
                    version_doubt: session.version_doubt(),
                };
            }
        }
    }
}

fn session_failure(failure: &ConversationFailure) -> SessionFailure {
    match failure {
        ConversationFailure::Send(SendFailure::Deadline) => SessionFailure::Silence {
            seconds: RESPONSE_DEADLINE.as_secs(),
        },
        other => SessionFailure::Transport {
            reason: other.to_string(),
        },
    }
}

fn failed(reason: impl Into<String>) -> SessionOutcome {
    SessionOutcome::Failed {
        reason: reason.into(),
        retry_after: None,
        version_doubt: VersionDoubt::None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::scripted::{Scripted, Seen, Then, answer};
    use super::*;
    use crate::cwmp::{
        CpeCall, CwmpVersion, DeviceId, Event, EventCode, FaultCode, Inform, TransferComplete,
    };
    use crate::gateway::{AcsEndpoint, AcsNumber, PendingCall};
    use crate::wire::Credentials;
    use crate::wire::Secret;

    /// Answers GetRPCMethods, refuses all else, and notes what it is asked.
    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Notes {
        fn taken(&self) -> Vec<String> {
            self.0.lock().unwrap().clone()
        }

        fn take(&self, note: String) {
            self.0.lock().unwrap().push(note);
        }
    }

    impl Counterpart for Notes {
        async fn execute(&self, request: AcsRequest) -> Result<CpeResponse, Fault> {
            self.take(format!("{request:?}"));
            match request {
                AcsRequest::GetRpcMethods => Ok(CpeResponse::GetRpcMethods(vec!["Inform".into()])),
                _ => Err(Fault::new(FaultCode::MethodNotSupported, "no")),
            }
        }

        async fn delivered(&self, delivery: Delivery) -> Result<(), GatewayError> {
            self.take(format!("{delivery:?}"));
            Ok(())
        }
    }

    fn open(server: &Scripted) -> OpenSession {
        let inform = Inform {
            device_id: DeviceId {
                manufacturer: "Maker".into(),
                oui: "00AABB".into(),
                product_class: "P1".into(),
                serial_number: "00AABBCCDDEE".into(),
            },
            events: vec![Event {
                code: EventCode::Periodic,
                command_key: String::new(),
            }],
            current_time: Timestamp::UNIX_EPOCH,
            retry_count: 0,
            parameters: Vec::new(),
        };
        let report = TransferComplete {
            command_key: "key".into(),
            fault: None,
            start_time: None,
            complete_time: None,
        };
        OpenSession {
            mac: "00aabbccddee".parse().unwrap(),
            endpoint: AcsEndpoint {
                url: server.url("/acs"),
                credentials: Credentials {
                    username: "cpe".into(),
                    password: Secret::new("pw"),
                },
                profile: Arc::default(),
                number: AcsNumber::default(),
            },
            inform,
            version: CwmpVersion::V1_4,
            calls: vec![PendingCall {
                id: 9,
                call: CpeCall::TransferComplete(report),
            }],
        }
    }

    fn envelope(id: &str, body: &str) -> String {
        format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:c=\"urn:dslforum-org:cwmp-1-2\"><s:Header>\
             <c:ID s:mustUnderstand=\"1\">{id}</c:ID></s:Header><s:Body>{body}</s:Body>\
             </s:Envelope>"
        )
    }

    /// An ACS that acknowledges, asks for the methods once, and ends.
    fn plain_acs(number: usize, seen: &Seen) -> (Vec<u8>, Then) {
        let id = seen
            .body
            .split_once("ID ")
            .and_then(|(_, rest)| rest.split_once('>'))
            .and_then(|(_, rest)| rest.split_once('<'))
            .map_or("", |(id, _)| id);
        let session = "Set-Cookie: session=1a2b\r\n";
        if seen.body.contains(":Inform>") {
            let done = "<c:InformResponse><MaxEnvelopes>1</MaxEnvelopes></c:InformResponse>";
            answer(200, session, &envelope(id, done))
        } else if seen.header("cookie") != Some("session=1a2b") {
            answer(400, "", "Invalid session")
        } else if seen.body.contains(":TransferComplete>") {
            answer(200, "", &envelope(id, "<c:TransferCompleteResponse/>"))
        } else if seen.body.is_empty() && number < 4 {
            answer(200, "", &envelope("77", "<c:GetRPCMethods/>"))
        } else {
            answer(204, "Connection: close\r\n", "")
        }
    }

    async fn held(server: &Scripted, notes: &Notes) -> SessionOutcome {
        let connector = Connector::new(None, None).unwrap();
        hold(&connector, notes, open(server)).await
    }

    #[tokio::test]
    async fn c014_c019_a_whole_session_goes_over_one_connection_in_the_right_order() {
        let server = Scripted::start(None, plain_acs).await;
        let notes = Notes::default();
        assert_eq!(held(&server, &notes).await, SessionOutcome::Ended);
        assert_eq!(notes.taken(), ["Inform", "Call(9)", "GetRpcMethods"]);
        let seen = server.seen();
        assert!(seen.iter().all(|seen| seen.connection == 0));
        let parts = [
            ":Inform>",
            ":TransferComplete>",
            "",
            ":GetRPCMethodsResponse>",
        ];
        assert_eq!(seen.len(), parts.len());
        for (seen, part) in seen.iter().zip(parts) {
            assert!(seen.body.contains(part), "{part}: {}", seen.body);
            assert_eq!(seen.body.is_empty(), part.is_empty());
        }
    }

    #[tokio::test]
    async fn c027_the_session_goes_on_when_the_acs_closes_between_exchanges() {
        let server = Scripted::start(None, |number, seen| {
            let (bytes, _) = plain_acs(number, seen);
            (bytes, Then::Close)
        })
        .await;
        let notes = Notes::default();
        assert_eq!(held(&server, &notes).await, SessionOutcome::Ended);
        let seen = server.seen();
        assert_eq!(seen.len(), 4);
        assert_eq!(
            seen.iter()
                .filter(|seen| seen.body.contains(":Inform>"))
                .count(),
            1
        );
    }

    #[tokio::test]
    async fn c036_wrong_credentials_end_the_session_after_two_tries() {
        let server = Scripted::start(None, |_, _| {
            answer(
                401,
                "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n",
                "",
            )
        })
        .await;
        let notes = Notes::default();
        let SessionOutcome::Failed { reason, .. } = held(&server, &notes).await else {
            panic!("the session ended well");
        };
        assert!(reason.contains("password is wrong"), "{reason}");
        assert_eq!(server.seen().len(), 2);
        assert!(notes.taken().is_empty());
    }

    #[tokio::test]
    async fn c025_c046_unusable_answers_fail_the_session_and_deliver_nothing() {
        for (status, body) in [
            (503, String::new()),
            (400, "Invalid session".to_owned()),
            (200, "no XML".to_owned()),
            (200, "a".repeat(5 * 1024 * 1024)),
            (204, String::new()),
        ] {
            let server = Scripted::start(None, move |_, _| answer(status, "", &body)).await;
            let notes = Notes::default();
            let outcome = held(&server, &notes).await;
            assert!(matches!(outcome, SessionOutcome::Failed { .. }), "{status}");
            assert!(notes.taken().is_empty());
        }
    }
}
