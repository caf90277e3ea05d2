//! File transfers that the ACS ordered: GET for Download, PUT for Upload (cwmp.md M90–M112).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::connect::{BodyFailure, ConnectFailure, Connector, SendFailure};
use super::conversation::{Answer, Conversation, ConversationFailure, Limits};
use super::settings::{AcsSettings, AllowedTarget, TransferSettings};
use super::trust::ConnectorError;
use super::work::{contained, run_jobs};
use crate::cwmp::{Exchange, ExchangeFailure, FaultCode, TransferFault};
use crate::gateway::{Carried, Gateway, TransferDirection, TransferJob};

/// Transfers under way at once.
const MAX_TRANSFERS: u16 = 4;
/// Largest answer to an upload.
const MAX_RECEIPT_BYTES: usize = 1024 * 1024;
/// From the head of the response to the end of the file.
const FILE_DEADLINE: Duration = Duration::from_secs(600);
/// Characters of FaultString (cwmp.md T1).
const MAX_FAULT_TEXT: usize = 256;
/// Waits before a transfer is tried again whose failure may pass.
const REPEAT_WAITS: &[Duration] = &[Duration::from_secs(1), Duration::from_secs(3)];

/// Carries transfers out, a few at once.
pub struct Transfers {
    gateway: Gateway,
    /// By the number of the device's ACS.
    carriers: Vec<Arc<Carrier>>,
}

impl Transfers {
    /// Certificate authorities and local address are those of the connections to the device's ACS;
    /// its certificate and its pins are for nobody else. The settings of the ACSs stand in the
    /// order of [`AcsNumber`](crate::gateway::AcsNumber).
    pub fn new(
        gateway: Gateway,
        settings: &TransferSettings,
        acss: &[AcsSettings],
    ) -> Result<Self, ConnectorError> {
        let carrier = |acs: &AcsSettings| {
            Ok::<_, ConnectorError>(Arc::new(Carrier {
                connector: Connector::new(acs.bind, acs.ca_file.clone())?,
                max_file_bytes: usize::try_from(settings.max_file_bytes()).unwrap_or(usize::MAX),
                allow: settings.allow.clone(),
                repeat_waits: REPEAT_WAITS,
            }))
        };
        Ok(Self {
            gateway,
            carriers: acss.iter().map(carrier).collect::<Result<_, _>>()?,
        })
    }

    /// Takes transfers from the gateway and gives their results back, until `shutdown`. One that
    /// is under way then is dropped after a short while, as in a crash.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self { gateway, carriers } = self;
        run_jobs(
            MAX_TRANSFERS,
            shutdown,
            || gateway.next_transfer(),
            |job| {
                let gateway = gateway.clone();
                let carrier = carriers.get(gateway.acs_number(job.mac).0).cloned();
                async move {
                    let (mac, id) = (job.mac, job.id);
                    let work = async move {
                        match carrier {
                            Some(carrier) => carrier.carry(&job).await,
                            None => Err(fault(
                                FaultCode::InternalError,
                                "no ACS of the device's number is there",
                            )),
                        }
                    };
                    let result = contained(work)
                        .await
                        .unwrap_or_else(|error| {
                            tracing::error!(device = %mac, transfer = id, %error, "a transfer panicked");
                            Err(fault(FaultCode::InternalError, "internal error of the gateway"))
                        });
                    match &result {
                        Ok(_) => tracing::info!(device = %mac, transfer = id, "transfer done"),
                        Err(fault) => tracing::info!(
                            device = %mac, transfer = id, code = fault.code.number(),
                            reason = fault.text, "transfer failed"
                        ),
                    }
                    gateway.finish_transfer(mac, id, result).await;
                }
            },
        )
        .await;
    }
}

/// Carries out one transfer after the other.
struct Carrier {
    connector: Connector,
    allow: Vec<AllowedTarget>,
    max_file_bytes: usize,
    repeat_waits: &'static [Duration],
}

/// How a try has failed.
struct Failed {
    fault: TransferFault,
    /// The server may be restarting, or a network breaking off.
    may_pass: bool,
}

impl Carrier {
    /// What may pass is tried again some times.
    async fn carry(&self, job: &TransferJob) -> Result<Carried, TransferFault> {
        let mut waits = self.repeat_waits.iter().filter(|_| job.may_repeat);
        loop {
            let failed = match self.carry_once(job).await {
                Ok(carried) => return Ok(carried),
                Err(failed) => failed,
            };
            let Some(wait) = waits.next().filter(|_| failed.may_pass) else {
                return Err(failed.fault);
            };
            tracing::info!(
                device = %job.mac, transfer = job.id, reason = failed.fault.text,
                "transfer is tried again"
            );
            tokio::time::sleep(*wait).await;
        }
    }

    async fn carry_once(&self, job: &TransferJob) -> Result<Carried, Failed> {
        let credentials = job.credentials.clone();
        let rule = |host: &str, address: IpAddr| self.allows(host, address);
        let url = job.url.clone();
        match &job.direction {
            TransferDirection::Download { file_size, known } => {
                let exchange = Exchange::download(url, credentials).unless(known.clone());
                let limits = Limits {
                    bytes: self.max_file_bytes,
                    deadline: FILE_DEADLINE,
                };
                let answer = Conversation::new(&self.connector, &rule, exchange)
                    .fetch(limits)
                    .await;
                match answer {
                    Ok(Answer {
                        status: 200,
                        body,
                        entity_tag,
                        ..
                    }) => of_announced_size(body, *file_size).map(|content| Carried::File {
                        content,
                        entity_tag,
                    }),
                    Ok(Answer { status: 304, .. }) if known.is_some() => Ok(Carried::Unchanged),
                    Err(failure @ ConversationFailure::Body { status: 200, .. }) => {
                        Err(Failed::new(download_code(&failure), &failure))
                    }
                    Ok(Answer { status, .. }) | Err(ConversationFailure::Body { status, .. }) => {
                        Err(Failed::with_status(FaultCode::FileInaccessible, status))
                    }
                    Err(failure) => Err(Failed::new(download_code(&failure), &failure)),
                }
            }
            TransferDirection::Upload { content } => {
                let exchange = Exchange::upload(url, credentials);
                let limits = Limits {
                    bytes: MAX_RECEIPT_BYTES,
                    deadline: FILE_DEADLINE,
                };
                let answer = Conversation::new(&self.connector, &rule, exchange)
                    .ask(Some(content).filter(|content| !content.is_empty()), limits)
                    .await;
                match answer {
                    // What the server says beyond its status is nothing to us.
                    Ok((200..=299, _))
                    | Err(ConversationFailure::Body {
                        status: 200..=299, ..
                    }) => Ok(Carried::Sent),
                    Ok((status, _)) | Err(ConversationFailure::Body { status, .. }) => {
                        Err(Failed::with_status(FaultCode::UploadFailure, status))
                    }
                    Err(failure) => Err(Failed::new(upload_code(&failure), &failure)),
                }
            }
        }
    }

    /// An ACS must not make the gateway talk to the network behind it, unless the operator says so.
    fn allows(&self, host: &str, address: IpAddr) -> bool {
        let address = address.to_canonical();
        !is_internal(address) || self.allow.iter().any(|entry| entry.covers(host, address))
    }
}

/// Private, loopback, link-local and other addresses that don't belong to a public server.
fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || first == 0
                // Shared between carriers and their customers (RFC 6598).
                || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(address) => {
            // An IPv4 address behind a translator (RFC 6052).
            let translated = match address.segments() {
                [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                    let bits = (u32::from(high) << 16) | u32::from(low);
                    is_internal(IpAddr::V4(Ipv4Addr::from_bits(bits)))
                }
                _ => false,
            };
            translated
                || address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unique_local()
                || address.is_unicast_link_local()
        }
    }
}

/// The file, if it has the size that the ACS announced; 0 is "not known".
fn of_announced_size(file: Bytes, announced: u32) -> Result<Bytes, Failed> {
    if announced == 0 || u32::try_from(file.len()) == Ok(announced) {
        return Ok(file);
    }
    let text = format!(
        "the file has {} bytes, {announced} were announced",
        file.len()
    );
    Err(Failed {
        fault: fault(FaultCode::FileCorrupted, text),
        may_pass: false,
    })
}

impl Failed {
    fn new(code: FaultCode, failure: &ConversationFailure) -> Self {
        let may_pass = match failure {
            ConversationFailure::Connect(
                ConnectFailure::Tcp { .. }
                | ConnectFailure::Resolve { .. }
                | ConnectFailure::Http { .. }
                | ConnectFailure::Deadline { .. },
            )
            | ConversationFailure::Send(
                SendFailure::ClosedBetween | SendFailure::Broken(_) | SendFailure::Deadline,
            )
            | ConversationFailure::Body {
                source: BodyFailure::Broken(_) | BodyFailure::Deadline { .. },
                ..
            } => true,
            // A certificate, a rule, credentials or a size are the same the next time.
            _ => false,
        };
        Self {
            fault: fault(code, failure.to_string()),
            may_pass,
        }
    }

    fn with_status(code: FaultCode, status: u16) -> Self {
        let text = format!("the file server answers with HTTP status {status}");
        Self {
            fault: fault(code, text),
            may_pass: matches!(status, 408 | 429 | 500 | 502..=504),
        }
    }
}

/// What a failed download is in a TransferComplete (cwmp.md M99).
fn download_code(failure: &ConversationFailure) -> FaultCode {
    match failure {
        ConversationFailure::Body {
            source: BodyFailure::TooLarge { .. },
            ..
        } => FaultCode::TransferFailure,
        ConversationFailure::Send(SendFailure::Deadline) => FaultCode::FileServerUnreachable,
        ConversationFailure::Body { .. } | ConversationFailure::Send(_) => {
            FaultCode::DownloadIncomplete
        }
        other => code_before_the_file(other).unwrap_or(FaultCode::FileInaccessible),
    }
}

/// What a failed upload is in a TransferComplete (cwmp.md M112).
fn upload_code(failure: &ConversationFailure) -> FaultCode {
    code_before_the_file(failure).unwrap_or(FaultCode::UploadFailure)
}

/// The code of what can happen before the file itself is at stake.
fn code_before_the_file(failure: &ConversationFailure) -> Option<FaultCode> {
    match failure {
        ConversationFailure::Connect(ConnectFailure::NotAllowed { .. }) => {
            Some(FaultCode::RequestDenied)
        }
        ConversationFailure::Connect(_) => Some(FaultCode::FileServerUnreachable),
        ConversationFailure::Exchange(
            ExchangeFailure::CredentialsRefused
            | ExchangeFailure::NoCredentials { .. }
            | ExchangeFailure::NoUsableChallenge,
        ) => Some(FaultCode::TransferAuthentication),
        ConversationFailure::Random(_) => Some(FaultCode::InternalError),
        ConversationFailure::Send(_)
        | ConversationFailure::Body { .. }
        | ConversationFailure::Exchange(_) => None,
    }
}

fn fault(code: FaultCode, text: impl Into<String>) -> TransferFault {
    TransferFault {
        code,
        text: text.into().chars().take(MAX_FAULT_TEXT).collect(),
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::super::scripted::{Scripted, Then, answer, certificate};
    use super::*;
    use crate::wire::Credentials;
    use crate::wire::Secret;

    fn carrier(allow: &[&str]) -> Carrier {
        Carrier {
            connector: Connector::new(None, None).unwrap(),
            allow: allow.iter().map(|entry| entry.parse().unwrap()).collect(),
            max_file_bytes: 1 << 20,
            repeat_waits: &[Duration::ZERO; 2],
        }
    }

    fn job(url: Url, direction: TransferDirection) -> TransferJob {
        TransferJob {
            mac: "00aabbccddee".parse().unwrap(),
            id: 1,
            url,
            credentials: Credentials {
                username: "files".into(),
                password: Secret::new("pw"),
            },
            direction,
            may_repeat: true,
        }
    }

    /// Any file, in any state.
    fn whole() -> TransferDirection {
        TransferDirection::Download {
            file_size: 0,
            known: None,
        }
    }

    async fn download(url: Url) -> Result<Option<Bytes>, TransferFault> {
        let job = job(url, whole());
        let carried = carrier(&["127.0.0.0/8"]).carry(&job).await?;
        Ok(match carried {
            Carried::File { content, .. } => Some(content),
            Carried::Sent | Carried::Unchanged => None,
        })
    }

    async fn upload(url: Url) -> Result<Carried, TransferFault> {
        let content = Bytes::from_static(b"the file");
        let job = job(url, TransferDirection::Upload { content });
        carrier(&["127.0.0.0/8"]).carry(&job).await
    }

    fn code<T>(result: Result<T, TransferFault>) -> u16 {
        result.map_or_else(|fault| fault.code.number(), |_| 0)
    }

    #[tokio::test]
    async fn c145_a_file_is_fetched_with_digest_basic_or_nothing() {
        for challenge in [
            "Digest realm=\"f\", nonce=\"n\", qop=\"auth\"",
            "Basic realm=\"f\"",
        ] {
            let server = Scripted::start(None, move |number, _| match number {
                0 => answer(401, &format!("WWW-Authenticate: {challenge}\r\n"), ""),
                _ => answer(200, "", "P1=2"),
            })
            .await;
            let file = download(server.url("/cfg?a=b")).await.unwrap();
            assert_eq!(file.as_deref(), Some(&b"P1=2"[..]));
            let seen = server.seen();
            assert!(seen[1].head.starts_with("GET /cfg?a=b HTTP/1.1\r\n"));
            assert_eq!(seen[0].header("authorization"), None);
            assert!(seen[1].header("authorization").is_some());
            assert_eq!(seen[1].header("soapaction"), None);
        }
    }

    #[tokio::test]
    async fn a_file_that_is_known_is_wanted_only_in_another_state() {
        let server = Scripted::start(None, |number, _| match number {
            0 => answer(200, "ETag: \"one\"\r\n", "image"),
            1 => answer(304, "ETag: \"one\"\r\n", ""),
            _ => answer(304, "", ""),
        })
        .await;
        let url = server.url("/image");
        let carrier = carrier(&["127.0.0.0/8"]);
        let first = carrier.carry(&job(url.clone(), whole())).await.unwrap();
        let entity_tag = Some("\"one\"".to_owned());
        let content = Bytes::from_static(b"image");
        let wanted = Carried::File {
            content,
            entity_tag: entity_tag.clone(),
        };
        assert_eq!(first, wanted);
        let again = TransferDirection::Download {
            file_size: 0,
            known: entity_tag,
        };
        let again = carrier.carry(&job(url.clone(), again)).await;
        assert_eq!(again, Ok(Carried::Unchanged));
        let seen = server.seen();
        assert_eq!(seen[0].header("if-none-match"), None);
        assert_eq!(seen[1].header("if-none-match"), Some("\"one\""));
        // Nobody has asked for that.
        assert_eq!(code(carrier.carry(&job(url, whole())).await), 9016);
    }

    #[tokio::test]
    async fn c143_failed_downloads_have_the_code_of_their_cause() {
        for (status, expected) in [(404, 9016), (403, 9016), (500, 9016), (204, 9016)] {
            let server = Scripted::start(None, move |_, _| answer(status, "", "")).await;
            assert_eq!(code(download(server.url("/f")).await), expected, "{status}");
        }
        let server = Scripted::start(None, |_, _| {
            answer(401, "WWW-Authenticate: Basic realm=\"f\"\r\n", "")
        })
        .await;
        assert_eq!(code(download(server.url("/f")).await), 9012);
        let server = Scripted::start(None, |_, _| {
            let cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec();
            (cut, Then::Close)
        })
        .await;
        assert_eq!(code(download(server.url("/f")).await), 9017);
        for url in ["http://127.0.0.1:1/f", "http://no-such-host.invalid/f"] {
            assert_eq!(code(download(url.parse().unwrap()).await), 9015, "{url}");
        }
        let (_, acceptor) = certificate("localhost");
        let server = Scripted::start(Some(acceptor), |_, _| answer(200, "", "x")).await;
        let url = format!("https://localhost:{}/f", server.address.port());
        let job = job(url.parse().unwrap(), whole());
        assert_eq!(code(carrier(&["localhost"]).carry(&job).await), 9015);
        assert_eq!(server.seen().len(), 0);
    }

    #[tokio::test]
    async fn c146_a_file_of_another_size_than_announced_is_not_taken() {
        let server = Scripted::start(None, |_, _| answer(200, "", "four")).await;
        for (file_size, expected) in [(4, 0), (5, 9018), (0, 0)] {
            let job = job(
                server.url("/f"),
                TransferDirection::Download {
                    file_size,
                    known: None,
                },
            );
            assert_eq!(code(carrier(&["127.0.0.1"]).carry(&job).await), expected);
        }
    }

    #[tokio::test]
    async fn c152_an_upload_is_a_put_and_fails_with_9011() {
        let server = Scripted::start(None, |number, _| match number {
            0 => answer(401, "WWW-Authenticate: Basic realm=\"f\"\r\n", ""),
            1 => answer(201, "", "created"),
            _ => answer(507, "", ""),
        })
        .await;
        assert_eq!(upload(server.url("/up")).await, Ok(Carried::Sent));
        let seen = server.seen();
        assert!(seen[1].head.starts_with("PUT /up HTTP/1.1\r\n"));
        assert_eq!(seen[1].body, "the file");
        assert_eq!(code(upload(server.url("/up")).await), 9011);
    }

    #[tokio::test]
    async fn internal_addresses_are_refused_unless_allowed_also_after_a_redirect() {
        let inside = Scripted::start(None, |_, _| answer(200, "", "secret")).await;
        let download = |url| job(url, whole());
        for url in [
            inside.url("/"),
            format!("http://localhost:{}/", inside.address.port())
                .parse()
                .unwrap(),
            format!("http://[::ffff:127.0.0.1]:{}/", inside.address.port())
                .parse()
                .unwrap(),
        ] {
            let fault = carrier(&["10.0.0.0/8"])
                .carry(&download(url))
                .await
                .unwrap_err();
            assert_eq!(fault.code, FaultCode::RequestDenied);
            assert!(fault.text.contains("[transfers] allow"), "{}", fault.text);
        }
        let location = format!("Location: http://localhost:{}/\r\n", inside.address.port());
        let outside = Scripted::start(None, move |_, _| answer(302, &location, "")).await;
        let result = carrier(&["127.0.0.1"])
            .carry(&download(outside.url("/")))
            .await;
        assert_eq!(code(result), 0, "the network is allowed under any name");

        // Only the first server is allowed, by its name.
        let location = format!("Location: {}\r\n", inside.url("/"));
        let by_name = Scripted::start(None, move |_, _| answer(302, &location, "")).await;
        let url = format!("http://localhost:{}/", by_name.address.port());
        let result = carrier(&["localhost"])
            .carry(&download(url.parse().unwrap()))
            .await;
        assert_eq!(code(result), 9001);
    }

    #[test]
    fn what_counts_as_internal() {
        for address in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "64:ff9b::a00:1",
        ] {
            assert!(is_internal(address.parse().unwrap()), "{address}");
        }
        for address in [
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "2001:4860::1",
            "64:ff9b::808:808",
        ] {
            assert!(!is_internal(address.parse().unwrap()), "{address}");
        }
    }
}
