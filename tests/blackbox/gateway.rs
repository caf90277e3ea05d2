//! A running gateway: `trestle serve` as a process.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::command::trestle;
use crate::support::read_listeners;

/// How long a gateway may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(120);

/// A gateway that serves; killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    lines: mpsc::Receiver<String>,
    listeners: BTreeMap<String, SocketAddr>,
}

impl Gateway {
    /// Starts one on a settings file and waits until it listens. What it prints and logs is added
    /// to `gateway.out` and `gateway.log` in the folder.
    #[track_caller]
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::start_with_log(folder, arguments, "info")
    }

    /// The same with these log events, as the variable `TRESTLE_LOG` has them.
    #[track_caller]
    pub(crate) fn start_with_log(folder: &Path, arguments: &[&str], events: &str) -> Self {
        let file = |name: &str| {
            let path = folder.join(name);
            OpenOptions::new().create(true).append(true).open(path)
        };
        let mut copy = file("gateway.out").unwrap();
        let mut child = trestle()
            .args(["serve", "--config"])
            .arg(folder.join("trestle.toml"))
            .args(arguments)
            .env("TRESTLE_LOG", events)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(file("gateway.log").unwrap())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                writeln!(copy, "{line}").unwrap();
                // Nobody listens any more once all listeners are known and the test is over.
                let _ = sender.send(line);
            }
        });
        let mut gateway = Self {
            child,
            lines,
            listeners: BTreeMap::new(),
        };
        match read_listeners(&gateway.lines) {
            Ok(listeners) => gateway.listeners = listeners,
            Err(seen) => {
                let log = std::fs::read_to_string(folder.join("gateway.log"));
                panic!("the gateway is not ready; it said {seen:?} and logged {log:?}")
            }
        }
        gateway
    }

    /// Where it serves files.
    pub(crate) fn phones_http(&self) -> SocketAddr {
        self.listeners["phones http"]
    }

    /// Where it serves files over TFTP.
    pub(crate) fn phones_tftp(&self) -> Option<SocketAddr> {
        self.listeners.get("phones tftp").copied()
    }

    /// Where it listens for this, as it says itself: `phones https`.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        self.listeners[name]
    }

    /// Asks it to read its certificates anew.
    #[track_caller]
    pub(crate) fn hang_up(&self) {
        let script = format!("kill -HUP {}", self.child.id());
        let asked = Command::new("sh").args(["-c", &script]).status().unwrap();
        assert!(asked.success());
    }

    /// Where it takes connection requests.
    pub(crate) fn connection_requests(&self) -> SocketAddr {
        self.listeners["connection-request http"]
    }

    /// Where it takes syslog, `udp` or `tcp`.
    pub(crate) fn syslog(&self, transport: &str) -> SocketAddr {
        self.listeners[&format!("syslog {transport}")]
    }

    /// `kill -9`, now; returns when the process is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, as `systemctl stop` does, and waits until it has.
    #[track_caller]
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let script = format!("kill -TERM {}", self.child.id());
        let asked = Command::new("sh").args(["-c", &script]).status().unwrap();
        assert!(asked.success());
        // Its standard output closes when it is gone.
        let closed = loop {
            match self.lines.recv_timeout(STOP_LIMIT) {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(closed, RecvTimeoutError::Disconnected, "it does not stop");
        self.child.wait().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
