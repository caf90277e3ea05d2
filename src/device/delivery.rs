//! How far a phone's file has come: desired, served, confirmed. Three things, never merged.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The revision of its own file that a phone has fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The revision.
    pub revision: u64,
    /// When the last byte had left.
    pub at: Timestamp,
    /// Who took it.
    pub address: IpAddr,
}

/// When and where a phone was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Its address.
    pub address: IpAddr,
    /// When it asked for a file.
    pub at: Timestamp,
}

/// How far the phone's own file has come.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeliveryState {
    /// What we want the phone to have: the revision of its own file.
    pub desired: u64,
    /// What it has fetched.
    pub served: Option<Served>,
    /// The revision that is seen to be in effect: the phone came back for its file after it had
    /// been served this one.
    pub confirmed: Option<u64>,
    /// When a resync for the desired revision was accepted by the phone.
    pub told_at: Option<Timestamp>,
    /// The revision for which the phone was told in vain so often that it is told no more.
    pub given_up: Option<u64>,
    /// Restarts that the phone has not carried out yet.
    pub reboot: RebootOrders,
}

/// How far the delivery of the desired revision has come, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// The phone has not fetched it, and has not been told to.
    Pending,
    /// The phone was told to fetch it and has said yes.
    Told,
    /// The phone has fetched it.
    Fetched,
    /// The phone has it and has come back with it.
    Confirmed,
    /// The phone has not fetched it by its deadline, or was told in vain so often that it is told no
    /// more; it may still fetch on its own.
    Overdue,
}

impl fmt::Display for DeliveryStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Pending => "Pending",
            Self::Told => "Told",
            Self::Fetched => "Fetched",
            Self::Confirmed => "Confirmed",
            Self::Overdue => "Overdue",
        })
    }
}

/// Restarts that a phone has been ordered. One restart carries out all of them (cwmp.md M81).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RebootOrders {
    /// The CommandKey of each Reboot call; `None` for an order of a person.
    pub keys: Vec<Option<String>>,
    /// When the phone was first told. A phone that fetches its file after that has restarted.
    pub told_at: Option<Timestamp>,
    /// The phone has said yes, or was told in vain too often: it is told no more.
    pub closed: bool,
}

impl RebootOrders {
    /// Whether the phone has to be told.
    pub fn is_open(&self) -> bool {
        !self.keys.is_empty() && !self.closed
    }

    /// Adds an order.
    pub fn add(&mut self, key: Option<String>) {
        if self.keys.is_empty() {
            self.told_at = None;
        }
        self.keys.push(key);
        self.closed = false;
    }
}

impl DeliveryState {
    /// Whether the phone still has to fetch the desired revision.
    pub fn is_outstanding(&self) -> bool {
        self.served
            .as_ref()
            .is_none_or(|served| served.revision < self.desired)
    }

    /// How far the delivery of the desired revision has come, deadlines aside.
    pub fn status(&self) -> DeliveryStatus {
        if self.confirmed == Some(self.desired) {
            DeliveryStatus::Confirmed
        } else if !self.is_outstanding() {
            DeliveryStatus::Fetched
        } else if self.given_up == Some(self.desired) {
            DeliveryStatus::Overdue
        } else if self.told_at.is_some() {
            DeliveryStatus::Told
        } else {
            DeliveryStatus::Pending
        }
    }
}
