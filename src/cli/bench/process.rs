//! Child processes of this very binary, and what the system says about them.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike as _;
use nix::unistd::Pid;

use super::cores::{Core, Cores};
use crate::cli::exit::CommandError;

/// How long a gateway may take to end by itself.
const STOP_PATIENCE: Duration = Duration::from_secs(60);
/// Between looks at whether it has.
const STOP_LOOK: Duration = Duration::from_millis(20);

/// The processes that run now: whoever is interrupted ends them.
#[derive(Debug, Default, Clone)]
pub(super) struct Running(Arc<Mutex<Vec<Pid>>>);

impl Running {
    /// Ends them at once.
    pub(super) fn kill_all(&self) {
        for pid in self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }

    fn add(&self, pid: Pid) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(pid);
    }

    fn remove(&self, pid: Pid) {
        let mut pids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pids.retain(|known| *known != pid);
    }
}

/// Starts processes.
#[derive(Debug, Clone)]
pub(super) struct Starter {
    pub(super) cores: Cores,
    pub(super) running: Running,
    program: PathBuf,
}

impl Starter {
    /// Of the program that this is.
    pub(super) fn new(cores: Cores, running: Running) -> Result<Self, CommandError> {
        Ok(Self {
            cores,
            running,
            program: std::env::current_exe()?,
        })
    }

    /// Runs a command to its end on these cores. Its output goes to `log`.
    pub(super) fn run(
        &self,
        core: Core,
        arguments: &[&str],
        log: &Path,
    ) -> Result<Spent, CommandError> {
        let before = of_children()?;
        let started = Instant::now();
        let mut child = self.start(core, arguments, Stdio::null(), log)?;
        let status = child.0.wait();
        self.running.remove(pid_of(&child.0));
        let status = status?;
        let time = started.elapsed();
        let cpu = of_children()?.saturating_sub(before);
        // 1: findings, which a fleet with odd phones has.
        if !matches!(status.code(), Some(0 | 1)) {
            let told = fs::read_to_string(log).unwrap_or_default();
            let last = told.lines().last().unwrap_or_default();
            return Err(CommandError::new(format!(
                "`trestle {}` failed ({status}): {last}",
                arguments.join(" ")
            )));
        }
        Ok(Spent { time, cpu })
    }

    fn start(
        &self,
        core: Core,
        arguments: &[&str],
        output: Stdio,
        log: &Path,
    ) -> Result<Ending, CommandError> {
        self.cores.move_to(core);
        let child = Command::new(&self.program)
            .args(arguments)
            // Never on the store of who runs this.
            .env_remove("TRESTLE_DATA")
            .env_remove("TRESTLE_CONFIG")
            .env("TRESTLE_LOG", "error")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(File::create(log)?)
            .spawn();
        self.cores.move_to(Core::Others);
        let child = child?;
        self.running.add(pid_of(&child));
        Ok(Ending(child))
    }

    /// Starts a gateway with these settings and waits until it listens.
    pub(super) fn serve(
        &self,
        core: Core,
        settings: &Path,
        more: &[&str],
        log: &Path,
    ) -> Result<GatewayProcess, CommandError> {
        let settings = settings.to_string_lossy();
        let mut arguments = vec!["serve", "--config", &settings];
        arguments.extend(more);
        let started = Instant::now();
        let mut child = self.start(core, &arguments, Stdio::piped(), log)?;
        let output = child.0.stdout.take();
        let mut gateway = GatewayProcess {
            child,
            running: self.running.clone(),
            started,
            phones: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let lines = output
            .map(BufReader::new)
            .into_iter()
            .flat_map(|one| one.lines());
        for line in lines {
            let line = line?;
            if let Some(address) = line.strip_prefix("listening phones http ") {
                gateway.phones = address.parse()?;
            }
            if line.starts_with("listening admin ") {
                return Ok(gateway);
            }
        }
        let told = fs::read_to_string(log).unwrap_or_default();
        let last = told.lines().last().unwrap_or("it has ended");
        Err(CommandError::new(format!(
            "the gateway does not start: {last}"
        )))
    }
}

/// A child that does not outlive who holds it.
#[derive(Debug)]
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

/// What a process that has ended has used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spent {
    pub(super) time: Duration,
    pub(super) cpu: Duration,
}

/// A gateway.
pub(super) struct GatewayProcess {
    child: Ending,
    running: Running,
    /// When it was started.
    pub(super) started: Instant,
    /// Where phones fetch.
    pub(super) phones: SocketAddr,
}

impl GatewayProcess {
    /// Memory that it has, in bytes.
    pub(super) fn memory(&self) -> Result<u64, CommandError> {
        let status = fs::read_to_string(self.in_proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        let kib: Option<u64> = number.and_then(|number| number.parse().ok());
        let kib = kib.ok_or_else(|| CommandError::new("the system does not tell its memory"))?;
        Ok(kib * 1024)
    }

    /// Processor time that its threads have used so far.
    pub(super) fn cpu(&self) -> Result<Duration, CommandError> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(self.in_proc("task"))? {
            // One that has ended meanwhile takes its time with it.
            let Ok(told) = fs::read_to_string(task?.path().join("schedstat")) else {
                continue;
            };
            let used = told
                .split(' ')
                .next()
                .and_then(|used| used.parse::<u64>().ok());
            nanoseconds += used.ok_or_else(|| {
                CommandError::new("the system does not tell the processor time of a process")
            })?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// How many files and sockets it has open.
    pub(super) fn handles(&self) -> Result<u64, CommandError> {
        Ok(fs::read_dir(self.in_proc("fd"))?.count() as u64)
    }

    /// Whether it still runs.
    pub(super) fn is_there(&mut self) -> bool {
        matches!(self.child.0.try_wait(), Ok(None))
    }

    /// Ends it as an operator does.
    pub(super) fn stop(mut self) -> Result<(), CommandError> {
        let pid = pid_of(&self.child.0);
        kill(pid, Signal::SIGTERM)?;
        let asked = Instant::now();
        while self.is_there() {
            if asked.elapsed() > STOP_PATIENCE {
                return Err(CommandError::new("the gateway does not stop"));
            }
            std::thread::sleep(STOP_LOOK);
        }
        Ok(())
    }

    fn in_proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.child.0.id()))
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        self.running.remove(pid_of(&self.child.0));
    }
}

/// Processor time of the children that have ended.
fn of_children() -> Result<Duration, CommandError> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(
        u64::try_from(micros).unwrap_or_default(),
    ))
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap_or_default())
}
