//! The elements that hold settings: what they are called, and how they stand in their file.

use std::ops::Range;

use super::xml_token::{Token, Tokens, attribute, trimmed};
use crate::native::key::is_p_code;
use crate::native::parsed::{Entry, KeySpans, Span};

/// The element that holds the settings.
pub(super) const CONTAINER: &[u8] = b"config";
/// The element that names the phone of the file; it is no setting.
pub(super) const MAC: &[u8] = b"mac";
/// A setting under a dotted name, or the first segments of the names of several.
pub(super) const ITEM: &[u8] = b"item";
/// A setting under the last segments of its name.
pub(super) const PART: &[u8] = b"part";

/// How a setting is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `<P271>`.
    PCode,
    /// `<Account1_SipUserId>`.
    Named,
    /// `<item name="account.1.enable">`.
    Item,
    /// `<part name="1">` in an item.
    Part,
}

impl Spelling {
    pub(super) fn of(bytes: &[u8], entry: &Entry) -> Self {
        match element_name(bytes, entry) {
            name if is_p_code(name) => Spelling::PCode,
            ITEM => Spelling::Item,
            PART => Spelling::Part,
            _ => Spelling::Named,
        }
    }
}

/// The name of a setting's element.
pub(super) fn element_name<'a>(bytes: &'a [u8], entry: &Entry) -> &'a [u8] {
    match Tokens::from(bytes, entry.start as usize).next() {
        Some((_, Token::Start { name, .. })) => name,
        _ => &[],
    }
}

/// The end of an empty element's tag, `/>` and blanks before it.
pub(super) fn tag_end(bytes: &[u8], tag: &Range<usize>) -> Span {
    let inside = tag.start..tag.end.saturating_sub(2);
    Span::new(trimmed(bytes, inside).end, tag.end)
}

/// The element of a setting; of a part the item around it, which ends with its last part if it has
/// no end tag.
pub(super) fn outer(bytes: &[u8], entry: &Entry) -> Span {
    let Some(start) = item_start(bytes, entry) else {
        return entry.whole;
    };
    let mut end = entry.whole.end as usize;
    for (range, token) in Tokens::from(bytes, end) {
        match token {
            Token::End { name: ITEM } => return Span::new(start, range.end),
            Token::Start { name: PART, .. } | Token::End { name: PART } => end = range.end,
            _ if ends_item(token) => break,
            _ => {}
        }
    }
    Span::new(start, end)
}

/// What goes with a setting: its element; of the first part of an item that has none of another
/// key the item, since without parts it would be a setting itself.
pub(super) fn removed(bytes: &[u8], entry: &Entry) -> Span {
    let Some(start) = item_start(bytes, entry) else {
        return entry.whole;
    };
    let own = entry.key.of(bytes).normal();
    let mut is_first = true;
    for (range, token) in Tokens::from(bytes, start).skip(1) {
        match token {
            Token::Start { name: PART, .. } => {
                let is_this = range.start == entry.start as usize;
                let of_same_key = attribute(bytes, range, b"name").is_some_and(|name| {
                    let prefix = entry.key.prefix;
                    let name = Span::new(name.start, name.end);
                    KeySpans::of_attributes(bytes, prefix, name)
                        .of(bytes)
                        .normal()
                        == own
                });
                if (is_first && !is_this) || !of_same_key {
                    return entry.whole;
                }
                is_first = false;
            }
            Token::End { name: ITEM } => break,
            _ if ends_item(token) => break,
            _ => {}
        }
    }
    outer(bytes, entry)
}

/// Where the item of a part begins.
fn item_start(bytes: &[u8], entry: &Entry) -> Option<usize> {
    let prefix = entry.key.prefix;
    if prefix == Span::default() {
        return None;
    }
    memchr::memrchr(b'<', bytes.get(..prefix.start as usize)?)
}

/// Whether a token that is not its end tag ends an item.
fn ends_item(token: Token<'_>) -> bool {
    match token {
        Token::Start { name, .. } => name == ITEM || is_p_code(name),
        Token::End { name } => name == CONTAINER,
        Token::Unclosed => true,
        _ => false,
    }
}
