//! A pack for a device that no phone stands behind.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::alias::Aliases;
use super::control::WebLogin;
use super::identity::Identity;
use super::lens_set::{KeyState, LensSet, SecretKeys};
use super::models::{Conditions, ModelPatterns};
use super::name_affixes::NameKeys;
use super::pack::Pack;
use super::template_view::Template;
use super::vendor::Vendor;
use crate::datamodel::Schema;

impl Pack {
    /// A pack for Device:2 with neither lenses nor files: nobody is recognised by it, and nothing
    /// of a file is shown.
    pub fn without_lenses(name: &str, manufacturer: &str) -> Self {
        let vendor = Vendor {
            name: name.to_owned(),
            manufacturer: manufacturer.to_owned(),
            merge: false,
            merge_when: None,
            name_keys: NameKeys::default(),
            patch: false,
            local_wins: false,
            means: Vec::new(),
            web_login: WebLogin::default(),
            identity: Identity {
                ouis: Vec::new(),
                user_agents: Vec::new(),
                models: BTreeMap::new(),
                other_models: ModelPatterns::default(),
                files: Vec::new(),
                served_as: Vec::new(),
            },
            default_passwords: HashMap::new(),
            new_files: Vec::new(),
            handouts: Vec::new(),
            syslog: Vec::new(),
            provisioning: Vec::new(),
        };
        let set = LensSet {
            name: name.to_owned(),
            file: String::new(),
            version: 1,
            template: Template::Device2,
            schema: Schema::device2(),
            models: ModelPatterns::default(),
            secret_keys: SecretKeys::default(),
            indexes: Vec::new(),
            line_sets: Vec::new(),
            redirects: Vec::new(),
            lenses: Vec::new(),
            aliases: Aliases::default(),
            conditions: Conditions::default(),
            by_path: HashMap::new(),
            contested: Vec::new(),
            by_key: HashMap::with_hasher(KeyState::default()),
            spellings: HashMap::new(),
        };
        Self::new(Arc::new(vendor), Arc::new(set), None)
    }
}
