//! MAC addresses that stand somewhere in a text.

use std::ops::Range;

use super::mac::Mac;

impl Mac {
    /// The addresses that stand in a text, from its start: twelve hex digits on end, or six pairs
    /// with colons or with dashes between them; no further digit touches them. Of a longer row of
    /// pairs the last six are one.
    pub fn find_in(text: &str) -> impl Iterator<Item = Self> {
        Self::places_in(text).map(|(_, mac)| mac)
    }

    /// The same, each with the bytes of the text that it takes.
    pub fn places_in(text: &str) -> impl Iterator<Item = (Range<usize>, Self)> {
        let bytes = text.as_bytes();
        let mut place = 0;
        std::iter::from_fn(move || {
            while let Some(rest) = bytes.get(place..) {
                if rest.is_empty() {
                    return None;
                }
                let is_within = place
                    .checked_sub(1)
                    .and_then(|before| bytes.get(before))
                    .is_some_and(u8::is_ascii_hexdigit);
                if !is_within && let Some((mac, length)) = Self::at_start(rest) {
                    let start = place;
                    place += length;
                    return Some((start..place, mac));
                }
                place += 1;
            }
            None
        })
    }

    /// The address that a text begins with, and how long it is written.
    fn at_start(text: &[u8]) -> Option<(Self, usize)> {
        let separator = *text.get(2)?;
        let step = match separator {
            b':' | b'-' => 3,
            _ => 2,
        };
        let length = 6 * step - (step - 2);
        let mut bytes = [0; 6];
        for (pair, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(pair * step..pair * step + 2)?;
            let between = text.get(pair * step + 2);
            if step == 3 && pair < 5 && between != Some(&separator) {
                return None;
            }
            for digit in digits {
                let digit = char::from(*digit).to_digit(16)?;
                *byte = *byte << 4 | u8::try_from(digit).ok()?;
            }
        }
        let after = text.get(length);
        let goes_on = after
            .is_some_and(|after| after.is_ascii_hexdigit() || step == 3 && *after == separator);
        (!goes_on).then(|| (Self::new(bytes), length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        Mac::find_in(text).map(|mac| mac.to_string()).collect()
    }

    #[test]
    fn an_address_is_found_in_every_spelling() {
        for text in [
            "000b82a1b2c3",
            "<14>GS_LOG: [00:0B:82:A1:B2:C3][000] x",
            "Aastra 00-0b-82-a1-b2-c3: x",
            "GET /cfg000B82A1B2C3.xml",
            "é 000b82a1b2c3 é",
        ] {
            assert_eq!(found(text), ["000b82a1b2c3"], "{text}");
        }
        assert_eq!(
            found("00:0b:82:a1:b2:c3, 001fc1d4e5f6"),
            ["000b82a1b2c3", "001fc1d4e5f6"]
        );
    }

    #[test]
    fn what_is_longer_shorter_or_mixed_is_none() {
        for text in [
            "",
            "000b82a1b2c",
            "000b82a1b2c3d",
            "0000b82a1b2c3",
            "00:0b-82:a1:b2:c3",
            "00:0b:82:a1:b2",
            "00:0b:82:a1:b2:xy",
        ] {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
    }
}
