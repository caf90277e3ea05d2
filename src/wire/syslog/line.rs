//! One line: its priority, and its text without what the receiver knows better.
//!
//! Phones follow no standard closely: some send no time, some no host, one its MAC in brackets
//! (grandstream.md section 6). So the text stays as it came, and only a priority, a version, a time
//! and the `-` of empty fields are taken off; the moment of arrival counts.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while_m_n, take_while1};
use nom::character::complete::{char, one_of, space1};
use nom::combinator::{map_opt, opt, recognize};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser as _};
use serde::{Deserialize, Serialize};

/// How bad it is (RFC 5424 section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 0
    Emergency,
    /// 1
    Alert,
    /// 2
    Critical,
    /// 3
    Error,
    /// 4
    Warning,
    /// 5
    Notice,
    /// 6
    Informational,
    /// 7
    Debug,
}

impl Severity {
    /// All of them, each at its number.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Informational,
        Self::Debug,
    ];

    /// Its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Alert => "alert",
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Informational => "informational",
            Self::Debug => "debug",
        }
    }
}

/// A line as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Which part of the phone speaks, 0 to 23; `None` when the line has no priority.
    pub facility: Option<u8>,
    /// How bad it is; `None` when the line has no priority.
    pub severity: Option<Severity>,
    /// What it says: without control characters, and without blanks at its ends.
    pub text: String,
}

impl Line {
    /// Reads a line. Every sequence of bytes is one.
    pub fn parse(bytes: &[u8]) -> Self {
        let decoded = String::from_utf8_lossy(bytes);
        let shown: String = decoded
            .chars()
            .map(|character| {
                if character.is_control() {
                    ' '
                } else {
                    character
                }
            })
            .collect();
        let whole = shown.trim();
        let (rest, priority) = match priority(whole) {
            Ok((rest, priority)) => (rest, Some(priority)),
            Err(_) => (whole, None),
        };
        let text = match fields_of_5424(rest) {
            Ok((message, fields)) => fields.in_front_of(message),
            Err(_) => without_time(rest).trim().to_owned(),
        };
        Self {
            facility: priority.map(|priority| priority / 8),
            severity: priority
                .and_then(|priority| Severity::ALL.get(usize::from(priority % 8)).copied()),
            text,
        }
    }
}

/// `<13>`: 0 to 191 (RFC 5424 section 6.2.1).
fn priority(input: &str) -> IResult<&str, u8> {
    let digits = take_while_m_n(1, 3, |character: char| character.is_ascii_digit());
    let number = map_opt(digits, |digits: &str| {
        digits.parse::<u8>().ok().filter(|number| *number < 192)
    });
    delimited(char('<'), number, char('>')).parse(input)
}

/// What stands between the time and the message of RFC 5424.
struct Fields<'a> {
    host: &'a str,
    application: &'a str,
    process: &'a str,
    message_id: &'a str,
    structured: &'a str,
}

impl Fields<'_> {
    fn in_front_of(&self, message: &str) -> String {
        let mut text = String::new();
        let mut add = |field: &str, before: &str, after: &str| {
            if field != "-" && !field.is_empty() {
                text.push_str(before);
                text.push_str(field);
                text.push_str(after);
            }
        };
        add(self.host, "", " ");
        add(self.application, "", " ");
        add(self.process, "[", "] ");
        add(self.message_id, "", " ");
        add(self.structured, "", " ");
        text.push_str(message.trim_start_matches(['\u{feff}', ' ']));
        text.trim().to_owned()
    }
}

fn fields_of_5424(input: &str) -> IResult<&str, Fields<'_>> {
    let field = || terminated(take_while1(|character| character != ' '), char(' '));
    let (rest, _) = tag("1 ").parse(input)?;
    let (rest, _) = terminated(alt((tag("-"), time_of_3339)), char(' ')).parse(rest)?;
    let (rest, (host, application, process, message_id)) =
        (field(), field(), field(), field()).parse(rest)?;
    let (rest, structured) = alt((tag("-"), structured_data)).parse(rest)?;
    let fields = Fields {
        host,
        application,
        process,
        message_id,
        structured,
    };
    Ok((rest, fields))
}

/// `[id name="value" …]`, one or more without a blank between them; `\"`, `\\` and `\]` stand for
/// the characters themselves.
fn structured_data(input: &str) -> IResult<&str, &str> {
    let plain = || take_while1(|character| !matches!(character, '"' | ']'));
    let quoted = || {
        let plain = take_while1(|character| !matches!(character, '"' | '\\'));
        let escaped = preceded(char('\\'), take_while_m_n(1, 1, |_| true));
        delimited(
            char('"'),
            recognize(many0_count(alt((plain, escaped)))),
            char('"'),
        )
    };
    let element = || {
        delimited(
            char('['),
            recognize(many0_count(alt((plain(), quoted())))),
            char(']'),
        )
    };
    recognize((element(), many0_count(element()))).parse(input)
}

/// The rest of a line whose time, if it has one, is taken off.
fn without_time(input: &str) -> &str {
    let input = input.trim_start();
    let time = terminated(alt((time_of_3164, time_of_3339)), char(' ')).parse(input);
    match time {
        Ok((rest, _)) => rest,
        Err(_) => input,
    }
}

/// `Jan  1 00:00:12`, with a year behind the day at times.
fn time_of_3164(input: &str) -> IResult<&str, &str> {
    let month = map_opt(
        take_while_m_n(3, 3, |c: char| c.is_ascii_alphabetic()),
        |month: &str| {
            const MONTHS: [&str; 12] = [
                "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
            ];
            MONTHS
                .iter()
                .find(|known| known.eq_ignore_ascii_case(month))
        },
    );
    let year = terminated(digits(4, 4), space1);
    recognize((month, space1, digits(1, 2), space1, opt(year), time_of_day)).parse(input)
}

/// `2026-11-21T12:00:00.123+01:00`; some write a blank in place of the `T`, and no zone.
fn time_of_3339(input: &str) -> IResult<&str, &str> {
    let offset = recognize((one_of("+-"), digits(2, 2), char(':'), digits(2, 2)));
    let zone = opt(alt((tag("Z"), offset)));
    let date = (
        digits(4, 4),
        char('-'),
        digits(2, 2),
        char('-'),
        digits(2, 2),
    );
    recognize((date, one_of("T "), time_of_day, zone)).parse(input)
}

fn time_of_day(input: &str) -> IResult<&str, &str> {
    let fraction = preceded(one_of(".,"), take_while(|c: char| c.is_ascii_digit()));
    let time = (
        digits(2, 2),
        char(':'),
        digits(2, 2),
        char(':'),
        digits(2, 2),
    );
    recognize((time, opt(fraction))).parse(input)
}

fn digits<'a>(
    least: usize,
    most: usize,
) -> impl nom::Parser<&'a str, Output = &'a str, Error = nom::error::Error<&'a str>> {
    take_while_m_n(least, most, |character: char| character.is_ascii_digit())
}

#[cfg(test)]
use crate::wire::syslog;

#[cfg(test)]
#[path = "../../../tests/fuzz/laws/syslog.rs"]
mod law;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::syslog::MAX_LINE;

    fn parsed(line: &str) -> (Option<&'static str>, String) {
        let line = Line::parse(line.as_bytes());
        (line.severity.map(Severity::name), line.text)
    }

    #[test]
    fn lines_of_phones_keep_all_that_they_say() {
        for (line, severity, text) in [
            // grandstream.md section 6: phones, then adapters.
            (
                "<14>GS_LOG: [00:0B:82:A1:B2:C3][000][FF01][0100030F] SIP registered",
                "informational",
                "GS_LOG: [00:0B:82:A1:B2:C3][000][FF01][0100030F] SIP registered",
            ),
            (
                "<14> 000b82a1b2c3 PROVISION: md5sum is 0123456789abcdef",
                "informational",
                "000b82a1b2c3 PROVISION: md5sum is 0123456789abcdef",
            ),
            (
                "<134>Jan  1 00:00:12 GXP2170 [1.0.11.35] [00:0b:82:a1:b2:c3] started",
                "informational",
                "GXP2170 [1.0.11.35] [00:0b:82:a1:b2:c3] started",
            ),
            (
                "<142>00:08:5D:78:90:AB linemgr: line 1 registered\0",
                "informational",
                "00:08:5D:78:90:AB linemgr: line 1 registered",
            ),
            (
                "<147>Nov 21 2026 20:11:00 phone.out[123]: [a x=\"1\"] no route\n",
                "error",
                "phone.out[123]: [a x=\"1\"] no route",
            ),
            (
                "<7>2026-11-21 20:11:00 [DEBUG] [sip] INVITE",
                "debug",
                "[DEBUG] [sip] INVITE",
            ),
        ] {
            assert_eq!(parsed(line), (Some(severity), text.to_owned()));
        }
    }

    #[test]
    fn a_line_of_the_later_standard_has_its_fields_in_front() {
        for (line, text) in [
            (
                "<165>1 2026-11-21T20:00:00.003+01:00 desk sip 42 ID47 [a@1 k=\"v\\\"]\"][b] \u{feff}up",
                "desk sip [42] ID47 [a@1 k=\"v\\\"]\"][b] up",
            ),
            ("<165>1 - - sip - - - up and well", "sip up and well"),
            ("<165>1 2026-11-21T20:00:00Z desk - - - -", "desk"),
        ] {
            assert_eq!(parsed(line), (Some("notice"), text.to_owned()), "{line}");
        }
        let (_, broken) = parsed("<165>1 2026-11-21T20:00:00Z desk [unclosed k=\"v");
        assert!(broken.ends_with("desk [unclosed k=\"v"), "{broken}");
    }

    #[test]
    fn what_follows_no_standard_is_taken_as_it_is() {
        for (line, text) in [
            ("", ""),
            ("<", "<"),
            ("<192>too much", "<192>too much"),
            ("<-1>x", "<-1>x"),
            ("  plain\x1b[2Jtext\r\n", "plain [2Jtext"),
            ("Feb 30 25:61:61 x", "x"),
            ("Janet 1 00:00:00 x", "Janet 1 00:00:00 x"),
        ] {
            assert_eq!(parsed(line), (None, text.to_owned()));
        }
        let latin = Line::parse(b"<13>K\xe4the");
        assert_eq!(latin.text, "K\u{fffd}the");
        assert_eq!(
            (latin.facility, latin.severity),
            (Some(1), Some(Severity::Notice))
        );
    }

    #[test]
    fn the_laws_hold_for_the_seeds_and_for_pieces_of_them() {
        for seed in [
            include_bytes!("../../../tests/fuzz/seeds/syslog/counted").as_slice(),
            include_bytes!("../../../tests/fuzz/seeds/syslog/newlines"),
            include_bytes!("../../../tests/fuzz/seeds/syslog/later-standard"),
        ] {
            for start in 0..seed.len() {
                law::holds(&seed[start..]);
                law::holds(&seed[..start]);
            }
        }
        let long = [b"<1>".as_slice(), &[b'x'; 2 * MAX_LINE], b"\n9 <2>hello!"].concat();
        law::holds(&long);
        law::holds(b"9999999 <14>a");
    }

    proptest::proptest! {
        #[test]
        fn the_laws_hold_for_any_bytes(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            law::holds(&bytes);
        }

        #[test]
        fn the_laws_hold_for_what_looks_like_syslog(text in "([0-9]{1,3} )?(<[0-9]{1,3}>)?(1 )?[-A-Z0-9:\\[\\]\"= \n\\\\]{0,80}") {
            law::holds(text.as_bytes());
        }
    }
}
