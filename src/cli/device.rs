//! `trestle device ...`

use clap::Subcommand;
use comfy_table::{Table, presets};

use super::access::Access;
use super::arguments::{Format, Place};
use super::credentials::CredentialsArguments;
use super::delivery::DeadlineArgument;
use super::exit::{CommandError, Ending};
use super::uploads::UploadsAction;
use super::{control, credentials, delivery, output, syslog, trace, uploads};
use crate::admin::WishRequest;
use crate::app::SystemClock;
use crate::device::DeliveryStatus;
use crate::gateway::{
    AccessSummary, Clock as _, DeviceDetail, DeviceSummary, HandOverState, MeansTried,
    ParameterLine, SetReport,
};
use crate::mapping::ControlAction;
use crate::native::Mac;

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
    /// What the gateway has seen of a phone, and what the phone has said over syslog
    Log {
        /// Twelve hex digits
        mac: Mac,
        /// Only what the phone has said
        #[arg(long)]
        syslog: bool,
        /// Go on with what comes, until interrupted
        #[arg(long)]
        follow: bool,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Make a phone send its log to this gateway, by its own file; or as it was before
    Syslog {
        /// Twelve hex digits
        mac: Mac,
        /// To send it, or what it did before
        #[arg(value_enum)]
        switch: syslog::Switch,
        /// How much of it: a word of the mapping pack, such as info or debug
        #[arg(long, value_name = "LEVEL")]
        level: Option<String>,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Files that a phone has sent: list them, write one to a file, or remove one
    Uploads {
        /// Twelve hex digits
        mac: Mac,
        /// Write the file of this name to OUT
        #[arg(long, num_args = 2, value_names = ["NAME", "OUT"], conflicts_with = "remove")]
        get: Option<Vec<String>>,
        /// Remove the file of this name
        #[arg(long, value_name = "NAME")]
        remove: Option<String>,
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
    /// Give phones something to show when they fetch their files, through these files
    Credentials(CredentialsArguments),
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
    /// Tell a phone to forget what was set at it; its file stays as it is
    FactoryReset {
        /// Twelve hex digits
        mac: Mac,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

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
            let key = values.keys().find(|path| !path.contains('.')).cloned();
            let outcome = Access::open(&place)?.set(mac, values).await;
            let report = outcome.map_err(|error| match key {
                Some(key) => CommandError::new(format!(
                    "{error}\n`trestle explain {key} --mac {mac}` tells what a key of a phone's \
                     file is called here"
                )),
                None => error,
            })?;
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
            return control::run(ControlAction::Resync, mac, &place, format).await;
        }
        DeviceCommand::Credentials(arguments) => return credentials::run(arguments).await,
        DeviceCommand::Reboot { mac, place, format } => {
            return control::run(ControlAction::Reboot, mac, &place, format).await;
        }
        DeviceCommand::FactoryReset { mac, place, format } => {
            return control::run(ControlAction::FactoryReset, mac, &place, format).await;
        }
        DeviceCommand::Log {
            mac,
            syslog,
            follow,
            place,
            format,
        } => {
            let wanted = syslog::Wanted { syslog, follow };
            syslog::log(mac, wanted, &place, format).await?;
        }
        DeviceCommand::Syslog {
            mac,
            switch,
            level,
            place,
            format,
        } => syslog::switch(mac, switch, level, &place, format).await?,
        DeviceCommand::Uploads {
            mac,
            get,
            remove,
            place,
            format,
        } => {
            let action = UploadsAction::new(get, remove);
            return uploads::run(mac, action, &place, format).await;
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
    output::line(&output::count(devices.len(), "phone"));
    for device in devices {
        if let Some(problem) = &device.damaged {
            output::line(&format!("damaged: {problem}"));
        }
    }
}

/// How far the ACS and the device are with each other.
fn acs_state(device: &DeviceSummary) -> &'static str {
    match device.hand_over {
        Some(HandOverState::Waiting) => return "to be handed over",
        Some(HandOverState::Fetched) => return "handed over, on trial",
        Some(HandOverState::Confirmed) => return "handed over",
        None => {}
    }
    match (device.announced, device.known_to_acs) {
        _ if device.damaged.is_some() => "DAMAGED",
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
    lines.extend(access_lines(&detail.access));
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
    lines.extend(detail.means.iter().map(means_line));
    for (name, value) in lines {
        output::line(format!("{name:<20}{value}").trim_end());
    }
}

/// What the phone has to show when it fetches its file, and has shown.
fn access_lines(access: &AccessSummary) -> Vec<(&'static str, String)> {
    let wanted: Vec<String> = access.wanted.iter().map(ToString::to_string).collect();
    let mut proof = format!("{} (group {})", wanted.join(" or "), access.group);
    if let Some(until_used) = access.until_used {
        proof.push_str(&format!("; {until_used} until it has used it"));
    }
    if access.open {
        proof.push_str("; RISK: whoever knows its MAC address gets its file");
    }
    let mut lines = vec![("proof", proof)];
    let at = |at: jiff::Timestamp| at.strftime("%F %T UTC").to_string();
    for (name, given) in [("password", &access.digest), ("token", &access.token)] {
        let used = given
            .used_since
            .map(|since| format!("used since {}", at(since)));
        let waits = given.given_at.filter(|_| given.waits);
        let waits = waits.map(|given_at| format!("given {}, not used yet", at(given_at)));
        let both: Vec<String> = used.into_iter().chain(waits).collect();
        if !both.is_empty() {
            lines.push((name, both.join("; ")));
        }
    }
    if let Some(since) = access.certificate_since {
        lines.push(("certificate", format!("used since {}", at(since))));
    }
    if access.lost {
        let text = "its file does not carry any more what it was given: it begins anew";
        lines.push(("credentials", text.to_owned()));
    }
    if let Some(refused) = &access.refused {
        lines.push((
            "refused",
            format!(
                "{}; last {} to {}: {}",
                output::count(refused.count, "time"),
                at(refused.last_at),
                refused.last_address,
                refused.last_reason
            ),
        ));
    }
    lines
}

/// By what phones like this one are made to act, and how that went.
fn means_line(tried: &MeansTried) -> (&'static str, String) {
    let name = match tried.action {
        ControlAction::Resync => "fetches by",
        ControlAction::Reboot => "restarts by",
        ControlAction::FactoryReset => "is reset by",
    };
    let MeansTried {
        means,
        tried,
        fetched,
        ..
    } = tried;
    let past = match tried {
        0 => "not tried yet on this model and firmware".to_owned(),
        tried => format!(
            "led to a fetch {} of {tried}",
            output::count(*fetched, "time")
        ),
    };
    (name, format!("{means}: {past}"))
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

fn assignment(text: &str) -> Result<(String, String), String> {
    let (path, value) = text
        .split_once('=')
        .ok_or("write the path, an equals sign, and the value")?;
    Ok((path.to_owned(), value.to_owned()))
}
