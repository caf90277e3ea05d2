//! A clock that is set back by hours under a running gateway.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::fleet::Phone;
use crate::ledger::Tally;
use crate::load::get;
use crate::process::Process;
use crate::world::World;

/// Seconds between two periodic Informs.
const INTERVAL: u64 = 2;
/// How far the clock is set back, in seconds.
const STEP: i64 = -3 * 3600;
/// How many periodic Informs are waited for.
const PERIODS: usize = 4;
/// How long they may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// Periodic Informs come on when the clock is set back by hours, no fewer and no more.
pub(crate) async fn periodic_informs_come_on(library: PathBuf) {
    let world = World::new(Arc::new(Tally::default())).await;
    world.set_period(INTERVAL);
    let clock = world.folder().join("clock");
    fs::write(&clock, 0_i64.to_ne_bytes()).unwrap();
    world.write_tree();
    let environment = [
        ("LD_PRELOAD".to_owned(), library.display().to_string()),
        ("CRASH_CLOCK".to_owned(), clock.display().to_string()),
    ];
    let tree = world.tree();
    let arguments = ["--import".as_ref(), tree.as_os_str()];
    let mut process = Process::start(world.folder(), &arguments, &environment);
    let listeners = process.ready().await.expect("it listens");
    let phone = Phone::new(0);
    get(phone, listeners.phones, &phone.file_name())
        .await
        .unwrap();
    wait_for_periods(&world, phone, "at first").await;
    // The mapped file changes in place.
    fs::write(&clock, STEP.to_ne_bytes()).unwrap();
    let began = Instant::now();
    let before = periods(&world, phone);
    wait_for_periods(&world, phone, "after the clock was set back").await;
    let came = periods(&world, phone) - before;
    let most = began.elapsed().as_secs() / INTERVAL + 2;
    assert!(came as u64 <= most, "{came} periodic Informs, not {most}");
    process.kill();
    world.clear_away();
}

async fn wait_for_periods(world: &World, phone: Phone, when: &str) {
    let wanted = periods(world, phone) + PERIODS;
    let latest = Instant::now() + PATIENCE;
    while periods(world, phone) < wanted {
        assert!(Instant::now() < latest, "no periodic Inform {when}");
        sleep(Duration::from_millis(50)).await;
    }
}

fn periods(world: &World, phone: Phone) -> usize {
    let exchanges = world.acs.exchanges(&phone.serial());
    let informs = exchanges
        .iter()
        .filter_map(|exchange| exchange.message.as_ref()?.inform());
    informs
        .filter(|inform| inform.has_event("2 PERIODIC"))
        .count()
}
