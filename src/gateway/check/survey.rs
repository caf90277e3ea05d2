//! One pass over the files of a tree and one over its phones, on all cores; the report is the same
//! however the work was shared.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::census::{Fingerprint, Notes, Reuse, SecretPlace, UnknownKeys};
use super::phone::{SharedDocuments, phone_facts, unlike_alternatives};
use super::source::shown_line;
use crate::device::{FileRole, TreePath};
use crate::gateway::file_passwords::FilePasswords;
use crate::gateway::report::{CheckReport, Finding, FindingKind, Weight};
use crate::gateway::shared_affixes::SharedAffixes;
use crate::gateway::tree::{Candidate, Reader, TreeError, TreeFile, classify, walk};
use crate::mapping::{Pack, Packs};
use crate::native::{Document, Mac, NativeKey};

/// Phones whose facts are in memory before they are counted: enough for all cores.
const PHONES_AT_ONCE: usize = 1024;

/// Tells how far a long piece of work is: done, and in all.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// What one file adds to the report.
struct FileFacts {
    role: FileRole,
    renders_the_same: bool,
    settings: u64,
    unread_lines: u64,
    notes: Notes,
    secrets: Vec<SecretPlace>,
    /// The parsed file, if phones share it.
    shared: Option<Arc<Document>>,
}

/// Reads a tree and reports on it. Problems are in the report one by one; of the other kinds only
/// those that are `listed`, and their number.
///
/// # Errors
/// [`TreeError`] when the root can't be read; anything smaller is a finding.
pub fn check(
    packs: &Packs,
    passwords: &FilePasswords,
    root: &Path,
    listed: Option<FindingKind>,
    progress: Progress<'_>,
) -> Result<CheckReport, TreeError> {
    let (files, findings) = walk(root)?;
    let mut report = CheckReport::default();
    let mut notes = Notes::default();
    for finding in findings {
        notes.note(listed, finding.kind, || finding);
    }
    let affixes = SharedAffixes::read(packs, passwords, &files);
    let reader = Reader {
        packs,
        passwords,
        affixes: &affixes,
    };
    let total = files.len() as u64;
    let done = AtomicU64::new(0);
    let facts: Vec<Result<FileFacts, Finding>> = files
        .par_iter()
        .map(|file| {
            let facts = file_facts(reader, file, listed);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            facts
        })
        .collect();

    let mut shared = SharedDocuments::new();
    let mut phones: BTreeMap<Mac, Vec<Candidate>> = BTreeMap::new();
    let mut reuse = Reuse::default();
    for (file, facts) in files.into_iter().zip(facts) {
        let facts = match facts {
            Ok(facts) => facts,
            Err(finding) => {
                notes.note(listed, finding.kind, || finding);
                continue;
            }
        };
        let summary = &mut report.summary;
        summary.files += 1;
        summary.bytes += file.length;
        summary.same_bytes += u64::from(facts.renders_the_same);
        summary.settings += facts.settings;
        summary.unread_lines += facts.unread_lines;
        notes.take(facts.notes);
        reuse.take(facts.secrets);
        match (facts.role, facts.shared) {
            (FileRole::Phone { mac, vendor, .. }, _) => {
                let candidates = phones.entry(mac).or_default();
                candidates.push(Candidate { file, vendor });
            }
            (FileRole::Shared { vendor, model, .. }, Some(document)) => {
                summary.shared_files += 1;
                // Without a phone's word for its model, a model's file counts for nobody.
                if model.is_none() {
                    let place = (vendor, file.path.folder().to_owned());
                    let documents = shared.entry(place).or_default();
                    documents.push((file.path, document));
                }
            }
            (FileRole::Orphan { .. }, _) => summary.orphan_files += 1,
            _ => summary.other_files += 1,
        }
    }
    unlike_alternatives(packs, &shared, &mut notes, listed);
    report.summary.phones = phones.len() as u64;
    let mut unknown_keys = UnknownKeys::default();
    let mut phones = phones.into_iter();
    loop {
        let some: Vec<(Mac, Vec<Candidate>)> = phones.by_ref().take(PHONES_AT_ONCE).collect();
        if some.is_empty() {
            break;
        }
        let facts: Vec<_> = some
            .into_par_iter()
            .map(|(mac, candidates)| phone_facts(reader, mac, candidates, &shared, listed))
            .collect();
        for facts in facts {
            unknown_keys.take(&facts.vendor, facts.unknown_keys);
            notes.take(facts.notes);
            let summary = &mut report.summary;
            summary.parameters += facts.parameters;
            summary.native_parameters += facts.native_parameters;
            summary.understood_settings += facts.understood;
            summary.kept_settings += facts.kept;
            summary.beaten_by_local_changes += facts.beaten_by_local_changes;
            summary.phones_with_line_sets += u64::from(facts.has_line_sets);
            if let Some(acs) = facts.acs {
                *summary.phones_by_acs.entry(acs).or_default() += 1;
            }
            let by_vendor = summary.phones_by_vendor.entry(facts.vendor);
            *by_vendor.or_default() += 1;
        }
    }
    let (named, unknown) = unknown_keys.ranked(listed);
    report.summary.unknown_keys = named;
    notes.take(reuse.into_notes());
    notes.findings.sort_by(|one, other| {
        (&one.file, one.line, one.kind).cmp(&(&other.file, other.line, other.kind))
    });
    // These are in order of their use.
    notes.take(unknown);
    report.summary.findings = notes.counts;
    report.findings = notes.findings;
    Ok(report)
}

fn file_facts(
    reader: Reader<'_>,
    file: &TreeFile,
    listed: Option<FindingKind>,
) -> Result<FileFacts, Finding> {
    let content = fs::read(&file.on_disk).map_err(|source| {
        Finding::of_file(FindingKind::Unreadable, file.path.to_string(), source)
    })?;
    let classified = classify(reader, &file.path, &content);
    let packs = reader.packs;
    let renders_the_same = classified.rendered().is_none_or(|bytes| bytes == content);
    let is_sealed = classified.seal.is_some();
    let role = classified.role;
    let mut facts = FileFacts {
        renders_the_same,
        settings: 0,
        unread_lines: 0,
        notes: Notes::default(),
        secrets: Vec::new(),
        shared: None,
        role,
    };
    facts.notes.note(listed, FindingKind::File, || {
        Finding::of_file(
            FindingKind::File,
            file.path.to_string(),
            role_name(&facts.role),
        )
    });
    let vendor = match &facts.role {
        FileRole::Phone { vendor, .. } | FileRole::Shared { vendor, .. } => Some(vendor.as_str()),
        _ => None,
    };
    let pack = vendor
        .and_then(|vendor| packs.by_vendor(vendor))
        .map(Arc::clone);
    if let FileRole::Shared {
        model: Some(model), ..
    } = &facts.role
    {
        facts.notes.note(listed, FindingKind::Model, || {
            Finding::of_file(FindingKind::Model, file.path.to_string(), model)
        });
    }
    let Some(document) = classified.document else {
        for finding in classified.findings {
            facts.notes.note(listed, finding.kind, || finding);
        }
        return Ok(facts);
    };
    let all: Vec<&Pack> = packs.iter().map(Arc::as_ref).collect();
    for mut finding in classified.findings {
        facts.unread_lines += u64::from(finding.kind == FindingKind::Syntax);
        facts.notes.note(listed, finding.kind, || {
            if let Some(line) = finding.line {
                finding.source = shown_line(&document, &all, line);
            }
            finding
        });
    }
    if !facts.renders_the_same {
        facts.notes.note(listed, FindingKind::Different, || {
            let why = "rendering gives other bytes";
            Finding::of_file(FindingKind::Different, file.path.to_string(), why)
        });
    }
    look_at_settings(
        &mut facts,
        pack.as_deref(),
        &document,
        is_sealed,
        &file.path,
        listed,
    );
    if matches!(facts.role, FileRole::Shared { .. }) {
        facts.shared = Some(Arc::new(document));
    }
    Ok(facts)
}

fn look_at_settings(
    facts: &mut FileFacts,
    pack: Option<&Pack>,
    document: &Document,
    is_sealed: bool,
    path: &TreePath,
    listed: Option<FindingKind>,
) {
    let mac = match &facts.role {
        FileRole::Phone { mac, .. } => Some(*mac),
        _ => None,
    };
    let finding = |kind, message: String, line, column| {
        let finding = Finding::of_file(kind, path.to_string(), message).at(line, column);
        match mac {
            Some(mac) => finding.about(mac),
            None => finding,
        }
    };
    let mut values: HashMap<&NativeKey, (std::borrow::Cow<'_, str>, u32)> = HashMap::new();
    for setting in document.settings() {
        facts.settings += 1;
        let (line, column) = (setting.line, setting.column);
        if let Some(pack) = pack
            && !setting.value.is_empty()
            && pack.is_secret_key(setting.key)
        {
            if !is_sealed {
                facts.notes.note(listed, FindingKind::SecretInClear, || {
                    finding(
                        FindingKind::SecretInClear,
                        format!("`{}`", setting.key),
                        line,
                        column,
                    )
                });
            }
            if pack.is_default_password(setting.key, &setting.value) {
                facts.notes.note(listed, FindingKind::DefaultPassword, || {
                    let message = format!("`{}` has a password that everybody knows", setting.key);
                    finding(FindingKind::DefaultPassword, message, line, column)
                });
            }
            if let Some(mac) = mac {
                let is_listed = listed == Some(FindingKind::ReusedPassword);
                facts.secrets.push(SecretPlace {
                    mac,
                    fingerprint: Fingerprint::of(&setting.value),
                    finding: is_listed.then(|| {
                        let message = format!("`{}` is not this phone's alone", setting.key);
                        Box::new(finding(FindingKind::ReusedPassword, message, line, column))
                    }),
                });
            }
        }
        if let Some((before, first)) = values.get(setting.key)
            && *before != setting.value
        {
            facts
                .notes
                .note(listed, FindingKind::ConflictingValues, || {
                    let message = format!("`{}` has another value on line {first}", setting.key);
                    finding(FindingKind::ConflictingValues, message, line, column)
                });
        }
        values.insert(setting.key, (setting.value, line));
    }
}

fn role_name(role: &FileRole) -> String {
    match role {
        FileRole::Phone {
            mac,
            vendor,
            dialect,
        } => {
            format!("phone {mac}'s own, {vendor}, {dialect}")
        }
        FileRole::Shared {
            vendor,
            dialect,
            model: Some(model),
        } => {
            format!("for model {model}, {vendor}, {dialect}")
        }
        FileRole::Shared {
            vendor,
            dialect,
            model: None,
        } => {
            format!("for all phones, {vendor}, {dialect}")
        }
        FileRole::Orphan { dialect } => format!("nobody asks for it, {dialect}"),
        FileRole::Other | FileRole::Handout { .. } => "served as it is".to_owned(),
    }
}

impl CheckReport {
    /// How many findings of the report are problems, rather than notes or facts.
    pub fn problems(&self) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.kind.weight() == Weight::Problem)
            .count()
    }
}
