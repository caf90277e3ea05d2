//! What the scripted ACS has seen.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use super::cpe::CpeMessage;
use super::digest::Verdict;
use super::http::Header;
use crate::sim::checks::Finding;

/// One request and what became of it.
#[derive(Debug)]
pub struct Exchange {
    /// When its last byte had come.
    pub at: Instant,
    /// Which TCP connection it came on, counted from 1.
    pub connection: u64,
    /// `POST`, as written.
    pub method: String,
    /// Path with query, as written.
    pub target: String,
    /// Header lines in their order.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
    /// The message in the body; `None` for an empty body and for one that can't be read.
    pub message: Option<CpeMessage>,
    /// SerialNumber of the device, as far as it can be told.
    pub serial: Option<String>,
    /// Which session it belongs to, counted from 1 over all devices; 0 when there is none.
    pub session: u64,
    /// What the credentials were worth.
    pub verdict: Verdict,
    /// What the checks found.
    pub findings: Vec<Finding>,
    pub(super) status: AtomicU16,
}

impl Exchange {
    /// Whether it is a POST without a body.
    pub fn is_empty_post(&self) -> bool {
        self.method == "POST" && self.body.is_empty()
    }

    /// The method in the body: `Inform`; empty for an empty body and for one that can't be read.
    pub fn rpc(&self) -> &str {
        self.message
            .as_ref()
            .map_or("", |message| message.method.as_str())
    }

    /// The value of the first header with this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        super::http::find_header(&self.headers, name)
    }

    /// The status it was answered with; 0 when there was none yet, or none at all.
    pub fn answered(&self) -> u16 {
        self.status.load(Ordering::Acquire)
    }
}
