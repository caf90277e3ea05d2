//! Sessions with an ACS, each figure beside a limit or a peer in the same run:
//! `cargo bench --bench sessions`. The ratios count; the seconds depend on the machine.
//!
//! The ACS is a thread that answers at once. The peer is a hyper client that sends it the bytes of
//! a real session, over one connection for each session, as a CPE has to.

#![allow(
    clippy::expect_used,
    reason = "a benchmark that can not go on has nothing better to do"
)]

#[path = "sessions/allocations.rs"]
mod allocations;
#[path = "sessions/bare.rs"]
mod bare;
#[path = "sessions/cpu.rs"]
mod cpu;
#[path = "support/raw_writes.rs"]
mod raw_writes;
#[path = "sessions/subject.rs"]
mod subject;

use std::path::Path;
use std::time::{Duration, Instant};

use trestle::cwmp::{AcsRequest, CpeResponse, SetValue};
use trestle::gateway::SessionOutcome;
use trestle::native::Mac;
use trestle::sim::quick_acs::QuickAcs;

use allocations::Allocations;
use cpu::Cpu;
use raw_writes::raw_writes;
use subject::Subject;

/// Phones that hold a session each in every turn.
const PHONES: usize = 2048;
const TURNS: usize = 5;
/// Accounts of the phone that is read and changed as a whole.
const ACCOUNTS: usize = 16;
const READINGS: u32 = 20;
const CHANGES: u32 = 200;

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let acs = QuickAcs::start(|| {}).expect("a thread");
    runtime.block_on(async {
        let subject = Subject::new(folder.path(), &acs, PHONES, ACCOUNTS).await;
        informing(&acs, &subject).await;
        reading(&acs, &subject).await;
        changing(folder.path(), &subject).await;
    });
}

/// What some sessions have cost.
#[derive(Debug, Clone, Copy)]
struct Cost {
    time: Duration,
    cpu: Option<Duration>,
}

impl Cost {
    /// Of each session.
    fn each(self, sessions: usize) -> Self {
        let sessions = u32::try_from(sessions).expect("not that many");
        Self {
            time: self.time / sessions,
            cpu: self.cpu.map(|cpu| cpu / sessions),
        }
    }
}

async fn measured(work: impl Future<Output = ()>) -> Cost {
    let (cpu, started) = (Cpu::of_client(), Instant::now());
    work.await;
    let time = started.elapsed();
    let now = Cpu::of_client();
    let cpu = now.zip(cpu).map(|(now, before)| now.since(before));
    Cost { time, cpu }
}

/// Sessions of an Inform and an empty POST.
async fn informing(acs: &QuickAcs, subject: &Subject) {
    // The first sessions tell that the phones are new, and are on disk before they go on.
    subject.hold(acs, subject.phones(), 64).await;
    acs.record();
    subject.hold(acs, &subject.phones()[..1], 1).await;
    let requests = acs.recorded();
    println!("sessions of Inform and empty POST, best of {TURNS}");
    for at_once in [1, 64] {
        let (mut ours, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let cost = measured(bare::exchange(acs, &requests, PHONES, at_once)).await;
            bare.push(cost.each(PHONES));
            let planned = subject.plan(acs, subject.phones(), at_once).await;
            let cost = measured(planned.hold(acs)).await;
            ours.push(cost.each(PHONES));
        }
        let (ours, bare) = (best(&ours), best(&bare));
        println!("  {at_once} at once");
        for (who, cost) in [("bare hyper client", bare), ("trestle", ours)] {
            let rate = 1.0 / cost.time.as_secs_f64();
            let cpu = cost.cpu.map_or("not known".to_owned(), |cpu| {
                format!("{:.0} µs", cpu.as_secs_f64() * 1e6)
            });
            println!("    {who:<20} {rate:>8.0} sessions/s   CPU each {cpu}");
        }
        let ratio = |bare: Duration, ours: Duration| bare.as_secs_f64() / ours.as_secs_f64();
        let cpu = bare.cpu.zip(ours.cpu);
        let cpu = cpu.map_or("not known".to_owned(), |(bare, ours)| {
            format!("{:.2}", ratio(bare, ours))
        });
        println!(
            "    {:<20} {:>8.2} of its speed   CPU {cpu}",
            "ratio",
            ratio(bare.time, ours.time)
        );
    }
}

/// GetParameterValues of everything.
async fn reading(acs: &QuickAcs, subject: &Subject) {
    let mac = subject.large();
    let gateway = &subject.gateway;
    let mut count = 0;
    let mut alone = Figures::default();
    let mut within = Figures::default();
    for _ in 0..READINGS {
        count = alone.take(subject.read_all(mac)).await;
    }
    gateway.wake(mac).await;
    let open = gateway.open_session(mac).await;
    open.expect("it can be opened").expect("a session is due");
    for _ in 0..READINGS {
        within.take(subject.read_all(mac)).await;
    }
    gateway.close_session(mac, SessionOutcome::Ended).await;
    println!("GetParameterValues of all {count} parameters of a phone with {ACCOUNTS} accounts");
    alone.print("from its files", READINGS);
    within.print("again in a session", READINGS);
    subject.hold(acs, &[mac], 1).await;
    acs.read_everything(true);
    let before = acs.counts().bytes;
    let mut time = Duration::ZERO;
    for _ in 0..READINGS {
        let planned = subject.plan(acs, &[mac], 1).await;
        time += measured(planned.hold(acs)).await.time;
    }
    acs.read_everything(false);
    let bytes = (acs.counts().bytes - before) / u64::from(READINGS);
    println!(
        "  {:<22} {:>10.1?}   {bytes} bytes sent",
        "session with it",
        time / READINGS
    );
}

/// Time and allocations of some turns.
#[derive(Default)]
struct Figures {
    time: Duration,
    allocations: Allocations,
}

impl Figures {
    async fn take(&mut self, work: impl Future<Output = usize>) -> usize {
        let counting = Allocations::begin();
        let started = Instant::now();
        let count = work.await;
        self.time += started.elapsed();
        self.allocations += counting.end();
        count
    }

    fn print(&self, what: &str, turns: u32) {
        let turns_64 = u64::from(turns);
        println!(
            "  {what:<22} {:>10.1?}   {} allocations, {} kB",
            self.time / turns,
            self.allocations.count / turns_64,
            self.allocations.bytes / turns_64 / 1000,
        );
    }
}

/// SetParameterValues of 30 parameters, on disk before its answer.
async fn changing(folder: &Path, subject: &Subject) {
    let mac = subject.large();
    let raw = raw_writes(folder, CHANGES.into(), 4096);
    let started = Instant::now();
    for number in 0..CHANGES {
        set(subject, mac, number).await;
    }
    let ours = started.elapsed();
    println!(
        "SetParameterValues of 30 parameters, one after the other, each on disk before its answer"
    );
    println!("  write and sync of 4 KiB  {:>10.1?}", raw / CHANGES);
    println!(
        "  SetParameterValues       {:>10.1?}  {:.2} of that speed",
        ours / CHANGES,
        raw.as_secs_f64() / ours.as_secs_f64()
    );
}

async fn set(subject: &Subject, mac: Mac, number: u32) {
    let parameters: Vec<SetValue> = subject::paths(10)
        .map(|name| SetValue {
            value: format!("value {number}"),
            value_type: None,
            name,
        })
        .collect();
    assert_eq!(parameters.len(), 30);
    let request = AcsRequest::SetParameterValues {
        parameters,
        parameter_key: number.to_string(),
    };
    let answer = subject.gateway.execute(mac, request).await;
    assert!(matches!(answer, Ok(CpeResponse::SetParameterValues { .. })));
}

fn best(costs: &[Cost]) -> Cost {
    let mut costs = costs.to_vec();
    costs.sort_by_key(|cost| cost.time);
    *costs.first().expect("there was a turn")
}
