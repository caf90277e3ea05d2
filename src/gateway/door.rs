//! What the outer doors ask of the gateway, and what they get.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use jiff::Timestamp;
use url::Url;

use crate::cwmp::{AcsRequest, CpeResponse, Fault, Inform, TransferComplete, TransferFault};
use crate::native::Mac;
use crate::wire::Secret;

/// The gateway could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No phone with this MAC is known.
    #[error("no phone {0} is known")]
    UnknownPhone(Mac),
}

/// User name and password of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name; empty when there is none.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// Where a device's ACS is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcsEndpoint {
    /// http or https.
    pub url: Url,
    /// For the ACS's challenge.
    pub credentials: Credentials,
}

/// A finished transfer whose TransferComplete the ACS has not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingTransfer {
    /// Unique within the device.
    pub id: u64,
    /// The report.
    pub report: TransferComplete,
}

/// Everything a session begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// Whose session it is.
    pub mac: Mac,
    /// Where it goes.
    pub endpoint: AcsEndpoint,
    /// Its first message.
    pub inform: Inform,
    /// What has to be reported before the turn goes to the ACS.
    pub transfers: Vec<PendingTransfer>,
}

/// What the ACS has taken; its record must be gone from disk before the session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The Inform and the events in it.
    Inform,
    /// The TransferComplete of this transfer.
    Transfer(u64),
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionOutcome {
    /// As the protocol wants it.
    Ended,
    /// Otherwise; the retry policy applies.
    Failed {
        /// For the log and for a person.
        reason: String,
    },
}

/// Whom a connection request's path segment names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRequestTarget {
    /// The device.
    pub mac: Mac,
    /// What the ACS must present.
    pub credentials: Credentials,
}

/// Which way a file goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransferDirection {
    /// From the file server to the phone's files.
    Download {
        /// Bytes that the ACS announced; 0 is "not known".
        file_size: u32,
    },
    /// To the file server, by PUT.
    Upload {
        /// What to send.
        content: Bytes,
    },
}

/// A transfer that is due now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferJob {
    /// The device.
    pub mac: Mac,
    /// Unique within the device.
    pub id: u64,
    /// http or https.
    pub url: Url,
    /// For the file server's challenge.
    pub credentials: Credentials,
    /// Which way.
    pub direction: TransferDirection,
}

/// A phone asks for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// Path below the root of the tree, without a leading slash, percent-decoded, and checked by
    /// the door: no `..`, no empty segment, no control character, no backslash.
    pub path: String,
    /// The User-Agent header.
    pub user_agent: Option<String>,
    /// Who asks.
    pub source: SocketAddr,
}

/// What a phone gets.
#[derive(Debug, Clone)]
pub enum FetchAnswer {
    /// The file.
    File {
        /// All of it.
        body: Bytes,
        /// Strong entity tag, quotes included.
        etag: String,
        /// To be handed back once the body has left.
        receipt: FetchReceipt,
    },
    /// No such file.
    NotFound,
}

/// Ties an answer to its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchReceipt {
    /// The phone, when it is known whose fetch this is.
    pub mac: Option<Mac>,
    /// The revision of the phone's own file in the answer; `None` for any other file.
    pub revision: Option<u64>,
    /// When the request came.
    pub at: Timestamp,
}

/// What a phone is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlAction {
    /// Fetch the file now.
    Resync,
    /// Restart.
    Reboot,
}

/// A phone has to be told something now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlJob {
    /// The phone.
    pub mac: Mac,
    /// Unique within the device.
    pub id: u64,
    /// What it is told.
    pub action: ControlAction,
    /// The SIP event that means this to phones of its vendor, `check-sync;reboot=true`.
    pub event: String,
    /// Where it was last seen.
    pub address: IpAddr,
    /// Its SIP port.
    pub port: u16,
    /// The user part of its SIP URI.
    pub user: String,
    /// For the phone's challenge.
    pub credentials: Credentials,
}

/// What the phone said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlOutcome {
    /// A 2xx response.
    Accepted,
    /// A final response of another class.
    Refused {
        /// SIP status code.
        status: u16,
    },
    /// Nothing, in the time that SIP allows.
    NoAnswer,
    /// The request could not be sent.
    NotSent {
        /// What went wrong.
        reason: String,
    },
}

/// The gateway itself: cheap to clone, one per process.
#[derive(Debug, Clone)]
pub struct Gateway {}

impl Gateway {
    /// Waits until a device's session is due, and says whose.
    pub async fn next_session(&self) -> Mac {
        std::future::pending().await
    }

    /// Prepares a device's session. `None` when there is nothing to do any more, or one is running.
    pub async fn open_session(&self, mac: Mac) -> Result<Option<OpenSession>, GatewayError> {
        Err(GatewayError::UnknownPhone(mac))
    }

    /// Does what the ACS asks, durably, and answers.
    pub async fn execute(&self, _mac: Mac, _request: AcsRequest) -> Result<CpeResponse, Fault> {
        std::future::pending().await
    }

    /// Notes durably that the ACS has taken something.
    pub async fn delivered(&self, mac: Mac, _delivery: Delivery) -> Result<(), GatewayError> {
        Err(GatewayError::UnknownPhone(mac))
    }

    /// Ends a session: jobs that waited for it begin, or the retry is planned.
    pub async fn close_session(&self, _mac: Mac, _outcome: SessionOutcome) {}

    /// The device that a connection request's path segment names.
    pub async fn connection_request_target(
        &self,
        _segment: &str,
    ) -> Option<ConnectionRequestTarget> {
        None
    }

    /// An authenticated connection request came in: a session with `6 CONNECTION REQUEST` is due.
    pub async fn wake(&self, _mac: Mac) {}

    /// Waits until a transfer is due, and hands it out.
    pub async fn next_transfer(&self) -> TransferJob {
        std::future::pending().await
    }

    /// Takes the result of a transfer: the downloaded bytes, `None` for an upload, or the fault.
    pub async fn finish_transfer(
        &self,
        _mac: Mac,
        _id: u64,
        _result: Result<Option<Bytes>, TransferFault>,
    ) {
    }

    /// A phone asks for a file.
    pub async fn fetch(&self, _request: FetchRequest) -> FetchAnswer {
        FetchAnswer::NotFound
    }

    /// The body of an answer has left.
    pub async fn fetched(&self, _receipt: FetchReceipt) {}

    /// Waits until a phone has to be told something, and hands it out.
    pub async fn next_control(&self) -> ControlJob {
        std::future::pending().await
    }

    /// Takes the result of a control job.
    pub async fn finish_control(&self, _mac: Mac, _id: u64, _outcome: ControlOutcome) {}
}
