//! `trestle device log`, `trestle device syslog`, `trestle syslog`

use std::collections::HashSet;
use std::time::Duration;

use clap::ValueEnum;
use jiff::SignedDuration;

use super::access::Access;
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::output;
use crate::gateway::{LogEntry, LogOrigin, LogQuery, SyslogOrder, SyslogReport, SyslogSwitched};
use crate::native::Mac;

/// How often a log that is followed is asked for.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// How far back it is asked for again: the gateway's own lines have whole seconds, so a phone's may
/// be newer than one that comes later.
const OVERLAP: SignedDuration = SignedDuration::from_secs(3);

/// What is wanted of a log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// Only what the phone has said.
    pub(super) syslog: bool,
    /// And what comes.
    pub(super) follow: bool,
}

/// Whether a phone is to send its log here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    /// It sends its log here.
    On,
    /// It does what it did before.
    Off,
}

pub(super) async fn log(
    mac: Mac,
    wanted: Wanted,
    place: &Place,
    format: Format,
) -> Result<(), CommandError> {
    let access = Access::open(place)?;
    let mut query = LogQuery {
        origin: wanted.syslog.then_some(LogOrigin::Phone),
        since: None,
    };
    let entries = access.log(mac, query).await?;
    if !wanted.follow {
        return match format {
            Format::Json => output::json(&entries),
            Format::Text => {
                print_lines(&entries);
                Ok(())
            }
        };
    }
    if let Access::Here(_) = access {
        return Err(CommandError::new(
            "no gateway runs on this store, so nothing comes that could be followed",
        ));
    }
    let mut fresh = entries;
    let mut shown: HashSet<LogEntry> = HashSet::new();
    loop {
        for entry in &fresh {
            match format {
                Format::Json => output::line(&serde_json::to_string(entry)?),
                Format::Text => output::line(&entry.to_string()),
            }
        }
        shown.extend(fresh);
        if let Some(newest) = shown.iter().map(|entry| entry.at).max() {
            let since = newest.saturating_sub(OVERLAP)?;
            shown.retain(|entry| entry.at >= since);
            query.since = Some(since);
        }
        tokio::time::sleep(ASK_EVERY).await;
        fresh = access.log(mac, query).await?;
        fresh.retain(|entry| !shown.contains(entry));
    }
}

fn print_lines(entries: &[LogEntry]) {
    for entry in entries {
        output::line(&entry.to_string());
    }
}

pub(super) async fn switch(
    mac: Mac,
    switch: Switch,
    level: Option<String>,
    place: &Place,
    format: Format,
) -> Result<(), CommandError> {
    let on = switch == Switch::On;
    if !on && level.is_some() {
        return Err(CommandError::new(
            "--level says nothing about off: leave it out",
        ));
    }
    let order = SyslogOrder { on, level };
    let switched = Access::open(place)?.switch_syslog(mac, order).await?;
    match format {
        Format::Json => output::json(&switched)?,
        Format::Text => print_switched(&switched),
    }
    Ok(())
}

fn print_switched(switched: &SyslogSwitched) {
    let level = match &switched.level {
        Some(level) => format!(", level {level}"),
        None => String::new(),
    };
    output::line(&match &switched.server {
        Some(server) => format!("the phone is to send its log to {server}{level}"),
        None if switched.changed => "the phone is told what stood in its file before".to_owned(),
        None => "trestle had not told the phone to send its log: nothing was changed".to_owned(),
    });
    if switched.changed {
        output::line(if switched.needs_reboot {
            "on disk; in effect once the phone has fetched its file and has restarted"
        } else {
            "on disk; in effect once the phone has fetched its file"
        });
    }
}

pub(super) async fn report(place: &Place, format: Format) -> Result<Ending, CommandError> {
    let report = Access::open(place)?.syslog_report().await?;
    match format {
        Format::Json => output::json(&report)?,
        Format::Text => print_report(&report),
    }
    Ok(Ending::Clean)
}

fn print_report(report: &SyslogReport) {
    for (name, count) in [
        ("lines of known phones", report.kept),
        ("lines of nobody", report.of_nobody),
        ("dropped, too fast", report.too_fast),
        ("dropped, too many", report.too_many),
        ("not written", report.unwritten),
    ] {
        output::line(&format!("{name:<24}{count}"));
    }
    if !report.unknown.is_empty() {
        output::line("\nthe last lines of nobody who is known:");
    }
    for line in &report.unknown {
        let at = line.at.strftime("%Y-%m-%dT%H:%M:%SZ");
        output::line(&format!("{at} {}: {}", line.source, line.text));
    }
}

impl Access {
    /// A phone's log, the newest line last.
    async fn log(&self, mac: Mac, query: LogQuery) -> Result<Vec<LogEntry>, CommandError> {
        match self {
            Self::Here(gateway) => Ok(gateway.device_log(mac, query)?),
            Self::There(client) => Ok(client.log(mac, query).await?),
        }
    }

    /// Makes a phone send its log, or not.
    async fn switch_syslog(
        &self,
        mac: Mac,
        order: SyslogOrder,
    ) -> Result<SyslogSwitched, CommandError> {
        match self {
            Self::Here(gateway) => gateway
                .switch_syslog(mac, order)
                .await
                .map_err(|error| CommandError::new(error.to_string())),
            Self::There(client) => Ok(client.switch_syslog(mac, &order).await?),
        }
    }

    async fn syslog_report(&self) -> Result<SyslogReport, CommandError> {
        match self {
            Self::Here(_) => Err(CommandError::new(
                "no gateway runs on this store: what has come over syslog is counted in the memory \
                 of a running one (trestle serve)",
            )),
            Self::There(client) => Ok(client.syslog_report().await?),
        }
    }
}
