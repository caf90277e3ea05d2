//! The hardware address by which a phone is known.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A phone's MAC address.
///
/// It displays as twelve lower-case hex digits, the form in which people and programs name a
/// phone; it parses from any usual spelling (`:`, `-` or `.` between digits, either case).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 6]);

/// The text is no MAC address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no MAC address: twelve hex digits are wanted")]
pub struct MacError {
    /// The text that was given.
    pub text: String,
}

impl Mac {
    /// The address of all stations: no phone has it.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The address with these six bytes.
    pub const fn new(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// The six bytes, in order of transmission.
    pub fn bytes(self) -> [u8; 6] {
        self.0
    }

    /// Twelve upper-case digits: the SerialNumber of the virtual CPE, and the file name that some
    /// phones ask for.
    pub fn upper(self) -> String {
        self.to_string().to_ascii_uppercase()
    }

    /// The first six digits in upper case: the ManufacturerOUI of the virtual CPE.
    pub fn oui(self) -> String {
        self.upper()[..6].to_owned()
    }

    /// Digits in pairs with colons, upper case, as data models write a MACAddress.
    pub fn with_colons(self) -> String {
        let [a, b, c, d, e, f] = self.0;
        format!("{a:02X}:{b:02X}:{c:02X}:{d:02X}:{e:02X}:{f:02X}")
    }
}

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let error = || MacError {
            text: text.chars().take(64).collect(),
        };
        let mut bytes = [0_u8; 6];
        let mut digits = 0_usize;
        for character in text.trim().chars() {
            if matches!(character, ':' | '-' | '.') {
                continue;
            }
            let digit = character.to_digit(16).ok_or_else(error)?;
            let byte = bytes.get_mut(digits / 2).ok_or_else(error)?;
            *byte = (*byte << 4) | u8::try_from(digit).map_err(|_| error())?;
            digits += 1;
        }
        if digits == 12 {
            Ok(Self(bytes))
        } else {
            Err(error())
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_is_one_address() {
        for text in [
            "000b82a1b2c3",
            "00:0B:82:A1:B2:C3",
            "00-0b-82-A1-b2-c3",
            "000B.82A1.B2C3",
        ] {
            let mac: Mac = text.parse().unwrap();
            assert_eq!(mac.to_string(), "000b82a1b2c3");
            assert_eq!(mac.upper(), "000B82A1B2C3");
            assert_eq!(mac.oui(), "000B82");
            assert_eq!(mac.with_colons(), "00:0B:82:A1:B2:C3");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "000b82a1b2",
            "000b82a1b2c3d4",
            "000b82a1b2cg",
            "ｆｆ0b82a1b2c3",
        ] {
            assert!(text.parse::<Mac>().is_err(), "{text:?}");
        }
    }
}
