//! The lines that are kept of each phone: in memory until the next write, on disk in pieces, of
//! which the oldest go.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::PoisonError;

use super::super::core::Gateway;
use super::super::door::GatewayError;
use crate::device::{SyslogEntry, SyslogPiece, SyslogRing};
use crate::native::Mac;
use crate::store::{Batch, Table, Ticket, decode, encode};

/// Lines of all phones that may wait, in bytes; what comes beyond that is not kept.
const MAX_WAITING: usize = 16 << 20;
/// Phones whose lines are written in one commit. Lines wait outside for as long as that takes.
const PHONES_IN_A_COMMIT: usize = 32;

/// Lines that are not written yet.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Waiting {
    of_phones: HashMap<Mac, Lines>,
    /// Of all of them.
    bytes: usize,
}

#[derive(Debug, Default)]
struct Lines {
    entries: VecDeque<SyslogEntry>,
    bytes: usize,
}

impl Waiting {
    /// Adds a line of a phone of which `keep` bytes are kept: its oldest ones go. How many lines of
    /// others are lost by that: one if nothing more can wait, else none.
    pub(super) fn add(&mut self, mac: Mac, entry: SyslogEntry, keep: usize) -> u64 {
        let size = entry.size();
        if self.bytes + size > MAX_WAITING {
            return 1;
        }
        let lines = self.of_phones.entry(mac).or_default();
        lines.entries.push_back(entry);
        lines.bytes += size;
        self.bytes += size;
        while lines.bytes > keep {
            let Some(oldest) = lines.entries.pop_front() else {
                break;
            };
            lines.bytes -= oldest.size();
            self.bytes -= oldest.size();
        }
        0
    }

    fn forget(&mut self, mac: Mac) -> u64 {
        let Some(lines) = self.of_phones.remove(&mac) else {
            return 0;
        };
        self.bytes = self.bytes.saturating_sub(lines.bytes);
        lines.entries.len() as u64
    }

    fn some_phones(&self) -> Vec<Mac> {
        let phones = self.of_phones.keys().copied();
        phones.take(PHONES_IN_A_COMMIT).collect()
    }
}

impl Gateway {
    /// Writes the lines that wait; they are on disk when this returns.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails. The lines of this write are lost then.
    pub async fn write_syslog(&self) -> Result<(), GatewayError> {
        let mut last = None;
        while let Some(ticket) = self.write_some_syslog()? {
            last = Some(ticket);
            tokio::task::yield_now().await;
        }
        if let Some(ticket) = last {
            ticket.durable().await?;
            tracing::debug!("syslog lines are on disk");
        }
        Ok(())
    }

    /// Writes the lines of some phones; `None` when none wait.
    fn write_some_syslog(&self) -> Result<Option<Ticket>, GatewayError> {
        let intake = &self.inner.syslog;
        // Held until they are written, so that whoever reads finds each line once.
        let mut waiting = intake
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let phones = waiting.some_phones();
        if phones.is_empty() {
            return Ok(None);
        }
        let written = self.write_lines_of(&waiting, &phones);
        for mac in phones {
            let lines = waiting.forget(mac);
            if written.is_err() {
                intake.count_unwritten(lines);
            }
        }
        written.map(Some)
    }

    fn write_lines_of(&self, waiting: &Waiting, phones: &[Mac]) -> Result<Ticket, GatewayError> {
        let mut batch = Batch::new();
        for mac in phones {
            if let Some(lines) = waiting.of_phones.get(mac) {
                self.append(*mac, &lines.entries, &mut batch)?;
            }
        }
        Ok(self.inner.store.commit(batch)?)
    }

    fn append(
        &self,
        mac: Mac,
        entries: &VecDeque<SyslogEntry>,
        batch: &mut Batch,
    ) -> Result<(), GatewayError> {
        let key = mac.bytes();
        let store = &self.inner.store;
        // A ring that can't be read is begun anew: a log is no reason to stop.
        let mut ring: SyslogRing = match store.get(Table::Syslog, &key)? {
            Some(bytes) => decode(&bytes).unwrap_or_default(),
            None => SyslogRing::default(),
        };
        let last = ring.next.checked_sub(1).filter(|last| *last >= ring.first);
        let mut piece = match last {
            Some(last) => match store.get(Table::Syslog, &piece_key(mac, last))? {
                Some(bytes) => {
                    ring.next = last;
                    decode(&bytes).unwrap_or_default()
                }
                None => SyslogPiece::default(),
            },
            None => SyslogPiece::default(),
        };
        for entry in entries {
            if !piece.has_room_for(entry) {
                batch.put(Table::Syslog, &piece_key(mac, ring.next), encode(&piece)?);
                ring.next += 1;
                piece = SyslogPiece::default();
            }
            piece.entries.push(entry.clone());
        }
        batch.put(Table::Syslog, &piece_key(mac, ring.next), encode(&piece)?);
        ring.next += 1;
        let kept = (self.inner.settings.syslog_keep_bytes / SyslogPiece::MAX_BYTES).max(1) as u64;
        while ring.next - ring.first > kept {
            batch.delete(Table::Syslog, &piece_key(mac, ring.first));
            ring.first += 1;
        }
        batch.put(Table::Syslog, &key, encode(&ring)?);
        Ok(())
    }

    /// The lines that are kept of a phone, the newest last.
    pub(in crate::gateway) fn syslog_of(&self, mac: Mac) -> Result<Vec<SyslogEntry>, GatewayError> {
        let waiting = self
            .inner
            .syslog
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut entries = Vec::new();
        for stored in self.inner.store.scan(Table::Syslog, &mac.bytes()) {
            let (key, bytes) = stored?;
            // The ring itself lies under the MAC alone.
            if key.len() > mac.bytes().len()
                && let Ok(piece) = decode::<SyslogPiece>(&bytes)
            {
                entries.extend(piece.entries);
            }
        }
        if let Some(lines) = waiting.of_phones.get(&mac) {
            entries.extend(lines.entries.iter().cloned());
        }
        let mut size: usize = entries.iter().map(SyslogEntry::size).sum();
        // What waits takes the place of the oldest on disk.
        let over = entries.iter().take_while(|entry| {
            let is_over = size > self.inner.settings.syslog_keep_bytes;
            size = size.saturating_sub(entry.size());
            is_over
        });
        let over = over.count();
        entries.drain(..over);
        Ok(entries)
    }
}

/// The MAC, then the piece's number: in this order the pieces are listed.
fn piece_key(mac: Mac, number: u64) -> [u8; 14] {
    let mut key = [0; 14];
    let (head, tail) = key.split_at_mut(6);
    head.copy_from_slice(&mac.bytes());
    tail.copy_from_slice(&number.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> SyslogEntry {
        SyslogEntry {
            at: 0,
            severity: None,
            text: text.to_owned(),
        }
    }

    #[test]
    fn what_waits_is_bounded_for_each_phone_and_for_all() {
        let mut waiting = Waiting::default();
        let mac = |number: u32| {
            let [_, a, b, c] = number.to_be_bytes();
            Mac::new([0, 11, 130, a, b, c])
        };
        for number in 0..1000 {
            assert_eq!(
                waiting.add(mac(0), entry(&format!("{number:0100}")), 4096),
                0
            );
        }
        assert!(waiting.bytes <= 4096 && waiting.bytes > 3000);
        let newest = waiting.of_phones[&mac(0)].entries.back().unwrap();
        assert!(newest.text.ends_with("999"));
        let mut lost = 0;
        for number in 1..10_000 {
            lost += waiting.add(mac(number), entry(&"x".repeat(2048)), 4096);
        }
        assert!(waiting.bytes <= MAX_WAITING && lost > 0, "{lost}");
        for number in 0..10_000 {
            waiting.forget(mac(number));
        }
        assert_eq!(waiting.bytes, 0);
    }
}
