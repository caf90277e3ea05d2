//! What checks work in: a gateway with the ACS, the file server and the tree of phones around it.
//! One per variant is shared by all checks; `private.rs` makes others.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::runtime::Runtime;
use trestle::sim::acs::{AcsOptions, ScriptedAcs};
use trestle::sim::file_server::FileServer;

use crate::catalogue::LAST_ID;
use crate::certificates::Authority;
use crate::fleet::{self, Phone};
use crate::ledger;
use crate::model::Model;
use crate::process::Process;
use crate::variant::Variant;

/// User name of every CPE at the ACS.
pub(crate) const CPE_USERNAME: &str = "fleet";
/// Password of every CPE at the ACS.
pub(crate) const CPE_PASSWORD: &str = "fleetsecret";
/// Phones of each check in the shared tree.
const PHONES_PER_CHECK: u16 = 2;

/// A gateway's surroundings.
pub(crate) struct World {
    pub(crate) acs: ScriptedAcs,
    pub(crate) files: FileServer,
    pub(crate) authority: Authority,
    /// Where phones fetch.
    pub(crate) phones_http: SocketAddr,
}

/// The runtime of all simulated parts.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap()
    })
}

/// The shared world of this thread's variant, started by the first call, which must come from
/// outside of the runtime.
pub(crate) fn world() -> &'static World {
    type Started = Arc<OnceLock<Result<&'static World, String>>>;
    static WORLDS: Mutex<BTreeMap<Variant, Started>> = Mutex::new(BTreeMap::new());
    let variant = Variant::current();
    let started = {
        let mut worlds = WORLDS.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(worlds.entry(variant).or_default())
    };
    match started.get_or_init(|| start(variant)) {
        Ok(world) => world,
        Err(reason) => panic!("{reason}"),
    }
}

/// An ACS for gateways of this variant. Its messages count, in the ledger, for the variant of the
/// check that starts it.
pub(crate) async fn start_acs(
    variant: Variant,
    bind: SocketAddr,
    tls: Option<Arc<rustls::ServerConfig>>,
) -> ScriptedAcs {
    let options = AcsOptions {
        bind,
        tls,
        expected_type: Model::of(variant.template).expected_types(),
        observer: Some(ledger::observer(variant.template)),
        ..AcsOptions::default()
    };
    ScriptedAcs::start(options).await.unwrap()
}

/// Where a gateway listens.
pub(crate) struct Listen {
    pub(crate) phones: SocketAddr,
    pub(crate) connection_requests: SocketAddr,
    pub(crate) admin: SocketAddr,
}

/// The settings of a gateway; `more` are TOML lines that are laid over them one after the other,
/// section by section.
pub(crate) fn settings(
    folder: &Path,
    variant: Variant,
    acs: &str,
    listen: &Listen,
    more: &[&str],
) -> String {
    let Listen {
        phones,
        connection_requests,
        admin,
    } = listen;
    // A periodic Inform that nobody has asked for would come into the middle of some check.
    let usual = format!(
        "[store]\npath = {:?}\n\
         [phones]\nhttp = \"{phones}\"\nproof = \"open\"\n\
         [acs]\nurl = {acs:?}\nusername = {CPE_USERNAME:?}\npassword = {CPE_PASSWORD:?}\n\
         max_sessions = 256\ntemplate = {:?}\nperiodic_inform_interval = 4000000000\n\
         [connection_request]\nlisten = \"{connection_requests}\"\n\
         [transfers]\nallow = [\"127.0.0.0/8\"]\n\
         [admin]\nlisten = \"{admin}\"\n",
        folder.join("data"),
        variant.template.name(),
    );
    let mut table: toml::Table = usual.parse().unwrap();
    for lines in more {
        lay_over(&mut table, lines.parse().unwrap());
    }
    table.to_string()
}

/// Makes the folder that a gateway starts from.
pub(crate) fn prepare(folder: &Path, authority: &Authority, phones: impl Iterator<Item = Phone>) {
    let tree = folder.join("tree");
    fs::create_dir(&tree).unwrap();
    fleet::write_tree(&tree, phones).unwrap();
    fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
}

/// Where the log of a gateway goes.
pub(crate) fn log_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("conformance-{name}.log"))
}

fn start(variant: Variant) -> Result<&'static World, String> {
    let authority = Authority::new("conformance authority");
    let tls = variant.https.then(|| authority.server("127.0.0.1"));
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let (acs, files) = runtime().block_on(async {
        let acs = start_acs(variant, any, tls).await;
        (acs, FileServer::start(None).await.unwrap())
    });
    let folder = tempfile::tempdir().unwrap().keep();
    let phones = (1..=LAST_ID)
        .flat_map(|check| (0..PHONES_PER_CHECK).map(move |which| Phone::of_check(check, which)));
    prepare(&folder, &authority, phones);
    let listen = Listen {
        phones: any,
        connection_requests: any,
        admin: any,
    };
    let settings = settings(&folder, variant, acs.url(), &listen, &[]);
    fs::write(folder.join("trestle.toml"), settings).unwrap();
    let arguments = [
        "--import".to_owned(),
        folder.join("tree").display().to_string(),
    ];
    let process = Process::start(&folder, &arguments, &log_file(variant.name()))?;
    let phones_http = process.listeners["phones http"];
    // It runs until the test program ends; its watcher ends it then.
    std::mem::forget(process);
    Ok(Box::leak(Box::new(World {
        acs,
        files,
        authority,
        phones_http,
    })))
}

fn lay_over(table: &mut toml::Table, more: toml::Table) {
    for (key, value) in more {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(more)) => lay_over(inner, more),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}
