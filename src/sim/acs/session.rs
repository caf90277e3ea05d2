//! One session of a device, as a script goes through it.

use std::sync::Arc;

use super::cpe::{
    CpeMessage, Inform, ParameterAttribute, ParameterName, ParameterValue, QueuedTransfer,
};
use super::device::{Device, ScriptError};
use super::message::{AttributeChange, Heading, Style, Transfer, Window};
use super::record::Exchange;
use super::reply::Reply;
use super::server::Incoming;

/// A session that has begun with an Inform.
///
/// The request that waits for an answer gets the default one when the session is dropped.
#[derive(Debug)]
pub struct Session<'a> {
    device: &'a mut Device,
    pending: Option<Incoming>,
    inform: Inform,
    namespace: String,
    number: u64,
    style: Style,
    calls: u32,
    next_id: Option<String>,
    hold_requests: Option<bool>,
    more_header: String,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        device: &'a mut Device,
        incoming: Incoming,
        inform: Inform,
        style: Style,
    ) -> Self {
        let namespace = incoming
            .exchange
            .message
            .as_ref()
            .map(|message| message.namespace.clone())
            .unwrap_or_default();
        Self {
            number: incoming.exchange.session,
            device,
            pending: Some(incoming),
            inform,
            namespace,
            style,
            calls: 0,
            next_id: None,
            hold_requests: None,
            more_header: String::new(),
        }
    }

    /// The Inform that it began with.
    pub fn inform(&self) -> &Inform {
        &self.inform
    }

    /// The device.
    pub fn device(&mut self) -> &mut Device {
        self.device
    }

    /// Its number, as in [`Exchange::session`].
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The request that waits for an answer.
    pub fn pending(&self) -> Option<&Arc<Exchange>> {
        self.pending.as_ref().map(|incoming| &incoming.exchange)
    }

    /// How the ACS spells its messages in this session.
    pub fn style(&self) -> &Style {
        &self.style
    }

    /// Gives the next request of the ACS this `cwmp:ID`.
    pub fn set_next_id(&mut self, id: &str) {
        self.next_id = Some(id.to_owned());
    }

    /// Puts `HoldRequests` into the next message of the ACS.
    pub fn set_hold_requests(&mut self, hold: bool) {
        self.hold_requests = Some(hold);
    }

    /// Puts `UseCWMPVersion` into the next message of the ACS; it belongs into the InformResponse.
    pub fn set_use_version(&mut self, version: &str) {
        let Style { envelope, cwmp, .. } = &self.style;
        self.more_header = format!(
            "<{cwmp}:UseCWMPVersion {envelope}:mustUnderstand=\"1\">{version}\
             </{cwmp}:UseCWMPVersion>"
        );
    }

    /// Speaks in this namespace from now on, whatever the style and the Inform have.
    pub fn set_namespace(&mut self, namespace: &str) {
        self.style.namespace = Some(namespace.to_owned());
    }

    /// Puts more header blocks, written as they are, into the next message of the ACS.
    pub fn set_more_header(&mut self, blocks: &str) {
        blocks.clone_into(&mut self.more_header);
    }

    /// An envelope with the header that is due; what was set for the next message is used up.
    pub fn envelope(&mut self, id: Option<&str>, body: &str) -> String {
        let more = std::mem::take(&mut self.more_header);
        self.style.envelope(
            &Heading {
                namespace: &self.namespace,
                id,
                hold_requests: self.hold_requests.take(),
                more: &more,
            },
            body,
        )
    }

    /// Answers the waiting request.
    pub fn reply(&mut self, reply: Reply) -> Result<(), ScriptError> {
        let incoming = self
            .pending
            .take()
            .ok_or_else(|| ScriptError::NothingToAnswer(self.device.serial().to_owned()))?;
        incoming.reply(reply);
        Ok(())
    }

    /// Waits for the next request of this session.
    pub async fn receive(&mut self) -> Result<Arc<Exchange>, ScriptError> {
        let incoming = self.device.next().await?;
        if incoming.exchange.session != self.number {
            let seen = format!("{} of another session", incoming.exchange.rpc());
            self.device.put_back(incoming);
            return Err(self.unexpected("a request of this session", seen));
        }
        let exchange = Arc::clone(&incoming.exchange);
        self.pending = Some(incoming);
        Ok(exchange)
    }

    /// Answers the waiting request and waits for the next.
    pub async fn exchange(&mut self, reply: Reply) -> Result<Arc<Exchange>, ScriptError> {
        self.reply(reply)?;
        self.receive().await
    }

    /// An answer to the waiting request with this body and its `cwmp:ID`.
    pub fn response(&mut self, body: &str) -> Reply {
        let id = self
            .pending()
            .and_then(|exchange| exchange.message.as_ref()?.id.clone());
        Reply::message(self.envelope(id.as_deref(), body))
    }

    /// InformResponse, as the answer to the waiting Inform.
    pub fn inform_response(&mut self) -> Reply {
        let body = self.style.inform_response();
        self.response(&body)
    }

    /// Sends InformResponse and waits for what comes next.
    pub async fn respond_inform(&mut self) -> Result<Arc<Exchange>, ScriptError> {
        let reply = self.inform_response();
        self.exchange(reply).await
    }

    /// Sends InformResponse, answers the requests of the CPE as an ACS does, and stops at the
    /// empty POST, which waits. Returns the requests.
    pub async fn begin(&mut self) -> Result<Vec<CpeMessage>, ScriptError> {
        let mut exchange = self.respond_inform().await?;
        let mut requests = Vec::new();
        while !exchange.is_empty_post() {
            let Some(message) = exchange.message.clone() else {
                return Err(self.unexpected("a request or the empty POST", "no message".into()));
            };
            let body = match message.method.as_str() {
                method @ ("TransferComplete"
                | "AutonomousTransferComplete"
                | "RequestDownload"
                | "GetRPCMethods") => self.style.answer(method),
                other => {
                    return Err(self.unexpected("a request or the empty POST", other.to_owned()));
                }
            };
            requests.push(message);
            let reply = self.response(&body);
            exchange = self.exchange(reply).await?;
        }
        Ok(requests)
    }

    /// Sends a body as a request of the ACS and waits for its answer; a fault is an error. The
    /// answer waits for the next request or the end.
    pub async fn call(&mut self, body: &str) -> Result<CpeMessage, ScriptError> {
        self.calls += 1;
        let id = match self.next_id.take() {
            Some(id) => id,
            None => format!("{}-{}", self.number, self.calls),
        };
        let envelope = self.envelope(Some(&id), body);
        let exchange = self.exchange(Reply::message(envelope)).await?;
        let Some(message) = exchange.message.clone() else {
            return Err(self.unexpected("an answer", format!("{:?}", exchange.body)));
        };
        if message.id.as_deref() != Some(id.as_str()) {
            let seen = format!("{} with ID {:?}", message.method, message.id);
            return Err(self.unexpected(&format!("an answer with ID {id:?}"), seen));
        }
        match message.fault() {
            Some(fault) => Err(fault.into()),
            None if message.method.ends_with("Response") => Ok(message),
            None => Err(self.unexpected("an answer", message.method)),
        }
    }

    /// GetRPCMethods: the names.
    pub async fn rpc_methods(&mut self) -> Result<Vec<String>, ScriptError> {
        let body = self.style.method("GetRPCMethods", "");
        let message = self.call(&body).await?;
        let list = message.body.child("MethodList");
        Ok(list
            .into_iter()
            .flat_map(|list| &list.children)
            .map(|name| name.text.clone())
            .collect())
    }

    /// GetParameterValues.
    pub async fn get_values(&mut self, names: &[&str]) -> Result<Vec<ParameterValue>, ScriptError> {
        let body = self.style.get_parameter_values(names);
        Ok(self.call(&body).await?.values())
    }

    /// GetParameterValues of one full name.
    pub async fn get_value(&mut self, name: &str) -> Result<String, ScriptError> {
        let values = self.get_values(&[name]).await?;
        match values.as_slice() {
            [value] if value.name == name => Ok(value.value.clone()),
            other => Err(self.unexpected(name, format!("{other:?}"))),
        }
    }

    /// SetParameterValues; each entry is name, value and `xsi:type`. Returns Status.
    pub async fn set_values(
        &mut self,
        values: &[(&str, &str, &str)],
        key: &str,
    ) -> Result<String, ScriptError> {
        let body = self.style.set_parameter_values(values, key);
        let message = self.call(&body).await?;
        Ok(message.body.child_text("Status").to_owned())
    }

    /// GetParameterNames.
    pub async fn get_names(
        &mut self,
        path: &str,
        next_level: bool,
    ) -> Result<Vec<ParameterName>, ScriptError> {
        let body = self.style.get_parameter_names(path, next_level);
        Ok(self.call(&body).await?.names())
    }

    /// GetParameterAttributes.
    pub async fn get_attributes(
        &mut self,
        names: &[&str],
    ) -> Result<Vec<ParameterAttribute>, ScriptError> {
        let body = self.style.get_parameter_attributes(names);
        Ok(self.call(&body).await?.attributes())
    }

    /// SetParameterAttributes.
    pub async fn set_attributes(
        &mut self,
        changes: &[AttributeChange<'_>],
    ) -> Result<(), ScriptError> {
        let body = self.style.set_parameter_attributes(changes);
        self.call(&body).await.map(drop)
    }

    /// AddObject: instance number and Status.
    pub async fn add_object(
        &mut self,
        name: &str,
        key: &str,
    ) -> Result<(u32, String), ScriptError> {
        let body = self.style.add_object(name, key);
        let message = self.call(&body).await?;
        let number = message.body.child_text("InstanceNumber");
        let Ok(instance) = number.parse() else {
            return Err(self.unexpected("an InstanceNumber", number.to_owned()));
        };
        Ok((instance, message.body.child_text("Status").to_owned()))
    }

    /// DeleteObject: Status.
    pub async fn delete_object(&mut self, name: &str, key: &str) -> Result<String, ScriptError> {
        let body = self.style.delete_object(name, key);
        let message = self.call(&body).await?;
        Ok(message.body.child_text("Status").to_owned())
    }

    /// FactoryReset.
    pub async fn factory_reset(&mut self) -> Result<(), ScriptError> {
        let body = self.style.factory_reset();
        self.call(&body).await.map(drop)
    }

    /// ScheduleInform.
    pub async fn schedule_inform(
        &mut self,
        delay_seconds: u32,
        key: &str,
    ) -> Result<(), ScriptError> {
        let body = self.style.schedule_inform(delay_seconds, key);
        self.call(&body).await.map(drop)
    }

    /// GetQueuedTransfers.
    pub async fn queued_transfers(&mut self) -> Result<Vec<QueuedTransfer>, ScriptError> {
        let body = self.style.method("GetQueuedTransfers", "");
        Ok(self.call(&body).await?.queued_transfers())
    }

    /// GetAllQueuedTransfers.
    pub async fn all_queued_transfers(&mut self) -> Result<Vec<QueuedTransfer>, ScriptError> {
        let body = self.style.method("GetAllQueuedTransfers", "");
        Ok(self.call(&body).await?.queued_transfers())
    }

    /// ScheduleDownload.
    pub async fn schedule_download(
        &mut self,
        transfer: &Transfer<'_>,
        windows: &[Window<'_>],
    ) -> Result<(), ScriptError> {
        let body = self.style.schedule_download(transfer, windows);
        self.call(&body).await.map(drop)
    }

    /// CancelTransfer.
    pub async fn cancel_transfer(&mut self, key: &str) -> Result<(), ScriptError> {
        let body = self.style.cancel_transfer(key);
        self.call(&body).await.map(drop)
    }

    /// Reboot.
    pub async fn reboot(&mut self, key: &str) -> Result<(), ScriptError> {
        let body = self.style.reboot(key);
        self.call(&body).await.map(drop)
    }

    /// Download; the response tells Status and times.
    pub async fn download(&mut self, transfer: &Transfer<'_>) -> Result<CpeMessage, ScriptError> {
        let body = self.style.download(transfer);
        self.call(&body).await
    }

    /// Upload; the response tells Status and times.
    pub async fn upload(&mut self, transfer: &Transfer<'_>) -> Result<CpeMessage, ScriptError> {
        let body = self.style.upload(transfer);
        self.call(&body).await
    }

    /// Ends the session as an ACS does that wants nothing more: 204.
    pub fn end(self) -> Result<(), ScriptError> {
        self.end_with(Reply::status(204))
    }

    /// Ends the session with this answer.
    pub fn end_with(mut self, reply: Reply) -> Result<(), ScriptError> {
        self.reply(reply)
    }

    fn unexpected(&self, wanted: &str, seen: String) -> ScriptError {
        ScriptError::Unexpected {
            serial: self.device.serial().to_owned(),
            wanted: wanted.to_owned(),
            seen,
        }
    }
}
