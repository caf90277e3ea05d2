//! The files of one phone in the order in which it reads them.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::document::Document;
use super::key::{KeyHash, NativeKey};

/// Whose settings a file holds, from the most general to the most particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerKind {
    /// For every phone of a vendor.
    Shared,
    /// For every phone of a model.
    Model,
    /// For one phone.
    Phone,
}

/// One file that a phone reads.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Where the file stands in the tree.
    pub path: String,
    /// Whose settings it holds.
    pub kind: LayerKind,
    /// The file. Phones share what they have in common.
    pub document: Arc<Document>,
}

/// Which of its files a phone takes into account, and in which order it reads them: what it reads
/// last has the last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadingOrder {
    /// It stops at its own file (grandstream.md 2).
    PhoneOnly,
    /// The shared ones, its model's, its own (aastra.md 1.6).
    PhoneLast,
    /// Its own, its model's, the shared ones: the general file has the last word (grandstream.md
    /// 2, P8467).
    PhoneFirst,
}

/// All files of one phone, in the order in which it reads them.
#[derive(Debug, Clone)]
pub struct Layers {
    layers: Vec<Layer>,
    order: ReadingOrder,
}

/// A setting as the phone takes it.
#[derive(Clone)]
pub struct Effective<'a> {
    /// Its value.
    pub value: Cow<'a, str>,
    /// The file that has the last word.
    pub layer: &'a Layer,
    /// The line in that file, from 1.
    pub line: u32,
}

impl Layers {
    /// Puts layers in order; those of one kind stay in the order given, so that the later has the
    /// last word. Without `merge` a phone stops at its own file, and other layers do not count.
    pub fn new(layers: Vec<Layer>, merge: bool) -> Layers {
        let order = if merge {
            ReadingOrder::PhoneLast
        } else {
            ReadingOrder::PhoneOnly
        };
        let mut layers = Layers { layers, order };
        layers.read_in(order);
        layers
    }

    /// Puts the layers in another order; those of one kind stay as they are among themselves.
    pub fn read_in(&mut self, order: ReadingOrder) {
        self.order = order;
        match order {
            ReadingOrder::PhoneOnly | ReadingOrder::PhoneLast => {
                self.layers.sort_by_key(|layer| layer.kind);
            }
            ReadingOrder::PhoneFirst => self.layers.sort_by_key(|layer| Reverse(layer.kind)),
        }
    }

    /// The setting that the phone takes for a key: that of the layer that it reads last of those
    /// that have it.
    pub fn effective(&self, key: &NativeKey) -> Option<Effective<'_>> {
        let hash = KeyHash::of(key);
        let mut layers = self.counting().iter().rev();
        layers.find_map(|layer| Effective::of(layer, layer.document.find(key, hash)?))
    }

    /// Every key that the phone finds, once each, in the order in which it first finds them.
    pub fn effective_settings(&self) -> impl Iterator<Item = (&NativeKey, Effective<'_>)> {
        let counting = self.counting();
        counting.iter().enumerate().flat_map(move |(floor, layer)| {
            let below = counting.get(..floor).unwrap_or_default();
            let above = counting.get(floor + 1..).unwrap_or_default();
            let firsts = layer.document.firsts_and_lasts();
            firsts.filter_map(move |(first, last)| {
                let key = layer.document.key_at(first)?;
                if below.is_empty() && above.is_empty() {
                    return Some((key, Effective::of(layer, last)?));
                }
                let hash = KeyHash::of(key);
                if below
                    .iter()
                    .any(|layer| layer.document.find(key, hash).is_some())
                {
                    return None;
                }
                let (layer, place) = above
                    .iter()
                    .rev()
                    .find_map(|layer| Some((layer, layer.document.find(key, hash)?)))
                    .unwrap_or((layer, last));
                Some((key, Effective::of(layer, place)?))
            })
        })
    }

    /// The phone's own file.
    pub fn own(&self) -> Option<&Layer> {
        let mut layers = self.layers.iter();
        layers.rfind(|layer| layer.kind == LayerKind::Phone)
    }

    /// The phone's own document, to be edited.
    pub fn own_mut(&mut self) -> Option<&mut Document> {
        let mut layers = self.layers.iter_mut();
        let own = layers.rfind(|layer| layer.kind == LayerKind::Phone);
        own.map(|layer| Arc::make_mut(&mut layer.document))
    }

    /// All layers, in the order in which the phone reads them.
    pub fn iter(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter()
    }

    /// The layers that the phone takes into account, in the order in which it reads them.
    pub fn counting(&self) -> &[Layer] {
        match self.order {
            ReadingOrder::PhoneOnly => self.own().map(std::slice::from_ref).unwrap_or_default(),
            ReadingOrder::PhoneLast | ReadingOrder::PhoneFirst => &self.layers,
        }
    }

    /// The layers that the phone reads after its own file: an edit of what they set has no effect.
    pub fn after_own(&self) -> &[Layer] {
        let counting = self.counting();
        let own = counting
            .iter()
            .rposition(|layer| layer.kind == LayerKind::Phone);
        own.and_then(|own| counting.get(own + 1..))
            .unwrap_or_default()
    }
}

impl<'a> Effective<'a> {
    fn of(layer: &'a Layer, place: usize) -> Option<Self> {
        let (value, line) = layer.document.value_at(place)?;
        Some(Self { value, layer, line })
    }
}

impl fmt::Debug for Effective<'_> {
    /// Without the value: it may be a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Effective")
            .field("path", &self.layer.path)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::Dialect;

    fn layer(path: &str, kind: LayerKind, text: &str) -> Layer {
        Layer {
            path: path.to_owned(),
            kind,
            document: Document::parse(Dialect::KeyValue, text).into(),
        }
    }

    fn three(merge: bool) -> Layers {
        let layers = vec![
            layer("mac.cfg", LayerKind::Phone, "b: own\nown: 1\n"),
            layer("shared.cfg", LayerKind::Shared, "a: shared\nb: shared\n"),
            layer("model.cfg", LayerKind::Model, "c: model\nA: model\n"),
        ];
        Layers::new(layers, merge)
    }

    fn shown(layers: &Layers) -> Vec<String> {
        layers
            .effective_settings()
            .map(|(key, found)| {
                format!("{key}={} {}:{}", found.value, found.layer.path, found.line)
            })
            .collect()
    }

    #[test]
    fn the_later_file_has_the_last_word() {
        assert_eq!(
            shown(&three(true)),
            [
                "a=model model.cfg:2",
                "b=own mac.cfg:1",
                "c=model model.cfg:1",
                "own=1 mac.cfg:2"
            ]
        );
    }

    #[test]
    fn a_key_that_stands_often_is_found_once_where_it_stands_first() {
        let layers = vec![
            layer(
                "shared.cfg",
                LayerKind::Shared,
                "x: 1\ny: 1\nX: 2\nz: 1\nx: 3\n",
            ),
            layer(
                "mac.cfg",
                LayerKind::Phone,
                "w: 4\nY: 4\nw: 5\nz: 4\nZ: 5\n",
            ),
        ];
        let expected = [
            "x=3 shared.cfg:5",
            "y=4 mac.cfg:2",
            "z=5 mac.cfg:5",
            "w=5 mac.cfg:3",
        ];
        assert_eq!(shown(&Layers::new(layers.clone(), true)), expected);
        let alone = shown(&Layers::new(layers, false));
        let expected = ["w=5 mac.cfg:3", "y=4 mac.cfg:2", "z=5 mac.cfg:5"];
        assert_eq!(alone, expected);
    }

    #[test]
    fn a_phone_that_stops_at_its_own_file_knows_no_other() {
        assert_eq!(shown(&three(false)), ["b=own mac.cfg:1", "own=1 mac.cfg:2"]);
        assert!(three(false).effective(&NativeKey::new("a")).is_none());
        let without_own = vec![layer("shared.cfg", LayerKind::Shared, "a: 1\n")];
        let mut layers = Layers::new(without_own, false);
        assert!(shown(&layers).is_empty());
        assert!(layers.own_mut().is_none());
    }

    #[test]
    fn where_the_general_file_is_read_last_it_has_the_last_word() {
        let mut layers = three(true);
        layers.read_in(ReadingOrder::PhoneFirst);
        assert_eq!(
            shown(&layers),
            [
                "b=shared shared.cfg:2",
                "own=1 mac.cfg:2",
                "c=model model.cfg:1",
                "a=shared shared.cfg:1",
            ]
        );
        assert_eq!(layers.own().unwrap().path, "mac.cfg");
        let after: Vec<&str> = layers
            .after_own()
            .iter()
            .map(|layer| &*layer.path)
            .collect();
        assert_eq!(after, ["model.cfg", "shared.cfg"]);
        let b = NativeKey::new("b");
        layers.own_mut().unwrap().set(&b, "mine").unwrap();
        assert_eq!(layers.effective(&b).unwrap().value, "shared");

        layers.read_in(ReadingOrder::PhoneOnly);
        assert_eq!(shown(&layers), ["b=mine mac.cfg:1", "own=1 mac.cfg:2"]);
        assert!(layers.after_own().is_empty());
        layers.read_in(ReadingOrder::PhoneLast);
        assert_eq!(layers.effective(&b).unwrap().value, "mine");
        assert!(layers.after_own().is_empty());
    }

    #[test]
    fn edits_go_into_the_phones_own_file() {
        let mut layers = three(true);
        let key = NativeKey::new("a");
        layers.own_mut().unwrap().set(&key, "mine").unwrap();
        let found = layers.effective(&key).unwrap();
        assert_eq!(
            (&*found.value, found.layer.kind),
            ("mine", LayerKind::Phone)
        );
        assert_eq!(layers.own().unwrap().path, "mac.cfg");
    }
}
