//! How fast phones are told something: not faster than the operator allows, in all and at one
//! site, and every site in its turn.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::settings::{ControlSettings, Rate};
use crate::native::Mac;

/// Sites that nobody waits at are forgotten when there are so many, once their pace is of no
/// account any more.
const SWEEP_AT: usize = 1024;

/// Where a phone is: the /24 of its IPv4 address, the /64 of its IPv6 address. A site behind one
/// address is one too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::gateway) enum Site {
    V4([u8; 3]),
    V6([u16; 4]),
}

impl From<IpAddr> for Site {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// Who is next, and when.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::gateway) enum Turn {
    /// This phone, now.
    Phone(Mac),
    /// Nobody before so much time has passed.
    Wait(Duration),
    /// Nobody waits.
    Nobody,
}

/// Phones that have to be told something, and how many were told lately.
#[derive(Debug)]
pub(in crate::gateway) struct Pace {
    per_second: Rate,
    per_site: Rate,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    total: Bucket,
    /// Phones for which a person waits.
    first: VecDeque<Mac>,
    sites: HashMap<Site, Waiting>,
    /// The sites at which phones wait, in the order of their turns.
    turns: VecDeque<Site>,
    /// Every phone that waits, once.
    waiting: HashSet<Mac>,
    /// Phones that go first when they come.
    urgent: HashSet<Mac>,
}

#[derive(Debug)]
struct Waiting {
    bucket: Bucket,
    phones: VecDeque<Mac>,
}

/// What may still happen at once: it fills with time and holds what a second gives, at least one.
#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

impl Pace {
    pub(in crate::gateway) fn new(settings: &ControlSettings, now: Timestamp) -> Self {
        Self {
            per_second: settings.per_second,
            per_site: settings.per_site,
            state: Mutex::new(State {
                total: Bucket::full(settings.per_second, now),
                first: VecDeque::new(),
                sites: HashMap::new(),
                turns: VecDeque::new(),
                waiting: HashSet::new(),
                urgent: HashSet::new(),
            }),
        }
    }

    /// A person waits for this phone: it goes before all others, also at its site.
    pub(in crate::gateway) fn urge(&self, mac: Mac) {
        self.lock().urgent.insert(mac);
    }

    /// A phone has to be told something.
    pub(in crate::gateway) fn add(&self, mac: Mac, site: Site, now: Timestamp) {
        let state = &mut *self.lock();
        let is_urgent = state.urgent.remove(&mac);
        if is_urgent {
            if !state.first.contains(&mac) {
                state.first.push_back(mac);
            }
            // Where it waits already, its turn there finds that it was told.
            state.waiting.insert(mac);
            return;
        }
        if !state.waiting.insert(mac) {
            return;
        }
        if state.sites.len() >= SWEEP_AT {
            let rate = self.per_site;
            state.sites.retain(|_, waiting| {
                waiting.bucket.refill(rate, now);
                !waiting.phones.is_empty() || !waiting.bucket.is_full(rate)
            });
        }
        let waiting = state.sites.entry(site).or_insert_with(|| Waiting {
            bucket: Bucket::full(self.per_site, now),
            phones: VecDeque::new(),
        });
        if waiting.phones.is_empty() {
            state.turns.push_back(site);
        }
        waiting.phones.push_back(mac);
    }

    /// Whose turn it is.
    pub(in crate::gateway) fn turn(&self, now: Timestamp) -> Turn {
        let state = &mut *self.lock();
        if state.first.is_empty() && state.turns.is_empty() {
            return Turn::Nobody;
        }
        state.total.refill(self.per_second, now);
        if let Some(wait) = state.total.wait(self.per_second) {
            return Turn::Wait(wait);
        }
        if let Some(mac) = state.first.pop_front() {
            state.total.tokens -= 1.0;
            state.waiting.remove(&mac);
            return Turn::Phone(mac);
        }
        let mut shortest: Option<Duration> = None;
        for _ in 0..state.turns.len() {
            let Some(site) = state.turns.pop_front() else {
                break;
            };
            let Some(waiting) = state.sites.get_mut(&site) else {
                continue;
            };
            // Those that went first are not told twice.
            while let Some(mac) = waiting.phones.front()
                && !state.waiting.contains(mac)
            {
                waiting.phones.pop_front();
            }
            if waiting.phones.is_empty() {
                continue;
            }
            waiting.bucket.refill(self.per_site, now);
            if let Some(wait) = waiting.bucket.wait(self.per_site) {
                shortest = Some(shortest.map_or(wait, |shortest| shortest.min(wait)));
                state.turns.push_back(site);
                continue;
            }
            let Some(mac) = waiting.phones.pop_front() else {
                continue;
            };
            waiting.bucket.tokens -= 1.0;
            state.total.tokens -= 1.0;
            state.waiting.remove(&mac);
            if !waiting.phones.is_empty() {
                state.turns.push_back(site);
            }
            return Turn::Phone(mac);
        }
        shortest.map_or(Turn::Nobody, Turn::Wait)
    }

    /// How many phones wait.
    pub(in crate::gateway) fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    fn full(rate: Rate, now: Timestamp) -> Self {
        Self {
            tokens: size(rate),
            at: now,
        }
    }

    fn refill(&mut self, rate: Rate, now: Timestamp) {
        // A clock that is set back stops it, and no longer than until it has caught up.
        let passed = now.duration_since(self.at).as_secs_f64();
        if passed > 0.0 {
            self.tokens = (self.tokens + passed * rate.per_second()).min(size(rate));
        }
        if passed != 0.0 {
            self.at = now;
        }
    }

    fn is_full(&self, rate: Rate) -> bool {
        self.tokens >= size(rate)
    }

    /// How long until something may happen; `None`: now.
    fn wait(&self, rate: Rate) -> Option<Duration> {
        // What sums of fractions lose must not make a wait of no length.
        if self.tokens >= 0.999_999 {
            return None;
        }
        let seconds = (1.0 - self.tokens) / rate.per_second();
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}

fn size(rate: Rate) -> f64 {
    rate.per_second().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn pace(per_second: f64, per_site: f64) -> Pace {
        let settings = ControlSettings {
            per_second: Rate::new(per_second).unwrap(),
            per_site: Rate::new(per_site).unwrap(),
            ..ControlSettings::default()
        };
        Pace::new(&settings, at(0))
    }

    fn phone(site: u8, number: u8) -> Mac {
        Mac::new([2, 0, 0, 0, site, number])
    }

    fn add(pace: &Pace, site: u8, number: u8) {
        let address = IpAddr::from([192, 0, site, number]);
        pace.add(phone(site, number), address.into(), at(0));
    }

    /// The sites of those that are told at a moment, in their order.
    fn told(pace: &Pace, now: i64) -> Vec<u8> {
        let mut sites = Vec::new();
        while let Turn::Phone(mac) = pace.turn(at(now)) {
            sites.push(mac.bytes()[4]);
        }
        sites
    }

    #[test]
    fn a_large_site_does_not_hold_up_a_small_one() {
        let pace = pace(10.0, 2.0);
        for number in 0..100 {
            add(&pace, 1, number);
        }
        add(&pace, 2, 1);
        add(&pace, 3, 1);
        assert_eq!(
            told(&pace, 0),
            [1, 2, 3, 1],
            "and no more at once at site 1"
        );
        assert_eq!(pace.turn(at(0)), Turn::Wait(Duration::from_millis(500)));
        assert_eq!(told(&pace, 1), [1, 1]);
        let mut count = 4;
        for second in 2..200 {
            let now = told(&pace, second);
            assert!(now.len() <= 2, "{now:?}");
            count += now.len();
        }
        assert_eq!(count, 100);
        assert_eq!(pace.turn(at(200)), Turn::Nobody);
        assert_eq!(pace.len(), 0);
    }

    #[test]
    fn all_sites_together_keep_to_the_pace_in_all() {
        let pace = pace(5.0, 5.0);
        for site in 0..100 {
            add(&pace, site, 1);
            add(&pace, site, 2);
        }
        for second in 0..40 {
            assert_eq!(told(&pace, second).len(), 5, "in second {second}");
        }
        assert_eq!(pace.turn(at(41)), Turn::Nobody);
    }

    #[test]
    fn a_person_does_not_wait_behind_a_mass_change() {
        let pace = pace(2.0, 1.0);
        for number in 0..50 {
            add(&pace, 1, number);
        }
        assert_eq!(told(&pace, 0), [1]);
        pace.urge(phone(1, 40));
        add(&pace, 1, 40);
        assert_eq!(pace.turn(at(0)), Turn::Phone(phone(1, 40)));
        let mut rest = 0;
        for second in 1..100 {
            rest += told(&pace, second).len();
        }
        assert_eq!(rest, 48, "and it is not told a second time");
    }

    #[test]
    fn less_than_one_a_second_is_possible() {
        let pace = pace(100.0, 0.1);
        add(&pace, 1, 1);
        add(&pace, 1, 2);
        assert_eq!(told(&pace, 0).len(), 1);
        assert_eq!(pace.turn(at(9)), Turn::Wait(Duration::from_secs(1)));
        assert_eq!(told(&pace, 10).len(), 1);
    }

    #[test]
    fn addresses_of_one_network_are_one_site() {
        let site = |text: &str| Site::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(site("192.0.2.1"), site("192.0.2.200"));
        assert_eq!(site("192.0.2.1"), site("::ffff:192.0.2.9"));
        assert_ne!(site("192.0.2.1"), site("192.0.3.1"));
        assert_eq!(site("2001:db8::1"), site("2001:db8::ffff:1"));
        assert_ne!(site("2001:db8::1"), site("2001:db8:0:1::1"));
    }
}
