//! `[phones]` of the settings file.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{IntoDeserializer as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use url::Url;

use super::acs_section::problem_of_url;
use super::settings::{SettingsError, check_vendor, empty_is_none, from_text};
use crate::gateway::{
    AccessGroup, AccessPolicy, AccessSettings, DeviceMatch, FilePassword, FirstContact,
    MissBudgets, MissRules, Network, Proof, UntilUsed, UploadSettings,
};
use crate::mapping::Packs;
use crate::native::Mac;
use crate::phone::{
    AllowedSources, CertificateFiles, OldServer, PhoneSettings, TftpSettings, UpstreamMode,
    UpstreamSettings,
};
use crate::wire::{Credentials, Secret};

/// The side towards the phones.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhonesSection {
    /// Where HTTP is listened for; empty: not at all.
    pub http: String,
    /// Where HTTPS is listened for; empty: not at all.
    pub https: String,
    /// PEM file with the certificate chain for HTTPS.
    pub tls_cert: PathBuf,
    /// PEM file with its private key.
    pub tls_key: PathBuf,
    /// Where TFTP is listened for; empty: not at all.
    #[serde(deserialize_with = "empty_is_none")]
    pub tftp: Option<SocketAddr>,
    /// From where TFTP is answered; empty: private, loopback and link-local addresses.
    pub tftp_allow: AllowedSources,
    /// Where HTTPS for old phones is listened for; empty: not at all.
    pub https_legacy: String,
    /// More certificates, by the names in them: `[[phones.certificate]]`.
    pub certificate: Vec<CertificateFiles>,
    /// PEM file with the authorities whose certificates phones may show; empty: none is asked for.
    pub client_ca: PathBuf,
    /// Connections at once, over all listeners.
    pub max_connections: NonZeroU32,
    /// Where phones reach the gateway, for files that they are pointed at; empty: where each of them
    /// came for its own file.
    #[serde(deserialize_with = "empty_is_none")]
    pub url: Option<Url>,
    /// The old config server, `http://old-server/`; empty: none.
    #[serde(deserialize_with = "empty_is_none")]
    pub upstream: Option<Url>,
    /// When it is asked: `miss` or `first`.
    pub upstream_mode: UpstreamMode,
    /// User name for it; empty: it is shown what each phone shows.
    pub upstream_username: String,
    /// Password for it.
    pub upstream_password: Secret,
    /// PEM file with certificate authorities for it besides the system's.
    pub upstream_ca_file: PathBuf,
    /// What a phone must show before it gets secrets: one of `open`, `network`, `digest`, `token`
    /// and `certificate`, or several, of which any one is enough.
    #[serde(deserialize_with = "proofs")]
    pub proof: Vec<Proof>,
    /// Networks for `network`: `192.0.2.0/24`.
    pub networks: Vec<Network>,
    /// What admits a phone that has used no proof of its own yet: `open`, `network`, `refuse`.
    pub until_used: UntilUsed,
    /// Whether a password may come by Basic without TLS.
    pub basic_over_http: bool,
    /// When a phone that has never had its file may come for it: `always`, `closed`, or two
    /// moments with a slash between them.
    #[serde(deserialize_with = "from_text")]
    pub first_contact: FirstContact,
    /// Phones that have to show something else: `[[phones.group]]`; the first that fits counts.
    pub group: Vec<GroupSection>,
    /// What phones may send: `[phones.uploads]`.
    pub uploads: UploadSettings,
    /// Seconds that a phone may take to fetch a change of its file before it is overdue; 0: as many as
    /// it likes.
    pub delivery_deadline: u32,
    /// Passwords of encrypted files: `[[phones.file_password]]`.
    pub file_password: Vec<FilePassword>,
    /// How many misses are borne: `[phones.misses]`.
    pub misses: MissBudgets,
    /// MACs that no phone has: whoever asks for one guesses.
    pub decoys: Vec<Mac>,
}

/// Some phones, and what they have to show. What is not given is as in `[phones]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSection {
    /// Its name, for people and commands.
    pub name: String,
    /// Which phones.
    #[serde(rename = "match")]
    pub phones: DeviceMatch,
    /// What they have to show; any one is enough.
    #[serde(deserialize_with = "proofs")]
    pub proof: Vec<Proof>,
    /// Networks for `network`.
    pub networks: Option<Vec<Network>>,
    /// What admits a phone that has used no proof of its own yet.
    pub until_used: Option<UntilUsed>,
}

impl Default for PhonesSection {
    fn default() -> Self {
        let phones = PhoneSettings::default();
        let access = AccessSettings::default();
        Self {
            http: phones.http,
            https: phones.https,
            tls_cert: phones.tls_cert,
            tls_key: phones.tls_key,
            tftp: None,
            tftp_allow: AllowedSources::default(),
            url: None,
            upstream: None,
            upstream_mode: UpstreamMode::default(),
            upstream_username: String::new(),
            upstream_password: Secret::default(),
            upstream_ca_file: PathBuf::new(),
            proof: access.default.proofs,
            networks: Vec::new(),
            until_used: access.default.until_used,
            basic_over_http: access.basic_over_http,
            first_contact: access.first_contact,
            group: Vec::new(),
            https_legacy: phones.https_legacy,
            certificate: phones.certificate,
            client_ca: phones.client_ca,
            max_connections: phones.max_connections,
            uploads: UploadSettings::default(),
            delivery_deadline: 86_400,
            file_password: Vec::new(),
            misses: MissBudgets::default(),
            decoys: Vec::new(),
        }
    }
}

impl PhonesSection {
    /// Whether these settings can be carried out.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if let Some(problem) = self.url.as_ref().and_then(problem_of_url) {
            return Err(SettingsError::PhonesUrl { problem });
        }
        if let Some(upstream) = &self.upstream {
            OldServer::check_url(upstream)?;
        }
        self.check_groups()
    }

    /// Whether there are phones that have to show nothing.
    pub fn is_open(&self) -> bool {
        let groups = self.group.iter().map(|group| &group.proof);
        std::iter::once(&self.proof)
            .chain(groups)
            .any(|proofs| proofs.contains(&Proof::Open))
    }

    fn check_groups(&self) -> Result<(), SettingsError> {
        check_proofs("phones", &self.proof, &self.networks, self.until_used)?;
        let mut names = vec![AccessPolicy::DEFAULT];
        for (place, group) in self.group.iter().enumerate() {
            let section = format!("phones.group[{place}]");
            if group.phones.is_empty() {
                return Err(SettingsError::MatchesAll { section });
            }
            if names.contains(&group.name.as_str()) || group.name.is_empty() {
                return Err(SettingsError::GroupName {
                    section,
                    name: group.name.clone(),
                });
            }
            names.push(&group.name);
            let networks = group.networks.as_ref().unwrap_or(&self.networks);
            let until_used = group.until_used.unwrap_or(self.until_used);
            check_proofs(&section, &group.proof, networks, until_used)?;
        }
        Ok(())
    }

    /// What phones have to show, as the gateway knows it.
    pub(super) fn access(&self, packs: &Packs) -> Result<AccessSettings, SettingsError> {
        let mut groups = Vec::new();
        for (place, group) in self.group.iter().enumerate() {
            let key = format!("phones.group[{place}].match.vendor");
            check_vendor(key, group.phones.vendor.as_deref(), packs)?;
            let networks = group.networks.as_ref().unwrap_or(&self.networks);
            groups.push(AccessGroup {
                phones: group.phones.clone(),
                policy: AccessPolicy {
                    name: group.name.clone(),
                    proofs: group.proof.clone(),
                    networks: networks.clone(),
                    until_used: group.until_used.unwrap_or(self.until_used),
                },
            });
        }
        Ok(AccessSettings {
            groups,
            default: AccessPolicy {
                name: AccessPolicy::DEFAULT.to_owned(),
                proofs: self.proof.clone(),
                networks: self.networks.clone(),
                until_used: self.until_used,
            },
            first_contact: self.first_contact,
            basic_over_http: self.basic_over_http,
        })
    }

    /// The old server, if there is one.
    pub fn upstream(&self) -> Option<UpstreamSettings> {
        self.upstream.clone().map(|url| self.upstream_at(url))
    }

    /// An old server at this URL, with the other settings as they are.
    pub fn upstream_at(&self, url: Url) -> UpstreamSettings {
        UpstreamSettings {
            url,
            mode: self.upstream_mode,
            credentials: Credentials {
                username: self.upstream_username.clone(),
                password: self.upstream_password.clone(),
            },
            ca_file: self.upstream_ca_file.clone(),
        }
    }

    /// What the TFTP server needs.
    pub(super) fn tftp(&self) -> TftpSettings {
        TftpSettings {
            listen: self.tftp,
            allow: self.tftp_allow.clone(),
        }
    }

    /// What guessing MACs costs.
    pub(super) fn miss_rules(&self) -> MissRules {
        MissRules {
            budgets: self.misses.clone(),
            decoys: self.decoys.clone(),
        }
    }

    /// How long a phone may take to fetch a change; `None` for as long as it likes.
    pub(super) fn delivery_deadline(&self) -> Option<Duration> {
        let seconds = u64::from(self.delivery_deadline);
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// What the listeners for phones need.
    pub(super) fn listeners(&self) -> PhoneSettings {
        PhoneSettings {
            http: self.http.clone(),
            https: self.https.clone(),
            tls_cert: self.tls_cert.clone(),
            tls_key: self.tls_key.clone(),
            https_legacy: self.https_legacy.clone(),
            certificate: self.certificate.clone(),
            client_ca: self.client_ca.clone(),
            max_connections: self.max_connections,
        }
    }
}

/// Whether what is asked for can be shown by anybody.
fn check_proofs(
    section: &str,
    proofs: &[Proof],
    networks: &[Network],
    until_used: UntilUsed,
) -> Result<(), SettingsError> {
    let problem = |problem| {
        let section = section.to_owned();
        Err(SettingsError::Proof { section, problem })
    };
    let is_of_one_phone = proofs.iter().any(|proof| proof.is_of_one_phone());
    let needs_networks =
        proofs.contains(&Proof::Network) || is_of_one_phone && until_used == UntilUsed::Network;
    if proofs.is_empty() {
        problem(
            "no proof is named; write at least one of open, network, digest, token, certificate",
        )
    } else if proofs.contains(&Proof::Open) && proofs.len() > 1 {
        problem("with open no other proof has an effect: leave open out, or the others")
    } else if needs_networks && networks.is_empty() {
        problem("network is named, and networks is empty: no address would be admitted")
    } else {
        Ok(())
    }
}

/// One proof as a text, or several in a list.
fn proofs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Proof>, D::Error> {
    deserializer.deserialize_any(Proofs)
}

struct Proofs;

impl<'de> Visitor<'de> for Proofs {
    type Value = Vec<Proof>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a proof, or a list of them")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<Proof>, E> {
        Proof::deserialize(text.into_deserializer()).map(|proof| vec![proof])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Proof>, A::Error> {
        let mut proofs = Vec::new();
        while let Some(proof) = list.next_element()? {
            proofs.push(proof);
        }
        Ok(proofs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> PhonesSection {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_group_has_what_it_does_not_give_from_the_section() {
        let section = section(
            r#"
            proof = "network"
            networks = ["192.0.2.0/24"]
            until_used = "refuse"
            first_contact = "closed"
            [[group]]
            name = "desks"
            match = { vendor = "grandstream", model = "GXP*" }
            proof = ["digest", "certificate"]
            [[group]]
            name = "hall"
            match = { folder = "hall" }
            proof = "token"
            networks = ["198.51.100.0/24"]
            until_used = "network"
            "#,
        );
        section.check().unwrap();
        let access = section.access(&Packs::embedded().unwrap()).unwrap();
        assert_eq!(access.default.proofs, [Proof::Network]);
        assert_eq!(access.first_contact, FirstContact::Closed);
        let of = |place: usize| &access.groups[place].policy;
        assert_eq!(of(0).proofs, [Proof::Digest, Proof::Certificate]);
        assert_eq!(of(0).networks, access.default.networks);
        assert_eq!(of(0).until_used, UntilUsed::Refuse);
        assert_eq!(of(1).until_used, UntilUsed::Network);
        assert_ne!(of(1).networks, access.default.networks);
    }

    #[test]
    fn what_nobody_could_show_or_would_have_no_effect_is_refused() {
        for (text, wanted) in [
            ("proof = []", "phones.proof: no proof is named"),
            ("proof = [\"open\", \"digest\"]", "leave open out"),
            ("proof = \"network\"", "networks is empty"),
            (
                "proof = \"token\"\nuntil_used = \"network\"",
                "networks is empty",
            ),
            (
                "[[group]]\nname = \"a\"\nmatch = {}\nproof = \"open\"",
                "phones.group[0].match",
            ),
            (
                "[[group]]\nname = \"default\"\nmatch = { folder = \"a\" }\nproof = \"open\"",
                "`default`",
            ),
        ] {
            let error = section(text).check().unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
        for text in [
            "proof = \"password\"",
            "proof = 1",
            "first_contact = \"\"",
            "networks = [\"here\"]",
            "until_used = \"digest\"",
            "[[group]]\nmatch = { folder = \"a\" }\nproof = \"open\"",
        ] {
            assert!(toml::from_str::<PhonesSection>(text).is_err(), "{text}");
        }
        let unknown =
            section("[[group]]\nname = \"a\"\nmatch = { vendor = \"acme\" }\nproof = \"open\"");
        let error = unknown.access(&Packs::embedded().unwrap()).unwrap_err();
        assert!(
            error.to_string().contains("phones.group[0].match.vendor"),
            "{error}"
        );
    }
}
