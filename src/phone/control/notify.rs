//! Where a NOTIFY goes, and by what.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::datagrams::DatagramSender;
use super::sender::ControlSenderError;
use super::streams;
use crate::gateway::{ControlOutcome, SipAim};
use crate::wire::sip::{
    Notify, NotifyCredentials, NotifyTransaction, Outcome, SipProxy, SipTransport,
    TransactionTokens,
};

/// The lookup of a proxy's name.
const LOOKUP_DEADLINE: Duration = Duration::from_secs(5);
/// Addresses of a proxy that are tried.
const MAXIMUM_ADDRESSES: usize = 4;

/// From where SIP leaves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SipSettings {
    /// Local addresses, one an address family: datagrams leave from address and port, connections
    /// from the address. Where a family is missing, the system chooses.
    pub bind: Vec<SocketAddr>,
}

/// Sends NOTIFYs.
pub(super) struct SipSender {
    datagrams: DatagramSender,
    settings: SipSettings,
}

/// One NOTIFY before it is known from where it leaves.
pub(super) struct Order<'a> {
    aim: &'a SipAim,
    event: &'a str,
    body: Option<&'a (String, String)>,
}

impl SipSender {
    pub(super) fn bind(settings: &SipSettings) -> Result<Self, ControlSenderError> {
        Ok(Self {
            datagrams: DatagramSender::bind(&settings.bind)?,
            settings: settings.clone(),
        })
    }

    /// Receives answers until the shutdown.
    pub(super) async fn listen(self: std::sync::Arc<Self>, shutdown: CancellationToken) {
        self.datagrams.listen(&shutdown).await;
    }

    /// Sends one NOTIFY and waits for what becomes of it.
    pub(super) async fn notify(
        &self,
        phone: IpAddr,
        aim: &SipAim,
        event: &str,
        body: Option<&(String, String)>,
    ) -> ControlOutcome {
        let order = Order { aim, event, body };
        let (transport, targets) = match &aim.via {
            None => (aim.transport, vec![SocketAddr::new(phone, aim.port)]),
            Some(via) => match resolve(&via.proxy).await {
                Ok(targets) => (via.proxy.transport, targets),
                Err(reason) => return ControlOutcome::NotSent { reason },
            },
        };
        let mut outcome = ControlOutcome::NotSent {
            reason: "there is no address to send it to".to_owned(),
        };
        for target in targets {
            outcome = match transport {
                SipTransport::Udp => self.datagrams.send(target, &order).await,
                SipTransport::Tcp => {
                    let from = self.source_for(target);
                    streams::send(target, from, &order).await
                }
            };
            // Another address is for one that nothing could be sent to.
            if !matches!(outcome, ControlOutcome::NotSent { .. }) {
                break;
            }
        }
        outcome
    }

    fn source_for(&self, target: SocketAddr) -> Option<IpAddr> {
        let mut bind = self.settings.bind.iter().map(SocketAddr::ip);
        bind.find(|address| address.is_ipv4() == target.is_ipv4() && !address.is_unspecified())
    }
}

impl Order<'_> {
    /// The transaction of a NOTIFY that leaves from `local` for `target`.
    pub(super) fn transaction(
        &self,
        target: SocketAddr,
        local: SocketAddr,
        transport: SipTransport,
    ) -> Result<NotifyTransaction, String> {
        let tokens = tokens().map_err(|error| format!("no random numbers: {error}"))?;
        let aim = self.aim;
        let own = &aim.credentials;
        let credentials = NotifyCredentials {
            phone: (!own.username.is_empty()).then(|| own.clone()),
            proxy: aim.via.as_ref().and_then(|via| via.credentials.clone()),
        };
        let notify = Notify {
            user: aim.user.clone(),
            host: match &aim.via {
                None => target.to_string(),
                Some(_) if is_host(&aim.domain) => aim.domain.clone(),
                Some(via) => via.proxy.authority(),
            },
            event: self.event.to_owned(),
            body: self.body.cloned(),
            local,
            transport,
            route: match &aim.via {
                Some(via) if via.proxy.goes_by_route => Some(via.proxy.route()),
                _ => None,
            },
        };
        Ok(NotifyTransaction::new(notify, tokens, credentials, now()))
    }
}

/// What the end of a transaction means.
pub(super) fn meaning(outcome: Outcome) -> ControlOutcome {
    match outcome {
        Outcome::Accepted { .. } => ControlOutcome::Accepted,
        Outcome::Refused { status } => ControlOutcome::Refused { status },
        Outcome::NoAnswer => ControlOutcome::NoAnswer,
    }
}

/// The time by tokio's clock, as the sleeping goes by it.
pub(super) fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}

/// Whether a text of a phone's file can stand behind the `@` of a URI.
fn is_host(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

async fn resolve(proxy: &SipProxy) -> Result<Vec<SocketAddr>, String> {
    let host = &proxy.host;
    let found = timeout(
        LOOKUP_DEADLINE,
        tokio::net::lookup_host((host.as_str(), proxy.port)),
    )
    .await
    .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let found = found.map_err(|error| format!("cannot find the address of {host}: {error}"))?;
    Ok(found.take(MAXIMUM_ADDRESSES).collect())
}

fn tokens() -> Result<TransactionTokens, getrandom::Error> {
    let token = || getrandom::u64().map(|number| format!("{number:016x}"));
    Ok(TransactionTokens {
        branch: token()?,
        tag: token()?,
        call_id: token()? + &token()?,
        cnonce: token()?,
    })
}
