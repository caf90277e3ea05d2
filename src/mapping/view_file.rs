//! From the TOML text of a view to its compiled form.

use super::error::{PackError, PackProblem, Source};
use super::pack_file::{read_template, read_version};
use super::parameter::{Parameter, ValueState};
use super::section::{Section, Text};
use super::template_view::Template;
use super::vendor_file::required_text;
use super::view::{Beside, Item, List, View, Words, is_vendor_name};
use crate::datamodel::{ParameterFacts, ParameterPath, Schema};

/// Reads a view: `top` is the whole file.
///
/// # Errors
/// The first problem in the text.
pub(super) fn read_view(source: Source<'_>, top: &Section<'_>) -> Result<View, PackError> {
    let head = top.required("[view]", top.section("view", "[view]")?)?;
    let template = read_template(&head)?;
    let schema = match template {
        Template::Device2 => Schema::device2(),
        Template::Device1 | Template::Vendor => {
            let problem = PackProblem::UnknownWord {
                what: "data model for a view",
                seen: template.name().to_owned(),
                allowed: vec![Template::Device2.name().to_owned()],
            };
            return Err(head.error(&head.span, problem));
        }
    };
    let reader = ViewReader { source, schema };
    let view = View {
        template,
        version: read_version(&head)?,
        schema,
        renames: reader.renames(top)?,
        otherwise: reader.otherwise(&head)?,
        words: reader.words(top)?,
        lists: reader.lists(top)?,
        constants: reader.constants(top)?,
    };
    head.finish()?;
    Ok(view)
}

struct ViewReader<'t> {
    source: Source<'t>,
    schema: &'static Schema,
}

impl ViewReader<'_> {
    fn renames(&self, top: &Section<'_>) -> Result<Vec<(String, String)>, PackError> {
        let mut renames = Vec::new();
        for (from, to) in top.pairs("rename")? {
            if from.value.ends_with('.') != to.value.ends_with('.') {
                let reason = "an object has to become an object: both names end in a dot, or none";
                return Err(self.error(&to, &to.value, reason));
            }
            if !to.value.ends_with('.') && !is_vendor_name(&to.value) {
                self.facts(&to)?;
            }
            renames.push((from.value.into_owned(), to.value.into_owned()));
        }
        renames.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        Ok(renames)
    }

    fn otherwise(&self, head: &Section<'_>) -> Result<String, PackError> {
        let otherwise = head.required("otherwise", head.text("otherwise")?)?;
        let is_free = is_vendor_name(&otherwise.value) && otherwise.value.ends_with('.');
        if !is_free {
            let reason = "an object with a name of ours is wanted, such as `Device.X_TRESTLE_Old.`";
            return Err(self.error(&otherwise, &otherwise.value, reason));
        }
        Ok(otherwise.value.into_owned())
    }

    fn words(&self, top: &Section<'_>) -> Result<Vec<Words>, PackError> {
        let mut all: Vec<Words> = Vec::new();
        for section in top.sections("words", "words for a parameter")? {
            let of = section.required("of", section.text("of")?)?;
            let path = section.required("path", section.text("path")?)?;
            let facts = self.facts(&path)?;
            let own = self.own_facts(&of)?;
            let mut values: Vec<(String, String)> = Vec::new();
            for (word, shown) in section.pairs("values")? {
                let value = self.value(facts, &path, &shown)?;
                values.push((word.value.into_owned(), value));
            }
            let mut expected = own.rule.enumeration.iter();
            let missing = expected.find(|word| !values.iter().any(|(own, _)| own == *word));
            if let Some(word) = missing {
                let reason = format!("`values` has nothing for `{word}`");
                return Err(self.error(&of, &of.value, &reason));
            }
            let writable = section.flag("writable")?.unwrap_or(false);
            if writable {
                for (place, (_, shown)) in values.iter().enumerate() {
                    if values.iter().skip(place + 1).any(|(_, it)| it == shown) {
                        let seen = shown.clone();
                        let problem = PackProblem::NotOneToOne { seen };
                        return Err(section.error(&section.span, problem));
                    }
                }
                if all
                    .iter()
                    .any(|it| it.writable && it.of.as_str() == of.value)
                {
                    let reason = "only one parameter can write it";
                    return Err(self.error(&path, &of.value, reason));
                }
            }
            all.push(Words {
                of: self.path(&of, &of.value)?,
                path: self.path(&path, &path.value)?,
                values,
                writable,
            });
            section.finish()?;
        }
        Ok(all)
    }

    fn lists(&self, top: &Section<'_>) -> Result<Vec<List>, PackError> {
        let mut lists = Vec::new();
        for section in top.sections("list", "a list")? {
            let of = section.required("of", section.text("of")?)?;
            self.own_facts(&of)?;
            let mut items = Vec::new();
            for path in section.required("items", section.texts("items")?)? {
                self.facts(&path)?;
                items.push(Item {
                    path: self.path(&path, &path.value)?,
                    beside: Vec::new(),
                });
            }
            for beside in section.sections("beside", "a parameter beside an item")? {
                let name = required_text(&beside, "name")?;
                let filled = beside.required("filled", beside.text("filled")?)?;
                let empty = beside.required("empty", beside.text("empty")?)?;
                for item in &mut items {
                    let parent = item.path.parent();
                    let parent = parent.map(|parent| parent.to_string());
                    let path = Text {
                        value: format!("{}{name}", parent.unwrap_or_default()).into(),
                        span: beside.span.clone(),
                    };
                    let facts = self.facts(&path)?;
                    item.beside.push(Beside {
                        path: self.path(&path, &path.value)?,
                        filled: self.value(facts, &path, &filled)?,
                        empty: self.value(facts, &path, &empty)?,
                    });
                }
                beside.finish()?;
            }
            lists.push(List {
                of: self.path(&of, &of.value)?,
                items,
            });
            section.finish()?;
        }
        Ok(lists)
    }

    fn constants(&self, top: &Section<'_>) -> Result<Vec<Parameter>, PackError> {
        let mut constants = Vec::new();
        for (path, value) in top.pairs("constants")? {
            let facts = self.facts(&path)?;
            constants.push(Parameter {
                value_type: facts.rule.wire_type(),
                writable: false,
                hidden: false,
                value: self.value(facts, &path, &value)?,
                state: ValueState::Default,
                path: self.path(&path, &path.value)?,
            });
        }
        Ok(constants)
    }

    /// What the view's data model says of a parameter.
    fn facts(&self, path: &Text<'_>) -> Result<&'static ParameterFacts, PackError> {
        let entry = self.schema.entry(&path.value);
        entry.and_then(|entry| entry.parameter()).ok_or_else(|| {
            let problem = PackProblem::UnknownPath {
                path: path.value.clone().into_owned(),
                wanted: "parameter",
            };
            self.source.error(&path.span, problem)
        })
    }

    /// What the lenses' data model says of a parameter.
    fn own_facts(&self, of: &Text<'_>) -> Result<&'static ParameterFacts, PackError> {
        let entry = Schema::device1().entry(&of.value);
        entry.and_then(|entry| entry.parameter()).ok_or_else(|| {
            let problem = PackProblem::UnknownPath {
                path: of.value.clone().into_owned(),
                wanted: "parameter",
            };
            self.source.error(&of.span, problem)
        })
    }

    fn value(
        &self,
        facts: &ParameterFacts,
        path: &Text<'_>,
        value: &Text<'_>,
    ) -> Result<String, PackError> {
        facts.rule.admits(&value.value).map_err(|problem| {
            let problem = PackProblem::Value {
                seen: value.value.clone().into_owned(),
                path: path.value.clone().into_owned(),
                problem,
            };
            self.source.error(&value.span, problem)
        })
    }

    fn path(&self, place: &Text<'_>, text: &str) -> Result<ParameterPath, PackError> {
        let path = text.parse();
        path.map_err(|error| self.source.error(&place.span, PackProblem::Path(error)))
    }

    fn error(&self, place: &Text<'_>, path: &str, reason: &str) -> PackError {
        let problem = PackProblem::Parameter {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        self.source.error(&place.span, problem)
    }
}
