//! `trestle verify`

use std::path::Path;

use super::access::Access;
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::output::{self, Bar};

pub(super) async fn run(
    tree: &Path,
    place: &Place,
    format: Format,
) -> Result<Ending, CommandError> {
    let access = Access::open(place)?;
    let bar = Bar::new("verifying");
    let report = access
        .verify(tree, &|done, total| bar.set(done, total))
        .await?;
    drop(bar);
    if format == Format::Json {
        output::json(&report)?;
    } else {
        let summary = &report.summary;
        output::line(&format!(
            "{}: {} byte-identical, {} different ({} of them edited here), {} on one side only",
            output::count(summary.files, "file"),
            summary.identical,
            summary.different,
            summary.edited,
            summary.missing
        ));
        if summary.missing > 0 && summary.identical + summary.different == 0 {
            output::line("no file of it is in the store: is this the folder that was imported?");
        }
        output::findings(&report.findings);
    }
    Ok(Ending::from_count(report.findings.len()))
}
