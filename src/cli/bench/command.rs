//! The command: which fleets are made, and what of them is told.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use super::cores::{Core, Cores};
use super::fleet_run::{Busy, FleetRun, Idle, Import, Lookups, RATE_OF_A_MILLION};
use super::machine::Machine;
use super::peer;
use super::process::{Running, Starter};
use super::soak;
use super::table::{Figure, Report, Unit};
use super::workshop::Workshop;
use crate::app::raise_open_files;
use crate::cli::exit::{CommandError, Ending};
use crate::cli::output::Bar;
use crate::cli::temporary::Temporary;
use crate::sim::fleet::Fleet;
use crate::sim::quick_acs::QuickAcs;

/// Smaller fleets that are measured besides, where the fleet is ten times as large at least.
const SMALLER: [u64; 3] = [1_000, 10_000, 100_000];
const TIMES_LARGER: u64 = 10;
/// Of a fleet as large as this the import is told also where it is not the largest.
const LARGE: u64 = 100_000;

/// What can be said of a measurement.
#[derive(Debug, Args)]
pub(in crate::cli) struct BenchArguments {
    /// How many phones the fleet has
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(8..=10_000_000))]
    phones: u64,
    /// Keep working evenly for so long (30 without a number) and say whether memory, file handles and
    /// disk are flat; exit code 1 if one is not
    #[arg(long, value_name = "MINUTES", num_args = 0..=1, default_missing_value = "30")]
    soak: Option<f64>,
    /// Another fleet for another number
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Seconds for which what goes on evenly is watched
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    step: f64,
    /// Folder on the disk to be measured, for a folder of its own that goes away again; the system's
    /// for temporary files if left out
    #[arg(long = "in", value_name = "DIR", conflicts_with = "keep")]
    inside: Option<PathBuf>,
    /// Folder to work in, which is made and stays: the last store and its settings are in it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Measure the store that a run with --keep and as many phones has left in this folder: its
    /// import, which takes longest, is not measured again
    #[arg(long, value_name = "DIR", conflicts_with_all = ["keep", "soak"])]
    reuse: Option<PathBuf>,
    /// How the table is printed
    #[arg(long, value_enum, default_value = "text")]
    format: Form,
    /// Play the peer: a bare client that sends these requests to this address for so long
    #[arg(long, num_args = 3, value_names = ["FILE", "ADDRESS", "MILLISECONDS"], hide = true)]
    bare_client: Option<Vec<String>>,
}

/// How the table is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// For people
    Text,
    /// For programs
    Json,
    /// To be put into a document
    Markdown,
}

/// The folder that everything happens in.
enum Place {
    Temporary(Temporary),
    Kept(PathBuf),
}

impl Place {
    fn of(arguments: &BenchArguments) -> Result<Self, CommandError> {
        match (&arguments.keep, &arguments.inside) {
            (Some(keep), _) => {
                // Never into what somebody has already.
                fs::create_dir(keep)?;
                Ok(Self::Kept(keep.canonicalize()?))
            }
            (None, Some(inside)) => Ok(Self::Temporary(Temporary::inside(inside)?)),
            (None, None) => Ok(Self::Temporary(Temporary::new()?)),
        }
    }

    fn path(&self) -> &std::path::Path {
        match self {
            Self::Temporary(temporary) => temporary.path(),
            Self::Kept(path) => path,
        }
    }
}

pub(in crate::cli) async fn run(arguments: BenchArguments) -> Result<Ending, CommandError> {
    raise_open_files();
    if let Some([file, address, milliseconds]) = arguments.bare_client.as_deref() {
        let time = Duration::from_millis(milliseconds.parse()?);
        return peer::run(file.as_ref(), address.parse()?, time).await;
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let place = Place::of(&arguments)?;
    let running = Running::default();
    let folder = place.path().to_owned();
    let children = running.clone();
    let work = tokio::task::spawn_blocking(move || measure(&arguments, folder, children));
    let ending = tokio::select! {
        ending = work => ending?,
        _ = terminate.recv() => Err(CommandError::new("interrupted")),
        _ = interrupt.recv() => Err(CommandError::new("interrupted")),
    };
    // The thread that measures comes to its end by itself without them.
    running.kill_all();
    drop(place);
    ending
}

fn measure(
    arguments: &BenchArguments,
    folder: PathBuf,
    running: Running,
) -> Result<Ending, CommandError> {
    let cores = Cores::of_this_thread();
    let machine = Machine::look(&folder);
    let starter = Starter::new(cores, running)?;
    cores.move_to(Core::Others);
    let reused = match &arguments.reuse {
        Some(kept) => {
            let folder = kept.canonicalize()?.join(arguments.phones.to_string());
            Some(Workshop::kept(folder)?)
        }
        None => None,
    };
    let ready = move || cores.move_to(Core::Others);
    let acs = match &reused {
        Some(workshop) => QuickAcs::start_at(workshop.acs_address()?, ready)?,
        None => QuickAcs::start(ready)?,
    };
    let step = Duration::try_from_secs_f64(arguments.step)?;
    let fleet = Fleet::new(arguments.seed, arguments.phones);
    let workshop = |phones: u64| -> Result<Workshop, CommandError> {
        let folder = folder.join(phones.to_string());
        fs::create_dir(&folder)?;
        Ok(Workshop::new(folder, acs.url())?)
    };
    if let Some(minutes) = arguments.soak {
        let workshop = workshop(fleet.len())?;
        let run = FleetRun {
            starter: &starter,
            acs: &acs,
            workshop: &workshop,
            fleet: &fleet,
            step,
        };
        run.import(&|_| {})?;
        run.introduce(&|_| {})?;
        let time = Duration::try_from_secs_f64(minutes * 60.0)?;
        return soak::run(&run, time, arguments.format);
    }
    let empty = empty_gateway(&starter, &workshop(0)?);
    let mut sizes: Vec<u64> = SMALLER
        .into_iter()
        .filter(|size| size * TIMES_LARGER <= arguments.phones)
        .collect();
    sizes.push(arguments.phones);
    let mut measured = Vec::new();
    for size in sizes {
        let fleet = Fleet::new(arguments.seed, size);
        let reused = reused.as_ref().filter(|_| size == arguments.phones);
        let fresh = match reused {
            Some(_) => None,
            None => Some(workshop(size)?),
        };
        let Some(workshop) = reused.or(fresh.as_ref()) else {
            continue;
        };
        let run = FleetRun {
            starter: &starter,
            acs: &acs,
            workshop,
            fleet: &fleet,
            step,
        };
        measured.push(match reused {
            Some(_) => Measured::again(&run),
            None => Measured::of(&run)?,
        });
        if size != arguments.phones {
            fs::remove_dir_all(folder.join(size.to_string()))?;
        }
    }
    let report = Report {
        phones: arguments.phones,
        remarks: remarks(&machine, &cores),
        machine,
        figures: figures(&measured, empty.as_ref().ok().copied()),
    };
    report.print(arguments.format)?;
    Ok(Ending::Clean)
}

fn remarks(machine: &Machine, cores: &Cores) -> Vec<String> {
    let mut remarks = Vec::new();
    if machine.is_in_memory() {
        remarks.push(
            "The folder is in memory, so nothing that waits for a disk is measured: name another \
             by --in."
                .to_owned(),
        );
    }
    remarks.push(if cores.are_apart() {
        "Sessions, commits and lookups: the gateway on one core, ACS and phones on another. Import \
         and start-up: on all."
            .to_owned()
    } else {
        "One core only: gateway, ACS and phones share it.".to_owned()
    });
    if cfg!(debug_assertions) {
        remarks.push("Built without optimization: the figures say nothing.".to_owned());
    }
    remarks
}

/// Memory of a gateway without phones.
fn empty_gateway(starter: &Starter, workshop: &Workshop) -> Result<u64, CommandError> {
    let settings = workshop.settings(3600)?;
    let gateway = starter.serve(Core::Any, &settings, &[], &workshop.log())?;
    std::thread::sleep(Duration::from_secs(1));
    let memory = gateway.memory()?;
    gateway.stop()?;
    Ok(memory)
}

/// What was found with one fleet; what can't be measured says why.
struct Measured {
    phones: u64,
    import: Result<Import, CommandError>,
    idle: Result<Idle, CommandError>,
    busy: Result<Busy, CommandError>,
    lookups: Result<Lookups, CommandError>,
}

impl Measured {
    fn of(run: &FleetRun<'_>) -> Result<Self, CommandError> {
        let phones = run.fleet.len();
        let making = Bar::new("making files");
        let import = run.import(&|done| making.set(done, phones))?;
        drop(making);
        let introducing = Bar::new("first sessions");
        run.introduce(&|done| introducing.set(done, phones))?;
        drop(introducing);
        Ok(Self {
            import: Ok(import),
            ..Self::again(run)
        })
    }

    /// With a store that is filled, and whose phones the ACS knows.
    fn again(run: &FleetRun<'_>) -> Self {
        Self {
            phones: run.fleet.len(),
            import: Err(CommandError::new("the store is of an earlier run")),
            idle: run.idle(),
            busy: run.busy(),
            lookups: run.look_up(),
        }
    }
}

fn figures(measured: &[Measured], empty: Option<u64>) -> Vec<Figure> {
    let Some(full) = measured.last() else {
        return Vec::new();
    };
    let mut figures = Vec::new();
    let large = measured
        .iter()
        .filter(|one| one.phones >= LARGE || one.phones == full.phones);
    figures.extend(large.map(of_import));
    figures.extend(of_idle(full, empty));
    figures.extend(of_busy(&full.busy));
    figures.extend(of_lookups(&full.lookups));
    figures.extend(of_sizes(measured, empty));
    figures
}

fn of_import(measured: &Measured) -> Figure {
    let seconds = |time: Duration| time.as_secs_f64();
    let name = format!("import of {} files", measured.phones);
    let import = match &measured.import {
        Ok(import) => import,
        Err(why) => return Figure::missing(name, why.to_string()).aim("≥ 0.5"),
    };
    Figure::new(name, seconds(import.import.time), Unit::Seconds)
        .beside("reading + bare store", seconds(import.raw))
        .aim("≥ 0.5")
        .note(format!(
            "{:.0} MiB; reading alone {:.1} s; processor time {:.1} s",
            import.bytes as f64 / 1024.0 / 1024.0,
            seconds(import.reading),
            seconds(import.import.cpu)
        ))
}

fn of_idle(full: &Measured, empty: Option<u64>) -> Vec<Figure> {
    let phones = full.phones as f64;
    let names = [
        "memory, all phones idle",
        "memory for each phone",
        "disk",
        "disk for each phone",
        "start until the first Inform",
        "processor share, a million phones every 6 hours",
    ];
    let idle = match &full.idle {
        Ok(idle) => idle,
        Err(error) => return missing(&names, error),
    };
    let [memory, memory_each, disk, disk_each, start, share] = names;
    let for_each = match empty {
        Some(empty) => {
            let each = (idle.memory as f64 - empty as f64) / phones;
            Figure::new(memory_each, each, Unit::Bytes).note(format!(
                "beyond the {:.0} MiB without phones",
                empty as f64 / 1024.0 / 1024.0
            ))
        }
        None => Figure::missing(memory_each, "the gateway without phones was not measured"),
    };
    vec![
        Figure::new(memory, idle.memory as f64, Unit::Bytes)
            .aim("≤ 1.5 GiB for a million")
            .note("store open, timers armed"),
        for_each.aim("≤ 1 KiB"),
        Figure::new(disk, idle.disk as f64, Unit::Bytes).aim("≤ 4 GiB for a million"),
        Figure::new(disk_each, idle.disk as f64 / phones, Unit::Bytes).aim("≤ 4 KiB"),
        Figure::new(start, idle.start_up.as_secs_f64(), Unit::Seconds).aim("≤ 20 s for a million"),
        Figure::new(share, idle.share * 100.0, Unit::Percent)
            .aim("printed")
            .note(format!(
                "of one core, measured at {:.1} sessions/s; a million make {RATE_OF_A_MILLION:.1}",
                idle.rate
            )),
    ]
}

fn of_busy(busy: &Result<Busy, CommandError>) -> Vec<Figure> {
    let names = [
        "sessions with an Inform only",
        "processor time of such a session",
        "SetParameterValues, durable, 64 sessions at once",
    ];
    let busy = match busy {
        Ok(busy) => busy,
        Err(error) => return missing(&names, error),
    };
    let [sessions, cpu, setting] = names;
    let share = busy.informing.cpu.as_secs_f64() * RATE_OF_A_MILLION * 100.0;
    vec![
        Figure::new(sessions, busy.informing.per_second, Unit::PerSecond)
            .beside("bare hyper client", busy.bare.per_second)
            .aim("≥ 0.6"),
        Figure::new(cpu, busy.informing.cpu.as_secs_f64(), Unit::Seconds)
            .beside("bare hyper client", busy.bare.cpu.as_secs_f64())
            .note(format!(
                "a million every 6 hours, computed: {share:.2} % of a core"
            )),
        Figure::new(setting, busy.setting.per_second, Unit::PerSecond)
            .beside("group fdatasync", busy.group)
            .aim("≥ 0.5")
            .note(format!(
                "each a whole session of {:.0} µs processor time; {} faults",
                busy.setting.cpu.as_secs_f64() * 1e6,
                busy.faults
            )),
    ]
}

fn of_lookups(lookups: &Result<Lookups, CommandError>) -> Vec<Figure> {
    let names = [
        "fetch of a phone's file, cold, p50",
        "fetch of a phone's file, cold, p99",
        "fetch of a phone's file, warm, p50",
        "fetch of a phone's file, warm, p99",
    ];
    match lookups {
        Ok(Lookups { cold, warm }) => {
            let times = [cold.median, cold.slow, warm.median, warm.slow];
            let pairs = names.into_iter().zip(times);
            pairs
                .map(|(name, time)| {
                    Figure::new(name, time.as_secs_f64(), Unit::Seconds).aim("printed")
                })
                .collect()
        }
        Err(error) => missing(&names, error),
    }
}

/// Figures that could not be measured, all for one reason.
fn missing(names: &[&str], why: &CommandError) -> Vec<Figure> {
    let names = names.iter();
    names
        .map(|name| Figure::missing(*name, why.to_string()))
        .collect()
}

/// What one phone costs in the fleets of several sizes, beside the smallest of them.
fn of_sizes(measured: &[Measured], empty: Option<u64>) -> Vec<Figure> {
    let [smaller @ .., full] = measured else {
        return Vec::new();
    };
    let Some(first) = smaller.first() else {
        let name = "cost of each phone, by the size of the fleet";
        return vec![Figure::missing(name, "needs 10,000 phones or more").aim("≤ 1.5 ×")];
    };
    let mut figures = Vec::new();
    for (name, cost) in COSTS {
        let base = cost(first, empty);
        for one in smaller.iter().skip(1).chain([full]) {
            let name = format!("{name}, {} phones against {}", one.phones, first.phones);
            let figure = match cost(one, empty).zip(base).filter(|(_, base)| *base > 0.0) {
                Some((cost, base)) => Figure::new(name, cost / base, Unit::Times),
                None => Figure::missing(name, "one of the two was not measured"),
            };
            figures.push(figure.aim("≤ 1.5 ×"));
        }
    }
    figures
}

type Cost = fn(&Measured, Option<u64>) -> Option<f64>;

const COSTS: [(&str, Cost); 5] = [
    ("import of each phone, processor time", |one, _| {
        let import = one.import.as_ref().ok()?;
        Some(import.import.cpu.as_secs_f64() / one.phones as f64)
    }),
    ("disk for each phone", |one, _| {
        let idle = one.idle.as_ref().ok()?;
        Some(idle.disk as f64 / one.phones as f64)
    }),
    ("memory for each phone", |one, empty| {
        let idle = one.idle.as_ref().ok()?;
        Some((idle.memory as f64 - empty? as f64) / one.phones as f64)
    }),
    ("processor time of a session", |one, _| {
        Some(one.busy.as_ref().ok()?.informing.cpu.as_secs_f64())
    }),
    ("warm fetch, p50", |one, _| {
        Some(one.lookups.as_ref().ok()?.warm.median.as_secs_f64())
    }),
];
