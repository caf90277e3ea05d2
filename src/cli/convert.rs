//! `trestle convert`

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::access::Access;
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::output;
use crate::gateway::{ConvertRequest, ConvertedFile};
use crate::native::Mac;

/// The phone that a file is wanted for: `VENDOR` or `VENDOR/MODEL`.
#[derive(Debug, Clone)]
pub(super) struct Target {
    vendor: String,
    model: Option<String>,
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (vendor, model) = match text.split_once('/') {
            Some((vendor, model)) => (vendor, Some(model)),
            None => (text, None),
        };
        if vendor.is_empty() || model.is_some_and(str::is_empty) {
            return Err("VENDOR or VENDOR/MODEL is wanted".to_owned());
        }
        Ok(Self {
            vendor: vendor.to_lowercase(),
            model: model.map(str::to_owned),
        })
    }
}

pub(super) async fn run(
    mac: Mac,
    target: Target,
    new_mac: Option<Mac>,
    directory: Option<&Path>,
    place: &Place,
    format: Format,
) -> Result<Ending, CommandError> {
    let request = ConvertRequest {
        vendor: target.vendor,
        model: target.model,
        mac: new_mac,
    };
    let file = Access::open(place)?.convert(mac, &request).await?;
    if let Some(directory) = directory {
        write(&directory.join(&file.name), &file.content)?;
    }
    match format {
        Format::Json => output::json(&file)?,
        Format::Text => report(&file, directory),
    }
    Ok(Ending::from_count(file.left.len()))
}

/// Writes a new file. It holds passwords, so only its owner may read it.
fn write(path: &Path, content: &str) -> Result<(), CommandError> {
    let failed = |error: std::io::Error| {
        let path = path.display();
        CommandError::new(match error.kind() {
            ErrorKind::AlreadyExists => {
                format!("{path} is there already; move it away, or name another folder with --out")
            }
            _ => format!("can't write {path}: {error}"),
        })
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(content.as_bytes()).map_err(failed)
}

/// The file goes to standard output unless it was written; what became of the settings goes where
/// it does not mix with it.
fn report(file: &ConvertedFile, directory: Option<&Path>) {
    let line = match directory {
        Some(directory) => {
            output::line(&format!("{} written", directory.join(&file.name).display()));
            |text: &str| output::line(text)
        }
        None => {
            output::line(file.content.trim_end_matches('\n'));
            |text: &str| eprintln!("{text}")
        }
    };
    line(&format!(
        "{} settings carried over, {} not",
        file.carried.len(),
        file.left.len()
    ));
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for left in &file.left {
        by_reason
            .entry(&left.why)
            .or_default()
            .push(left.path.as_str());
    }
    for (why, paths) in by_reason {
        line(&format!("{why}:"));
        for path in paths {
            line(&format!("  {path}"));
        }
    }
}
