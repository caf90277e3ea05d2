//! Tokens of XML that need not be well-formed.
//!
//! Every input is a sequence of tokens: what is no markup is text. Apart from comments and
//! character data no token reaches over a `<`, so a broken tag costs no more than itself.

use std::ops::Range;

use memchr::memmem;
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_till, take_until, take_while};
use nom::character::complete::{char, one_of};
use nom::combinator::{opt, peek, recognize, rest, value, verify};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

/// A token; its bytes are found by its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text; it begins with `<` where that begins no markup.
    Text,
    /// `<!--…-->`, with what stands between.
    Comment(&'a [u8]),
    /// `<![CDATA[…]]>`.
    CharacterData,
    /// A comment or character data without its end: the rest of the input.
    Unclosed,
    /// `<?…>`, with what stands between.
    Instruction(&'a [u8]),
    /// `<!…>`.
    Declaration,
    /// `<name …>` or `<name …/>`.
    Start { name: &'a [u8], empty: bool },
    /// `</name>`.
    End { name: &'a [u8] },
}

/// The tokens of an input from an offset on, with the range of each.
pub(super) struct Tokens<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn from(bytes: &'a [u8], at: usize) -> Self {
        Self {
            rest: bytes.get(at..).unwrap_or_default(),
            at,
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Range<usize>, Token<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (rest, token) = token(self.rest).ok()?;
        let start = self.at;
        self.at += self.rest.len() - rest.len();
        self.rest = rest;
        Some((start..self.at, token))
    }
}

/// Opens character data.
pub(super) const CHARACTER_DATA_START: &str = "<![CDATA[";
/// Closes character data.
pub(super) const CHARACTER_DATA_END: &str = "]]>";

/// Whether the text of a comment begins another one.
pub(super) fn opens_comment(text: &[u8]) -> bool {
    memmem::find(text, b"<!--").is_some()
}

/// Blanks of XML.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Of the bytes in a range, where those begin and end that are left without blanks around them.
pub(super) fn trimmed(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let text = bytes.get(range.clone()).unwrap_or_default();
    let first = text.iter().position(|&byte| !is_blank(byte));
    let last = text.iter().rposition(|&byte| !is_blank(byte));
    match (first, last) {
        (Some(first), Some(last)) => range.start + first..range.start + last + 1,
        _ => range.start..range.start,
    }
}

fn token(input: &[u8]) -> IResult<&[u8], Token<'_>> {
    if !input.starts_with(b"<") {
        return text(input);
    }
    alt((
        start_tag,
        end_tag,
        comment,
        character_data,
        value(
            Token::Unclosed,
            (alt((tag("<!--"), tag(CHARACTER_DATA_START))), rest),
        ),
        instruction,
        value(Token::Declaration, (tag("<!"), within_tag, char('>'))),
        text,
    ))
    .parse(input)
}

fn text(input: &[u8]) -> IResult<&[u8], Token<'_>> {
    value(
        Token::Text,
        recognize((opt(char('<')), take_till(|byte| byte == b'<'))),
    )
    .parse(input)
}

fn comment(input: &[u8]) -> IResult<&[u8], Token<'_>> {
    delimited(tag("<!--"), take_until("-->"), tag("-->"))
        .map(Token::Comment)
        .parse(input)
}

fn character_data(input: &[u8]) -> IResult<&[u8], Token<'_>> {
    value(
        Token::CharacterData,
        (
            tag(CHARACTER_DATA_START),
            take_until(CHARACTER_DATA_END),
            tag(CHARACTER_DATA_END),
        ),
    )
    .parse(input)
}

fn instruction(input: &[u8]) -> IResult<&[u8], Token<'_>> {
    delimited(tag("<?"), within_tag, char('>'))
        .map(Token::Instruction)
        .parse(input)
}

fn end_tag(input: &[u8]) -> IResult<&[u8], Token<'_>> {
    delimited(tag("</"), within_tag, char('>'))
        .map(|name: &[u8]| Token::End {
            name: name.trim_ascii(),
        })
        .parse(input)
}

fn start_tag(input: &[u8]) -> IResult<&[u8], Token<'_>> {
    let (tail, name) = preceded(char('<'), name).parse(input)?;
    let (tail, _) = peek(one_of(" \t\r\n/>")).parse(tail)?;
    let (tail, attributes) = alt((attributes, terminated(within_tag, char('>')))).parse(tail)?;
    let empty = attributes.ends_with(b"/");
    Ok((tail, Token::Start { name, empty }))
}

fn name(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let begins = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80;
    let goes_on = move |byte: u8| begins(byte) || byte.is_ascii_digit() || b"-.:".contains(&byte);
    verify(take_while(goes_on), move |name: &[u8]| {
        name.first().is_some_and(|&first| begins(first))
    })
    .parse(input)
}

/// Attributes up to the end of the tag; a quoted one may hold `>`.
fn attributes(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let quoted = alt((
        recognize((char('"'), opt(is_not("\"<")), char('"'))),
        recognize((char('\''), opt(is_not("'<")), char('\''))),
    ));
    terminated(
        recognize(many0_count(alt((is_not("\"'<>"), quoted)))),
        char('>'),
    )
    .parse(input)
}

fn within_tag(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_till(|byte| byte == b'<' || byte == b'>').parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn tokens(input: &str) -> Vec<(&str, Token<'_>)> {
        Tokens::from(input.as_bytes(), 0)
            .map(|(range, token)| (&input[range], token))
            .collect()
    }

    fn start(name: &str, empty: bool) -> Token<'_> {
        Token::Start {
            name: name.as_bytes(),
            empty,
        }
    }

    #[test]
    fn tags_with_attributes_of_any_kind() {
        for (tag, empty) in [
            ("<P1>", false),
            ("<P1 para=\"a > b\">", false),
            ("<P1 para='x' />", true),
            ("<P1/>", true),
            ("<P1 para=\"odd>", false),
            ("<P1 para=it's>", false),
        ] {
            assert_eq!(tokens(tag), [(tag, start("P1", empty))]);
        }
    }

    #[test]
    fn what_is_no_markup_is_text() {
        for text in ["a<", "<1>", "< b>", "<bob@host>", "<P1", "<!x", "<?x"] {
            assert!(
                tokens(text).iter().all(|(_, token)| *token == Token::Text),
                "{text}"
            );
        }
        assert_eq!(tokens("<<P1>").last(), Some(&("<P1>", start("P1", false))));
    }

    #[test]
    fn a_comment_ends_at_its_first_end() {
        let found = tokens("<!-- a <!-- b --> c -->");
        assert_eq!(found[0].0, "<!-- a <!-- b -->");
        assert_eq!(found[1], (" c -->", Token::Text));
        assert_eq!(tokens("<!-- a <P1>"), [("<!-- a <P1>", Token::Unclosed)]);
    }
}
