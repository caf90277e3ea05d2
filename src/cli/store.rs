//! `trestle store ...` and `trestle reindex`

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use indicatif::HumanBytes;

use super::access::Access;
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::output::{self, Bar};
use crate::gateway::{ReindexReport, StoreCheckReport, StoreFinding, StoreStatus};
use crate::store::{BackupSummary, CompactionError, StoreError, compact, restore, verify_backup};

/// Findings that a person is shown; the JSON has more.
const SHOWN_FINDINGS: usize = 50;

/// What can be done with the store as a whole.
#[derive(Subcommand)]
pub(super) enum StoreCommand {
    /// Write all that is kept to one file, also while the gateway serves
    Backup {
        /// The file; one that is there is replaced once the new one is whole
        file: PathBuf,
        /// Leave out firmware, large files of the tree and what phones have sent
        #[arg(long)]
        without_assets: bool,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Make a store of a backup, in a new or empty folder
    Restore {
        /// The backup
        file: PathBuf,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Look through the whole store: whether every record can be read and agrees with the others
    Check {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Give the space back that the database has grown by; not while a gateway runs
    Compact {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Size, free space, alarms, and what was found damaged
    Status {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

pub(super) async fn run(command: StoreCommand) -> Result<Ending, CommandError> {
    match command {
        StoreCommand::Backup {
            file,
            without_assets,
            place,
            format,
        } => backup(&file, !without_assets, &place, format).await,
        StoreCommand::Restore {
            file,
            place,
            format,
        } => restore_backup(&file, &place, format),
        StoreCommand::Check { place, format } => check(&place, format).await,
        StoreCommand::Compact { place, format } => compact_store(&place, format),
        StoreCommand::Status { place, format } => status(&place, format).await,
    }
}

/// Written aside, on disk and read through before it has its name: no half backup is ever taken for
/// one.
async fn backup(
    target: &Path,
    contents: bool,
    place: &Place,
    format: Format,
) -> Result<Ending, CommandError> {
    let access = Access::open(place)?;
    let mut aside = target.as_os_str().to_owned();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    let written = write(&access, contents, &aside).await;
    let summary = match written.and_then(|()| proved(&aside)) {
        Ok(summary) => summary,
        Err(error) => {
            // Nothing is there, or nothing of use.
            let _ = fs::remove_file(&aside);
            return Err(error);
        }
    };
    let problem = |error: io::Error| file_error(target, &error);
    fs::rename(&aside, target).map_err(problem)?;
    let folder = target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))
        .and_then(|folder| folder.sync_all())
        .map_err(problem)?;
    let size = fs::metadata(target).map_err(problem)?.len();
    match format {
        Format::Json => output::json(&summary)?,
        Format::Text => {
            output::line(&format!(
                "{} and {}, as of {}, in {} ({})",
                output::count(summary.records, "record"),
                output::count(summary.contents, "large content"),
                summary.header.created,
                target.display(),
                HumanBytes(size)
            ));
            print_left_out(&summary);
        }
    }
    Ok(Ending::from_count(summary.left_out.len()))
}

async fn write(access: &Access, contents: bool, path: &Path) -> Result<(), CommandError> {
    let problem = |error: io::Error| file_error(path, &error);
    // Passwords of phones are in it.
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(problem)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let bar = Bar::of_bytes("writing");
    match access {
        Access::Here(gateway) => {
            let gateway = gateway.clone();
            let writing = tokio::task::spawn_blocking(move || {
                let mut counted = Counted {
                    inner: out,
                    done: 0,
                    seen: &|done| bar.set(done, 0),
                };
                gateway.write_backup(contents, &mut counted)?;
                Ok::<_, CommandError>(counted.inner)
            });
            out = writing.await??;
        }
        Access::There(client) => {
            let mut stream = client.backup(contents).await?;
            let mut done = 0;
            while let Some(piece) = stream.next().await? {
                out.write_all(&piece).map_err(problem)?;
                done += piece.len() as u64;
                bar.set(done, 0);
            }
        }
    }
    let file = out
        .into_inner()
        .map_err(|error| problem(error.into_error()))?;
    file.sync_all().map_err(problem)
}

fn proved(path: &Path) -> Result<BackupSummary, CommandError> {
    let input = File::open(path).map_err(|error| file_error(path, &error))?;
    Ok(verify_backup(with_bar(input, "reading it back"))?)
}

fn restore_backup(path: &Path, place: &Place, format: Format) -> Result<Ending, CommandError> {
    let settings = place.settings()?;
    let dir = &settings.store.path;
    let input = File::open(path).map_err(|error| file_error(path, &error))?;
    let input = with_bar(input, "restoring");
    let summary = restore(input, dir, &settings.store.options())
        .map_err(|error| CommandError::new(format!("{}: {error}", path.display())))?;
    match format {
        Format::Json => output::json(&summary)?,
        Format::Text => {
            output::line(&format!(
                "{} and {}, as of {}, are in {}",
                output::count(summary.records, "record"),
                output::count(summary.contents, "large content"),
                summary.header.created,
                dir.display()
            ));
            if !summary.header.contents {
                output::line(
                    "the backup was taken without large contents: import the tree again, and add \
                     firmware again",
                );
            }
            print_left_out(&summary);
        }
    }
    Ok(Ending::from_count(summary.left_out.len()))
}

fn print_left_out(summary: &BackupSummary) {
    if !summary.left_out.is_empty() {
        output::line("damaged, and not in the backup:");
    }
    for left_out in &summary.left_out {
        output::line(&format!("  {}", left_out.what));
    }
}

async fn check(place: &Place, format: Format) -> Result<Ending, CommandError> {
    let report: StoreCheckReport = match Access::open(place)? {
        Access::Here(gateway) => {
            let bar = Bar::new("checking");
            let work = tokio::task::spawn_blocking(move || {
                gateway.check_store(false, &|done, total| bar.set(done, total))
            });
            work.await??
        }
        Access::There(client) => client.check_store().await?,
    };
    match format {
        Format::Json => output::json(&report)?,
        Format::Text => print_check(&report),
    }
    Ok(Ending::from_count(report.findings.len()))
}

fn print_check(report: &StoreCheckReport) {
    let summary = &report.summary;
    let records: Vec<String> = summary
        .records
        .iter()
        .map(|(table, count)| format!("{count} {}", table.replace('_', " ")))
        .collect();
    output::line(&format!("records: {}", records.join(", ")));
    output::line(&format!("large contents: {}", summary.contents));
    if summary.closed > 0 {
        output::line(&format!(
            "phones whose encrypted files can't be opened here: {}",
            summary.closed
        ));
    }
    if summary.set_aside > 0 {
        output::line(&format!(
            "damaged records that were replaced and kept: {}",
            summary.set_aside
        ));
    }
    if report.findings.is_empty() {
        output::line("every record can be read and agrees with the others");
        return;
    }
    let kinds: Vec<String> = summary
        .findings
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    output::line(&format!("findings: {}", kinds.join(", ")));
    output::line("");
    print_findings(&report.findings, summary.findings.values().sum());
}

fn print_findings(findings: &[StoreFinding], all: u64) {
    for finding in findings.iter().take(SHOWN_FINDINGS) {
        output::line(&finding.to_string());
    }
    let left = all.saturating_sub(SHOWN_FINDINGS as u64);
    if left > 0 {
        output::line(&format!(
            "and {left} more; --format json lists more of them"
        ));
    }
}

fn compact_store(place: &Place, format: Format) -> Result<Ending, CommandError> {
    let settings = place.settings()?;
    if !place.has_store()? {
        return Err(no_store(&settings.store.path));
    }
    let bar = Bar::new("compacting");
    let options = settings.store.options();
    let report = compact(&settings.store.path, &options, &|done, total| {
        bar.set(done, total);
    });
    drop(bar);
    let report = report.map_err(|error| match error {
        CompactionError::Store(error @ StoreError::InUse { .. }) => CommandError::new(format!(
            "{error}; stop it first: a store is compacted while nothing else uses it"
        )),
        error => error.into(),
    })?;
    match format {
        Format::Json => output::json(&report)?,
        Format::Text => output::line(&format!(
            "{}: {} before, {} now",
            output::count(report.records, "record"),
            HumanBytes(report.bytes_before),
            HumanBytes(report.bytes_after)
        )),
    }
    Ok(Ending::Clean)
}

async fn status(place: &Place, format: Format) -> Result<Ending, CommandError> {
    let status: StoreStatus = match Access::open(place)? {
        Access::Here(gateway) => {
            let work = tokio::task::spawn_blocking(move || {
                gateway.measure_live_size()?;
                gateway.store_status()
            });
            work.await??
        }
        Access::There(client) => client.store_status().await?,
    };
    match format {
        Format::Json => output::json(&status)?,
        Format::Text => print_status(&status),
    }
    Ok(Ending::from_count(
        status.alarms.len() + status.damaged.len(),
    ))
}

fn print_status(status: &StoreStatus) {
    let live = status.live.map_or_else(
        || "not measured yet".to_owned(),
        |live| HumanBytes(live).to_string(),
    );
    output::line(&format!("database  {}", HumanBytes(status.size)));
    output::line(&format!("records   {live}"));
    output::line(&format!(
        "free      {} of {}",
        HumanBytes(status.free),
        HumanBytes(status.disk)
    ));
    for alarm in &status.alarms {
        output::line(&format!("alarm     {alarm}"));
    }
    for damaged in &status.damaged {
        output::line(&format!(
            "damaged   {}: {}",
            damaged.subject, damaged.problem
        ));
    }
}

/// `trestle reindex`
pub(super) async fn reindex(place: &Place, format: Format) -> Result<Ending, CommandError> {
    let report: ReindexReport = match Access::open(place)? {
        Access::Here(gateway) => {
            let bar = Bar::new("deriving");
            gateway.reindex(&|done, total| bar.set(done, total)).await?
        }
        Access::There(client) => client.reindex().await?,
    };
    match format {
        Format::Json => output::json(&report)?,
        Format::Text => {
            output::line(&format!(
                "{}: the parameters of {} are other ones now; {} of nobody removed, {} put right",
                output::count(report.phones, "phone"),
                report.changed,
                output::count(report.removed, "parameter"),
                output::count(report.rows, "row")
            ));
            print_findings(&report.findings, report.findings.len() as u64);
        }
    }
    Ok(Ending::from_count(report.findings.len()))
}

fn no_store(folder: &Path) -> CommandError {
    CommandError::new(format!(
        "there is no store in {}; name its folder with --data",
        folder.display()
    ))
}

fn file_error(path: &Path, error: &io::Error) -> CommandError {
    CommandError::new(format!("can't use {}: {error}", path.display()))
}

/// A file whose reading a bar shows.
fn with_bar(file: File, what: &'static str) -> impl Read {
    let total = file.metadata().map_or(0, |facts| facts.len());
    let bar = Bar::new(what);
    Counted {
        inner: file,
        done: 0,
        seen: move |done| bar.set(done, total),
    }
}

/// Counts what goes through.
struct Counted<T, F> {
    inner: T,
    done: u64,
    seen: F,
}

impl<T: Read, F: Fn(u64)> Read for Counted<T, F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.done += read as u64;
        (self.seen)(self.done);
        Ok(read)
    }
}

impl<T: io::Write, F: Fn(u64)> io::Write for Counted<T, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.done += written as u64;
        (self.seen)(self.done);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
