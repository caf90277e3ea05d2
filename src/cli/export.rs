//! `trestle export`

use std::path::Path;

use super::access::Access;
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::output::{self, Bar};

pub(super) async fn run(
    directory: &Path,
    place: &Place,
    format: Format,
) -> Result<Ending, CommandError> {
    let access = Access::open(place)?;
    let bar = Bar::new("exporting");
    let report = access
        .export(directory, &|done, total| bar.set(done, total))
        .await?;
    drop(bar);
    if format == Format::Json {
        output::json(&report)?;
    } else {
        output::line(&format!(
            "{}, {} written to {}",
            output::count(report.files, "file"),
            output::count(report.bytes, "byte"),
            directory.display()
        ));
    }
    Ok(Ending::Clean)
}
