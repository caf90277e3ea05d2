//! nginx as the old config server: a process with a folder of its own, in the foreground.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::bench::{PATIENCE, copy_tree, fixtures};

const PORT: u16 = 8058;

/// An old server; killed when dropped.
pub(crate) struct Nginx {
    folder: TempDir,
    address: SocketAddr,
    child: Option<Child>,
}

impl Nginx {
    /// Serves a copy of the fixtures' tree, with these lines for its root; `None` without nginx.
    pub(crate) fn start(location: &str) -> Option<Self> {
        let found = Command::new("nginx")
            .arg("-v")
            .stderr(Stdio::null())
            .status();
        if found.is_err() {
            println!("skipped: no nginx");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        copy_tree(&fixtures(), &folder.path().join("www"));
        let at = folder.path().display();
        let address = SocketAddr::from((address(), PORT));
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("  {kind}_temp_path {at}/{kind};\n"))
            .concat();
        let settings = format!(
            "daemon off;\nmaster_process off;\nuser root;\npid {at}/pid;\nerror_log {at}/error.log;\n\
             events {{}}\nhttp {{\n{temporary}  access_log {at}/access.log combined;\n  \
             server {{\n    listen {address};\n    location / {{\n      root {at}/www;\n      \
             {location}\n    }}\n  }}\n}}\n"
        );
        fs::write(folder.path().join("nginx.conf"), settings).unwrap();
        let mut nginx = Self {
            folder,
            address,
            child: None,
        };
        nginx.start_again();
        Some(nginx)
    }

    /// Starts it anew after it was killed.
    #[track_caller]
    pub(crate) fn start_again(&mut self) {
        let error_log = self.folder.path().join("error.log");
        let child = Command::new("nginx")
            .args(["-e".as_ref(), error_log.as_os_str()])
            .args([
                "-c".as_ref(),
                self.folder.path().join("nginx.conf").as_os_str(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            let log = fs::read_to_string(&error_log);
            assert!(Instant::now() < deadline, "nginx is not ready: {log:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder that it serves.
    pub(crate) fn tree(&self) -> PathBuf {
        self.folder.path().join("www")
    }

    /// Its log.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.folder.path().join("access.log")
    }

    /// The lines of its log about requests for names that there may be: a gateway asks for some
    /// that there can't be.
    pub(crate) fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.log_file()).unwrap();
        let is_probe = |line: &&str| line.contains("/trestle-") || line.contains("/cfg0200");
        let lines = log.lines().filter(|line| !is_probe(line));
        lines.map(str::to_owned).collect()
    }

    /// Waits until the log has so many of these lines.
    #[track_caller]
    pub(crate) fn log_of(&self, count: usize) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if log.len() >= count {
                return log;
            }
            assert!(Instant::now() < deadline, "{log:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops it in the middle: it takes connections and says nothing.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    #[track_caller]
    fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.child.as_ref().unwrap().id());
        let sent = Command::new("sh").args(["-c", &script]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A loopback address that no other old server has.
fn address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let process = std::process::id();
    let [third, ..] = (process % 250).to_le_bytes();
    let number = process / 250 + NEXT.fetch_add(1, Ordering::Relaxed);
    let [fourth, ..] = (number % 254).to_le_bytes();
    Ipv4Addr::new(127, 58, third + 1, fourth + 1)
}
