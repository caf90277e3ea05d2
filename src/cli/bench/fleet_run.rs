//! What is measured with one fleet, step by step.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use super::cores::Core;
use super::limits;
use super::lookups::{self, Latencies};
use super::process::{GatewayProcess, Spent, Starter};
use super::workshop::{AT_ONCE, Workshop};
use crate::cli::exit::CommandError;
use crate::sim::fleet::Fleet;
use crate::sim::quick_acs::QuickAcs;

/// Informs per second of a million phones, once in six hours each.
pub(super) const RATE_OF_A_MILLION: f64 = 1_000_000.0 / 21_600.0;
/// Informs per second that are asked for when as many as possible are wanted.
const MORE_THAN_POSSIBLE: u64 = 6_000;
/// Sessions per second that phones which are new are spread over.
const INTRODUCTIONS: u64 = 4_000;
/// The gateway spreads those of a start over so many a second of its own clock.
const START_RATE: u64 = 50;
/// An interval in which nothing falls due during a step.
const LONG_INTERVAL: u32 = 10_000_000;
/// Until caches and connections are as they stay.
const WARM_UP: Duration = Duration::from_secs(1);
/// Between two looks at a count.
const LOOK: Duration = Duration::from_millis(20);
/// Without a new session for so long, no further one comes.
const QUIET: Duration = Duration::from_secs(120);
/// Phones that fetch.
const LOOKUPS: u64 = 500;

/// One fleet under measurement.
pub(super) struct FleetRun<'a> {
    pub(super) starter: &'a Starter,
    pub(super) acs: &'a QuickAcs,
    pub(super) workshop: &'a Workshop,
    pub(super) fleet: &'a Fleet,
    /// How long what goes on evenly is watched.
    pub(super) step: Duration,
}

/// The fleet's way into the store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Import {
    /// What its files have together.
    pub(super) bytes: u64,
    pub(super) import: Spent,
    /// Reading the same files alone.
    pub(super) reading: Duration,
    /// Reading them and putting them into a bare store.
    pub(super) raw: Duration,
}

/// A gateway that has little to do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Idle {
    /// From its start until its first Inform came.
    pub(super) start_up: Duration,
    pub(super) memory: u64,
    pub(super) disk: u64,
    /// Sessions per second meanwhile, and the share of one core that they took.
    pub(super) rate: f64,
    pub(super) share: f64,
}

/// Work at full speed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speed {
    pub(super) per_second: f64,
    /// Processor time of each.
    pub(super) cpu: Duration,
}

/// A gateway that has all it can do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Busy {
    pub(super) informing: Speed,
    pub(super) bare: Speed,
    pub(super) setting: Speed,
    pub(super) faults: u64,
    /// Commits per second that the disk gives to as many at once.
    pub(super) group: f64,
}

/// Files of phones fetched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lookups {
    pub(super) cold: Latencies,
    pub(super) warm: Latencies,
}

impl FleetRun<'_> {
    /// Makes the tree, imports it, and measures the limit of that. The tree is gone afterwards.
    pub(super) fn import(&self, progress: &dyn Fn(u64)) -> Result<Import, CommandError> {
        let tree = self.workshop.tree();
        fs::create_dir_all(&tree)?;
        let bytes = self.fleet.write(&tree, progress)?;
        let settings = self.workshop.settings(LONG_INTERVAL)?;
        let (tree_text, settings) = (tree.to_string_lossy(), settings.to_string_lossy());
        let arguments = [
            "import", &tree_text, "--config", &settings, "--format", "json",
        ];
        let log = self.workshop.log();
        let import = self.starter.run(Core::Any, &arguments, &log)?;
        self.starter.cores.move_to(Core::Any);
        let reading = limits::read_all(&tree)?;
        let aside = self.workshop.aside("bare-store");
        let raw = limits::read_and_store_all(&tree, &aside)?;
        self.starter.cores.move_to(Core::Others);
        fs::remove_dir_all(aside)?;
        fs::remove_dir_all(&tree)?;
        Ok(Import {
            bytes,
            import,
            reading,
            raw,
        })
    }

    /// Lets every phone have its first session, in which it is new.
    pub(super) fn introduce(&self, progress: &dyn Fn(u64)) -> Result<(), CommandError> {
        let speed = (INTRODUCTIONS / START_RATE).to_string();
        let before = self.acs.counts().sessions;
        let gateway = self.serve(LONG_INTERVAL, &["--clock-speed", &speed], Core::Any)?;
        let (mut last, mut since) = (0, Instant::now());
        while last < self.fleet.len() {
            thread::sleep(LOOK);
            let sessions = self.acs.counts().sessions - before;
            if sessions > last {
                (last, since) = (sessions, Instant::now());
                progress(sessions);
            } else if since.elapsed() > QUIET {
                return Err(CommandError::new(format!(
                    "only {last} of {} phones had a first session",
                    self.fleet.len()
                )));
            }
        }
        gateway.stop()
    }

    /// Starts a gateway on the store and watches it while Informs come as from a million phones.
    pub(super) fn idle(&self) -> Result<Idle, CommandError> {
        let interval = (self.fleet.len() as f64 / RATE_OF_A_MILLION)
            .ceil()
            .max(1.0);
        self.acs.expect_inform();
        let gateway = self.serve(interval as u32, &[], Core::Any)?;
        let start_up = self.first_inform(&gateway)?;
        thread::sleep(WARM_UP);
        let (speed, share) = self.watch(&gateway)?;
        let (memory, disk) = (gateway.memory()?, self.workshop.disk()?);
        gateway.stop()?;
        Ok(Idle {
            start_up,
            memory,
            disk,
            rate: speed.per_second,
            share,
        })
    }

    /// Asks for more sessions than the gateway can hold, on a core of its own.
    pub(super) fn busy(&self) -> Result<Busy, CommandError> {
        let interval = (self.fleet.len() / MORE_THAN_POSSIBLE).max(1);
        let speed = (MORE_THAN_POSSIBLE / self.fleet.len().max(1))
            .max(1)
            .to_string();
        let interval = u32::try_from(interval).unwrap_or(LONG_INTERVAL);
        self.acs.expect_inform();
        self.acs.record();
        let gateway = self.serve(interval, &["--clock-speed", &speed], Core::Gateway)?;
        self.first_inform(&gateway)?;
        thread::sleep(WARM_UP);
        let (informing, _) = self.watch(&gateway)?;
        self.acs.set_in_every(1);
        thread::sleep(WARM_UP);
        let before = self.acs.counts();
        let (cpu, started) = (gateway.cpu()?, Instant::now());
        thread::sleep(self.step);
        let after = self.acs.counts();
        let (cpu, time) = (gateway.cpu()?.saturating_sub(cpu), started.elapsed());
        self.acs.set_in_every(0);
        gateway.stop()?;
        let setting = Speed::of(after.set - before.set, time, cpu);
        let bare = self.bare()?;
        self.starter.cores.move_to(Core::Any);
        let file = self.workshop.aside("sync");
        let group = limits::group_syncs(&file, AT_ONCE.into(), self.step)?;
        self.starter.cores.move_to(Core::Others);
        Ok(Busy {
            informing,
            bare,
            setting,
            faults: after.faults - before.faults,
            group,
        })
    }

    /// Lets phones fetch from a gateway that has just started on files which the system has
    /// forgotten, and the same phones again.
    pub(super) fn look_up(&self) -> Result<Lookups, CommandError> {
        self.workshop.forget_pages()?;
        let gateway = self.serve(LONG_INTERVAL, &[], Core::Gateway)?;
        self.workshop.forget_pages()?;
        let cold = lookups::fetch(self.fleet, gateway.phones, LOOKUPS)?;
        let warm = lookups::fetch(self.fleet, gateway.phones, LOOKUPS)?;
        gateway.stop()?;
        Ok(Lookups { cold, warm })
    }

    /// The sessions that the ACS has recorded, by a client that does nothing else.
    fn bare(&self) -> Result<Speed, CommandError> {
        let requests = self.acs.recorded();
        if requests.is_empty() {
            return Err(CommandError::new(
                "no session was recorded for the bare client",
            ));
        }
        let file = self.workshop.aside("requests.json");
        fs::write(&file, serde_json::to_vec(&requests)?)?;
        let before = self.acs.counts().sessions;
        let (file, address) = (file.to_string_lossy(), self.acs.address().to_string());
        let milliseconds = self.step.as_millis().to_string();
        let arguments = ["bench", "--bare-client", &file, &address, &milliseconds];
        let log = self.workshop.log();
        let spent = self.starter.run(Core::Gateway, &arguments, &log)?;
        let sessions = self.acs.counts().sessions - before;
        Ok(Speed::of(sessions, spent.time, spent.cpu))
    }

    /// Starts a gateway on the store, with this time between the Informs of a phone, in seconds.
    pub(super) fn serve(
        &self,
        interval: u32,
        more: &[&str],
        core: Core,
    ) -> Result<GatewayProcess, CommandError> {
        let settings = self.workshop.settings(interval)?;
        self.starter
            .serve(core, &settings, more, &self.workshop.log())
    }

    fn first_inform(&self, gateway: &GatewayProcess) -> Result<Duration, CommandError> {
        loop {
            if let Some(first) = self.acs.first_inform() {
                return Ok(first.saturating_duration_since(gateway.started));
            }
            if gateway.started.elapsed() > QUIET + Duration::from_secs(self.fleet.len() / 1_000) {
                return Err(CommandError::new("no Inform came"));
            }
            thread::sleep(LOOK);
        }
    }

    /// How many sessions come for a while, what each takes, and the share of a core of all.
    fn watch(&self, gateway: &GatewayProcess) -> Result<(Speed, f64), CommandError> {
        let before = self.acs.counts().sessions;
        let (cpu, started) = (gateway.cpu()?, Instant::now());
        thread::sleep(self.step);
        let sessions = self.acs.counts().sessions - before;
        let (cpu, time) = (gateway.cpu()?.saturating_sub(cpu), started.elapsed());
        let share = cpu.as_secs_f64() / time.as_secs_f64();
        Ok((Speed::of(sessions, time, cpu), share))
    }
}

impl Speed {
    fn of(count: u64, time: Duration, cpu: Duration) -> Self {
        let per_second = count as f64 / time.as_secs_f64();
        let each = cpu.as_secs_f64() / count.max(1) as f64;
        Self {
            per_second,
            cpu: Duration::from_secs_f64(each),
        }
    }
}
