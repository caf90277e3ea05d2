//! The folder of one fleet: tree, store, settings.

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use serde::Deserialize;
use url::Url;

use crate::cli::exit::CommandError;

/// Sessions that are held at once, as in the settings of a gateway unless they say otherwise.
pub(super) const AT_ONCE: u16 = 64;
/// The settings of its gateways.
const SETTINGS: &str = "trestle.toml";
/// Where a step's child writes what it has to complain of.
const LOG: &str = "log";

/// A folder to work in.
#[derive(Debug)]
pub(super) struct Workshop {
    folder: PathBuf,
    acs: String,
    connection_requests: SocketAddr,
}

/// Of the settings in a folder what another run needs.
#[derive(Deserialize)]
struct KeptSettings {
    acs: KeptAcs,
    connection_request: KeptConnectionRequest,
}

#[derive(Deserialize)]
struct KeptAcs {
    url: String,
}

#[derive(Deserialize)]
struct KeptConnectionRequest {
    listen: SocketAddr,
}

impl Workshop {
    /// In a folder that is there and empty; the ACS of all its phones is at this URL.
    ///
    /// # Errors
    /// [`io::Error`] when this machine has no port that is free.
    pub(super) fn new(folder: PathBuf, acs: String) -> io::Result<Self> {
        // All gateways of a fleet have the same: with another at each start, every phone would owe
        // its ACS the change.
        let connection_requests = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        Ok(Self {
            folder,
            acs,
            connection_requests,
        })
    }

    /// In a folder that an earlier run has kept, with the addresses that its phones and their ACS know.
    ///
    /// # Errors
    /// [`CommandError`] when there is none.
    pub(super) fn kept(folder: PathBuf) -> Result<Self, CommandError> {
        let path = folder.join(SETTINGS);
        let missing = |problem: &dyn std::fmt::Display| {
            CommandError::new(format!(
                "no run with --keep and as many phones has left its settings in {}: {problem}",
                path.display()
            ))
        };
        let text = fs::read_to_string(&path).map_err(|error| missing(&error))?;
        let settings: KeptSettings = toml::from_str(&text).map_err(|error| missing(&error))?;
        Ok(Self {
            folder,
            acs: settings.acs.url,
            connection_requests: settings.connection_request.listen,
        })
    }

    /// Where its phones look for their ACS.
    ///
    /// # Errors
    /// [`CommandError`] when that is no address.
    pub(super) fn acs_address(&self) -> Result<SocketAddr, CommandError> {
        let url = Url::parse(&self.acs)?;
        let addresses = url.socket_addrs(|| None)?;
        let address = addresses.first().copied();
        address.ok_or_else(|| CommandError::new(format!("{url} has no address")))
    }

    /// Where the fleet's files are.
    pub(super) fn tree(&self) -> PathBuf {
        self.folder.join("tree")
    }

    /// Where the store is.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Where the last child writes its complaints.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join(LOG)
    }

    /// A file for something that goes away again.
    pub(super) fn aside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes settings by which every phone informs the ACS once in so many seconds.
    pub(super) fn settings(&self, interval: u32) -> Result<PathBuf, CommandError> {
        let path = self.folder.join(SETTINGS);
        let settings = format!(
            "[store]\npath = {:?}\n[phones]\nhttp = \"127.0.0.1:0\"\n\
             [acs]\nurl = {:?}\nproduct_class = \"Phone\"\nmax_sessions = {AT_ONCE}\n\
             max_sessions_per_second = 20000\nperiodic_inform_interval = {interval}\n\
             [connection_request]\nlisten = \"{}\"\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n",
            self.data(),
            self.acs,
            self.connection_requests,
        );
        fs::write(&path, settings)?;
        Ok(path)
    }

    /// What the store takes on the disk, in bytes.
    pub(super) fn disk(&self) -> Result<u64, CommandError> {
        disk_of(&self.data())
    }

    /// Lets the system forget what it keeps of the store's files in memory, as far as it does.
    pub(super) fn forget_pages(&self) -> Result<(), CommandError> {
        for_each_file(&self.data(), &mut |path| {
            let file = File::open(path)?;
            file.sync_all()?;
            posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
            Ok(())
        })
    }
}

/// What a folder takes on the disk, in bytes.
pub(super) fn disk_of(folder: &Path) -> Result<u64, CommandError> {
    let mut bytes = 0;
    for_each_file(folder, &mut |path| {
        bytes += fs::metadata(path)?.blocks() * 512;
        Ok(())
    })?;
    Ok(bytes)
}

fn for_each_file(
    folder: &Path,
    work: &mut dyn FnMut(&Path) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            for_each_file(&entry.path(), work)?;
        } else {
            work(&entry.path())?;
        }
    }
    Ok(())
}
