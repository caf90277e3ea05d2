//! A scripted ACS: a second implementation, apart from the gateway's own CWMP code.
//!
//! [`ScriptedAcs`] listens, records and checks; [`Device`] takes one device under a script and
//! [`Session`] goes through its sessions; [`ConnectionRequester`] wakes it.

pub mod cpe;
pub mod digest;
pub mod http;
pub mod message;
pub mod xml;

mod device;
mod record;
mod reply;
mod requester;
mod server;
mod session;
#[cfg(test)]
mod tests;

pub use device::{Device, ScriptError};
pub use record::Exchange;
pub use reply::Reply;
pub use requester::{ConnectionRequester, Outcome, Shown};
pub use server::{AcsOptions, Incoming, Observer, ScriptedAcs};
pub use session::Session;
