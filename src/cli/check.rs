//! `trestle check`

use std::path::Path;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::arguments::Format;
use super::exit::{CommandError, Ending};
use super::output::{self, Bar};
use crate::app::{Settings, load_packs};
use crate::gateway::{self, CheckReport, Finding, FindingKind, Weight};

/// Before the text below a number.
const INDENT: &str = "           ";
/// What is said where phones have to show nothing.
const OPEN_FILES: &str = "phones.proof is \"open\": once served, whoever knows a phone's MAC \
                          address gets its file with its passwords";
/// Unknown keys named in the report; all are listed by `--list unknown-key`.
const NAMED_KEYS: usize = 5;

pub(super) fn run(
    tree: &Path,
    mappings: Option<&Path>,
    settings: &Settings,
    listed: Option<FindingKind>,
    format: Format,
) -> Result<Ending, CommandError> {
    let packs = load_packs(mappings.or(settings.mappings.path.as_deref()))?;
    let bar = Bar::new("reading");
    let passwords = settings.file_passwords();
    let report = gateway::check(&packs, &passwords, tree, listed, &|done, total| {
        bar.set(done, total)
    })?;
    drop(bar);
    match (format, listed) {
        (Format::Json, _) => output::json(&report)?,
        (Format::Text, Some(kind)) => list(&report, kind),
        (Format::Text, None) => {
            one_screen(&report);
            if settings.phones.is_open() {
                output::line("");
                output::line(OPEN_FILES);
            }
        }
    }
    Ok(Ending::from_count(report.problems()))
}

/// What there is, what is wrong, what is worth knowing; each line with its number and the way to
/// the list behind it.
fn one_screen(report: &CheckReport) {
    let summary = &report.summary;
    let own = summary.files - summary.shared_files - summary.orphan_files - summary.other_files;
    entry(summary.files, "files", "file");
    output::line(&format!(
        "{INDENT}{own} of phones, {} shared, {} that no phone asks for, {} without settings",
        summary.shared_files, summary.orphan_files, summary.other_files
    ));
    entry(summary.phones, "phones", "phone");
    let vendors = summary.phones_by_vendor.iter();
    let vendors: Vec<String> = vendors
        .map(|(vendor, phones)| format!("{phones} {vendor}"))
        .collect();
    if !vendors.is_empty() {
        output::line(&format!("{INDENT}{}", vendors.join(", ")));
    }
    let models = summary.findings.get(&FindingKind::Model);
    entry(models.copied().unwrap_or_default(), "model files", "model");
    let settings = summary.understood_settings + summary.kept_settings;
    entry(settings, "settings of phones", "unknown-key");
    output::line(&format!(
        "{INDENT}{} ({}) understood, {} kept as they are; {} lines of all files not read",
        summary.understood_settings,
        percent(summary.understood_settings, settings),
        summary.kept_settings,
        summary.unread_lines
    ));
    entry(
        summary.same_bytes,
        "files give the same bytes again",
        "different",
    );
    section(report, Weight::Problem, "to mend");
    section(report, Weight::Note, "worth knowing");
    if report.problems() == 0 {
        output::line("");
        output::line("no findings");
    }
}

fn entry(count: u64, what: &str, list: &str) {
    output::line(&format!("{count:>9}  {what:<34} --list {list}"));
}

fn section(report: &CheckReport, weight: Weight, title: &str) {
    let counts = &report.summary.findings;
    let kinds = FindingKind::ALL.into_iter();
    let kinds = kinds.filter(|kind| kind.weight() == weight && counts.contains_key(kind));
    let mut is_first = true;
    for kind in kinds {
        if is_first {
            output::line("");
            output::line(title);
            is_first = false;
        }
        let count = counts.get(&kind).copied().unwrap_or_default();
        entry(count, &kind.to_string(), kind.name());
        if let Some(detail) = detail(report, kind) {
            output::line(&format!("{INDENT}{detail}"));
        }
        output::line(&format!("{INDENT}{}", kind.advice()));
    }
}

/// The first place of a problem, or what a note is about.
fn detail(report: &CheckReport, kind: FindingKind) -> Option<String> {
    let summary = &report.summary;
    match kind {
        FindingKind::UnknownKey => {
            let keys = summary.unknown_keys.iter().take(NAMED_KEYS);
            let keys: Vec<String> = keys
                .map(|key| format!("{} ({})", key.key, key.phones))
                .collect();
            Some(format!("most used: {}", keys.join(", ")))
        }
        FindingKind::PhoneTr069 => {
            let servers = summary.phones_by_acs.iter();
            let servers: Vec<String> = servers
                .map(|(acs, phones)| format!("{phones} to {acs}"))
                .collect();
            Some(servers.join(", "))
        }
        FindingKind::LocalWins => {
            let settings = summary.beaten_by_local_changes;
            Some(format!(
                "{} without a mark",
                output::count(settings, "setting")
            ))
        }
        FindingKind::LineSet => {
            let phones = summary.phones_with_line_sets;
            Some(format!("of {}", output::count(phones, "phone")))
        }
        _ => {
            let first = report
                .findings
                .iter()
                .find(|finding| finding.kind == kind)?;
            Some(format!("first: {}", first.place()))
        }
    }
}

/// Everything of one kind; lines of files are shown with a caret below the place.
fn list(report: &CheckReport, kind: FindingKind) {
    let renderer = Renderer::plain();
    let findings = report.findings.iter();
    for finding in findings.filter(|finding| finding.kind == kind) {
        match excerpt(&renderer, finding) {
            Some(excerpt) => output::line(&excerpt),
            None => output::line(&format!("{}: {}", finding.place(), finding.message)),
        }
    }
    let count = report.summary.findings.get(&kind).copied();
    output::line(&format!("{} {kind}", count.unwrap_or_default()));
}

fn excerpt(renderer: &Renderer, finding: &Finding) -> Option<String> {
    let source = finding.source.as_deref()?;
    let line = usize::try_from(finding.line?).ok()?;
    let column = usize::try_from(finding.column?).ok()?.checked_sub(1)?;
    let start = source.floor_char_boundary(column);
    let end = source.ceil_char_boundary(start + 1).min(source.len());
    let snippet = Snippet::source(source)
        .line_start(line)
        .path(finding.file.as_str())
        .annotation(AnnotationKind::Primary.span(start.min(end)..end));
    let report = [Level::WARNING
        .primary_title(finding.message.as_str())
        .element(snippet)];
    Some(renderer.render(&report))
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "none".to_owned();
    }
    // Rounded down: 100 % means all.
    format!("{} %", part.saturating_mul(100) / whole)
}
