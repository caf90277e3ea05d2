//! What a dialect did not understand in a file. It is kept as it stands.

use std::fmt;

/// A place in a file that was not understood. No value of a setting is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: u32,
    /// From 1, in bytes; a byte order mark does not count.
    pub column: u32,
    /// What it is.
    pub kind: ProblemKind,
}

/// What was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// More bytes than a document can name; nothing of it is read.
    #[error("the file has {bytes} bytes, at most {} can be read", u32::MAX)]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// The file begins with a UTF-16 byte order mark; nothing of it is read.
    #[error("the file is UTF-16, which no phone of these dialects reads")]
    Utf16,
    /// The XML declaration names an encoding that trestle does not decode.
    #[error("encoding `{name}` is not decoded: text beyond ASCII may be shown wrongly")]
    Encoding {
        /// The name as it stands.
        name: String,
    },
    /// A line that is neither comment nor setting.
    #[error("line has no `{separator}` between key and value")]
    NoSeparator {
        /// `=` or `:`.
        separator: char,
    },
    /// A line of text in a file whose settings all begin alike. Files that devices export have
    /// some, and phones pass over them (akuvox.md 1.1).
    #[error("line is neither comment nor setting")]
    NotASetting,
    /// Nothing stands before the separator.
    #[error("line has no key before `{separator}`")]
    NoKey {
        /// `=` or `:`.
        separator: char,
    },
    /// A P-code file has a line whose key is none.
    #[error("`{key}` is no P-code: `P` and digits are wanted")]
    NotAPCode {
        /// The key, cut if it is long.
        key: String,
    },
    /// A quoted value goes on after its second quote.
    #[error("quotes are odd: the value is read up to the second one")]
    OddQuotes,
    /// A value begins with a quote that no other one closes.
    #[error("quote is not closed: it is read as part of the value")]
    UnclosedQuote,
    /// `#` directly after a character of an unquoted value.
    #[error("`#` ends the value here: a value that holds it needs quotes")]
    HashInValue,
    /// `<!--`, `<![CDATA[` or `<!DOCTYPE … [` without its end; the rest of the file is not read.
    #[error("comment, character data or DTD is not closed: the rest of the file is not read")]
    UnclosedComment,
    /// `<!DOCTYPE …>`: no phone of these dialects is known to read one.
    #[error("a DTD is not read, and entities that it defines are not expanded")]
    DocumentType,
    /// `<!--` inside a comment; the comment ends at the first `-->`.
    #[error("comment begins inside a comment: both end at the first `-->`")]
    CommentInComment,
    /// The end tag of an element is missing.
    #[error("element `{name}` has no end tag")]
    UnclosedElement {
        /// Name of the element.
        name: String,
    },
    /// The element ends with the tag of another.
    #[error("element `{name}` ends with `</{found}>`")]
    MismatchedEndTag {
        /// Name of the element.
        name: String,
        /// Name in the end tag.
        found: String,
    },
    /// An end tag of an element that is not open.
    #[error("`</{name}>` ends no element")]
    StrayEndTag {
        /// Name in the end tag.
        name: String,
    },
    /// `<item>` or `<part>` whose `name` attribute is missing or empty (grandstream.md 1.3).
    #[error("element `{element}` has no name: it is no setting")]
    NoName {
        /// `item` or `part`.
        element: &'static str,
    },
    /// `<part>` that does not stand in an `<item>`.
    #[error("`part` outside of an `item`: it is no setting")]
    PartOutsideItem,
    /// Text in an `<item>` that has parts.
    #[error("text beside the parts of an `item`: it is no setting")]
    TextBesideParts,
    /// `&` that begins no entity.
    #[error("bare `&`: `&amp;` is wanted")]
    BareAmpersand,
    /// `<` that begins no tag.
    #[error("bare `<`: `&lt;` is wanted")]
    BareLessThan,
    /// Tags inside the value of a setting.
    #[error("tag inside a value: it is read as text")]
    TagInValue,
    /// An entity that XML does not define.
    #[error("entity is not defined: it is read as text")]
    UndefinedEntity {
        /// Its name.
        name: String,
    },
    /// A numeric reference to what is no character of XML.
    #[error("`&{reference};` is no character: it is read as text")]
    InvalidCharacterReference {
        /// What stands between `&` and `;`.
        reference: String,
    },
    /// Text where only elements stand.
    #[error("text outside of elements")]
    TextOutsideElements,
    /// Elements are nested deeper than is followed.
    #[error("elements are nested more than {limit} deep")]
    TooDeep {
        /// How deep they are followed.
        limit: usize,
    },
    /// A binary file does not begin as such files do; nothing of it is read.
    #[error("the file has no header of a binary configuration")]
    NoBinaryHeader,
    /// The end of a binary file is missing.
    #[error("the file ends here: its header announces {announced} bytes, {length} are there")]
    Truncated {
        /// Length that its header announces, in bytes.
        announced: u64,
        /// Its length in bytes.
        length: u64,
    },
    /// A binary file is longer than its header says.
    #[error("the header announces a file of {announced} bytes, it has {length}")]
    WrongLength {
        /// Length that its header announces, in bytes.
        announced: u64,
        /// Its length in bytes.
        length: u64,
    },
    /// The checksum of a binary file is not the one over its bytes.
    #[error("the checksum is {seen:04x}, over this file it is {right:04x}")]
    WrongChecksum {
        /// As it stands.
        seen: u16,
        /// As it should be.
        right: u16,
    },
    /// The checksum of a binary file is that of a writer who does not count the line ends of the
    /// header (grandstream.md 1.4).
    #[error("the checksum leaves out the line ends of the header: a phone may refuse the file")]
    ChecksumWithoutLineEnds,
    /// A binary file is nothing but its header.
    #[error("the file has a header and no settings")]
    EmptyBody,
    /// The settings of a binary file end at its first NUL.
    #[error("text after a NUL is not read")]
    TextAfterNul,
    /// A piece of a binary file between two `&` is no setting.
    #[error("no `=` between key and value up to the next `&`")]
    NoSeparatorInPair,
    /// `%` in a binary file that two hex digits do not follow.
    #[error("`%` without two hex digits: it is read as text")]
    OddPercent,
    /// A file has more problems than are listed; stands last.
    #[error("{unlisted} more problems are not listed")]
    Unlisted {
        /// How many.
        unlisted: u64,
    },
    /// The file has no root element.
    #[error("the file has no root element")]
    MissingRoot,
}

impl ProblemKind {
    /// Whether it shows that the file is not as its writer has written it: a phone that checks
    /// length and checksum refuses the file.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Truncated { .. } | Self::WrongLength { .. } | Self::WrongChecksum { .. }
        )
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, formatter)
    }
}
