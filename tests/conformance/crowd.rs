//! C074, C080, C082 and C195: many phones at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use trestle::sim::acs::Reply;

use crate::catalogue::{Check, checks};
use crate::fleet::Vendor;
use crate::lag::Lag;
use crate::private::{Options, Private};
use crate::subject::{MS, check_alone, check_slowly};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c074_retries_fill_their_window: once,
    c080_a_fleet_that_comes_back_does_not_come_at_once: once slow,
    c082_periods_of_a_fleet_spread_and_keep_their_phase: once,
    c195_every_phone_is_a_device_of_its_own,
];

const VENDORS: &[Vendor] = &[Vendor::Grandstream, Vendor::Htek, Vendor::Aastra];

fn c074_retries_fill_their_window() {
    const PHONES: u16 = 300;
    check_alone(74, async || {
        let options = Options {
            phones: PHONES,
            settings: format!("[acs]\nmax_sessions = {PHONES}\n"),
            // Handshakes all at once would take longer than a tenth of the window.
            https: Some(false),
            ..Options::default()
        };
        let private = Private::start(74, options).await;
        let mut failing = JoinSet::new();
        let all_inform = Arc::new(Barrier::new(usize::from(PHONES)));
        for which in 0..PHONES {
            let mut device = private.world.acs.device(&private.phone(which).serial());
            let all_inform = Arc::clone(&all_inform);
            failing.spawn(async move {
                let mut session = device.session().await.unwrap();
                all_inform.wait().await;
                let mut waits = Vec::new();
                loop {
                    session.end_with(Reply::status(503)).unwrap();
                    let failed = Instant::now();
                    session = device.session().await.unwrap();
                    let wait = session.pending().unwrap().at - failed;
                    // News of the boot, which may still come, ends a wait at once.
                    match waits.as_slice() {
                        [] if wait < Duration::from_secs(3) => {}
                        [] => waits.push((session.inform().retry_count, wait)),
                        [first] => return (*first, (session.inform().retry_count, wait)),
                        _ => unreachable!("two are enough"),
                    }
                }
            });
        }
        private.boot(0..PHONES).await;
        let lag = Lag::watch();
        let waits = failing.join_all().await;
        let mut tenths = [0_usize; 10];
        let mut outside = Vec::new();
        for ((_, first), (count, second)) in &waits {
            let first = first.as_secs_f64();
            // All fail the first time at one moment, which takes the gateway and this machine a
            // while; the second waits begin one after the other and are measured exactly.
            let begin = f64::from(5_u32 << (count - 1));
            let second = second.as_secs_f64();
            if !(5.0..13.0).contains(&first) || !(begin..2.0 * begin + 1.0).contains(&second) {
                outside.push((first, second));
            }
            let place =
                (0..9_u8).find(|tenth| second < begin + begin * f64::from(tenth + 1) / 10.0);
            tenths[usize::from(place.unwrap_or(9))] += 1;
        }
        let all = waits.len();
        let allowed = Duration::from_millis(300);
        let seen = format!("waits outside of their window: {outside:?}");
        lag.judge(allowed, outside.is_empty(), &seen);
        let is_filled = tenths
            .iter()
            .all(|count| (3 * all..=17 * all).contains(&(100 * count)));
        lag.judge(
            allowed,
            is_filled,
            &format!("the tenths of the window hold {tenths:?}"),
        );
    });
}

fn c080_a_fleet_that_comes_back_does_not_come_at_once() {
    const PHONES: u16 = 10_000;
    check_slowly(80, async || {
        let options = Options {
            phones: PHONES,
            speed: 4,
            vendors: VENDORS,
            settings: "[acs]\nperiodic_inform_interval = 600\n".to_owned(),
            ..Options::default()
        };
        let private = Private::start(80, options).await;
        let acs = &private.world.acs;
        private.boot(0..PHONES).await;
        let all: BTreeSet<String> = (0..PHONES).map(|at| private.phone(at).serial()).collect();
        while acs.serials().len() < all.len() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        // Every device has something to say while the ACS is away: its next period.
        acs.close();
        private.pass(Duration::from_secs(600)).await;
        let before = acs.all_exchanges().len();
        acs.reopen().await.unwrap();
        let lag = Lag::watch();
        let back = Instant::now();
        let mut seconds: Vec<u64> = Vec::new();
        let mut missing = all;
        while !missing.is_empty() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            for exchange in acs.all_exchanges().iter().skip(before) {
                let Some(serial) = &exchange.serial else {
                    continue;
                };
                if exchange.rpc() == "Inform" && missing.remove(serial) {
                    seconds.push((exchange.at - back).as_secs());
                }
            }
        }
        let last = seconds.iter().max().unwrap() + 1;
        let mean = seconds.len() as u64 / last;
        let count = |second| seconds.iter().filter(|at| **at == second).count() as u64;
        let (most, second) = (0..last)
            .map(|second| (count(second), second))
            .max()
            .unwrap();
        lag.judge(
            Duration::from_millis(300),
            most <= 3 * mean,
            &format!("{most} in second {second}, {mean} on average"),
        );
    });
}

fn c082_periods_of_a_fleet_spread_and_keep_their_phase() {
    const PHONES: u16 = 300;
    const INTERVAL: i64 = 600;
    check_alone(82, async || {
        let options = Options {
            phones: PHONES,
            settings: format!("[acs]\nperiodic_inform_interval = {INTERVAL}\n"),
            speed: 40,
            https: Some(false),
            ..Options::default()
        };
        let private = Private::start(82, options).await;
        private.boot(0..PHONES).await;
        let lag = Lag::watch();
        private.pass(Duration::from_secs(1_900)).await;
        let mut phases: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for exchange in private.world.acs.all_exchanges() {
            let message = exchange.message.as_ref();
            let inform = message.and_then(|message| message.inform());
            let Some(inform) = inform.filter(|inform| inform.has_event("2 PERIODIC")) else {
                continue;
            };
            let now: jiff::Timestamp = inform.current_time.parse().unwrap();
            let phase = now.as_second().rem_euclid(INTERVAL);
            phases
                .entry(inform.device_id.serial_number)
                .or_default()
                .push(phase);
        }
        assert_eq!(phases.len(), usize::from(PHONES), "every phone informs");
        let mut slots = [0_usize; 10];
        for (serial, seen) in &phases {
            assert!(seen.len() >= 2, "{serial} informs once in three intervals");
            let first = seen[0];
            // What the machine adds counts forty times.
            let is_kept = |phase: &i64| (phase - first + 60).rem_euclid(INTERVAL) <= 120;
            let moves = format!("{serial} moves: {seen:?}");
            let allowed = Duration::from_millis(300);
            lag.judge(allowed, seen.iter().all(is_kept), &moves);
            slots[usize::try_from(first / 60).unwrap()] += 1;
        }
        let most = slots.iter().max().copied().unwrap_or_default();
        assert!(5 * most <= usize::from(PHONES), "{slots:?}");
    });
}

fn c195_every_phone_is_a_device_of_its_own() {
    const PHONES: u16 = 100;
    check_alone(195, async || {
        let options = Options {
            phones: PHONES,
            vendors: VENDORS,
            ..Options::default()
        };
        let private = Private::start(195, options).await;
        let together = Arc::new(Barrier::new(usize::from(PHONES)));
        let mut sessions = JoinSet::new();
        for which in 0..PHONES {
            let phone = private.phone(which);
            let mut device = private.world.acs.device(&phone.serial());
            let together = Arc::clone(&together);
            sessions.spawn(async move {
                let mut session = device.session().await.unwrap();
                let id = session.inform().device_id.clone();
                assert_eq!(id.serial_number, phone.serial());
                assert_eq!(id.oui, phone.serial()[..6]);
                assert!(phone.user_agent().contains(&id.product_class), "{id:?}");
                session.begin().await.unwrap();
                // All sessions are open at the same time.
                together.wait().await;
                let url = format!("{MS}ConnectionRequestURL");
                let url = session.get_value(&url).await.unwrap();
                let pending = session.pending().unwrap();
                let cookies = pending.header("cookie").unwrap().to_owned();
                session.end().unwrap();
                (url, cookies)
            });
        }
        private.boot(0..PHONES).await;
        let told = sessions.join_all().await;
        let urls: BTreeSet<&str> = told.iter().map(|(url, _)| url.as_str()).collect();
        let cookies: BTreeSet<&str> = told.iter().map(|(_, cookies)| cookies.as_str()).collect();
        assert_eq!(urls.len(), told.len());
        assert_eq!(cookies.len(), told.len());
    });
}
