//! When lightweight notifications go out, and what they tell (cwmp.md A10).

use std::time::Duration;

use jiff::Timestamp;

use super::acs_choice::AcsNumber;
use super::core::Gateway;
use super::door::GatewayError;
use super::notifications::{in_force, is_active_lightweight};
use super::random;
use super::schedule::after;
use crate::cwmp::{LightweightNotification, ParameterValue, encode_lightweight_notification};
use crate::datamodel::Schema;
use crate::device::DeviceRecord;
use crate::native::Mac;

/// Bytes of names and values that go into one datagram; the rest goes into the next.
const MAX_CONTENT: usize = 16 * 1024;
/// Wait after a notification that could not be sent.
const RETRY_WAIT: Duration = Duration::from_secs(60);

/// A lightweight notification that is due now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LightweightJob {
    /// Whose it is.
    pub mac: Mac,
    /// Where it goes: a name or an address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The ACS of the device: whose local address holds.
    pub acs: AcsNumber,
    /// What is sent.
    pub document: Vec<u8>,
    /// What it tells.
    pub told: Vec<ParameterValue>,
}

impl Gateway {
    /// Waits until a lightweight notification is due, and hands it out.
    pub async fn next_lightweight(&self) -> LightweightJob {
        loop {
            let mac = self.inner.lightweight.next(&*self.inner.clock).await;
            // Its end plans what has changed meanwhile.
            if std::mem::replace(&mut self.hold(mac).await.lightweight_is_running, true) {
                continue;
            }
            match self.lightweight_job(mac).await {
                Ok(Some(job)) => return job,
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%mac, %error, "a lightweight notification is late");
                    self.try_again(&self.inner.lightweight, mac, &error);
                }
            }
            self.hold(mac).await.lightweight_is_running = false;
        }
    }

    /// Takes the outcome of a lightweight notification. What was told is owed no more, unless it
    /// has changed again; nobody acknowledges it.
    pub async fn finish_lightweight(&self, job: LightweightJob, was_sent: bool) {
        let mac = job.mac;
        if !was_sent {
            self.hold(mac).await.lightweight_is_running = false;
            let due = after(self.inner.clock.now(), RETRY_WAIT);
            self.inner.lightweight.arm(mac, due);
            return;
        }
        if let Err(error) = self.lightweight_told(mac, &job.told).await {
            tracing::error!(%mac, %error, "a lightweight notification could not be noted");
            self.hold(mac).await.lightweight_is_running = false;
            self.try_again(&self.inner.lightweight, mac, &error);
        }
    }

    async fn lightweight_job(&self, mac: Mac) -> Result<Option<LightweightJob>, GatewayError> {
        let Some((record, _)) = self.load(mac)? else {
            return Ok(None);
        };
        let wanted = &record.cpe.lightweight;
        let (Some(device_id), Some(endpoint)) = (&record.identity, self.endpoint(mac, &record))
        else {
            return Ok(None);
        };
        if !wanted.over_udp {
            return Ok(None);
        }
        let Some(changes) = self.lightweight_changes(mac).await? else {
            return Ok(None);
        };
        let mut length = 0;
        let told: Vec<ParameterValue> = changes
            .into_iter()
            .take_while(|parameter| {
                let is_first = length == 0;
                length += parameter.name.len() + parameter.value.len();
                is_first || length <= MAX_CONTENT
            })
            .collect();
        let document = encode_lightweight_notification(&LightweightNotification {
            at: self.inner.clock.now(),
            username: &endpoint.credentials.username,
            nonce: &random::text()?,
            device_id,
            parameters: &told,
        });
        let host = if wanted.host.is_empty() {
            let host = endpoint.url.host_str().unwrap_or_default();
            host.trim_matches(['[', ']']).to_owned()
        } else {
            wanted.host.clone()
        };
        Ok(Some(LightweightJob {
            mac,
            host,
            port: wanted.port,
            acs: endpoint.number,
            document,
            told,
        }))
    }

    /// Plans the notification that a device owes: at once, if one of the changes is to be told at
    /// once, else at the next trigger.
    pub(super) fn plan_lightweight(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        schema: &Schema,
        now: Timestamp,
    ) {
        let wanted = &record.cpe.lightweight;
        let queue = &self.inner.lightweight;
        if !wanted.over_udp || wanted.changed.is_empty() {
            queue.disarm(&mac);
            return;
        }
        let is_active = wanted
            .changed
            .iter()
            .any(|path| is_active_lightweight(in_force(schema, &record.cpe, path)));
        if is_active {
            queue.arm_no_later(mac, now);
        } else {
            let phase = (wanted.trigger_time, wanted.trigger_interval);
            let is_triggered = wanted.trigger_interval > 0;
            self.plan_phase(queue, mac, is_triggered.then_some(phase), now);
        }
    }
}
