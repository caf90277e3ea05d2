//! The header Retry-After of an ACS that can't answer now (cwmp.md H11).

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// When an ACS wants to be asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// After so many seconds.
    Seconds(u64),
    /// Not before this moment.
    At(Timestamp),
}

impl RetryAfter {
    /// Reads the header: seconds, or a date as HTTP writes it. `None` for anything else, which is
    /// as good as no header.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(Self::Seconds);
        }
        // HTTP says GMT and means what RFC 2822 calls +0000.
        let date = match text.strip_suffix("GMT") {
            Some(date) => format!("{date}+0000"),
            None => text.to_owned(),
        };
        rfc2822::DateTimeParser::new()
            .parse_timestamp(&date)
            .ok()
            .map(Self::At)
    }

    /// How long that is from `now`; nothing when it is past.
    pub fn wait(self, now: Timestamp) -> Duration {
        match self {
            Self::Seconds(seconds) => Duration::from_secs(seconds),
            Self::At(moment) => Duration::try_from(moment.duration_since(now)).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_nothing_else() {
        let now: Timestamp = "1994-11-06T08:48:37Z".parse().unwrap();
        for (text, seconds) in [
            ("60", 60),
            (" 0 ", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 60),
            ("Sun, 06 Nov 1994 08:49:37 +0000", 60),
            ("Sun, 06 Nov 1994 08:47:37 GMT", 0),
        ] {
            let wait = RetryAfter::parse(text).unwrap().wait(now);
            assert_eq!(wait, Duration::from_secs(seconds), "{text}");
        }
        for text in ["", "soon", "-5", "1.5", "99999999999999999999999"] {
            assert_eq!(RetryAfter::parse(text), None, "{text}");
        }
    }
}
