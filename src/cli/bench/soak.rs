//! Steady work for a long time: does anything grow?

use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::command::Form;
use super::cores::Core;
use super::fleet_run::FleetRun;
use super::lookups;
use crate::cli::exit::{CommandError, Ending};
use crate::cli::output;

/// Sessions per second.
const RATE: u64 = 100;
/// Every so manieth session sets a parameter.
const SET_EVERY: u64 = 10;
/// Phones that fetch at each look.
const LOOKUPS: u64 = 50;
/// How often is looked.
const LOOKS: u32 = 60;
/// What may be there in the last third beyond the middle one, in parts of it.
const MAY_GROW: f64 = 0.05;

/// What the gateway has at one moment.
#[derive(Debug, Clone, Copy, Serialize)]
struct Look {
    second: u64,
    memory: u64,
    handles: u64,
    disk: u64,
    sessions: u64,
}

/// How one of them went.
#[derive(Debug, Serialize)]
struct Course {
    what: &'static str,
    /// Median of the middle third.
    middle: f64,
    /// Median of the last third.
    last: f64,
    is_flat: bool,
}

#[derive(Debug, Serialize)]
struct SoakReport {
    phones: u64,
    looks: Vec<Look>,
    courses: Vec<Course>,
}

/// Works for so long with a fleet whose phones are known to the ACS already, looks, and says whether
/// memory, handles and disk are flat; findings if one is not.
pub(super) fn run(
    fleet_run: &FleetRun<'_>,
    time: Duration,
    form: Form,
) -> Result<Ending, CommandError> {
    let FleetRun {
        acs,
        workshop,
        fleet,
        ..
    } = fleet_run;
    let interval = u32::try_from((fleet.len() / RATE).max(1)).unwrap_or(u32::MAX);
    let mut gateway = fleet_run.serve(interval, &[], Core::Gateway)?;
    acs.set_in_every(SET_EVERY);
    let started = Instant::now();
    let before = acs.counts().sessions;
    let mut looks = Vec::new();
    if form != Form::Json {
        output::line("  second      memory  handles        disk  sessions");
    }
    for number in 1..=LOOKS {
        let until = time * number / LOOKS;
        thread::sleep(until.saturating_sub(started.elapsed()));
        if !gateway.is_there() {
            return Err(CommandError::new("the gateway has ended by itself"));
        }
        lookups::fetch(fleet, gateway.phones, LOOKUPS)?;
        let sessions = acs.counts().sessions - before;
        let look = Look {
            second: started.elapsed().as_secs(),
            memory: gateway.memory()?,
            handles: gateway.handles()?,
            disk: workshop.disk()?,
            sessions,
        };
        if form != Form::Json {
            print(&look);
        }
        looks.push(look);
    }
    acs.set_in_every(0);
    gateway.stop()?;
    let courses = vec![
        course("memory", &looks, |look| look.memory as f64),
        course("handles", &looks, |look| look.handles as f64),
        course("disk", &looks, |look| look.disk as f64),
    ];
    let growing = courses.iter().filter(|course| !course.is_flat).count();
    if form == Form::Json {
        output::json(&SoakReport {
            phones: fleet.len(),
            looks,
            courses,
        })?;
    } else {
        courses.iter().for_each(tell);
    }
    Ok(Ending::from_count(growing))
}

/// Flat is what has in the last third at most a little more than in the middle one. The first third
/// is for caches to fill.
fn course(what: &'static str, looks: &[Look], of: impl Fn(&Look) -> f64) -> Course {
    let third = looks.len() / 3;
    let values: Vec<f64> = looks.iter().map(of).collect();
    let mut latter = values.iter().skip(third).copied();
    let middle = median(latter.by_ref().take(third).collect());
    let last = median(latter.collect());
    Course {
        what,
        middle,
        last,
        is_flat: last <= middle * (1.0 + MAY_GROW),
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn print(look: &Look) {
    let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
    output::line(&format!(
        "{:>8} {:>7.1} MiB {:>8} {:>7.1} MiB {:>9}",
        look.second,
        mib(look.memory),
        look.handles,
        mib(look.disk),
        look.sessions
    ));
}

fn tell(course: &Course) {
    let grown = (course.last / course.middle.max(1.0) - 1.0) * 100.0;
    let verdict = if course.is_flat { "flat" } else { "GROWING" };
    output::line(&format!(
        "{}: {verdict}, {grown:+.1} % from the middle third to the last ({:.0} % are allowed)",
        course.what,
        MAY_GROW * 100.0
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(memory: impl Fn(u64) -> u64) -> Vec<Look> {
        let look = |second| Look {
            second,
            memory: memory(second),
            handles: 30,
            disk: 5_000_000,
            sessions: second,
        };
        (0..60).map(look).collect()
    }

    #[test]
    fn what_grows_to_the_end_is_told_from_what_fills_up_first() {
        let memory = |look: &Look| look.memory as f64;
        let filled = looks(|second| 1_000 + 50 * second.min(15));
        assert!(course("memory", &filled, memory).is_flat);
        let leaking = looks(|second| 1_000 + 50 * second);
        assert!(!course("memory", &leaking, memory).is_flat);
        let one_peak = looks(|second| if second == 50 { 9_000 } else { 1_000 });
        assert!(course("memory", &one_peak, memory).is_flat);
        assert!(course("handles", &leaking, |look| look.handles as f64).is_flat);
    }
}
