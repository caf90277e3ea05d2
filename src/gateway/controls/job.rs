//! What the sender is given to do, and what it says became of it.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::mapping::{ControlAction, Means};
use crate::native::Mac;
use crate::wire::Credentials;
use crate::wire::sip::{SipProxy, SipTransport};

/// A phone has to be told something now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlJob {
    /// The phone.
    pub mac: Mac,
    /// Unique within the device.
    pub id: u64,
    /// What it is to do.
    pub action: ControlAction,
    /// By which means it is told. One that restarts it may also be there to make it fetch.
    pub means: Arc<Means>,
    /// Where it was last seen.
    pub address: IpAddr,
    /// For a NOTIFY.
    pub sip: SipAim,
    /// For requests to its web server.
    pub web: WebAim,
}

/// Where a NOTIFY goes, and what it is shown as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipAim {
    /// The user part of the phone's SIP URI; may be empty.
    pub user: String,
    /// The domain of its account; may be empty.
    pub domain: String,
    /// Its port.
    pub port: u16,
    /// By what it goes to the phone itself.
    pub transport: SipTransport,
    /// For the phone's challenge; no user name: there are none.
    pub credentials: Credentials,
    /// Through which proxy it goes; `None`: to the phone itself.
    pub via: Option<SipVia>,
}

/// A proxy, and what it wants to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipVia {
    /// Where it is.
    pub proxy: SipProxy,
    /// For its challenge; `None`: those of the phone's account.
    pub credentials: Option<Credentials>,
}

/// What a phone's web server is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebAim {
    /// Its port.
    pub port: u16,
    /// Its administrator; `None`: nobody has said who that is.
    pub credentials: Option<Credentials>,
    /// Whether the password may be sent as it is. Without that, only a Digest challenge is answered.
    pub may_show_password: bool,
}

/// What the phone said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum ControlOutcome {
    /// A response of class 2xx.
    Accepted,
    /// A final response of another class.
    Refused {
        /// Status code of SIP or HTTP.
        status: u16,
    },
    /// It answered something that the means does not know.
    Unexpected {
        /// What was expected.
        reason: String,
    },
    /// Nothing, in the time that there is for it.
    NoAnswer,
    /// The request could not be sent.
    NotSent {
        /// What went wrong.
        reason: String,
    },
    /// No means is known, or switched on, by which such a phone does that.
    NoMeans,
}

impl ControlOutcome {
    /// Whether the phone, or somebody at its address, has certainly not done it.
    pub(in crate::gateway) fn is_refusal(&self) -> bool {
        match self {
            Self::Refused { .. }
            | Self::Unexpected { .. }
            | Self::NotSent { .. }
            | Self::NoMeans => true,
            Self::Accepted | Self::NoAnswer => false,
        }
    }
}
