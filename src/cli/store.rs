//! `trestle store ...` and `trestle reindex`

use std::path::PathBuf;

use clap::Subcommand;
use indicatif::HumanBytes;

use super::access::Access;
use super::arguments::{Format, Place};
use super::backup;
use super::exit::{CommandError, Ending};
use super::output::{self, Bar};
use crate::gateway::{ReindexReport, StoreCheckReport, StoreStatus};
use crate::store::{CompactionError, StoreError, compact};

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
        } => backup::backup(&file, !without_assets, &place, format).await,
        StoreCommand::Restore {
            file,
            place,
            format,
        } => backup::restore(&file, &place, format),
        StoreCommand::Check { place, format } => check(&place, format).await,
        StoreCommand::Compact { place, format } => compact_store(&place, format),
        StoreCommand::Status { place, format } => status(&place, format).await,
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
    output::first_of(&report.findings, summary.findings.values().sum());
}

fn compact_store(place: &Place, format: Format) -> Result<Ending, CommandError> {
    let settings = place.settings_of_store()?;
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
            output::first_of(&report.findings, report.findings.len() as u64);
        }
    }
    Ok(Ending::from_count(report.findings.len()))
}
