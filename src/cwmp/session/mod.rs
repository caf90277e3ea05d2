//! One CWMP session from the CPE's side, without I/O (cwmp.md section 3).
//!
//! The driver asks [`Session::poll`] what to do, does it, and says what came of it. Connections,
//! authentication, cookies, redirects and time-outs are below: a session sees only final answers.

mod answer;
mod failure;
mod machine;

#[cfg(test)]
mod tests;

pub use failure::{SessionFailure, VersionDoubt};
pub use machine::{Delivered, MAX_SENDS, Reply, Session, SessionEnd, SessionStart, Step};
