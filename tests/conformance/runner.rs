//! Runs the checks, and says at the end what became of every id.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::catalogue::{Check, LAST_ID, Level, applies, group, level, why_not_built};
use crate::ledger;
use crate::variant::Variant;

/// Checks that run at once unless the command line says otherwise: they mostly wait.
const THREADS: usize = 16;

/// What became of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

/// Ends a check that can't be carried out here, with the reason.
pub(crate) fn skip(reason: &str) -> ! {
    panic::panic_any(Skip(reason.to_owned()))
}

/// The payload of a panic that ends a check without a failure.
struct Skip(String);

type Outcomes = BTreeMap<(u16, Variant), Vec<Outcome>>;

static OUTCOMES: Mutex<Outcomes> = Mutex::new(BTreeMap::new());

thread_local! {
    /// What the hook saw of a panic in a check, with its place.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs what the command line asks for.
pub(crate) fn run(lists: &[&[Check]]) -> ExitCode {
    let started = Instant::now();
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    panic::set_hook(Box::new(note_panic));
    let variants = Variant::chosen();
    let mut checks: Vec<Check> = lists.concat();
    checks.sort_by_key(|check| check.name);
    let is_told =
        |id: &u16| why_not_built(*id).is_some() != checks.iter().any(|check| check.id() == *id);
    let untold: Vec<u16> = (ledger::LAST_INVARIANT + 1..=LAST_ID)
        .filter(|id| !is_told(id))
        .collect();
    assert!(
        untold.is_empty(),
        "either a check or a reason why there is none: {untold:?}"
    );
    let trials = checks.iter().flat_map(|check| {
        let variants: Vec<Variant> = variants
            .iter()
            .copied()
            .filter(|variant| check.is_for(*variant))
            .collect();
        // Each trial with the variants that its outcome counts for.
        let groups: Vec<Vec<Variant>> = if check.is_for_all {
            vec![variants]
        } else {
            variants.into_iter().map(|variant| vec![variant]).collect()
        };
        groups.into_iter().filter_map(|group| trial(*check, group))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if arguments.list {
        return ExitCode::SUCCESS;
    }
    let mut outcomes = std::mem::take(&mut *lock());
    let mut broken = 0_u64;
    for variant in &variants {
        for (id, outcome) in ledger::outcomes(*variant) {
            if let Outcome::Failed(text) = &outcome {
                broken += 1;
                println!("---- C{id:03} {} ----\n{text}\n", variant.name());
            }
            outcomes.entry((id, *variant)).or_default().push(outcome);
        }
    }
    if !outcomes.is_empty() {
        let whole = arguments.filter.is_none() && arguments.skip.is_empty();
        print_table(&checks, &variants, &outcomes, whole);
    }
    let failed = conclusion.num_failed + broken;
    println!(
        "test result: {}. {} passed; {failed} failed; {} ignored; {} measured; {} filtered out; \
         finished in {:.2}s",
        if failed == 0 { "ok" } else { "FAILED" },
        conclusion.num_passed,
        conclusion.num_ignored,
        conclusion.num_measured,
        conclusion.num_filtered_out,
        started.elapsed().as_secs_f64(),
    );
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(101)
    }
}

/// A check in the first of these variants, for all of them.
fn trial(check: Check, variants: Vec<Variant>) -> Option<Trial> {
    let variant = *variants.first()?;
    let name = format!("{}::{}", variant.name(), check.name);
    let run = move || {
        variant.enter();
        let outcome = match panic::catch_unwind(AssertUnwindSafe(check.run)) {
            Ok(()) => Outcome::Passed,
            Err(payload) => outcome_of(payload.as_ref()),
        };
        for variant in variants {
            let mut outcomes = lock();
            let of_this = outcomes.entry((check.id(), variant)).or_default();
            of_this.push(outcome.clone());
        }
        match outcome {
            Outcome::Passed => Ok(Completion::Completed),
            Outcome::Skipped(reason) => Ok(Completion::ignored_with(reason)),
            Outcome::Failed(text) => Err(Failed::from(text)),
        }
    };
    Some(Trial::ignorable_test(name, run).with_ignored_flag(check.is_slow))
}

fn outcome_of(payload: &(dyn Any + Send)) -> Outcome {
    if let Some(Skip(reason)) = payload.downcast_ref() {
        return Outcome::Skipped(reason.clone());
    }
    // One that was handed on from a task has passed the hook on another thread.
    let handed_on = || {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref().copied());
        text.unwrap_or("it panicked").to_owned()
    };
    Outcome::Failed(PANIC.take().unwrap_or_else(handed_on))
}

/// Keeps the text of a check's panic for its result, in place of printing it in between.
fn note_panic(info: &PanicHookInfo<'_>) {
    if info.payload().is::<Skip>() {
        return;
    }
    PANIC.set(Some(info.to_string()));
    if std::thread::current().name().is_some() {
        // A simulated part, not a check.
        eprintln!("{info}");
    }
}

fn lock() -> MutexGuard<'static, Outcomes> {
    OUTCOMES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn print_table(checks: &[Check], variants: &[Variant], outcomes: &Outcomes, whole: bool) {
    println!("{:<6}{:<7}{:<22}result", "id", "level", "group");
    let mut sums: BTreeMap<(Level, usize), Sum> = BTreeMap::new();
    for id in 1..=LAST_ID {
        let of = |variant: &Variant| State::of(id, *variant, checks, outcomes);
        let states: Vec<State> = variants.iter().map(of).collect();
        for (at, state) in states.iter().enumerate() {
            sums.entry((level(id), at)).or_default().add(state);
        }
        if whole || states.iter().any(State::has_run) {
            let row = result(variants, &states);
            println!("C{id:03}  {:<7}{:<22}{row}", level(id).letter(), group(id));
        }
    }
    println!();
    for (level, at) in sums.keys() {
        let (variant, sum) = (variants[*at], &sums[&(*level, *at)]);
        println!("{} {:<15}{sum}", level.letter(), variant.name());
    }
    println!();
}

/// One cell of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Passed,
    Failed,
    Skipped(String),
    NotBuilt(&'static str),
    NotRun,
    OtherTemplate,
}

impl State {
    fn of(id: u16, variant: Variant, checks: &[Check], outcomes: &Outcomes) -> Self {
        let Some(outcomes) = outcomes.get(&(id, variant)) else {
            let is_built = |check: &Check| check.id() == id && check.is_for(variant);
            return if !applies(id, variant) {
                Self::OtherTemplate
            } else if id <= ledger::LAST_INVARIANT || checks.iter().any(is_built) {
                Self::NotRun
            } else {
                Self::NotBuilt(why_not_built(id).unwrap_or_default())
            };
        };
        let mut state = Self::Passed;
        for outcome in outcomes {
            match outcome {
                Outcome::Failed(_) => return Self::Failed,
                Outcome::Skipped(reason) => state = Self::Skipped(reason.clone()),
                Outcome::Passed => {}
            }
        }
        state
    }

    fn has_run(&self) -> bool {
        matches!(self, Self::Passed | Self::Failed | Self::Skipped(_))
    }

    fn text(&self) -> String {
        match self {
            Self::Passed => "passed".to_owned(),
            Self::Failed => "FAILED".to_owned(),
            Self::Skipped(reason) => format!("skipped: {reason}"),
            Self::NotBuilt(reason) => format!("not built: {reason}"),
            Self::NotRun => "not run".to_owned(),
            Self::OtherTemplate => "only with Device:2".to_owned(),
        }
    }
}

/// The row of an id: one word when all variants agree.
fn result(variants: &[Variant], states: &[State]) -> String {
    match states {
        [first, rest @ ..] if rest.iter().all(|state| state == first) => first.text(),
        _ => {
            let cells = variants.iter().zip(states);
            let cells =
                cells.map(|(variant, state)| format!("{}: {}", variant.name(), state.text()));
            cells.collect::<Vec<_>>().join("; ")
        }
    }
}

/// How many ids are in each state.
#[derive(Debug, Default)]
struct Sum {
    passed: u16,
    failed: u16,
    skipped: u16,
    not_built: u16,
    not_run: u16,
}

impl Sum {
    fn add(&mut self, state: &State) {
        let count = match state {
            State::Passed => &mut self.passed,
            State::Failed => &mut self.failed,
            State::Skipped(_) => &mut self.skipped,
            State::NotBuilt(_) => &mut self.not_built,
            State::NotRun => &mut self.not_run,
            State::OtherTemplate => return,
        };
        *count += 1;
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} passed; {} failed; {} skipped; {} not built; {} not run",
            self.passed, self.failed, self.skipped, self.not_built, self.not_run
        )
    }
}
