//! What outlives the gateway: the ACS, the file server, the tree, the folder of the store.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::Value;
use trestle::sim::acs::{AcsOptions, ScriptedAcs};
use trestle::sim::file_server::FileServer;

use crate::fleet::{ASSET, FIRST_NEWCOMER, PHONES, Phone, asset};
use crate::ledger::{Tally, Witness};
use crate::process;

/// One fleet's surroundings.
pub(crate) struct World {
    folder: PathBuf,
    pub(crate) acs: ScriptedAcs,
    pub(crate) files: FileServer,
    pub(crate) witness: Arc<Witness>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) imports: Imports,
    numbers: AtomicU64,
    /// How much the phones and their devices have done so far.
    pub(crate) acts: AtomicU64,
    /// Set before the gateway is killed.
    pub(crate) is_killed: AtomicBool,
}

/// How far imports have come.
#[derive(Debug, Default)]
pub(crate) struct Imports {
    begun: AtomicU64,
    acknowledged: AtomicU64,
    newcomers: AtomicU64,
    /// Held while a command runs; it may outlive the gateway that it began with.
    running: Arc<tokio::sync::Mutex<()>>,
}

impl Imports {
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// The phones that were in the tree of an acknowledged import.
    pub(crate) fn newcomers(&self) -> impl Iterator<Item = Phone> + use<> {
        let count = self.newcomers.load(Ordering::SeqCst);
        (0..count).map(newcomer)
    }

    /// Waits until no command runs.
    pub(crate) async fn rest(&self) {
        drop(self.running.lock().await);
    }
}

fn newcomer(number: u64) -> Phone {
    Phone::new(FIRST_NEWCOMER + u16::try_from(number).expect("a run has few newcomers"))
}

impl World {
    /// A folder with settings and a tree, and who stands around the gateway.
    pub(crate) async fn new(tally: Arc<Tally>) -> Self {
        let witness = Arc::new(Witness::default());
        let options = AcsOptions {
            observer: Some(witness.observer()),
            ..AcsOptions::default()
        };
        let acs = ScriptedAcs::start(options).await.unwrap();
        let files = FileServer::start(None).await.unwrap();
        let folder = tempfile::tempdir().unwrap().keep();
        let world = Self {
            folder,
            acs,
            files,
            witness,
            tally,
            imports: Imports::default(),
            numbers: AtomicU64::new(0),
            acts: AtomicU64::new(0),
            is_killed: AtomicBool::new(false),
        };
        let settings = format!(
            "[store]\npath = {:?}\n\
             [phones]\nhttp = \"127.0.0.1:0\"\n\
             [phones.uploads]\nenabled = true\n\
             [acs]\nurl = {:?}\n\
             [connection_request]\nlisten = \"127.0.0.1:0\"\nurl = \"http://127.0.0.1:7547\"\n\
             authentication = false\n\
             [transfers]\nallow = [\"127.0.0.0/8\"]\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n",
            world.data(),
            world.acs.url(),
        );
        fs::write(world.folder.join("trestle.toml"), settings).unwrap();
        fs::create_dir(world.tree()).unwrap();
        world
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    /// Sets the seconds between two periodic Informs, before the gateway is started.
    pub(crate) fn set_period(&self, seconds: u64) {
        let path = self.folder.join("trestle.toml");
        let settings = fs::read_to_string(&path).unwrap();
        let lines = format!("[acs]\nperiodic_inform_interval = {seconds}\n");
        fs::write(path, settings.replace("[acs]\n", &lines)).unwrap();
    }

    /// A number that no other change of this fleet has.
    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Begins the next import: writes the tree that it reads.
    pub(crate) fn write_tree(&self) -> u64 {
        let import = self.imports.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let newcomers = (0..self.imports.newcomers.load(Ordering::SeqCst)).map(newcomer);
        for phone in (0..PHONES).map(Phone::new).chain(newcomers) {
            let server = if phone.has_transfers() { 0 } else { import };
            write_whole(&self.tree().join(phone.file_name()), &phone.file(0, server));
        }
        write_whole(&self.tree().join(ASSET), &asset(import));
        import
    }

    pub(crate) fn acknowledge_import(&self, import: u64) {
        self.imports
            .acknowledged
            .fetch_max(import, Ordering::SeqCst);
        self.tally.count("imports");
    }

    /// Changes the tree and imports it, with one more phone in it if `is_growing`. It counts when
    /// the command has said so while the gateway was there.
    pub(crate) async fn import(&self, is_growing: bool) -> Result<(), String> {
        let running = Arc::clone(&self.imports.running).lock_owned().await;
        let count = self.imports.newcomers.load(Ordering::SeqCst);
        if is_growing {
            let phone = newcomer(count);
            let content = phone.file(0, self.imports.begun() + 1);
            write_whole(&self.tree().join(phone.file_name()), &content);
        }
        let import = self.write_tree();
        let tree = self.tree();
        let arguments = ["import", "--format", "json"].map(OsStr::new);
        let arguments = [&arguments[..], &[tree.as_os_str()]].concat();
        let ended = process::command(&self.folder, &arguments, running).await;
        if self.is_killed.load(Ordering::SeqCst) {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&ended.stdout).into_owned();
        let report: Option<Value> = serde_json::from_str(&text).ok();
        let failed = report.map(|report| report["summary"]["failed"] == 0);
        if ended.status.code() != Some(0) || failed != Some(true) {
            let error = String::from_utf8_lossy(&ended.stderr).into_owned();
            return Err(format!(
                "an import ended in {}: {text}{error}",
                ended.status
            ));
        }
        self.acknowledge_import(import);
        if is_growing {
            self.imports.newcomers.store(count + 1, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Clears the folder away, after a run in which all was well.
    pub(crate) fn clear_away(self) {
        // What is left of it does no harm in a temporary folder.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Puts a file there so that nobody reads half of it.
fn write_whole(path: &Path, content: &[u8]) {
    let aside = path.with_extension("new~");
    fs::write(&aside, content).unwrap();
    fs::rename(&aside, path).unwrap();
}
