//! What check, import, verify and export report: for a person and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::native::Mac;

/// What a person is told; what weighs most comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The file, or one setting of it, has changed in the tree and here; the file here was kept.
    Conflict,
    /// The file names another phone than its name does.
    WrongPhone,
    /// The file or folder can't be read.
    Unreadable,
    /// The file is not in the store, or not in the tree.
    Missing,
    /// The file has other bytes here than in the tree, or when it is rendered again.
    Different,
    /// The file or folder is not taken over, or not as settings.
    LeftOut,
    /// The file is encrypted or binary in a way that can't be read here; it is served as it is.
    Encrypted,
    /// One phone has several files.
    SeveralFiles,
    /// One key stands in one file several times, with different values.
    ConflictingValues,
    /// Files of which a phone reads only one, by its firmware, have different settings.
    UnlikeAlternatives,
    /// A setting of a phone's own file that a file overrules which it reads later.
    NoEffect,
    /// Settings that are not read: the name or the form is none that is known.
    Orphan,
    /// A value that no lens understands; the ACS sees the default.
    OddValue,
    /// A line or element that the dialect does not know; kept as it is.
    Syntax,
    /// A password that everybody knows.
    DefaultPassword,
    /// A password that several phones have.
    ReusedPassword,
    /// A password or key that can be read in a file.
    SecretInClear,
    /// The phone's own TR-069 client is on.
    PhoneTr069,
    /// A key that no lens covers.
    UnknownKey,
    /// A phone with settings that a value beats which a user sets at it.
    LocalWins,
    /// A line of a phone for which global settings do not count, because of one of its own.
    LineSet,
    /// The file has changed in the tree and here, in different settings; it has both changes now.
    Merged,
    /// A phone whose model no file tells.
    ModelUnknown,
    /// A model that has a file.
    Model,
    /// A phone.
    Phone,
    /// A file.
    File,
}

/// How much a kind of finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Somebody should mend it.
    Problem,
    /// Somebody should know it.
    Note,
    /// It is what there is.
    Fact,
}

impl FindingKind {
    /// Every kind.
    pub const ALL: [FindingKind; 26] = [
        Self::Conflict,
        Self::WrongPhone,
        Self::Unreadable,
        Self::Missing,
        Self::Different,
        Self::LeftOut,
        Self::Encrypted,
        Self::SeveralFiles,
        Self::ConflictingValues,
        Self::UnlikeAlternatives,
        Self::NoEffect,
        Self::Orphan,
        Self::OddValue,
        Self::Syntax,
        Self::DefaultPassword,
        Self::ReusedPassword,
        Self::SecretInClear,
        Self::PhoneTr069,
        Self::UnknownKey,
        Self::LocalWins,
        Self::LineSet,
        Self::Merged,
        Self::ModelUnknown,
        Self::Model,
        Self::Phone,
        Self::File,
    ];

    /// The name under which it is listed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::WrongPhone => "wrong-phone",
            Self::Unreadable => "unreadable",
            Self::Missing => "missing",
            Self::Different => "different",
            Self::LeftOut => "left-out",
            Self::Encrypted => "encrypted",
            Self::SeveralFiles => "several-files",
            Self::ConflictingValues => "conflicting-values",
            Self::UnlikeAlternatives => "unlike-alternatives",
            Self::NoEffect => "no-effect",
            Self::Orphan => "orphan",
            Self::OddValue => "odd-value",
            Self::Syntax => "syntax",
            Self::DefaultPassword => "default-password",
            Self::ReusedPassword => "reused-password",
            Self::SecretInClear => "secret-in-clear",
            Self::PhoneTr069 => "phone-tr069",
            Self::UnknownKey => "unknown-key",
            Self::LocalWins => "local-wins",
            Self::LineSet => "line-set",
            Self::Merged => "merged",
            Self::ModelUnknown => "model-unknown",
            Self::Model => "model",
            Self::Phone => "phone",
            Self::File => "file",
        }
    }

    /// How much it weighs.
    pub fn weight(self) -> Weight {
        match self {
            Self::OddValue
            | Self::DefaultPassword
            | Self::ReusedPassword
            | Self::SecretInClear
            | Self::PhoneTr069
            | Self::UnknownKey
            | Self::LocalWins
            | Self::LineSet
            | Self::Merged
            | Self::ModelUnknown => Weight::Note,
            Self::Model | Self::Phone | Self::File => Weight::Fact,
            _ => Weight::Problem,
        }
    }

    /// What a person can do about it; empty for a fact.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Conflict => {
                "say whose value counts with --prefer tree or --prefer here, or take the tree's file with --replace"
            }
            Self::WrongPhone => "correct the mac element: the phone refuses the file",
            Self::Unreadable => "look at the permissions of the file",
            Self::Missing => "import again",
            Self::Different => "report it: a file must give the same bytes again",
            Self::LeftOut => "move it into the tree if phones ask for it",
            Self::Encrypted => "put its password into [[phones.file_password]] of the settings",
            Self::SeveralFiles => "keep the file that the phone asks for, move the others away",
            Self::ConflictingValues => "the last one counts: remove the others",
            Self::UnlikeAlternatives => {
                "give them the same settings: which of them a phone reads is up to its firmware"
            }
            Self::NoEffect => "set it in the file that is read later, or remove it there",
            Self::Orphan => "rename it to what the phone asks for, or leave it: it is served",
            Self::OddValue => {
                "an ACS sees the default: correct it, unless the model is another than is thought here"
            }
            Self::Syntax => "correct the line; until then it is served as it stands",
            Self::DefaultPassword => "set another one, through the ACS or in the file",
            Self::ReusedPassword => "give each phone its own",
            Self::SecretInClear => "serve them over HTTPS only",
            Self::PhoneTr069 => {
                "one ACS has to go: set Device.X_TRESTLE_PhoneTR069.Enable to 0, or leave the phone out"
            }
            Self::UnknownKey => "nothing to do: an ACS reaches them under Device.X_TRESTLE_Native.",
            Self::LocalWins => {
                "put `^` before the key where the file is to win, `!` where users are to be kept off"
            }
            Self::LineSet => "set the others for the line too, if it is to have them",
            Self::Merged => "nothing to do",
            Self::ModelUnknown => "nothing to do: the first fetch of a phone tells it",
            Self::Model | Self::Phone | Self::File => "",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Syntax => "not understood",
            Self::Unreadable => "unreadable",
            Self::LeftOut => "left out",
            Self::Orphan => "orphan",
            Self::SeveralFiles => "several files",
            Self::ConflictingValues => "conflicting values",
            Self::UnlikeAlternatives => "unlike alternatives",
            Self::NoEffect => "settings without effect",
            Self::Encrypted => "encrypted",
            Self::WrongPhone => "wrong phone",
            Self::OddValue => "odd value",
            Self::Conflict => "conflict",
            Self::Missing => "missing",
            Self::Different => "different",
            Self::DefaultPassword => "default password",
            Self::ReusedPassword => "reused password",
            Self::SecretInClear => "secret in clear",
            Self::PhoneTr069 => "TR-069 in the phone",
            Self::UnknownKey => "unknown key",
            Self::LocalWins => "phones whose users can overrule",
            Self::LineSet => "lines without global settings",
            Self::Merged => "merged",
            Self::ModelUnknown => "model unknown",
            Self::Model => "model",
            Self::Phone => "phone",
            Self::File => "file",
        })
    }
}

/// No kind of finding has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no name of a list: one of {} is wanted", list_names())]
pub struct KindError {
    /// What was asked for.
    pub name: String,
}

impl std::str::FromStr for FindingKind {
    type Err = KindError;

    fn from_str(name: &str) -> Result<Self, KindError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| KindError {
                name: name.to_owned(),
            })
    }
}

fn list_names() -> String {
    FindingKind::ALL.map(FindingKind::name).join(", ")
}

/// One thing that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// Path below the root of the tree.
    pub file: String,
    /// Line, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<u32>,
    /// Column in bytes, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub column: Option<u32>,
    /// The phone, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mac: Option<Mac>,
    /// What it is; no secret stands in it.
    pub message: String,
    /// The line of the file, where one is named; not if a secret may stand in it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<String>,
}

impl Finding {
    /// A finding about a whole file.
    pub fn of_file(kind: FindingKind, file: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            kind,
            file: file.into(),
            line: None,
            column: None,
            mac: None,
            message: message.to_string(),
            source: None,
        }
    }

    /// The same, at this place of the file.
    #[must_use]
    pub fn at(mut self, line: u32, column: u32) -> Self {
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// The same, on this line of the file.
    #[must_use]
    pub fn on_line(mut self, line: u32) -> Self {
        self.line = Some(line);
        self
    }

    /// File, line and column, as far as they are known.
    pub fn place(&self) -> String {
        match (self.line, self.column) {
            (Some(line), Some(column)) => format!("{}:{line}:{column}", self.file),
            (Some(line), None) => format!("{}:{line}", self.file),
            (None, _) => self.file.clone(),
        }
    }

    /// The same, about this phone.
    #[must_use]
    pub fn about(mut self, mac: Mac) -> Self {
        self.mac = Some(mac);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {}: {}",
            self.place(),
            self.kind,
            self.message
        )
    }
}

/// Counts over a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TreeSummary {
    /// Files of the tree.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Phones that have a file of their own.
    pub phones: u64,
    /// The same by vendor.
    pub phones_by_vendor: BTreeMap<String, u64>,
    /// Files that phones share.
    pub shared_files: u64,
    /// Files with settings that no phone asks for by their names.
    pub orphan_files: u64,
    /// Files without settings: firmware, phone books and the like.
    pub other_files: u64,
    /// Settings in all files.
    pub settings: u64,
    /// Parameters that the data models of all phones show.
    pub parameters: u64,
    /// Those of them that no lens covers, under `Device.X_TRESTLE_Native.`.
    pub native_parameters: u64,
    /// Files whose rendering has the same bytes.
    pub same_bytes: u64,
    /// Settings in phones' own files that have a named parameter.
    pub understood_settings: u64,
    /// The others of them: kept as they are.
    pub kept_settings: u64,
    /// Lines and elements that are no setting of the dialect.
    pub unread_lines: u64,
    /// How many findings there are of each kind, listed or not.
    pub findings: BTreeMap<FindingKind, u64>,
    /// The keys that no lens covers, the most used first; the first ones of them.
    pub unknown_keys: Vec<UnknownKey>,
    /// The ACSs that phones are told to go to themselves, and how many go there.
    pub phones_by_acs: BTreeMap<String, u64>,
    /// Settings of all phones that a value beats which a user sets at the phone.
    pub beaten_by_local_changes: u64,
    /// Phones that have lines for which global settings do not count.
    pub phones_with_line_sets: u64,
}

/// A key that no lens covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownKey {
    /// Name of the mapping pack.
    pub vendor: String,
    /// The key.
    pub key: String,
    /// How many phones have it.
    pub phones: u64,
}

/// What `check` reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CheckReport {
    /// Counts.
    pub summary: TreeSummary,
    /// Things worth a look.
    pub findings: Vec<Finding>,
}

/// Counts over an import.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImportSummary {
    /// Files of the tree.
    pub files: u64,
    /// Files that were new.
    pub added: u64,
    /// Files that had changed in the tree.
    pub updated: u64,
    /// Files that were as before.
    pub unchanged: u64,
    /// Files that were not taken over.
    pub failed: u64,
    /// Phones among the files.
    pub phones: u64,
    /// Nothing was written: it was a rehearsal.
    pub dry_run: bool,
}

impl ImportReport {
    /// How many findings somebody should mend.
    pub fn problems(&self) -> usize {
        let weights = self.findings.iter().map(|finding| finding.kind.weight());
        weights.filter(|weight| *weight == Weight::Problem).count()
    }
}

/// What `import` reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImportReport {
    /// Counts.
    pub summary: ImportSummary,
    /// Things worth a look.
    pub findings: Vec<Finding>,
}

/// Counts over a verification.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerifySummary {
    /// Files of the tree.
    pub files: u64,
    /// Files that are served with the very bytes of the tree.
    pub identical: u64,
    /// Files with other bytes.
    pub different: u64,
    /// Of these, files that have been edited here since they were imported.
    pub edited: u64,
    /// Files that are on one side only.
    pub missing: u64,
}

/// What `verify` reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VerifyReport {
    /// Counts.
    pub summary: VerifySummary,
    /// Each file that is not identical.
    pub findings: Vec<Finding>,
}

/// What `export` reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExportReport {
    /// Files that were written.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}
