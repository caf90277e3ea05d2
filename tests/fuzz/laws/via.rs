//! Any text is a list of Via elements: each is read once, and written so that it reads the same.

use super::Via;

pub(crate) fn holds(value: &str) {
    let mut rest = value;
    while !rest.is_empty() {
        let (via, following) = Via::parse_first(rest);
        let written = via.to_text();
        assert_eq!(Via::parse_first(&written), (via, ""), "{written:?}");
        assert!(following.len() < rest.len());
        assert!(rest.trim_end().ends_with(following));
        rest = following;
    }
}
