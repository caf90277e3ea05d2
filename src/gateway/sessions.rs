//! A device's sessions with its ACS: what they begin with, what they leave behind.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::acs_choice::{Acs, AcsNumber};
use super::core::Gateway;
use super::door::{
    AcsEndpoint, ConnectionRequestTarget, Delivery, GatewayError, OpenSession, PendingCall,
    SessionOutcome,
};
use super::due_sessions::Urgency;
use super::live::{Live, RunningSession};
use super::notifications::in_force;
use super::reports::{count_left, drop_unwanted, has_unwanted};
use super::schedule::after;
use super::session_record::SessionRecord;
use super::version::{doubt_version, keep_version, version_to_speak};
use crate::cwmp::{CpeCall, Event, EventCode, Inform, Notification};
use crate::datamodel::Schema;
use crate::device::{DeviceRecord, HandOver, Transfer, TransferKind, TransferOrder, TransferState};
use crate::native::Mac;
use crate::wire::Credentials;

/// The answer to a connection request must have left before the session begins (cwmp.md C4). The
/// HTTP server doesn't tell when it has written one, so the session follows this much later.
const ANSWER_LEAD: Duration = Duration::from_millis(100);
const CONNECTION_REQUEST_URL: &str = "Device.ManagementServer.ConnectionRequestURL";

impl Gateway {
    /// Prepares a device's session. `None` when there is nothing to report any more, when one is
    /// running already, or when the device has no ACS.
    ///
    /// # Errors
    /// [`GatewayError`] when the device's record or files can't be read. What was to be reported
    /// waits for a retry then.
    pub async fn open_session(&self, mac: Mac) -> Result<Option<OpenSession>, GatewayError> {
        let mut live = self.hold(mac).await;
        if live.session.is_some() {
            return Ok(None);
        }
        let opened = Box::pin(self.begin_session(mac, &mut live)).await;
        if opened.is_err()
            && let Ok(Some((record, _))) = self.load(mac)
        {
            live.failures = live.failures.saturating_add(1);
            self.plan_retry(mac, &record, live.failures, Duration::ZERO)?;
        }
        opened
    }

    async fn begin_session(
        &self,
        mac: Mac,
        live: &mut Live,
    ) -> Result<Option<OpenSession>, GatewayError> {
        // The ACS must not be told what a restart takes back.
        self.inner.store.healthy()?;
        let Some(met) = self.meet_acs(mac, live).await? else {
            return Ok(None);
        };
        let record = Arc::clone(&met.record);
        let now = self.inner.clock.now();
        // The end of a period leaves the next one to the session that it opens.
        self.plan_period(mac, &record, now);
        let (Some(identity), Some(endpoint)) =
            (record.identity.clone(), self.endpoint(mac, &record))
        else {
            return Ok(None);
        };
        let profile = &endpoint.profile;
        let version = version_to_speak(&record.cpe, live, endpoint.url.as_str(), profile);
        // A heartbeat goes alone, and all else waits for the session after it; the first Inform
        // that an ACS gets is none.
        let is_heartbeat = std::mem::take(&mut live.heartbeat_is_due)
            && EventCode::Heartbeat.since() <= version
            && record.cpe.informed_acs.is_some()
            && !record.cpe.events.owes(EventCode::Bootstrap);
        let (events, calls, passing_events) = if is_heartbeat {
            let heartbeat = Event::plain(EventCode::Heartbeat);
            (vec![heartbeat], Vec::new(), Vec::new())
        } else {
            let mut events = self.events(mac, &record, live)?;
            events.retain(|event| event.code.since() <= version);
            let passing_events = std::mem::take(&mut live.passing_events);
            (events, pending_calls(&record), passing_events)
        };
        if events.is_empty() {
            return Ok(None);
        }
        let pack = self.lenses(&record)?;
        live.session = Some(Box::new(RunningSession {
            record: met,
            mark: record.cpe.events.mark(),
            passing_events,
            is_heartbeat,
            is_routine: is_heartbeat
                || events.iter().all(|event| event.code == EventCode::Periodic),
            informed: false,
            is_woken_again: false,
            calls: calls.iter().map(|call| call.id).collect(),
            unlisted: Vec::new(),
            unacknowledged_limit: profile.unacknowledged_limit,
            version,
            highest_version: profile.version,
            acs_url: endpoint.url.to_string(),
            reachability: self.reachability(mac, &record),
        }));
        let parameters = match self.inform_parameters(mac, &record, &pack, live, &events) {
            Ok(parameters) => parameters,
            Err(error) => {
                if let Some(session) = live.session.take() {
                    live.heartbeat_is_due = session.is_heartbeat;
                    let passing = session.passing_events.into_iter();
                    passing.for_each(|code| live.add_passing(code));
                }
                return Err(error);
            }
        };
        self.inner.own_cpe.health.session_began();
        // Whatever the session was planned for, it is here.
        self.inner.sessions.disarm(&mac);
        Ok(Some(OpenSession {
            mac,
            endpoint,
            inform: Inform {
                device_id: identity,
                events,
                current_time: now,
                retry_count: record.cpe.retry_count,
                parameters,
            },
            version,
            calls,
        }))
    }

    /// Sees to it that an ACS that is not the one of the last Inform gets a `0 BOOTSTRAP`, also
    /// when it was changed in the settings (cwmp.md G1, V3), and so does one that knows the device
    /// as another data model. The record after that; `None` for an unknown device.
    async fn meet_acs(
        &self,
        mac: Mac,
        live: &mut Live,
    ) -> Result<Option<SessionRecord>, GatewayError> {
        let Some((mut record, mut bytes)) = self.load(mac)? else {
            return Ok(None);
        };
        if record.cpe.factory_reset_is_due {
            // It could not be carried out when the session ended that ordered it.
            let mut draft = self.draft(mac)?;
            self.reset_to_factory(&mut draft, live)?;
            self.commit(draft, live).await?;
            let Some(reset) = self.load(mac)? else {
                return Ok(None);
            };
            (record, bytes) = reset;
        }
        let endpoint = self.endpoint(mac, &record);
        let is_another = match (&record.cpe.informed_acs, &endpoint) {
            (Some(informed), Some(endpoint)) => *informed != endpoint.url.as_str(),
            _ => false,
        };
        let unwanted_by = endpoint
            .map(|endpoint| endpoint.profile)
            .filter(|profile| has_unwanted(&record.cpe, profile));
        if !is_another && unwanted_by.is_none() && !self.has_another_tree(&record)? {
            return Ok(Some(SessionRecord::new(record, bytes)));
        }
        let mut draft = self.draft(mac)?;
        if is_another {
            draft.begin_with_a_new_acs();
            live.failures = 0;
        }
        if let Some(profile) = unwanted_by {
            drop_unwanted(mac, &mut draft.record.cpe, &profile);
        }
        self.commit(draft, live).await?;
        let met = self.load(mac)?;
        Ok(met.map(|(record, bytes)| SessionRecord::new(record, bytes)))
    }

    /// Notes durably that the ACS has taken something.
    ///
    /// # Errors
    /// [`GatewayError`] when that can't be written.
    pub async fn delivered(&self, mac: Mac, delivery: Delivery) -> Result<(), GatewayError> {
        if delivery == Delivery::Inform {
            let mut live = self.hold(mac).await;
            if self.is_delivered_without_change(mac, &mut live)? {
                return Ok(());
            }
        }
        self.change(mac, |draft, live| {
            match delivery {
                Delivery::Inform => {
                    if let Some(mut session) = live.session.take() {
                        session.informed = true;
                        let cpe = &mut draft.record.cpe;
                        keep_version(cpe, live, &session);
                        if session.is_heartbeat {
                            live.session = Some(session);
                            return Ok(());
                        }
                        cpe.events.deliver(session.mark);
                        cpe.informed_acs = Some(session.acs_url.clone());
                        let reachability = &session.reachability;
                        cpe.told_connection_request_url =
                            Some(reachability.connection_request_url.clone());
                        self.note_told_udp_address(cpe, &reachability.udp_address);
                        if let Some(accepted) = self.last_udp_request(mac) {
                            cpe.udp_connection_requests.last_accepted = accepted;
                        }
                        live.session = Some(session);
                    }
                }
                Delivery::Call(id) => draft.record.cpe.forget_call(id),
                Delivery::Unlisted(ids) => {
                    if let Some(session) = &mut live.session {
                        session.unlisted.extend(ids);
                    }
                }
            }
            Ok(())
        })
        .await
    }

    /// Ends a session: what waited for its end is planned, or its retry is.
    pub async fn close_session(&self, mac: Mac, outcome: SessionOutcome) {
        if let Err(error) = self.finish_session(mac, outcome).await {
            tracing::error!(%mac, %error, "the end of a session could not be noted");
            self.plan_after_error(mac).await;
        } else if let Err(error) = self.write_long_log(mac).await {
            tracing::error!(%mac, %error, "lines of a phone's log are lost");
        }
    }

    async fn finish_session(&self, mac: Mac, outcome: SessionOutcome) -> Result<(), GatewayError> {
        let mut live = self.hold(mac).await;
        live.view = None;
        let Some(session) = live.session.take() else {
            return Ok(());
        };
        if session.is_woken_again && !session.informed {
            // The session that was to answer that request too has not come about.
            live.add_passing(EventCode::ConnectionRequest);
        }
        match &outcome {
            // A device that says every few minutes that it is there must not fill its log with that.
            SessionOutcome::Ended if session.is_routine => {}
            SessionOutcome::Ended => self.log(mac, "session with the ACS ended well"),
            SessionOutcome::Failed { reason, .. } => {
                self.log(mac, format_args!("session with the ACS failed: {reason}"));
            }
        }
        let is_good = outcome == SessionOutcome::Ended;
        if is_good && self.ends_without_change(mac, &mut live, &session)? {
            return Ok(());
        }
        let mut draft = self.draft_in_session(mac, &session)?;
        self.inner.own_cpe.health.session_ended(is_good);
        let came_meanwhile = !live.passing_events.is_empty()
            || draft.record.cpe.events.has_news_since(session.mark)
            || pending_calls(&draft.record)
                .iter()
                .any(|call| !session.calls.contains(&call.id));
        let (unlisted, mut left): (Vec<u64>, Vec<u64>) = pending_calls(&draft.record)
            .iter()
            .map(|call| call.id)
            .filter(|id| session.calls.contains(id))
            .partition(|id| session.unlisted.contains(id));
        let mut at_least = Duration::ZERO;
        if let SessionOutcome::Failed {
            retry_after,
            version_doubt,
            ..
        } = outcome
        {
            let policy = draft.record.cpe.retry_policy;
            at_least = self.wait_asked_for(policy, retry_after)?;
            doubt_version(&draft.record.cpe, &mut live, &session, version_doubt);
        }
        // What went wrong with the ACS that the device had is no failure with the new one
        // (cwmp.md G1).
        let endpoint = self.endpoint(mac, &draft.record);
        let has_another_acs =
            endpoint.is_some_and(|endpoint| endpoint.url.as_str() != session.acs_url);
        let cpe = &mut draft.record.cpe;
        if is_good {
            cpe.retry_count = 0;
            live.failures = 0;
            if !session.is_heartbeat {
                count_left(mac, cpe, &mut live, &session, &mut left);
                live.unacknowledged = if left.is_empty() && unlisted.is_empty() {
                    0
                } else {
                    live.unacknowledged.saturating_add(1)
                };
            }
            self.begin_throttle(mac, &draft.record);
        } else if has_another_acs {
            live.failures = 0;
            live.unacknowledged = 0;
        } else {
            cpe.retry_count = cpe.retry_count.saturating_add(1);
            live.failures = live.failures.saturating_add(1);
            if !session.informed && session.passing_events.contains(&EventCode::Periodic) {
                // From now on a restart does not lose it (cwmp.md section 4.1, V7).
                cpe.events.add(Event::plain(EventCode::Periodic));
                draft.owed_before = true;
            }
        }
        let is_reset = draft.record.cpe.factory_reset_is_due;
        if is_reset {
            self.reset_to_factory(&mut draft, &mut live)?;
        }
        let record = draft.shared_record();
        let pack = Arc::clone(&draft.pack);
        self.commit(draft, &mut live).await?;
        self.plan_missed_control(mac, &live);
        if is_reset {
            // Nothing of what was owed before is owed now.
            return Ok(());
        }
        let now = self.inner.clock.now();
        let due = self.due(mac, &record, pack.schema(), now);
        if !live.passing_events.is_empty() || live.heartbeat_is_due {
            self.arm_session(mac, &record, now, live.urgency());
        } else if let Some(due) = due.filter(|_| came_meanwhile) {
            // A new event does not wait for the retry of old ones (cwmp.md R3).
            self.arm_session(mac, &record, due, Urgency::News);
        } else if !is_good && !self.events(mac, &record, &live)?.is_empty() {
            self.plan_retry(mac, &record, live.failures, at_least)?;
        } else if is_good && (!left.is_empty() || session.is_heartbeat && live.unacknowledged > 0) {
            self.plan_unacknowledged(mac, &record, live.unacknowledged);
        }
        Ok(())
    }

    /// The device that a connection request's path segment names.
    pub async fn connection_request_target(
        &self,
        segment: &str,
    ) -> Option<ConnectionRequestTarget> {
        let devices = self.inner.known.with_segment(segment).into_iter();
        let mut records = devices.filter_map(|mac| Some((mac, self.load(mac).ok()??.0)));
        let (mac, record) =
            records.find(|(_, record)| record.cpe.connection_request_segment == segment)?;
        record.identity.as_ref()?;
        let is_handed_over = record.hand_over.as_ref().is_some_and(HandOver::is_silent);
        if !record.cpe.enable_cwmp || !record.cpe.http_connection_requests || is_handed_over {
            // As if there were no such URL (cwmp.md C12, G3).
            return None;
        }
        Some(ConnectionRequestTarget {
            mac,
            credentials: Credentials {
                username: record.cpe.connection_request_username,
                password: record.cpe.connection_request_password,
            },
        })
    }

    /// An authenticated connection request came in: a session with `6 CONNECTION REQUEST` is due
    /// as soon as its answer has left, or right after the one that runs (cwmp.md C4, C6, C7).
    pub async fn wake(&self, mac: Mac) {
        let mut live = self.hold(mac).await;
        let asked = EventCode::ConnectionRequest;
        if let Some(session) = &mut live.session
            && !session.informed
            && session.passing_events.contains(&asked)
        {
            // The Inform that an earlier request has led to is for this one too, if the ACS takes
            // it.
            session.is_woken_again = true;
            return;
        }
        match self.load(mac) {
            Ok(Some((record, _))) if record.cpe.enable_cwmp => {
                live.add_passing(asked);
                if live.session.is_none() {
                    let due = after(self.inner.clock.now(), ANSWER_LEAD);
                    self.arm_session(mac, &record, due, Urgency::Wake);
                }
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%mac, %error, "a connection request is lost"),
        }
    }

    /// How the ACS is to hear that the device has another ConnectionRequestURL than it was told;
    /// off when it has not.
    pub(super) fn connection_request_url_change(
        &self,
        record: &DeviceRecord,
        schema: &Schema,
    ) -> Notification {
        let told = record.cpe.told_connection_request_url.as_ref();
        if told.is_none_or(|told| *told == self.connection_request_url(record)) {
            return Notification::Off;
        }
        match CONNECTION_REQUEST_URL.parse() {
            Ok(path) => in_force(schema, &record.cpe, &path),
            Err(_) => Notification::Off,
        }
    }

    /// Where a device's ACS is; `None` when it has none, when its URL is no http or https one, or
    /// when the device is to be silent (cwmp.md G3). One that the ACS has set goes before the
    /// operator's, and is reached in the same way.
    pub(super) fn endpoint(&self, mac: Mac, record: &DeviceRecord) -> Option<AcsEndpoint> {
        let (number, acs, url) = self.acs_with_url(mac, record)?;
        let own = &record.cpe.acs;
        let username = match (&own.username, &record.identity) {
            (Some(username), _) => username.clone(),
            (None, Some(identity)) => acs.username(identity),
            (None, None) => String::new(),
        };
        Some(AcsEndpoint {
            url: url.into_owned(),
            credentials: Credentials {
                username,
                password: own
                    .password
                    .clone()
                    .unwrap_or_else(|| acs.credentials.password.clone()),
            },
            profile: Arc::clone(&acs.profile),
            number,
        })
    }

    /// The operator's ACS that a device belongs to, and the URL at which the device reaches its own.
    pub(super) fn acs_with_url(
        &self,
        mac: Mac,
        record: &DeviceRecord,
    ) -> Option<(AcsNumber, &Acs, Cow<'_, Url>)> {
        let is_handed_over = record.hand_over.as_ref().is_some_and(HandOver::is_silent);
        if !record.cpe.enable_cwmp || is_handed_over {
            return None;
        }
        let (number, acs) = self.inner.settings.acs_of(mac, record);
        let url = match &record.cpe.acs.url {
            Some(text) => Cow::Owned(Url::parse(text).ok()?),
            None => Cow::Borrowed(acs.url.as_ref()?),
        };
        matches!(url.scheme(), "http" | "https").then_some((number, acs, url))
    }
}

/// What the CPE has to say besides its Inform, in the order in which it came up.
pub(super) fn pending_calls(record: &DeviceRecord) -> Vec<PendingCall> {
    let cpe = &record.cpe;
    let transfers = cpe.transfers.iter().filter_map(|transfer| {
        let TransferState::Finished(report) = &transfer.state else {
            return None;
        };
        Some(PendingCall {
            id: transfer.id,
            call: CpeCall::TransferComplete(report.clone()),
        })
    });
    let reports = cpe.autonomous_reports.iter().map(|report| PendingCall {
        id: report.id,
        call: CpeCall::AutonomousTransferComplete(report.report.clone()),
    });
    let wishes = cpe.wishes.iter().map(|wish| PendingCall {
        id: wish.id,
        call: CpeCall::RequestDownload(wish.request.clone()),
    });
    transfers.chain(reports).chain(wishes).collect()
}

impl Gateway {
    /// Everything that an Inform has to report now.
    fn events(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        live: &Live,
    ) -> Result<Vec<Event>, GatewayError> {
        let owed = &record.cpe.events;
        let mut events: Vec<Event> = owed.events().cloned().collect();
        let pack = self.lenses(record)?;
        let url_change = self.connection_request_url_change(record, pack.schema());
        let udp_address_change = self.udp_address_change(mac, record, pack.schema());
        let has_other_way = url_change.is_in_inform() || udp_address_change.is_in_inform();
        if !owed.owes(EventCode::ValueChange) && has_other_way {
            // The URL itself is in every Inform; the address is added to this one.
            events.push(Event::plain(EventCode::ValueChange));
        }
        let passing = live.passing_events.iter().copied();
        events.extend(passing.filter(|code| !owed.owes(*code)).map(Event::plain));
        let mut has_report = false;
        for transfer in &record.cpe.transfers {
            if let TransferState::Finished(report) = &transfer.state {
                has_report = true;
                events.push(Event {
                    code: method_event(transfer),
                    command_key: report.command_key.clone(),
                });
            }
        }
        if has_report {
            events.push(Event::plain(EventCode::TransferComplete));
        }
        if !record.cpe.autonomous_reports.is_empty() {
            events.push(Event::plain(EventCode::AutonomousTransferComplete));
        }
        if !record.cpe.wishes.is_empty() {
            events.push(Event::plain(EventCode::RequestDownload));
        }
        Ok(events)
    }
}

/// The event that names the RPC by which a transfer was ordered.
fn method_event(transfer: &Transfer) -> EventCode {
    match (&transfer.order, &transfer.kind) {
        (TransferOrder::Within(_), _) => EventCode::ScheduleDownload,
        (TransferOrder::Once, TransferKind::UploadConfiguration | TransferKind::UploadLog) => {
            EventCode::Upload
        }
        (
            TransferOrder::Once,
            TransferKind::DownloadConfiguration
            | TransferKind::DownloadFirmware
            | TransferKind::DownloadFile,
        ) => EventCode::Download,
        // No report of it waits here: it is told as one that the ACS has not ordered.
        (TransferOrder::Assigned(_), _) => EventCode::AutonomousTransferComplete,
    }
}
