//! The compiled lenses of one file: a base pack's, or those of a further set for the same vendor.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::alias::Aliases;
use super::error::{PackError, PackProblem, Source};
use super::index::{Index, LineSet};
use super::lens::Lens;
use super::models::{Conditions, ModelPatterns};
use super::redirect::Redirect;
use super::template_view::Template;
use crate::datamodel::Schema;
use crate::native::NativeKey;

/// How keys are hashed: quickly, and seeded at random, so that no file can be made of keys that
/// collide.
pub(super) type KeyState = foldhash::fast::RandomState;

/// Most native keys and paths of a pack, slots counted one by one.
const MAX_COMPILED: usize = 1_000_000;

/// Lenses, aliases and what they refer to.
#[derive(Debug)]
pub(super) struct LensSet {
    /// The file's name without folder and ending.
    pub(super) name: String,
    /// The file, for messages.
    pub(super) file: String,
    pub(super) version: u32,
    pub(super) template: Template,
    pub(super) schema: &'static Schema,
    /// The models that it is for; empty for all.
    pub(super) models: ModelPatterns,
    pub(super) secret_keys: SecretKeys,
    pub(super) indexes: Vec<Index>,
    pub(super) line_sets: Vec<LineSet>,
    pub(super) redirects: Vec<Arc<Redirect>>,
    pub(super) lenses: Vec<Lens>,
    pub(super) aliases: Aliases,
    pub(super) conditions: Conditions,
    /// Lenses and faces behind a path; the instance number of an index stands as `{name}` there.
    /// Several lenses for one path differ in their models, and the first that holds counts.
    pub(super) by_path: HashMap<String, Vec<FacePlace>>,
    /// The paths for which there are several.
    pub(super) contested: Vec<Vec<FacePlace>>,
    /// What every key is for.
    pub(super) by_key: HashMap<NativeKey, Vec<KeyUse>, KeyState>,
    /// How the pack spells keys, where that is not their normal form.
    pub(super) spellings: HashMap<NativeKey, String>,
}

/// Where a face stands in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FacePlace {
    pub(super) lens: usize,
    pub(super) face: usize,
}

/// One use of a key by a lens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyUse {
    pub(super) lens: usize,
    /// `None`: the key is the same for all slots, or the lens has none.
    pub(super) slot: Option<u32>,
    /// Whether it is the lens's own key; else it is a fallback.
    pub(super) own: bool,
}

/// Names of keys whose values are secrets; `*` matches anything.
#[derive(Debug, Default)]
pub(super) struct SecretKeys {
    pub(super) exact: HashSet<NativeKey>,
    pub(super) patterns: Vec<regex::Regex>,
}

/// Collects compiled lenses.
#[derive(Debug, Default)]
pub(super) struct Lenses {
    pub(super) lenses: Vec<Lens>,
    pub(super) by_path: HashMap<String, Vec<FacePlace>>,
    pub(super) compiled: usize,
}

impl Lenses {
    pub(super) fn add(
        &mut self,
        (lens, templates): (Lens, Vec<String>),
        indexes: &[Index],
        source: Source<'_>,
        span: &std::ops::Range<usize>,
    ) -> Result<(), PackError> {
        let slots = lens
            .index
            .and_then(|index| indexes.get(index))
            .map_or(1, |index| index.slots as usize);
        self.compiled += slots * (lens.keys.len() + lens.faces.len());
        check_size(self.compiled, source, span)?;
        for (face, path) in templates.into_iter().enumerate() {
            let place = FacePlace {
                lens: self.lenses.len(),
                face,
            };
            let places = self.by_path.entry(path.clone()).or_default();
            let same_models = places.iter().any(|known| {
                let known = self.lenses.get(known.lens);
                // A lens may have a path once only: what is being added is not among them yet.
                known.is_none_or(|known| known.condition == lens.condition)
            });
            if same_models {
                return Err(source.error(span, PackProblem::DuplicatePath { path }));
            }
            places.push(place);
        }
        self.lenses.push(lens);
        Ok(())
    }

    /// Of all keys, what they are for.
    pub(super) fn by_key(&self) -> HashMap<NativeKey, Vec<KeyUse>, KeyState> {
        let mut by_key: HashMap<NativeKey, Vec<KeyUse>, KeyState> = HashMap::default();
        let mut add = |key: &NativeKey, key_use: KeyUse| {
            let uses = match by_key.get_mut(key) {
                Some(uses) => uses,
                None => by_key.entry(key.clone()).or_default(),
            };
            if !uses.contains(&key_use) {
                uses.push(key_use);
            }
        };
        for (place, lens) in self.lenses.iter().enumerate() {
            for column in &lens.keys {
                let columns = [
                    (column.own.as_slice(), column.by_slot, true),
                    (column.fallback.as_slice(), column.fallback_by_slot, false),
                ];
                for (keys, by_slot, own) in columns {
                    for (slot, key) in (1..).zip(keys) {
                        let Some(key) = key else { continue };
                        let slot = by_slot.then_some(slot);
                        add(
                            key,
                            KeyUse {
                                lens: place,
                                slot,
                                own,
                            },
                        );
                        if slot.is_none() {
                            break;
                        }
                    }
                }
            }
        }
        by_key
    }
}

/// Refuses packs that would take too much memory.
pub(super) fn check_size(
    seen: usize,
    source: Source<'_>,
    span: &std::ops::Range<usize>,
) -> Result<(), PackError> {
    if seen <= MAX_COMPILED {
        return Ok(());
    }
    let problem = PackProblem::TooMany {
        what: "keys and paths by slot",
        seen,
        max: MAX_COMPILED,
    };
    Err(source.error(span, problem))
}

/// The paths for which there is more than one lens.
pub(super) fn contested(by_path: &HashMap<String, Vec<FacePlace>>) -> Vec<Vec<FacePlace>> {
    let several = by_path.values().filter(|places| places.len() > 1);
    several.cloned().collect()
}
