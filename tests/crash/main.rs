//! The gateway killed under load, again and again, and compared with what it has promised.
//! README.md here says what is compared, and how to run it for long.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod clock;
mod fleet;
mod ledger;
mod life;
mod load;
mod process;
mod random;
mod shadow;
mod world;

use std::sync::Arc;

use crate::ledger::Tally;
use crate::life::Life;
use crate::random::Random;
use crate::shadow::{Fault, Shadow};
use crate::world::World;

/// How often a fleet is killed before another begins.
const KILLS_OF_A_FLEET: u64 = 25;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is {text:?}, not a number")),
    )
}

/// The seed of this run, which is printed.
fn seed() -> u64 {
    let seed = setting("CRASH_SEED").unwrap_or_else(|| getrandom::u64().unwrap() >> 16);
    println!("CRASH_SEED={seed}");
    seed
}

async fn kill_fleets(fault: Option<Fault>) {
    let kills = setting("CRASH_KILLS").unwrap_or(KILLS);
    let library = shadow::library();
    if fault.is_some() && library.is_none() {
        return;
    }
    let lanes = setting("CRASH_LANES").unwrap_or(2);
    let random = Random::new(seed());
    let tally = Arc::new(Tally::default());
    let began = std::time::Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for lane in 0..lanes {
        let (random, tally) = (random.branch(lane), Arc::clone(&tally));
        let library = library.clone();
        let mut left = kills / lanes + u64::from(lane < kills % lanes);
        running.spawn(async move {
            let mut fleet = 0;
            while left > 0 {
                let kills = left.min(KILLS_OF_A_FLEET);
                let world = World::new(Arc::clone(&tally)).await;
                let library = library.clone();
                let shadow = fault.zip(library).map(|(fault, library)| {
                    Shadow::new(library, world.folder(), &world.data(), fault)
                });
                let life = Life::new(world, random.branch(fleet), shadow);
                if let Err(reason) = Box::pin(life.run(kills)).await {
                    panic!("fleet {fleet} of lane {lane}, {reason}");
                }
                left -= kills;
                fleet += 1;
                println!("after {:?}: {tally}", began.elapsed());
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            println!("{tally}");
            panic!("{error}");
        }
    }
    println!("{fault:?}: {tally} in {:?}", began.elapsed());
}

/// How often each of the runs below kills, when nobody says otherwise.
const KILLS: u64 = 6;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_gateway_is_killed() {
    kill_fleets(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_power_is_cut() {
    kill_fleets(Some(Fault::Power)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_writes_are_torn() {
    kill_fleets(Some(Fault::TornWrites)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_disk_is_full() {
    kill_fleets(Some(Fault::Full)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_writes_and_syncs_fail() {
    kill_fleets(Some(Fault::InputOutput)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn periodic_informs_come_on_when_the_clock_is_set_back() {
    if let Some(library) = shadow::library() {
        clock::periodic_informs_come_on(library).await;
    }
}
