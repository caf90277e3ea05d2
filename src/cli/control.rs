//! `trestle device resync`, `reboot` and `factory-reset`.

use tokio_util::sync::CancellationToken;

use super::access::Access;
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::output;
use crate::admin::ControlReply;
use crate::gateway::ControlOutcome;
use crate::mapping::ControlAction;
use crate::native::Mac;
use crate::phone::{ControlSender, SipSettings};

/// Tells a phone to act, and prints what it says.
pub(super) async fn run(
    action: ControlAction,
    mac: Mac,
    place: &Place,
    format: Format,
) -> Result<Ending, CommandError> {
    let sip = place.settings()?.sip.sender();
    let reply = Access::open(place)?.tell(mac, action, &sip).await?;
    if format == Format::Json {
        output::json(&reply)?;
    }
    let what = match action {
        ControlAction::Resync => "fetch its file",
        ControlAction::Reboot => "restart",
        ControlAction::FactoryReset => "forget what was set at it",
    };
    let (text, ending) = match &reply.outcome {
        Some(ControlOutcome::Accepted) => (
            format!("the phone was told to {what} and said yes"),
            Ending::Clean,
        ),
        Some(ControlOutcome::Refused { status }) => (
            format!("the phone was told to {what} and refused (status {status})"),
            Ending::Findings,
        ),
        Some(ControlOutcome::Unexpected { reason }) => (
            format!("the phone was told to {what}, but {reason}"),
            Ending::Findings,
        ),
        Some(ControlOutcome::NoAnswer) if action == ControlAction::FactoryReset => {
            ("the phone did not answer".to_owned(), Ending::Findings)
        }
        Some(ControlOutcome::NoAnswer) => (
            "the phone did not answer; a running gateway tells it again".to_owned(),
            Ending::Findings,
        ),
        Some(ControlOutcome::NotSent { reason }) => (
            format!("the phone could not be told: {reason}"),
            Ending::Findings,
        ),
        Some(ControlOutcome::NoMeans) => (
            format!(
                "no means is known, or switched on under [control], that makes such a phone {what}"
            ),
            Ending::Findings,
        ),
        None => (
            "the phone was not told: nobody knows yet where it is".to_owned(),
            Ending::Findings,
        ),
    };
    if format == Format::Text {
        output::line(&text);
    }
    Ok(ending)
}

impl Access {
    async fn tell(
        &self,
        mac: Mac,
        action: ControlAction,
        sip: &SipSettings,
    ) -> Result<ControlReply, CommandError> {
        let gateway = match self {
            Self::Here(gateway) => gateway,
            Self::There(client) => return Ok(client.tell(mac, action).await?),
        };
        // Somebody has to carry it out while it is waited for.
        let shutdown = CancellationToken::new();
        let sender = ControlSender::bind(gateway.clone(), sip)?;
        let sending = tokio::spawn(sender.run(shutdown.clone()));
        let outcome = match action {
            ControlAction::Resync => gateway.resync(mac).await,
            ControlAction::Reboot => gateway.reboot(mac).await,
            ControlAction::FactoryReset => gateway.reset_phone(mac).await,
        };
        shutdown.cancel();
        sending.await?;
        Ok(ControlReply { outcome: outcome? })
    }
}
