//! What can be written on the command line.

use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use url::Url;

use super::delivery::DeadlineArgument;
use super::exit::{CommandError, ERROR, Ending};
use super::firmware::FirmwareCommand;
use super::temporary::Temporary;
use super::{
    check, convert, demo, device, explain, export, firmware, import, mapping_check, serve, verify,
};
use crate::app::{Settings, SystemClock, start_telemetry};
use crate::gateway::FindingKind;
use crate::native::Mac;

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
        Ok(self.settings()?.store.path.join("db").exists())
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
        /// Where a file has changed in the tree and here, take the tree's
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Render every imported file and compare the bytes with the tree
    Verify {
        /// Folder that was imported
        tree: PathBuf,
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
    /// Show the main job on loopback: a gateway, three simulated phones, a scripted ACS
    Demo {
        /// End when the story is told; fail if a step failed
        #[arg(long)]
        once: bool,
    },
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
    /// Look at mapping packs
    #[command(subcommand)]
    Mapping(MappingCommand),
    /// Firmware images: keep them, and let phones take them
    #[command(subcommand)]
    Firmware(FirmwareCommand),
    /// Look at phones and change them
    #[command(subcommand)]
    Device(DeviceCommand),
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

/// What can be done with phones.
#[derive(Subcommand)]
pub(super) enum DeviceCommand {
    /// All phones, a line each
    List {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// One phone: identity, files, delivery, what is owed to the ACS
    Show {
        /// Twelve hex digits
        mac: Mac,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Parameters of a phone; secrets are not shown
    Get {
        /// Twelve hex digits
        mac: Mac,
        /// A parameter, or an object with its dot; everything if left out
        #[arg(default_value = "")]
        path: String,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Set parameters of a phone, all or none
    Set {
        /// Twelve hex digits
        mac: Mac,
        /// What to set
        #[arg(required = true, value_name = "PATH=VALUE", value_parser = assignment)]
        values: Vec<(String, String)>,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Take settings of the phone's own file back
    Unset {
        /// Twelve hex digits
        mac: Mac,
        /// What to take back
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<String>,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// The last sessions of a phone with its ACS, as SOAP; secrets are not shown
    Trace {
        /// Twelve hex digits
        mac: Mac,
        /// How many sessions at most
        #[arg(long, value_name = "N", default_value_t = 1)]
        sessions: usize,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Tell a phone to fetch its file now
    Resync {
        /// Twelve hex digits
        mac: Mac,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// What the gateway has seen of a phone: fetches, orders, restarts, sessions, transfers
    Log {
        /// Twelve hex digits
        mac: Mac,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Let a phone's CPE ask its ACS for a file
    RequestDownload {
        /// Twelve hex digits
        mac: Mac,
        /// Such as "1 Firmware Upgrade Image"
        #[arg(value_name = "FILETYPE")]
        file_type: String,
        /// Arguments for the ACS
        #[arg(value_name = "NAME=VALUE", value_parser = assignment)]
        arguments: Vec<(String, String)>,
        #[command(flatten)]
        place: Place,
    },
    /// How long a phone may take to fetch a change of its file before it is overdue
    Deadline {
        /// Twelve hex digits
        mac: Mac,
        /// Such as 90s, 30m, 2h or 3d; none; or usual for [phones] delivery_deadline
        #[arg(value_name = "TIME")]
        deadline: DeadlineArgument,
        #[command(flatten)]
        place: Place,
    },
    /// Tell a phone to restart
    Reboot {
        /// Twelve hex digits
        mac: Mac,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (path, value) = text
        .split_once('=')
        .ok_or("write the path, an equals sign, and the value")?;
    Ok((path.to_owned(), value.to_owned()))
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
                place,
                format,
            } => import::run(&tree, dry_run, replace, &place, format).await,
            Command::Verify {
                tree,
                place,
                format,
            } => verify::run(&tree, &place, format).await,
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
                log_json: _,
                soap,
                clock_speed,
                clock_since,
            } => {
                let clock = SystemClock::hastened(clock_speed, clock_since);
                serve::run(&place, import.as_deref(), acs, clock, soap).await
            }
            Command::Demo { once } => demo::run(once).await,
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
            Command::Firmware(command) => firmware::run(command).await,
            Command::Device(command) => device::run(command).await,
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
