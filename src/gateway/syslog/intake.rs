//! Lines as they come in: whose they are, and what is counted of them.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::core::Gateway;
use super::super::door::GatewayError;
use super::kept_lines::Waiting;
use crate::device::SyslogEntry;
use crate::native::Mac;
use crate::store::Table;
use crate::wire::syslog::Line;

/// Longest text of a line that is kept, in bytes.
const MAX_TEXT: usize = 2048;
/// Where in a line a MAC counts, in bytes from its start: phones name themselves at the head, and
/// may speak of others behind it.
const HEAD: usize = 128;
/// MAC addresses that are looked for in one line.
const MAX_MACS: usize = 4;
/// Lines of no known phone that are kept, in memory.
const MAX_UNKNOWN: usize = 64;

/// What the gateway knows of syslog beside the store.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Intake {
    kept: AtomicU64,
    of_nobody: AtomicU64,
    too_fast: AtomicU64,
    too_many: AtomicU64,
    unwritten: AtomicU64,
    unknown: Mutex<VecDeque<UnknownLine>>,
    pub(super) waiting: Mutex<Waiting>,
    /// Where phones are to send their lines; 0 while nothing listens.
    pub(super) port: AtomicU16,
}

/// Lines that were dropped before anybody read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyslogDrops {
    /// Their source had sent too many.
    pub too_fast: u64,
    /// Too many were waiting already.
    pub too_many: u64,
}

/// A line that is no known phone's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownLine {
    /// When it came.
    pub at: Timestamp,
    /// Where it came from.
    pub source: IpAddr,
    /// What it says.
    pub text: String,
}

/// What has come since the gateway started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyslogReport {
    /// Lines of known phones.
    pub kept: u64,
    /// Lines of nobody who is known.
    pub of_nobody: u64,
    /// Dropped because their source sent too many.
    pub too_fast: u64,
    /// Dropped because too many were waiting.
    pub too_many: u64,
    /// Lines of known phones that the store could not take.
    pub unwritten: u64,
    /// The last lines of nobody, the newest last.
    pub unknown: Vec<UnknownLine>,
}

impl Intake {
    pub(super) fn count_unwritten(&self, lines: u64) {
        self.unwritten.fetch_add(lines, Ordering::Relaxed);
    }

    fn add_unknown(&self, line: UnknownLine) {
        self.of_nobody.fetch_add(1, Ordering::Relaxed);
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.len() >= MAX_UNKNOWN {
            unknown.pop_front();
        }
        unknown.push_back(line);
    }
}

impl Gateway {
    /// Takes a line. It is with its phone's at once, and on disk with the next
    /// [`Gateway::write_syslog`]. The cost is small and bounded, whatever the line is.
    pub fn take_syslog(&self, source: IpAddr, line: &[u8]) {
        let source = source.to_canonical();
        let at = self.inner.clock.now();
        let line = Line::parse(line);
        if line.text.is_empty() {
            return;
        }
        let intake = &self.inner.syslog;
        let speaker = self.speaker(source, &line.text);
        let mut text = line.text;
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        match speaker {
            Ok(Some(mac)) => {
                intake.kept.fetch_add(1, Ordering::Relaxed);
                let entry = SyslogEntry {
                    at: at.as_millisecond(),
                    severity: line.severity,
                    text,
                };
                let keep = self.inner.settings.syslog_keep_bytes;
                let mut waiting = intake
                    .waiting
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                intake.count_unwritten(waiting.add(mac, entry, keep));
            }
            Ok(None) => intake.add_unknown(UnknownLine { at, source, text }),
            Err(error) => {
                intake.count_unwritten(1);
                tracing::error!(%source, %error, "it can't be told whose a syslog line is");
            }
        }
    }

    /// Whose a line is: the known phone's whose MAC stands at its head, the own one's first; else
    /// that of the phone that is alone at the address.
    fn speaker(&self, source: IpAddr, text: &str) -> Result<Option<Mac>, GatewayError> {
        let at_address = self.inner.known.only_phone_at(source);
        let head = text.get(..text.floor_char_boundary(HEAD)).unwrap_or(text);
        let mut first = None;
        for mac in Mac::find_in(head).take(MAX_MACS) {
            if Some(mac) == at_address {
                return Ok(at_address);
            }
            if first.is_none() && self.inner.store.get(Table::Device, &mac.bytes())?.is_some() {
                first = Some(mac);
            }
        }
        Ok(first.or(at_address))
    }

    /// Counts lines that were dropped before they came here.
    pub fn count_syslog_drops(&self, drops: SyslogDrops) {
        let intake = &self.inner.syslog;
        intake.too_fast.fetch_add(drops.too_fast, Ordering::Relaxed);
        intake.too_many.fetch_add(drops.too_many, Ordering::Relaxed);
    }

    /// Says where syslog is listened for, by UDP: phones can be told to send it there.
    pub fn listen_for_syslog(&self, port: u16) {
        self.inner.syslog.port.store(port, Ordering::Relaxed);
    }

    /// What has come over syslog since the gateway started.
    pub fn syslog_report(&self) -> SyslogReport {
        let intake = &self.inner.syslog;
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let unknown = intake
            .unknown
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        SyslogReport {
            kept: count(&intake.kept),
            of_nobody: count(&intake.of_nobody),
            too_fast: count(&intake.too_fast),
            too_many: count(&intake.too_many),
            unwritten: count(&intake.unwritten),
            unknown: unknown.iter().cloned().collect(),
        }
    }
}
