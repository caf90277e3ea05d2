//! Texts of simple types in CWMP messages.

/// What a text of the schema must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Anything.
    Anything,
    /// At most so many characters.
    AtMost(usize),
    /// Six upper-case hex digits.
    Oui,
    /// `0 BOOTSTRAP`, `M Reboot`, `X VENDOR text`.
    EventCode,
    /// A truth value.
    Boolean,
    /// A number from the first to the last.
    Number(u32, u32),
    /// A date with time.
    DateTime,
    /// A fault code of a TransferComplete (cwmp.md M99).
    TransferFault,
    /// `3 Vendor Configuration File`.
    FileType,
    /// Exactly this.
    Exactly(&'static str),
}

impl Rule {
    /// Whether a text keeps the rule.
    pub(super) fn allows(self, text: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::AtMost(limit) => text.chars().count() <= limit,
            Self::Oui => {
                text.len() == 6
                    && text
                        .bytes()
                        .all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
            }
            Self::EventCode => is_coded(text, |first| {
                first.bytes().all(|byte| byte.is_ascii_digit()) || matches!(first, "M" | "X")
            }),
            Self::Boolean => is_value("boolean", text) == Some(true),
            Self::Number(first, last) => text
                .parse::<u32>()
                .is_ok_and(|number| (first..=last).contains(&number)),
            Self::DateTime => parse_date_time(text).is_some(),
            Self::TransferFault => text.parse::<u32>().is_ok_and(|number| {
                matches!(number,
                    0 | 9001 | 9002 | 9010..=9012 | 9014..=9020 | 9033..=9899)
            }),
            Self::FileType => is_coded(text, |first| {
                first == "X"
                    || (first.bytes().all(|byte| byte.is_ascii_digit()) && !first.starts_with('0'))
            }),
            Self::Exactly(wanted) => text == wanted,
        }
    }
}

/// Whether a text is a value of an XML Schema type, by its local name; `None` for a type that
/// CWMP has not.
pub(super) fn is_value(kind: &str, text: &str) -> Option<bool> {
    Some(match kind {
        "string" => true,
        "int" => text.parse::<i32>().is_ok(),
        "long" => text.parse::<i64>().is_ok(),
        "unsignedInt" => text.parse::<u32>().is_ok(),
        "unsignedLong" => text.parse::<u64>().is_ok(),
        "boolean" => matches!(text, "0" | "1" | "true" | "false"),
        "dateTime" => parse_date_time(text).is_some(),
        "base64" | "base64Binary" => text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')),
        "hexBinary" => {
            text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        _ => return None,
    })
}

/// Whether a dateTime says its offset from UTC: `Z` or `+02:00` (cwmp.md I4).
pub(super) fn has_explicit_offset(text: &str) -> bool {
    parse_date_time(text).is_some_and(|zone| zone != Zone::None)
}

/// Whether a dateTime ends in Z, or is a time since boot, which has no zone (T106 3.2.2).
pub(super) fn is_utc_or_special(text: &str) -> bool {
    match parse_date_time(text) {
        Some(Zone::Utc) => true,
        Some(Zone::None) => text.starts_with("0001-01-"),
        _ => false,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zone {
    None,
    Utc,
    Offset,
}

fn parse_date_time(text: &str) -> Option<Zone> {
    let (date_time, zone) = text.split_at_checked(19)?;
    let shape = date_time.bytes().zip("0000-00-00T00:00:00".bytes());
    let fits = shape.into_iter().all(|(byte, pattern)| match pattern {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    });
    let field = |range: std::ops::Range<usize>| date_time.get(range)?.parse::<u32>().ok();
    let in_range = (1..=12).contains(&field(5..7)?)
        && (1..=31).contains(&field(8..10)?)
        && field(11..13)? <= 23
        && field(14..16)? <= 59
        && field(17..19)? <= 60;
    if !fits || !in_range {
        return None;
    }
    let zone = match zone.strip_prefix('.') {
        Some(fraction) => {
            let rest = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            if rest.len() == fraction.len() {
                return None;
            }
            rest
        }
        None => zone,
    };
    match zone {
        "" => Some(Zone::None),
        "Z" => Some(Zone::Utc),
        offset => {
            let (hours, minutes) = offset
                .strip_prefix(['+', '-'])?
                .split_once(':')
                .filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
            let fits = hours.parse::<u8>().ok()? <= 14 && minutes.parse::<u8>().ok()? <= 59;
            fits.then_some(Zone::Offset)
        }
    }
}

/// Words parted by single blanks, at least two, at most 64 characters, the first as asked.
fn is_coded(text: &str, first: impl Fn(&str) -> bool) -> bool {
    let mut words = text.split(' ');
    let head = words.next().unwrap_or_default();
    let mut rest = words.peekable();
    text.chars().count() <= 64
        && !head.is_empty()
        && first(head)
        && rest.peek().is_some()
        && rest.all(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_times_are_told_apart_by_their_zone() {
        assert!(has_explicit_offset("2026-02-03T04:05:06+02:00"));
        assert!(has_explicit_offset("2026-02-03T04:05:06.123Z"));
        assert!(!has_explicit_offset("2026-02-03T04:05:06"));
        assert!(is_utc_or_special("0001-01-01T00:00:00Z"));
        assert!(is_utc_or_special("0001-01-01T00:12:03"));
        assert!(!is_utc_or_special("2026-02-03T04:05:06+02:00"));
        assert!(!is_utc_or_special("2026-13-03T04:05:06Z"));
        assert!(!is_utc_or_special("today"));
    }

    #[test]
    fn event_codes_have_a_number_or_a_letter_and_words() {
        for good in [
            "0 BOOTSTRAP",
            "M Reboot",
            "10 AUTONOMOUS TRANSFER COMPLETE",
            "X 0002AB x",
        ] {
            assert!(Rule::EventCode.allows(good), "{good}");
        }
        for bad in ["", "0", "BOOT", "1  BOOT", "1 BOOT "] {
            assert!(!Rule::EventCode.allows(bad), "{bad}");
        }
    }
}
