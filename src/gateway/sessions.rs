//! A device's sessions with its ACS: what they begin with, what they leave behind.

use std::sync::{Arc, PoisonError};

use url::Url;

use super::core::Gateway;
use super::door::{
    AcsEndpoint, ConnectionRequestTarget, Delivery, GatewayError, OpenSession, PendingCall,
    SessionOutcome,
};
use super::live::{Live, RunningSession};
use crate::cwmp::{CpeCall, Event, EventCode, Inform, ParameterValue};
use crate::device::{DeviceRecord, Mark, Transfer, TransferKind, TransferOrder, TransferState};
use crate::native::Mac;
use crate::wire::Credentials;

impl Gateway {
    /// Prepares a device's session. `None` when there is nothing to report any more, when one is
    /// running already, or when the device has no ACS.
    ///
    /// # Errors
    /// [`GatewayError`] when the device's record or files can't be read.
    pub async fn open_session(&self, mac: Mac) -> Result<Option<OpenSession>, GatewayError> {
        let mut live = self.hold(mac).await;
        if live.session.is_some() {
            return Ok(None);
        }
        if !self.meet_acs(mac, &mut live).await? {
            return Ok(None);
        }
        let Some((record, _)) = self.load(mac)? else {
            return Ok(None);
        };
        let (Some(identity), Some(endpoint)) = (record.identity.clone(), self.endpoint(&record))
        else {
            return Ok(None);
        };
        let calls = pending_calls(&record);
        let events = self.events(&record, &live);
        if events.is_empty() {
            return Ok(None);
        }
        let now = self.inner.clock.now();
        let passing_events = std::mem::take(&mut live.passing_events);
        live.session = Some(RunningSession {
            mark: record.cpe.events.mark(),
            passing_events,
            informed: false,
            calls: calls.iter().map(|call| call.id).collect(),
            acs_url: endpoint.url.to_string(),
            connection_request_url: self.connection_request_url(&record),
        });
        let parameters = match self.inform_parameters(mac, &mut live) {
            Ok(parameters) => parameters,
            Err(error) => {
                live.session = None;
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
            calls,
        }))
    }

    /// Sees to it that an ACS that is not the one of the last Inform gets a `0 BOOTSTRAP`, also
    /// when it was changed in the settings (cwmp.md G1, V3), and so does one that knows the device
    /// as another data model. False for an unknown device.
    async fn meet_acs(&self, mac: Mac, live: &mut Live) -> Result<bool, GatewayError> {
        let Some((record, _)) = self.load(mac)? else {
            return Ok(false);
        };
        let is_another = match (&record.cpe.informed_acs, self.endpoint(&record)) {
            (Some(informed), Some(endpoint)) => *informed != endpoint.url.as_str(),
            _ => false,
        };
        if is_another || self.has_another_tree(&record)? {
            let mut draft = self.draft(mac)?;
            if is_another {
                draft.begin_with_a_new_acs();
            }
            self.commit(draft, live).await?;
        }
        Ok(true)
    }

    /// Notes durably that the ACS has taken something.
    ///
    /// # Errors
    /// [`GatewayError`] when that can't be written.
    pub async fn delivered(&self, mac: Mac, delivery: Delivery) -> Result<(), GatewayError> {
        self.change(mac, |draft, live| {
            match delivery {
                Delivery::Inform => {
                    if let Some(session) = &mut live.session {
                        session.informed = true;
                        let cpe = &mut draft.record.cpe;
                        cpe.events.deliver(session.mark);
                        cpe.informed_acs = Some(session.acs_url.clone());
                        cpe.told_connection_request_url =
                            Some(session.connection_request_url.clone());
                    }
                }
                Delivery::Call(id) => {
                    let cpe = &mut draft.record.cpe;
                    cpe.transfers.retain(|transfer| transfer.id != id);
                    cpe.autonomous_reports.retain(|report| report.id != id);
                    cpe.wishes.retain(|wish| wish.id != id);
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
        }
    }

    async fn finish_session(&self, mac: Mac, outcome: SessionOutcome) -> Result<(), GatewayError> {
        let mut live = self.hold(mac).await;
        live.view = None;
        let Some(session) = live.session.take() else {
            return Ok(());
        };
        let mut draft = self.draft(mac)?;
        let is_good = outcome == SessionOutcome::Ended;
        self.inner.own_cpe.health.session_ended(is_good);
        let came_meanwhile = !live.passing_events.is_empty()
            || draft.record.cpe.events.has_news_since(session.mark)
            || pending_calls(&draft.record)
                .iter()
                .any(|call| !session.calls.contains(&call.id));
        let left_unacknowledged = pending_calls(&draft.record)
            .iter()
            .any(|call| session.calls.contains(&call.id));
        if is_good {
            draft.record.cpe.retry_count = 0;
            live.failures = 0;
            live.unacknowledged = if left_unacknowledged {
                live.unacknowledged.saturating_add(1)
            } else {
                0
            };
        } else {
            draft.record.cpe.retry_count = draft.record.cpe.retry_count.saturating_add(1);
            live.failures = live.failures.saturating_add(1);
            if !session.informed && session.passing_events.contains(&EventCode::Periodic) {
                live.add_passing(EventCode::Periodic);
            }
        }
        let record = draft.record.clone();
        self.commit(draft, &mut live).await?;
        let now = self.inner.clock.now();
        if came_meanwhile && self.is_worth_a_session(&record, &live, session.mark) {
            // A new event does not wait for the retry of old ones (cwmp.md R3).
            self.arm_session(mac, &record, now);
        } else if !is_good && !self.events(&record, &live).is_empty() {
            self.plan_retry(mac, &record, live.failures)?;
        } else if live.unacknowledged > 0 {
            self.plan_unacknowledged(mac, &record, live.unacknowledged);
        }
        Ok(())
    }

    /// Whether what came during a session opens one of its own: a change that the ACS wants to
    /// hear of only by and by does not.
    fn is_worth_a_session(&self, record: &DeviceRecord, live: &Live, mark: Mark) -> bool {
        !live.passing_events.is_empty()
            || self.is_urgent(record)
            || record
                .cpe
                .events
                .events()
                .any(|event| event.code != EventCode::ValueChange)
                && record.cpe.events.has_news_since(mark)
    }

    /// The device that a connection request's path segment names.
    pub async fn connection_request_target(
        &self,
        segment: &str,
    ) -> Option<ConnectionRequestTarget> {
        let mac = *self
            .inner
            .segments
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(segment)?;
        let (record, _) = self.load(mac).ok()??;
        record.identity.as_ref()?;
        Some(ConnectionRequestTarget {
            mac,
            credentials: Credentials {
                username: record.cpe.connection_request_username,
                password: record.cpe.connection_request_password,
            },
        })
    }

    /// An authenticated connection request came in: a session with `6 CONNECTION REQUEST` is due
    /// now, or right after the one that runs (cwmp.md C6, C7).
    pub async fn wake(&self, mac: Mac) {
        let mut live = self.hold(mac).await;
        live.add_passing(EventCode::ConnectionRequest);
        if live.session.is_some() {
            return;
        }
        match self.load(mac) {
            Ok(Some((record, _))) => self.arm_session(mac, &record, self.inner.clock.now()),
            Ok(None) => {}
            Err(error) => tracing::error!(%mac, %error, "a connection request is lost"),
        }
    }

    /// Whether the ACS knows the device under another ConnectionRequestURL than the present one.
    pub(super) fn owes_connection_request_url(&self, record: &DeviceRecord) -> bool {
        record
            .cpe
            .told_connection_request_url
            .as_ref()
            .is_some_and(|told| *told != self.connection_request_url(record))
    }

    /// Where a device's ACS is; `None` when it has none or its URL is no http or https one.
    pub(super) fn endpoint(&self, record: &DeviceRecord) -> Option<AcsEndpoint> {
        let settings = &self.inner.settings;
        let acs = &record.cpe.acs;
        let url = match &acs.url {
            Some(text) => Url::parse(text).ok()?,
            None => settings.acs_url.clone()?,
        };
        matches!(url.scheme(), "http" | "https").then(|| AcsEndpoint {
            url,
            credentials: Credentials {
                username: acs
                    .username
                    .clone()
                    .unwrap_or_else(|| settings.acs_credentials.username.clone()),
                password: acs
                    .password
                    .clone()
                    .unwrap_or_else(|| settings.acs_credentials.password.clone()),
            },
            profile: Arc::default(),
        })
    }

    /// The forced parameters, and those whose change has to be told (cwmp.md I5, I6, I9).
    fn inform_parameters(
        &self,
        mac: Mac,
        live: &mut Live,
    ) -> Result<Vec<ParameterValue>, GatewayError> {
        let view = self.view(mac, live)?;
        let now = self.inner.clock.now();
        let mut shown = view.forced(now);
        for path in view.record.cpe.events.changed() {
            if shown.iter().all(|parameter| parameter.path != *path) {
                // A parameter that is gone has no value to tell.
                shown.extend(view.parameter(path.as_str(), now));
            }
        }
        Ok(shown
            .into_iter()
            .map(super::view::Shown::into_wire)
            .collect())
    }
}

/// What the CPE has to say besides its Inform, in the order in which it came up.
fn pending_calls(record: &DeviceRecord) -> Vec<PendingCall> {
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
    fn events(&self, record: &DeviceRecord, live: &Live) -> Vec<Event> {
        let mut events: Vec<Event> = record.cpe.events.events().cloned().collect();
        let has_change = events
            .iter()
            .any(|event| event.code == EventCode::ValueChange);
        if !has_change && self.owes_connection_request_url(record) {
            // The URL itself is in every Inform.
            events.push(Event::plain(EventCode::ValueChange));
        }
        events.extend(live.passing_events.iter().copied().map(Event::plain));
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
        events
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
            TransferKind::DownloadConfiguration { .. }
            | TransferKind::DownloadFirmware { .. }
            | TransferKind::DownloadFile { .. },
        ) => EventCode::Download,
    }
}
