//! The old config server, asked for what is not here: while phones move over, nobody at a desk
//! notices.

mod breaker;
mod catch_all;
mod old_server;
mod relay;
mod settings;

#[cfg(test)]
mod tests;

pub use catch_all::{CatchAll, Likeness};
pub use old_server::{OldAnswer, OldServer, OldServerError, Patience, Question};
pub use relay::PhoneFiles;
pub use settings::{UpstreamError, UpstreamMode, UpstreamSettings};
