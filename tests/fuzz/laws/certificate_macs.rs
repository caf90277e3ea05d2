//! The phone that a certificate's names tell is one whose address stands in them: nobody is taken for
//! another phone.

use super::the_only_mac;

/// Each line is a name.
pub(crate) fn holds(lines: &[u8]) {
    let lines = String::from_utf8_lossy(lines);
    let names: Vec<String> = lines.lines().map(str::to_owned).collect();
    let Some(mac) = the_only_mac(&names) else {
        return;
    };
    let stands_in = |name: &String| {
        let digits: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        digits.to_ascii_lowercase().contains(&mac.to_string())
    };
    assert!(names.iter().any(stands_in), "{mac}: {names:?}");
}
