//! The gateway itself: what it holds, how it opens, how a device's record is loaded.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::access::AccessState;
use super::clock::Clock;
use super::controls::{Memory, Pace};
use super::device_log::WaitingLines;
use super::door::GatewayError;
use super::due_sessions::DueSessions;
use super::file_index::FileIndex;
use super::known_phones::KnownPhones;
use super::live::Live;
use super::misses::Misses;
use super::own_cpe::{self, OwnCpe};
use super::phones::{Contents, QuietPolls};
use super::settings::GatewaySettings;
use super::shared_documents::SharedDocuments;
use super::syslog::Intake;
use super::timed_queue::TimedQueue;
use super::trace::Traces;
use super::transfers::SharedFetches;
use super::upkeep::{Damages, MeasuredSize, as_damaged_device};
use super::upload_store::UploadStore;
use super::waking::Waking;
use crate::device::{DeviceRecord, FileRecord, StoredParameters, TreePath};
use crate::mapping::{Pack, Packs};
use crate::native::Mac;
use crate::store::{AssetStore, Batch, Store, StoreError, Table, decode, encode};

/// The key of the record in [`Table::Meta`] that holds [`Installation`].
const INSTALLATION_KEY: &[u8] = b"installation";

/// Into how many parts a table is cut that all processors read.
pub(super) const PARTS: usize = 64;
/// After how many devices there is another line in the log.
const DEVICES_PER_LINE: usize = 100_000;

/// Most models whose lenses are kept in memory; phones say their models themselves.
const MAX_KNOWN_LENSES: usize = 256;

/// What lenses depend on.
type VendorAndModel = (String, Option<String>);

/// The gateway: cheap to clone, one per store.
#[derive(Clone)]
pub struct Gateway {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) store: Arc<dyn Store>,
    pub(super) assets: AssetStore,
    pub(super) packs: Packs,
    pub(super) settings: GatewaySettings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) files: RwLock<FileIndex>,
    pub(super) known: KnownPhones,
    /// Base of every ConnectionRequestURL; empty while nothing listens.
    pub(super) connection_request_base: RwLock<String>,
    pub(super) sessions: DueSessions,
    pub(super) periods: TimedQueue<Mac>,
    pub(super) transfers: TimedQueue<(Mac, u64)>,
    pub(super) controls: TimedQueue<Mac>,
    /// Phones that are due to be told something, and wait for their turn.
    pub(super) pace: Pace,
    /// What made phones fetch.
    pub(super) memory: Memory,
    /// Phones that have to have fetched their file by then.
    pub(super) deliveries: TimedQueue<Mac>,
    /// Devices whose next lightweight notification is due.
    pub(super) lightweight: TimedQueue<Mac>,
    pub(super) waking: Waking,
    /// Informs that an ACS has asked for: the earliest of each device.
    pub(super) scheduled_informs: TimedQueue<Mac>,
    pub(super) heartbeats: TimedQueue<Mac>,
    /// Devices that open no session for active notifications alone until this moment
    /// (cwmp.md A7).
    pub(super) throttled: TimedQueue<Mac>,
    /// Hand-overs on trial, by the end of it.
    pub(super) hand_overs: TimedQueue<Mac>,
    pub(super) shared_fetches: SharedFetches,
    pub(super) phase_key: u64,
    pub(super) own_cpe: OwnCpe,
    pub(super) access: AccessState,
    /// Lenses by vendor and model: a model's are put together once.
    known_lenses: Mutex<HashMap<VendorAndModel, Arc<Pack>>>,
    /// Files that phones have fetched lately.
    pub(super) contents: Contents,
    pub(super) shared_documents: SharedDocuments,
    /// Lines of the phones' logs that are not written yet.
    pub(super) log_lines: WaitingLines,
    pub(super) traces: Traces,
    pub(super) syslog: Intake,
    pub(super) misses: Misses,
    /// When phones in quarantine are written next.
    pub(super) quarantine_writes: TimedQueue<()>,
    /// Fetches that need not be worked out again.
    pub(super) quiet_polls: QuietPolls,
    /// Records that can't be read.
    pub(super) damages: Damages,
    /// How much of the database are records.
    pub(super) live_size: MeasuredSize,
    /// What phones have sent.
    pub(super) uploads: Arc<UploadStore>,
    cells: Mutex<HashMap<Mac, Arc<tokio::sync::Mutex<Live>>>>,
}

/// What is fixed for the life of a store.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Installation {
    /// Spreads the phases of the periodic Informs; fixed, so that a restart keeps them.
    pub(super) phase_key: u64,
    /// The base of the ConnectionRequestURLs that the ACSs were told.
    pub(super) connection_request_base: String,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gateway").finish_non_exhaustive()
    }
}

impl Gateway {
    /// Opens the gateway on a store. Nothing is due yet: [`Gateway::start`] plans what is.
    ///
    /// # Errors
    /// [`GatewayError`] when a record can't be read or written.
    pub fn open(
        store: Arc<dyn Store>,
        assets: AssetStore,
        packs: Packs,
        settings: GatewaySettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, GatewayError> {
        let installation = match store.get(Table::Meta, INSTALLATION_KEY)? {
            Some(bytes) => decode(&bytes)?,
            None => {
                let installation = Installation {
                    phase_key: super::random::number()?,
                    connection_request_base: String::new(),
                };
                let mut batch = Batch::new();
                batch.put(Table::Meta, INSTALLATION_KEY, encode(&installation)?);
                store.commit(batch)?.wait()?;
                installation
            }
        };
        let own_cpe = OwnCpe::new(clock.now());
        let access = AccessState::new()?;
        let misses = Misses::new(&settings.misses);
        let uploads = UploadStore::open(&assets, &*store)?;
        let pace = Pace::new(&settings.control, clock.now());
        let memory = Memory::open(&store);
        let gateway = Self {
            inner: Arc::new(Inner {
                store,
                assets,
                packs,
                settings,
                clock,
                files: RwLock::new(FileIndex::default()),
                known: KnownPhones::default(),
                connection_request_base: RwLock::new(installation.connection_request_base),
                sessions: DueSessions::new(),
                periods: TimedQueue::new(),
                transfers: TimedQueue::new(),
                controls: TimedQueue::new(),
                pace,
                memory,
                deliveries: TimedQueue::new(),
                lightweight: TimedQueue::new(),
                waking: Waking::new(),
                scheduled_informs: TimedQueue::new(),
                heartbeats: TimedQueue::new(),
                throttled: TimedQueue::new(),
                hand_overs: TimedQueue::new(),
                shared_fetches: SharedFetches::default(),
                phase_key: installation.phase_key,
                own_cpe,
                access,
                known_lenses: Mutex::new(HashMap::new()),
                contents: Contents::default(),
                shared_documents: SharedDocuments::default(),
                log_lines: WaitingLines::default(),
                traces: Traces::default(),
                syslog: Intake::default(),
                misses,
                quarantine_writes: TimedQueue::new(),
                quiet_polls: QuietPolls::default(),
                damages: Damages::default(),
                live_size: MeasuredSize::default(),
                uploads: Arc::new(uploads),
                cells: Mutex::new(HashMap::new()),
            }),
        };
        if let Some(port) = gateway.inner.settings.syslog_port {
            gateway.listen_for_syslog(port);
        }
        gateway.index_files()?;
        gateway.for_each_device("phones known", |device| {
            let (mac, record) = match device {
                Ok(device) => device,
                Err(error) => return gateway.note_damaged_device(&error),
            };
            let known = &gateway.inner.known;
            known.note_segment(mac, &record.cpe.connection_request_segment);
            known.note_device(mac, &record);
            gateway.inner.own_cpe.health.phone_changed(None, &record);
            gateway.index_access(mac, &record);
        });
        gateway.open_virtual_devices()?;
        gateway.load_quarantine();
        Ok(gateway)
    }

    /// Every device's record, in order of the MAC. A record that can't be read is an error of its
    /// own: it stops its phone, not the others.
    pub(super) fn devices(
        &self,
    ) -> impl Iterator<Item = Result<(Mac, DeviceRecord), GatewayError>> + '_ {
        self.inner.store.scan(Table::Device, b"").map(read_device)
    }

    /// Gives `work` every device's record, in no order and on all processors. Large fleets are
    /// counted in the log, as `what` is done.
    pub(super) fn for_each_device(
        &self,
        what: &'static str,
        work: impl Fn(Result<(Mac, DeviceRecord), GatewayError>) + Send + Sync,
    ) {
        let done = AtomicUsize::new(0);
        let parts = self.inner.store.scan_apart(Table::Device, PARTS);
        parts.into_par_iter().flatten_iter().for_each(|entry| {
            work(read_device(entry));
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if done.is_multiple_of(DEVICES_PER_LINE) {
                tracing::info!(done, "{what}");
            }
        });
    }

    /// The gateway's notion of now.
    pub fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    /// A device's record with the bytes it was read from; `None` for an unknown phone.
    pub(super) fn load(&self, mac: Mac) -> Result<Option<(DeviceRecord, Vec<u8>)>, GatewayError> {
        let Some(bytes) = self.stored_record(mac)? else {
            return Ok(None);
        };
        let record = decode(&bytes).map_err(|source| GatewayError::Damaged { mac, source })?;
        Ok(Some((record, bytes)))
    }

    /// A device's record as it is stored; `None` for an unknown phone.
    pub(super) fn stored_record(&self, mac: Mac) -> Result<Option<Vec<u8>>, GatewayError> {
        let (table, key) = own_cpe::place_of(mac);
        self.inner.store.get(table, &key).map_err(as_damaged_device)
    }

    pub(super) fn load_parameters(&self, mac: Mac) -> Result<StoredParameters, GatewayError> {
        // Derived parameters can be derived anew, so a record of an older form, or a damaged one,
        // is no loss.
        match self.inner.store.get(Table::Parameters, &mac.bytes()) {
            Ok(Some(bytes)) => Ok(decode(&bytes).unwrap_or_default()),
            Ok(None) | Err(StoreError::DamagedValue { .. }) => Ok(StoredParameters::default()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn load_file(&self, path: &TreePath) -> Result<Option<FileRecord>, GatewayError> {
        match self
            .inner
            .store
            .get(Table::File, path.as_str().as_bytes())?
        {
            Some(bytes) => Ok(Some(decode(&bytes)?)),
            None => Ok(None),
        }
    }

    /// The lenses for a device, as far as its model is known.
    pub(super) fn lenses(&self, record: &DeviceRecord) -> Result<Arc<Pack>, GatewayError> {
        if record.vendor == own_cpe::NO_VENDOR {
            return Ok(Arc::clone(&self.inner.own_cpe.pack));
        }
        let key = (record.vendor.clone(), record.model.clone());
        let mut known = self
            .inner
            .known_lenses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(pack) = known.get(&key) {
            return Ok(Arc::clone(pack));
        }
        let pack = self
            .inner
            .packs
            .for_phone(&record.vendor, record.model.as_deref())
            .ok_or_else(|| GatewayError::MissingPack {
                vendor: record.vendor.clone(),
            })?;
        if known.len() >= MAX_KNOWN_LENSES {
            known.clear();
        }
        known.insert(key, Arc::clone(&pack));
        Ok(pack)
    }

    /// What is in memory of a device. Whoever holds the lock is the device's one writer.
    pub(super) fn cell(&self, mac: Mac) -> Arc<tokio::sync::Mutex<Live>> {
        // No code that can panic runs under this lock.
        let mut cells = self
            .inner
            .cells
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        cells.entry(mac).or_default().clone()
    }

    /// Whether nothing is in memory of a device: nobody changes it, and nothing is under way.
    pub(super) fn is_at_rest(&self, mac: Mac) -> bool {
        let cells = self
            .inner
            .cells
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        !cells.contains_key(&mac)
    }

    /// Gives back the memory of a device that is at rest.
    pub(super) fn release(&self, mac: Mac) {
        let mut cells = self
            .inner
            .cells
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let at_rest = cells.get(&mac).is_some_and(|cell| {
            Arc::strong_count(cell) == 1 && cell.try_lock().is_ok_and(|live| live.is_at_rest())
        });
        if at_rest {
            cells.remove(&mac);
        }
    }

    /// Says where connection requests come in, `http://gateway.example.net:7547`. Devices whose
    /// ACS was told another ConnectionRequestURL owe it the change (cwmp.md C13).
    ///
    /// # Errors
    /// [`GatewayError`] when the store fails.
    pub async fn announce_connection_requests(&self, base: &str) -> Result<(), GatewayError> {
        let base = base.trim_end_matches('/').to_owned();
        {
            let mut current = self
                .inner
                .connection_request_base
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            if *current == base {
                return Ok(());
            }
            current.clone_from(&base);
        }
        let installation = Installation {
            phase_key: self.inner.phase_key,
            connection_request_base: base,
        };
        let mut batch = Batch::new();
        batch.put(Table::Meta, INSTALLATION_KEY, encode(&installation)?);
        self.inner.store.commit(batch)?.durable().await?;
        Ok(())
    }

    pub(super) fn connection_request_url(&self, record: &DeviceRecord) -> String {
        let base = self
            .inner
            .connection_request_base
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if base.is_empty() || !record.cpe.http_connection_requests {
            String::new()
        } else {
            format!("{base}/{}", record.cpe.connection_request_segment)
        }
    }
}

fn read_device(
    entry: Result<(Vec<u8>, Vec<u8>), StoreError>,
) -> Result<(Mac, DeviceRecord), GatewayError> {
    let (key, bytes) = entry.map_err(as_damaged_device)?;
    let mac = mac_of_key(&key)?;
    let record = decode(&bytes).map_err(|source| GatewayError::Damaged { mac, source })?;
    Ok((mac, record))
}

pub(super) fn mac_of_key(key: &[u8]) -> Result<Mac, GatewayError> {
    let bytes = <[u8; 6]>::try_from(key).map_err(|_| GatewayError::OddKey {
        key: key.escape_ascii().to_string(),
    })?;
    Ok(Mac::new(bytes))
}
