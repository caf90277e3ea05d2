//! A device's record for the length of a session: read when it opens, and not again until a change
//! of the device is written. Most sessions change nothing.

use std::sync::Arc;

use super::core::Gateway;
use super::door::GatewayError;
use super::draft::Draft;
use super::live::{Live, RunningSession};
use super::sessions::pending_calls;
use super::version::{VersionTrial, speaks_highest};
use crate::device::DeviceRecord;
use crate::native::Mac;
use crate::store::Record as _;

/// A record with the bytes that it was decoded from.
#[derive(Debug, Clone)]
pub(super) struct SessionRecord {
    pub(super) record: Arc<DeviceRecord>,
    pub(super) bytes: Vec<u8>,
    /// Another one has been written since. Who writes one holds the device, and says so here.
    pub(super) is_outdated: bool,
}

impl SessionRecord {
    /// `bytes` are those of the record.
    pub(super) fn new(record: DeviceRecord, bytes: Vec<u8>) -> Self {
        Self {
            record: Arc::new(record),
            bytes,
            is_outdated: false,
        }
    }
}

impl Gateway {
    /// A draft of the device, from what the session has kept of it if that is still what is stored.
    ///
    /// # Errors
    /// As for any draft.
    pub(super) fn draft_in_session(
        &self,
        mac: Mac,
        session: &RunningSession,
    ) -> Result<Draft, GatewayError> {
        let kept = &session.record;
        if kept.is_outdated {
            return self.draft(mac);
        }
        self.draft_of(mac, Arc::clone(&kept.record), kept.bytes.clone())
    }

    /// Takes it from the ACS that it has the Inform, when there is nothing to write about that: it
    /// told the ACS nothing that is owed, and nothing that is new. False when it has to be written.
    ///
    /// # Errors
    /// [`GatewayError`] when the store can't be read.
    pub(super) fn is_delivered_without_change(
        &self,
        mac: Mac,
        live: &mut Live,
    ) -> Result<bool, GatewayError> {
        let Some(session) = &mut live.session else {
            return Ok(false);
        };
        let kept = &session.record;
        if !self.is_up_to_date(kept)? {
            return Ok(false);
        }
        let cpe = &kept.record.cpe;
        let owes = cpe.events.events().next().is_some() || cpe.events.changed().next().is_some();
        let reachability = &session.reachability;
        let url = Some(reachability.connection_request_url.as_str());
        let told_udp = cpe.told_udp_connection_request_address.as_deref();
        let last_accepted = self.last_udp_request(mac);
        let knows_all = cpe.informed_acs.as_deref() == Some(session.acs_url.as_str())
            && cpe.told_connection_request_url.as_deref() == url
            && told_udp.unwrap_or_default() == reachability.udp_address
            && last_accepted
                .is_none_or(|accepted| cpe.udp_connection_requests.last_accepted == accepted);
        if owes || !knows_all || !speaks_highest(cpe, session) {
            return Ok(false);
        }
        session.informed = true;
        live.version_trial = VersionTrial::default();
        Ok(true)
    }

    /// Ends a good session after which there is nothing to write, and nothing due that was not due
    /// before. False, and nothing done, after any other.
    ///
    /// # Errors
    /// [`GatewayError`] when the store can't be read.
    pub(super) fn ends_without_change(
        &self,
        mac: Mac,
        live: &mut Live,
        session: &RunningSession,
    ) -> Result<bool, GatewayError> {
        let kept = &session.record;
        let cpe = &kept.record.cpe;
        let came_meanwhile = !live.passing_events.is_empty()
            || live.heartbeat_is_due
            || cpe.events.has_news_since(session.mark);
        let has_to_be_written = cpe.retry_count > 0
            || cpe.factory_reset_is_due
            || !pending_calls(&kept.record).is_empty();
        if session.is_heartbeat
            || came_meanwhile
            || has_to_be_written
            || !self.is_up_to_date(kept)?
        {
            return Ok(false);
        }
        self.inner.own_cpe.health.session_ended(true);
        live.failures = 0;
        live.unacknowledged = 0;
        live.sessions_of_calls.clear();
        let record = &kept.record;
        self.begin_throttle(mac, record);
        let pack = self.lenses(record)?;
        self.plan(mac, record, pack.schema(), live, false);
        self.plan_missed_control(mac, live);
        Ok(true)
    }

    /// Whether this is what is stored, and as this trestle with its present lenses stores it.
    fn is_up_to_date(&self, kept: &SessionRecord) -> Result<bool, GatewayError> {
        let is_of_today = kept.bytes.first() == Some(&DeviceRecord::VERSION);
        if kept.is_outdated || !is_of_today {
            return Ok(false);
        }
        let lenses = self.lenses(&kept.record)?.id().to_string();
        Ok(kept.record.lenses == lenses)
    }
}

#[cfg(test)]
mod tests {
    use super::super::door::{Delivery, OpenSession, SessionOutcome};
    use super::super::template_tests::{Bench, DEVICES};
    use super::*;
    use crate::cwmp::{AcsRequest, EventCode, SetAttribute};
    use crate::mapping::Template;

    const DISPLAY_NAME: &str =
        "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";

    async fn opened(gateway: &Gateway, mac: Mac) -> OpenSession {
        gateway.wake(mac).await;
        gateway.open_session(mac).await.unwrap().unwrap()
    }

    async fn ended(gateway: &Gateway, mac: Mac) {
        gateway.close_session(mac, SessionOutcome::Ended).await;
    }

    /// A gateway that has announced its first phone, whose first session is over.
    async fn met() -> (Bench, Mac) {
        let bench = Bench::new(Template::Device1).await;
        bench.fetch().await;
        let mac = DEVICES[0];
        let gateway = &bench.gateway;
        opened(gateway, mac).await;
        let is_news = {
            let mut live = gateway.hold(mac).await;
            !gateway.is_delivered_without_change(mac, &mut live).unwrap()
        };
        assert!(is_news, "the first Inform is delivered by a commit");
        gateway.delivered(mac, Delivery::Inform).await.unwrap();
        ended(gateway, mac).await;
        (bench, mac)
    }

    #[tokio::test]
    async fn a_session_without_news_writes_nothing_and_leaves_nothing_behind() {
        let (bench, mac) = met().await;
        let gateway = &bench.gateway;
        let before = gateway.stored_record(mac).unwrap();
        opened(gateway, mac).await;
        let mut live = gateway.hold(mac).await;
        assert!(gateway.is_delivered_without_change(mac, &mut live).unwrap());
        assert!(live.session.as_ref().unwrap().informed);
        drop(live);
        ended(gateway, mac).await;
        assert_eq!(gateway.stored_record(mac).unwrap(), before);
        assert!(gateway.is_at_rest(mac));
    }

    #[tokio::test]
    async fn what_changes_during_a_session_is_told_in_the_next() {
        let (bench, mac) = met().await;
        let gateway = &bench.gateway;
        let attribute = SetAttribute {
            name: DISPLAY_NAME.to_owned(),
            notification: Some(1),
            access_list: None,
        };
        let request = AcsRequest::SetParameterAttributes(vec![attribute]);
        gateway.execute(mac, request).await.unwrap();
        for is_before_delivery in [true, false] {
            opened(gateway, mac).await;
            let change = || {
                let name = format!("changed {is_before_delivery}");
                gateway.set_by_operator(mac, vec![(DISPLAY_NAME.to_owned(), name)])
            };
            if is_before_delivery {
                change().await.unwrap();
            }
            gateway.delivered(mac, Delivery::Inform).await.unwrap();
            if !is_before_delivery {
                change().await.unwrap();
            }
            ended(gateway, mac).await;
            let next = opened(gateway, mac).await;
            let codes: Vec<EventCode> = next.inform.events.iter().map(|one| one.code).collect();
            assert!(codes.contains(&EventCode::ValueChange), "{codes:?}");
            gateway.delivered(mac, Delivery::Inform).await.unwrap();
            ended(gateway, mac).await;
        }
    }
}
