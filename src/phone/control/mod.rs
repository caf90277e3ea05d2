//! Telling phones to act: by SIP over UDP and TCP, to themselves or through a proxy, and by
//! requests to their web servers.

mod datagrams;
mod notify;
mod sender;
mod streams;
mod web;

#[cfg(test)]
mod sender_tests;
#[cfg(test)]
mod web_tests;

pub use notify::SipSettings;
pub use sender::{ControlSender, ControlSenderError};
