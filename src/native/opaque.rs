//! Files that phones read and trestle can't: recognised, so that a person is told.

use super::lines::is_text;
use super::mac::Mac;

/// How every `.tuz` file begins that was looked at, but for one kind of `security.tuz`
/// (aastra.md 1.8).
const TUZ_MAGIC: [u8; 16] = [
    0x55, 0x42, 0x43, 0x7f, 0x80, 0xf8, 0x5c, 0x98, 0x0f, 0xfc, 0xaf, 0x26, 0x9e, 0xda, 0x16, 0x8d,
];
/// The byte after it in a file that one phone only can read.
const TUZ_FOR_ONE_PHONE: u8 = 0x04;
const TUZ_SECURITY: &str = "security.tuz";
const TUZ_SUFFIX: &str = ".tuz";

/// A form that is not read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opaque {
    /// Settings that the vendor's tool has encrypted (aastra.md 1.8). A phone prefers the file to
    /// a `.cfg` of the same name.
    Tuz {
        /// Only the phone for which it was made can read it.
        for_one_phone: bool,
        /// The phone that its name names.
        mac: Option<Mac>,
    },
    /// `security.tuz`: the password with which phones open the others.
    TuzPassword,
    /// No text: binary or encrypted in a form that is not documented (htek.md 1.3, 1.4).
    Binary,
}

impl Opaque {
    /// What a file is that is neither text nor a form that is read; a name is without folders.
    pub fn of(file_name: &str, content: &[u8]) -> Option<Self> {
        let name = file_name.to_ascii_lowercase();
        if name == TUZ_SECURITY {
            return Some(Opaque::TuzPassword);
        }
        if let Some(rest) = content.strip_prefix(&TUZ_MAGIC) {
            return Some(Opaque::Tuz {
                for_one_phone: rest.first() == Some(&TUZ_FOR_ONE_PHONE),
                mac: name
                    .strip_suffix(TUZ_SUFFIX)
                    .and_then(|mac| mac.parse().ok()),
            });
        }
        (!is_text(content)).then_some(Opaque::Binary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuz_file_is_known_by_its_first_bytes() {
        let file = |flag: u8| [&TUZ_MAGIC[..], &[flag], &[0x80; 16]].concat();
        let mac = "00085d112233".parse().ok();
        assert_eq!(
            Opaque::of("00085D112233.tuz", &file(4)),
            Some(Opaque::Tuz {
                for_one_phone: true,
                mac
            })
        );
        assert_eq!(
            Opaque::of("aastra.tuz", &file(0)),
            Some(Opaque::Tuz {
                for_one_phone: false,
                mac: None
            })
        );
        assert_eq!(
            Opaque::of("Security.tuz", b"\x01"),
            Some(Opaque::TuzPassword)
        );
        assert_eq!(
            Opaque::of("cfg001fc1000001", b"\x01\x02"),
            Some(Opaque::Binary)
        );
        assert_eq!(Opaque::of("aastra.cfg", b"a: 1\n"), None);
    }
}
