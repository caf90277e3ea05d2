//! By which means phones of a vendor are made to act, in the order in which they are tried.

use std::sync::Arc;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::models::ModelPatterns;
use super::pack::Pack;
use crate::native::{Layers, NativeKey};

/// What a phone is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlAction {
    /// Fetch its file now.
    Resync,
    /// Restart.
    Reboot,
    /// Forget what was set at the phone itself.
    FactoryReset,
}

/// One way to make a phone act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Means {
    /// Its name in the pack: what is remembered of it is kept under this.
    pub name: String,
    /// What it makes the phone do.
    pub action: ControlAction,
    /// How.
    pub way: MeansWay,
}

/// How a phone is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeansWay {
    /// By a SIP NOTIFY.
    Notify {
        /// The Event field, parameters included: `check-sync;reboot=true`.
        event: String,
        /// Content-Type and body, where it has one.
        body: Option<(String, String)>,
    },
    /// By requests to the phone's own web server, one after the other.
    Http(Vec<HttpStep>),
}

/// One request to a phone's web server. In all its texts `{user}`, `{password}` and the names that
/// steps before it have taken stand for their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpStep {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    /// What is sent along.
    pub body: HttpBody,
    /// Names, each with the place of its value in the JSON of the answer (RFC 6901). A phone that
    /// answers without one of them has not understood.
    pub take: Vec<(String, String)>,
}

/// What goes with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpBody {
    /// Nothing.
    None,
    /// Names and values, as a browser sends a form.
    Form(Vec<(String, String)>),
    /// A JSON text; values are put into its strings.
    Json(String),
}

impl Means {
    /// Whether the phone's password would be sent as it is.
    pub fn shows_password(&self) -> bool {
        let MeansWay::Http(steps) = &self.way else {
            return false;
        };
        let shows = |text: &str| text.contains("{password}");
        steps.iter().any(|step| {
            shows(&step.target)
                || match &step.body {
                    HttpBody::None => false,
                    HttpBody::Form(fields) => fields.iter().any(|(_, value)| shows(value)),
                    HttpBody::Json(text) => shows(text),
                }
        })
    }
}

/// A means, and for which phones it is.
#[derive(Debug)]
pub(super) struct MeansRule {
    pub(super) means: Arc<Means>,
    pub(super) models: ModelPatterns,
    /// Patterns of which the firmware version has to match one; none: any version.
    pub(super) versions: Vec<Regex>,
    /// The vendor sheet calls it likely only.
    pub(super) is_likely: bool,
}

impl MeansRule {
    /// A phone that has not said its model or its version gets no means that asks for it.
    fn fits(&self, model: Option<&str>, version: Option<&str>) -> bool {
        let of_model =
            self.models.is_empty() || model.is_some_and(|model| self.models.matches(model));
        let of_version = self.versions.is_empty()
            || version.is_some_and(|version| {
                self.versions
                    .iter()
                    .any(|pattern| pattern.is_match(version))
            });
        of_model && of_version
    }
}

/// Where the login of a phone's web server stands in its files.
#[derive(Debug, Default)]
pub(super) struct WebLogin {
    /// The user, where no file names another.
    pub(super) user: String,
    pub(super) user_key: Option<NativeKey>,
    pub(super) password_key: Option<NativeKey>,
    pub(super) port_key: Option<NativeKey>,
}

/// What a phone's files say of the login to its web server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebAccess {
    /// User name; empty: no file says one.
    pub user: String,
    /// Password; `None`: no file says one.
    pub password: Option<String>,
    /// Port; `None`: no file says one.
    pub port: Option<u16>,
}

impl Pack {
    /// The means for a phone, in the order of the pack. `with_likely`: also those that its vendor
    /// is only likely to have built so.
    pub fn means(
        &self,
        action: ControlAction,
        model: Option<&str>,
        version: Option<&str>,
        with_likely: bool,
    ) -> impl Iterator<Item = &Arc<Means>> {
        let rules = self.vendor.means.iter();
        rules
            .filter(move |rule| rule.means.action == action)
            .filter(move |rule| with_likely || !rule.is_likely)
            .filter(move |rule| rule.fits(model, version))
            .map(|rule| &rule.means)
    }

    /// The login to a phone's web server, as its files have it.
    pub fn web_access(&self, layers: &Layers) -> WebAccess {
        let login = &self.vendor.web_login;
        let value = |key: &Option<NativeKey>| {
            let found = self.effective(layers, key.as_ref()?)?;
            Some(found.value.into_owned()).filter(|value| !value.is_empty())
        };
        WebAccess {
            user: value(&login.user_key).unwrap_or_else(|| login.user.clone()),
            password: value(&login.password_key),
            port: value(&login.port_key)
                .and_then(|port| port.parse().ok())
                .filter(|port| *port != 0),
        }
    }
}
