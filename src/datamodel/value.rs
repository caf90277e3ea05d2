//! Types of parameter values and their canonical texts (cwmp.md E6, E7; data-model.md section 6).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The dateTime that says "not known" (TR-106; cwmp.md I4, P2).
pub const UNKNOWN_TIME: &str = "0001-01-01T00:00:00Z";

/// The type of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ValueType {
    /// Text.
    String,
    /// Signed 32-bit number.
    Int,
    /// Signed 64-bit number.
    Long,
    /// Unsigned 32-bit number.
    UnsignedInt,
    /// Unsigned 64-bit number.
    UnsignedLong,
    /// Truth value; `1` and `0` in its canonical text.
    Boolean,
    /// Moment, UTC with `Z` in its canonical text.
    DateTime,
    /// Bytes in Base64.
    Base64,
    /// Bytes in hexadecimal digits.
    HexBinary,
}

/// Why a text is no value of a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a value of type {}", wanted.xsd_name())]
pub struct ValueError {
    /// The type that was wanted.
    pub wanted: ValueType,
}

impl ValueType {
    /// The name that stands in `xsi:type`, prefix included (cwmp.md E5).
    pub fn xsd_name(self) -> &'static str {
        match self {
            Self::String => "xsd:string",
            Self::Int => "xsd:int",
            Self::Long => "xsd:long",
            Self::UnsignedInt => "xsd:unsignedInt",
            Self::UnsignedLong => "xsd:unsignedLong",
            Self::Boolean => "xsd:boolean",
            Self::DateTime => "xsd:dateTime",
            Self::Base64 => "xsd:base64Binary",
            Self::HexBinary => "xsd:hexBinary",
        }
    }

    /// Reads the local name of an `xsi:type`, as ACSs spell it; `None` for a name not known here.
    pub fn from_xsd_local_name(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::String,
            "int" | "integer" => Self::Int,
            "long" => Self::Long,
            "unsignedInt" => Self::UnsignedInt,
            "unsignedLong" => Self::UnsignedLong,
            "boolean" => Self::Boolean,
            "dateTime" => Self::DateTime,
            "base64" | "base64Binary" => Self::Base64,
            "hexBinary" => Self::HexBinary,
            _ => return None,
        })
    }

    /// The value of a parameter that nobody has set, when its model names no default.
    pub fn zero(self) -> &'static str {
        match self {
            Self::String | Self::Base64 | Self::HexBinary => "",
            Self::Int | Self::Long | Self::UnsignedInt | Self::UnsignedLong | Self::Boolean => "0",
            Self::DateTime => UNKNOWN_TIME,
        }
    }

    /// Brings a text into the type's canonical form: numbers without leading zeros, booleans as
    /// `0` or `1`, moments in UTC (cwmp.md E7, C097). Strings stay as they are, blanks included.
    ///
    /// # Errors
    /// [`ValueError`] when the text is no value of this type.
    pub fn canonical(self, text: &str) -> Result<String, ValueError> {
        let error = ValueError { wanted: self };
        let trimmed = text.trim();
        let canonical = match self {
            Self::String => Some(text.to_owned()),
            Self::Int => trimmed.parse::<i32>().ok().map(|number| number.to_string()),
            Self::Long => trimmed.parse::<i64>().ok().map(|number| number.to_string()),
            Self::UnsignedInt => trimmed.parse::<u32>().ok().map(|number| number.to_string()),
            Self::UnsignedLong => trimmed.parse::<u64>().ok().map(|number| number.to_string()),
            Self::Boolean => match trimmed {
                "1" | "true" => Some("1".to_owned()),
                "0" | "false" => Some("0".to_owned()),
                _ => None,
            },
            Self::DateTime => canonical_moment(trimmed),
            Self::Base64 => {
                use base64::Engine as _;
                let bytes = base64::engine::general_purpose::STANDARD
                    .decode(trimmed)
                    .ok();
                bytes.map(|_| trimmed.to_owned())
            }
            Self::HexBinary => (trimmed.len().is_multiple_of(2)
                && trimmed.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| trimmed.to_ascii_uppercase()),
        };
        canonical.ok_or(error)
    }
}

/// A moment in UTC to the second. A text without a zone is taken as UTC, which is what ACSs that
/// leave the zone out mean (TR-106 wants UTC for every dateTime but Inform's CurrentTime).
fn canonical_moment(text: &str) -> Option<String> {
    let moment: Timestamp = text.parse().or_else(|_| format!("{text}Z").parse()).ok()?;
    Some(moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_forms() {
        let cases = [
            (ValueType::Boolean, "true", "1"),
            (ValueType::Boolean, "0", "0"),
            (ValueType::UnsignedInt, "007", "7"),
            (ValueType::Int, "-1", "-1"),
            (
                ValueType::DateTime,
                "2026-05-06T07:08:09.000Z",
                "2026-05-06T07:08:09Z",
            ),
            (
                ValueType::DateTime,
                "2026-05-06T07:08:09+02:00",
                "2026-05-06T05:08:09Z",
            ),
            (
                ValueType::DateTime,
                "2026-05-06T07:08:09",
                "2026-05-06T07:08:09Z",
            ),
            (ValueType::DateTime, UNKNOWN_TIME, UNKNOWN_TIME),
            (ValueType::String, " kept ", " kept "),
        ];
        for (value_type, text, wanted) in cases {
            assert_eq!(value_type.canonical(text).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn texts_of_another_type_are_refused() {
        assert!(ValueType::Boolean.canonical("maybe").is_err());
        assert!(ValueType::UnsignedInt.canonical("-1").is_err());
        assert!(ValueType::Int.canonical("4294967296").is_err());
        assert!(ValueType::DateTime.canonical("yesterday").is_err());
        assert!(ValueType::HexBinary.canonical("abc").is_err());
    }
}
