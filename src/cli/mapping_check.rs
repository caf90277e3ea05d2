//! `trestle mapping check`

use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use rayon::prelude::*;
use serde::Serialize;

use super::arguments::Format;
use super::exit::{CommandError, Ending};
use super::output;
use crate::app::{OpenError, load_packs, load_profiles};
use crate::mapping::{PackFinding, SetProof};

/// Findings about one lens that are shown; all of them are in the JSON.
const SHOWN_ALIKE: usize = 2;

/// What was proved, and what is wrong.
#[derive(Serialize)]
struct Report {
    sets: Vec<SetProof>,
    /// Names of the ACS profiles; none when one of them is wrong.
    profiles: Vec<String>,
    /// Of all sets and profiles; a file that can't be loaded is one.
    findings: Vec<PackFinding>,
}

pub(super) fn run(mappings: Option<&Path>, format: Format) -> Result<Ending, CommandError> {
    let mut report = match load_packs(mappings) {
        Ok(packs) => {
            let sets: Vec<_> = packs.lens_sets().collect();
            let sets: Vec<SetProof> = sets.into_par_iter().map(|set| set.prove()).collect();
            let findings = sets.iter().flat_map(|set| set.findings.clone()).collect();
            Report {
                sets,
                profiles: Vec::new(),
                findings,
            }
        }
        Err(OpenError::Pack(error)) => Report {
            sets: Vec::new(),
            profiles: Vec::new(),
            findings: vec![PackFinding::from(&error)],
        },
        Err(error) => return Err(error.into()),
    };
    match load_profiles(mappings) {
        Ok(profiles) => report.profiles = profiles.names().map(str::to_owned).collect(),
        Err(OpenError::Profile(error)) => report.findings.push(PackFinding {
            file: error.file,
            line: error.line,
            path: String::new(),
            problem: error.problem,
        }),
        Err(error) => return Err(error.into()),
    }
    match format {
        Format::Json => output::json(&report)?,
        Format::Text => print(&report),
    }
    Ok(Ending::from_count(report.findings.len()))
}

fn print(report: &Report) {
    if report.sets.is_empty() {
        output::line("not loaded: the packs are put together only when each of them is whole");
    } else {
        print_sets(&report.sets);
        output::line("");
        output::line(
            "loaded, so: every standard path is in its data model with that type and access; every",
        );
        output::line(
            "enum is one-to-one and within its parameter's values; every key table fits its index",
        );
        let values: usize = report.sets.iter().map(|set| set.values).sum();
        let shared: usize = report.sets.iter().map(|set| set.shared_keys).sum();
        output::line(&format!(
            "tried: {} written, read and written back, under every alias; {} with several lenses",
            output::count(values, "value"),
            output::count(shared, "key")
        ));
    }
    if !report.profiles.is_empty() {
        let names = report.profiles.join(", ");
        output::line(&format!("ACS profiles: {names}"));
    }
    output::line("");
    let mut findings = report.findings.iter().peekable();
    let mut alike = 0;
    while let Some(finding) = findings.next() {
        alike += 1;
        if alike <= SHOWN_ALIKE {
            output::line(&finding.to_string());
        }
        let place = |one: &PackFinding| (one.file.clone(), one.line);
        let is_last = findings
            .peek()
            .is_none_or(|next| place(next) != place(finding));
        if is_last && alike > SHOWN_ALIKE {
            let more = alike - SHOWN_ALIKE;
            let (file, line) = place(finding);
            output::line(&format!(
                "{file}:{line}: and {more} more; --format json lists all"
            ));
        }
        if is_last {
            alike = 0;
        }
    }
    output::line(&match report.findings.len() {
        0 => "no findings".to_owned(),
        count => output::count(count, "finding"),
    });
}

fn print_sets(sets: &[SetProof]) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "vendor",
        "set",
        "template",
        "lenses",
        "parameters",
        "own",
        "keys",
        "aliases",
        "values tried",
        "findings",
        "models",
    ]);
    for set in sets {
        let models = if set.models.is_empty() {
            "all others".to_owned()
        } else {
            set.models.join(" ")
        };
        table.add_row([
            set.vendor.clone(),
            set.set.clone(),
            set.template.name().to_owned(),
            set.lenses.to_string(),
            set.parameters.to_string(),
            set.own_parameters.to_string(),
            set.keys.to_string(),
            set.aliases.to_string(),
            set.values.to_string(),
            set.findings.len().to_string(),
            models,
        ]);
    }
    for number in 3..10 {
        if let Some(column) = table.column_mut(number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    output::line(&table.trim_fmt());
}
