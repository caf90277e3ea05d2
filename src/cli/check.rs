//! `trestle check`

use std::path::Path;

use super::arguments::Format;
use super::exit::{CommandError, Ending};
use super::output::{self, Bar};
use crate::app::{Settings, load_packs};
use crate::gateway;

pub(super) fn run(
    tree: &Path,
    mappings: Option<&Path>,
    settings: &Settings,
    format: Format,
) -> Result<Ending, CommandError> {
    let packs = load_packs(mappings.or(settings.mappings.path.as_deref()))?;
    let bar = Bar::new("reading");
    let report = gateway::check(&packs, &settings.file_passwords(), tree, &|done, total| {
        bar.set(done, total)
    })?;
    drop(bar);
    if format == Format::Json {
        output::json(&report)?;
    } else {
        let summary = &report.summary;
        output::line(&format!("{} files, {} bytes", summary.files, summary.bytes));
        let mut vendors = Vec::new();
        for (vendor, phones) in &summary.phones_by_vendor {
            vendors.push(format!("{phones} {vendor}"));
        }
        let vendors = if vendors.is_empty() {
            String::new()
        } else {
            format!(" ({})", vendors.join(", "))
        };
        output::line(&format!("{} phones{vendors}", summary.phones));
        output::line(&format!(
            "{} shared files, {} with settings that no phone asks for, {} without settings",
            summary.shared_files, summary.orphan_files, summary.other_files
        ));
        let mapped = summary.parameters - summary.native_parameters;
        output::line(&format!(
            "{} settings; an ACS sees {} parameters, {mapped} by the mapping packs, {} under Device.X_TRESTLE_Native.",
            summary.settings, summary.parameters, summary.native_parameters
        ));
        output::line(&format!(
            "{} of {} files render to the same bytes",
            summary.same_bytes, summary.files
        ));
        if report.findings.is_empty() {
            output::line("no findings");
        }
        output::findings(&report.findings);
    }
    Ok(Ending::from_count(report.findings.len()))
}
