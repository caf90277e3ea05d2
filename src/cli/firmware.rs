//! `trestle firmware ...`

use std::path::PathBuf;

use clap::{ArgGroup, Subcommand};
use comfy_table::{Table, presets};

use super::access::{Access, absolute};
use super::arguments::{Format, Place};
use super::delivery::Span;
use super::exit::{CommandError, Ending};
use super::output;
use crate::device::{FirmwareRecord, FirmwareSource};
use crate::gateway::{Assigned, Assignment, Chosen, FirmwareAddition, FirmwareView};
use crate::native::Mac;

/// What can be done with firmware.
#[derive(Subcommand)]
pub(super) enum FirmwareCommand {
    /// Firmware images that are here, and which phones are to run them
    List {
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Keep a firmware image, so that phones can be given it
    // --version is the image's here.
    #[command(disable_version_flag = true)]
    Add {
        /// The image, under the name that the maker gave it
        file: PathBuf,
        /// Mapping pack of the phones that it is for; if left out, as the file's name says
        #[arg(long)]
        vendor: Option<String>,
        /// Version that phones will say they run; if left out, the first phone that takes it says so
        #[arg(long)]
        version: Option<String>,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Let phones take a firmware image
    #[command(
        group = ArgGroup::new("phones").required(true).multiple(false),
        override_usage = "trestle firmware assign [OPTIONS] <IMAGE> <MAC>...\n       \
                          trestle firmware assign [OPTIONS] <IMAGE> --model <MODEL>\n       \
                          trestle firmware assign [OPTIONS] <IMAGE> --vendor <VENDOR>"
    )]
    Assign {
        /// File name, or first digits of the hash
        image: String,
        /// These phones: twelve hex digits each
        #[arg(group = "phones", value_name = "MAC")]
        macs: Vec<Mac>,
        /// All phones of this model
        #[arg(long, group = "phones")]
        model: Option<String>,
        /// All phones of this vendor
        #[arg(long, group = "phones")]
        vendor: Option<String>,
        /// Time between one phone and the next, such as 30s or 5m
        #[arg(long, value_name = "TIME")]
        stagger: Option<Span>,
        #[command(flatten)]
        place: Place,
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Keep a firmware image no longer
    Drop {
        /// File name, or first digits of the hash
        image: String,
        #[command(flatten)]
        place: Place,
    },
}

pub(super) async fn run(command: FirmwareCommand) -> Result<Ending, CommandError> {
    match command {
        FirmwareCommand::List { place, format } => {
            let images = Access::open(&place)?.firmware().await?;
            match format {
                Format::Json => output::json(&images)?,
                Format::Text => output::line(&table(&images)),
            }
            Ok(Ending::Clean)
        }
        FirmwareCommand::Add {
            file,
            vendor,
            version,
            place,
            format,
        } => {
            let addition = FirmwareAddition {
                path: absolute(&file)?,
                vendor,
                version,
            };
            let image = Access::open(&place)?.add_firmware(addition).await?;
            match format {
                Format::Json => output::json(&image)?,
                Format::Text => output::line(&table(&[image])),
            }
            Ok(Ending::Clean)
        }
        FirmwareCommand::Assign {
            image,
            macs,
            model,
            vendor,
            stagger,
            place,
            format,
        } => {
            let phones = match (model, vendor) {
                (Some(model), _) => Chosen::Model(model),
                (None, Some(vendor)) => Chosen::Vendor(vendor),
                (None, None) => Chosen::Phones(macs),
            };
            let assignment = Assignment {
                image,
                phones,
                stagger: stagger.map_or(0, Span::seconds),
            };
            let report = Access::open(&place)?.assign_firmware(&assignment).await?;
            match format {
                Format::Json => output::json(&report)?,
                Format::Text => output::line(report_text(&report).trim_end()),
            }
            let all = !report.is_empty() && report.iter().all(|phone| phone.due.is_some());
            Ok(if all { Ending::Clean } else { Ending::Findings })
        }
        FirmwareCommand::Drop { image, place } => {
            let record = Access::open(&place)?.drop_firmware(&image).await?;
            output::line(&format!(
                "{} is dropped; its {} will go at a start of the gateway when they are older than \
                 30 days",
                record.file_name,
                output::count(record.length, "byte")
            ));
            Ok(Ending::Clean)
        }
    }
}

impl Access {
    async fn firmware(&self) -> Result<Vec<FirmwareView>, CommandError> {
        match self {
            Self::Here(gateway) => Ok(gateway.firmware()?),
            Self::There(client) => Ok(client.firmware().await?),
        }
    }

    async fn add_firmware(&self, addition: FirmwareAddition) -> Result<FirmwareView, CommandError> {
        match self {
            Self::Here(gateway) => {
                let added = gateway.add_firmware(addition).await;
                added.map_err(|error| CommandError::new(error.to_string()))
            }
            Self::There(client) => Ok(client.add_firmware(&addition).await?),
        }
    }

    async fn assign_firmware(
        &self,
        assignment: &Assignment,
    ) -> Result<Vec<Assigned>, CommandError> {
        match self {
            Self::Here(gateway) => {
                let assigned = gateway.assign_firmware(assignment).await;
                assigned.map_err(|error| CommandError::new(error.to_string()))
            }
            Self::There(client) => Ok(client.assign_firmware(assignment).await?),
        }
    }

    async fn drop_firmware(&self, image: &str) -> Result<FirmwareRecord, CommandError> {
        match self {
            Self::Here(gateway) => {
                let dropped = gateway.drop_firmware(image).await;
                dropped.map_err(|error| CommandError::new(error.to_string()))
            }
            Self::There(client) => Ok(client.drop_firmware(image).await?),
        }
    }
}

fn table(images: &[FirmwareView]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "hash", "file", "bytes", "vendor", "version", "models", "waiting", "running", "from",
    ]);
    for image in images {
        let hash: String = image.hash.to_string().chars().take(12).collect();
        let record = &image.record;
        table.add_row([
            hash,
            record.file_name.clone(),
            record.length.to_string(),
            record.vendor.clone().unwrap_or_else(|| "?".to_owned()),
            record.version.clone().unwrap_or_else(|| "?".to_owned()),
            image.models.join(", "),
            image.waiting.len().to_string(),
            image.running.to_string(),
            match &record.source {
                FirmwareSource::Added => "added".to_owned(),
                FirmwareSource::Download { url, .. } => url.clone(),
            },
        ]);
    }
    format!(
        "{}\n{}",
        table.trim_fmt(),
        output::count(images.len(), "image")
    )
}

fn report_text(report: &[Assigned]) -> String {
    let mut text = String::new();
    for phone in report {
        let line = match (&phone.refused, phone.due) {
            (Some(why), _) => format!("not given it: {why}"),
            (None, Some(due)) => format!("from {}", due.strftime("%F %T UTC")),
            (None, None) => "not given it".to_owned(),
        };
        text.push_str(&format!("{}  {line}\n", phone.mac));
    }
    let given = report.iter().filter(|phone| phone.due.is_some()).count();
    text.push_str(&format!(
        "to be taken by {given} of {}",
        output::count(report.len(), "phone")
    ));
    text
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::wire::ContentHash;

    #[test]
    fn the_catalogue_and_an_assignment_read_like_this() {
        let view = FirmwareView {
            hash: ContentHash::of(b"image"),
            record: FirmwareRecord {
                file_name: "gxp2170fw.bin".to_owned(),
                length: 8_388_608,
                vendor: Some("grandstream".to_owned()),
                version: None,
                source: FirmwareSource::Added,
                added_at: Timestamp::UNIX_EPOCH,
            },
            models: vec!["GXP2170".to_owned()],
            waiting: vec![Mac::new([0, 11, 130, 0, 0, 1])],
            running: 0,
        };
        assert_eq!(
            table(&[view]),
            " hash          file           bytes    vendor       version  models   waiting  running  \
             from\n 6105d6cc76af  gxp2170fw.bin  8388608  grandstream  ?        GXP2170  1        0        \
             added\n1 image"
        );
        let report = [
            Assigned {
                mac: Mac::new([0, 11, 130, 0, 0, 1]),
                due: Some(Timestamp::UNIX_EPOCH),
                refused: None,
            },
            Assigned {
                mac: Mac::new([0, 11, 130, 0, 0, 2]),
                due: None,
                refused: Some("it runs this version already".to_owned()),
            },
        ];
        assert_eq!(
            report_text(&report),
            "000b82000001  from 1970-01-01 00:00:00 UTC\n\
             000b82000002  not given it: it runs this version already\n\
             to be taken by 1 of 2 phones"
        );
    }
}
