//! Moving out: a phone is handed over to its own TR-069 client, by the keys of its own file, and
//! taken back when nobody confirms that it has arrived.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::core::Gateway;
use super::door::GatewayError;
use super::draft::Draft;
use super::live::Live;
use super::random;
use super::schedule::after;
use super::values::ChangeError;
use super::view::View;
use crate::cwmp::{Fault, SetValue};
use crate::datamodel::ParameterPath;
use crate::device::{DeviceRecord, HandOver};
use crate::mapping::{Change, ValueState};
use crate::native::Mac;
use crate::wire::Secret;

/// The phone's own TR-069 client, whose keys every vendor's lenses put here.
const CLIENT: &str = "Device.X_TRESTLE_PhoneTR069.";

/// To which ACS phones are handed over, and for how long on trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandOverOrder {
    /// http or https.
    pub acs_url: Url,
    /// User name for the ACS; `{device_id}` in it is OUI-ProductClass-SerialNumber.
    pub username: String,
    /// Seconds between the periodic Informs of the phone's client.
    pub periodic_inform_interval: u32,
    /// Seconds after which it is taken back, unless it is confirmed.
    pub trial: u64,
}

/// With what the phone's client speaks to its ACS, and the ACS to it: made for this phone alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandedOver {
    /// The phone.
    pub mac: Mac,
    /// Its ACS.
    pub acs_url: String,
    /// User name for the ACS.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// User name of connection requests; empty where the phone's file has no place for one.
    pub connection_request_username: String,
    /// Their password.
    pub connection_request_password: Secret,
    /// When it is taken back, unless it is confirmed.
    pub deadline: Timestamp,
}

/// How far the hand-over of a phone has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOverSummary {
    /// The phone.
    pub mac: Mac,
    /// Its ACS.
    pub acs_url: String,
    /// How far it is.
    pub state: HandOverState,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// When it is taken back; `None` once it is confirmed.
    pub deadline: Option<Timestamp>,
}

/// How far a hand-over is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandOverState {
    /// The phone has not fetched the file that tells it; the virtual CPE still speaks.
    Waiting,
    /// The phone has fetched it, and the virtual CPE is silent.
    Fetched,
    /// The operator has confirmed it.
    Confirmed,
}

/// A phone can't be handed over, or taken back.
#[derive(Debug, thiserror::Error)]
pub enum HandOverError {
    /// The device is not known, or the store failed.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// The phone's file does not take a setting.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The mapping pack has no keys for a TR-069 client.
    #[error(
        "no TR-069 client is known of this phone: its mapping pack has no {CLIENT}{missing} in the \
         tree that [acs] template shows"
    )]
    NoClient {
        /// What is missing.
        missing: &'static str,
    },
    /// It has been handed over already.
    #[error("the phone is handed over already, to {acs_url}; take it back first")]
    Already {
        /// Where to.
        acs_url: String,
    },
    /// It has not been handed over.
    #[error("the phone is not handed over")]
    Not,
    /// The phone has not fetched the file that tells it.
    #[error("the phone has not fetched the file that tells it its ACS; nothing to confirm yet")]
    NotFetched,
}

impl From<ChangeError> for HandOverError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Gateway(error) => Self::Gateway(error),
            ChangeError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl Gateway {
    /// Tells a phone by its file to speak to an ACS itself. It is told to fetch the file, and once
    /// it has, its virtual CPE is silent.
    ///
    /// # Errors
    /// [`HandOverError`]; nothing has changed then.
    pub async fn hand_over(
        &self,
        mac: Mac,
        order: &HandOverOrder,
    ) -> Result<HandedOver, HandOverError> {
        let password = Secret::new(random::text()?);
        let connection_request_password = Secret::new(random::text()?);
        self.change(mac, |draft, live| {
            if let Some(known) = &draft.record.hand_over {
                let acs_url = known.acs_url.clone();
                return Err(HandOverError::Already { acs_url });
            }
            let view = self.view(mac, live)?;
            let identity = &view.identity;
            let device_id = format!(
                "{}-{}-{}",
                identity.oui, identity.product_class, identity.serial_number
            );
            let username = order.username.replace("{device_id}", &device_id);
            let interval = order.periodic_inform_interval.to_string();
            let mut wanted = vec![
                ("Enable", "1"),
                ("URL", order.acs_url.as_str()),
                ("Username", &username),
                ("Password", password.expose()),
            ];
            let needed = wanted.len();
            wanted.extend([
                ("ConnectionRequestUsername", device_id.as_str()),
                (
                    "ConnectionRequestPassword",
                    connection_request_password.expose(),
                ),
                ("PeriodicInformEnable", "1"),
                ("PeriodicInformInterval", interval.as_str()),
            ]);
            let mut before = Vec::new();
            let mut values = Vec::new();
            for (place, (name, value)) in wanted.into_iter().enumerate() {
                match self.in_own_file(draft, &view, name)? {
                    Some(said) => before.push(said),
                    None if place < needed => {
                        return Err(HandOverError::NoClient { missing: name });
                    }
                    None => continue,
                }
                values.push(SetValue {
                    name: format!("{CLIENT}{name}"),
                    value: value.to_owned(),
                    value_type: None,
                });
            }
            let takes_connection_requests = values
                .iter()
                .any(|value| value.name.ends_with("ConnectionRequestUsername"));
            self.set_on(draft, &view, &values)?;
            let now = self.inner.clock.now();
            let deadline = after(now, Duration::from_secs(order.trial));
            let is_told = draft.gives_another_file();
            draft.record.hand_over = Some(HandOver {
                ordered_at: now,
                revision: draft.record.delivery.desired + u64::from(is_told),
                acs_url: order.acs_url.to_string(),
                deadline,
                fetched_at: None,
                confirmed_at: None,
                before,
            });
            self.log(mac, format_args!("is handed over to {}", order.acs_url));
            let (connection_request_username, connection_request_password) =
                if takes_connection_requests {
                    (device_id, connection_request_password)
                } else {
                    (String::new(), Secret::default())
                };
            Ok(HandedOver {
                mac,
                acs_url: order.acs_url.to_string(),
                username,
                password,
                connection_request_username,
                connection_request_password,
                deadline,
            })
        })
        .await
    }

    /// The operator has seen the phone at its ACS: the hand-over lasts.
    ///
    /// # Errors
    /// [`HandOverError`]; nothing has changed then.
    pub async fn confirm_hand_over(&self, mac: Mac) -> Result<(), HandOverError> {
        self.change(mac, |draft, _| {
            let now = self.inner.clock.now();
            let hand_over = draft.record.hand_over.as_mut().ok_or(HandOverError::Not)?;
            if !hand_over.is_silent() {
                return Err(HandOverError::NotFetched);
            }
            hand_over.confirmed_at.get_or_insert(now);
            self.log(mac, "the hand-over is confirmed");
            Ok(())
        })
        .await
    }

    /// Takes a phone back, confirmed or not: its file is as it was before, as far as the hand-over
    /// has changed it, and its virtual CPE speaks again. To an ACS that has meanwhile heard the
    /// phone itself it is a new device: `0 BOOTSTRAP`.
    ///
    /// # Errors
    /// [`HandOverError`]; nothing has changed then.
    pub async fn take_back(&self, mac: Mac) -> Result<(), HandOverError> {
        self.change(mac, |draft, live| self.take_back_on(draft, live))
            .await
    }

    fn take_back_on(&self, draft: &mut Draft, live: &mut Live) -> Result<(), HandOverError> {
        let hand_over = draft.record.hand_over.take().ok_or(HandOverError::Not)?;
        let was_silent = hand_over.is_silent();
        let mut values = Vec::new();
        let mut unset = Vec::new();
        for (path, before) in hand_over.before {
            match before {
                Some(value) => values.push(Change {
                    path,
                    value: value.expose().to_owned(),
                }),
                None => unset.push(path),
            }
        }
        draft
            .set(self, &values)?
            .map_err(super::values::faults_of)?;
        draft
            .unset(self, &unset)?
            .map_err(super::values::faults_of)?;
        if was_silent {
            draft.begin_with_a_new_acs();
            live.failures = 0;
        }
        self.log(draft.mac, "is taken back from its own TR-069 client");
        Ok(())
    }

    /// Every phone that is handed over, in order of the MAC.
    pub fn hand_overs(&self) -> impl Iterator<Item = Result<HandOverSummary, GatewayError>> + '_ {
        self.devices().filter_map(|device| match device {
            Ok((mac, record)) => summary(mac, &record).map(Ok),
            Err(error) => Some(Err(error)),
        })
    }

    /// What the phone's own file says now of a parameter of its client; `None` when there is no
    /// such parameter.
    fn in_own_file(
        &self,
        draft: &mut Draft,
        view: &View,
        name: &str,
    ) -> Result<Option<(ParameterPath, Option<Secret>)>, GatewayError> {
        let own_file = draft.record.own_file.to_string();
        let Ok(path) = format!("{CLIENT}{name}").parse::<ParameterPath>() else {
            return Ok(None);
        };
        let layers = &draft.documents(self)?.layers;
        let Some(parameter) = view.pack.parameter(layers, &view.record.rows, &path) else {
            return Ok(None);
        };
        let value = match parameter.state {
            ValueState::Set { layer, .. } if layer == own_file => {
                Some(Secret::new(parameter.value))
            }
            _ => None,
        };
        Ok(Some((path, value)))
    }

    /// Plans the end of a trial.
    pub(super) fn plan_hand_over(&self, mac: Mac, record: &DeviceRecord) {
        match record.hand_over.as_ref().and_then(HandOver::due) {
            Some(due) => self.inner.hand_overs.arm(mac, due),
            None => self.inner.hand_overs.disarm(&mac),
        }
    }

    /// A trial is over: the phone is taken back, unless it was confirmed at the last moment.
    pub(super) async fn trial_is_over(&self, mac: Mac) -> Result<(), HandOverError> {
        let now = self.inner.clock.now();
        self.change(mac, |draft, live| {
            let hand_over = draft.record.hand_over.as_ref();
            let is_due = hand_over
                .and_then(HandOver::due)
                .is_some_and(|due| due <= now);
            if !is_due {
                return Ok(());
            }
            tracing::warn!(%mac, "nobody has confirmed the hand-over of the phone: it is taken back");
            self.take_back_on(draft, live)
        })
        .await
    }
}

fn summary(mac: Mac, record: &DeviceRecord) -> Option<HandOverSummary> {
    let hand_over = record.hand_over.as_ref()?;
    Some(HandOverSummary {
        mac,
        acs_url: hand_over.acs_url.clone(),
        state: state(hand_over),
        ordered_at: hand_over.ordered_at,
        deadline: hand_over.due(),
    })
}

/// How far it is.
pub(super) fn state(hand_over: &HandOver) -> HandOverState {
    if hand_over.confirmed_at.is_some() {
        HandOverState::Confirmed
    } else if hand_over.is_silent() {
        HandOverState::Fetched
    } else {
        HandOverState::Waiting
    }
}
