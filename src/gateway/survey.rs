//! `check`: reads a tree, writes nothing, says what is understood and what is not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::report::{CheckReport, Finding, FindingKind};
use super::tree::{Candidate, TreeError, choose, classify, walk};
use crate::device::{FileRole, TreePath};
use crate::mapping::{Packs, Rows, ValueState};
use crate::native::{Document, Layer, LayerKind, Layers, Mac};

/// Where the parameters stand that no lens covers.
const NATIVE_PREFIX: &str = "Device.X_TRESTLE_Native.";

/// Tells how far a long piece of work is: done, and in all.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// Shared documents by vendor and folder.
type SharedDocuments = BTreeMap<(String, String), Vec<(TreePath, Document)>>;

/// Reads a tree and reports on it.
///
/// # Errors
/// [`TreeError`] when the root can't be read; anything smaller is a finding.
pub fn check(packs: &Packs, root: &Path, progress: Progress<'_>) -> Result<CheckReport, TreeError> {
    let (files, findings) = walk(root)?;
    let mut report = CheckReport {
        findings,
        ..CheckReport::default()
    };
    let mut shared = SharedDocuments::new();
    let mut phones: BTreeMap<Mac, Vec<Candidate>> = BTreeMap::new();
    let total = files.len() as u64;
    for (done, file) in (1_u64..).zip(&files) {
        let content = match fs::read(&file.on_disk) {
            Ok(content) => content,
            Err(source) => {
                let path = file.path.to_string();
                let finding = Finding::of_file(FindingKind::Unreadable, path, source);
                report.findings.push(finding);
                continue;
            }
        };
        let summary = &mut report.summary;
        summary.files += 1;
        summary.bytes += file.length;
        let classified = classify(packs, &file.path, &content);
        report.findings.extend(classified.findings);
        let renders_the_same = classified
            .document
            .as_ref()
            .is_none_or(|document| document.bytes() == content);
        summary.same_bytes += u64::from(renders_the_same);
        if let Some(document) = &classified.document {
            summary.settings += document.setting_count() as u64;
        }
        match (classified.role, classified.document) {
            (FileRole::Phone { mac, vendor, .. }, _) => {
                let file = file.clone();
                let candidates = phones.entry(mac).or_default();
                candidates.push(Candidate { file, vendor });
            }
            (FileRole::Shared { vendor, model, .. }, Some(document)) => {
                summary.shared_files += 1;
                // Without a phone's word for its model, a model's file counts for nobody.
                if model.is_none() {
                    let place = (vendor, file.path.folder().to_owned());
                    let documents = shared.entry(place).or_default();
                    documents.push((file.path.clone(), document));
                }
            }
            (FileRole::Orphan { .. }, _) => summary.orphan_files += 1,
            _ => summary.other_files += 1,
        }
        progress(done, total);
    }
    for (mac, candidates) in phones {
        check_phone(packs, mac, candidates, &shared, &mut report);
    }
    report
        .findings
        .sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    Ok(report)
}

fn check_phone(
    packs: &Packs,
    mac: Mac,
    candidates: Vec<Candidate>,
    shared: &SharedDocuments,
    report: &mut CheckReport,
) {
    report.summary.phones += 1;
    let Some((Candidate { file, vendor }, others)) = choose(packs, mac, candidates, None) else {
        return;
    };
    let path = file.path;
    for other in others {
        let why = format!("phone {mac} has {path} for its own; this one is served as it is");
        let other = other.file.path.to_string();
        let finding = Finding::of_file(FindingKind::SeveralFiles, other, why);
        report.findings.push(finding.about(mac));
    }
    *report
        .summary
        .phones_by_vendor
        .entry(vendor.clone())
        .or_default() += 1;
    // Read once more: the files of a large fleet are not all held at a time.
    let document = fs::read(&file.on_disk)
        .ok()
        .and_then(|content| classify(packs, &path, &content).document);
    let (Some(pack), Some(document)) = (packs.by_vendor(&vendor), document) else {
        return;
    };
    let place = (vendor, path.folder().to_owned());
    let mut layers: Vec<Layer> = shared
        .get(&place)
        .into_iter()
        .flatten()
        .map(|(path, document)| Layer {
            path: path.to_string(),
            kind: LayerKind::Shared,
            document: document.clone(),
        })
        .collect();
    layers.push(Layer {
        path: path.to_string(),
        kind: LayerKind::Phone,
        document,
    });
    let layers = Layers::new(layers, pack.merges_layers());
    let rows = pack.rows(&layers, &Rows::default());
    for parameter in pack.read(&layers, &rows) {
        report.summary.parameters += 1;
        if parameter.path.as_str().starts_with(NATIVE_PREFIX) {
            report.summary.native_parameters += 1;
        }
        if let ValueState::Unreadable { native } = parameter.state {
            let value = if parameter.hidden {
                "a hidden value".to_owned()
            } else {
                format!("`{}`", native.escape_debug())
            };
            let why = format!(
                "{value} is nothing that {} can be; an ACS sees its default",
                parameter.path
            );
            let finding = Finding::of_file(FindingKind::OddValue, path.to_string(), why);
            report.findings.push(finding.about(mac));
        }
    }
}
