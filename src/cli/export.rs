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
            "{} files, {} bytes written to {}",
            report.files,
            report.bytes,
            directory.display()
        ));
    }
    Ok(Ending::Clean)
}
