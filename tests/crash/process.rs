//! The gateway as a process that is killed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use tokio::sync::mpsc;

/// How long a gateway may take until it listens, on a machine that is busy.
const START_LIMIT: Duration = Duration::from_secs(120);

/// The binary under test: that of this build, or the one that `CRASH_BINARY` names.
fn binary() -> PathBuf {
    std::env::var_os("CRASH_BINARY")
        .map_or_else(|| env!("CARGO_BIN_EXE_trestle").into(), PathBuf::from)
}

fn trestle() -> Command {
    let mut command = Command::new(binary());
    for variable in ["TRESTLE_CONFIG", "TRESTLE_DATA", "TRESTLE_LOG"] {
        command.env_remove(variable);
    }
    command
}

/// A gateway; killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

/// Where a gateway listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listeners {
    pub(crate) phones: SocketAddr,
    pub(crate) connection_requests: SocketAddr,
}

impl Process {
    /// Starts `trestle serve` on the settings in a folder. Its log is added to `gateway.log` there.
    pub(crate) fn start(
        folder: &Path,
        arguments: &[&OsStr],
        environment: &[(String, String)],
    ) -> Self {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join("gateway.log"))
            .unwrap();
        let mut child = trestle()
            .args(["serve", "--config"])
            .arg(folder.join("trestle.toml"))
            .args(arguments)
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Nobody listens any more once all listeners are known.
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// Waits until it listens. `None`: it ended before.
    pub(crate) async fn ready(&mut self) -> Option<Listeners> {
        let mut listeners = BTreeMap::new();
        let listening = async {
            loop {
                let line = self.lines.recv().await?;
                let words: Vec<&str> = line.split_whitespace().collect();
                if let ["listening", name, "http", address] = words[..] {
                    listeners.insert(name.to_owned(), address.parse().unwrap());
                }
                if listeners.contains_key("admin") {
                    return Some(Listeners {
                        phones: listeners["phones"],
                        connection_requests: listeners["connection-request"],
                    });
                }
            }
        };
        tokio::time::timeout(START_LIMIT, listening)
            .await
            .expect("the gateway neither listens nor ends")
    }

    /// SIGKILL; returns when it is gone. Whether it was there until it was killed.
    pub(crate) fn kill(mut self) -> bool {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let status = self.child.wait().unwrap();
        status.code().is_none()
    }

    /// SIGKILL, without waiting.
    pub(crate) fn strike(&mut self) {
        // It fails when it has ended already.
        let _ = self.child.kill();
    }

    /// Whether it has not ended.
    pub(crate) fn is_there(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn end(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs a command of the binary to its end, on the settings in a folder. It goes on when nobody
/// waits for it any more, and keeps `held` so long.
pub(crate) async fn command(
    folder: &Path,
    arguments: &[&OsStr],
    held: impl Send + 'static,
) -> Output {
    let mut command = trestle();
    command
        .args(arguments)
        .arg("--config")
        .arg(folder.join("trestle.toml"))
        .stdin(Stdio::null());
    let run = move || {
        let output = command.output().unwrap();
        drop(held);
        output
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}
