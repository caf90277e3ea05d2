//! `trestle import`

use std::path::Path;

use super::access::Access;
use super::arguments::{Format, Place, Preferred};
use super::exit::{CommandError, Ending};
use super::output::{self, Bar};
use super::temporary::Temporary;
use crate::gateway::{ImportOptions, ImportReport};
use crate::native::Side;

pub(super) async fn run(
    tree: &Path,
    dry_run: bool,
    replace: bool,
    prefer: Option<Preferred>,
    place: &Place,
    format: Format,
) -> Result<Ending, CommandError> {
    let mut rehearsal = None;
    let access = if !dry_run {
        Access::open_or_create(place)?
    } else if place.has_store()? {
        Access::open(place)?
    } else {
        // Into a store that is not there yet: rehearsed on one that goes away again.
        let folder = Temporary::new()?;
        let access = Access::open_or_create(&place.elsewhere(&folder))?;
        rehearsal = Some(folder);
        access
    };
    let bar = Bar::new("importing");
    let options = ImportOptions {
        dry_run,
        replace,
        prefer: prefer.map(|preferred| match preferred {
            Preferred::Tree => Side::Tree,
            Preferred::Here => Side::Here,
        }),
    };
    let report = access
        .import(tree, options, &|done, total| bar.set(done, total))
        .await?;
    drop(bar);
    drop(access);
    drop(rehearsal);
    if format == Format::Json {
        output::json(&report)?;
    } else {
        print(&report);
    }
    Ok(Ending::from_count(report.problems()))
}

pub(super) fn print(report: &ImportReport) {
    let summary = &report.summary;
    let verb = if summary.dry_run { "would be" } else { "were" };
    output::line(&format!(
        "{}, {}: {} {verb} added, {} {verb} updated, {} unchanged, {} left out",
        output::count(summary.files, "file"),
        output::count(summary.phones, "phone"),
        summary.added,
        summary.updated,
        summary.unchanged,
        summary.failed
    ));
    output::findings(&report.findings);
}
