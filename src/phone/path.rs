//! The path in a request line: decoded and checked before anyone looks at it.

use percent_encoding::percent_decode_str;

/// The longest path, in bytes, decoded.
pub(super) const MAXIMUM_PATH: usize = 1024;

/// The longest segment between two slashes, in bytes, decoded.
pub(super) const MAXIMUM_SEGMENT: usize = 255;

/// The path below the root of the tree that the path of a request names: without the leading
/// slash, percent-decoded once.
///
/// `None` for what names no file in any tree: no leading slash, an empty, `.` or `..` segment, a
/// control character or backslash, bytes that are not UTF-8, or more than [`MAXIMUM_PATH`] bytes
/// or [`MAXIMUM_SEGMENT`] bytes in a segment. The checks come after the decoding, so an escaped
/// slash or dot is no way around them.
pub(super) fn tree_path(request_path: &str) -> Option<String> {
    let encoded = request_path.strip_prefix('/')?;
    if encoded.len() > 3 * MAXIMUM_PATH {
        return None;
    }
    let path = percent_decode_str(encoded).decode_utf8().ok()?;
    names_a_file(&path).then(|| path.into_owned())
}

/// The same for a name that comes as it is, with or without a leading slash: a TFTP client's.
pub(super) fn undecoded_path(name: &[u8]) -> Option<String> {
    let name = str::from_utf8(name).ok()?;
    let path = name.strip_prefix('/').unwrap_or(name);
    names_a_file(path).then(|| path.to_owned())
}

fn names_a_file(path: &str) -> bool {
    path.len() <= MAXIMUM_PATH
        && !path.contains(|character: char| character.is_control() || character == '\\')
        && path
            .split('/')
            .all(|segment| !matches!(segment, "" | "." | "..") && segment.len() <= MAXIMUM_SEGMENT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_that_phones_ask_for_are_decoded_once() {
        for (asked, path) in [
            ("/cfg000b82a1b2c3.xml", "cfg000b82a1b2c3.xml"),
            (
                "/prov/site%201/000B82A1B2C3.cfg",
                "prov/site 1/000B82A1B2C3.cfg",
            ),
            ("/a%2Fb", "a/b"),
            ("/a%252Fb", "a%2Fb"),
            ("/100%.cfg", "100%.cfg"),
            ("/gr%C3%BCn.cfg", "grün.cfg"),
            ("/..cfg", "..cfg"),
            ("/.hidden", ".hidden"),
        ] {
            assert_eq!(tree_path(asked).as_deref(), Some(path), "{asked}");
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_name_nothing() {
        for asked in [
            "",
            "/",
            "cfg.xml",
            "//cfg.xml",
            "/a//b",
            "/a/",
            "/../etc/passwd",
            "/a/../b",
            "/a/./b",
            "/%2e%2e/etc/passwd",
            "/..%2fetc%2fpasswd",
            "/%2fetc/passwd",
            "/a%5c..%5cb",
            "/a\\b",
            "/cfg%00.xml",
            "/cfg%0a.xml",
            "/cfg%7f.xml",
            "/cfg%C2%85.xml",
            "/cfg%ff.xml",
            "/%c0%ae%c0%ae/x",
        ] {
            assert_eq!(tree_path(asked), None, "{asked}");
        }
    }

    #[test]
    fn names_over_tftp_are_taken_as_they_are_and_kept_to_the_same_rules() {
        for (name, path) in [
            ("000B82A1B2C3.cfg", "000B82A1B2C3.cfg"),
            ("/prov/site 1/a.cfg", "prov/site 1/a.cfg"),
            ("a%2Fb", "a%2Fb"),
            ("grün.cfg", "grün.cfg"),
        ] {
            assert_eq!(undecoded_path(name.as_bytes()).as_deref(), Some(path));
        }
        for name in [
            "",
            "/",
            "//a",
            "/etc/../passwd",
            "../a",
            "a/",
            "a\\b",
            "..\\a",
            "a\nb",
        ] {
            assert_eq!(undecoded_path(name.as_bytes()), None, "{name}");
        }
        assert_eq!(undecoded_path(b"a\xff.cfg"), None);
        assert_eq!(undecoded_path("s".repeat(300).as_bytes()), None);
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_leads_nowhere_else(asked in "/?(%[0-9a-fA-F]{2}|\\.|/|\\\\|[a-z]|\\PC){0,40}") {
            for path in [tree_path(&asked), undecoded_path(asked.as_bytes())].into_iter().flatten() {
                prop_assert!(!path.starts_with('/') && !path.contains(['\\', '\0']));
                prop_assert!(path.split('/').all(|segment| !matches!(segment, "" | "." | "..")));
                let below = std::path::Path::new("tree").join(&path);
                prop_assert!(below.starts_with("tree") && below.components().count() > 1);
            }
        }
    }

    #[test]
    fn over_long_paths_name_nothing() {
        let segment = "s".repeat(MAXIMUM_SEGMENT);
        assert!(tree_path(&format!("/{segment}")).is_some());
        assert!(tree_path(&format!("/{segment}s")).is_none());
        let four = format!("/{segment}/{segment}/{segment}/{segment}");
        assert_eq!(tree_path(&four).map(|path| path.len()), Some(1023));
        assert!(tree_path(&format!("{four}/s")).is_none());
        assert!(tree_path(&format!("/{}", "%41".repeat(5000))).is_none());
    }
}
