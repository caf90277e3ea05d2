//! Kept sessions as a person may see them: secrets masked by the data model of the device.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::core::Gateway;
use super::door::{GatewayError, SessionOutcome};
use super::trace::{Direction, Happening, KeptMessage, KeptSession, Seen};
use super::view::View;
use crate::cwmp::{show, show_text};
use crate::datamodel::ParameterPath;
use crate::native::Mac;

/// A session of a device with its ACS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedSession {
    /// Where it began, without credentials.
    pub url: String,
    /// When.
    pub started: Timestamp,
    /// When it ended; `None` while it runs.
    pub ended: Option<Timestamp>,
    /// Why it failed; `None` while it runs, and when it has ended as it should.
    pub failure: Option<String>,
    /// What went over the wire, in order.
    pub messages: Vec<TracedMessage>,
}

/// A message of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedMessage {
    /// When it was sent, or had come whole.
    pub at: Timestamp,
    /// Which way it went.
    pub direction: Direction,
    /// HTTP status of a received one.
    pub status: Option<u16>,
    /// Bytes of its body.
    pub length: usize,
    /// Its body: indented XML with secrets as `***`; `None` for an empty one, and for one that is
    /// not shown.
    pub soap: Option<String>,
    /// Why it is not shown.
    pub not_shown: Option<String>,
}

/// Something that happens in a session just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedEvent {
    /// When.
    pub at: Timestamp,
    /// Whose session it is.
    pub mac: Mac,
    /// What.
    pub what: Watched,
    /// Events before it that were not shown, because watching was slower than the sessions.
    pub left_out: u64,
}

/// What happens in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// It begins, with the ACS at this URL.
    Begins {
        /// Without credentials.
        url: String,
    },
    /// A message.
    Message(TracedMessage),
    /// It has ended.
    Ends {
        /// Why it failed; `None` when it ended as it should.
        failure: Option<String>,
    },
}

/// Sees what happens in all sessions.
#[derive(Debug)]
pub struct Watch {
    gateway: Gateway,
    receiver: mpsc::Receiver<Seen>,
}

impl Watch {
    /// The next event.
    pub async fn next(&mut self) -> Option<WatchedEvent> {
        let seen = self.receiver.recv().await?;
        let what = match seen.what {
            Happening::Begins { url } => Watched::Begins {
                url: show_text(&url),
            },
            Happening::Message(message) => {
                let view = self.gateway.view_to_mask(seen.mac).await;
                Watched::Message(self.gateway.show_message(view.as_deref(), &message))
            }
            Happening::Ends(outcome) => Watched::Ends {
                failure: failure(&outcome),
            },
        };
        Some(WatchedEvent {
            at: seen.at,
            mac: seen.mac,
            what,
            left_out: seen.left_out,
        })
    }
}

impl Gateway {
    /// The last sessions of a device, at most so many, the newest last; secrets masked.
    ///
    /// # Errors
    /// [`GatewayError`] for an unknown phone, or when its record can't be read.
    pub async fn traced_sessions(
        &self,
        mac: Mac,
        at_most: usize,
    ) -> Result<Vec<TracedSession>, GatewayError> {
        self.load(mac)?.ok_or(GatewayError::UnknownPhone(mac))?;
        let kept = self.inner.traces.of(mac);
        let view = self.view_to_mask(mac).await;
        let wanted = kept.len().saturating_sub(at_most);
        Ok(kept
            .into_iter()
            .skip(wanted)
            .map(|session| self.show_session(view.as_deref(), &session))
            .collect())
    }

    /// Lets somebody watch all sessions from now on; `None` when somebody does already.
    pub fn watch_sessions(&self) -> Option<Watch> {
        let receiver = self.inner.traces.watch()?;
        Some(Watch {
            gateway: self.clone(),
            receiver,
        })
    }

    /// What tells secrets apart; `None` when the device's files can't be read: then every value is
    /// one.
    async fn view_to_mask(&self, mac: Mac) -> Option<Arc<View>> {
        let mut live = self.hold(mac).await;
        self.view(mac, &mut live).ok()
    }

    fn show_session(&self, view: Option<&View>, session: &KeptSession) -> TracedSession {
        let messages = session.messages.iter();
        TracedSession {
            url: show_text(&session.url),
            started: session.started,
            ended: session.end.as_ref().map(|(at, _)| *at),
            failure: session.end.as_ref().and_then(|(_, end)| failure(end)),
            messages: messages
                .map(|message| self.show_message(view, message))
                .collect(),
        }
    }

    fn show_message(&self, view: Option<&View>, message: &KeptMessage) -> TracedMessage {
        let now = self.inner.clock.now();
        let may_show = |name: &str| view.is_some_and(|view| may_show(view, name, now));
        let (soap, not_shown) = match &message.body {
            None => (None, Some("it is too long to be kept".to_owned())),
            Some(body) if body.is_empty() => (None, None),
            Some(body) => match show(body, &may_show) {
                Ok(text) => (Some(text), None),
                Err(error) => (None, Some(show_text(&error.to_string()))),
            },
        };
        TracedMessage {
            at: message.at,
            direction: message.direction,
            status: message.status,
            length: message.length,
            soap,
            not_shown,
        }
    }
}

/// Whether the value of a parameter is known to be no secret: also of one that the device does not
/// have, as long as its data model or its lenses know the name.
fn may_show(view: &View, name: &str, now: Timestamp) -> bool {
    let Ok(path) = name.parse::<ParameterPath>() else {
        return false;
    };
    match view.pack.is_secret_path(&path) {
        Some(is_secret) => !is_secret,
        None => view.parameter(name, now).is_some_and(|shown| !shown.hidden),
    }
}

fn failure(outcome: &SessionOutcome) -> Option<String> {
    match outcome {
        SessionOutcome::Ended => None,
        SessionOutcome::Failed { reason, .. } => Some(show_text(reason)),
    }
}
