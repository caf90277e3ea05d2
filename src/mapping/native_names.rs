//! Names under `Device.X_TRESTLE_Native.` for native keys that no lens covers.

use crate::datamodel::ParameterPath;
use crate::native::NativeKey;

/// The object that holds them.
pub(super) const NATIVE_OBJECT: &str = "Device.X_TRESTLE_Native.";

/// The parameter for a native key: ASCII letters and digits as they are, a blank as `_`, every
/// other byte as `-` and two lower-case hex digits; `_` before a first character that is no letter.
/// `None` for a key whose path would be too long.
pub(super) fn path_of(key: &NativeKey) -> Option<ParameterPath> {
    let key = key.as_str();
    let mut path = String::with_capacity(NATIVE_OBJECT.len() + key.len() + 8);
    path.push_str(NATIVE_OBJECT);
    if !key.starts_with(|first: char| first.is_ascii_alphabetic()) {
        path.push('_');
    }
    for byte in key.bytes() {
        match byte {
            b' ' => path.push('_'),
            _ if byte.is_ascii_alphanumeric() => path.push(char::from(byte)),
            _ => path.push_str(&format!("-{byte:02x}")),
        }
    }
    path.parse().ok()
}

/// The native key behind a parameter; `None` for a path that [`path_of`] does not give.
pub(super) fn key_of(path: &ParameterPath) -> Option<NativeKey> {
    let name = path.as_str().strip_prefix(NATIVE_OBJECT)?;
    let name = name.strip_prefix('_').unwrap_or(name);
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'_' => bytes.push(b' '),
            b'-' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let high = digit()?;
                let low = digit()?;
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            _ => bytes.push(byte),
        }
    }
    let key = NativeKey::new(&String::from_utf8(bytes).ok()?);
    (path_of(&key).as_ref() == Some(path)).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for (key, name) in [
            ("P271", "P271"),
            ("sip line1 auth name", "sip_line1_auth_name"),
            ("a_b-c", "a-5fb-2dc"),
            ("1abc", "_1abc"),
            ("_x", "_-5fx"),
            ("größe", "gr-c3-b6-c3-9fe"),
        ] {
            let key = NativeKey::new(key);
            let path = path_of(&key).unwrap();
            assert_eq!(path.as_str(), format!("{NATIVE_OBJECT}{name}"));
            assert_eq!(key_of(&path), Some(key));
        }
    }

    #[test]
    fn other_names_have_no_key() {
        for name in ["a-5", "a-zz", "a-5Fb", "-61", "p271", "ABC", "__x", "a-ff"] {
            let path = format!("{NATIVE_OBJECT}{name}").parse().unwrap();
            assert_eq!(key_of(&path), None, "{name}");
        }
        assert_eq!(key_of(&"Device.Time.X".parse().unwrap()), None);
        let long = NativeKey::new(&"ü".repeat(100));
        assert_eq!(path_of(&long), None);
    }
}
