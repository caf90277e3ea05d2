//! The door towards the operator: the API that the commands use while a gateway runs.

mod api;
mod client;
mod delivery;
mod firmware;
mod key;
mod protocol;

pub use api::{AdminServer, AdminServerError};
pub use client::{AdminClient, AdminClientError};
pub use key::{AdminKey, AdminKeyError};
pub use protocol::{
    ControlReply, ErrorReply, ExportRequest, ImportRequest, LogReply, TreeRequest, UnsetRequest,
    WishRequest, WrongParameter,
};
