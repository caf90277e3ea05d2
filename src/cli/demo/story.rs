//! The story that the demo tells. Each step waits for what it tells of; one that does not happen
//! is an error.

use similar::{ChangeTag, TextDiff};

use super::stage::{ACTORS, Actor, Stage, fetched};
use crate::cli::exit::CommandError;
use crate::cli::output;
use crate::gateway::Gateway;
use crate::sim::SimPhone;
use crate::sim::acs::message::Transfer;
use crate::sim::acs::{ConnectionRequester, Device, Shown};
use crate::sim::file_server::FileServer;

const DISPLAY_NAME: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";
const CONNECTION_REQUEST_URL: &str = "Device.ManagementServer.ConnectionRequestURL";
const CONNECTION_REQUEST_USERNAME: &str = "Device.ManagementServer.ConnectionRequestUsername";
const CONNECTION_REQUEST_PASSWORD: &str = "Device.ManagementServer.ConnectionRequestPassword";
const BACKUP_PATH: &str = "/backup.cfg";

/// What the ACS shows when it wakes a device, as it has set it there.
const WAKE_USERNAME: &str = "acs";
const WAKE_PASSWORD: &str = "wake me";

/// A device as the ACS of the story deals with it.
struct Managed {
    actor: &'static Actor,
    device: Device,
    connection_request_url: String,
}

impl Managed {
    /// Wakes the device by a connection request.
    async fn wake(&self) -> Result<(), CommandError> {
        let requester = ConnectionRequester::new(&self.connection_request_url)?;
        let outcome = requester
            .request(Shown::Digest {
                username: WAKE_USERNAME,
                password: WAKE_PASSWORD,
            })
            .await?;
        match outcome.answer.status {
            200 | 204 => Ok(()),
            status => Err(CommandError::new(format!(
                "the connection request of {} was answered with {status}",
                self.actor.name
            ))),
        }
    }
}

/// Plays and tells all of it.
pub(super) async fn tell(stage: &mut Stage) -> Result<(), CommandError> {
    let summary = &stage.report.summary;
    step(&format!(
        "Imported the tree of an old config server: {}, {}.",
        output::count(summary.files, "file"),
        output::count(summary.phones, "phone")
    ));
    for finding in &stage.report.findings {
        detail(&finding.to_string());
    }

    let mut devices = Vec::new();
    for actor in &ACTORS {
        let device = stage.acs.device(&actor.serial());
        stage.switch_on(actor).await?;
        step(&format!(
            "Switched on {}: it fetched {} as it always did, and told its model.",
            actor.name,
            actor.own_file()
        ));
        devices.push(first_contact(actor, device).await?);
    }
    for (managed, phone) in devices.iter_mut().zip(&mut stage.phones) {
        rename(&stage.gateway, managed, phone).await?;
    }
    if let (Some(managed), Some(phone)) = (devices.first_mut(), stage.phones.first_mut()) {
        back_up_and_restore(&stage.gateway, &stage.files, managed, phone).await?;
    }
    output::line("");
    output::line(
        "The whole story is told: the ACS saw every phone, and every change came to the desk.",
    );
    Ok(())
}

/// The device informs its ACS, which learns how to wake it.
async fn first_contact(actor: &'static Actor, mut device: Device) -> Result<Managed, CommandError> {
    let mut session = device.session().await?;
    let inform = session.inform().clone();
    detail(&format!(
        "Inform received by the ACS: {} {} {} with {}",
        inform.device_id.oui,
        inform.device_id.product_class,
        inform.device_id.serial_number,
        inform.event_codes().join(", ")
    ));
    if !inform.has_event("0 BOOTSTRAP") {
        return Err(CommandError::new("the first Inform has no 0 BOOTSTRAP"));
    }
    let connection_request_url = inform
        .value(CONNECTION_REQUEST_URL)
        .unwrap_or_default()
        .to_owned();
    session.begin().await?;
    session
        .set_values(
            &[
                (CONNECTION_REQUEST_USERNAME, WAKE_USERNAME, "xsd:string"),
                (CONNECTION_REQUEST_PASSWORD, WAKE_PASSWORD, "xsd:string"),
            ],
            "",
        )
        .await?;
    session.end()?;
    Ok(Managed {
        actor,
        device,
        connection_request_url,
    })
}

/// The ACS reads and sets the display name; the phone gets a file with just that changed.
async fn rename(
    gateway: &Gateway,
    managed: &mut Managed,
    phone: &mut SimPhone,
) -> Result<(), CommandError> {
    let actor = managed.actor;
    let mac = actor.mac.parse()?;
    let (_, before) = gateway.own_file(mac)?;
    managed.wake().await?;
    let mut session = managed.device.session().await?;
    session.begin().await?;
    let old = session.get_value(DISPLAY_NAME).await?;
    step(&format!(
        "The ACS wakes {} by a connection request and reads its display name: \"{old}\"",
        actor.name
    ));
    let new = format!("{old} 2");
    let status = session
        .set_values(&[(DISPLAY_NAME, &new, "xsd:string")], "demo")
        .await?;
    detail(&format!(
        "it sets \"{new}\": Status {status}, on disk, in effect once the phone has fetched"
    ));
    session.end()?;
    let (name, after) = gateway.own_file(mac)?;
    detail(&format!("{name} changed in one line:"));
    let changed = print_diff(&before, &after);
    if changed != 1 {
        return Err(CommandError::new(format!(
            "{changed} lines changed instead of one"
        )));
    }
    fetched(phone, actor).await?;
    if phone.current(actor.own_file()).as_deref() != Some(after.as_slice()) {
        return Err(CommandError::new(format!(
            "{} has fetched something else than its new file",
            actor.name
        )));
    }
    detail("NOTIFY sent; the phone fetched its new file");
    Ok(())
}

/// The ACS takes the configuration away by Upload, somebody spoils a value, and the ACS brings
/// the configuration back by Download.
async fn back_up_and_restore(
    gateway: &Gateway,
    files: &FileServer,
    managed: &mut Managed,
    phone: &mut SimPhone,
) -> Result<(), CommandError> {
    let actor = managed.actor;
    let mac = actor.mac.parse()?;
    let (_, original) = gateway.own_file(mac)?;
    let url = files.url(BACKUP_PATH);
    let transfer = |command_key, file_type| Transfer {
        command_key,
        file_type,
        url: &url,
        username: "",
        password: "",
        file_size: 0,
    };
    step(&format!(
        "The ACS backs up the file of {} by Upload.",
        actor.name
    ));
    managed.wake().await?;
    let mut session = managed.device.session().await?;
    session.begin().await?;
    session
        .upload(&transfer("back up", "1 Vendor Configuration File"))
        .await?;
    session.end()?;
    transfer_complete(&mut managed.device, "back up").await?;
    let backup = files.upload(BACKUP_PATH).await;
    if backup != original {
        return Err(CommandError::new(
            "the uploaded file is not the phone's file",
        ));
    }

    let spoil = vec![(DISPLAY_NAME.to_owned(), "Spoilt".to_owned())];
    gateway.set_by_operator(mac, spoil).await?;
    fetched(phone, actor).await?;
    detail("somebody spoils the display name, and the phone fetches that");

    files.put(BACKUP_PATH, backup);
    step("The ACS brings the backup back by Download.");
    managed.wake().await?;
    let mut session = managed.device.session().await?;
    session.begin().await?;
    session
        .download(&transfer("restore", "3 Vendor Configuration File"))
        .await?;
    session.end()?;
    transfer_complete(&mut managed.device, "restore").await?;
    fetched(phone, actor).await?;
    if phone.current(actor.own_file()).as_deref() != Some(original.as_slice()) {
        return Err(CommandError::new(
            "the restored file is not the one that was backed up",
        ));
    }
    detail("the phone has its old file again, byte for byte");
    Ok(())
}

/// Waits for the session that reports a transfer.
async fn transfer_complete(device: &mut Device, command_key: &str) -> Result<(), CommandError> {
    let mut session = device.session().await?;
    let events = session.inform().event_codes().join(", ");
    let requests = session.begin().await?;
    session.end()?;
    let report = requests
        .iter()
        .filter_map(|request| request.transfer_complete())
        .find(|report| report.command_key == command_key);
    match report {
        Some(report) if report.fault_code == 0 => {
            detail(&format!(
                "Inform with {events}; TransferComplete \"{command_key}\": done"
            ));
            Ok(())
        }
        Some(report) => Err(CommandError::new(format!(
            "the transfer \"{command_key}\" failed: {} {}",
            report.fault_code, report.fault_text
        ))),
        None => Err(CommandError::new(format!(
            "no TransferComplete came for \"{command_key}\""
        ))),
    }
}

/// Prints the lines that differ; returns how many of the new ones do.
fn print_diff(before: &[u8], after: &[u8]) -> usize {
    let before = String::from_utf8_lossy(before);
    let after = String::from_utf8_lossy(after);
    let mut changed = 0;
    for change in TextDiff::from_lines(before.as_ref(), after.as_ref()).iter_all_changes() {
        let mark = match change.tag() {
            ChangeTag::Equal => continue,
            ChangeTag::Delete => '-',
            ChangeTag::Insert => {
                changed += 1;
                '+'
            }
        };
        detail(&format!("  {mark} {}", change.value().trim()));
    }
    changed
}

fn step(text: &str) {
    output::line("");
    output::line(text);
}

fn detail(text: &str) {
    output::line(&format!("   {text}"));
}
