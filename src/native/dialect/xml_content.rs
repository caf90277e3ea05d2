//! The content of a setting's element: how far a value reaches in a file that need not be
//! well-formed.

use std::ops::Range;

use memchr::memchr;

use super::xml_element::{ITEM, PART};
use super::xml_token::{Token, Tokens, trimmed};
use crate::native::key::is_p_code;

/// How many tags inside a value are taken for text in search of its end tag.
const MAX_TAGS_IN_VALUE: usize = 32;

/// A start tag.
pub(super) struct Tag<'a> {
    pub(super) range: Range<usize>,
    pub(super) name: &'a [u8],
    pub(super) empty: bool,
}

/// What an element can hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Value,
    /// Parts make it the first segments of their names.
    ValueOrParts,
    /// Elements and no text before them make it no setting.
    ValueOrElements,
}

/// What stands in the element of a setting.
pub(super) struct Content<'a> {
    pub(super) value: Range<usize>,
    pub(super) end: ContentEnd<'a>,
}

/// How such an element ends.
pub(super) enum ContentEnd<'a> {
    /// The element's own end tag, which ends here.
    Own(usize),
    /// Right after the text comes an end tag of another name.
    Other { found: &'a [u8], end: usize },
    /// There is none.
    Missing,
}

/// The value of an element that holds nothing but text up to its own end tag, and where that
/// ends.
#[inline]
pub(super) fn plain(bytes: &[u8], tag: &Tag<'_>) -> Option<(Range<usize>, usize)> {
    let start = tag.range.end;
    let rest = bytes.get(start..)?;
    let length = memchr(b'<', rest)?;
    let behind = rest
        .get(length..)?
        .strip_prefix(b"</")?
        .strip_prefix(tag.name)?
        .strip_prefix(b">")?;
    let value = trimmed(bytes, start..start + length);
    Some((value, bytes.len() - behind.len()))
}

/// The content of a setting's element. It reaches to the end tag of that name if that comes
/// before the next setting and before any end tag that fits nothing inside; else to the next
/// markup. There is none if the element holds parts or elements instead.
pub(super) fn content<'a>(bytes: &'a [u8], tag: &Tag<'_>, holds: Holds) -> Option<Content<'a>> {
    let start = tag.range.end;
    let mut depth = 0_usize;
    let mut tags = 0_usize;
    let mut markup: Option<usize> = None;
    // From the first to the last token that is neither blank nor a comment.
    let mut body: Option<Range<usize>> = None;
    for (range, token) in Tokens::from(bytes, start) {
        let part = match token {
            Token::Text => trimmed(bytes, range.clone()),
            Token::End { name } if name == tag.name => {
                return Some(Content {
                    value: body.unwrap_or(start..start),
                    end: ContentEnd::Own(range.end),
                });
            }
            Token::End { name: found } if depth == 0 => {
                let value = trimmed(bytes, start..markup.unwrap_or(range.start));
                let end = match markup {
                    None => ContentEnd::Other {
                        found,
                        end: range.end,
                    },
                    Some(_) => ContentEnd::Missing,
                };
                return Some(Content { value, end });
            }
            Token::Start { name: PART, .. } if holds == Holds::ValueOrParts => return None,
            Token::Start { .. } if holds == Holds::ValueOrElements && body.is_none() => {
                return None;
            }
            Token::Unclosed => {
                markup.get_or_insert(range.start);
                break;
            }
            Token::Start { name, empty } => {
                tags += 1;
                let next = name == tag.name || is_p_code(name) || matches!(name, ITEM | PART);
                if next || tags > MAX_TAGS_IN_VALUE {
                    markup.get_or_insert(range.start);
                    break;
                }
                depth += usize::from(!empty);
                range.clone()
            }
            Token::End { .. } => {
                depth -= 1;
                range.clone()
            }
            Token::Comment(_) => {
                markup.get_or_insert(range.start);
                continue;
            }
            Token::CharacterData
            | Token::Instruction(_)
            | Token::DocumentType
            | Token::Declaration => range.clone(),
        };
        if token != Token::Text {
            markup.get_or_insert(range.start);
        }
        if !part.is_empty() {
            let from = body.as_ref().map_or(part.start, |body| body.start);
            body = Some(from..part.end);
        }
    }
    Some(Content {
        value: trimmed(bytes, start..markup.unwrap_or(bytes.len())),
        end: ContentEnd::Missing,
    })
}
