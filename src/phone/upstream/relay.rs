//! The files for phones: the gateway's, and behind it those of the old server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout};

use super::super::files::{FileSource, UploadTarget};
use super::breaker::Breaker;
use super::catch_all::{CatchAll, Likeness, is_page};
use super::old_server::{OldAnswer, OldServer, Patience, Question};
use super::settings::{UpstreamError, UpstreamMode, UpstreamSettings};
use crate::gateway::{
    FetchAnswer, FetchReceipt, FetchRequest, FilePlace, Gateway, Lesson, UploadPermit,
    UploadRefusal, UpstreamFile, UpstreamNote,
};
use crate::wire::ContentHash;

/// Questions to the old server at once; others wait for a place.
const MAX_QUESTIONS: usize = 16;
/// What the server answers to names that can't exist is asked for again after this time.
const PROBE_AGE: Duration = Duration::from_secs(600);

/// Where the files for phones come from: the gateway, and the old server for what is not there.
#[derive(Clone)]
pub struct PhoneFiles {
    gateway: Gateway,
    upstream: Option<Arc<Upstream>>,
}

impl PhoneFiles {
    /// The files of a gateway, and of the old server behind it where there is one. To be called
    /// within the runtime: the server is looked at in a task.
    ///
    /// # Errors
    /// [`UpstreamError`] when the settings of the old server are of no use.
    pub fn new(
        gateway: Gateway,
        upstream: Option<&UpstreamSettings>,
    ) -> Result<Self, UpstreamError> {
        let upstream = match upstream {
            Some(settings) => Some(Arc::new(Upstream::new(settings)?)),
            None => None,
        };
        if let Some(upstream) = upstream.clone() {
            tokio::spawn(async move { upstream.catch_all().await });
        }
        Ok(Self { gateway, upstream })
    }
}

impl FileSource for PhoneFiles {
    async fn fetch(&self, request: FetchRequest) -> FetchAnswer {
        let Some(upstream) = &self.upstream else {
            return self.gateway.fetch(request).await;
        };
        let place = match self.gateway.place_of_file(&request) {
            Ok(place) => place,
            Err(error) => {
                tracing::error!(path = request.path, %error, "the old server is not asked");
                return self.gateway.fetch(request).await;
            }
        };
        match (place, upstream.mode) {
            (FilePlace::Nowhere, _) => {
                Box::pin(upstream.fetch_missing(&self.gateway, request)).await
            }
            (FilePlace::Tree, UpstreamMode::First) => {
                Box::pin(upstream.fetch_first(&self.gateway, request)).await
            }
            (FilePlace::Tree, UpstreamMode::Miss) | (FilePlace::GatewayOnly, _) => {
                self.gateway.fetch(request).await
            }
        }
    }

    fn is_no_news(&self, receipt: &FetchReceipt) -> bool {
        self.gateway.is_no_news(receipt)
    }

    fn fetched(&self, receipt: FetchReceipt) -> impl Future<Output = ()> + Send {
        self.gateway.fetched(receipt)
    }
}

impl UploadTarget for PhoneFiles {
    fn admit_upload(
        &self,
        request: &FetchRequest,
        length: Option<u64>,
    ) -> impl Future<Output = Result<UploadPermit, UploadRefusal>> + Send {
        self.gateway.admit_upload(request, length)
    }

    fn keep_upload(
        &self,
        permit: UploadPermit,
        content: Bytes,
    ) -> impl Future<Output = Result<(), UploadRefusal>> + Send {
        self.gateway.keep_upload(permit, content)
    }
}

/// What came of a question that several phones may have had at once.
#[derive(Debug, Clone)]
enum Outcome {
    /// The gateway has the answer: the file was learned, or there is none.
    Gateways,
    /// The old server's file, as it came.
    Passed(Bytes),
    /// The old server wants the phone to show who it is.
    Challenge(Vec<String>),
}

/// Requests that may have different answers differ in these: target and Authorization.
type FlightKey = (String, String);

/// The old server, and how it has done so far.
struct Upstream {
    server: OldServer,
    mode: UpstreamMode,
    runtime: Handle,
    breaker: Mutex<Breaker>,
    places: Semaphore,
    /// Questions that are under way.
    flights: Mutex<HashMap<FlightKey, Weak<OnceCell<Outcome>>>>,
    /// What it answers to names that can't exist, and when it was asked.
    catch_all: tokio::sync::Mutex<Option<(Instant, Arc<CatchAll>)>>,
}

impl Upstream {
    fn new(settings: &UpstreamSettings) -> Result<Self, UpstreamError> {
        Ok(Self {
            server: OldServer::new(settings)?,
            mode: settings.mode,
            runtime: Handle::current(),
            breaker: Mutex::default(),
            places: Semaphore::new(MAX_QUESTIONS),
            flights: Mutex::default(),
            catch_all: tokio::sync::Mutex::default(),
        })
    }

    /// A file that is not here. The gateway is asked last: what it does not find is a miss, and
    /// what the old server has is none.
    async fn fetch_missing(
        self: &Arc<Self>,
        gateway: &Gateway,
        request: FetchRequest,
    ) -> FetchAnswer {
        let question = Question::of(&request);
        let flight = self.flight(&question);
        let learn = || async {
            let (upstream, gateway) = (Arc::clone(self), gateway.clone());
            let (request, question) = (request.clone(), question);
            let work = async move { upstream.learn(&gateway, &request, &question).await };
            // Not on the thread that answers all phones: large files are written to disk. And what
            // has been asked for is learned, also when the phone has gone away.
            let outcome = self.runtime.spawn(work).await;
            outcome.unwrap_or_else(|error| {
                tracing::error!(%error, "a question to the old server broke off");
                Outcome::Gateways
            })
        };
        let outcome = flight.get_or_init(learn).await.clone();
        match outcome {
            Outcome::Gateways => gateway.fetch(request).await,
            Outcome::Passed(body) => FetchAnswer::File {
                etag: etag(&body),
                body,
                receipt: gateway.receipt_of_upstream(&request),
            },
            Outcome::Challenge(challenges) => FetchAnswer::Challenge { challenges },
        }
    }

    /// The question that is under way for this, or a new one. It is forgotten when nobody waits for
    /// it any more.
    fn flight(&self, question: &Question) -> Arc<OnceCell<Outcome>> {
        let shown = question.authorization.as_ref();
        let shown = shown.map(|secret| ContentHash::of(secret.expose().as_bytes()).to_string());
        let key = (question.target.clone(), shown.unwrap_or_default());
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&key).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::new(OnceCell::new());
        flights.insert(key, Arc::downgrade(&flight));
        flight
    }

    async fn learn(
        &self,
        gateway: &Gateway,
        request: &FetchRequest,
        question: &Question,
    ) -> Outcome {
        let (body, protected) = match self.ask(question, Patience::LONG).await {
            Some(OldAnswer::File { body, protected }) => (body, protected),
            Some(OldAnswer::Challenge(challenges)) => return self.passed_on(challenges),
            Some(OldAnswer::Nothing(_)) | None => return Outcome::Gateways,
        };
        let doubt = match self.judge(gateway, &request.path, &body).await {
            Judgement::File => None,
            Judgement::Doubtful(note) => Some(note),
            Judgement::PageForEverything => return Outcome::Gateways,
        };
        let file = UpstreamFile {
            request,
            body: &body,
            protected,
            doubt,
        };
        match Box::pin(gateway.learn(file)).await {
            Ok(Lesson::Learned) => Outcome::Gateways,
            Ok(Lesson::Passed) => Outcome::Passed(body),
            Err(error) => {
                tracing::error!(path = request.path, %error, "a file of the old server can't be kept");
                Outcome::Passed(body)
            }
        }
    }

    /// A file that is here, while changes are still made at the old server.
    async fn fetch_first(&self, gateway: &Gateway, request: FetchRequest) -> FetchAnswer {
        let question = Question::of(&request);
        let answer = gateway.fetch(request.clone()).await;
        // Who has to show something here first gets nothing from elsewhere.
        let FetchAnswer::File { body: ours, .. } = &answer else {
            return answer;
        };
        let (theirs, protected) = match self.ask(&question, Patience::SHORT).await {
            Some(OldAnswer::File { body, protected }) => (body, protected),
            Some(OldAnswer::Challenge(challenges)) => match self.passed_on(challenges) {
                Outcome::Challenge(challenges) => return FetchAnswer::Challenge { challenges },
                _ => return answer,
            },
            Some(OldAnswer::Nothing(_)) | None => return answer,
        };
        if theirs != *ours {
            let is_page_instead = is_page(&theirs) && !is_page(ours);
            if theirs.is_empty() || is_page_instead {
                return answer;
            }
        }
        let file = UpstreamFile {
            request: &request,
            body: &theirs,
            protected,
            doubt: None,
        };
        if let Err(error) = Box::pin(gateway.compare_with_upstream(file)).await {
            tracing::error!(path = request.path, %error, "what the old server has can't be noted");
        }
        match answer {
            FetchAnswer::File { body, receipt, .. } if theirs != body => {
                tracing::info!(
                    path = request.path,
                    "the old server has other bytes; they are served"
                );
                FetchAnswer::File {
                    etag: etag(&theirs),
                    body: theirs,
                    // The revision here has not been fetched.
                    receipt: FetchReceipt {
                        revision: None,
                        ..receipt
                    },
                }
            }
            answer => answer,
        }
    }

    /// A challenge goes to the phone, unless it was for credentials of ours.
    fn passed_on(&self, challenges: Vec<String>) -> Outcome {
        if self.server.has_credentials() {
            tracing::warn!(
                host = self.server.host(),
                "the old server refuses phones.upstream_username and phones.upstream_password"
            );
            return Outcome::Gateways;
        }
        if challenges.is_empty() {
            return Outcome::Gateways;
        }
        Outcome::Challenge(challenges)
    }

    /// What a body is, that came for a path which is not here.
    async fn judge(&self, gateway: &Gateway, path: &str, body: &Bytes) -> Judgement {
        let catch_all = self.catch_all().await;
        let likeness = catch_all.map(|catch_all| catch_all.likeness(path, body));
        match likeness {
            Some(Likeness::Page) => Judgement::PageForEverything,
            Some(Likeness::Content) => Judgement::Doubtful(UpstreamNote::SameForAll),
            Some(Likeness::None) if gateway.is_name_of_settings(path) && is_page(body) => {
                Judgement::Doubtful(UpstreamNote::Page)
            }
            None if is_page(body) => Judgement::Doubtful(UpstreamNote::Page),
            Some(Likeness::None) | None => Judgement::File,
        }
    }

    /// What the server answers to names that can't exist; `None` while it can't be asked and has
    /// never been.
    async fn catch_all(&self) -> Option<Arc<CatchAll>> {
        let mut known = self.catch_all.lock().await;
        if let Some((at, catch_all)) = &*known
            && at.elapsed() < PROBE_AGE
        {
            return Some(Arc::clone(catch_all));
        }
        let before = known.as_ref().map(|(_, catch_all)| Arc::clone(catch_all));
        let Some(found) = self.probe().await else {
            return before;
        };
        if !found.is_empty() && before.as_ref().is_none_or(|before| before.is_empty()) {
            tracing::warn!(
                host = self.server.host(),
                "the old server answers 200 to names that can't exist; such answers are not learned"
            );
        }
        let found = Arc::new(found);
        *known = Some((Instant::now(), Arc::clone(&found)));
        Some(found)
    }

    async fn probe(&self) -> Option<CatchAll> {
        let mut found = CatchAll::default();
        for name in impossible_names()? {
            let question = Question::of_path(&name);
            match self.ask(&question, Patience::LONG).await? {
                OldAnswer::File { body, .. } => found.add(&name, body),
                OldAnswer::Challenge(_) | OldAnswer::Nothing(_) => {}
            }
        }
        Some(found)
    }

    /// Asks the server, if it is there; `None` when it is not, or does not answer.
    async fn ask(&self, question: &Question, patience: Patience) -> Option<OldAnswer> {
        if self.breaker().is_resting(Instant::now()) {
            return None;
        }
        let Ok(Ok(_place)) = timeout(patience.head, self.places.acquire()).await else {
            tracing::warn!(
                limit = MAX_QUESTIONS,
                "too many questions to the old server"
            );
            return None;
        };
        if !self.breaker().may_ask(Instant::now()) {
            return None;
        }
        let answer = Box::pin(self.server.ask(question, patience)).await;
        let host = self.server.host();
        match answer {
            Ok(answer) => {
                if self.breaker().answered() {
                    tracing::info!(host, "the old server answers again");
                }
                Some(answer)
            }
            Err(error) => {
                if error.is_outage() {
                    if let Some(rest) = self.breaker().failed(Instant::now()) {
                        let seconds = rest.as_secs();
                        tracing::warn!(host, %error, seconds, "the old server is left alone");
                    }
                } else {
                    self.breaker().answered();
                    tracing::warn!(host, %error, "an answer of the old server is of no use");
                }
                None
            }
        }
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a body is.
enum Judgement {
    /// A file.
    File,
    /// It came, and is not what phones of this name read.
    Doubtful(UpstreamNote),
    /// The server says this to everything; there is no such file.
    PageForEverything,
}

/// Names that no server has a file for: two of no kind, and one of a phone under an address that no
/// maker was given. `None` when the system gives no randomness.
fn impossible_names() -> Option<[String; 3]> {
    let number = getrandom::u64().ok()?;
    let half = number as u32;
    Some([
        format!("trestle-{number:016x}.cfg"),
        format!("trestle-{number:016x}.xml"),
        // The second bit of an address says that it is made up.
        format!("cfg0200{half:08x}.xml"),
    ])
}

fn etag(body: &Bytes) -> String {
    format!("\"{}\"", ContentHash::of(body))
}
