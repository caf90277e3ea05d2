//! What sender and receiver agree on.

use std::time::Duration;

use super::packet::{Options, Packet};

/// Bytes of a block when nobody asks for another size (RFC 1350).
pub(super) const DEFAULT_BLOCK_BYTES: usize = 512;

/// The smallest block size that can be asked for (RFC 2348).
pub(super) const MIN_BLOCK_BYTES: usize = 8;

/// The largest block that is sent and asked for: a datagram with it crosses Ethernet and usual
/// tunnels in one piece, over IPv6 too.
pub const MAX_BLOCK_BYTES: usize = 1428;

/// Blocks that are sent in a row at most before one is acknowledged.
pub const MAX_WINDOW: u16 = 8;

/// Seconds between retransmissions that a client may ask for; RFC 2349 has up to 255, but so long
/// nobody's place is kept.
const MAX_TIMEOUT: u64 = 30;

pub(super) const BLOCK_SIZE: &str = "blksize";
pub(super) const TRANSFER_SIZE: &str = "tsize";
const TIMEOUT: &str = "timeout";
const WINDOW_SIZE: &str = "windowsize";

/// The terms of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Terms {
    /// Bytes of every block but the last.
    pub(super) block_bytes: usize,
    /// Blocks in a row.
    pub(super) window: u16,
    /// The wait between all retransmissions, when the client has chosen it.
    pub(super) timeout: Option<Duration>,
}

impl Terms {
    /// The terms when no options are spoken.
    pub(super) const PLAIN: Self = Self {
        block_bytes: DEFAULT_BLOCK_BYTES,
        window: 1,
        timeout: None,
    };

    /// What a sender of so many bytes makes of what it is asked for, and the packet that says so.
    /// An option that is unknown, or has a value that can't be, is left out of the answer and does
    /// not hold (RFC 2347); without any there is no such packet.
    pub(super) fn answer(options: &Options<'_>, length: usize) -> (Self, Option<Vec<u8>>) {
        let mut terms = Self::PLAIN;
        let mut agreed: Vec<(&str, String)> = Vec::new();
        let asked = options.number(BLOCK_SIZE);
        if let Some(asked) = asked.filter(|asked| (8..=65_464).contains(asked)) {
            let asked = usize::try_from(asked).unwrap_or(MAX_BLOCK_BYTES);
            terms.block_bytes = asked.clamp(MIN_BLOCK_BYTES, MAX_BLOCK_BYTES);
            agreed.push((BLOCK_SIZE, terms.block_bytes.to_string()));
        }
        // curl takes the size 0 for a broken answer; without it an empty file arrives too.
        if length > 0 && options.number(TRANSFER_SIZE).is_some() {
            agreed.push((TRANSFER_SIZE, length.to_string()));
        }
        let asked = options.number(TIMEOUT);
        if let Some(asked) = asked.filter(|asked| (1..=MAX_TIMEOUT).contains(asked)) {
            terms.timeout = Some(Duration::from_secs(asked));
            agreed.push((TIMEOUT, asked.to_string()));
        }
        let asked = options.number(WINDOW_SIZE);
        if let Some(asked) = asked.filter(|asked| (1..=65_535).contains(asked)) {
            terms.window = u16::try_from(asked).unwrap_or(MAX_WINDOW).min(MAX_WINDOW);
            agreed.push((WINDOW_SIZE, terms.window.to_string()));
        }
        if agreed.is_empty() {
            return (terms, None);
        }
        let agreed: Vec<(&str, &str)> = agreed
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let packet = Packet::OptionAcknowledgement(Options::new(&agreed));
        (terms, Some(packet.encode()))
    }
}
