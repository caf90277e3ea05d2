//! The commands' side of the API.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::key::AdminKey;
use super::protocol::{
    ControlReply, ErrorReply, ExportRequest, ImportRequest, TreeRequest, UnsetRequest, WishRequest,
};
use crate::gateway::{
    ConvertRequest, ConvertedFile, DeviceDetail, DeviceSummary, ExportReport, ImportReport,
    ParameterLine, PhoneExplanation, SetReport, TracedSession, VerifyReport,
};
use crate::mapping::ControlAction;
use crate::native::Mac;

/// Largest answer: the list of a million devices fits.
const MAX_ANSWER: usize = 1 << 30;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The running gateway could not be asked, or refused.
#[derive(Debug, thiserror::Error)]
pub enum AdminClientError {
    /// Nobody answers at the address that the store's folder names.
    #[error(
        "a gateway has this store open, but it does not answer at {address}: {reason}; is it \
         stopping, or did it start with another admin.listen?"
    )]
    Unreachable {
        /// Where it should be.
        address: SocketAddr,
        /// What went wrong.
        reason: String,
    },
    /// It refused.
    #[error("{}", .0.error)]
    Refused(ErrorReply),
    /// It said something that this version does not understand.
    #[error("the running gateway's answer can't be read: {0}; is it of another version?")]
    Answer(serde_json::Error),
    /// Its answer has no end.
    #[error("the running gateway broke off ({0}); its log says why")]
    Cut(String),
}

/// A running gateway, as a command sees it.
#[derive(Debug, Clone)]
pub struct AdminClient {
    key: AdminKey,
}

impl AdminClient {
    /// Talks to the gateway that this key belongs to.
    pub fn new(key: AdminKey) -> Self {
        Self { key }
    }

    /// `device list`
    ///
    /// # Errors
    /// [`AdminClientError`], as for every method here.
    pub async fn list(&self) -> Result<Vec<DeviceSummary>, AdminClientError> {
        self.ask(Method::GET, "/v1/devices", &()).await
    }

    /// `device show`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn show(&self, mac: Mac) -> Result<DeviceDetail, AdminClientError> {
        self.ask(Method::GET, &format!("/v1/devices/{mac}"), &())
            .await
    }

    /// `device get`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn parameters(
        &self,
        mac: Mac,
        path: &str,
    ) -> Result<Vec<ParameterLine>, AdminClientError> {
        let path = percent_encoding::utf8_percent_encode(path, percent_encoding::NON_ALPHANUMERIC);
        let target = format!("/v1/devices/{mac}/parameters?path={path}");
        self.ask(Method::GET, &target, &()).await
    }

    /// `explain` for one phone
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn explain(
        &self,
        mac: Mac,
        what: &str,
    ) -> Result<PhoneExplanation, AdminClientError> {
        let what = percent_encoding::utf8_percent_encode(what, percent_encoding::NON_ALPHANUMERIC);
        let target = format!("/v1/devices/{mac}/explain?what={what}");
        self.ask(Method::GET, &target, &()).await
    }

    /// `device trace`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn trace(
        &self,
        mac: Mac,
        sessions: usize,
    ) -> Result<Vec<TracedSession>, AdminClientError> {
        let target = format!("/v1/devices/{mac}/trace?sessions={sessions}");
        self.ask(Method::GET, &target, &()).await
    }

    /// `device set`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn set(
        &self,
        mac: Mac,
        values: &BTreeMap<String, String>,
    ) -> Result<SetReport, AdminClientError> {
        let target = format!("/v1/devices/{mac}/parameters");
        self.ask(Method::PATCH, &target, values).await
    }

    /// `device unset`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn unset(
        &self,
        mac: Mac,
        request: &UnsetRequest,
    ) -> Result<SetReport, AdminClientError> {
        let target = format!("/v1/devices/{mac}/unset");
        self.ask(Method::POST, &target, request).await
    }

    /// `device resync`, `reboot` and `factory-reset`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn tell(
        &self,
        mac: Mac,
        action: ControlAction,
    ) -> Result<ControlReply, AdminClientError> {
        let action = match action {
            ControlAction::Resync => "resync",
            ControlAction::Reboot => "reboot",
            ControlAction::FactoryReset => "factory-reset",
        };
        let target = format!("/v1/devices/{mac}/{action}");
        self.ask(Method::POST, &target, &()).await
    }

    /// `device request-download`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn request_download(
        &self,
        mac: Mac,
        request: &WishRequest,
    ) -> Result<(), AdminClientError> {
        let target = format!("/v1/devices/{mac}/request-download");
        self.ask(Method::POST, &target, request).await
    }

    /// `convert`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn convert(
        &self,
        mac: Mac,
        request: &ConvertRequest,
    ) -> Result<ConvertedFile, AdminClientError> {
        let target = format!("/v1/devices/{mac}/convert");
        self.ask(Method::POST, &target, request).await
    }

    /// `import`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn import(&self, request: &ImportRequest) -> Result<ImportReport, AdminClientError> {
        self.ask(Method::POST, "/v1/import", request).await
    }

    /// `verify`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn verify(&self, request: &TreeRequest) -> Result<VerifyReport, AdminClientError> {
        self.ask(Method::POST, "/v1/verify", request).await
    }

    /// `export`
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn export(&self, request: &ExportRequest) -> Result<ExportReport, AdminClientError> {
        self.ask(Method::POST, "/v1/export", request).await
    }

    pub(super) async fn ask<B: Serialize + Sync, T: DeserializeOwned>(
        &self,
        method: Method,
        target: &str,
        body: &B,
    ) -> Result<T, AdminClientError> {
        let body = serde_json::to_vec(body).map_err(AdminClientError::Answer)?;
        let (response, driver) = self.send(method, target, body).await?;
        let status = response.status();
        let answer = self.whole(response).await?;
        driver.abort();
        if status.is_success() {
            serde_json::from_slice(&answer).map_err(AdminClientError::Answer)
        } else {
            Err(refused(&answer))
        }
    }

    /// An answer that is too long to be held in memory.
    pub(super) async fn stream(&self, target: &str) -> Result<Incoming, AdminClientError> {
        // The connection ends with its answer.
        let (response, _driver) = self.send(Method::GET, target, b"null".to_vec()).await?;
        if response.status().is_success() {
            Ok(response.into_body())
        } else {
            Err(refused(&self.whole(response).await?))
        }
    }

    /// The rest of an answer, all at once.
    async fn whole(&self, response: Response<Incoming>) -> Result<Bytes, AdminClientError> {
        let answer = Limited::new(response.into_body(), MAX_ANSWER).collect();
        let answer = answer.await.map_err(|error| self.unreachable(error))?;
        Ok(answer.to_bytes())
    }

    /// The answer as it begins, and the task that reads the rest of it.
    async fn send(
        &self,
        method: Method,
        target: &str,
        body: Vec<u8>,
    ) -> Result<(Response<Incoming>, JoinHandle<hyper::Result<()>>), AdminClientError> {
        let connecting = TcpStream::connect(self.key.address);
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| self.unreachable("no answer"))?
            .map_err(|error| self.unreachable(error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.unreachable(error))?;
        let driver = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, self.key.address.to_string())
            .header(AUTHORIZATION, format!("Bearer {}", self.key.token.expose()))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| self.unreachable(error))?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| self.unreachable(error))?;
        Ok((response, driver))
    }

    fn unreachable(&self, reason: impl ToString) -> AdminClientError {
        AdminClientError::Unreachable {
            address: self.key.address,
            reason: reason.to_string(),
        }
    }
}

/// What a refusal says.
fn refused(answer: &[u8]) -> AdminClientError {
    match serde_json::from_slice(answer) {
        Ok(reply) => AdminClientError::Refused(reply),
        Err(error) => AdminClientError::Answer(error),
    }
}
