//! The two servers, each a process on the first core.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::status;
use crate::tree::Tree;

/// A server that runs; ended when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Its memory, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        status::size(&self.child.id().to_string(), "VmRSS")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGTERM, so that nginx ends its worker too.
        let script = format!("kill -TERM {}", self.child.id());
        let _ = Command::new("sh").args(["-c", &script]).status();
        let _ = self.child.wait();
    }
}

/// Runs a program on the first core.
fn on_first_core(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "0", program]);
    command
}

/// The gateway, with the tree imported.
pub(crate) fn trestle(folder: &Path, tree: &Tree) -> Server {
    let program = env!("CARGO_BIN_EXE_trestle");
    let config = folder.join("trestle.toml");
    let settings = format!(
        "[store]\npath = {:?}\n[phones]\nhttp = \"127.0.0.1:0\"\nmax_connections = 20000\n\
         [connection_request]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n",
        folder.join("data")
    );
    fs::write(&config, settings).expect("a file");
    let imported = Command::new(program)
        .arg("import")
        .arg(&tree.folder)
        .arg("--config")
        .arg(&config)
        .stdout(Stdio::null())
        .status();
    assert!(imported.expect("it runs").success());
    let mut child = on_first_core(program)
        .args(["serve", "--config"])
        .arg(&config)
        .env("TRESTLE_LOG", "error")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let output = child.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let address = lines
        .find_map(|line| line.strip_prefix("listening phones http ")?.parse().ok())
        .expect("it listens");
    // Whoever writes into a closed pipe is told so.
    thread::spawn(move || lines.for_each(drop));
    Server { child, address }
}

/// nginx with the tree as its root and nothing else to do: one worker, no access log.
pub(crate) fn nginx(folder: &Path, tree: &Tree) -> Server {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = free.local_addr().expect("its address");
    drop(free);
    let config = folder.join("nginx.conf");
    let place = folder.display();
    let settings = format!(
        "daemon off;\nworker_processes 1;\npid {place}/nginx.pid;\nerror_log {place}/nginx.log;\n\
         events {{ worker_connections 4096; }}\n\
         http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  keepalive_requests 1000000000;\n\
         server {{ listen {address}; root {}; }}\n}}\n",
        tree.folder.display()
    );
    fs::write(&config, settings).expect("a file");
    let child = on_first_core("nginx")
        .arg("-c")
        .arg(&config)
        .arg("-p")
        .arg(folder)
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    while TcpStream::connect(address).is_err() {
        thread::sleep(Duration::from_millis(20));
    }
    Server { child, address }
}
