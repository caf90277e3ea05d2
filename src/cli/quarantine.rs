//! `trestle quarantine ...`

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Subcommand;
use comfy_table::{Table, presets};

use super::access::Access;
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::output;
use crate::admin::{ClaimRequest, ReopenRequest};
use crate::gateway::{
    ClaimError, ClaimFrom, Claimed, GatewayError, QuarantineList, QuarantinedPhone, Reopened,
};
use crate::native::Mac;

/// Refused attempts that a person is shown; all that are kept are in the JSON.
const SHOWN_ATTEMPTS: usize = 20;

/// What can be done with phones that nobody knows.
#[derive(Subcommand)]
pub(super) enum QuarantineCommand {
    /// Phones that nobody knows and that have asked for their file; what was refused, and why
    List {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Make one of them a device: with an empty file, a copy of another phone's, or a given one
    Claim {
        /// Twelve hex digits
        mac: Mac,
        /// Copy the file of this phone, and put the new address into it
        #[arg(long, value_name = "MAC", conflicts_with = "file")]
        like: Option<Mac>,
        /// Take this file
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Forget one of them
    Drop {
        /// Twelve hex digits
        mac: Mac,
        #[command(flatten)]
        place: Place,
    },
    /// Give back budgets of misses that are used up
    Reopen {
        /// Those of this address and the network round it; all of them if left out
        address: Option<IpAddr>,
        #[command(flatten)]
        place: Place,
    },
}

pub(super) async fn run(command: QuarantineCommand) -> Result<Ending, CommandError> {
    match command {
        QuarantineCommand::List { place, format } => {
            let list = Access::open(&place)?.quarantine().await?;
            match format {
                Format::Json => output::json(&list)?,
                Format::Text => print_list(&list),
            }
        }
        QuarantineCommand::Claim {
            mac,
            like,
            file,
            place,
            format,
        } => {
            let from = match (like, file) {
                (Some(like), _) => ClaimFrom::Like(like),
                (None, Some(path)) => ClaimFrom::File(read(&path)?),
                (None, None) => ClaimFrom::Nothing,
            };
            let claimed = Access::open(&place)?.claim(mac, from).await?;
            match format {
                Format::Json => output::json(&claimed)?,
                Format::Text => output::line(&format!(
                    "phone {} is a device of {} now; it gets {} when it asks again",
                    claimed.mac, claimed.vendor, claimed.path
                )),
            }
        }
        QuarantineCommand::Drop { mac, place } => {
            Access::open(&place)?.drop_from_quarantine(mac).await?;
            output::line("forgotten, until it asks again");
        }
        QuarantineCommand::Reopen { address, place } => {
            let reopened = Access::open(&place)?.reopen(address).await?;
            output::line(if reopened.had_spent {
                "budgets are whole again"
            } else {
                "nothing was used up"
            });
        }
    }
    Ok(Ending::Clean)
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path)
        .map_err(|error| CommandError::new(format!("can't read {}: {error}", path.display())))
}

impl Access {
    async fn quarantine(&self) -> Result<QuarantineList, CommandError> {
        match self {
            Self::Here(gateway) => Ok(gateway.quarantine()),
            Self::There(client) => Ok(client.quarantine().await?),
        }
    }

    async fn claim(&self, mac: Mac, from: ClaimFrom) -> Result<Claimed, CommandError> {
        match self {
            Self::Here(gateway) => Ok(Box::pin(gateway.claim(mac, from)).await?),
            Self::There(client) => Ok(client.claim(mac, &ClaimRequest::from(&from)).await?),
        }
    }

    async fn drop_from_quarantine(&self, mac: Mac) -> Result<(), CommandError> {
        match self {
            Self::Here(gateway) => match gateway.drop_from_quarantine(mac).await {
                Err(GatewayError::UnknownPhone(mac)) => {
                    Err(ClaimError::NotInQuarantine(mac).into())
                }
                outcome => Ok(outcome?),
            },
            Self::There(client) => Ok(client.drop_from_quarantine(mac).await?),
        }
    }

    async fn reopen(&self, address: Option<IpAddr>) -> Result<Reopened, CommandError> {
        match self {
            Self::Here(_) => Err(CommandError::new(
                "no gateway runs on this store: budgets are in the memory of a running one \
                 (trestle serve) and are whole when it starts",
            )),
            Self::There(client) => Ok(client.reopen(&ReopenRequest { address }).await?),
        }
    }
}

fn print_list(list: &QuarantineList) {
    if list.phones.is_empty() {
        output::line("no unknown phone has asked for its file");
    } else {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["mac", "maker", "times", "last", "from", "asks for", "as"]);
        for phone in &list.phones {
            table.add_row(row(phone));
        }
        output::line(&table.to_string());
    }
    for refused in list.refused.iter().filter(|refused| refused.count > 0) {
        output::line(&format!("refused: {} ({})", refused.count, refused.reason));
    }
    for attempts in list.attempts.iter().take(SHOWN_ATTEMPTS) {
        output::line(&format!(
            "  {} {} from {}, last {:.0} for {}",
            output::count(attempts.count, "time"),
            attempts.reason,
            attempts.address,
            attempts.last,
            attempts.mac
        ));
    }
    for budget in &list.used_up {
        output::line(&format!(
            "used up: the budget of {} until {:.0}; only phones that are where they were seen last \
             get their own files from there (`trestle quarantine reopen` gives it back)",
            budget.of, budget.until
        ));
    }
}

/// Texts of a phone are escaped: it chooses them.
fn row(phone: &QuarantinedPhone) -> [String; 7] {
    let vendor = match &phone.vendor {
        _ if phone.is_decoy => "(decoy)",
        Some(vendor) => vendor,
        None => "",
    };
    let path = phone.paths.first().map(|path| path.as_str());
    [
        phone.mac.to_string(),
        vendor.to_owned(),
        phone.count.to_string(),
        format!("{:.0}", phone.last),
        phone.address.to_string(),
        path.unwrap_or_default().escape_debug().to_string(),
        phone.user_agent.escape_debug().to_string(),
    ]
}
