//! Texts with formulas in them: native keys by slot, and paths by instance number.

use crate::datamodel::{ParameterPath, PathError};

/// Deepest nesting of brackets in a formula.
const MAX_DEPTH: usize = 16;

/// An index as templates see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct IndexName<'a> {
    pub(super) name: &'a str,
    pub(super) slots: u32,
    /// How many slots a table of keys may stop at.
    pub(super) listed: u32,
}

/// A text for every slot, made from a template.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    /// By slot; one text when there is no index.
    pub(super) texts: Vec<String>,
    /// Whether the template names the index.
    pub(super) by_slot: bool,
}

/// Writes out a template, `P{400 + 100 * (account - 2)}` or `sip line{account} proxy ip`, for
/// every slot of an index.
///
/// # Errors
/// What is wrong with the formula, in words.
pub(super) fn expand(template: &str, index: Option<IndexName<'_>>) -> Result<Expanded, String> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once('{') {
        let (formula, after) = after
            .split_once('}')
            .ok_or_else(|| "`{` has no `}`".to_owned())?;
        let (formula, digits) = match formula.split_once(':') {
            Some((formula, digits)) => (formula, digits_of(digits)?),
            None => (formula, 1),
        };
        pieces.push(Piece::Text(text));
        pieces.push(Piece::Formula {
            formula: parse_formula(formula, index)?,
            digits,
        });
        rest = after;
    }
    if rest.contains('}') {
        return Err("`}` has no `{`".to_owned());
    }
    pieces.push(Piece::Text(rest));

    let slots = index.map_or(1, |index| index.slots);
    let texts: Result<Vec<String>, String> =
        (1..=slots).map(|slot| write_out(&pieces, slot)).collect();
    let by_slot = pieces
        .iter()
        .any(|piece| matches!(piece, Piece::Formula { formula, .. } if formula.names_slot()));
    Ok(Expanded {
        texts: texts?,
        by_slot,
    })
}

enum Piece<'a> {
    Text(&'a str),
    Formula {
        formula: Formula,
        /// As many digits at least: zeros go before the number.
        digits: usize,
    },
}

/// How many digits a number has at least, of what stands after the colon: `02`.
fn digits_of(text: &str) -> Result<usize, String> {
    match text.strip_prefix('0').map(str::parse) {
        Some(Ok(digits)) if (1..=9).contains(&digits) => Ok(digits),
        _ => Err(format!(
            "`{text}` is no number of digits: `02` to `09` is wanted"
        )),
    }
}

fn write_out(pieces: &[Piece<'_>], slot: u32) -> Result<String, String> {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(piece) => text.push_str(piece),
            Piece::Formula { formula, digits } => {
                let number = formula
                    .value(i64::from(slot))
                    .filter(|number| *number >= 0)
                    .ok_or_else(|| format!("the formula gives no number for slot {slot}"))?;
                text.push_str(&format!("{number:0digits$}"));
            }
        }
    }
    Ok(text)
}

enum Formula {
    Number(i64),
    Slot,
    Sum(Box<Formula>, Box<Formula>),
    Difference(Box<Formula>, Box<Formula>),
    Product(Box<Formula>, Box<Formula>),
}

impl Formula {
    fn value(&self, slot: i64) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Slot => Some(slot),
            Self::Sum(one, two) => one.value(slot)?.checked_add(two.value(slot)?),
            Self::Difference(one, two) => one.value(slot)?.checked_sub(two.value(slot)?),
            Self::Product(one, two) => one.value(slot)?.checked_mul(two.value(slot)?),
        }
    }

    fn names_slot(&self) -> bool {
        match self {
            Self::Number(_) => false,
            Self::Slot => true,
            Self::Sum(one, two) | Self::Difference(one, two) | Self::Product(one, two) => {
                one.names_slot() || two.names_slot()
            }
        }
    }
}

fn parse_formula(text: &str, index: Option<IndexName<'_>>) -> Result<Formula, String> {
    let mut parser = Parser {
        rest: text.trim_start(),
        index,
        terms: 0,
    };
    let formula = parser.sum(0)?;
    if parser.rest.is_empty() {
        Ok(formula)
    } else {
        Err(format!("`{}` was not expected", parser.rest))
    }
}

/// Longest formula in numbers and names; it bounds the height of the tree as well.
const MAX_TERMS: usize = 64;

struct Parser<'a> {
    rest: &'a str,
    index: Option<IndexName<'a>>,
    terms: usize,
}

impl Parser<'_> {
    fn sum(&mut self, depth: usize) -> Result<Formula, String> {
        let mut formula = self.product(depth)?;
        loop {
            if self.take('+') {
                formula = Formula::Sum(Box::new(formula), Box::new(self.product(depth)?));
            } else if self.take('-') {
                formula = Formula::Difference(Box::new(formula), Box::new(self.product(depth)?));
            } else {
                return Ok(formula);
            }
        }
    }

    fn product(&mut self, depth: usize) -> Result<Formula, String> {
        let mut formula = self.term(depth)?;
        while self.take('*') {
            formula = Formula::Product(Box::new(formula), Box::new(self.term(depth)?));
        }
        Ok(formula)
    }

    fn term(&mut self, depth: usize) -> Result<Formula, String> {
        self.terms += 1;
        if depth > MAX_DEPTH || self.terms > MAX_TERMS {
            return Err("the formula is too long".to_owned());
        }
        if self.take('(') {
            let formula = self.sum(depth + 1)?;
            return if self.take(')') {
                Ok(formula)
            } else {
                Err("`(` has no `)`".to_owned())
            };
        }
        let end = self
            .rest
            .find(|character: char| !character.is_ascii_alphanumeric() && character != '_')
            .unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        self.rest = after.trim_start();
        if word.is_empty() {
            return Err("a number, a name or `(` is missing".to_owned());
        }
        if let Ok(number) = word.parse() {
            return Ok(Formula::Number(number));
        }
        match self.index {
            Some(index) if index.name == word => Ok(Formula::Slot),
            Some(index) => Err(format!(
                "`{word}` is not the index of the lens, which is `{}`",
                index.name
            )),
            None => Err(format!(
                "`{word}` is no index of the lens: its path has none"
            )),
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(after) => {
                self.rest = after.trim_start();
                true
            }
            None => false,
        }
    }
}

/// A path with at most one instance number open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathTemplate {
    before: String,
    after: Option<String>,
}

impl PathTemplate {
    /// A path with no instance number open, or with the number after `before`.
    pub(super) fn new(before: String, after: Option<String>) -> Self {
        Self { before, after }
    }

    /// The template with a text at its end.
    pub(super) fn extended(&self, text: &str) -> Self {
        let mut extended = self.clone();
        match &mut extended.after {
            Some(after) => after.push_str(text),
            None => extended.before.push_str(text),
        }
        extended
    }

    /// The path with `{i}` in place of the instance number.
    pub(super) fn text(&self) -> String {
        match &self.after {
            Some(after) => format!("{}{{i}}{after}", self.before),
            None => self.before.clone(),
        }
    }

    /// The path for an instance number.
    ///
    /// # Errors
    /// The text is no path. A template that gave one for the largest number gives one for all.
    pub(super) fn path(&self, instance: u32) -> Result<ParameterPath, PathError> {
        match &self.after {
            Some(after) => format!("{}{instance}{after}", self.before).parse(),
            None => self.before.parse(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: Option<IndexName<'static>> = Some(IndexName {
        name: "account",
        slots: 3,
        listed: 3,
    });

    #[test]
    fn keys_are_written_out_by_slot() {
        let texts = |template| expand(template, ACCOUNT).unwrap().texts;
        assert_eq!(
            texts("P{2312 + 100 * (account - 1)}"),
            ["P2312", "P2412", "P2512"]
        );
        assert_eq!(
            texts("sip line{account} proxy ip"),
            [
                "sip line1 proxy ip",
                "sip line2 proxy ip",
                "sip line3 proxy ip"
            ]
        );
        assert_eq!(
            texts("KEY{account + 8:02}.Type"),
            ["KEY09.Type", "KEY10.Type", "KEY11.Type"]
        );
        let global = expand("P8", ACCOUNT).unwrap();
        assert_eq!(global.texts, ["P8", "P8", "P8"]);
        assert!(!global.by_slot);
        assert_eq!(expand("P8", None).unwrap().texts, ["P8"]);
    }

    #[test]
    fn formulas_that_cannot_be_read_are_refused() {
        for template in [
            "P{",
            "P}",
            "P{}",
            "P{account +}",
            "P{(account}",
            "P{account 1}",
            "P{line}",
            "P{account - 2}",
            "P{9223372036854775807 * account}",
            "P{account:}",
            "P{account:2}",
            "P{account:099}",
        ] {
            assert!(expand(template, ACCOUNT).is_err(), "{template}");
        }
        let deep = format!("P{{{}}}", "(".repeat(100_000));
        assert!(expand(&deep, ACCOUNT).is_err());
        let long = format!("P{{1{}}}", "+1".repeat(100_000));
        assert!(expand(&long, ACCOUNT).is_err());
        assert!(expand("P{account}", None).is_err());
    }
}
