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
/// Lines of one phone that may wait, in bytes.
const MAX_WAITING: usize = 1024;

/// Lines that are not written yet.
#[derive(Debug, Default)]
pub(super) struct WaitingLines(Mutex<HashMap<Mac, String>>);

impl WaitingLines {
    fn lock(&self) -> MutexGuard<'_, HashMap<Mac, String>> {
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
        let mut waiting = self.inner.log_lines.lock();
        let lines = waiting.entry(mac).or_default();
        lines.push_str(&format!("{now} {text}\n"));
    }

    /// A phone's log, the newest line last; empty for one of which nothing was seen.
    ///
    /// # Errors
    /// [`GatewayError`] for an unknown phone, or when the store fails.
    pub fn device_log(&self, mac: Mac) -> Result<String, GatewayError> {
        self.load(mac)?.ok_or(GatewayError::UnknownPhone(mac))?;
        self.log_text(mac)
    }

    pub(super) fn log_text(&self, mac: Mac) -> Result<String, GatewayError> {
        let mut log = self.stored_log(mac)?;
        if let Some(lines) = self.inner.log_lines.lock().get(&mac) {
            log.add(lines);
        }
        Ok(log.text)
    }

    /// Puts the lines that wait into a batch. Only the device's one writer may do that.
    pub(super) fn write_log(&self, mac: Mac, batch: &mut Batch) -> Result<(), GatewayError> {
        let Some(lines) = self.inner.log_lines.lock().remove(&mac) else {
            return Ok(());
        };
        let mut log = self.stored_log(mac)?;
        log.add(&lines);
        batch.put(Table::Log, &mac.bytes(), encode(&log)?);
        Ok(())
    }

    /// Writes the lines of a phone if many wait, without waiting for the disk.
    pub(super) async fn write_long_log(&self, mac: Mac) -> Result<(), GatewayError> {
        let length = |lines: &HashMap<Mac, String>| lines.get(&mac).map_or(0, String::len);
        if length(&self.inner.log_lines.lock()) > MAX_WAITING {
            let _held = self.hold(mac).await;
            let mut batch = Batch::new();
            self.write_log(mac, &mut batch)?;
            // Nobody waits for it: a lost line is no loss.
            let _ = self.inner.store.commit(batch)?;
        }
        Ok(())
    }

    /// Writes all lines that wait: the process is about to end.
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails.
    pub async fn write_logs(&self) -> Result<(), GatewayError> {
        let macs: Vec<Mac> = self.inner.log_lines.lock().keys().copied().collect();
        let mut last = None;
        for mac in macs {
            let _held = self.hold(mac).await;
            let mut batch = Batch::new();
            self.write_log(mac, &mut batch)?;
            last = Some(self.inner.store.commit(batch)?);
        }
        if let Some(ticket) = last {
            ticket.durable().await?;
        }
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
