//! `trestle device uploads`

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comfy_table::{Table, presets};

use super::access::Access;
use super::arguments::{Format, Place};
use super::exit::{CommandError, Ending};
use super::output;
use crate::gateway::UploadSummary;
use crate::native::Mac;

/// What is to be done with what a phone has sent.
pub(super) enum UploadsAction {
    /// Tell of all of it.
    List,
    /// Write one file.
    Get {
        /// Under which name it was sent.
        name: String,
        /// Where to.
        out: PathBuf,
    },
    /// Take one file away.
    Remove {
        /// Under which name it was sent.
        name: String,
    },
}

impl UploadsAction {
    /// From the arguments of the command line, of which one at most is given.
    pub(super) fn new(get: Option<Vec<String>>, remove: Option<String>) -> Self {
        match (get.as_deref(), remove) {
            (Some([name, out]), _) => Self::Get {
                name: name.clone(),
                out: PathBuf::from(out),
            },
            (_, Some(name)) => Self::Remove { name },
            _ => Self::List,
        }
    }
}

pub(super) async fn run(
    mac: Mac,
    action: UploadsAction,
    place: &Place,
    format: Format,
) -> Result<Ending, CommandError> {
    let access = Access::open(place)?;
    match action {
        UploadsAction::List => {
            let uploads = access.uploads(mac).await?;
            match format {
                Format::Json => output::json(&uploads)?,
                Format::Text => print(&uploads),
            }
        }
        UploadsAction::Get { name, out } => {
            let content = access.upload_content(mac, &name).await?;
            let written = std::fs::write(&out, &content);
            written.map_err(|error| {
                CommandError::new(format!("can't write {}: {error}", out.display()))
            })?;
            if format == Format::Text {
                let length = output::count(content.len(), "byte");
                output::line(&format!("{} written, {length}", out.display()));
            }
        }
        UploadsAction::Remove { name } => {
            access.remove_upload(mac, &name).await?;
            if format == Format::Text {
                output::line(&format!("{name} removed"));
            }
        }
    }
    Ok(Ending::Clean)
}

fn print(uploads: &[UploadSummary]) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["name", "bytes", "when", "from"]);
    for upload in uploads {
        table.add_row([
            upload.name.clone(),
            upload.length.to_string(),
            upload.at.strftime("%F %T UTC").to_string(),
            upload.source.to_string(),
        ]);
    }
    output::line(&table.trim_fmt());
    output::line(&output::count(uploads.len(), "file"));
}

impl Access {
    async fn uploads(&self, mac: Mac) -> Result<Vec<UploadSummary>, CommandError> {
        match self {
            Self::Here(gateway) => Ok(gateway.uploads(mac)?),
            Self::There(client) => Ok(client.uploads(mac).await?),
        }
    }

    async fn upload_content(&self, mac: Mac, name: &str) -> Result<Vec<u8>, CommandError> {
        match self {
            Self::Here(gateway) => gateway
                .upload_content(mac, name)?
                .ok_or_else(|| unknown(mac, name)),
            Self::There(client) => {
                let reply = client.upload_content(mac, name).await?;
                let content = STANDARD.decode(reply.content);
                content.map_err(|_| CommandError::new("the running gateway's answer can't be read"))
            }
        }
    }

    async fn remove_upload(&self, mac: Mac, name: &str) -> Result<(), CommandError> {
        match self {
            Self::Here(gateway) => {
                let was_there = gateway.remove_upload(mac, name).await?;
                was_there.then_some(()).ok_or_else(|| unknown(mac, name))
            }
            Self::There(client) => Ok(client.remove_upload(mac, name).await?),
        }
    }
}

fn unknown(mac: Mac, name: &str) -> CommandError {
    CommandError::new(format!(
        "phone {mac} has sent nothing under the name `{name}`"
    ))
}
