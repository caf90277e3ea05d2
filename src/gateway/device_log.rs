//! What the gateway has seen of each phone, as lines of text for people and for Upload. No secret
//! goes into them.
//!
//! Lines wait in memory until something of the phone is written anyway: they cost no write to the
//! disk of their own, and those that wait are lost with the process.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::core::Gateway;
use super::door::GatewayError;
use crate::device::DeviceLog;
use crate::native::Mac;
use crate::store::{Batch, Table, decode, encode};

/// Longest text of a line, in characters.
const MAX_LINE: usize = 300;
/// Lines of one phone that may wait before they are written, in bytes.
const MAX_WAITING: usize = 1024;
/// What the lines of all phones may take while they wait, in bytes; with more, a line is written
/// when it comes. Those that wait are written before the process ends, which must not take long.
const MAX_WAITING_OF_ALL: usize = 8 * 1024 * 1024;
/// What a phone with lines takes beside them.
const ENTRY_BYTES: usize = 96;
/// Phones whose lines are written in one commit before the end.
const PHONES_PER_COMMIT: usize = 256;

/// Lines that are not written yet.
#[derive(Debug, Default)]
pub(super) struct WaitingLines(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    of_phones: HashMap<Mac, String>,
    /// Of all of them.
    bytes: usize,
}

impl Lines {
    /// Adds a line. Of a phone whose lines nothing has written for long, the oldest go.
    fn add(&mut self, mac: Mac, line: &str) {
        let lines = self.of_phones.entry(mac).or_default();
        let before = taken_by(lines);
        lines.push_str(line);
        while lines.len() > DeviceLog::MAX_BYTES {
            let Some(end) = lines.find('\n') else {
                break;
            };
            lines.drain(..=end);
        }
        self.bytes = (self.bytes + taken_by(lines)).saturating_sub(before);
    }

    fn take(&mut self, mac: Mac) -> Option<String> {
        let lines = self.of_phones.remove(&mac)?;
        self.bytes = self.bytes.saturating_sub(taken_by(&lines));
        Some(lines)
    }

    fn are_many(&self, mac: Mac) -> bool {
        let length = self.of_phones.get(&mac).map_or(0, String::len);
        length > MAX_WAITING || length > 0 && self.bytes > MAX_WAITING_OF_ALL
    }
}

/// What the lines of a phone take.
fn taken_by(lines: &str) -> usize {
    match lines.len() {
        0 => 0,
        length => length + ENTRY_BYTES,
    }
}

impl WaitingLines {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        // No code that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gateway {
    /// Adds a line to a phone's log, with the present moment.
    pub(super) fn log(&self, mac: Mac, line: impl fmt::Display) {
        let now = self.inner.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let text: String = line
            .to_string()
            .chars()
            .map(|character| {
                if character.is_control() {
                    ' '
                } else {
                    character
                }
            })
            .take(MAX_LINE)
            .collect();
        let line = format!("{now} {text}\n");
        self.inner.log_lines.lock().add(mac, &line);
    }

    /// What the gateway has seen of a phone, a moment and a text in each line.
    pub(super) fn log_text(&self, mac: Mac) -> Result<String, GatewayError> {
        let mut log = self.stored_log(mac)?;
        if let Some(lines) = self.inner.log_lines.lock().of_phones.get(&mac) {
            log.add(lines);
        }
        Ok(log.text)
    }

    /// Puts the lines that wait into a batch. Only the device's one writer may do that.
    pub(super) fn write_log(&self, mac: Mac, batch: &mut Batch) -> Result<(), GatewayError> {
        let Some(lines) = self.inner.log_lines.lock().take(mac) else {
            return Ok(());
        };
        let mut log = self.stored_log(mac)?;
        log.add(&lines);
        batch.put(Table::Log, &mac.bytes(), encode(&log)?);
        Ok(())
    }

    /// Writes the lines of a phone if many wait, without waiting for the disk.
    pub(super) async fn write_long_log(&self, mac: Mac) -> Result<(), GatewayError> {
        let are_many = self.inner.log_lines.lock().are_many(mac);
        if are_many {
            self.write_waiting(mac).await?;
        }
        Ok(())
    }

    /// Writes the lines of a phone, if some wait, without waiting for the disk: a lost line is no
    /// loss.
    async fn write_waiting(&self, mac: Mac) -> Result<(), GatewayError> {
        if self.inner.log_lines.lock().of_phones.contains_key(&mac) {
            let _held = self.hold(mac).await;
            let mut batch = Batch::new();
            self.write_log(mac, &mut batch)?;
            let _ = self.inner.store.commit(batch)?;
        }
        Ok(())
    }

    /// Writes all lines that wait: the process is about to end.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails.
    pub async fn write_logs(&self) -> Result<(), GatewayError> {
        let macs: Vec<Mac> = self
            .inner
            .log_lines
            .lock()
            .of_phones
            .keys()
            .copied()
            .collect();
        for some in macs.chunks(PHONES_PER_COMMIT) {
            let mut batch = Batch::new();
            // Whoever holds several devices must not wait for another one.
            let mut held = Vec::with_capacity(some.len());
            for mac in some {
                if let Some(device) = self.try_hold(*mac) {
                    self.write_log(*mac, &mut batch)?;
                    held.push(device);
                }
            }
            let _ = self.inner.store.commit(batch)?;
            drop(held);
            for mac in some {
                self.write_waiting(*mac).await?;
            }
        }
        self.inner.store.commit(Batch::new())?.durable().await?;
        Ok(())
    }

    fn stored_log(&self, mac: Mac) -> Result<DeviceLog, GatewayError> {
        match self.inner.store.get(Table::Log, &mac.bytes())? {
            // A log that can't be read is no reason to stop a phone.
            Some(bytes) => Ok(decode(&bytes).unwrap_or_default()),
            None => Ok(DeviceLog::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_nothing_writes_do_not_grow_for_ever() {
        let mut lines = Lines::default();
        let [one, other] = [1, 2].map(|last| Mac::new([0, 11, 130, 0, 0, last]));
        lines.add(other, "a line\n");
        for number in 0..10_000 {
            lines.add(one, &format!("line {number}\n"));
        }
        let length = |mac| lines.of_phones.get(&mac).map_or(0, String::len);
        assert!(length(one) <= DeviceLog::MAX_BYTES && length(one) > MAX_WAITING);
        assert_eq!(lines.bytes, length(one) + length(other) + 2 * ENTRY_BYTES);
        assert!(lines.are_many(one) && !lines.are_many(other));
        let taken = lines.take(one).unwrap();
        assert!(taken.starts_with("line ") && taken.ends_with("line 9999\n"));
        assert_eq!(lines.bytes, "a line\n".len() + ENTRY_BYTES);
        lines.take(other);
        assert_eq!(lines.bytes, 0);
    }
}
