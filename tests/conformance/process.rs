//! The real binary as a process, which never outlives the test program.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::support::read_listeners;

/// How long a gateway may take to stop when it is asked to.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A running gateway; killed when dropped, or when the test program is gone.
pub(crate) struct Process {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// Where it listens, by name and scheme: `phones http`.
    pub(crate) listeners: BTreeMap<String, SocketAddr>,
    /// Its other end is read by the watcher, which kills the gateway when this closes.
    watcher: ChildStdin,
}

impl Process {
    /// Starts `trestle serve` on the `trestle.toml` of a folder, with more arguments, and waits
    /// until it listens. It trusts the folder's `ca.pem`. What it logs is added to `log`.
    ///
    /// # Errors
    /// What it printed instead of its listeners.
    pub(crate) fn start(folder: &Path, arguments: &[String], log: &Path) -> Result<Self, String> {
        let errors = OpenOptions::new().create(true).append(true).open(log);
        let mut child = Command::new(env!("CARGO_BIN_EXE_trestle"))
            .args(["serve", "--config"])
            .arg(folder.join("trestle.toml"))
            .args(arguments)
            .env("SSL_CERT_FILE", folder.join("ca.pem"))
            .env_remove("SSL_CERT_DIR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors.unwrap())
            .spawn()
            .unwrap();
        let watcher = watch(child.id(), folder);
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        // The reader goes on for the life of the gateway, so that it never writes into a closed
        // pipe.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Nobody listens any more once all listeners are known.
                let _ = sender.send(line);
            }
        });
        let mut process = Self {
            child,
            lines,
            listeners: BTreeMap::new(),
            watcher,
        };
        process.listeners = read_listeners(&process.lines)
            .map_err(|seen| format!("the gateway is not ready; see {log:?}; it said {seen:?}"))?;
        Ok(process)
    }

    /// The most memory that it has had so far, in bytes.
    pub(crate) fn memory_peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kibibytes.unwrap().trim().parse::<u64>().unwrap() * 1024
    }

    /// SIGKILL, now; returns when it is gone.
    pub(crate) fn kill(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The number of the process may belong to another one from now on.
        let _ = self.watcher.write_all(b"over\n");
    }

    /// SIGTERM, as a service manager stops it; returns when it is gone.
    pub(crate) fn terminate(&mut self) {
        let number = self.child.id().to_string();
        let asked = Command::new("sh")
            .args(["-c", "kill -s TERM \"$1\"", "stop", &number])
            .status();
        assert!(asked.unwrap().success());
        // Its standard output closes when it is gone.
        loop {
            match self.lines.recv_timeout(STOP_LIMIT) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the gateway does not stop"),
            }
        }
        self.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A shell that ends a process and clears its folder away when the pipe to it closes without a
/// word.
fn watch(process: u32, folder: &Path) -> ChildStdin {
    const SCRIPT: &str = "read -r word; [ \"$word\" = over ] && exit; \
         kill -s KILL \"$1\" 2>/dev/null; rm -rf \"$2\"";
    let mut shell = Command::new("sh")
        .args(["-c", SCRIPT, "watcher", &process.to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pipe = shell.stdin.take().unwrap();
    std::thread::spawn(move || shell.wait());
    pipe
}
