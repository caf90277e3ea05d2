//! What a test works on: a folder with tree, settings and store, an ACS, a file server.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use trestle::sim::acs::{AcsOptions, ScriptedAcs};
use trestle::sim::file_server::FileServer;

use crate::command::{CLEAN, Ended, run};
use crate::gateway::Gateway;

/// User name and password of every CPE at the ACS.
pub(crate) const CPE_USERNAME: &str = "fleet";
pub(crate) const CPE_PASSWORD: &str = "fleet-Tiller-77";

/// How long a test waits for something to become true, on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The parts of one test.
pub(crate) struct Bench {
    folder: TempDir,
    network: [u8; 2],
    pub(crate) acs: ScriptedAcs,
    pub(crate) files: FileServer,
}

impl Bench {
    /// A copy of the fixtures' tree, and settings for it.
    pub(crate) async fn set() -> Self {
        Self::set_with("", "").await
    }

    /// The same with more lines in `[acs]` and in `[connection_request]`.
    pub(crate) async fn set_with(acs_lines: &str, connection_request_lines: &str) -> Self {
        let acs = ScriptedAcs::start(AcsOptions::default()).await.unwrap();
        let files = FileServer::start(None).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        copy_tree(&fixtures(), &folder.path().join("tree"));
        // A periodic Inform that nobody has asked for would come into the middle of some test.
        let settings = format!(
            "[store]\npath = {:?}\n\
             [phones]\nhttp = \"127.0.0.1:0\"\n\
             [acs]\nurl = {:?}\nusername = {CPE_USERNAME:?}\npassword = {CPE_PASSWORD:?}\n\
             periodic_inform_interval = 4000000000\n{acs_lines}\n\
             [connection_request]\nlisten = \"127.0.0.1:0\"\n{connection_request_lines}\n\
             [transfers]\nallow = [\"127.0.0.0/8\"]\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n",
            folder.path().join("data"),
            acs.url(),
        );
        fs::write(folder.path().join("trestle.toml"), settings).unwrap();
        Self {
            folder,
            network: network(),
            acs,
            files,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The tree that is imported.
    pub(crate) fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// Puts these files, and no others, into the tree.
    pub(crate) fn replace_tree(&self, files: &[(&str, Vec<u8>)]) {
        fs::remove_dir_all(self.tree()).unwrap();
        for (path, content) in files {
            let path = self.tree().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    /// Adds lines to the end of the settings.
    pub(crate) fn add_settings(&self, lines: &str) {
        let path = self.folder().join("trestle.toml");
        let settings = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{settings}{lines}")).unwrap();
    }

    /// Adds lines to `[phones]`.
    pub(crate) fn add_phone_settings(&self, lines: &str) {
        let path = self.folder().join("trestle.toml");
        let settings = fs::read_to_string(&path).unwrap();
        let settings = settings.replace("[phones]\n", &format!("[phones]\n{lines}\n"));
        fs::write(path, settings).unwrap();
    }

    /// A file of that tree.
    pub(crate) fn tree_file(&self, path: &str) -> Vec<u8> {
        fs::read(self.tree().join(path)).unwrap()
    }

    /// Everything that gateways have printed and logged so far.
    pub(crate) fn gateway_text(&self) -> String {
        ["gateway.out", "gateway.log"]
            .map(|name| fs::read_to_string(self.folder().join(name)).unwrap())
            .concat()
    }

    /// A loopback address of this test only. The last byte keeps away from those of the demo, the
    /// second from those of the conformance tests.
    pub(crate) fn address(&self, which: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.network[0], self.network[1], 10 + which)
    }

    /// Starts a gateway that imports the tree first.
    #[track_caller]
    pub(crate) fn serve(&self) -> Gateway {
        let tree = self.tree();
        Gateway::start(self.folder(), &["--import", tree.to_str().unwrap()])
    }

    /// Starts a gateway on the store as it is.
    #[track_caller]
    pub(crate) fn serve_again(&self) -> Gateway {
        Gateway::start(self.folder(), &[])
    }

    /// Starts a gateway that imports the tree first and whose ACS is elsewhere.
    #[track_caller]
    pub(crate) fn serve_towards(&self, acs: &str) -> Gateway {
        let tree = self.tree();
        let arguments = ["--import", tree.to_str().unwrap(), "--acs", acs];
        Gateway::start(self.folder(), &arguments)
    }

    /// Runs a command on this store, with or without a gateway.
    #[track_caller]
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Ended {
        let mut all: Vec<OsString> = arguments.iter().map(|one| one.as_ref().into()).collect();
        all.push("--config".into());
        all.push(self.folder().join("trestle.toml").into());
        run(all)
    }

    /// Imports the tree without a gateway.
    #[track_caller]
    pub(crate) fn import(&self) -> Ended {
        let tree = self.tree();
        self.command(&["import", tree.to_str().unwrap(), "--format", "json"])
    }

    /// `device show`, as JSON.
    #[track_caller]
    pub(crate) fn show(&self, mac: &str) -> Value {
        self.command(&["device", "show", mac, "--format", "json"])
            .with_code(CLEAN)
            .json()
    }

    /// `device show` once it is as wanted.
    #[track_caller]
    pub(crate) fn show_once(&self, mac: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.show(mac);
            if is_wanted(&shown) {
                return shown;
            }
            assert!(Instant::now() < deadline, "{shown:#}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Fails when a message to the ACS broke a rule of the protocol.
    #[track_caller]
    pub(crate) fn assert_no_findings(&self) {
        let findings = self.acs.findings();
        assert!(findings.is_empty(), "{findings:#?}");
    }
}

/// The tree of a small customer's config server.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree")
}

/// Copies a folder.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::write(&target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// All files below a folder: path with slashes, and content.
pub(crate) fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    fn walk(folder: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &format!("{path}/"), files);
            } else {
                files.push((path, fs::read(entry.path()).unwrap()));
            }
        }
    }
    let mut files = Vec::new();
    walk(folder, "", &mut files);
    files.sort();
    files
}

/// Two bytes of loopback addresses that no other test of this process has, and hardly another
/// process.
fn network() -> [u8; 2] {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id();
    let [second, ..] = (process % 250).to_le_bytes();
    let [third, ..] = (process / 250 + NEXT.fetch_add(1, Ordering::Relaxed)).to_le_bytes();
    [second + 2, third]
}
