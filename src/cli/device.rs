//! `trestle device ...`

use comfy_table::{Table, presets};

use super::access::Access;
use super::arguments::{DeviceCommand, Format};
use super::exit::{CommandError, Ending};
use super::{delivery, output, trace};
use crate::admin::{ControlReply, WishRequest};
use crate::app::SystemClock;
use crate::device::DeliveryStatus;
use crate::gateway::{
    Clock as _, ControlOutcome, DeviceDetail, DeviceSummary, ParameterLine, SetReport,
};

pub(super) async fn run(command: DeviceCommand) -> Result<Ending, CommandError> {
    match command {
        DeviceCommand::List { place, format } => {
            let devices = Access::open(&place)?.list().await?;
            match format {
                Format::Json => output::json(&devices)?,
                Format::Text => print_list(&devices),
            }
        }
        DeviceCommand::Show { mac, place, format } => {
            let device = Access::open(&place)?.show(mac).await?;
            match format {
                Format::Json => output::json(&device)?,
                Format::Text => print_detail(&device),
            }
        }
        DeviceCommand::Get {
            mac,
            path,
            place,
            format,
        } => {
            let parameters = Access::open(&place)?.parameters(mac, &path).await?;
            match format {
                Format::Json => output::json(&parameters)?,
                Format::Text => print_parameters(&parameters),
            }
        }
        DeviceCommand::Set {
            mac,
            values,
            place,
            format,
        } => {
            let count = values.len();
            let values: std::collections::BTreeMap<String, String> = values.into_iter().collect();
            if values.len() != count {
                return Err(CommandError::new(
                    "a parameter is named twice; nothing was changed",
                ));
            }
            let report = Access::open(&place)?.set(mac, values).await?;
            match format {
                Format::Json => output::json(&report)?,
                Format::Text => print_report(&report),
            }
        }
        DeviceCommand::Unset {
            mac,
            paths,
            place,
            format,
        } => {
            let report = Access::open(&place)?.unset(mac, paths).await?;
            match format {
                Format::Json => output::json(&report)?,
                Format::Text => print_report(&report),
            }
        }
        DeviceCommand::Trace {
            mac,
            sessions,
            place,
            format,
        } => {
            let sessions = Access::open(&place)?.trace(mac, sessions).await?;
            match format {
                Format::Json => output::json(&sessions)?,
                Format::Text => trace::print(mac, &sessions),
            }
        }
        DeviceCommand::Resync { mac, place, format } => {
            let reply = Access::open(&place)?.resync(mac).await?;
            return print_control(&reply, "fetch its file", format);
        }
        DeviceCommand::Reboot { mac, place, format } => {
            let reply = Access::open(&place)?.reboot(mac).await?;
            return print_control(&reply, "restart", format);
        }
        DeviceCommand::Log { mac, place, format } => {
            let lines = Access::open(&place)?.log(mac).await?;
            match format {
                Format::Json => output::json(&lines)?,
                Format::Text => lines.iter().for_each(|line| output::line(line)),
            }
        }
        DeviceCommand::Deadline {
            mac,
            deadline,
            place,
        } => return delivery::set_deadline(mac, deadline, &place).await,
        DeviceCommand::RequestDownload {
            mac,
            file_type,
            arguments,
            place,
        } => {
            let request = WishRequest {
                file_type,
                arguments,
            };
            Access::open(&place)?.request_download(mac, request).await?;
            output::line("the ACS is asked in the device's next session");
        }
    }
    Ok(Ending::Clean)
}

fn print_report(report: &SetReport) {
    output::line(if report.applied_later {
        "on disk; in effect once the phone has fetched its file"
    } else {
        "on disk and in effect"
    });
    for edit in &report.edits {
        for note in edit.notes() {
            output::line(&format!("  {}: {note}", edit.key));
        }
    }
}

fn print_list(devices: &[DeviceSummary]) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "MAC", "vendor", "model", "version", "address", "file", "delivery", "ACS",
    ]);
    for device in devices {
        table.add_row([
            device.mac.to_string(),
            device.vendor.clone(),
            device.model.clone().unwrap_or_else(|| "?".to_owned()),
            device.version.clone().unwrap_or_default(),
            device
                .address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            device.file.clone(),
            delivery_of(device),
            acs_state(device).to_owned(),
        ]);
    }
    output::line(&table.trim_fmt());
    output::line(&format!("{} phones", devices.len()));
}

/// How far the ACS and the device are with each other.
fn acs_state(device: &DeviceSummary) -> &'static str {
    match (device.announced, device.known_to_acs) {
        _ if !device.covered => "model not covered",
        (_, true) => "informed",
        (true, false) => "not informed yet",
        (false, false) => "model not known yet",
    }
}

/// What is wanted, what the phone has, and whether it is seen to work, in one word or two.
fn delivery_of(device: &DeviceSummary) -> String {
    let overdue = match device.status {
        DeliveryStatus::Overdue => "overdue: ",
        _ => "",
    };
    match device.served {
        None => format!("revision {} not fetched yet", device.desired),
        Some(served) if served < device.desired => {
            let desired = device.desired;
            format!("{overdue}revision {desired} waits, phone has {served}")
        }
        Some(_) if device.confirmed == Some(device.desired) => "confirmed".to_owned(),
        Some(_) => "served".to_owned(),
    }
}

fn print_detail(detail: &DeviceDetail) {
    let device = &detail.device;
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "not known yet".to_owned());
    let moment = |at: Option<jiff::Timestamp>| {
        at.map_or_else(
            || "never".to_owned(),
            |at| at.strftime("%F %T UTC").to_string(),
        )
    };
    let revision = |revision: Option<u64>| {
        revision.map_or_else(|| "none".to_owned(), |revision| revision.to_string())
    };
    let mut lines = vec![
        ("phone", device.mac.to_string()),
        ("vendor", device.vendor.clone()),
        ("model", known(&device.model)),
        ("firmware", known(&device.version)),
        (
            "address",
            device
                .address
                .map_or_else(|| "not seen yet".to_owned(), |address| address.to_string()),
        ),
        ("last contact", moment(device.last_contact)),
        (
            "identity",
            format!(
                "{}-{}-{}{}",
                detail.oui,
                detail.product_class,
                detail.serial_number,
                if device.announced {
                    ""
                } else {
                    " (not announced yet)"
                }
            ),
        ),
        ("ACS", detail.acs_url.clone()),
        ("connection request", detail.connection_request_url.clone()),
        ("files", detail.files.join(" < ")),
        ("desired", format!("revision {}", device.desired)),
        ("told", moment(detail.told_at)),
        (
            "served",
            format!("{}, {}", revision(device.served), moment(detail.served_at)),
        ),
        ("confirmed", revision(device.confirmed)),
        ("owed to the ACS", detail.events.join(", ")),
        ("failed sessions", detail.retry_count.to_string()),
        ("restarts ordered", detail.reboots.to_string()),
    ];
    lines.extend(delivery::lines(
        &detail.delivery,
        SystemClock::default().now(),
    ));
    for transfer in &detail.transfers {
        let state = match (transfer.finished, transfer.fault) {
            (false, _) if transfer.installing => "the phone has to take it".to_owned(),
            (false, _) => "waiting".to_owned(),
            (true, None) => "done, not acknowledged yet".to_owned(),
            (true, Some(fault)) => format!("failed with {fault}, not acknowledged yet"),
        };
        lines.push(("transfer", format!("{}: {state}", transfer.url)));
    }
    for (name, value) in lines {
        output::line(format!("{name:<20}{value}").trim_end());
    }
}

fn print_parameters(parameters: &[ParameterLine]) {
    for parameter in parameters {
        let place = match (&parameter.file, parameter.line) {
            (Some(file), Some(line)) => format!("    # {file}:{line}"),
            _ => String::new(),
        };
        output::line(&format!("{}={}{place}", parameter.path, parameter.value));
    }
}

fn print_control(reply: &ControlReply, what: &str, format: Format) -> Result<Ending, CommandError> {
    if format == Format::Json {
        output::json(reply)?;
    }
    let (text, ending) = match &reply.outcome {
        Some(ControlOutcome::Accepted) => (
            format!("the phone was told to {what} and said yes"),
            Ending::Clean,
        ),
        Some(ControlOutcome::Refused { status }) => (
            format!("the phone was told to {what} and refused (SIP {status})"),
            Ending::Findings,
        ),
        Some(ControlOutcome::NoAnswer) => (
            "the phone did not answer; a running gateway tells it again".to_owned(),
            Ending::Findings,
        ),
        Some(ControlOutcome::NotSent { reason }) => (
            format!("the phone could not be told: {reason}"),
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
