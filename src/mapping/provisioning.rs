//! How a phone is told, by its own file, what to show when it fetches its files: user name and
//! password, or a path that only it knows.

use std::collections::HashMap;

use super::error::{PackError, PackProblem};
use super::models::ModelPatterns;
use super::pack::Pack;
use super::scratch::{Scratch, Written};
use super::section::Section;
use super::vendor_file::unknown_word;
use crate::native::{Layers, NativeKey};

/// What a phone can be given to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialKind {
    /// User name and password for HTTP authentication.
    Digest,
    /// A path of its own below the address of the server.
    Token,
}

impl CredentialKind {
    /// All of them with their names in packs.
    const NAMED: [(&'static str, Self); 2] = [("digest", Self::Digest), ("token", Self::Token)];
}

/// How phones of some models are given something to show: a `[[provisioning]]` of a pack.
#[derive(Debug)]
pub struct ProvisioningRule {
    kind: CredentialKind,
    /// The rule is for phones that come by this one: `http` or `https`.
    protocol: Option<String>,
    models: ModelPatterns,
    /// Keys of the phone's own file, with what to write into them.
    keys: Vec<(NativeKey, String)>,
    /// What `{protocol}` stands for: `http` and `https` to the vendor's words.
    protocols: HashMap<String, String>,
    is_likely: bool,
}

/// What is written for the words in braces.
#[derive(Debug, Clone, Default)]
pub struct ProvisioningValues {
    /// `http` or `https`: `{protocol}`.
    pub protocol: String,
    /// `{host}`, with its port if it is not the usual one.
    pub host: String,
    /// `{host_name}`: the same without port.
    pub host_name: String,
    /// `{port}`.
    pub port: u16,
    /// `{path}`: the folder, without slashes at its ends.
    pub path: String,
    /// `{user}`.
    pub user: String,
    /// `{password}`.
    pub password: String,
}

/// A phone's own file can't tell it what to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProvisioningError {
    /// A key can't be written.
    #[error("the phone's own file can't carry {key}: {why}")]
    Edit {
        /// The key.
        key: String,
        /// What is in the way.
        why: String,
    },
    /// Another file of the phone's has the last word.
    #[error("`{file}` sets {key} too, and has the last word")]
    Overruled {
        /// The key.
        key: String,
        /// The other file.
        file: String,
    },
}

impl ProvisioningRule {
    /// Whether it is only likely that phones take it so: no source shows it for sure.
    pub fn is_likely(&self) -> bool {
        self.is_likely
    }

    fn value(&self, template: &str, values: &ProvisioningValues) -> String {
        let protocol = &values.protocol;
        let word = self.protocols.get(protocol).unwrap_or(protocol);
        template
            .replace(
                "{url}",
                &format!("{protocol}://{}/{}", values.host, values.path),
            )
            .replace("{protocol}", word)
            .replace("{host}", &values.host)
            .replace("{host_name}", &values.host_name)
            .replace("{port}", &values.port.to_string())
            .replace("{path}", &values.path)
            .replace("{user}", &values.user)
            .replace("{password}", &values.password)
    }
}

impl Pack {
    /// How phones of a model that come by a protocol are given something to show; `None` where
    /// nobody knows that.
    pub fn provisioning(
        &self,
        kind: CredentialKind,
        protocol: &str,
        model: Option<&str>,
    ) -> Option<&ProvisioningRule> {
        self.vendor.provisioning.iter().find(|rule| {
            let of_model =
                rule.models.is_empty() || model.is_some_and(|model| rule.models.matches(model));
            let of_protocol = rule.protocol.as_ref().is_none_or(|given| given == protocol);
            rule.kind == kind && of_model && of_protocol
        })
    }

    /// Writes into a phone's own file what it has to show, all settings or none.
    ///
    /// # Errors
    /// [`ProvisioningError`]; the layers are as before then.
    pub fn provision(
        &self,
        layers: &mut Layers,
        rule: &ProvisioningRule,
        values: &ProvisioningValues,
    ) -> Result<(), ProvisioningError> {
        let mut scratch = Scratch::new(self, layers);
        for (key, template) in &rule.keys {
            let value = rule.value(template, values);
            scratch
                .set(key, &value, Written::default())
                .map_err(|why| ProvisioningError::Edit {
                    key: key.as_str().to_owned(),
                    why: why.to_string(),
                })?;
            if let Some(layer) = self.shadowing(&scratch.layers, key) {
                return Err(ProvisioningError::Overruled {
                    key: key.as_str().to_owned(),
                    file: layer.path.clone(),
                });
            }
        }
        *layers = scratch.layers;
        Ok(())
    }

    /// The values that the phone's own file has now where something to show would be written.
    pub fn provisioned(&self, layers: &Layers, kind: CredentialKind) -> Vec<String> {
        let Some(own) = layers.own() else {
            return Vec::new();
        };
        let rules = self.vendor.provisioning.iter();
        rules
            .filter(|rule| rule.kind == kind)
            .flat_map(|rule| &rule.keys)
            .filter_map(|(key, _)| self.value_in(&own.document, key))
            .map(|value| value.into_owned())
            .collect()
    }
}

/// Reads how phones are given something to show.
pub(super) fn read_provisioning(top: &Section<'_>) -> Result<Vec<ProvisioningRule>, PackError> {
    let sections = top.sections("provisioning", "a provisioning rule")?;
    sections.into_iter().map(read_rule).collect()
}

fn read_rule(section: Section<'_>) -> Result<ProvisioningRule, PackError> {
    let proof = section.required("proof", section.text("proof")?)?;
    let known = CredentialKind::NAMED.iter();
    let Some((_, kind)) = known.clone().find(|(name, _)| *name == proof.value) else {
        let allowed = known.map(|(name, _)| (*name).to_owned()).collect();
        return Err(unknown_word(&section, &proof, "proof", allowed));
    };
    let protocol = section.text("protocol")?;
    if let Some(word) = &protocol
        && !["http", "https"].contains(&word.value.as_ref())
    {
        let allowed = vec!["http".to_owned(), "https".to_owned()];
        return Err(unknown_word(&section, word, "protocol", allowed));
    }
    let keys = section.pairs("keys")?;
    if keys.is_empty() {
        let problem = PackProblem::Missing {
            section: "a provisioning rule".to_owned(),
            key: "keys",
        };
        return Err(section.error(&section.span, problem));
    }
    let protocols = section.pairs("protocols")?;
    let protocols = protocols.into_iter();
    let rule = ProvisioningRule {
        kind: *kind,
        protocol: protocol.map(|text| text.value.into_owned()),
        models: ModelPatterns::read(&section)?,
        keys: keys
            .into_iter()
            .map(|(key, text)| (NativeKey::new(&key.value), text.value.into_owned()))
            .collect(),
        protocols: protocols
            .map(|(name, text)| (name.value.into_owned(), text.value.into_owned()))
            .collect(),
        is_likely: section.flag("likely")?.unwrap_or(false),
    };
    section.finish()?;
    Ok(rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Packs;
    use crate::native::{Dialect, Document, Layer, LayerKind};

    fn provisioned(
        vendor: &str,
        model: &str,
        kind: CredentialKind,
        protocol: &str,
        (dialect, text): (Dialect, &str),
    ) -> (String, Vec<String>, bool) {
        let packs = Packs::embedded().unwrap();
        let pack = packs.for_phone(vendor, Some(model)).unwrap();
        let layer = Layer {
            kind: LayerKind::Phone,
            path: "own".to_owned(),
            document: Document::parse(dialect, text.as_bytes()).into(),
        };
        let mut layers = Layers::new(vec![layer], false);
        let rule = pack.provisioning(kind, protocol, Some(model)).unwrap();
        let values = ProvisioningValues {
            protocol: protocol.to_owned(),
            host: "phones.example.net:8080".to_owned(),
            host_name: "phones.example.net".to_owned(),
            port: 8080,
            path: "Tok/hall".to_owned(),
            user: "000b82a1b2c3".to_owned(),
            password: "pass".to_owned(),
        };
        pack.provision(&mut layers, rule, &values).unwrap();
        let own = layers.own().unwrap().document.bytes().to_vec();
        let present = pack.provisioned(&layers, kind);
        (String::from_utf8(own).unwrap(), present, rule.is_likely())
    }

    #[test]
    fn every_vendor_is_told_in_its_own_way_as_far_as_that_is_known() {
        const GRANDSTREAM: (Dialect, &str) = (
            Dialect::PCodeXml,
            "<?xml version=\"1.0\"?>\n<gs_provision version=\"1\">\n<config version=\"1\">\n\
             <P237>old.example.net/gs</P237>\n</config>\n</gs_provision>\n",
        );
        let (text, present, is_likely) = provisioned(
            "grandstream",
            "GXP2170",
            CredentialKind::Token,
            "https",
            GRANDSTREAM,
        );
        assert!(
            text.contains("<P237>phones.example.net:8080/Tok/hall</P237>"),
            "{text}"
        );
        assert!(text.contains("<P212>2</P212>"), "{text}");
        assert!(present.contains(&"phones.example.net:8080/Tok/hall".to_owned()));
        assert!(!is_likely);
        let (text, present, _) = provisioned(
            "grandstream",
            "HT802",
            CredentialKind::Digest,
            "http",
            GRANDSTREAM,
        );
        assert!(text.contains("<P1360>000b82a1b2c3</P1360>"), "{text}");
        assert_eq!(present, ["000b82a1b2c3", "pass"]);
        let (text, _, is_likely) = provisioned(
            "aastra",
            "6867i",
            CredentialKind::Token,
            "http",
            (Dialect::KeyValue, "download protocol: TFTP\n"),
        );
        for line in [
            "download protocol: HTTP\n",
            "http server: phones.example.net\n",
            "http port: 8080\n",
            "http path: Tok/hall\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(!is_likely);
        let (text, _, is_likely) = provisioned(
            "akuvox",
            "SP-R50P",
            CredentialKind::Digest,
            "http",
            (Dialect::Autop, "Config.Account1.GENERAL.Enable = 1\n"),
        );
        assert!(
            text.contains("Config.Autoprovision.GENERAL.Pwd = pass\n"),
            "{text}"
        );
        assert!(!is_likely);
    }

    #[test]
    fn an_adapters_firmware_keeps_its_way() {
        let packs = Packs::embedded().unwrap();
        let pack = packs.for_phone("grandstream", Some("HT802")).unwrap();
        let rule = pack
            .provisioning(CredentialKind::Token, "http", Some("HT802"))
            .unwrap();
        let keys: Vec<&str> = rule.keys.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["P237"], "P212 holds for its firmware too");
    }

    #[test]
    fn what_is_not_sure_says_so_and_what_nobody_knows_is_not_there() {
        let packs = Packs::embedded().unwrap();
        let rule = |vendor, kind, protocol| {
            let pack = packs.for_phone(vendor, None).unwrap();
            let rule = pack.provisioning(kind, protocol, None);
            rule.map(ProvisioningRule::is_likely)
        };
        assert_eq!(rule("htek", CredentialKind::Digest, "http"), Some(true));
        assert_eq!(rule("akuvox", CredentialKind::Token, "http"), Some(true));
        assert_eq!(rule("aastra", CredentialKind::Token, "https"), Some(true));
        assert_eq!(rule("aastra", CredentialKind::Digest, "http"), None);
    }
}
