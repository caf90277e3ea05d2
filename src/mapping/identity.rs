//! How a phone of a vendor is recognised: OUI, User-Agent, names of its files.

use std::collections::BTreeMap;

use regex::Regex;

use super::models::ModelPatterns;
use super::vendor::with_mac;
use crate::native::{FileIdentity, FileRule, Mac};

/// What a User-Agent header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// The pack's short name.
    pub vendor: String,
    /// Model.
    pub model: Option<String>,
    /// Firmware version.
    pub version: Option<String>,
    /// The phone's own address.
    pub mac: Option<Mac>,
}

/// The identity rules of one pack.
#[derive(Debug)]
pub(super) struct Identity {
    /// Upper case.
    pub(super) ouis: Vec<String>,
    pub(super) user_agents: Vec<Regex>,
    /// Short names of models.
    pub(super) models: BTreeMap<String, String>,
    /// Models of the vendor whose keys mean other things.
    pub(super) other_models: ModelPatterns,
    pub(super) files: Vec<FileRule>,
    /// File names with `{mac}` or `{MAC}` in them.
    pub(super) served_as: Vec<String>,
}

impl Identity {
    pub(super) fn knows_oui(&self, oui: &str) -> bool {
        self.ouis
            .iter()
            .any(|known| known.eq_ignore_ascii_case(oui))
    }

    pub(super) fn recognise(&self, vendor: &str, user_agent: &str) -> Option<Recognised> {
        let found = self
            .user_agents
            .iter()
            .find_map(|pattern| pattern.captures(user_agent))?;
        let group = |name: &str| found.name(name).map(|text| text.as_str());
        let model = group("model").map(|model| {
            let full = self.full_model(model);
            full.unwrap_or(model).to_owned()
        });
        Some(Recognised {
            vendor: vendor.to_owned(),
            model,
            version: group("version").map(str::to_owned),
            mac: group("mac").and_then(|text| text.parse().ok()),
        })
    }

    /// What a file is by the first rule that fits. Short names of models are written out.
    pub(super) fn identify(&self, file_name: &str, content: &[u8]) -> Option<FileIdentity> {
        let found = self
            .files
            .iter()
            .find_map(|rule| rule.identify(file_name, content))?;
        Some(self.with_full_model(found))
    }

    /// What a file should be by the first rule that its name fits.
    pub(super) fn identify_by_name(&self, file_name: &str) -> Option<FileIdentity> {
        let found = self
            .files
            .iter()
            .find_map(|rule| rule.identify_by_name(file_name))?;
        Some(self.with_full_model(found))
    }

    pub(super) fn reads(&self, file_names: &[&str], version: Option<&str>) -> Vec<bool> {
        let rules: Vec<Option<(usize, &FileRule)>> =
            file_names.iter().map(|name| self.rule_of(name)).collect();
        // Of each alternative the first rule that has a file for the phone.
        let mut chosen = BTreeMap::new();
        for (name, rule) in file_names.iter().zip(&rules) {
            let fitting = rule.as_ref().filter(|(_, rule)| rule.is_for(name, version));
            if let Some((place, rule)) = fitting
                && let Some(alternative) = rule.alternative()
            {
                let known = chosen.entry(alternative).or_insert(*place);
                *known = (*known).min(*place);
            }
        }
        let is_read = |(name, rule): (&&str, &Option<(usize, &FileRule)>)| {
            rule.is_none_or(|(place, rule)| {
                let others = rule.alternative().and_then(|known| chosen.get(known));
                rule.is_for(name, version) && others.is_none_or(|chosen| *chosen == place)
            })
        };
        file_names.iter().zip(&rules).map(is_read).collect()
    }

    pub(super) fn alternative(&self, file_name: &str) -> Option<&str> {
        self.rule_of(file_name)?.1.alternative()
    }

    /// The first rule that a name fits, and its place.
    fn rule_of(&self, file_name: &str) -> Option<(usize, &FileRule)> {
        let mut rules = self.files.iter().enumerate();
        rules.find(|(_, rule)| rule.identify_by_name(file_name).is_some())
    }

    fn with_full_model(&self, mut identity: FileIdentity) -> FileIdentity {
        if let Some(full) = identity
            .model
            .as_ref()
            .and_then(|model| self.full_model(model))
        {
            identity.model = Some(full.to_owned());
        }
        identity
    }

    /// The model that a short name stands for.
    fn full_model(&self, short: &str) -> Option<&str> {
        self.models
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(short))
            .map(|(_, full)| full.as_str())
    }

    pub(super) fn served_names(&self, mac: Mac) -> impl Iterator<Item = String> {
        self.served_as.iter().map(move |name| with_mac(name, mac))
    }
}
