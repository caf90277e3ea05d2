//! The line of a file that a finding is about, if it can be shown.

use crate::mapping::Pack;
use crate::native::{Document, NativeKey};

/// Longest line that is shown.
const MAX_SHOWN: usize = 240;
/// Words in lines that may hold a secret.
const SECRET_WORDS: [&str; 6] = ["pass", "pwd", "secret", "auth", "credential", "pin"];

/// The line with this number, from 1; `None` if it is long, no text, or may hold a secret.
pub(super) fn shown_line(document: &Document, packs: &[&Pack], number: u32) -> Option<String> {
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    let bytes = document.bytes();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let line = bytes.split(|&byte| byte == b'\n').nth(index)?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = std::str::from_utf8(line).ok()?;
    (line.len() <= MAX_SHOWN && !may_hold_a_secret(line, packs)).then(|| line.to_owned())
}

/// Whether a line names a key of a secret, or sounds like it. It is a line that was not
/// understood, so its key can stand anywhere.
fn may_hold_a_secret(line: &str, packs: &[&Pack]) -> bool {
    let lower = line.to_lowercase();
    if SECRET_WORDS.iter().any(|word| lower.contains(word)) {
        return true;
    }
    let words = line.split(|character: char| !character.is_ascii_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(NativeKey::new)
        .any(|key| packs.iter().any(|pack| pack.is_secret_key(&key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Packs;
    use crate::native::Dialect;

    fn shown(text: &str, number: u32) -> Option<String> {
        let packs = Packs::embedded().unwrap();
        let pack = packs.by_vendor("grandstream").unwrap();
        let document = Document::parse(Dialect::PCodeText, text);
        shown_line(&document, &[pack], number)
    }

    #[test]
    fn a_line_is_shown_as_it_stands() {
        let text = "\u{feff}P1=a\r\nprose & more\n";
        assert_eq!(shown(text, 1).as_deref(), Some("P1=a"));
        assert_eq!(shown(text, 2).as_deref(), Some("prose & more"));
        assert_eq!(shown(text, 9), None);
    }

    #[test]
    fn a_line_that_may_hold_a_secret_is_not_shown() {
        for line in ["P34 hunter2", "<P34>a&b</P34>", "Web Password 1234"] {
            assert_eq!(shown(line, 1), None, "{line}");
        }
        assert!(shown(&"x".repeat(1000), 1).is_none());
    }
}
