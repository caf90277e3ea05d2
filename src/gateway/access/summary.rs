//! What people see of who asks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::policy::{Proof, UntilUsed};
use super::refusals::RefusedAttempts;
use crate::device::{DeviceRecord, Issued};
use crate::gateway::core::Gateway;
use crate::native::Mac;

/// What a phone has to show and has shown: a part of `device show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessSummary {
    /// Its group.
    pub group: String,
    /// What the group wants: any one of them.
    pub wanted: Vec<Proof>,
    /// What admits it as long as it has used no proof of its own; none: that is over, or the group
    /// wants none.
    pub until_used: Option<UntilUsed>,
    /// Whether its file is given now to anybody who knows the name.
    pub open: bool,
    /// Its password.
    pub digest: GivenSummary,
    /// Its token.
    pub token: GivenSummary,
    /// Since when it shows a certificate with its name.
    pub certificate_since: Option<Timestamp>,
    /// Whether its file has been replaced by one without what it was given.
    pub lost: bool,
    /// What was refused in its name since the gateway started.
    pub refused: Option<RefusedAttempts>,
}

/// What a phone was given of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenSummary {
    /// When it was given the newest.
    pub given_at: Option<Timestamp>,
    /// Since when it uses the one that it uses.
    pub used_since: Option<Timestamp>,
    /// Whether there is one that it has not used yet.
    pub waits: bool,
}

impl<T> From<&Issued<T>> for GivenSummary {
    fn from(issued: &Issued<T>) -> Self {
        Self {
            given_at: issued.issued_at,
            used_since: issued.used_since,
            waits: issued.waits(),
        }
    }
}

impl Gateway {
    pub(in crate::gateway) fn access_summary(
        &self,
        mac: Mac,
        record: &DeviceRecord,
    ) -> AccessSummary {
        let (_, policy) = self.inner.settings.access.of_phone(mac, record);
        let access = &record.access;
        let waits = policy.wants_proof_of_one_phone() && !policy.is_open() && !access.is_in_use();
        AccessSummary {
            group: policy.name.clone(),
            wanted: policy.proofs.clone(),
            until_used: waits.then_some(policy.until_used),
            open: policy.is_open() || waits && policy.until_used == UntilUsed::Open,
            digest: (&access.passwords).into(),
            token: (&access.tokens).into(),
            certificate_since: access.certificate_since,
            lost: access.is_lost,
            refused: self.inner.access.refusals().of_phone(mac),
        }
    }

    /// What a person should know of phones' files being open, each in words.
    pub fn access_risks(&self) -> Vec<String> {
        let settings = &self.inner.settings.access;
        let mut risks = Vec::new();
        for (number, policy) in settings.all() {
            let name = &policy.name;
            let waiting = self.inner.access.index().waiting(number);
            if policy.is_open() {
                risks.push(format!(
                    "the files of the phones of group {name} are open: whoever knows a phone's MAC \
                     address gets its passwords (phones.proof)"
                ));
            } else if waiting > 0 && policy.until_used == UntilUsed::Open {
                risks.push(format!(
                    "{waiting} of the phones of group {name} have not shown {} yet: until then \
                     their files are open, and so are the shared files of the group",
                    policy.wanted()
                ));
            }
        }
        if settings.basic_over_http {
            risks.push(
                "phones may send their passwords over plain http (phones.basic_over_http)"
                    .to_owned(),
            );
        }
        risks
    }
}
