//! Where a command does its work: on the store itself, or through the gateway that has it open.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::arguments::Place;
use super::exit::CommandError;
use crate::admin::{
    AdminClient, AdminClientError, AdminKey, ExportRequest, ImportRequest, TreeRequest,
    UnsetRequest, WishRequest,
};
use crate::app::{OpenError, Settings, open_gateway};
use crate::cwmp::RequestDownload;
use crate::gateway::{
    ChangeError, ConvertRequest, ConvertedFile, DeviceDetail, DeviceSummary, ExportReport, Gateway,
    ImportOptions, ImportReport, ParameterLine, PhoneExplanation, Progress, SetReport,
    TracedSession, VerifyReport,
};
use crate::native::Mac;
use crate::store::{StoreError, is_in_use};

/// A way to the store.
pub(super) enum Access {
    /// No gateway runs: this process opens the store.
    Here(Gateway),
    /// A gateway runs and has the store: it is asked.
    There(AdminClient),
}

impl Access {
    /// For a command that fills a store: one that is not there is made.
    pub(super) fn open_or_create(place: &Place) -> Result<Self, CommandError> {
        Self::open_at(&place.settings()?)
    }

    /// For a command on a store that is there.
    pub(super) fn open(place: &Place) -> Result<Self, CommandError> {
        Self::open_at(&place.settings_of_store()?)
    }

    fn open_at(settings: &Settings) -> Result<Self, CommandError> {
        let store = &settings.store.path;
        // Before the mapping packs are read: that takes a while, and who has the store has read
        // them.
        if is_in_use(store) {
            return Self::through_owner(store);
        }
        match open_gateway(settings) {
            Ok(gateway) => Ok(Self::Here(gateway)),
            Err(OpenError::Store(StoreError::InUse { .. })) => Self::through_owner(store),
            Err(error) => Err(error.into()),
        }
    }

    /// By the gateway that has the store open.
    fn through_owner(store: &Path) -> Result<Self, CommandError> {
        match AdminKey::read(store)? {
            Some(key) => Ok(Self::There(AdminClient::new(key))),
            None => Err(CommandError::new(format!(
                "the store in {} is in use by another command; try again when it is done",
                store.display()
            ))),
        }
    }

    pub(super) async fn list(&self) -> Result<Vec<DeviceSummary>, CommandError> {
        match self {
            Self::Here(gateway) => {
                let mut devices = Vec::new();
                for device in gateway.list() {
                    match device {
                        Ok(device) => devices.push(device),
                        Err(error) => eprintln!("left out: {}", CommandError::from(error)),
                    }
                }
                Ok(devices)
            }
            Self::There(client) => Ok(client.list().await?),
        }
    }

    pub(super) async fn show(&self, mac: Mac) -> Result<DeviceDetail, CommandError> {
        match self {
            Self::Here(gateway) => Ok(gateway.show(mac).await?),
            Self::There(client) => Ok(client.show(mac).await?),
        }
    }

    pub(super) async fn parameters(
        &self,
        mac: Mac,
        path: &str,
    ) -> Result<Vec<ParameterLine>, CommandError> {
        match self {
            Self::Here(gateway) => {
                let outcome = gateway.parameters(mac, path).await;
                outcome.map_err(change_error)
            }
            Self::There(client) => Ok(client.parameters(mac, path).await?),
        }
    }

    pub(super) async fn explain(
        &self,
        mac: Mac,
        what: &str,
    ) -> Result<PhoneExplanation, CommandError> {
        match self {
            Self::Here(gateway) => gateway.explain(mac, what).await.map_err(change_error),
            Self::There(client) => Ok(client.explain(mac, what).await?),
        }
    }

    pub(super) async fn trace(
        &self,
        mac: Mac,
        sessions: usize,
    ) -> Result<Vec<TracedSession>, CommandError> {
        match self {
            Self::Here(_) => Err(CommandError::new(
                "no gateway runs on this store: the last sessions are in the memory of a running \
                 one (trestle serve) and end with it",
            )),
            Self::There(client) => Ok(client.trace(mac, sessions).await?),
        }
    }

    pub(super) async fn set(
        &self,
        mac: Mac,
        values: BTreeMap<String, String>,
    ) -> Result<SetReport, CommandError> {
        match self {
            Self::Here(gateway) => {
                let outcome = gateway
                    .set_by_operator(mac, values.into_iter().collect())
                    .await;
                outcome.map_err(change_error)
            }
            Self::There(client) => client.set(mac, &values).await.map_err(refused),
        }
    }

    pub(super) async fn unset(
        &self,
        mac: Mac,
        paths: Vec<String>,
    ) -> Result<SetReport, CommandError> {
        match self {
            Self::Here(gateway) => {
                let outcome = gateway.unset_by_operator(mac, paths).await;
                outcome.map_err(change_error)
            }
            Self::There(client) => {
                let request = UnsetRequest { paths };
                client.unset(mac, &request).await.map_err(refused)
            }
        }
    }

    pub(super) async fn convert(
        &self,
        mac: Mac,
        request: &ConvertRequest,
    ) -> Result<ConvertedFile, CommandError> {
        match self {
            Self::Here(gateway) => Ok(gateway.convert(mac, request).await?),
            Self::There(client) => Ok(client.convert(mac, request).await?),
        }
    }

    pub(super) async fn import(
        &self,
        tree: &Path,
        options: ImportOptions,
        progress: Progress<'_>,
    ) -> Result<ImportReport, CommandError> {
        match self {
            Self::Here(gateway) => Ok(gateway.import(tree, options, progress).await?),
            Self::There(client) => {
                let request = ImportRequest {
                    tree: absolute(tree)?,
                    dry_run: options.dry_run,
                    replace: options.replace,
                    prefer: options.prefer,
                };
                Ok(client.import(&request).await?)
            }
        }
    }

    pub(super) async fn verify(
        &self,
        tree: &Path,
        progress: Progress<'_>,
    ) -> Result<VerifyReport, CommandError> {
        match self {
            Self::Here(gateway) => Ok(gateway.verify(tree, progress)?),
            Self::There(client) => {
                let request = TreeRequest {
                    tree: absolute(tree)?,
                };
                Ok(client.verify(&request).await?)
            }
        }
    }

    /// Lets a device ask its ACS for a file, once a gateway runs.
    pub(super) async fn request_download(
        &self,
        mac: Mac,
        request: WishRequest,
    ) -> Result<(), CommandError> {
        match self {
            Self::Here(gateway) => {
                let wish = RequestDownload {
                    file_type: request.file_type,
                    arguments: request.arguments,
                };
                let asked = gateway.request_download(mac, wish).await;
                asked.map_err(|error| CommandError::new(error.to_string()))
            }
            Self::There(client) => Ok(client.request_download(mac, &request).await?),
        }
    }

    pub(super) async fn export(
        &self,
        directory: &Path,
        progress: Progress<'_>,
    ) -> Result<ExportReport, CommandError> {
        match self {
            Self::Here(gateway) => Ok(gateway.export(directory, progress)?),
            Self::There(client) => {
                let request = ExportRequest {
                    directory: absolute(directory)?,
                };
                Ok(client.export(&request).await?)
            }
        }
    }
}

/// The running gateway may have another working directory.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, CommandError> {
    Ok(std::path::absolute(path)?)
}

pub(super) fn change_error(error: ChangeError) -> CommandError {
    let fault = match error {
        ChangeError::Gateway(error) => return error.into(),
        ChangeError::Fault(fault) => fault,
    };
    if fault.parameters.is_empty() {
        return CommandError::new(fault.text.clone());
    }
    let lines = fault
        .parameters
        .iter()
        .map(|wrong| (wrong.name.as_str(), wrong.text.as_str()));
    wrong_parameters(lines)
}

/// What the running gateway refused, parameter by parameter.
fn refused(error: AdminClientError) -> CommandError {
    if let AdminClientError::Refused(reply) = &error
        && !reply.parameters.is_empty()
    {
        let lines = reply
            .parameters
            .iter()
            .map(|wrong| (wrong.path.as_str(), wrong.error.as_str()));
        return wrong_parameters(lines);
    }
    error.into()
}

fn wrong_parameters<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> CommandError {
    let mut text = "nothing was changed:".to_owned();
    for (path, why) in parameters {
        text.push_str(&format!("\n  {path}: {why}"));
    }
    CommandError::new(text)
}
