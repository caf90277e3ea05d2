//! `trestle device credentials`

use clap::{Args, ValueEnum};

use super::access::Access;
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::output;
use crate::admin::CredentialsRequest;
use crate::gateway::{CredentialsLine, CredentialsOrder, CredentialsOutcome, GivenProof};
use crate::native::Mac;

/// Which phones, and what they are given.
#[derive(Args)]
pub(super) struct CredentialsArguments {
    /// Twelve hex digits each
    #[arg(value_name = "MAC", required_unless_present = "group")]
    macs: Vec<Mac>,
    /// The phones of this group besides: a name of [[phones.group]], or default
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// What they are given; the first that their group wants if left out
    #[arg(long = "as", value_enum, value_name = "PROOF")]
    proof: Option<Given>,
    /// Phones that have one get a new one; the old one is good until the new one is used
    #[arg(long)]
    renew: bool,
    /// Also where it is only likely that phones of the vendor take it so
    #[arg(long)]
    likely: bool,
    /// Give nothing: what the phones have is worth nothing any more, and they begin anew (after a
    /// factory reset at the desk)
    #[arg(long, conflicts_with_all = ["proof", "renew", "likely"])]
    forget: bool,
    #[command(flatten)]
    place: Place,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// What a phone can be given.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Given {
    /// User name and password, for HTTP authentication
    Digest,
    /// A path of its own
    Token,
}

pub(super) async fn run(arguments: CredentialsArguments) -> Result<Ending, CommandError> {
    let request = CredentialsRequest {
        macs: arguments.macs,
        group: arguments.group,
        order: CredentialsOrder {
            proof: arguments.proof.map(|given| match given {
                Given::Digest => GivenProof::Digest,
                Given::Token => GivenProof::Token,
            }),
            renew: arguments.renew,
            likely: arguments.likely,
            forget: arguments.forget,
        },
    };
    let lines = Access::open(&arguments.place)?.credentials(request).await?;
    if arguments.format == Format::Json {
        output::json(&lines)?;
    }
    let mut left = 0;
    for CredentialsLine { mac, outcome } in &lines {
        let text = match outcome {
            CredentialsOutcome::Given { proof } => {
                let what = match proof {
                    GivenProof::Digest => "a password",
                    GivenProof::Token => "a token",
                };
                format!("{what} is in its file; wanted from it once it has used it")
            }
            CredentialsOutcome::Forgotten => "begins anew".to_owned(),
            CredentialsOutcome::Left { reason } => {
                left += 1;
                format!("nothing was changed: {reason}")
            }
        };
        if arguments.format == Format::Text {
            output::line(&format!("{mac}  {text}"));
        }
    }
    if arguments.format == Format::Text && lines.is_empty() {
        output::line("the group has no phones");
    }
    Ok(Ending::from_count(left))
}

impl Access {
    /// Gives phones something to show, in their own files.
    async fn credentials(
        &self,
        request: CredentialsRequest,
    ) -> Result<Vec<CredentialsLine>, CommandError> {
        match self {
            Self::Here(gateway) => {
                let CredentialsRequest { macs, group, order } = request;
                let lines = gateway
                    .order_credentials(macs, group.as_deref(), order)
                    .await?;
                Ok(lines)
            }
            Self::There(client) => Ok(client.credentials(&request).await?),
        }
    }
}
