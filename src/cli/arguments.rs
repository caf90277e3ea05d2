//! What can be written on the command line.

use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use url::Url;

use super::bench::BenchArguments;
use super::device::DeviceCommand;
use super::exit::{CommandError, ERROR, Ending};
use super::firmware::FirmwareCommand;
use super::quarantine::QuarantineCommand;
use super::store::StoreCommand;
use super::temporary::Temporary;
use super::upstream::UpstreamCommand;
use super::{
    bench, check, convert, demo, device, explain, export, firmware, handover, import,
    mapping_check, quarantine, replay, serve, store, syslog, upstream, verify,
};
use crate::app::{Settings, SystemClock, start_telemetry};
use crate::gateway::FindingKind;
use crate::native::Mac;
use crate::store::is_store;

/// Carries phone fleets that are provisioned by files over to TR-069.
#[derive(Parser)]
#[command(name = "trestle", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Where the settings and the store are.
#[derive(Args, Clone)]
pub(super) struct Place {
    /// Settings file; trestle.toml in this folder if there is one
    #[arg(long, value_name = "FILE", env = "TRESTLE_CONFIG")]
    config: Option<PathBuf>,
    /// Folder of the store, in place of the one in the settings
    #[arg(long, value_name = "DIR", env = "TRESTLE_DATA")]
    data: Option<PathBuf>,
}

impl Place {
    /// Whether there is a store at this place.
    pub(super) fn has_store(&self) -> Result<bool, CommandError> {
        Ok(is_store(&self.settings()?.store.path))
    }

    /// The settings of a store that is there.
    pub(super) fn settings_of_store(&self) -> Result<Settings, CommandError> {
        let settings = self.settings()?;
        let folder = &settings.store.path;
        if !is_store(folder) {
            return Err(CommandError::new(format!(
                "there is no store in {}; import a tree first, or name its folder with --data",
                folder.display()
            )));
        }
        Ok(settings)
    }

    /// The same settings with a store in this folder.
    pub(super) fn elsewhere(&self, folder: &Temporary) -> Self {
        Self {
            config: self.config.clone(),
            data: Some(folder.path().join("data")),
        }
    }

    pub(super) fn settings(&self) -> Result<Settings, CommandError> {
        let in_this_folder = Path::new("trestle.toml");
        let mut settings = match &self.config {
            Some(path) => Settings::read(path)?,
            None if in_this_folder.exists() => Settings::read(in_this_folder)?,
            None => Settings::default(),
        };
        if let Some(data) = &self.data {
            settings.store.path.clone_from(data);
        }
        Ok(settings)
    }
}

/// How a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Whose value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Preferred {
    /// The one of the tree
    Tree,
    /// The one here
    Here,
}

#[derive(Subcommand)]
enum Command {
    /// Read a tree, write nothing: what is understood, what is wrong, which phones
    Check {
        /// Folder that the old config server served
        tree: PathBuf,
        /// Folder with mapping packs of your own
        #[arg(long, value_name = "DIR")]
        mappings: Option<PathBuf>,
        /// List everything of one kind, each with its place; the report names the kinds
        #[arg(long, value_name = "NAME")]
        list: Option<FindingKind>,
        /// Settings file, for passwords of encrypted files; trestle.toml in this folder if there is one
        #[arg(long, value_name = "FILE", env = "TRESTLE_CONFIG")]
        config: Option<PathBuf>,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Take a tree into the store; again, only what changed
    Import {
        /// Folder that the old config server served
        tree: PathBuf,
        /// Write nothing, only say what would happen
        #[arg(long)]
        dry_run: bool,
        /// Where a file has changed in the tree and here, take the tree's, and all of it
        #[arg(long)]
        replace: bool,
        /// Whose value to take where a setting has changed in the tree and here
        #[arg(long, value_enum, value_name = "SIDE", conflicts_with = "replace")]
        prefer: Option<Preferred>,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Render every imported file and compare the bytes with the tree; or play the old server's log
    Verify {
        /// Folder that was imported; with --replay, files of the log are compared with those here
        #[arg(required_unless_present = "replay")]
        tree: Option<PathBuf>,
        /// Log of the old web server (common or combined format, also as .gz), the oldest first: would
        /// each of its requests get the same answer?
        #[arg(long, value_name = "LOG")]
        replay: Vec<PathBuf>,
        /// With --replay: fetch the files of the log from the old server and compare their bytes
        #[arg(long, value_name = "URL", requires = "replay", conflicts_with = "tree")]
        upstream: Option<Url>,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Write the tree back out
    Export {
        /// Folder to write to; files of the same name are replaced
        directory: PathBuf,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Make a file for another maker's phone from what is known of this one
    Convert {
        /// The old phone
        mac: Mac,
        /// The new one: VENDOR or VENDOR/MODEL
        #[arg(long, value_name = "VENDOR[/MODEL]")]
        to: convert::Target,
        /// MAC address of the new phone; to be left out only if it is of the old one's maker and has its address
        #[arg(long, value_name = "MAC")]
        new_mac: Option<Mac>,
        /// Folder to write the file to; to standard output if left out
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Run the gateway
    Serve {
        #[command(flatten)]
        place: Place,
        /// Import this tree before serving
        #[arg(long, value_name = "TREE")]
        import: Option<PathBuf>,
        /// URL of the ACS, in place of the one in the settings
        #[arg(long, value_name = "URL")]
        acs: Option<Url>,
        /// The old config server, in place of the one in the settings: what is not here is asked there
        #[arg(long, value_name = "URL")]
        upstream: Option<Url>,
        /// Write log events as JSON, one a line
        #[arg(long)]
        log_json: bool,
        /// Print every message to and from an ACS as it happens; secrets are not shown
        #[arg(long)]
        soap: bool,
        /// For rehearsals and tests: how many times as fast as the system's the gateway's clock runs
        #[arg(long, value_name = "N", default_value = "1", hide = true)]
        clock_speed: NonZeroU16,
        /// For rehearsals and tests: the moment from which on it runs faster, if not the start
        #[arg(long, value_name = "TIME", hide = true)]
        clock_since: Option<Timestamp>,
    },
    /// Hand phones over to their own TR-069 clients, on trial; without a phone, list those that are
    Handover {
        #[command(flatten)]
        arguments: handover::HandoverArguments,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Show the main job on loopback: a gateway, three simulated phones, a scripted ACS
    Demo {
        /// End when the story is told; fail if a step failed
        #[arg(long)]
        once: bool,
    },
    /// Measure this machine: a made-up fleet, a gateway, and each figure beside a limit or a peer
    Bench(BenchArguments),
    /// What a native key, an alias or a path means: in every mapping pack, or on one phone
    Explain {
        /// P-code, native key, alias, parameter (with instance numbers or {i}), or object with its dot
        #[arg(required = true, value_name = "KEY_OR_PATH")]
        what: Vec<String>,
        /// The packs of this vendor only
        #[arg(long)]
        vendor: Option<String>,
        /// The lenses for this model only
        #[arg(long, requires = "vendor")]
        model: Option<String>,
        /// The lenses of this phone, and what it has now: twelve hex digits
        #[arg(long, conflicts_with_all = ["vendor", "model"])]
        mac: Option<Mac>,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// What has come over syslog since the gateway started, and the last lines of nobody who is known
    Syslog {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Look at mapping packs
    #[command(subcommand)]
    Mapping(MappingCommand),
    /// Look at the old server, as far as it was asked
    #[command(subcommand)]
    Upstream(UpstreamCommand),
    /// Firmware images: keep them, and let phones take them
    #[command(subcommand)]
    Firmware(FirmwareCommand),
    /// Look at phones and change them
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Look at phones that nobody knows, and claim them
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// The store as a whole: back it up, restore it, check it, give space back
    #[command(subcommand)]
    Store(StoreCommand),
    /// Derive the parameters of all phones anew from their files
    Reindex {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

/// What can be done with mapping packs.
#[derive(Subcommand)]
enum MappingCommand {
    /// Prove every pack: its paths, types, enums and indexes, lenses on one key, the lens laws
    Check {
        /// Folder with mapping packs of your own, in place of the one in the settings
        #[arg(long, value_name = "DIR")]
        mappings: Option<PathBuf>,
        /// Settings file; trestle.toml in this folder if there is one
        #[arg(long, value_name = "FILE", env = "TRESTLE_CONFIG")]
        config: Option<PathBuf>,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

/// Runs the command that the process was started with: exit code 0 clean, 1 findings, 2 error.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let is_help = !error.use_stderr();
            // Nobody is there to read it when this fails.
            let _ = error.print();
            return if is_help {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(ERROR)
            };
        }
    };
    match dispatch(arguments.command) {
        Ok(ending) => ending.into(),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(ERROR)
        }
    }
}

fn dispatch(command: Command) -> Result<Ending, CommandError> {
    let (level, json) = match &command {
        Command::Serve { log_json, .. } => ("info,actix_server=warn", *log_json),
        _ => ("warn", false),
    };
    start_telemetry(level, json);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ending = runtime.block_on(async {
        match command {
            Command::Check {
                tree,
                mappings,
                list,
                config,
                format,
            } => {
                let settings = Place { config, data: None }.settings()?;
                check::run(&tree, mappings.as_deref(), &settings, list, format)
            }
            Command::Import {
                tree,
                dry_run,
                replace,
                prefer,
                place,
                format,
            } => import::run(&tree, dry_run, replace, prefer, &place, format).await,
            Command::Verify {
                tree,
                replay,
                upstream,
                place,
                format,
            } => match tree {
                Some(tree) if replay.is_empty() => verify::run(&tree, &place, format).await,
                tree => {
                    let bytes = replay::Bytes::choose(tree, upstream);
                    replay::run(&replay, bytes, &place, format).await
                }
            },
            Command::Export {
                directory,
                place,
                format,
            } => export::run(&directory, &place, format).await,
            Command::Convert {
                mac,
                to,
                new_mac,
                out,
                place,
                format,
            } => convert::run(mac, to, new_mac, out.as_deref(), &place, format).await,
            Command::Serve {
                place,
                import,
                acs,
                upstream,
                log_json: _,
                soap,
                clock_speed,
                clock_since,
            } => {
                let clock = SystemClock::hastened(clock_speed, clock_since);
                let instead = serve::Instead { acs, upstream };
                serve::run(&place, import.as_deref(), instead, clock, soap).await
            }
            Command::Handover {
                arguments,
                place,
                format,
            } => handover::run(arguments, &place, format).await,
            Command::Demo { once } => demo::run(once).await,
            Command::Bench(arguments) => bench::run(arguments).await,
            Command::Explain {
                what,
                vendor,
                model,
                mac,
                place,
                format,
            } => {
                let scope = explain::Scope { vendor, model, mac };
                explain::run(&what.join(" "), &scope, &place, format).await
            }
            Command::Mapping(MappingCommand::Check {
                mappings,
                config,
                format,
            }) => {
                let settings = Place { config, data: None }.settings()?;
                let folder = mappings.as_deref().or(settings.mappings.path.as_deref());
                mapping_check::run(folder, format)
            }
            Command::Syslog { place, format } => syslog::report(&place, format).await,
            Command::Upstream(command) => upstream::run(command).await,
            Command::Firmware(command) => firmware::run(command).await,
            Command::Device(command) => device::run(command).await,
            Command::Quarantine(command) => quarantine::run(command).await,
            Command::Store(command) => store::run(command).await,
            Command::Reindex { place, format } => store::reindex(&place, format).await,
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    ending
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
