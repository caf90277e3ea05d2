//! What the outer doors ask of the gateway, and what they get.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::acs_choice::AcsNumber;
use crate::cwmp::{AcsProfile, CpeCall, CwmpVersion, Inform, RetryAfter, VersionDoubt};
use crate::device::TreePath;
use crate::native::{Mac, SealError};
use crate::store::{AssetError, RecordError, StoreError};
use crate::wire::{Credentials, Secret};

/// The gateway could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No phone with this MAC is known.
    #[error("no phone {0} is known")]
    UnknownPhone(Mac),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record of the store can't be read or written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A file of the content-addressed folder can't be read or written.
    #[error(transparent)]
    Asset(#[from] AssetError),
    /// The record of one phone can't be read; the others are not touched by that.
    #[error("the record of phone {mac} is damaged; import its file again")]
    Damaged {
        /// The phone.
        mac: Mac,
        /// What is wrong with it.
        source: RecordError,
    },
    /// The record of a file is there, its bytes are not.
    #[error("the bytes of `{path}` are missing from the store; import the tree again")]
    MissingContent {
        /// The file.
        path: TreePath,
    },
    /// A file is encrypted and can't be opened any more. It is served as it is.
    #[error(
        "`{path}` is {source}; write its password into [[phones.file_password]] of the settings"
    )]
    Sealed {
        /// The file.
        path: TreePath,
        /// Why it stays closed.
        source: SealError,
    },
    /// A phone was imported with a mapping pack that is not there now.
    #[error("there is no mapping pack `{vendor}`; put it back into the folder of the packs")]
    MissingPack {
        /// Name of the pack.
        vendor: String,
    },
    /// The phone is of a model whose settings no mapping pack knows. Its files are served.
    #[error("the mapping pack `{vendor}` does not know the settings of model {model}")]
    UncoveredModel {
        /// Name of the pack.
        vendor: String,
        /// The model.
        model: String,
    },
    /// A key in the store is none that trestle makes.
    #[error("the store holds the key `{key}`, which trestle has not made")]
    OddKey {
        /// The key, printable.
        key: String,
    },
    /// Work on a thread of its own was dropped, because trestle stops.
    #[error("the work was dropped: {reason}")]
    Stopped {
        /// What the runtime said.
        reason: String,
    },
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness: {reason}")]
    NoRandomness {
        /// What it said.
        reason: String,
    },
}

/// Where a device's ACS is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcsEndpoint {
    /// http or https.
    pub url: Url,
    /// For the ACS's challenge.
    pub credentials: Credentials,
    /// What is particular to it.
    pub profile: Arc<AcsProfile>,
    /// Whose connection material and limits hold for it.
    pub number: AcsNumber,
}

/// Something that the CPE has to say and the ACS has not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingCall {
    /// Unique within the device.
    pub id: u64,
    /// What it is.
    pub call: CpeCall,
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
    /// The version that it is written in.
    pub version: CwmpVersion,
    /// What has to be said before the turn goes to the ACS.
    pub calls: Vec<PendingCall>,
}

/// What the ACS has taken; its record must be gone from disk before the session goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The Inform and the events in it.
    Inform,
    /// The call of this id.
    Call(u64),
    /// Not these calls: the ACS does not have their methods. They wait for a session that something
    /// else opens.
    Unlisted(Vec<u64>),
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
        /// When the ACS wants to be asked again, as far as it said.
        retry_after: Option<RetryAfter>,
        /// How much it speaks against the version of the Inform.
        version_doubt: VersionDoubt,
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
        /// The entity tag of the state that is here already: the file is wanted only in another one.
        known: Option<String>,
    },
    /// To the file server, by PUT.
    Upload {
        /// What to send.
        content: Bytes,
    },
}

/// What a transfer has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    /// The upload is done.
    Sent,
    /// The file.
    File {
        /// All of it.
        content: Bytes,
        /// What the file server calls this state of it.
        entity_tag: Option<String>,
    },
    /// The file is as it was when it was fetched last.
    Unchanged,
}

impl Carried {
    /// A file whose state has no name.
    pub fn file(content: impl Into<Bytes>) -> Self {
        Self::File {
            content: content.into(),
            entity_tag: None,
        }
    }
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
    /// Whether a failure that may pass is a reason to try again at once.
    pub may_repeat: bool,
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
    /// How it asks.
    pub transport: Transport,
    /// Scheme, host and port at which the phone has reached the gateway: the gateway's own end of
    /// the connection, `http://192.0.2.1:8080`; `None` where that is not known.
    pub reached_by: Option<String>,
    /// What it shows of who it is.
    pub shown: Shown,
}

impl FetchRequest {
    /// A request over plain HTTP, by whom nothing is shown.
    pub fn new(path: impl Into<String>, source: SocketAddr) -> Self {
        Self {
            path: path.into(),
            user_agent: None,
            source,
            transport: Transport::Http,
            reached_by: None,
            shown: Shown::default(),
        }
    }
}

/// By what a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// TFTP, in which nothing can be shown.
    Tftp,
}

/// What a request shows of who sends it. All of it is what the sender says, but for the certificate,
/// whose chain the door has checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    /// The method as it was sent; an answer to a Digest challenge covers it.
    pub method: String,
    /// The request target as it was sent, before any decoding; likewise.
    pub target: String,
    /// The Authorization header.
    pub authorization: Option<Secret>,
    /// The names in the client's certificate: common name of the subject, then alternative names;
    /// empty without a certificate that a configured authority has signed.
    pub certificate_names: Vec<String>,
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
    /// No such file, or none for who asks.
    NotFound,
    /// The file is there and can't be read: a phone should ask again later, and not take it that it
    /// has none.
    Unavailable,
    /// The phone has to show who it is.
    Challenge {
        /// The values of the WWW-Authenticate headers, the strongest first.
        challenges: Vec<String>,
    },
}

/// Ties an answer to its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchReceipt {
    /// The phone, when it is known whose fetch this is.
    pub mac: Option<Mac>,
    /// The revision of the phone's own file in the answer; `None` for any other file.
    pub revision: Option<u64>,
    /// The transfer that the answer is the file of; `None` for any other file.
    pub transfer: Option<u64>,
    /// When the request came.
    pub at: Timestamp,
    /// Who asked.
    pub source: IpAddr,
    /// How.
    pub transport: Transport,
}
