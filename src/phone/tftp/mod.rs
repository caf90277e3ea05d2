//! Files for phones over TFTP: read-only, one socket for each transfer.
//!
//! The protocol is `wire::tftp`; here are the sockets, who may ask, and how much at once.

mod allowed;
mod held;
mod listener;
mod server;
#[cfg(test)]
mod server_tests;

pub use allowed::AllowedSources;
pub use server::{TftpServer, TftpServerError, TftpSettings};
