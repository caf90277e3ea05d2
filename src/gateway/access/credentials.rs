//! Giving phones something to show, through their own files.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::policy::{AccessPolicy, Proof};
use super::state::REALM;
use crate::device::{Access, DeviceRecord, TokenHash};
use crate::gateway::core::Gateway;
use crate::gateway::documents::Documents;
use crate::gateway::door::GatewayError;
use crate::gateway::draft::Draft;
use crate::gateway::random;
use crate::mapping::{CredentialKind, Pack, ProvisioningValues};
use crate::native::Mac;
use crate::wire::digest::PasswordHash;
use crate::wire::{Credentials, Secret};

/// What a phone can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GivenProof {
    /// User name and password.
    Digest,
    /// A token in the path.
    Token,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CredentialsOrder {
    /// What phones are given; none: the first that their group wants.
    pub proof: Option<GivenProof>,
    /// A phone that has one gets a new one; the old one is good until the phone has used the new.
    pub renew: bool,
    /// Also where it is only likely, and not sure, that phones of the vendor take it so.
    pub likely: bool,
    /// Nothing is given: all that the phone was given is worth nothing any more, and what admits
    /// phones that have used nothing yet admits it.
    pub forget: bool,
}

/// What came of it for one phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialsLine {
    /// The phone.
    pub mac: Mac,
    /// What came of it.
    pub outcome: CredentialsOutcome,
}

/// What came of an order for one phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum CredentialsOutcome {
    /// It stands in the phone's own file; the phone has to fetch that.
    Given {
        /// What.
        proof: GivenProof,
    },
    /// The phone begins anew.
    Forgotten,
    /// Nothing was changed.
    Left {
        /// Why, for a person.
        reason: String,
    },
}

/// There is no group of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no group `{name}` in [[phones.group]]; there are: {known}")]
pub struct UnknownGroup {
    /// The name that was given.
    pub name: String,
    /// The names that there are.
    pub known: String,
}

impl GivenProof {
    fn kind(self) -> CredentialKind {
        match self {
            Self::Digest => CredentialKind::Digest,
            Self::Token => CredentialKind::Token,
        }
    }
}

impl Gateway {
    /// The phones of a group; those of no other are in the group `default`.
    ///
    /// # Errors
    /// [`UnknownGroup`].
    fn phones_of_group(&self, name: &str) -> Result<Vec<Mac>, UnknownGroup> {
        let settings = &self.inner.settings.access;
        let Some((wanted, _)) = settings.all().find(|(_, policy)| policy.name == name) else {
            let known: Vec<&str> = settings.all().map(|(_, one)| one.name.as_str()).collect();
            return Err(UnknownGroup {
                name: name.chars().take(64).collect(),
                known: known.join(", "),
            });
        };
        // A phone whose record can't be read is left out: nothing could be done for it.
        let phones = self.devices().filter_map(Result::ok);
        let members = phones.filter(|(mac, record)| settings.of_phone(*mac, record).0 == wanted);
        Ok(members.map(|(mac, _)| mac).collect())
    }

    /// Gives phones something to show, in their own files, or takes all of it back: those that are
    /// named, and those of a group. What can't be done for one phone is told in its line.
    ///
    /// # Errors
    /// [`UnknownGroup`]; nothing was changed then.
    pub async fn order_credentials(
        &self,
        mut macs: Vec<Mac>,
        group: Option<&str>,
        order: CredentialsOrder,
    ) -> Result<Vec<CredentialsLine>, UnknownGroup> {
        if let Some(group) = group {
            macs.extend(self.phones_of_group(group)?);
        }
        macs.sort_unstable();
        macs.dedup();
        let mut lines = Vec::with_capacity(macs.len());
        for mac in macs {
            let outcome = self.order_credentials_of(mac, order).await;
            let outcome = outcome.unwrap_or_else(|error| CredentialsOutcome::Left {
                reason: error.to_string(),
            });
            lines.push(CredentialsLine { mac, outcome });
        }
        Ok(lines)
    }

    async fn order_credentials_of(
        &self,
        mac: Mac,
        order: CredentialsOrder,
    ) -> Result<CredentialsOutcome, GatewayError> {
        let outcome = self
            .change(mac, |draft, _| {
                if order.forget {
                    draft.record.access = Access::default();
                    self.log(mac, "what it was given to show is worth nothing any more");
                    return Ok(CredentialsOutcome::Forgotten);
                }
                match draft.give(self, order)? {
                    Ok(proof) => Ok::<_, GatewayError>(CredentialsOutcome::Given { proof }),
                    Err(reason) => Ok(CredentialsOutcome::Left { reason }),
                }
            })
            .await?;
        self.inner.access.trials().forget(mac);
        Ok(outcome)
    }

    /// Notes whether a phone's own file, which a change gives another text, still carries what the
    /// phone was given. Without that the phone will forget it, and must be able to begin anew.
    pub(in crate::gateway) fn note_carried(&self, draft: &mut Draft) -> Result<(), GatewayError> {
        let access = &draft.record.access;
        if access.passwords.valid.is_empty() && access.tokens.valid.is_empty() {
            return Ok(());
        }
        let pack = std::sync::Arc::clone(&draft.pack);
        let access = access.clone();
        let carried = carries(draft.mac, &access, &pack, draft.documents(self)?);
        let access = &mut draft.record.access;
        if access.is_lost && carried {
            access.is_lost = false;
            access.passwords.used_since = None;
            access.tokens.used_since = None;
        } else if !carried && !access.is_lost {
            access.is_lost = true;
            self.log(
                draft.mac,
                "the phone's file does not carry any more what it was given to show",
            );
        }
        Ok(())
    }
}

/// Whether the own file has one that is good of every kind that the phone has used.
fn carries(mac: Mac, access: &Access, pack: &Pack, documents: &Documents) -> bool {
    let values = |kind| pack.provisioned(&documents.layers, kind);
    let has_password = || {
        values(CredentialKind::Digest).into_iter().any(|password| {
            let credentials = credentials(mac, password);
            let mut valid = access.passwords.valid.iter();
            valid.any(|hash| hash.is_of(&credentials, REALM))
        })
    };
    let has_token = || {
        values(CredentialKind::Token).iter().any(|value| {
            value.split('/').any(|segment| {
                let hash = TokenHash::of(segment);
                access.tokens.valid.iter().any(|good| good.is(&hash))
            })
        })
    };
    (access.passwords.valid.is_empty() || has_password())
        && (access.tokens.valid.is_empty() || has_token())
}

fn credentials(mac: Mac, password: String) -> Credentials {
    Credentials {
        username: mac.to_string(),
        password: Secret::new(password),
    }
}

impl Draft {
    /// Writes something to show into the phone's own file; or why not.
    fn give(
        &mut self,
        gateway: &Gateway,
        order: CredentialsOrder,
    ) -> Result<Result<GivenProof, String>, GatewayError> {
        let settings = &gateway.inner.settings;
        let (_, policy) = settings.access.of_phone(self.mac, &self.record);
        let Some(proof) = order.proof.or_else(|| first_given(policy)) else {
            return Ok(Err(format!(
                "its group `{}` wants {}, which no file can give; name digest or token with --as",
                policy.name,
                policy.wanted()
            )));
        };
        let is_lost = self.record.access.is_lost;
        let (is_given, waits) = match proof {
            GivenProof::Digest => given(&self.record.access.passwords),
            GivenProof::Token => given(&self.record.access.tokens),
        };
        if is_given && !is_lost && !order.renew {
            let state = if waits {
                "has not used it yet"
            } else {
                "uses it"
            };
            return Ok(Err(format!(
                "it was given one already and {state}; --renew gives it a new one"
            )));
        }
        let url = match (proof, &settings.phones_url) {
            (_, Some(url)) => url.clone(),
            (GivenProof::Token, None) => {
                let why = "the settings do not say where phones reach the gateway: a token needs \
                           phones.url, because the address stays in the phone";
                return Ok(Err(why.to_owned()));
            }
            // Nothing of it is written for a password.
            (GivenProof::Digest, None) => match come_by(&self.record) {
                Some(url) => url,
                None => {
                    let why = "it is not known whether the phone comes by http or https: it has \
                               not fetched its file, and phones.url is not set";
                    return Ok(Err(why.to_owned()));
                }
            },
        };
        let pack = std::sync::Arc::clone(&self.pack);
        let model = self.record.model.as_deref();
        let Some(rule) = pack.provisioning(proof.kind(), url.scheme(), model) else {
            return Ok(Err(format!(
                "it is not known how a phone of {} is given one by its file",
                pack.vendor()
            )));
        };
        if rule.is_likely() && !order.likely {
            return Ok(Err(format!(
                "it is only likely how a phone of {} is given one by its file; --likely tries it",
                pack.vendor()
            )));
        }
        let new = random::text()?;
        let folder = self.record.own_file.folder().to_owned();
        let Some(values) = values(self.mac, &url, &folder, &new) else {
            return Ok(Err("phones.url has no host".to_owned()));
        };
        let now: Timestamp = gateway.inner.clock.now();
        let mut access = self.record.access.clone();
        let issued = match proof {
            GivenProof::Digest => {
                let hash = PasswordHash::of(&credentials(self.mac, new), REALM);
                access.passwords.issue(hash, now)
            }
            GivenProof::Token => access.tokens.issue(TokenHash::of(&new), now),
        };
        if let Err(error) = issued {
            return Ok(Err(error.to_string()));
        }
        let documents = match self.documents(gateway) {
            Err(error @ GatewayError::Sealed { .. }) => return Ok(Err(error.to_string())),
            documents => documents?,
        };
        if let Err(error) = documents.edit(|layers| pack.provision(layers, rule, &values)) {
            return Ok(Err(error.to_string()));
        }
        self.record.access = access;
        gateway.log(
            self.mac,
            match proof {
                GivenProof::Digest => "its file gives it a new password to fetch files with",
                GivenProof::Token => "its file gives it a new token to fetch files with",
            },
        );
        Ok(Ok(proof))
    }
}

fn first_given(policy: &AccessPolicy) -> Option<GivenProof> {
    policy.proofs.iter().find_map(|proof| match proof {
        Proof::Digest => Some(GivenProof::Digest),
        Proof::Token => Some(GivenProof::Token),
        Proof::Open | Proof::Network | Proof::Certificate => None,
    })
}

/// Whether the phone has any, and whether there is one that it has not used.
fn given<T>(issued: &crate::device::Issued<T>) -> (bool, bool) {
    (!issued.valid.is_empty(), issued.waits())
}

fn come_by(record: &DeviceRecord) -> Option<Url> {
    Url::parse(record.reached_by.as_deref()?).ok()
}

fn values(mac: Mac, url: &Url, folder: &str, new: &str) -> Option<ProvisioningValues> {
    let host_name = url.host_str()?.to_owned();
    let host = match url.port() {
        Some(port) => format!("{host_name}:{port}"),
        None => host_name.clone(),
    };
    let parts = [url.path().trim_matches('/'), new, folder];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Some(ProvisioningValues {
        protocol: url.scheme().to_owned(),
        host,
        host_name,
        port: url.port_or_known_default()?,
        path: parts.join("/"),
        user: mac.to_string(),
        password: new.to_owned(),
    })
}
