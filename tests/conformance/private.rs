//! A gateway of a check's own: its own settings, clock, ACS, file server and phones, that can be
//! stopped, killed and started again on the same store and ports.
//!
//! ```ignore
//! check_alone(139, async || {
//!     let options = Options { speed: 100, ..Options::default() };
//!     let mut private = Private::start(139, options).await;
//!     let mut subject = private.subject(0).await;
//!     // … a session …
//!     private.restart();
//!     private.pass(Duration::from_secs(60)).await;
//! });
//! ```
//!
//! Everything ends with the check: the gateway when the [`Private`] is dropped, the rest with it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use trestle::sim::file_server::FileServer;

use crate::certificates::Authority;
use crate::fleet::{Phone, Vendor};
use crate::gateway::{Listen, World, log_file, prepare, settings, start_acs};
use crate::phone;
use crate::process::Process;
use crate::subject::Subject;
use crate::variant::{Template, Variant};

/// How a private gateway is made.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Its template; `None`: that of the variant.
    pub(crate) template: Option<Template>,
    /// Whether its ACS is behind TLS; `None`: as in the variant.
    pub(crate) https: Option<bool>,
    /// TOML lines that are laid over the usual settings: `"[acs]\nmax_sessions = 1\n"`. Without
    /// one on it there is no periodic Inform in our lifetime.
    pub(crate) settings: String,
    /// How many times as fast as ours its clock runs. Waits of sockets stay as they are.
    pub(crate) speed: u16,
    /// How many phones are in its tree.
    pub(crate) phones: u16,
    /// Who made them, one after the other and over again; empty: as the check's number says.
    pub(crate) vendors: &'static [Vendor],
}

impl Default for Options {
    fn default() -> Self {
        Self {
            template: None,
            https: None,
            settings: String::new(),
            speed: 1,
            phones: 2,
            vendors: &[],
        }
    }
}

/// A gateway of a check's own.
pub(crate) struct Private {
    /// Its surroundings. They stay for the life of the test program, the ACS closed.
    pub(crate) world: &'static World,
    check: u16,
    options: Options,
    folder: PathBuf,
    name: String,
    since: Timestamp,
    process: Option<Process>,
}

impl Private {
    /// Starts one and imports its tree. `check` gives it its addresses.
    #[allow(
        clippy::disallowed_methods,
        reason = "its clock has to go on after a restart"
    )]
    pub(crate) async fn start(check: u16, options: Options) -> Self {
        static STARTED: AtomicU8 = AtomicU8::new(0);
        let current = Variant::current();
        let variant = Variant {
            template: options.template.unwrap_or(current.template),
            https: options.https.unwrap_or(current.https),
        };
        // A check may start several; two that run at once must not share an address.
        let nth = STARTED.fetch_add(1, Ordering::Relaxed) % 50;
        let host = u8::try_from(check).unwrap();
        let at = |port| SocketAddr::from(([127, current.network(), 200 + nth, host], port));
        let authority = Authority::new("private authority");
        let tls = variant
            .https
            .then(|| authority.server(&at(0).ip().to_string()));
        let acs = start_acs(variant, at(7548), tls).await;
        let files = FileServer::start(None).await.unwrap();
        let folder = tempfile::tempdir().unwrap().keep();
        let phones = (0..options.phones).map(|which| a_phone(check, which, &options));
        prepare(&folder, &authority, phones);
        let listen = Listen {
            phones: at(8080),
            connection_requests: at(7547),
            admin: at(8090),
        };
        let lines = settings(&folder, variant, acs.url(), &listen, &[&options.settings]);
        fs::write(folder.join("trestle.toml"), lines).unwrap();
        let world = Box::leak(Box::new(World {
            acs,
            files,
            authority,
            phones_http: listen.phones,
        }));
        let mut private = Self {
            world,
            check,
            options,
            folder,
            name: format!("c{check:03}-{}", current.name()),
            since: Timestamp::now(),
            process: None,
        };
        let _ = fs::remove_file(private.log());
        private.run(true);
        private
    }

    /// Starts one whose clock runs so fast, and announces the first phone of it.
    pub(crate) async fn announced(check: u16, speed: u16) -> (Self, Subject) {
        let options = Options {
            speed,
            ..Options::default()
        };
        let private = Self::start(check, options).await;
        let subject = private.subject(0).await;
        (private, subject)
    }

    /// A phone of its tree, plugged in but not booted.
    pub(crate) async fn plugged_in(&self, which: u16) -> Subject {
        Subject::of(self.world, self.phone(which)).await
    }

    /// A phone of its tree after its first session, which gave it credentials for connection
    /// requests.
    pub(crate) async fn subject(&self, which: u16) -> Subject {
        let mut subject = self.plugged_in(which).await;
        subject.announce().await;
        subject
    }

    /// A phone of its tree.
    pub(crate) fn phone(&self, which: u16) -> Phone {
        a_phone(self.check, which, &self.options)
    }

    /// Kills the gateway with SIGKILL. The ACS and the phones stay.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// Stops the gateway with SIGTERM and waits until it has ended.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.terminate();
        }
    }

    /// Starts it again on the same store and the same ports, after [`Private::kill`] or
    /// [`Private::stop`].
    pub(crate) fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        self.run(false);
    }

    /// Kills and starts it.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.start_again();
    }

    /// One of its listeners: `connection-request http`.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        let process = self.process.as_ref().expect("it runs");
        process.listeners[name]
    }

    /// The most memory that its process has had so far, in bytes.
    pub(crate) fn memory_peak(&self) -> u64 {
        self.process.as_ref().expect("it runs").memory_peak()
    }

    /// Our time for so much of the gateway's.
    pub(crate) fn scaled(&self, span: Duration) -> Duration {
        span / u32::from(self.options.speed)
    }

    /// The gateway's time for so much of ours.
    pub(crate) fn unscaled(&self, span: Duration) -> Duration {
        span * u32::from(self.options.speed)
    }

    /// Waits until so much of the gateway's time has passed.
    pub(crate) async fn pass(&self, span: Duration) {
        tokio::time::sleep(self.scaled(span)).await;
    }

    /// Lets phones of its tree boot, some at a time. They need not be plugged in.
    pub(crate) async fn boot(&self, phones: std::ops::Range<u16>) {
        const AT_ONCE: usize = 32;
        let mut booting = JoinSet::new();
        for which in phones {
            if booting.len() >= AT_ONCE {
                booting.join_next().await.unwrap().unwrap();
            }
            booting.spawn(phone::boot(self.phone(which), self.world.phones_http));
        }
        booting.join_all().await;
    }

    /// The folder with its settings (`trestle.toml`), store (`data`) and tree (`tree`).
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it has logged so far.
    pub(crate) fn logged(&self) -> String {
        fs::read_to_string(self.log()).unwrap()
    }

    fn log(&self) -> PathBuf {
        log_file(&self.name)
    }

    fn run(&mut self, import: bool) {
        let mut arguments = vec![
            "--clock-speed".to_owned(),
            self.options.speed.to_string(),
            "--clock-since".to_owned(),
            self.since.to_string(),
        ];
        if import {
            let tree = self.folder.join("tree");
            arguments.extend(["--import".to_owned(), tree.display().to_string()]);
        }
        let started = Process::start(&self.folder, &arguments, &self.log());
        self.process = Some(started.unwrap_or_else(|reason| panic!("{reason}")));
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        self.kill();
        self.world.acs.close();
        // What is left of it does no harm in a temporary folder.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn a_phone(check: u16, which: u16, options: &Options) -> Phone {
    let phone = Phone::of_check(check, which);
    match options.vendors {
        [] => phone,
        vendors => phone.made_by(vendors[usize::from(which) % vendors.len()]),
    }
}
