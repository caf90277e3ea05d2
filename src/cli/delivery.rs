//! How far the changes of a phone's file have come, as a person reads it; `trestle device deadline`.

use std::str::FromStr;

use jiff::Timestamp;

use super::access::Access;
use super::arguments::Place;
use super::exit::{CommandError, Ending};
use super::output;
use crate::device::{ChangeSet, DeliveryDeadline, DeliveryStatus};
use crate::gateway::DeliveryDetail;
use crate::native::Mac;

/// `2h`, `none` or `usual`, as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DeadlineArgument(DeliveryDeadline);

impl FromStr for DeadlineArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => return Ok(Self(DeliveryDeadline::Never)),
            "usual" => return Ok(Self(DeliveryDeadline::Usual)),
            _ => {}
        }
        match text.parse() {
            Ok(Span(seconds)) => Ok(Self(DeliveryDeadline::Seconds(seconds))),
            Err(why) => Err(format!("{why}; or none, or usual")),
        }
    }
}

/// A span of time as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(u32);

impl Span {
    pub(super) fn seconds(self) -> u32 {
        self.0
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no time: write a number with s, m, h or d, such as 2h");
        let unit = text.chars().last().ok_or_else(wrong)?;
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        let number = text.strip_suffix(unit).ok_or_else(wrong)?;
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let seconds = number.checked_mul(factor).filter(|seconds| *seconds > 0);
        seconds.map(Self).ok_or_else(wrong)
    }
}

pub(super) async fn set_deadline(
    mac: Mac,
    deadline: DeadlineArgument,
    place: &Place,
) -> Result<Ending, CommandError> {
    let access = Access::open(place)?;
    access.set_delivery_deadline(mac, deadline.0).await?;
    output::line(&match deadline.0 {
        DeliveryDeadline::Never => "the phone may take as long as it likes".to_owned(),
        other => format!("the phone has {} to fetch a change", deadline_text(other)),
    });
    Ok(Ending::Clean)
}

impl Access {
    async fn set_delivery_deadline(
        &self,
        mac: Mac,
        deadline: DeliveryDeadline,
    ) -> Result<(), CommandError> {
        match self {
            Self::Here(gateway) => Ok(gateway.set_delivery_deadline(mac, deadline).await?),
            Self::There(client) => Ok(client.set_delivery_deadline(mac, deadline).await?),
        }
    }
}

/// The lines of `device show` that tell of deliveries: a name and a text each.
pub(super) fn lines(delivery: &DeliveryDetail, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("delivery", status_line(delivery, now)),
        ("deadline", deadline_text(delivery.deadline)),
        (
            "last restart",
            delivery
                .booted_at
                .map_or_else(|| "not seen yet".to_owned(), |at| moment_with_age(at, now)),
        ),
    ];
    let changes = delivery.changes.iter().rev();
    lines.extend(changes.map(|set| ("change", change_line(set, now))));
    lines
}

fn status_line(delivery: &DeliveryDetail, now: Timestamp) -> String {
    let status = status_text(delivery.status);
    match (delivery.overdue_since, delivery.due) {
        (Some(since), _) => format!("{status} since {}", moment_with_age(since, now)),
        (None, Some(due)) => format!("{status}; to be fetched by {}", moment(due)),
        (None, None) => status.to_owned(),
    }
}

/// The word for people.
pub(super) fn status_text(status: DeliveryStatus) -> &'static str {
    match status {
        DeliveryStatus::Pending => "pending",
        DeliveryStatus::Told => "told",
        DeliveryStatus::Fetched => "fetched",
        DeliveryStatus::Confirmed => "confirmed",
        DeliveryStatus::Overdue => "overdue",
    }
}

fn deadline_text(deadline: DeliveryDeadline) -> String {
    match deadline {
        DeliveryDeadline::Usual => "the usual time".to_owned(),
        DeliveryDeadline::Never => "none".to_owned(),
        DeliveryDeadline::Seconds(seconds) => span(seconds.into()),
    }
}

/// `3 by ACS: P270; queued 2026-11-21 17:00:00 UTC (2h ago), told +4s, fetched +6s`
fn change_line(set: &ChangeSet, now: Timestamp) -> String {
    let mut line = format!(
        "{} by {}: {}; queued {}",
        set.revision,
        set.author,
        set.what,
        moment_with_age(set.queued, now)
    );
    let mut steps: Vec<(&str, Timestamp)> = [
        ("told", set.told),
        ("overdue", set.overdue),
        ("fetched", set.fetched),
        ("restarted", set.rebooted),
        ("confirmed", set.confirmed),
        ("superseded", set.superseded),
    ]
    .into_iter()
    .filter_map(|(name, at)| Some((name, at?)))
    .collect();
    steps.sort_by_key(|(_, at)| *at);
    for (name, at) in steps {
        line.push_str(&format!(", {name} +{}", span(seconds(set.queued, at))));
    }
    line
}

fn moment(at: Timestamp) -> String {
    at.strftime("%F %T UTC").to_string()
}

fn moment_with_age(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({} ago)", moment(at), span(seconds(at, now)))
}

fn seconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0)
}

/// The two largest units of a span of time.
fn span(seconds: u64) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let mut parts = parts.iter().skip_while(|(number, _)| *number == 0).take(2);
    let Some((number, unit)) = parts.next() else {
        return "0s".to_owned();
    };
    match parts.next() {
        Some((rest, smaller)) if *rest > 0 => format!("{number}{unit} {rest}{smaller}"),
        _ => format!("{number}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::ChangeAuthor;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn change(revision: u64, author: ChangeAuthor, what: &str, queued: i64) -> ChangeSet {
        ChangeSet {
            revision,
            author,
            what: what.to_owned(),
            queued: at(queued),
            told: None,
            fetched: None,
            rebooted: None,
            confirmed: None,
            overdue: None,
            superseded: None,
        }
    }

    fn text(delivery: &DeliveryDetail, now: i64) -> String {
        let lines = lines(delivery, at(now)).into_iter();
        lines
            .map(|(name, text)| format!("{name}: {text}\n"))
            .collect()
    }

    #[test]
    fn a_phone_that_does_as_it_should_reads_like_this() {
        let delivery = DeliveryDetail {
            status: DeliveryStatus::Told,
            deadline: DeliveryDeadline::Usual,
            due: Some(at(90_000)),
            overdue_since: None,
            booted_at: Some(at(-86_400 * 3)),
            changes: vec![
                ChangeSet {
                    told: Some(at(4)),
                    fetched: Some(at(65)),
                    rebooted: Some(at(60)),
                    confirmed: Some(at(3_600)),
                    ..change(2, ChangeAuthor::Import, "P2, P47", 0)
                },
                ChangeSet {
                    told: Some(at(3_700)),
                    ..change(
                        3,
                        ChangeAuthor::Acs,
                        "6 settings: P1, P2, P3, P4 and others",
                        3_600,
                    )
                },
            ],
        };
        assert_eq!(
            text(&delivery, 7_200),
            "delivery: told; to be fetched by 2027-01-16 09:00:00 UTC\n\
             deadline: the usual time\n\
             last restart: 2027-01-12 08:00:00 UTC (3d 2h ago)\n\
             change: 3 by ACS: 6 settings: P1, P2, P3, P4 and others; queued 2027-01-15 09:00:00 UTC \
             (1h ago), told +1min 40s\n\
             change: 2 by import: P2, P47; queued 2027-01-15 08:00:00 UTC (2h ago), told +4s, \
             restarted +1min, fetched +1min 5s, confirmed +1h\n"
        );
    }

    #[test]
    fn a_late_phone_says_since_when() {
        let delivery = DeliveryDetail {
            status: DeliveryStatus::Overdue,
            deadline: DeliveryDeadline::Seconds(7_200),
            due: Some(at(7_200)),
            overdue_since: Some(at(7_200)),
            booted_at: None,
            changes: vec![
                ChangeSet {
                    superseded: Some(at(100)),
                    ..change(2, ChangeAuthor::Operator, "P270", 0)
                },
                ChangeSet {
                    overdue: Some(at(7_200)),
                    ..change(3, ChangeAuthor::Firmware, "P192", 100)
                },
            ],
        };
        assert_eq!(
            text(&delivery, 8_000),
            "delivery: overdue since 2027-01-15 10:00:00 UTC (13min 20s ago)\n\
             deadline: 2h\n\
             last restart: not seen yet\n\
             change: 3 by firmware: P192; queued 2027-01-15 08:01:40 UTC (2h 11min ago), overdue \
             +1h 58min\n\
             change: 2 by operator: P270; queued 2027-01-15 08:00:00 UTC (2h 13min ago), superseded \
             +1min 40s\n"
        );
    }

    #[test]
    fn a_deadline_is_a_number_with_a_unit_or_a_word() {
        let read = |text: &str| text.parse().map(|DeadlineArgument(deadline)| deadline);
        assert_eq!(read("2h"), Ok(DeliveryDeadline::Seconds(7_200)));
        assert_eq!(read("90s"), Ok(DeliveryDeadline::Seconds(90)));
        assert_eq!(read("none"), Ok(DeliveryDeadline::Never));
        assert_eq!(read("usual"), Ok(DeliveryDeadline::Usual));
        for wrong in [
            "",
            "h",
            "0s",
            "2",
            "2hh",
            "-1h",
            "2w",
            "99999999d",
            "\u{e4}",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
