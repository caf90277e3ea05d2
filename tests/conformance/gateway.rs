//! The one gateway of all checks, with the ACS and the file server around it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;

use tokio::runtime::Runtime;
use trestle::sim::acs::{AcsOptions, ScriptedAcs};
use trestle::sim::file_server::FileServer;

use crate::certificates::Authority;
use crate::fleet;
use crate::support::read_listeners;
use crate::types::expected_types;

/// User name of every CPE at the ACS.
pub(crate) const CPE_USERNAME: &str = "fleet";
/// Password of every CPE at the ACS.
pub(crate) const CPE_PASSWORD: &str = "fleetsecret";

/// Everything that the checks share.
pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) acs: ScriptedAcs,
    pub(crate) files: FileServer,
    pub(crate) authority: Authority,
    pub(crate) phones_http: SocketAddr,
    /// As long as this is open the gateway runs.
    _keep_running: ChildStdin,
}

/// The shared world, started by the first check.
pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<Result<World, String>> = OnceLock::new();
    match WORLD.get_or_init(start) {
        Ok(world) => world,
        Err(reason) => panic!("{reason}"),
    }
}

fn start() -> Result<World, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let (acs, files) = runtime.block_on(async {
        let options = AcsOptions {
            expected_type: expected_types(),
            ..AcsOptions::default()
        };
        let acs = ScriptedAcs::start(options).await.unwrap();
        (acs, FileServer::start(None).await.unwrap())
    });
    let folder = tempfile::tempdir().unwrap().keep();
    let authority = Authority::new("conformance authority");
    let tree = folder.join("tree");
    fs::create_dir(&tree).unwrap();
    fleet::write_tree(&tree).unwrap();
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.join("trestle.toml"), settings(&folder, acs.url())).unwrap();
    let (keep_running, listeners) = start_gateway(&folder)?;
    Ok(World {
        runtime,
        acs,
        files,
        authority,
        phones_http: listeners["phones http"],
        _keep_running: keep_running,
    })
}

fn settings(folder: &Path, acs: &str) -> String {
    let data = folder.join("data");
    format!(
        "[store]\npath = {data:?}\n\
         [phones]\nhttp = \"127.0.0.1:0\"\nproof = \"open\"\n\
         [acs]\nurl = {acs:?}\nusername = {CPE_USERNAME:?}\npassword = {CPE_PASSWORD:?}\n\
         max_sessions = 256\n\
         [connection_request]\nlisten = \"127.0.0.1:0\"\n\
         [transfers]\nallow = [\"127.0.0.0/8\"]\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n"
    )
}

/// Starts the binary below a shell that ends it, and clears the folder away, as soon as the test
/// program is gone and its end of the pipe closes.
fn start_gateway(folder: &Path) -> Result<(ChildStdin, BTreeMap<String, SocketAddr>), String> {
    const SCRIPT: &str = "\"$1\" serve --config \"$2/trestle.toml\" --import \"$2/tree\" </dev/null & \
         gateway=$!; exec >/dev/null; cat; kill $gateway; wait $gateway; rm -rf \"$2\"";
    let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance-gateway.log");
    let mut shell = Command::new("sh")
        .args(["-c", SCRIPT, "conformance", env!("CARGO_BIN_EXE_trestle")])
        .arg(folder)
        .env("SSL_CERT_FILE", folder.join("ca.pem"))
        .env_remove("SSL_CERT_DIR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let keep_running = shell.stdin.take().unwrap();
    let output = BufReader::new(shell.stdout.take().unwrap());
    let (sender, lines) = mpsc::channel();
    // The reader goes on for the life of the gateway, so that it never writes into a closed pipe.
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            // Nobody listens any more once all listeners are known.
            let _ = sender.send(line);
        }
        drop(sender);
        let _ = shell.wait();
    });
    let listeners = read_listeners(&lines)
        .map_err(|seen| format!("the gateway is not ready; see {log:?}; it said {seen:?}"))?;
    Ok((keep_running, listeners))
}
