//! When a phone that has never fetched its file may do so for the first time.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

/// When first contact is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FirstContact {
    /// At any time.
    #[default]
    Always,
    /// Never: only phones that have fetched their file before get it.
    Closed,
    /// From a moment up to another.
    Within {
        /// The first moment at which it is open.
        start: Timestamp,
        /// The first moment at which it is closed again; after `start`.
        end: Timestamp,
    },
}

/// The text says no such time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}`: write always, closed, or two moments with a slash between them, such as \
     2026-11-21T08:00:00Z/2026-11-22T08:00:00Z"
)]
pub struct FirstContactError {
    /// The text that was given, cut after 80 characters.
    pub text: String,
}

impl FirstContact {
    /// Whether a phone may come for the first time now.
    pub fn is_open(&self, now: Timestamp) -> bool {
        match self {
            Self::Always => true,
            Self::Closed => false,
            Self::Within { start, end } => (*start..*end).contains(&now),
        }
    }
}

impl FromStr for FirstContact {
    type Err = FirstContactError;

    fn from_str(text: &str) -> Result<Self, FirstContactError> {
        let window = || {
            let (start, end) = text.split_once('/')?;
            let (start, end) = (start.trim().parse().ok()?, end.trim().parse().ok()?);
            (start < end).then_some(Self::Within { start, end })
        };
        match text {
            "always" => Ok(Self::Always),
            "closed" => Ok(Self::Closed),
            _ => window().ok_or_else(|| FirstContactError {
                text: text.chars().take(80).collect(),
            }),
        }
    }
}

impl fmt::Display for FirstContact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => formatter.write_str("always"),
            Self::Closed => formatter.write_str("closed"),
            Self::Within { start, end } => write!(formatter, "{start}/{end}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_open_from_its_start_up_to_its_end() {
        let text = "2026-11-21T08:00:00Z/2026-11-22T08:00:00Z";
        let window: FirstContact = text.parse().unwrap();
        assert_eq!(window.to_string(), text);
        let is_open = |moment: &str| window.is_open(moment.parse().unwrap());
        assert!(!is_open("2026-11-21T07:59:59Z"));
        assert!(is_open("2026-11-21T08:00:00Z"));
        assert!(is_open("2026-11-22T07:59:59Z"));
        assert!(!is_open("2026-11-22T08:00:00Z"));
        let now = Timestamp::UNIX_EPOCH;
        assert!("always".parse::<FirstContact>().unwrap().is_open(now));
        assert!(!"closed".parse::<FirstContact>().unwrap().is_open(now));
        for text in [
            "",
            "open",
            "2026-11-21",
            "2026-11-22T08:00:00Z/2026-11-21T08:00:00Z",
            "2026-11-21T08:00:00/2026-11-22T08:00:00",
        ] {
            assert!(text.parse::<FirstContact>().is_err(), "{text}");
        }
    }
}
