//! The conversions by name, and what they have in common.

use super::address::{Host, Octets, Port, Uri, Url};
use super::cases::Cases;
use super::codec_rows::CodecRows;
use super::codecs::{Codecs, Part};
use super::list::List;
use super::scalar::{Boolean, Enumeration, Integer, PlainText, quoted};
use crate::datamodel::{ValueRule, ValueType};
use crate::mapping::error::{PackError, PackProblem};
use crate::mapping::section::{Section, Text};

/// What native values mean for a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::mapping) enum Reading {
    /// This value.
    Value(String),
    /// Nothing is set; the default applies.
    Absent,
    /// Something that the conversion does not know.
    Unreadable,
}

/// New native texts by key (`None`: leave alone), or why the value cannot be written.
pub(in crate::mapping) type Writing = Result<Vec<Option<String>>, String>;

/// One conversion with its options. The native values it works on stand in the order of the lens's
/// keys; `None` is a key that is not set.
#[derive(Debug)]
pub(in crate::mapping) enum Convert {
    Text(PlainText),
    Boolean(Boolean),
    Enumeration(Enumeration),
    Integer(Integer),
    Host(Host),
    Port(Port),
    Octets(Octets),
    List(List),
    Cases(Cases),
    Uri(Uri),
    Url(Url),
    Codecs(Codecs),
    CodecRows(CodecRows),
    Constant(String),
    /// No file has a place for it: what an ACS writes is kept beside the device.
    Kept,
}

const NAMES: [&str; 15] = [
    "text",
    "boolean",
    "enum",
    "integer",
    "host",
    "port",
    "octets",
    "list",
    "cases",
    "uri",
    "url",
    "codecs",
    "codec_rows",
    "constant",
    "kept",
];

/// How many native keys a conversion works on.
#[derive(Debug, Clone, Copy)]
struct Arity {
    min: usize,
    max: usize,
    words: &'static str,
}

/// The rules that a lens's parameter values have to keep, for checks while a pack is loaded.
#[derive(Debug)]
pub(in crate::mapping) struct Checker<'a> {
    pub(in crate::mapping) rules: Vec<(&'a str, &'a ValueRule)>,
}

impl Checker<'_> {
    /// The canonical form of a parameter value in a pack.
    pub(in crate::mapping) fn value(
        &self,
        section: &Section<'_>,
        text: &Text<'_>,
        seen: &str,
    ) -> Result<String, PackError> {
        let mut canonical = seen.to_owned();
        for (path, rule) in &self.rules {
            canonical = rule.admits(seen).map_err(|problem| {
                section.error(
                    &text.span,
                    PackProblem::Value {
                        seen: seen.to_owned(),
                        path: (*path).to_owned(),
                        problem,
                    },
                )
            })?;
        }
        Ok(canonical)
    }

    /// Refuses parameters of a type that the conversion does not give.
    fn types(
        &self,
        section: &Section<'_>,
        convert: &str,
        allowed: &[ValueType],
    ) -> Result<(), PackError> {
        for (path, rule) in &self.rules {
            if !allowed.contains(&rule.wire_type()) {
                return Err(section.error(
                    &section.span,
                    PackProblem::Parameter {
                        path: (*path).to_owned(),
                        reason: format!(
                            "convert = \"{convert}\" does not give values of type {}",
                            rule.wire_type().xsd_name()
                        ),
                    },
                ));
            }
        }
        Ok(())
    }
}

impl Convert {
    /// Reads `convert` and the options of that kind from a lens.
    pub(in crate::mapping) fn parse(
        section: &Section<'_>,
        checker: &Checker<'_>,
        keys: usize,
    ) -> Result<Self, PackError> {
        use ValueType::{Boolean as Truth, Int, Long, String, UnsignedInt, UnsignedLong};
        const NUMBERS: [ValueType; 4] = [Int, Long, UnsignedInt, UnsignedLong];

        let word = section.text("convert")?;
        let name = word.as_ref().map_or("text", |word| word.value.as_ref());
        section.rename(format!("a lens with convert = \"{name}\""));
        let (convert, arity) = match name {
            "text" => (Self::Text(PlainText::parse(section)?), Arity::exactly(1)),
            "boolean" => {
                checker.types(section, name, &[Truth])?;
                (Self::Boolean(Boolean::parse(section)?), Arity::exactly(1))
            }
            "enum" => {
                let enumeration = Enumeration::parse(section, checker)?;
                (Self::Enumeration(enumeration), Arity::exactly(1))
            }
            "integer" => {
                checker.types(section, name, &NUMBERS)?;
                let integer = Integer::parse(section, checker)?;
                (Self::Integer(integer), Arity::exactly(1))
            }
            "host" => {
                checker.types(section, name, &[String])?;
                (Self::Host(Host), Arity::exactly(1))
            }
            "port" => {
                checker.types(section, name, &NUMBERS)?;
                (
                    Self::Port(Port::parse(section, checker)?),
                    Arity::exactly(1),
                )
            }
            "octets" => {
                checker.types(section, name, &[String])?;
                (Self::Octets(Octets::parse(section)?), Arity::exactly(4))
            }
            "list" => {
                checker.types(section, name, &[String])?;
                (Self::List(List::parse(section, keys)?), Arity::some())
            }
            "cases" => (
                Self::Cases(Cases::parse(section, checker, keys)?),
                Arity::some(),
            ),
            "uri" => {
                checker.types(section, name, &[String])?;
                (Self::Uri(Uri::parse(section)?), Arity::exactly(2))
            }
            "url" => {
                checker.types(section, name, &[String])?;
                (Self::Url(Url), Arity::exactly(3))
            }
            "codecs" => (Self::Codecs(Codecs::parse(section)?), Arity::some()),
            "codec_rows" => (Self::CodecRows(CodecRows::parse(section)?), Arity::some()),
            "kept" => (Self::Kept, Arity::exactly(0)),
            "constant" => {
                let value = section.required("value", section.text("value")?)?;
                let value = checker.value(section, &value, &value.value)?;
                (Self::Constant(value), Arity::exactly(0))
            }
            _ => {
                let span = word.as_ref().map_or(&section.span, |word| &word.span);
                return Err(section.error(
                    span,
                    PackProblem::UnknownWord {
                        what: "conversion",
                        seen: name.to_owned(),
                        allowed: NAMES.iter().map(|&name| name.to_owned()).collect(),
                    },
                ));
            }
        };
        if (arity.min..=arity.max).contains(&keys) {
            Ok(convert)
        } else {
            let problem = PackProblem::KeyCount {
                convert: convert.name(),
                seen: keys,
                wanted: arity.words,
            };
            Err(section.error(&section.span, problem))
        }
    }

    /// The name that stands in packs.
    pub(in crate::mapping) fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Boolean(_) => "boolean",
            Self::Enumeration(_) => "enum",
            Self::Integer(_) => "integer",
            Self::Host(_) => "host",
            Self::Port(_) => "port",
            Self::Octets(_) => "octets",
            Self::List(_) => "list",
            Self::Cases(_) => "cases",
            Self::Uri(_) => "uri",
            Self::Url(_) => "url",
            Self::Codecs(_) => "codecs",
            Self::CodecRows(_) => "codec_rows",
            Self::Constant(_) => "constant",
            Self::Kept => "kept",
        }
    }

    /// What it does, in words for a person.
    pub(in crate::mapping) fn words(&self) -> Vec<String> {
        match self {
            Self::Text(text) => text.words(),
            Self::Boolean(boolean) => boolean.words(),
            Self::Enumeration(enumeration) => enumeration.words(),
            Self::Integer(integer) => integer.words(),
            Self::Host(host) => host.words(),
            Self::Port(port) => port.words(),
            Self::Octets(octets) => octets.words(),
            Self::List(list) => list.words(),
            Self::Cases(cases) => cases.words(),
            Self::Uri(uri) => uri.words(),
            Self::Url(url) => url.words(),
            Self::Codecs(codecs) => codecs.words(),
            Self::CodecRows(rows) => rows.words(),
            Self::Constant(value) => vec![format!("always {}, in no file", quoted(value))],
            Self::Kept => vec!["in no file: what is written is kept beside the phone".to_owned()],
        }
    }

    /// Whether what it works on is text in which a dialect may write `%XX` for characters.
    pub(in crate::mapping) fn is_text_like(&self) -> bool {
        matches!(
            self,
            Self::Text(_) | Self::Host(_) | Self::Enumeration(_) | Self::Cases(_) | Self::Uri(_)
        )
    }

    /// Whether all changes to the parameters of one slot have to be carried out together.
    pub(in crate::mapping) fn is_by_part(&self) -> bool {
        matches!(self, Self::Codecs(_) | Self::CodecRows(_))
    }

    /// Whether the conversion works with whichever of its keys a slot has. Otherwise the parameter
    /// does not exist for a slot that lacks one of them.
    pub(in crate::mapping) fn takes_fewer_keys(&self) -> bool {
        matches!(self, Self::Codecs(_))
    }

    /// Whether a value of the parameter is ever written to the key at a place; the others are only
    /// looked at, and belong to other parameters.
    pub(in crate::mapping) fn writes(&self, key: usize) -> bool {
        match self {
            Self::Uri(_) => key == 0,
            Self::Cases(cases) => cases.writes(key),
            _ => true,
        }
    }

    /// The only parameter values there are, where the conversion names them all.
    pub(in crate::mapping) fn closed_values(&self) -> Option<Vec<String>> {
        match self {
            Self::Enumeration(enumeration) => Some(enumeration.parameter_values()),
            Self::Cases(cases) => cases.parameter_values(),
            _ => None,
        }
    }

    /// What the native values mean. `default_given`: the lens names a default of its own, which
    /// then stands for "no key is set" before anything else.
    pub(in crate::mapping) fn read(
        &self,
        natives: &[Option<&str>],
        part: Part,
        default_given: bool,
    ) -> Reading {
        let first = natives.first().copied().flatten();
        match self {
            Self::Text(text) => text.read(first),
            Self::Boolean(boolean) => boolean.read(first),
            Self::Enumeration(enumeration) => enumeration.read(first),
            Self::Integer(integer) => integer.read(first),
            Self::Host(host) => host.read(first),
            Self::Port(port) => port.read(first),
            Self::Octets(octets) => octets.read(natives),
            Self::List(list) => list.read(natives),
            Self::Cases(cases) => cases.read(natives, default_given),
            Self::Uri(uri) => uri.read(natives),
            Self::Url(url) => url.read(natives),
            Self::Constant(value) => Reading::Value(value.clone()),
            // Codecs are read by part, through `Codecs::order`.
            Self::Codecs(_) | Self::Kept => Reading::Absent,
            Self::CodecRows(rows) => rows.read(natives, part),
        }
    }

    /// The native texts that mean `wanted`, a canonical value that its parameter may have.
    /// `explicit`: a key that is not set has to be written also where a blank would mean the same.
    pub(in crate::mapping) fn write(
        &self,
        natives: &[Option<&str>],
        wanted: &str,
        explicit: bool,
    ) -> Writing {
        let first = natives.first().copied().flatten();
        match self {
            Self::Text(text) => Ok(vec![Some(text.write(wanted))]),
            Self::Boolean(boolean) => Ok(vec![Some(boolean.write(wanted))]),
            Self::Enumeration(enumeration) => Ok(vec![Some(enumeration.write(wanted)?)]),
            Self::Integer(integer) => Ok(vec![Some(integer.write(wanted)?)]),
            Self::Host(host) => Ok(vec![Some(host.write(first, wanted)?)]),
            Self::Port(port) => Ok(vec![Some(port.write(first, wanted)?)]),
            Self::Octets(octets) => octets.write(wanted),
            Self::List(list) => list.write(natives, wanted, explicit),
            Self::Cases(cases) => cases.write(natives, wanted, explicit),
            Self::Uri(uri) => uri.write(natives, wanted),
            Self::Url(url) => url.write(natives, wanted, explicit),
            Self::Constant(_) | Self::Codecs(_) | Self::CodecRows(_) | Self::Kept => {
                Err("cannot be written".to_owned())
            }
        }
    }
}

impl Arity {
    fn exactly(count: usize) -> Self {
        Self {
            min: count,
            max: count,
            words: match count {
                0 => "none",
                1 => "one",
                2 => "two: user, host",
                3 => "three: server, port, path",
                _ => "four",
            },
        }
    }

    fn some() -> Self {
        Self {
            min: 1,
            max: usize::MAX,
            words: "one or more",
        }
    }
}

/// Whether a blank need not be written: the key is blank already, or is not set and need not be.
pub(super) fn can_stay_blank(native: Option<&str>, explicit: bool) -> bool {
    match native {
        Some(text) => text.trim().is_empty(),
        None => !explicit,
    }
}

/// Whether a native value says nothing: not set, or blank.
pub(super) fn is_blank(native: Option<&str>) -> bool {
    native.is_none_or(|text| text.trim().is_empty())
}
