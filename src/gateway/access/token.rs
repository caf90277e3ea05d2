//! Tokens: 128 random bits that stand as the first segment of the path by which a phone asks.

use std::borrow::Cow;

#[cfg(test)]
use crate::wire;

/// Characters of a token: 16 bytes in URL-safe base64 without padding.
const LENGTH: usize = 22;
/// What a log shows in its place.
pub(super) const MASK: &str = "***";

/// The first segment of a path, if it looks like a token, and the path behind it.
pub fn split_token(path: &str) -> Option<(&str, &str)> {
    let (first, rest) = path.split_once('/')?;
    (is_token(first) && !rest.is_empty()).then_some((first, rest))
}

/// A path, with or without a leading slash, as a log may show it: without a token.
pub fn hide_token(path: &str) -> Cow<'_, str> {
    let (slash, below) = match path.strip_prefix('/') {
        Some(below) => ("/", below),
        None => ("", path),
    };
    let (first, rest) = below.split_at(below.find(['/', '?']).unwrap_or(below.len()));
    if is_token(first) {
        Cow::Owned(format!("{slash}{MASK}{rest}"))
    } else {
        Cow::Borrowed(path)
    }
}

pub(super) fn is_token(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    text.len() == LENGTH && text.bytes().all(is_digit)
}

#[cfg(test)]
#[path = "../../../tests/fuzz/laws/access.rs"]
mod law;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::random;

    #[test]
    fn whatever_is_shown_is_read_as_it_stands_there() {
        for text in [
            "",
            "/",
            "//",
            "abcdefghijklmnopqrstuv/cfg000b82a1b2c3.xml",
            "/abcdefghijklmnopqrstuv/a/b?c=d",
            "/abcdefghijklmnopqrstuv",
            "abcdefghijklmnopqrstuv?abcdefghijklmnopqrstuv/x",
            "abcdefghijklmnopqrst\u{fc}/x",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            "basic \t QTpiOmM=  ",
            "Basic OgA=",
            "Basic w7w6/w==",
            "Digest username=\"000b82a1b2c3\"",
        ] {
            law::holds(text);
        }
    }

    #[test]
    fn a_token_is_told_from_folders_and_is_not_shown() {
        let token = random::text().unwrap();
        let path = format!("{token}/site 1/cfg000b82a1b2c3.xml");
        assert_eq!(
            split_token(&path),
            Some((token.as_str(), "site 1/cfg000b82a1b2c3.xml"))
        );
        assert_eq!(hide_token(&path), "***/site 1/cfg000b82a1b2c3.xml");
        assert_eq!(
            hide_token(&format!("/{path}")),
            "/***/site 1/cfg000b82a1b2c3.xml"
        );
        assert_eq!(hide_token(&format!("/{token}?x")), "/***?x");
        for path in [
            "cfg000b82a1b2c3.xml".to_owned(),
            format!("{token}x/cfg000b82a1b2c3.xml"),
            format!("{}/cfg000b82a1b2c3.xml", &token[1..]),
            format!("{token}/"),
            token.clone(),
            "abcdefghij.klmnopqrstu/a".to_owned(),
            "ünicödeünicödeünic/a".to_owned(),
        ] {
            assert_eq!(split_token(&path), None, "{path}");
        }
        assert_eq!(hide_token("/site 1/x"), "/site 1/x");
    }
}
