//! Phones that were given a password and are asked for it for the first time.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::native::Mac;

/// How often a phone is asked before it is left alone.
const MAX_TRIALS: u32 = 3;
/// A phone that comes again within this time has not understood, and gets its file.
const SECOND_TRY: Duration = Duration::from_secs(600);

/// How often phones were asked.
#[derive(Debug, Default)]
pub(super) struct Trials(HashMap<Mac, (u32, Timestamp)>);

impl Trials {
    /// Whether a phone is asked now.
    pub(super) fn begin(&mut self, mac: Mac, now: Timestamp) -> bool {
        let (count, last) = self.0.get(&mac).copied().unwrap_or((0, Timestamp::MIN));
        let is_second_try = now.duration_since(last).unsigned_abs() < SECOND_TRY;
        if count >= MAX_TRIALS || count > 0 && is_second_try {
            return false;
        }
        self.0.insert(mac, (count + 1, now));
        true
    }

    /// A phone has been given another password, or has shown one.
    pub(super) fn forget(&mut self, mac: Mac) {
        self.0.remove(&mac);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_that_does_not_understand_gets_its_file_at_the_second_try_and_is_left_alone_in_the_end()
     {
        let mac = Mac::new([0, 11, 130, 0, 0, 1]);
        let mut trials = Trials::default();
        let mut begin = |second| trials.begin(mac, Timestamp::from_second(second).unwrap());
        let asked: Vec<bool> = [0, 5, 700, 705, 5000, 5005, 9000, 90_000]
            .into_iter()
            .map(&mut begin)
            .collect();
        assert_eq!(asked, [true, false, true, false, true, false, false, false]);
        trials.forget(mac);
        assert!(trials.begin(mac, Timestamp::from_second(90_001).unwrap()));
    }
}
