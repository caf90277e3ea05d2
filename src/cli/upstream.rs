//! `trestle upstream`

use clap::Subcommand;

use super::access::Access;
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::output;
use crate::gateway::{UpstreamLine, UpstreamReport};

/// Lines of one kind that a person is shown; all of them are in the JSON.
const SHOWN: usize = 20;

/// What can be done about the old server.
#[derive(Subcommand)]
pub(super) enum UpstreamCommand {
    /// What was learned from it, what only it has, what differs, and which phones have never come
    Report {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

pub(super) async fn run(command: UpstreamCommand) -> Result<Ending, CommandError> {
    match command {
        UpstreamCommand::Report { place, format } => report(&place, format).await,
    }
}

async fn report(place: &Place, format: Format) -> Result<Ending, CommandError> {
    let report = Access::open(place)?.upstream_report().await?;
    if format == Format::Json {
        output::json(&report)?;
    } else {
        print(&report);
    }
    Ok(if report.has_findings() {
        Ending::Findings
    } else {
        Ending::Clean
    })
}

impl Access {
    async fn upstream_report(&self) -> Result<UpstreamReport, CommandError> {
        match self {
            Self::Here(gateway) => Ok(gateway.upstream_report()?),
            Self::There(client) => Ok(client.upstream_report().await?),
        }
    }
}

fn print(report: &UpstreamReport) {
    let summary = &report.summary;
    output::line(&format!(
        "{} seen at the old server: {} learned, {} the same here, {} different, {} only there; \
         {} of {} never seen",
        output::count(summary.paths, "file"),
        summary.learned,
        summary.same,
        summary.different,
        summary.only_there,
        summary.never_seen,
        output::count(summary.phones, "phone")
    ));
    if summary.paths == 0 {
        output::line("no request has gone to an old server yet: [phones] upstream names it");
    }
    list("different here", &report.different, |line| {
        let why = if line.edited_here {
            "edited here"
        } else {
            "changed there, or imported from elsewhere"
        };
        format!("{} ({why})", line.path)
    });
    list("only at the old server", &report.only_there, |line| {
        let why = line.note.reason().unwrap_or("it was here and is gone");
        format!("{} ({why})", line.path)
    });
    let protected = report.learned.iter().filter(|line| line.protected);
    let protected: Vec<UpstreamLine> = protected.cloned().collect();
    list(
        "given for a password there: here [phones] proof decides",
        &protected,
        |line| line.path.clone(),
    );
    list("phones never seen", &report.never_seen, |phone| {
        format!("{} ({})", phone.mac, phone.file)
    });
}

/// The first lines of one kind, under a heading; nothing when there are none.
pub(super) fn list<T>(heading: &str, lines: &[T], show: impl Fn(&T) -> String) {
    if lines.is_empty() {
        return;
    }
    output::line("");
    output::line(&format!("{heading}: {}", lines.len()));
    for line in lines.iter().take(SHOWN) {
        output::line(&format!("  {}", show(line)));
    }
    let left = lines.len().saturating_sub(SHOWN);
    if left > 0 {
        output::line(&format!("  and {left} more; --format json lists all"));
    }
}
