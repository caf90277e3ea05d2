//! Refused attempts: counted by reason, the last ones kept, and told to the log not too often.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::native::Mac;

/// Attempts that are kept: one for each source and reason.
const MAX_KEPT: usize = 256;
/// Lines that the log gets in a minute.
const MAX_LINES: u32 = 20;

/// Why somebody did not get what he asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissReason {
    /// Nobody knows the phone whose file it would be.
    UnknownPhone,
    /// No phone has this MAC: the operator has laid it out for those who guess.
    Decoy,
    /// What was shown does not prove that it is this phone.
    RefusedProof,
    /// Too many misses from there, or in all: only phones that are where they were get their files.
    BudgetUsedUp,
}

impl MissReason {
    const ALL: [Self; 4] = [
        Self::UnknownPhone,
        Self::Decoy,
        Self::RefusedProof,
        Self::BudgetUsedUp,
    ];
}

impl fmt::Display for MissReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UnknownPhone => "unknown phone",
            Self::Decoy => "decoy",
            Self::RefusedProof => "proof refused",
            Self::BudgetUsedUp => "budget used up",
        })
    }
}

/// How often something was refused since the gateway started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissCount {
    /// Why.
    pub reason: MissReason,
    /// How often.
    pub count: u64,
}

/// What a source was refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedAttempts {
    /// Why.
    pub reason: MissReason,
    /// Who asked.
    pub address: IpAddr,
    /// When first.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
    /// How often.
    pub count: u64,
    /// The phone that was asked for last.
    pub mac: Mac,
}

/// All of it, since the gateway started.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    counts: [u64; MissReason::ALL.len()],
    kept: Vec<MissedAttempts>,
    lines: Lines,
}

/// How many lines the log has had in this minute.
#[derive(Debug, Default)]
struct Lines {
    minute: i64,
    written: u32,
    left_out: u64,
}

impl Refusals {
    /// Counts an attempt, and tells the log.
    pub(super) fn note(&mut self, reason: MissReason, mac: Mac, address: IpAddr, at: Timestamp) {
        let counts = MissReason::ALL.iter().zip(&mut self.counts);
        for (_, count) in counts.filter(|(known, _)| **known == reason) {
            *count = count.saturating_add(1);
        }
        let mut kept = self.kept.iter_mut();
        match kept.find(|one| one.reason == reason && one.address == address) {
            Some(attempts) => {
                attempts.last = at;
                attempts.count = attempts.count.saturating_add(1);
                attempts.mac = mac;
            }
            None => self.keep(MissedAttempts {
                reason,
                address,
                first: at,
                last: at,
                count: 1,
                mac,
            }),
        }
        if let Some(left_out) = self.lines.next(at) {
            tracing::info!(%reason, %mac, source = %address, left_out, "refused a phone's file");
        }
    }

    /// Keeps one more; without room the one that was quiet longest goes, of those that count least.
    fn keep(&mut self, attempts: MissedAttempts) {
        if self.kept.len() >= MAX_KEPT {
            let places = self.kept.iter().enumerate();
            let least =
                places.min_by_key(|(_, one)| (one.reason != MissReason::UnknownPhone, one.last));
            if let Some((place, _)) = least {
                self.kept.swap_remove(place);
            }
        }
        self.kept.push(attempts);
    }

    pub(super) fn counts(&self) -> Vec<MissCount> {
        let counts = MissReason::ALL.into_iter().zip(self.counts);
        counts
            .map(|(reason, count)| MissCount { reason, count })
            .collect()
    }

    /// What is kept, the newest first.
    pub(super) fn kept(&self) -> Vec<MissedAttempts> {
        let mut kept = self.kept.clone();
        kept.sort_by_key(|attempts| std::cmp::Reverse(attempts.last));
        kept
    }
}

impl Lines {
    /// Whether the log gets a line now: how many it did not get before it.
    fn next(&mut self, now: Timestamp) -> Option<u64> {
        let minute = now.as_second().div_euclid(60);
        if self.minute != minute {
            self.minute = minute;
            self.written = 0;
        }
        if self.written >= MAX_LINES {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(refusals: &mut Refusals, reason: MissReason, host: u16, second: i64) {
        let [high, low] = host.to_be_bytes();
        let at = Timestamp::from_second(second).unwrap();
        let mac = Mac::new([0, 11, 130, 0, 0, 1]);
        refusals.note(reason, mac, [192, 0, high, low].into(), at);
    }

    #[test]
    fn attempts_are_counted_by_reason_and_kept_by_source() {
        let mut refusals = Refusals::default();
        note(&mut refusals, MissReason::Decoy, 1, 1);
        for second in 0..1_000 {
            let host = u16::try_from(second).unwrap();
            note(&mut refusals, MissReason::UnknownPhone, host, second);
        }
        note(&mut refusals, MissReason::UnknownPhone, 999, 2_000);
        let counts: Vec<u64> = refusals.counts().iter().map(|one| one.count).collect();
        assert_eq!(counts, [1_001, 1, 0, 0]);
        let kept = refusals.kept();
        assert_eq!(kept.len(), MAX_KEPT);
        assert_eq!((kept[0].count, kept[0].first.as_second()), (2, 999));
        // What weighs more is not driven out by unknown phones.
        assert!(kept.iter().any(|one| one.reason == MissReason::Decoy));
    }

    #[test]
    fn the_log_gets_a_few_lines_a_minute_and_how_many_it_did_not_get() {
        let mut lines = Lines::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        let told = (0..100).filter(|_| lines.next(at(30)).is_some()).count();
        assert_eq!(told, MAX_LINES as usize);
        assert_eq!(lines.next(at(60)), Some(80));
        assert_eq!(lines.next(at(61)), Some(0));
    }
}
