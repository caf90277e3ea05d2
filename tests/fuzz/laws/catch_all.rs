//! Whatever an old server sends for a name that can't exist and for one that may, the two are
//! compared: the same bytes are no file of a phone, a page is only what begins like one, and what
//! is known to be the same stays so when more is known.

use bytes::Bytes;

use super::{CatchAll, Likeness};

/// The impossible name, a path and what came for each, with a zero byte between them.
pub(crate) fn holds(input: &[u8]) {
    let mut pieces = input.splitn(4, |byte| *byte == 0);
    let mut next = || pieces.next().unwrap_or_default();
    let (name, path) = (next(), next());
    let (name, path) = (String::from_utf8_lossy(name), String::from_utf8_lossy(path));
    let (page, body) = (
        Bytes::copy_from_slice(next()),
        Bytes::copy_from_slice(next()),
    );

    let mut catch_all = CatchAll::default();
    assert_eq!(catch_all.likeness(&path, &body), Likeness::None);
    catch_all.add(&name, page.clone());
    assert_ne!(catch_all.likeness(&name, &page), Likeness::None);
    match catch_all.likeness(&path, &body) {
        Likeness::None => assert_ne!(page, body),
        Likeness::Page => assert!(begins_like_a_page(&body)),
        Likeness::Content => assert!(!body.starts_with(b"<html")),
    }
    catch_all.add(&path, body.clone());
    assert_ne!(catch_all.likeness(&path, &body), Likeness::None);
}

fn begins_like_a_page(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with('<') && text.contains("html")
}
