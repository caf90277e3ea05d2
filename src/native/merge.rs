//! One file in three states: as it was imported, as it is here, and as it is in the tree now.

use serde::{Deserialize, Serialize};

use super::document::Document;
use super::edit::EditError;
use super::key::NativeKey;

/// Whose value counts where a setting has been changed on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The one here.
    Here,
    /// The one of the tree.
    Tree,
}

/// The file of the tree with what was changed here.
#[derive(Debug, Clone)]
pub struct Merged {
    /// The file.
    pub document: Document,
    /// How many settings in it are not as in the tree.
    pub carried: usize,
}

/// A setting that can't be as both sides have it. No value is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collision {
    /// The setting.
    pub key: NativeKey,
    /// Where it stands in the file of the tree, from 1; `None` where it does not.
    pub tree_line: Option<u32>,
    /// Why.
    pub reason: CollisionReason,
}

/// Why a setting can't be as both sides have it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollisionReason {
    /// It was given another value, or taken out, on both sides, and not the same.
    #[error("changed in the tree and here")]
    BothChanged,
    /// The value that it has here can't be written into the tree's file.
    #[error("the value here can't be written into the tree's file: {0}")]
    NotWritten(EditError),
    /// It was taken out here, and can't be in the tree's file.
    #[error("taken out here, which the tree's file does not allow")]
    NotRemoved,
}

/// Makes the changes that `here` has against `imported` in `tree` too. All else of `tree` stays as
/// it is, byte for byte.
///
/// # Errors
/// Every setting for which that can't be; then nothing has been merged. With `prefer` a setting
/// that both sides have changed is no collision.
pub fn merge(
    imported: &Document,
    here: &Document,
    tree: &Document,
    prefer: Option<Side>,
) -> Result<Merged, Vec<Collision>> {
    let mut document = tree.clone();
    let mut carried = 0;
    let mut collisions = Vec::new();
    for change in changes(imported, here) {
        let theirs = tree.setting(change.key);
        let their_value = theirs.as_ref().map(|setting| setting.value.as_ref());
        if their_value == change.now.as_deref() {
            continue;
        }
        let mut collide = |reason| {
            collisions.push(Collision {
                key: change.key.clone(),
                tree_line: theirs.as_ref().map(|setting| setting.line),
                reason,
            });
        };
        if their_value != change.before.as_deref() {
            match prefer {
                Some(Side::Here) => {}
                Some(Side::Tree) => continue,
                None => {
                    collide(CollisionReason::BothChanged);
                    continue;
                }
            }
        }
        match &change.now {
            Some(value) => match document.set_as(&change.spelling, value) {
                Ok(()) => carried += 1,
                Err(error) => collide(CollisionReason::NotWritten(error)),
            },
            None if document.remove(change.key) => carried += 1,
            None => collide(CollisionReason::NotRemoved),
        }
    }
    if collisions.is_empty() {
        Ok(Merged { document, carried })
    } else {
        Err(collisions)
    }
}

/// A setting that is another one than it was.
struct Change<'a> {
    key: &'a NativeKey,
    /// The key as a person wrote it.
    spelling: String,
    before: Option<String>,
    now: Option<String>,
}

/// What has been changed, in the order of the file as it is now; then what has gone.
fn changes<'a>(before: &'a Document, now: &'a Document) -> Vec<Change<'a>> {
    let value = |document: &Document, key: &NativeKey| {
        let setting = document.setting(key);
        setting.map(|setting| setting.value.into_owned())
    };
    let present = in_force(now).map(|(key, spelling)| Change {
        key,
        spelling,
        before: value(before, key),
        now: value(now, key),
    });
    let gone = in_force(before).map(|(key, spelling)| Change {
        key,
        spelling,
        before: value(before, key),
        now: None,
    });
    present
        .filter(|change| change.before != change.now)
        .chain(gone.filter(|change| now.setting(change.key).is_none()))
        .collect()
}

/// The keys of a file, each once, with their spelling.
fn in_force(document: &Document) -> impl Iterator<Item = (&NativeKey, String)> {
    document.firsts_and_lasts().filter_map(|(_, last)| {
        let key = document.key_at(last)?;
        Some((key, document.spelling_at(last)?.into_owned()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Dialect;
    use super::*;

    fn text(text: &str) -> Document {
        Document::parse(Dialect::PCodeText, text)
    }

    fn merged(imported: &str, here: &str, tree: &str) -> Result<String, Vec<Collision>> {
        let merged = merge(&text(imported), &text(here), &text(tree), None)?;
        Ok(String::from_utf8(merged.document.into_bytes()).unwrap())
    }

    #[test]
    fn changes_of_both_sides_come_together() {
        let imported = "# site\nP1=a\nP2=b\nP3=c\n";
        let here = "# site\nP1=ours\nP2=b\nP3=c\nP9=new\n";
        let tree = "# site, revised\nP1=a\nP2 = theirs\nP4=d\n";
        let expected = "# site, revised\nP1=ours\nP2 = theirs\nP4=d\nP9=new\n";
        assert_eq!(merged(imported, here, tree).unwrap(), expected);
    }

    #[test]
    fn what_was_taken_out_here_is_taken_out() {
        let (imported, here) = ("P1=a\nP2=b\n", "P2=b\n");
        assert_eq!(merged(imported, here, "P1=a\nP2=c\n").unwrap(), "P2=c\n");
        assert_eq!(merged(imported, here, "P2=c\n").unwrap(), "P2=c\n");
    }

    #[test]
    fn the_same_change_on_both_sides_is_none() {
        let tree = "# theirs\nP1 = b\n";
        assert_eq!(merged("P1=a\n", "P1=b\n", tree).unwrap(), tree);
    }

    #[test]
    fn a_setting_that_both_have_changed_is_named_and_nothing_is_merged() {
        let (imported, here) = ("P1=a\nP2=b\n", "P1=ours\nP2=ours\n");
        let collisions = merged(imported, here, "\nP1=theirs\nP2=b\n").unwrap_err();
        assert_eq!(
            collisions,
            [Collision {
                key: NativeKey::new("P1"),
                tree_line: Some(2),
                reason: CollisionReason::BothChanged,
            }]
        );
        let gone = merged(imported, here, "P2=b\n").unwrap_err();
        assert_eq!(gone[0].tree_line, None);
        for (side, expected) in [
            (Side::Here, "P1=ours\nP2=ours\n"),
            (Side::Tree, "P1=theirs\nP2=ours\n"),
        ] {
            let tree = text("P1=theirs\nP2=b\n");
            let merged = merge(&text(imported), &text(here), &tree, Some(side)).unwrap();
            assert_eq!(merged.document.bytes(), expected.as_bytes());
        }
    }

    #[test]
    fn a_value_that_the_trees_file_cannot_carry_is_named() {
        let imported = Document::parse(Dialect::KeyValue, "name: a\n");
        let here = Document::parse(Dialect::KeyValue, "name: Zoë\n");
        let tree = Document::parse(Dialect::KeyValue, &b"# J\xf6rg\nname: a\nx: y\n"[..]);
        assert_eq!(merge(&imported, &here, &tree, None).unwrap().carried, 1);
        let here = Document::parse(Dialect::KeyValue, "name: Łódź\n");
        let collisions = merge(&imported, &here, &tree, None).unwrap_err();
        assert!(matches!(
            collisions[0].reason,
            CollisionReason::NotWritten(EditError::Encoding { .. })
        ));
    }

    #[test]
    fn a_new_key_keeps_its_spelling() {
        let parse = |text: &str| Document::parse(Dialect::Autop, text);
        let merged = merge(
            &parse("Config.A.B.C = 1\n"),
            &parse("Config.A.B.C = 1\nConfig.Account1.GENERAL.Label = Desk\n"),
            &parse("Config.A.B.C = 2\n"),
            None,
        );
        let expected = "Config.A.B.C = 2\nConfig.Account1.GENERAL.Label = Desk\n";
        assert_eq!(merged.unwrap().document.bytes(), expected.as_bytes());
    }

    /// A small file of a few settings.
    fn some_file() -> impl Strategy<Value = String> {
        let line = ((1_u8..6), "[a-c]{0,2}").prop_map(|(key, value)| format!("P{key}={value}\n"));
        prop::collection::vec(line, 0..6).prop_map(|lines| lines.concat())
    }

    proptest! {
        #[test]
        fn a_side_without_changes_gives_the_other(imported in some_file(), other in some_file()) {
            let (imported, other) = (text(&imported), text(&other));
            let as_tree = merge(&imported, &imported, &other, None).unwrap();
            prop_assert_eq!(as_tree.document.bytes(), other.bytes());
            prop_assert_eq!(as_tree.carried, 0);
            let as_here = merge(&imported, &other, &imported, None).unwrap();
            for number in 1..6 {
                let key = NativeKey::new(&format!("P{number}"));
                let value = |document: &Document| document.setting(&key).map(|one| one.value.into_owned());
                prop_assert_eq!(value(&as_here.document), value(&other));
            }
        }

        #[test]
        fn a_preferred_side_always_merges(
            imported in some_file(), here in some_file(), tree in some_file(),
        ) {
            let (imported, here, tree) = (text(&imported), text(&here), text(&tree));
            for side in [Side::Here, Side::Tree] {
                prop_assert!(merge(&imported, &here, &tree, Some(side)).is_ok());
            }
        }
    }
}
