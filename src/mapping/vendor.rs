//! What a vendor's base pack says beside its lenses; all lens sets of the vendor share it.

use std::collections::HashMap;

use super::control::{MeansRule, WebLogin};
use super::handout::HandoutRule;
use super::identity::Identity;
use super::models::ModelPatterns;
use super::name_affixes::NameKeys;
use super::provisioning::ProvisioningRule;
use super::reading::MergeWhen;
use super::syslog::SyslogRule;
use crate::native::{Dialect, Mac, NativeKey};

/// Identity, files, layers and control of one vendor.
#[derive(Debug)]
pub(super) struct Vendor {
    pub(super) name: String,
    pub(super) manufacturer: String,
    pub(super) merge: bool,
    /// The setting that makes a phone read its files in another order.
    pub(super) merge_when: Option<MergeWhen>,
    pub(super) name_keys: NameKeys,
    /// What a file does not name keeps its value on the phone.
    pub(super) patch: bool,
    /// What a user set at the phone beats an unmarked value of a file.
    pub(super) local_wins: bool,
    /// By which means its phones are made to act, in the order in which they are tried.
    pub(super) means: Vec<MeansRule>,
    pub(super) web_login: WebLogin,
    pub(super) identity: Identity,
    /// Values that everybody knows.
    pub(super) default_passwords: HashMap<NativeKey, Vec<String>>,
    pub(super) new_files: Vec<NewFileRule>,
    /// How phones are pointed at firmware and the like; the first that fits counts.
    pub(super) handouts: Vec<HandoutRule>,
    /// How phones are told to send their log; the first that fits counts.
    pub(super) syslog: Vec<SyslogRule>,
    /// How phones are given something to show; the first that fits counts.
    pub(super) provisioning: Vec<ProvisioningRule>,
}

/// How an empty file for a phone looks.
#[derive(Debug)]
pub(super) struct NewFileRule {
    pub(super) name: String,
    pub(super) dialect: Dialect,
    pub(super) text: String,
    pub(super) models: ModelPatterns,
}

/// An empty file for one phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Its name, without folders.
    pub name: String,
    /// Its syntax.
    pub dialect: Dialect,
    /// What stands in it.
    pub text: String,
}

impl NewFileRule {
    pub(super) fn fits(&self, model: Option<&str>) -> bool {
        self.models.is_empty() || model.is_some_and(|model| self.models.matches(model))
    }

    pub(super) fn file(&self, mac: Mac) -> NewFile {
        NewFile {
            name: with_mac(&self.name, mac),
            dialect: self.dialect,
            text: with_mac(&self.text, mac),
        }
    }
}

/// A text with `{mac}` and `{MAC}` written out.
pub(super) fn with_mac(text: &str, mac: Mac) -> String {
    text.replace("{mac}", &mac.to_string())
        .replace("{MAC}", &mac.upper())
}
