//! Why a body is no SOAP message.

use super::limits::{MAX_ATTRIBUTES, MAX_BODY, MAX_DEPTH, MAX_ELEMENTS};

/// Why a body is no SOAP message. Positions count bytes from the start of the body, a byte order
/// mark not included.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SoapError {
    /// Longer than [`MAX_BODY`].
    #[error("the body has {length} bytes; at most {MAX_BODY} are read")]
    TooLong {
        /// Bytes in the body.
        length: usize,
    },
    /// Not UTF-8.
    #[error("the body is not UTF-8 at byte {position}")]
    NotUtf8 {
        /// Where.
        position: usize,
    },
    /// The XML declaration names another encoding, and the body is not plain ASCII.
    #[error("the body is said to be in `{declared}`; only UTF-8 is read")]
    Encoding {
        /// As the declaration has it.
        declared: String,
    },
    /// A character that XML 1.0 does not have, written out or as a reference.
    #[error("the character U+{character:04X} at byte {position} is not allowed in XML 1.0")]
    Character {
        /// Its code point.
        character: u32,
        /// Where.
        position: u64,
    },
    /// The text breaks the grammar of XML.
    #[error("not well-formed at byte {position}: {reason}")]
    NotWellFormed {
        /// Where.
        position: u64,
        /// What is wrong.
        reason: String,
    },
    /// A document type definition.
    #[error("a document type definition at byte {position}; SOAP forbids them")]
    Dtd {
        /// Where.
        position: u64,
    },
    /// An entity that XML itself does not define.
    // Its name is not told: in a text that nobody has escaped it is part of a value.
    #[error("an entity at byte {position} that XML does not define")]
    Entity {
        /// Its name, shortened.
        name: String,
        /// Where.
        position: u64,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("elements are nested deeper than {MAX_DEPTH} at byte {position}")]
    TooDeep {
        /// Where.
        position: u64,
    },
    /// A tag has more than [`MAX_ATTRIBUTES`].
    #[error("a tag has more than {MAX_ATTRIBUTES} attributes at byte {position}")]
    TooManyAttributes {
        /// Where.
        position: u64,
    },
    /// The message has more than [`MAX_ELEMENTS`].
    #[error("the message has more than {MAX_ELEMENTS} elements")]
    TooManyElements,
    /// The root is not `Envelope`.
    #[error("the root element is `{root}`, not `Envelope`")]
    NoEnvelope {
        /// Local name of the root, shortened.
        root: String,
    },
    /// No `Body`, or nothing in it.
    #[error("the envelope carries no message")]
    NoMessage,
}
