//! The door towards the operator: the API that the commands use while a gateway runs.

mod api;
mod client;
mod credentials;
mod delivery;
mod firmware;
mod hand_over;
mod key;
mod protocol;
mod quarantine;
mod store;
mod syslog;
mod uploads;
mod upstream;

pub use api::{AdminServer, AdminServerError};
pub use client::{AdminClient, AdminClientError};
pub use credentials::CredentialsRequest;
pub use key::{AdminKey, AdminKeyError};
pub use protocol::{
    ControlReply, ErrorReply, ExportRequest, ImportRequest, TreeRequest, UnsetRequest, WishRequest,
    WrongParameter,
};
pub use quarantine::{ClaimRequest, ReopenRequest};
pub use store::BackupStream;
pub use uploads::UploadContent;
pub use upstream::{MAX_QUESTIONS, WouldAnswerRequest};
