//! `trestle handover`

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use comfy_table::{Table, presets};
use jiff::SignedDuration;
use url::Url;

use super::access::{Access, change_error};
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::output;
use crate::gateway::{
    ChangeError, HandOverError, HandOverOrder, HandOverState, HandOverSummary, HandedOver,
};
use crate::native::Mac;

/// What is to be done with which phones.
#[derive(Args)]
pub(super) struct HandoverArguments {
    /// The phones: twelve hex digits each; none: list those that are handed over
    macs: Vec<Mac>,
    /// The ACS that they are to speak to; the one of the settings if left out
    #[arg(long, value_name = "URL")]
    to: Option<Url>,
    /// New file for the credentials that are made for each phone, for the ACS: comma-separated
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// User name for the ACS; {device_id} in it is OUI-ProductClass-SerialNumber
    #[arg(long, value_name = "TEXT", default_value = "{device_id}")]
    username: String,
    /// Seconds between the periodic Informs of the phones' own clients
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = clap::value_parser!(u32).range(1..))]
    interval: u32,
    /// Taken back after this time, unless confirmed: 30m, 24h, 7d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = trial)]
    trial: u64,
    /// They have been seen at their ACS: the hand-over lasts
    #[arg(long, conflicts_with_all = ["to", "credentials", "take_back"], requires = "macs")]
    confirm: bool,
    /// Take them back: their files as before, and their virtual CPEs speak again
    #[arg(long, conflicts_with_all = ["to", "credentials"], requires = "macs")]
    take_back: bool,
}

fn trial(text: &str) -> Result<u64, String> {
    let time: SignedDuration = text
        .parse()
        .map_err(|error: jiff::Error| error.to_string())?;
    match u64::try_from(time.as_secs()) {
        Ok(seconds @ 1..) => Ok(seconds),
        _ => Err("more than no time is wanted".to_owned()),
    }
}

pub(super) async fn run(
    arguments: HandoverArguments,
    place: &Place,
    format: Format,
) -> Result<Ending, CommandError> {
    if arguments.macs.is_empty() {
        let hand_overs = Access::open(place)?.hand_overs().await?;
        match format {
            Format::Json => output::json(&hand_overs)?,
            Format::Text => print_list(&hand_overs),
        }
        return Ok(Ending::Clean);
    }
    if arguments.confirm || arguments.take_back {
        return each(&arguments, place).await;
    }
    let order = HandOverOrder {
        acs_url: match arguments.to.or(place.settings()?.acs.url) {
            Some(url) if matches!(url.scheme(), "http" | "https") => url,
            Some(_) => return Err(CommandError::new("--to: http:// or https:// is wanted")),
            None => {
                return Err(CommandError::new(
                    "name the ACS with --to URL: the settings have none",
                ));
            }
        },
        username: arguments.username,
        periodic_inform_interval: arguments.interval,
        trial: arguments.trial,
    };
    let Some(path) = &arguments.credentials else {
        return Err(CommandError::new(
            "name a new file with --credentials FILE: the ACS needs what it will hold",
        ));
    };
    let access = Access::open(place)?;
    let mut file = CredentialsFile::create(path)?;
    let count = arguments.macs.len();
    let mut refused = 0;
    for mac in arguments.macs {
        match access.hand_over(mac, &order).await {
            Ok(handed_over) => {
                file.write(&handed_over)?;
                output::line(&format!(
                    "{mac} is told by its file to speak to {}; taken back at {:.0} unless confirmed",
                    handed_over.acs_url, handed_over.deadline
                ));
            }
            Err(error) => {
                refused += 1;
                eprintln!("{mac}: {error}");
            }
        }
    }
    if refused == count {
        file.remove()?;
    } else {
        output::line(&format!("credentials are in {}", path.display()));
    }
    Ok(Ending::from_count(refused))
}

/// Confirms, or takes back, each of the phones.
async fn each(arguments: &HandoverArguments, place: &Place) -> Result<Ending, CommandError> {
    let access = Access::open(place)?;
    let mut refused = 0;
    for &mac in &arguments.macs {
        let (outcome, done) = if arguments.confirm {
            (access.confirm_hand_over(mac).await, "stays handed over")
        } else {
            (access.take_back(mac).await, "is taken back")
        };
        match outcome {
            Ok(()) => output::line(&format!("{mac} {done}")),
            Err(error) => {
                refused += 1;
                eprintln!("{mac}: {error}");
            }
        }
    }
    Ok(Ending::from_count(refused))
}

fn print_list(hand_overs: &[HandOverSummary]) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["MAC", "ACS", "state", "taken back at"]);
    for one in hand_overs {
        let state = match one.state {
            HandOverState::Waiting => "the phone has not fetched its file",
            HandOverState::Fetched => "on trial",
            HandOverState::Confirmed => "confirmed",
        };
        let deadline = one.deadline.map(|deadline| format!("{deadline:.0}"));
        table.add_row([
            one.mac.to_string(),
            one.acs_url.clone(),
            state.to_owned(),
            deadline.unwrap_or_default(),
        ]);
    }
    output::line(&table.trim_fmt());
    output::line(&format!(
        "{} handed over",
        output::count(hand_overs.len(), "phone")
    ));
}

/// A file that only its owner may read.
struct CredentialsFile {
    path: PathBuf,
    file: File,
}

impl CredentialsFile {
    fn create(path: &Path) -> Result<Self, CommandError> {
        let mut options = OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600).open(path);
        let file = opened.map_err(|error| {
            let path = path.display();
            CommandError::new(match error.kind() {
                ErrorKind::AlreadyExists => format!("{path} is there already; name a new file"),
                _ => format!("can't write {path}: {error}"),
            })
        })?;
        let mut new = Self {
            path: path.to_owned(),
            file,
        };
        new.line(
            "mac,acs_url,username,password,connection_request_username,connection_request_password",
        )?;
        Ok(new)
    }

    /// Takes the file away again: there is nothing to keep in it.
    fn remove(self) -> Result<(), CommandError> {
        std::fs::remove_file(&self.path).map_err(|error| {
            CommandError::new(format!("can't remove {}: {error}", self.path.display()))
        })
    }

    fn write(&mut self, handed_over: &HandedOver) -> Result<(), CommandError> {
        let HandedOver {
            mac,
            acs_url,
            username,
            password,
            connection_request_username,
            connection_request_password,
            deadline: _,
        } = handed_over;
        let fields = [
            &mac.to_string(),
            acs_url,
            username,
            password.expose(),
            connection_request_username,
            connection_request_password.expose(),
        ];
        self.line(&fields.map(quoted).join(","))
    }

    fn line(&mut self, text: &str) -> Result<(), CommandError> {
        let written = writeln!(self.file, "{text}").and_then(|()| self.file.sync_data());
        written.map_err(|error| {
            CommandError::new(format!("can't write {}: {error}", self.path.display()))
        })
    }
}

/// A field as RFC 4180 wants it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

impl Access {
    async fn hand_over(&self, mac: Mac, order: &HandOverOrder) -> Result<HandedOver, CommandError> {
        match self {
            Self::Here(gateway) => gateway.hand_over(mac, order).await.map_err(command_error),
            Self::There(client) => Ok(client.hand_over(mac, order).await?),
        }
    }

    async fn confirm_hand_over(&self, mac: Mac) -> Result<(), CommandError> {
        match self {
            Self::Here(gateway) => gateway.confirm_hand_over(mac).await.map_err(command_error),
            Self::There(client) => Ok(client.confirm_hand_over(mac).await?),
        }
    }

    async fn take_back(&self, mac: Mac) -> Result<(), CommandError> {
        match self {
            Self::Here(gateway) => gateway.take_back(mac).await.map_err(command_error),
            Self::There(client) => Ok(client.take_back(mac).await?),
        }
    }

    async fn hand_overs(&self) -> Result<Vec<HandOverSummary>, CommandError> {
        match self {
            Self::Here(gateway) => Ok(gateway.hand_overs().collect::<Result<_, _>>()?),
            Self::There(client) => Ok(client.hand_overs().await?),
        }
    }
}

fn command_error(error: HandOverError) -> CommandError {
    match error {
        HandOverError::Gateway(error) => error.into(),
        HandOverError::Fault(fault) => change_error(ChangeError::Fault(fault)),
        other => CommandError::new(other.to_string()),
    }
}
