//! Files of `mappings/acs`: what is particular to an ACS product, one file each, named after it.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};

use super::profile::AcsProfile;
use super::version::CwmpVersion;

/// Name and text of every file `mappings/acs/*.toml`. A new file is one line here.
const EMBEDDED: &[(&str, &str)] = &[
    (
        "standard.toml",
        include_str!("../../mappings/acs/standard.toml"),
    ),
    (
        "genieacs.toml",
        include_str!("../../mappings/acs/genieacs.toml"),
    ),
    (
        "freeacs.toml",
        include_str!("../../mappings/acs/freeacs.toml"),
    ),
    (
        "oktopus.toml",
        include_str!("../../mappings/acs/oktopus.toml"),
    ),
];

/// A profile that can't be used, with the place in its file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct AcsProfileError {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// What is wrong there, and what is allowed.
    pub problem: String,
}

/// The profiles of ACS products, by name.
#[derive(Debug, Clone)]
pub struct AcsProfiles(Vec<Arc<AcsProfile>>);

impl AcsProfiles {
    /// The profiles that the program carries.
    ///
    /// # Errors
    /// The first problem in one.
    pub fn embedded() -> Result<Self, AcsProfileError> {
        Self::with_overrides([])
    }

    /// The profiles that the program carries, and an operator's own (path, text). A profile has
    /// the name of its file without folders and `.toml`; one of the same name takes the place of
    /// the carried one.
    ///
    /// # Errors
    /// The first problem in one.
    pub fn with_overrides(
        files: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, AcsProfileError> {
        let mut profiles = Self(Vec::new());
        for (file, text) in EMBEDDED {
            profiles.add(parse(file, text)?);
        }
        for (file, text) in files {
            profiles.add(parse(&file, &text)?);
        }
        Ok(profiles)
    }

    /// The profile of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<AcsProfile>> {
        self.0.iter().find(|profile| profile.name == name)
    }

    /// The names of all, the carried ones first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|profile| profile.name.as_str())
    }

    fn add(&mut self, profile: AcsProfile) {
        let profile = Arc::new(profile);
        let mut known = self.0.iter_mut();
        match known.find(|known| known.name == profile.name) {
            Some(known) => *known = profile,
            None => self.0.push(profile),
        }
    }
}

/// The keys of a profile; one that is left out is as in [`AcsProfile::default`].
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Keys {
    #[serde(deserialize_with = "version")]
    version: CwmpVersion,
    session_timeout: Option<NonZeroU32>,
    autonomous_transfer_complete: bool,
    request_download: bool,
    ask_methods: bool,
    transfer_complete_answers: Vec<String>,
    empty_acknowledges: bool,
    unacknowledged_limit: Option<NonZeroU32>,
    username: Option<String>,
}

impl Default for Keys {
    fn default() -> Self {
        let standard = AcsProfile::default();
        Self {
            version: standard.version,
            session_timeout: standard.session_timeout.and_then(NonZeroU32::new),
            autonomous_transfer_complete: standard.autonomous_transfer_complete,
            request_download: standard.request_download,
            ask_methods: standard.ask_methods,
            transfer_complete_answers: standard.transfer_complete_answers,
            empty_acknowledges: standard.empty_acknowledges,
            unacknowledged_limit: standard.unacknowledged_limit.and_then(NonZeroU32::new),
            username: standard.username,
        }
    }
}

fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CwmpVersion, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

fn parse(file: &str, text: &str) -> Result<AcsProfile, AcsProfileError> {
    let keys: Keys = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        AcsProfileError {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.len() - line_start + 1,
            problem: error.message().to_owned(),
        }
    })?;
    let name = file.rsplit('/').next().unwrap_or(file);
    Ok(AcsProfile {
        name: name.strip_suffix(".toml").unwrap_or(name).to_owned(),
        version: keys.version,
        session_timeout: keys.session_timeout.map(NonZeroU32::get),
        autonomous_transfer_complete: keys.autonomous_transfer_complete,
        request_download: keys.request_download,
        ask_methods: keys.ask_methods,
        transfer_complete_answers: keys.transfer_complete_answers,
        empty_acknowledges: keys.empty_acknowledges,
        unacknowledged_limit: keys.unacknowledged_limit.map(NonZeroU32::get),
        username: keys.username,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(file: &str, text: &str) -> Result<AcsProfiles, AcsProfileError> {
        AcsProfiles::with_overrides([(file.to_owned(), text.to_owned())])
    }

    #[test]
    fn every_profile_in_the_folder_is_carried_and_whole() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/mappings/acs");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut carried: Vec<&str> = EMBEDDED.iter().map(|(file, _)| *file).collect();
        files.sort();
        carried.sort_unstable();
        assert_eq!(carried, files);
        let profiles = AcsProfiles::embedded().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(profiles.names().count(), EMBEDDED.len());
    }

    #[test]
    fn the_standard_profile_is_what_holds_without_one() {
        let profiles = AcsProfiles::embedded().unwrap();
        let standard = profiles.find("standard").unwrap();
        assert_eq!(**standard, AcsProfile::default());
    }

    #[test]
    fn an_operators_profile_is_added_or_replaces_one_of_its_name() {
        let profiles = with("own/acs/mine.toml", "version = \"1.0\"\n").unwrap();
        let mine = profiles.find("mine").unwrap();
        assert_eq!(mine.version, CwmpVersion::V1_0);
        assert!(mine.ask_methods, "what is left out is as by the standard");
        assert!(!profiles.find("genieacs").unwrap().request_download);
        let profiles = with("own/genieacs.toml", "request_download = true").unwrap();
        assert!(profiles.find("genieacs").unwrap().request_download);
        assert_eq!(profiles.names().count(), EMBEDDED.len());
        assert!(profiles.find("GenieACS").is_none());
    }

    #[test]
    fn a_mistake_is_named_with_file_line_and_what_is_allowed() {
        for (text, place, parts) in [
            (
                "# mine\nask_method = true\n",
                "acs/mine.toml:2:1: ",
                ["ask_method", "ask_methods"],
            ),
            ("version = \"1.5\"", "acs/mine.toml:1:11: ", ["1.5", "1.4"]),
            (
                "\n\nrequest_download = 1",
                "acs/mine.toml:3:20: ",
                ["integer", "boolean"],
            ),
            (
                "unacknowledged_limit = 0",
                "acs/mine.toml:1:24: ",
                ["`0`", "nonzero"],
            ),
        ] {
            let error = with("acs/mine.toml", text).unwrap_err().to_string();
            assert!(error.starts_with(place), "{error}");
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }
}
