//! Whether who asks for a file gets it.
//!
//! A phone's own file wants what the phone's group wants. A file that several phones read, and that
//! holds secrets, is as open as the most open of the groups that may read it; a phone that shows
//! which one it is gets it if it reads it. Files without secrets are everybody's. A file that was
//! laid out for one phone lies under a path of 128 random bits that stands in that phone's own file
//! only: who knows the path has shown enough.
//!
//! What a refused request gets depends on its path alone, so that it does not tell whether there is
//! such a phone.

use std::net::IpAddr;

use jiff::Timestamp;

use super::evidence::{Evidence, Presented};
use super::policy::{AccessPolicy, Proof, Readers, UntilUsed};
use super::refusals::{Refusal, Refused};
use super::token::split_token;
use crate::device::{Access, DeviceRecord, FileRecord, FileRole, TreePath};
use crate::gateway::core::Gateway;
use crate::gateway::door::{FetchAnswer, FetchRequest, GatewayError, Transport};
use crate::gateway::phones::named_mac;
use crate::native::Mac;

/// A file that is asked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::gateway) struct Wanted<'a> {
    pub(in crate::gateway) request: &'a FetchRequest,
    pub(in crate::gateway) path: &'a TreePath,
    pub(in crate::gateway) file: &'a FileRecord,
    /// The first segment of the request's path, where it stands before the file's and looks like a
    /// token.
    pub(in crate::gateway) token: Option<&'a str>,
    /// The phone that the request speaks like.
    pub(in crate::gateway) speaker: Option<Mac>,
    pub(in crate::gateway) address: IpAddr,
    pub(in crate::gateway) at: Timestamp,
}

impl<'a> Wanted<'a> {
    fn presented(&self) -> Presented<'a> {
        Presented {
            transport: self.request.transport,
            shown: &self.request.shown,
            token: self.token,
        }
    }
}

impl Gateway {
    /// Whether the file is given to who asks: `None`, or what is answered instead. What a phone
    /// shows for the first time is noted.
    pub(in crate::gateway) async fn admission(
        &self,
        wanted: Wanted<'_>,
    ) -> Result<Option<FetchAnswer>, GatewayError> {
        let asks_nothing = self.inner.settings.access.asks_nothing();
        let refused = match &wanted.file.role {
            FileRole::Phone { .. } if asks_nothing && wanted.presented().is_nothing() => None,
            FileRole::Phone { mac, .. } => self.admission_to_own(wanted, *mac).await?,
            FileRole::Shared { .. } | FileRole::Orphan { .. } if !asks_nothing => {
                self.admission_to_shared(wanted)?
            }
            FileRole::Shared { .. }
            | FileRole::Orphan { .. }
            | FileRole::Other
            | FileRole::Handout { .. } => None,
        };
        let Some((why, mac)) = refused else {
            return Ok(None);
        };
        if why.is_of_what_is_shown() {
            self.note_refused_proof(wanted.request, mac);
        }
        let answer = self.refusal(wanted.request, why == Refusal::StaleAnswer);
        let is_asked = matches!(answer, FetchAnswer::Challenge { .. });
        // The first half of every exchange with a challenge is no attempt at anything.
        if !(is_asked && matches!(why, Refusal::NothingShown | Refusal::StaleAnswer)) {
            self.note_refusal(Refused {
                mac,
                file: wanted.path.as_str(),
                address: wanted.address,
                at: wanted.at,
                why,
            });
        }
        Ok(Some(answer))
    }

    /// Whether a phone may send a file: it has to show what its own file wants. `None`, or what is
    /// answered instead.
    pub(in crate::gateway) async fn admission_to_send(
        &self,
        request: &FetchRequest,
        mac: Mac,
    ) -> Result<Option<FetchAnswer>, GatewayError> {
        let (record, _) = self.load(mac)?.ok_or(GatewayError::UnknownPhone(mac))?;
        let path = &record.own_file;
        let Some(file) = self.load_file(path)? else {
            return Err(GatewayError::MissingContent { path: path.clone() });
        };
        let token = split_token(&request.path).map(|(token, _)| token);
        self.admission(Wanted {
            request,
            path,
            file: &file,
            token,
            // What is sent uses no credentials for the first time: only a fetch does.
            speaker: None,
            address: request.source.ip().to_canonical(),
            at: self.inner.clock.now(),
        })
        .await
    }

    /// What is answered to a request for a name under which there is no file. Who shows to be the
    /// phone that the name is of is told so; everybody else what a refused request is told.
    pub(in crate::gateway) fn no_such_file(
        &self,
        request: &FetchRequest,
    ) -> Result<FetchAnswer, GatewayError> {
        let answer = self.refusal(request, false);
        if matches!(answer, FetchAnswer::NotFound) {
            return Ok(answer);
        }
        let (token, path) = shown_token(request);
        let Some(mac) = self.mac_of_name(path) else {
            // Which shared files there are is no secret, and a phone that has shown who it is must
            // come to an end.
            return Ok(FetchAnswer::NotFound);
        };
        let Some((record, _)) = self.load(mac)? else {
            return Ok(answer);
        };
        let presented = Presented {
            transport: request.transport,
            shown: &request.shown,
            token,
        };
        let address = request.source.ip().to_canonical();
        let now = self.inner.clock.now();
        let evidence = self.evidence(presented, mac, &record.access);
        Ok(
            match self.own_verdict(mac, &record, evidence, presented.transport, address, now) {
                Ok(_) => FetchAnswer::NotFound,
                Err(Refusal::StaleAnswer) => self.refusal(request, true),
                Err(_) => answer,
            },
        )
    }

    /// What a request is answered that gets no file, whatever there is under its path: a challenge
    /// where a phone with such a file name could answer one, otherwise that there is no such file.
    pub(in crate::gateway) fn refusal(
        &self,
        request: &FetchRequest,
        is_stale: bool,
    ) -> FetchAnswer {
        let (_, path) = shown_token(request);
        let is_wanted = request.transport != Transport::Tftp
            && self
                .policies_of_path(path)
                .iter()
                .any(|policy| policy.wants(Proof::Digest) && !policy.is_open());
        if !is_wanted {
            return FetchAnswer::NotFound;
        }
        FetchAnswer::Challenge {
            challenges: self.challenges(request.transport, is_stale),
        }
    }

    /// Whether a request shows nothing of who sends it.
    pub(in crate::gateway) fn shows_nothing(&self, request: &FetchRequest) -> bool {
        let (token, _) = shown_token(request);
        let presented = Presented {
            transport: request.transport,
            shown: &request.shown,
            token,
        };
        presented.is_nothing()
    }

    /// What phones may have to show for a file of this path, by the path alone.
    fn policies_of_path(&self, path: &str) -> Vec<&AccessPolicy> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let packs = self.inner.packs.iter();
        let vendors: Vec<&str> = packs
            .filter(|pack| pack.identify_by_name(name).is_some())
            .map(|pack| pack.vendor())
            .collect();
        let mac = self.mac_of_name(path);
        // A name of neither a phone nor of settings is nobody's secret.
        if vendors.is_empty() && mac.is_none() {
            return Vec::new();
        }
        let readers = Readers {
            vendors: &vendors,
            folder,
            model: None,
            mac,
        };
        let found = self.inner.settings.access.of_readers(readers);
        found.into_iter().map(|(_, policy)| policy).collect()
    }

    fn mac_of_name(&self, path: &str) -> Option<Mac> {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        let by_rule = || self.inner.packs.identify_by_name(name)?.1.mac;
        named_mac(name).or_else(by_rule)
    }

    async fn admission_to_own(
        &self,
        wanted: Wanted<'_>,
        mac: Mac,
    ) -> Result<Option<(Refusal, Option<Mac>)>, GatewayError> {
        let (record, _) = self.load(mac)?.ok_or(GatewayError::UnknownPhone(mac))?;
        let presented = wanted.presented();
        let evidence = self.evidence(presented, mac, &record.access);
        if !presented.is_nothing()
            && evidence.proofs().next().is_none()
            && self.holds_back(mac, wanted.request)
        {
            return Ok(Some((Refusal::TooManyMisses, Some(mac))));
        }
        let transport = presented.transport;
        let verdict =
            self.own_verdict(mac, &record, evidence, transport, wanted.address, wanted.at);
        match verdict {
            Err(refusal) => Ok(Some((refusal, Some(mac)))),
            Ok(_) => {
                if self.is_to_try_its_password(wanted, mac, &record, evidence) {
                    return Ok(Some((Refusal::NothingShown, Some(mac))));
                }
                // A person who tries a phone's token does not use it in the phone's name.
                if wanted.speaker == Some(mac) && evidence.is_news(&record.access) {
                    self.note_evidence(mac, evidence, wanted.at).await?;
                }
                Ok(None)
            }
        }
    }

    /// Whether a phone that is admitted although it shows nothing is asked all the same. It has
    /// fetched the file with its password and would never show it unasked. A phone that does not
    /// know what to do with the question comes again, and is not asked then.
    fn is_to_try_its_password(
        &self,
        wanted: Wanted<'_>,
        mac: Mac,
        record: &DeviceRecord,
        evidence: Evidence,
    ) -> bool {
        let (_, policy) = self.inner.settings.access.of_phone(mac, record);
        let access = &record.access;
        let served = record.delivery.served.as_ref();
        let has_it = served.is_some_and(|served| served.revision == record.delivery.desired);
        let waits = policy.wants(Proof::Digest)
            && !policy.is_open()
            && !access.is_in_use()
            && !access.is_lost
            && !access.passwords.valid.is_empty();
        waits
            && has_it
            && wanted.speaker == Some(mac)
            && wanted.request.transport != Transport::Tftp
            && evidence.password.is_none()
            && evidence.proofs().next().is_none()
            && self.inner.access.trials().begin(mac, wanted.at)
    }

    fn own_verdict(
        &self,
        mac: Mac,
        record: &DeviceRecord,
        evidence: Evidence,
        transport: Transport,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Proof, Refusal> {
        let settings = &self.inner.settings.access;
        if record.delivery.served.is_none() && !settings.first_contact.is_open(now) {
            return Err(Refusal::FirstContactClosed);
        }
        let (_, policy) = settings.of_phone(mac, record);
        verdict(policy, &record.access, evidence, transport, address)
    }

    fn admission_to_shared(
        &self,
        wanted: Wanted<'_>,
    ) -> Result<Option<(Refusal, Option<Mac>)>, GatewayError> {
        let settings = &self.inner.settings.access;
        let (vendor, model) = match &wanted.file.role {
            FileRole::Shared { vendor, model, .. } => (Some(vendor.as_str()), model.as_deref()),
            _ => (None, None),
        };
        let mac = self.mac_of_name(wanted.path.as_str());
        let policies = settings.of_readers(Readers {
            vendors: vendor.as_slice(),
            folder: wanted.path.folder(),
            model,
            mac: mac.filter(|_| vendor.is_none()),
        });
        let is_open = policies.iter().any(|(number, policy)| {
            let from_network = policy.is_from_network(wanted.address);
            let waits = self.inner.access.index().waiting(*number) > 0;
            policy.is_open()
                || policy.wants(Proof::Network) && from_network
                || waits && until_used_admits(policy, from_network)
        });
        if is_open || !self.holds_secrets(wanted.path, wanted.file)? {
            return Ok(None);
        }
        let presented = wanted.presented();
        let Some(mac) = self.claimed(presented) else {
            let why = match presented {
                _ if presented.transport == Transport::Tftp => Refusal::NothingByTftp,
                Presented { token: Some(_), .. } => Refusal::DeadToken,
                _ if presented.shown.authorization.is_some() => Refusal::WrongPassword,
                _ if !presented.is_nothing() => Refusal::CertificateOfAnother,
                _ => Refusal::NothingShown,
            };
            return Ok(Some((why, None)));
        };
        // A stranger's claim is no reason to say that there is such a phone.
        let Some((record, _)) = self.load(mac)? else {
            return Ok(Some((Refusal::WrongPassword, None)));
        };
        let evidence = self.evidence(presented, mac, &record.access);
        let (_, policy) = settings.of_phone(mac, &record);
        let reads_it = record.own_file.folder() == wanted.path.folder()
            && vendor.is_none_or(|vendor| vendor == record.vendor);
        let shows_it = evidence
            .proofs()
            .any(|proof| is_enough(policy, &record.access, proof));
        Ok(match (shows_it, reads_it) {
            (true, true) => None,
            (true, false) => Some((Refusal::NotItsFile, Some(mac))),
            (false, _) => {
                let why = evidence.refusal().or_else(|| {
                    let shown = evidence.proofs().next();
                    shown.map(Refusal::NotWanted)
                });
                Some((why.unwrap_or(Refusal::NothingShown), Some(mac)))
            }
        })
    }

    /// Keeps what a phone has shown for the first time.
    async fn note_evidence(
        &self,
        mac: Mac,
        evidence: Evidence,
        now: Timestamp,
    ) -> Result<(), GatewayError> {
        self.inner.access.trials().forget(mac);
        self.change(mac, |draft, _| {
            let access = &mut draft.record.access;
            for proof in evidence.proofs() {
                self.log(
                    mac,
                    format_args!("has shown {proof} and is held to it from now on"),
                );
            }
            if let Some(Ok(place)) = evidence.password {
                access.passwords.note_use(place, now);
            }
            if let Some(Ok(place)) = evidence.token {
                access.tokens.note_use(place, now);
            }
            if let Some(Ok(())) = evidence.certificate {
                access.certificate_since.get_or_insert(now);
            }
            Ok(())
        })
        .await
    }
}

/// The token of a request and the path behind it. Nothing can be shown by TFTP.
pub(in crate::gateway) fn shown_token(request: &FetchRequest) -> (Option<&str>, &str) {
    match split_token(&request.path) {
        Some((token, path)) if request.transport != Transport::Tftp => (Some(token), path),
        _ => (None, &request.path),
    }
}

/// What admits a phone to its own file, or why it is refused.
fn verdict(
    policy: &AccessPolicy,
    access: &Access,
    evidence: Evidence,
    transport: Transport,
    address: IpAddr,
) -> Result<Proof, Refusal> {
    let from_network = policy.is_from_network(address);
    if policy.is_open() {
        return Ok(Proof::Open);
    }
    if policy.wants(Proof::Network) && from_network {
        return Ok(Proof::Network);
    }
    let mut shown = evidence.proofs();
    if let Some(proof) = shown.find(|proof| is_enough(policy, access, *proof)) {
        return Ok(proof);
    }
    let has_to_show = policy.wants_proof_of_one_phone();
    if has_to_show && !access.is_in_use() && until_used_admits(policy, from_network) {
        return Ok(match policy.until_used {
            UntilUsed::Network => Proof::Network,
            UntilUsed::Open | UntilUsed::Refuse => Proof::Open,
        });
    }
    Err(match evidence.refusal() {
        Some(refusal) => refusal,
        None => match evidence.proofs().next() {
            Some(proof) => Refusal::NotWanted(proof),
            None if !has_to_show => Refusal::OutsideNetworks,
            None if transport == Transport::Tftp => Refusal::NothingByTftp,
            None => Refusal::NothingShown,
        },
    })
}

/// Whether a proof that holds is enough: one that is wanted, or, until the phone has used one of
/// those, one that it has used before.
fn is_enough(policy: &AccessPolicy, access: &Access, proof: Proof) -> bool {
    let has_used = |proof: Proof| match proof {
        Proof::Digest => access.passwords.used_since.is_some(),
        Proof::Token => access.tokens.used_since.is_some(),
        Proof::Certificate => access.certificate_since.is_some(),
        Proof::Open | Proof::Network => false,
    };
    let uses_a_wanted_one = policy.proofs.iter().any(|wanted| has_used(*wanted));
    policy.wants(proof)
        || policy.wants_proof_of_one_phone() && !uses_a_wanted_one && has_used(proof)
}

fn until_used_admits(policy: &AccessPolicy, from_network: bool) -> bool {
    policy.wants_proof_of_one_phone()
        && match policy.until_used {
            UntilUsed::Open => true,
            UntilUsed::Network => from_network,
            UntilUsed::Refuse => false,
        }
}
