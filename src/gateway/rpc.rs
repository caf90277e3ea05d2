//! What the ACS asks of a device, done and answered (cwmp.md section 6).

use std::collections::HashSet;

use crate::cwmp::{
    AcsRequest, CpeResponse, Fault, FaultCode, ParameterAttribute, ParameterInfo, ParameterValue,
};
use crate::datamodel::PathQuery;
use crate::native::Mac;

use super::core::Gateway;
use super::door::GatewayError;
use super::notifications::in_force;
use super::own_cpe;
use super::view::{Selected, View};

/// The methods that a device answers (cwmp.md M10).
const METHODS: &[&str] = &[
    "GetRPCMethods",
    "SetParameterValues",
    "GetParameterValues",
    "GetParameterNames",
    "SetParameterAttributes",
    "GetParameterAttributes",
    "AddObject",
    "DeleteObject",
    "Reboot",
    "FactoryReset",
    "ScheduleInform",
    "Download",
    "Upload",
    "GetQueuedTransfers",
    "GetAllQueuedTransfers",
    "ScheduleDownload",
    "CancelTransfer",
];

impl From<GatewayError> for Fault {
    fn from(error: GatewayError) -> Self {
        // The ACS learns that it failed; why is for the operator.
        tracing::error!(%error, "a request of the ACS failed");
        let text = match error {
            GatewayError::Sealed { .. } => {
                "the phone's file is encrypted, and no password in phones.file_password opens it"
            }
            _ => "internal error",
        };
        Fault::new(FaultCode::InternalError, text)
    }
}

impl Gateway {
    /// Does what the ACS asks, durably, and answers.
    ///
    /// # Errors
    /// The fault to answer with; nothing has changed then.
    pub async fn execute(&self, mac: Mac, request: AcsRequest) -> Result<CpeResponse, Fault> {
        if let Some(fault) = own_cpe::refusal(mac, &request) {
            return Err(fault);
        }
        // The answer must hold nothing that a restart takes back.
        self.inner.store.healthy().map_err(GatewayError::from)?;
        match request {
            AcsRequest::GetRpcMethods => Ok(CpeResponse::GetRpcMethods(
                METHODS.iter().map(|&method| method.to_owned()).collect(),
            )),
            AcsRequest::GetParameterValues(names) => self
                .read_values(mac, &names)
                .await
                .map(CpeResponse::GetParameterValues),
            AcsRequest::GetParameterNames { path, next_level } => self
                .read_names(mac, &path, next_level)
                .await
                .map(CpeResponse::GetParameterNames),
            AcsRequest::SetParameterValues {
                parameters,
                parameter_key,
            } => self
                .set_values(mac, parameters, parameter_key)
                .await
                .map(|applied_later| CpeResponse::SetParameterValues { applied_later }),
            AcsRequest::SetParameterAttributes(attributes) => self
                .set_attributes(mac, attributes)
                .await
                .map(|()| CpeResponse::SetParameterAttributes),
            AcsRequest::GetParameterAttributes(names) => self
                .read_attributes(mac, &names)
                .await
                .map(CpeResponse::GetParameterAttributes),
            AcsRequest::Reboot { command_key } => self
                .order_reboot(mac, command_key)
                .await
                .map(|()| CpeResponse::Reboot),
            AcsRequest::ScheduleInform {
                delay_seconds,
                command_key,
            } => self
                .schedule_inform(mac, delay_seconds, command_key)
                .await
                .map(|()| CpeResponse::ScheduleInform),
            AcsRequest::Download(download) => self
                .queue_download(mac, download)
                .await
                .map(CpeResponse::Download),
            AcsRequest::Upload(upload) => self
                .queue_upload(mac, upload)
                .await
                .map(CpeResponse::Upload),
            AcsRequest::GetQueuedTransfers => self
                .queued_transfers(mac, false)
                .await
                .map(CpeResponse::GetQueuedTransfers),
            AcsRequest::GetAllQueuedTransfers => self
                .queued_transfers(mac, true)
                .await
                .map(CpeResponse::GetAllQueuedTransfers),
            AcsRequest::ScheduleDownload(order) => self
                .schedule_download(mac, order)
                .await
                .map(|()| CpeResponse::ScheduleDownload),
            AcsRequest::CancelTransfer { command_key } => self
                .cancel_transfers(mac, &command_key)
                .await
                .map(|()| CpeResponse::CancelTransfer),
            AcsRequest::AddObject {
                object_name,
                parameter_key,
            } => self.add_object(mac, &object_name, parameter_key).await,
            AcsRequest::DeleteObject {
                object_name,
                parameter_key,
            } => self.delete_object(mac, &object_name, parameter_key).await,
            AcsRequest::FactoryReset => self
                .order_factory_reset(mac)
                .await
                .map(|()| CpeResponse::FactoryReset),
            AcsRequest::Unsupported(method) => Err(Fault::new(
                FaultCode::MethodNotSupported,
                format!("method {method} is not supported"),
            )),
        }
    }

    async fn read_values(&self, mac: Mac, names: &[String]) -> Result<Vec<ParameterValue>, Fault> {
        let now = self.inner.clock.now();
        let value = |view: &View, selected: Selected<'_>| view.wire_value(selected, now);
        self.select(mac, names, value).await
    }

    async fn read_names(
        &self,
        mac: Mac,
        path: &str,
        next_level: bool,
    ) -> Result<Vec<ParameterInfo>, Fault> {
        let query: PathQuery = path.parse().map_err(|_| unknown_name(path))?;
        let live = &mut *self.hold(mac).await;
        let view = self.view_naming(mac, live, [path], next_level)?;
        let names = view
            .names(&query, next_level)
            .ok_or_else(|| unknown_name(path))?;
        if next_level && matches!(query, PathQuery::Parameter(_)) {
            return Err(Fault::new(
                FaultCode::InvalidArguments,
                format!("NextLevel needs an object, and {path} is a parameter"),
            ));
        }
        Ok(names)
    }

    async fn read_attributes(
        &self,
        mac: Mac,
        names: &[String],
    ) -> Result<Vec<ParameterAttribute>, Fault> {
        let path = |_: &View, selected: Selected<'_>| Some(selected.path.clone());
        let paths = self.select(mac, names, path).await?;
        let (record, _) = self.load(mac)?.ok_or(GatewayError::UnknownPhone(mac))?;
        let pack = self.lenses(&record)?;
        Ok(paths
            .into_iter()
            .map(|path| {
                let attribute = record.cpe.attributes.get(&path);
                ParameterAttribute {
                    name: path.to_string(),
                    notification: in_force(pack.schema(), &record.cpe, &path),
                    access_list: attribute
                        .and_then(|attribute| attribute.access_list.clone())
                        .unwrap_or_else(super::attributes::default_access_list),
                }
            })
            .collect())
    }

    /// What the names of a call name, each parameter once, in the order of the call. One unknown
    /// name spoils the whole call (cwmp.md M41).
    async fn select<T>(
        &self,
        mac: Mac,
        names: &[String],
        told: impl Fn(&View, Selected<'_>) -> Option<T>,
    ) -> Result<Vec<T>, Fault> {
        let asked_for = names.iter().map(String::as_str);
        let view = self.view_naming(mac, &mut *self.hold(mac).await, asked_for, false)?;
        let mut asked = HashSet::new();
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        for name in names {
            if !asked.insert(name.as_str()) {
                continue;
            }
            let query: PathQuery = name.parse().map_err(|_| unknown_name(name))?;
            let selected = view.select(&query).ok_or_else(|| unknown_name(name))?;
            all.reserve(selected.len());
            for one in selected {
                // One name alone names nothing twice.
                if names.len() == 1 || seen.insert(one.path) {
                    all.extend(told(&view, one));
                }
            }
        }
        Ok(all)
    }
}

pub(super) fn unknown_name(name: &str) -> Fault {
    Fault::new(
        FaultCode::InvalidParameterName,
        format!("there is no {}", printable(name)),
    )
}

/// A name of the ACS's for a fault text: short, and without characters that XML can't carry.
pub(super) fn printable(name: &str) -> String {
    name.escape_debug().take(128).collect()
}
