//! A device under a script.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::cpe::CwmpFault;
use super::digest::Authentication;
use super::message::Style;
use super::record::Exchange;
use super::server::{Incoming, Shared};
use super::session::Session;

/// How long a script waits for a device: a first retry and a session's time-out fit in.
const PATIENCE: Duration = Duration::from_secs(120);

/// What went otherwise than the script has it.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The device sent nothing in time.
    #[error("nothing came from {serial} within {waited:?}")]
    Silence {
        /// Which device.
        serial: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The device sent something else.
    #[error("{serial} sent {seen} where {wanted} was due")]
    Unexpected {
        /// Which device.
        serial: String,
        /// What was due.
        wanted: String,
        /// What came.
        seen: String,
    },
    /// No request of the device is waiting for an answer.
    #[error("no request of {0} waits for an answer")]
    NothingToAnswer(String),
    /// The device answered with a fault.
    #[error(transparent)]
    Fault(#[from] CwmpFault),
}

/// A device whose requests wait for what the script says.
///
/// Requests that are waiting when this is dropped, and all later ones, get the default answers.
#[derive(Debug)]
pub struct Device {
    serial: String,
    claim: u64,
    shared: SharedHandle,
    incoming: mpsc::UnboundedReceiver<Incoming>,
    put_back: Option<Incoming>,
    patience: Duration,
}

impl Device {
    pub(super) fn new(
        serial: &str,
        claim: u64,
        shared: Arc<Shared>,
        incoming: mpsc::UnboundedReceiver<Incoming>,
    ) -> Self {
        Self {
            serial: serial.to_owned(),
            claim,
            shared: SharedHandle(shared),
            incoming,
            put_back: None,
            patience: PATIENCE,
        }
    }

    /// Its SerialNumber.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// How long the script waits for each request.
    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// What this device must show; `None`: what the ACS asks of all.
    pub fn require(&self, authentication: Option<Authentication>) {
        self.shared.0.state().device(&self.serial).authentication = authentication;
    }

    /// Makes its nonces stale: the next request gets a 401 with `stale=true`.
    pub fn renew_nonces(&self) {
        self.shared
            .0
            .state()
            .device(&self.serial)
            .nonces
            .forget_all();
    }

    /// How the ACS spells its messages to this device.
    pub fn set_style(&self, style: Style) {
        self.shared.0.state().device(&self.serial).style = Some(style);
    }

    /// How the ACS spells its messages to this device.
    pub fn style(&self) -> Style {
        self.shared.0.style(&self.serial)
    }

    /// Its requests so far.
    pub fn exchanges(&self) -> Vec<Arc<Exchange>> {
        self.shared.0.exchanges(&self.serial)
    }

    /// Waits for its next request, whatever it is.
    pub async fn next(&mut self) -> Result<Incoming, ScriptError> {
        if let Some(incoming) = self.put_back.take() {
            return Ok(incoming);
        }
        match tokio::time::timeout(self.patience, self.incoming.recv()).await {
            Ok(Some(incoming)) => Ok(incoming),
            Ok(None) | Err(_) => Err(ScriptError::Silence {
                serial: self.serial.clone(),
                waited: self.patience,
            }),
        }
    }

    /// Waits for its next Inform. Requests that come before it get the default answers.
    pub async fn session(&mut self) -> Result<Session<'_>, ScriptError> {
        loop {
            let incoming = self.next().await?;
            let inform = incoming
                .exchange
                .message
                .as_ref()
                .and_then(|message| message.inform());
            if let Some(inform) = inform {
                let style = self.style();
                return Ok(Session::new(self, incoming, inform, style));
            }
        }
    }

    /// Says whether the device stays silent for so long. A request that comes is kept for later.
    pub async fn is_silent_for(&mut self, time: Duration) -> bool {
        if self.put_back.is_some() {
            return false;
        }
        match tokio::time::timeout(time, self.incoming.recv()).await {
            Ok(incoming) => {
                self.put_back = incoming;
                false
            }
            Err(_) => true,
        }
    }

    /// Keeps a request for the next time that one is waited for.
    pub fn put_back(&mut self, incoming: Incoming) {
        self.put_back = Some(incoming);
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.shared.0.release(&self.serial, self.claim);
    }
}

struct SharedHandle(Arc<Shared>);

impl std::fmt::Debug for SharedHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ScriptedAcs")
    }
}
