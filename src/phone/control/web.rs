//! Requests to a phone's own web server, one after the other, as a mapping pack describes them.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use hyper::header::{HeaderMap, SET_COOKIE, WWW_AUTHENTICATE};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use crate::gateway::{ControlOutcome, WebAim};
use crate::mapping::{HttpBody, HttpStep};
use crate::wire::Credentials;
use crate::wire::cookies::CookieJar;
use crate::wire::digest::{Challenge, ClientState};

/// Connecting.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// One request and its answer.
const EXCHANGE_DEADLINE: Duration = Duration::from_secs(15);
/// Head of an answer, in bytes.
const MAXIMUM_HEAD: usize = 16 * 1024;
/// Body of an answer, in bytes.
pub(super) const MAXIMUM_BODY: usize = 64 * 1024;

/// The values of names in a pack's texts.
type Names = BTreeMap<String, Zeroizing<String>>;

/// Carries the requests out. Redirects are not followed: what the phone is shown is for the phone.
pub(super) async fn tell(address: IpAddr, aim: &WebAim, steps: &[HttpStep]) -> ControlOutcome {
    let mut visit = Visit {
        target: SocketAddr::new(address, aim.port),
        aim,
        cookies: CookieJar::default(),
        names: Names::new(),
    };
    if let Some(credentials) = &aim.credentials {
        let password = credentials.password.expose().to_owned();
        let user = credentials.username.clone();
        visit.names.insert("user".to_owned(), user.into());
        visit.names.insert("password".to_owned(), password.into());
    } else if steps.iter().any(needs_login) {
        return ControlOutcome::NotSent {
            reason: "no login to the phone's web server is known".to_owned(),
        };
    }
    for step in steps {
        if let Err(end) = visit.take_step(step).await {
            return end;
        }
    }
    ControlOutcome::Accepted
}

fn needs_login(step: &HttpStep) -> bool {
    let named = |text: &str| text.contains("{user}") || text.contains("{password}");
    named(&step.target)
        || match &step.body {
            HttpBody::None => false,
            HttpBody::Form(fields) => fields.iter().any(|(_, value)| named(value)),
            HttpBody::Json(text) => named(text),
        }
}

/// The requests of one means to one phone.
struct Visit<'a> {
    target: SocketAddr,
    aim: &'a WebAim,
    cookies: CookieJar,
    names: Names,
}

/// An answer, read to its end.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

/// A request as it goes out.
struct Filled {
    method: &'static str,
    target: String,
    content_type: Option<&'static str>,
    body: Bytes,
}

impl Visit<'_> {
    async fn take_step(&mut self, step: &HttpStep) -> Result<(), ControlOutcome> {
        let request = self.fill(step);
        let mut answer = self.exchange(&request, None).await?;
        if answer.status == 401
            && let Some(authorization) = self.authorize(&request, &answer)?
        {
            answer = self.exchange(&request, Some(&authorization)).await?;
        }
        let status = answer.status;
        if !(200..300).contains(&status) {
            return Err(ControlOutcome::Refused { status });
        }
        if step.take.is_empty() {
            return Ok(());
        }
        // A login page, or whatever it is, ends here.
        let json: serde_json::Value = serde_json::from_slice(&answer.body)
            .map_err(|_| unexpected(format!("{} is not answered with JSON", step.target)))?;
        for (name, pointer) in &step.take {
            let value = match json.pointer(pointer) {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(serde_json::Value::Number(number)) => number.to_string(),
                _ => {
                    let reason = format!("the answer to {} has no {pointer}", step.target);
                    return Err(unexpected(reason));
                }
            };
            self.names.insert(name.clone(), value.into());
        }
        Ok(())
    }

    fn fill(&self, step: &HttpStep) -> Filled {
        let escaped = |value: &str| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
        let (content_type, body) = match &step.body {
            HttpBody::None => (None, String::new()),
            HttpBody::Form(fields) => {
                let mut form = Serializer::new(String::new());
                for (name, value) in fields {
                    form.append_pair(name, &fill(value, &self.names, str::to_owned));
                }
                (Some("application/x-www-form-urlencoded"), form.finish())
            }
            HttpBody::Json(text) => {
                let text = fill(text, &self.names, in_json);
                (Some("application/json"), text)
            }
        };
        Filled {
            method: step.method,
            target: fill(&step.target, &self.names, escaped),
            content_type,
            body: Bytes::from(body),
        }
    }

    /// The answer to a challenge; `None` when there is none to give.
    fn authorize(
        &self,
        request: &Filled,
        answer: &Answer,
    ) -> Result<Option<String>, ControlOutcome> {
        let asked = answer.headers.get_all(WWW_AUTHENTICATE).iter();
        let asked = asked.filter_map(|value| value.to_str().ok());
        let challenges = Challenge::parse_all(asked).into_iter().filter(|challenge| {
            self.aim.may_show_password || matches!(challenge, Challenge::Digest(_))
        });
        let Some(challenge) = Challenge::strongest(challenges) else {
            return Ok(None);
        };
        let Some(credentials) = &self.aim.credentials else {
            return Ok(None);
        };
        let cnonce = getrandom::u64().map_err(|error| ControlOutcome::NotSent {
            reason: format!("no random numbers: {error}"),
        })?;
        Ok(Some(answer_to(challenge, request, credentials, cnonce)))
    }

    async fn exchange(
        &mut self,
        request: &Filled,
        authorization: Option<&str>,
    ) -> Result<Answer, ControlOutcome> {
        let target = self.target;
        let connected = timeout(CONNECT_DEADLINE, TcpStream::connect(target)).await;
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(ControlOutcome::NotSent {
                    reason: format!("connecting to {target}: {error}"),
                });
            }
            // One that is off does not refuse.
            Err(_) => return Err(ControlOutcome::NoAnswer),
        };
        let url = format!("http://{target}{}", request.target);
        let url: Url = url
            .parse()
            .map_err(|error| unexpected(format!("{target} makes no URL: {error}")))?;
        let mut builder = hyper::Request::builder()
            .method(request.method)
            .uri(&request.target)
            .header(HOST, target.to_string())
            .header(USER_AGENT, concat!("trestle/", env!("CARGO_PKG_VERSION")))
            .header(CONNECTION, "close");
        if let Some(content_type) = request.content_type {
            builder = builder.header(CONTENT_TYPE, content_type);
        }
        if let Some(cookies) = self.cookies.header(&url) {
            builder = builder.header(COOKIE, cookies);
        }
        if let Some(authorization) = authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        let outgoing = builder
            .body(Full::new(request.body.clone()))
            .map_err(|error| ControlOutcome::NotSent {
                reason: format!("the request cannot be written: {error}"),
            })?;
        let answer = timeout(EXCHANGE_DEADLINE, converse(stream, outgoing)).await;
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(Broken::TooLong)) => {
                let reason = format!("its answer is longer than {MAXIMUM_BODY} bytes");
                return Err(unexpected(reason));
            }
            // A phone that restarts does not end what it was saying.
            Ok(Err(Broken::Connection)) | Err(_) => return Err(ControlOutcome::NoAnswer),
        };
        for cookie in answer.headers.get_all(SET_COOKIE) {
            if let Ok(cookie) = cookie.to_str() {
                self.cookies.store(&url, cookie);
            }
        }
        Ok(answer)
    }
}

/// Why there is no whole answer.
enum Broken {
    TooLong,
    Connection,
}

impl From<hyper::Error> for Broken {
    fn from(_: hyper::Error) -> Self {
        Self::Connection
    }
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Connection
    }
}

async fn converse(
    stream: TcpStream,
    request: hyper::Request<Full<Bytes>>,
) -> Result<Answer, Broken> {
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAXIMUM_HEAD)
        .handshake(TokioIo::new(stream))
        .await?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = match Limited::new(body, MAXIMUM_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(Broken::TooLong),
            Err(_) => return Err(Broken::Connection),
        };
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    tokio::select! {
        done = &mut exchange => done,
        closed = &mut connection => {
            // What has been read by then may be the whole answer.
            closed?;
            exchange.await
        }
    }
}

fn answer_to(
    challenge: Challenge,
    request: &Filled,
    credentials: &Credentials,
    cnonce: u64,
) -> String {
    ClientState::new(challenge).answer(
        request.method,
        &request.target,
        &request.body,
        credentials,
        &format!("{cnonce:016x}"),
    )
}

fn unexpected(reason: String) -> ControlOutcome {
    ControlOutcome::Unexpected { reason }
}

/// A text with the names in braces replaced. What is put in is not looked through again.
fn fill(text: &str, names: &Names, escape: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let named = after.split_once('}');
        let value = named.and_then(|(name, after)| Some((names.get(name)?, after)));
        match value {
            Some((value, after)) => {
                filled.push_str(&escape(value));
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// A value inside a string of a JSON text.
fn in_json(value: &str) -> String {
    let text = serde_json::Value::from(value).to_string();
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}
