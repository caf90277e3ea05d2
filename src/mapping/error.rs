//! What can be wrong with a mapping pack.

use std::ops::Range;

use crate::datamodel::{PathError, ValueProblem};
use crate::native::NativeKey;

/// A mapping pack that cannot be used, with the place in its file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct PackError {
    /// The pack's file name.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Box<PackProblem>,
}

/// What is wrong at a place of a mapping pack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackProblem {
    /// The file is no TOML.
    #[error("{0}")]
    Syntax(String),
    /// Something is larger than the loader takes.
    #[error("{what}: {seen} is too many; at most {max} are allowed")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// The count.
        seen: usize,
        /// The limit.
        max: usize,
    },
    /// A key that its section does not have.
    #[error("`{key}` has no meaning in {section}; allowed: {}", .allowed.join(", "))]
    UnknownKey {
        /// The section, such as `a lens with convert = "enum"`.
        section: String,
        /// The key.
        key: String,
        /// The keys that the section may have.
        allowed: Vec<String>,
    },
    /// A key that its section must have.
    #[error("{section} needs `{key}`")]
    Missing {
        /// The section.
        section: String,
        /// The key or keys.
        key: &'static str,
    },
    /// A value of another kind than wanted.
    #[error("`{key}` is a {seen}; wanted: {wanted}")]
    WrongKind {
        /// The key.
        key: String,
        /// TOML's name of what is there.
        seen: String,
        /// What should be there.
        wanted: &'static str,
    },
    /// A word that is none of a fixed choice.
    #[error("`{seen}` is no {what}; allowed: {}", .allowed.join(", "))]
    UnknownWord {
        /// What the word should name.
        what: &'static str,
        /// The word.
        seen: String,
        /// The choice.
        allowed: Vec<String>,
    },
    /// A formula or a text with a formula in it that cannot be read.
    #[error("`{text}`: {reason}")]
    Template {
        /// The whole text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A table of keys that does not have one key a slot.
    #[error("the table has {length} keys; the index has {slots} slots")]
    TableLength {
        /// Keys in the table.
        length: usize,
        /// Slots of the index.
        slots: usize,
    },
    /// Another number of native keys than the conversion works with.
    #[error("{seen} native keys; convert = \"{convert}\" wants {wanted}")]
    KeyCount {
        /// The conversion.
        convert: &'static str,
        /// Keys given.
        seen: usize,
        /// Keys wanted, in words.
        wanted: &'static str,
    },
    /// Two lists that belong together have different lengths.
    #[error("`{key}` has {seen} items; {wanted} are wanted, as in `{beside}`")]
    UnequalLists {
        /// The list.
        key: &'static str,
        /// Its length.
        seen: usize,
        /// Length of the other list.
        wanted: usize,
        /// The other list.
        beside: &'static str,
    },
    /// Two lenses for one parameter.
    #[error("`{path}` has a lens already")]
    DuplicatePath {
        /// The path.
        path: String,
    },
    /// A standard path that the data model does not have.
    #[error("`{path}` is no {wanted} of the data model; vendor names begin with `X_`")]
    UnknownPath {
        /// The path.
        path: String,
        /// `parameter` or `table`.
        wanted: &'static str,
    },
    /// A text that is no path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The index does not stand where its table's instance number is.
    #[error("`{path}`: `{{{index}}}` has to follow `{table}`")]
    IndexPlace {
        /// The path.
        path: String,
        /// The index.
        index: String,
        /// Its table.
        table: String,
    },
    /// A native text or a parameter's value that stands for two things.
    #[error("`{seen}` is there twice; the conversion has to be one-to-one")]
    NotOneToOne {
        /// The text.
        seen: String,
    },
    /// A value that its parameter cannot have.
    #[error("`{seen}` is no value of {path}: {problem}")]
    Value {
        /// The value.
        seen: String,
        /// The parameter.
        path: String,
        /// Why not.
        problem: ValueProblem,
    },
    /// A parameter cannot be what the lens says.
    #[error("{path}: {reason}")]
    Parameter {
        /// The parameter.
        path: String,
        /// What does not fit.
        reason: String,
    },
    /// A set for a vendor's own tree, whose tree is not there.
    #[error(
        "the tree of `{vendor}` itself is not there: `mappings/datamodel/{vendor}.tsv` is missing"
    )]
    MissingModel {
        /// The vendor.
        vendor: String,
    },
    /// A lens set for a vendor without a base pack.
    #[error("there is no base pack of `{vendor}`")]
    MissingBase {
        /// The vendor.
        vendor: String,
    },
    /// The name of an alias is a key of a lens.
    #[error("the alias `{name}` is itself a key of a lens")]
    AliasIsKey {
        /// The name.
        name: NativeKey,
    },
    /// Two means of one name that do the same.
    #[error("`{seen}` is the name of two means that do the same; what works is remembered by it")]
    SameMeans {
        /// The name.
        seen: String,
    },
    /// A means that says not at all, or twice, how the phone is told.
    #[error("a means has either `sip` or `http`")]
    OneWay,
    /// A regular expression that cannot be read.
    #[error("{0}")]
    Pattern(String),
}

/// Where the lines of a text begin, to find many places in it quickly.
#[derive(Debug)]
pub(super) struct LineStarts(Vec<usize>);

impl LineStarts {
    pub(super) fn of(text: &str) -> Self {
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes());
        Self(breaks.collect())
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|newline| *newline < offset) + 1
    }
}

/// A pack's text with its name, to say where something stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'t> {
    pub(super) file: &'t str,
    pub(super) text: &'t str,
}

impl Source<'_> {
    /// The error for a problem at a span of bytes.
    pub(super) fn error(self, span: &Range<usize>, problem: PackProblem) -> PackError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = before
            .get(line_start..)
            .map_or(0, |line| line.chars().count());
        PackError {
            file: self.file.to_owned(),
            line: self.line(span),
            column: column + 1,
            problem: Box::new(problem),
        }
    }

    /// The line on which a span begins, from 1.
    pub(super) fn line(self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start);
        before.map_or(0, |bytes| memchr::memchr_iter(b'\n', bytes).count()) + 1
    }
}
