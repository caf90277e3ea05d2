//! The door towards the phones: their files over HTTP and HTTPS, and NOTIFY to make them fetch.

mod body;
mod control;
mod files;
mod own_end;
mod path;
mod server;

pub use control::{ControlSender, ControlSenderError, SipSettings};
pub use server::{PhoneServer, PhoneServerError, PhoneSettings};
