//! The time windows of a ScheduleDownload (cwmp.md M140–M142).

use std::time::Duration;

use jiff::Timestamp;

use super::super::schedule::after;
use crate::cwmp::{Fault, FaultCode, TimeWindow};
use crate::device::ScheduledWindow;

/// Windows that one call may have.
const MAX_WINDOWS: usize = 2;
/// Modes of a window that are kept: nobody here knows whether a phone is idle, and nobody can be
/// asked for a confirmation.
const MODES: [&str; 2] = ["1 At Any Time", "2 Immediately"];
/// Shortest and longest wait before another try; between them it is an eighth of what is left.
const SHORTEST_WAIT: i64 = 5;
const LONGEST_WAIT: i64 = 600;

/// The windows as moments, if the CPE can keep to them.
pub(super) fn scheduled(
    windows: &[TimeWindow],
    now: Timestamp,
) -> Result<Vec<ScheduledWindow>, Fault> {
    let bad = |text: String| Err(Fault::new(FaultCode::InvalidArguments, text));
    if !(1..=MAX_WINDOWS).contains(&windows.len()) {
        let count = windows.len();
        return bad(format!(
            "{count} time windows; 1 to {MAX_WINDOWS} are allowed"
        ));
    }
    let mut earliest = 0;
    let mut scheduled = Vec::with_capacity(windows.len());
    for window in windows {
        if window.start >= window.end {
            return bad(format!(
                "the window from {} to {} s ends before it begins",
                window.start, window.end
            ));
        }
        if window.start < earliest {
            return bad("the windows overlap, or stand in another order than they come".to_owned());
        }
        if !MODES.contains(&window.mode.as_str()) {
            let allowed = MODES.join(", ");
            return bad(format!("the window's mode is none of {allowed}"));
        }
        if window.max_retries < -1 {
            return bad("MaxRetries is less than -1".to_owned());
        }
        earliest = window.end;
        scheduled.push(ScheduledWindow {
            start: after(now, Duration::from_secs(u64::from(window.start))),
            end: after(now, Duration::from_secs(u64::from(window.end))),
            mode: window.mode.clone(),
            retries_left: window.max_retries,
        });
    }
    Ok(scheduled)
}

/// Whether work may be done now.
pub(super) fn is_open(windows: &[ScheduledWindow], now: Timestamp) -> bool {
    windows
        .first()
        .is_some_and(|window| window.start <= now && now < window.end)
}

/// Leaves windows behind that are over, and says when the first try in the next one is due; `None`
/// when there is no window any more.
pub(super) fn next_window(windows: &mut Vec<ScheduledWindow>, now: Timestamp) -> Option<Timestamp> {
    windows.retain(|window| now < window.end);
    windows.first().map(|window| window.start.max(now))
}

/// When the next try is due after one that failed; `None` when there is none any more.
pub(super) fn next_try(windows: &mut Vec<ScheduledWindow>, now: Timestamp) -> Option<Timestamp> {
    windows.retain(|window| now < window.end);
    let window = windows.first_mut()?;
    if now < window.start {
        return Some(window.start);
    }
    let left = window.end.duration_since(now).as_secs();
    let wait = (left / 8).clamp(SHORTEST_WAIT, LONGEST_WAIT);
    let due = after(now, Duration::from_secs(wait.unsigned_abs()));
    if window.retries_left != 0 && due < window.end {
        window.retries_left = (window.retries_left - 1).max(-1);
        return Some(due);
    }
    windows.remove(0);
    next_window(windows, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn window(start: u32, end: u32, max_retries: i32) -> TimeWindow {
        TimeWindow {
            start,
            end,
            mode: "1 At Any Time".to_owned(),
            user_message: String::new(),
            max_retries,
        }
    }

    #[test]
    fn only_windows_that_can_be_kept_are_taken() {
        let check = |windows: &[TimeWindow]| scheduled(windows, at(0)).is_ok();
        assert!(check(&[window(0, 10, 0)]));
        assert!(check(&[window(5, 10, -1), window(10, 20, 3)]));
        assert!(!check(&[]));
        assert!(!check(&[window(0, 1, 0), window(1, 2, 0), window(2, 3, 0)]));
        assert!(!check(&[window(10, 10, 0)]));
        assert!(!check(&[window(20, 10, 0)]));
        assert!(!check(&[window(0, 10, 0), window(9, 20, 0)]));
        assert!(!check(&[window(10, 20, 0), window(0, 5, 0)]));
        assert!(!check(&[window(0, 10, -2)]));
        for mode in ["3 When Idle", "4 Confirmation Needed", "7 Foo", ""] {
            let mut other = window(0, 10, 0);
            other.mode = mode.to_owned();
            assert!(!check(&[other]), "{mode}");
        }
    }

    #[test]
    fn tries_stay_within_windows_and_their_retries() {
        let mut windows = scheduled(&[window(10, 50, 1), window(60, 90, -1)], at(0)).unwrap();
        assert!(!is_open(&windows, at(9)));
        assert_eq!(next_window(&mut windows, at(0)), Some(at(10)));
        assert!(is_open(&windows, at(10)));
        assert_eq!(next_try(&mut windows, at(10)), Some(at(15)), "one retry");
        assert_eq!(next_try(&mut windows, at(15)), Some(at(60)), "no more");
        let mut now = 60;
        while let Some(due) = next_try(&mut windows, at(now)) {
            assert!(due > at(now) && due < at(90));
            now = due.as_second();
        }
        assert!(now > 80, "as often as needed: {now}");
        assert!(windows.is_empty());
    }

    #[test]
    fn a_window_that_was_slept_through_is_left_behind() {
        let mut windows = scheduled(&[window(10, 50, 0), window(60, 90, 0)], at(0)).unwrap();
        assert_eq!(next_window(&mut windows, at(55)), Some(at(60)));
        assert_eq!(next_window(&mut windows, at(90)), None);
    }
}
