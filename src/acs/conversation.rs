//! One peer asked again and again: an [`Exchange`] with the connection that it needs.

use std::time::Duration;

use bytes::Bytes;

use super::body::{Content, RequestBody};
use super::connect::{
    AddressRule, BodyFailure, ConnectFailure, Connection, Connector, SendFailure, header_texts,
    read_body,
};
use crate::cwmp::{Exchange, ExchangeFailure, RetryAfter, Verdict};
use crate::wire::digest::BodyPieces;

/// Largest body of a challenge or redirect that is read to keep the connection.
const MAX_ASIDE_BYTES: usize = 256 * 1024;
/// Longest entity tag that is remembered.
const MAX_ENTITY_TAG: usize = 256;
/// Time for such a body.
const ASIDE_DEADLINE: Duration = Duration::from_secs(30);

/// No answer could be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConversationFailure {
    #[error(transparent)]
    Connect(#[from] ConnectFailure),
    #[error(transparent)]
    Send(#[from] SendFailure),
    #[error(transparent)]
    Exchange(#[from] ExchangeFailure),
    #[error("after status {status}: {source}")]
    Body { status: u16, source: BodyFailure },
    #[error("cannot get random bytes: {0}")]
    Random(getrandom::Error),
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    /// When the server wants to be asked again.
    pub(super) retry_after: Option<RetryAfter>,
    /// What the server calls this state of what it has sent.
    pub(super) entity_tag: Option<String>,
}

fn retry_after(headers: &[(String, String)]) -> Option<RetryAfter> {
    headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
        .and_then(|(_, value)| RetryAfter::parse(value))
}

fn entity_tag(headers: &[(String, String)]) -> Option<String> {
    let mut headers = headers.iter();
    let found = headers.find(|(name, _)| name.eq_ignore_ascii_case("etag"));
    let tag = found.map(|(_, value)| value.trim().to_owned());
    tag.filter(|tag| tag.len() <= MAX_ENTITY_TAG)
}

/// What an answer may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes of its body.
    pub(super) bytes: usize,
    /// From its head to its end.
    pub(super) deadline: Duration,
}

/// The conversation of one session or transfer.
pub(super) struct Conversation<'a> {
    connector: &'a Connector,
    rule: AddressRule<'a>,
    exchange: Exchange,
    connection: Option<Connection>,
    /// Client nonce of the connection (cwmp.md H16).
    cnonce: String,
}

impl<'a> Conversation<'a> {
    /// Nothing is sent yet.
    pub(super) fn new(connector: &'a Connector, rule: AddressRule<'a>, exchange: Exchange) -> Self {
        Self {
            connector,
            rule,
            exchange,
            connection: None,
            cnonce: String::new(),
        }
    }

    /// Sends a request until its response is neither a challenge nor a redirect, and gives that
    /// one's status and body. The connection stays for the next request; when the server has
    /// closed it between two requests, the next goes over a new one (conformance check C027).
    pub(super) async fn ask(
        &mut self,
        body: Option<&Bytes>,
        limits: Limits,
    ) -> Result<(u16, Bytes), ConversationFailure> {
        let content = body.cloned().map(Content::Whole);
        let answer = self.exchange(content.as_ref(), limits).await?;
        Ok((answer.status, answer.body))
    }

    /// The same for a file, without a body of its own.
    pub(super) async fn fetch(&mut self, limits: Limits) -> Result<Answer, ConversationFailure> {
        self.exchange(None, limits).await
    }

    /// The same with a message, or with what stands for none.
    pub(super) async fn tell(
        &mut self,
        message: Option<&Content>,
        limits: Limits,
    ) -> Result<Answer, ConversationFailure> {
        self.exchange(message, limits).await
    }

    async fn exchange(
        &mut self,
        content: Option<&Content>,
        limits: Limits,
    ) -> Result<Answer, ConversationFailure> {
        loop {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => {
                    self.cnonce = format!(
                        "{:016x}",
                        getrandom::u64().map_err(ConversationFailure::Random)?
                    );
                    self.connector.open(self.exchange.url(), self.rule).await?
                }
            };
            let covered = content.map(|content| content as &dyn BodyPieces);
            let request = self.exchange.request(covered, &self.cnonce);
            let body = content.map_or_else(RequestBody::empty, Content::body);
            let response = match connection.send(&request, body).await {
                Err(SendFailure::ClosedBetween) => continue,
                other => other?,
            };
            let status = response.status().as_u16();
            let headers = header_texts(&response);
            let verdict = self.exchange.on_response(status, &headers);
            let body = response.into_body();
            match verdict {
                Verdict::Fail(failure) => return Err(failure.into()),
                Verdict::Reply => {
                    let body = read_body(body, limits.bytes, limits.deadline)
                        .await
                        .map_err(|source| ConversationFailure::Body { status, source })?;
                    self.connection = Some(connection);
                    return Ok(Answer {
                        status,
                        body,
                        retry_after: retry_after(&headers),
                        entity_tag: entity_tag(&headers),
                    });
                }
                Verdict::Repeat { new_connection } => {
                    let aside = read_body(body, MAX_ASIDE_BYTES, ASIDE_DEADLINE).await;
                    if !new_connection && aside.is_ok() {
                        self.connection = Some(connection);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio_rustls::TlsAcceptor;
    use url::Url;

    use super::super::scripted::{Scripted, Then, answer, certificate};
    use super::*;
    use crate::cwmp::{
        CpeResponse, CwmpVersion, MAX_PIECE, Outgoing, ParameterInfo, encode_response,
    };
    use crate::wire::Secret;
    use crate::wire::digest::{Challenge, ClientState, Credentials};

    const LIMITS: Limits = Limits {
        bytes: 1000,
        deadline: Duration::from_secs(5),
    };

    fn anywhere(_: &str, _: IpAddr) -> bool {
        true
    }

    fn exchange(url: Url) -> Exchange {
        let credentials = Credentials {
            username: "cpe".into(),
            password: Secret::new("pw"),
        };
        Exchange::new(url, credentials)
    }

    fn connector() -> Connector {
        Connector::new(None, None).unwrap()
    }

    #[tokio::test]
    async fn c027_a_connection_closed_between_two_exchanges_is_replaced() {
        let server = Scripted::start(None, |number, _| {
            let (bytes, _) = answer(200, "Set-Cookie: session=7\r\n", &number.to_string());
            (bytes, Then::Close)
        })
        .await;
        let connector = connector();
        let mut conversation = Conversation::new(&connector, &anywhere, exchange(server.url("/")));
        for number in 0..5 {
            let body = Bytes::from(format!("message {number}"));
            let (status, reply) = conversation.ask(Some(&body), LIMITS).await.unwrap();
            assert_eq!((status, &*reply), (200, number.to_string().as_bytes()));
        }
        let seen = server.seen();
        let connections: Vec<usize> = seen.iter().map(|seen| seen.connection).collect();
        let bodies: Vec<&str> = seen.iter().map(|seen| seen.body.as_str()).collect();
        assert_eq!(bodies[..2], ["message 0", "message 1"]);
        assert_eq!(connections.len(), 5, "{connections:?}");
        assert_eq!(seen[0].header("cookie"), None);
        assert_eq!(seen[4].header("cookie"), Some("session=7"));
    }

    #[tokio::test]
    async fn a_connection_that_breaks_on_its_first_request_is_a_failure() {
        let server = Scripted::start(None, |_, _| (Vec::new(), Then::Close)).await;
        let connector = connector();
        let mut conversation = Conversation::new(&connector, &anywhere, exchange(server.url("/")));
        assert!(matches!(
            conversation.ask(None, LIMITS).await,
            Err(ConversationFailure::Send(SendFailure::Broken(_)))
        ));
        assert_eq!(server.seen().len(), 1);
    }

    #[tokio::test]
    async fn c033_a_challenge_is_answered_on_the_same_connection() {
        let server = Scripted::start(None, |number, _| match number {
            0 => answer(
                401,
                "WWW-Authenticate: Digest realm=\"acs\",qop=\"auth\",nonce=\"n\"\r\n",
                "please log in",
            ),
            _ => answer(200, "", "welcome"),
        })
        .await;
        let connector = connector();
        let mut conversation =
            Conversation::new(&connector, &anywhere, exchange(server.url("/cwmp")));
        let body = Bytes::from_static(b"inform");
        let (_, reply) = conversation.ask(Some(&body), LIMITS).await.unwrap();
        assert_eq!(&*reply, b"welcome");
        conversation.ask(None, LIMITS).await.unwrap();

        let seen = server.seen();
        assert!(seen.iter().all(|seen| seen.connection == 0));
        assert_eq!(seen[0].header("authorization"), None);
        assert_eq!(seen[1].body, "inform");
        assert!(
            seen[1]
                .header("authorization")
                .unwrap()
                .contains("nc=00000001")
        );
        assert!(
            seen[2]
                .header("authorization")
                .unwrap()
                .contains("nc=00000002")
        );
        assert_eq!(seen[2].header("content-length"), Some("0"));
        assert_eq!(seen[2].header("soapaction"), None);
        assert_eq!(seen[1].header("soapaction"), Some(""));
        assert!(seen[0].head.starts_with("POST /cwmp HTTP/1.1\r\n"));
        let host = server.address.to_string();
        assert_eq!(seen[0].header("host"), Some(host.as_str()));
    }

    /// A message of several pieces.
    fn long_message() -> Outgoing {
        let name = |number: u32| ParameterInfo {
            name: format!("Device.X_TRESTLE_Native.Key{number}"),
            writable: true,
        };
        let names = CpeResponse::GetParameterNames((0..5_000).map(name).collect());
        encode_response(CwmpVersion::V1_2, Some("1"), names)
    }

    #[tokio::test]
    async fn c030_c035_a_long_message_goes_with_its_length_and_again_when_it_is_asked_for() {
        let server = Scripted::start(None, |number, _| match number {
            0 => answer(
                401,
                "WWW-Authenticate: Digest realm=\"acs\",qop=\"auth-int\",nonce=\"n\"\r\n",
                "",
            ),
            1 => answer(307, "Location: /moved\r\n", ""),
            _ => answer(503, "Retry-After: 60\r\n", ""),
        })
        .await;
        let connector = connector();
        let mut conversation = Conversation::new(&connector, &anywhere, exchange(server.url("/")));
        let message = long_message();
        assert!(message.length() > 4 * MAX_PIECE);
        let reply = conversation
            .tell(Some(&Content::of(message.clone())), LIMITS)
            .await;
        let reply = reply.unwrap();
        assert_eq!(
            (reply.status, reply.retry_after),
            (503, Some(RetryAfter::Seconds(60)))
        );
        let seen = server.seen();
        assert_eq!(seen.len(), 3);
        let length = message.length().to_string();
        for request in &seen {
            assert_eq!(request.header("content-length"), Some(length.as_str()));
            assert_eq!(request.body.as_bytes(), message.to_vec());
        }
        // The hash of the body is that of the whole, as one slice has it.
        let challenge = "Digest realm=\"acs\",qop=\"auth-int\",nonce=\"n\"";
        let challenge = Challenge::parse_all([challenge]).remove(0);
        let shown = seen[1].header("authorization").unwrap();
        let cnonce = shown.split("cnonce=\"").nth(1).unwrap();
        let cnonce = cnonce.split('"').next().unwrap();
        let credentials = Credentials {
            username: "cpe".into(),
            password: Secret::new("pw"),
        };
        let whole = message.to_vec();
        let wanted = ClientState::new(challenge).answer("POST", "/", &whole, &credentials, cnonce);
        assert_eq!(shown, wanted);
    }

    #[tokio::test]
    async fn c040_connection_close_moves_the_repeat_to_a_new_connection() {
        let server = Scripted::start(None, |number, _| match number {
            0 => answer(
                401,
                "Connection: close\r\nWWW-Authenticate: Basic realm=\"x\"\r\n",
                "",
            ),
            _ => answer(204, "", ""),
        })
        .await;
        let connector = connector();
        let mut conversation = Conversation::new(&connector, &anywhere, exchange(server.url("/")));
        assert_eq!(conversation.ask(None, LIMITS).await.unwrap().0, 204);
        let connections: Vec<usize> = server.seen().iter().map(|seen| seen.connection).collect();
        assert_eq!(connections, [0, 1]);
    }

    #[tokio::test]
    async fn c041_a_redirect_to_another_server_is_followed_with_the_same_body() {
        let target = Scripted::start(None, |_, _| answer(200, "", "here")).await;
        let location = format!("Location: {}\r\n", target.url("/new"));
        let server = Scripted::start(None, move |_, _| answer(307, &location, "")).await;
        let connector = connector();
        let mut conversation = Conversation::new(&connector, &anywhere, exchange(server.url("/")));
        let body = Bytes::from_static(b"inform");
        conversation.ask(Some(&body), LIMITS).await.unwrap();
        conversation.ask(None, LIMITS).await.unwrap();
        assert_eq!(server.seen().len(), 1);
        let seen = target.seen();
        assert_eq!(seen[0].body, "inform");
        assert!(seen[1].head.starts_with("POST /new "));
        assert_eq!(seen[1].connection, 0);
    }

    #[tokio::test]
    async fn c048_chunks_and_an_interim_response_are_understood() {
        let server = Scripted::start(None, |_, _| {
            let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\
                        TRANSFER-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
            (text.into(), Then::Keep)
        })
        .await;
        let connector = connector();
        let mut conversation = Conversation::new(&connector, &anywhere, exchange(server.url("/")));
        let (status, body) = conversation.ask(None, LIMITS).await.unwrap();
        assert_eq!((status, &*body), (200, &b"abcde"[..]));
    }

    #[tokio::test]
    async fn a_body_over_the_limit_or_cut_short_is_a_failure() {
        let server = Scripted::start(None, |number, _| match number {
            0 => answer(200, "", &"a".repeat(1001)),
            _ => (
                b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc".to_vec(),
                Then::Close,
            ),
        })
        .await;
        let connector = connector();
        let mut conversation = Conversation::new(&connector, &anywhere, exchange(server.url("/")));
        assert!(matches!(
            conversation.ask(None, LIMITS).await,
            Err(ConversationFailure::Body {
                source: BodyFailure::TooLarge { limit: 1000 },
                ..
            })
        ));
        assert!(matches!(
            conversation.ask(None, LIMITS).await,
            Err(ConversationFailure::Body {
                source: BodyFailure::Broken(_),
                ..
            })
        ));
    }

    /// Asks a TLS server as `host`, trusting `ca` beside the system's authorities.
    async fn ask_tls(
        acceptor: TlsAcceptor,
        ca: Option<String>,
        host: &str,
    ) -> (Result<(u16, Bytes), ConversationFailure>, Scripted) {
        let folder = tempfile::tempdir().unwrap();
        let ca_file = ca.map(|pem| {
            let path = folder.path().join("ca.pem");
            std::fs::write(&path, pem).unwrap();
            path
        });
        let connector = Connector::new(None, ca_file).unwrap();
        let server = Scripted::start(Some(acceptor), |_, _| answer(200, "", "secret")).await;
        let url = format!("https://{host}:{}/", server.address.port());
        let exchange = exchange(url.parse().unwrap());
        let result = Conversation::new(&connector, &anywhere, exchange)
            .ask(None, LIMITS)
            .await;
        (result, server)
    }

    #[tokio::test]
    async fn c188_nothing_is_sent_to_a_server_with_a_wrong_certificate() {
        let (ca, acceptor) = certificate("localhost");
        let (result, _) = ask_tls(acceptor.clone(), Some(ca.clone()), "localhost").await;
        assert_eq!(result.unwrap().0, 200);

        let (result, server) = ask_tls(acceptor.clone(), None, "localhost").await;
        let error = result.unwrap_err();
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
        assert_eq!(server.seen().len(), 0);

        let (result, server) = ask_tls(acceptor, Some(ca), "127.0.0.1").await;
        let error = result.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
        assert!(matches!(
            error,
            ConversationFailure::Connect(ConnectFailure::Tls { .. })
        ));
        assert_eq!(server.seen().len(), 0);
    }

    #[tokio::test]
    async fn a_refused_port_and_an_unknown_name_are_named_in_the_error() {
        let connector = connector();
        for (url, part) in [
            ("http://127.0.0.1:1/", "127.0.0.1:1"),
            ("http://no-such-host.invalid/", "no-such-host.invalid"),
        ] {
            let exchange = exchange(url.parse().unwrap());
            let error = Conversation::new(&connector, &anywhere, exchange)
                .ask(None, LIMITS)
                .await
                .unwrap_err();
            assert!(matches!(error, ConversationFailure::Connect(_)));
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
