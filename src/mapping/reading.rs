//! Which files of a phone count, and in which order it reads them.

use super::pack::Pack;
use crate::native::{Layer, Layers, NativeKey, ReadingOrder};

/// A setting in the phone's own file that makes it read its files in another order.
#[derive(Debug, Clone)]
pub(super) struct MergeWhen {
    pub(super) key: NativeKey,
    pub(super) value: String,
    pub(super) order: ReadingOrder,
}

impl Pack {
    /// The files of a phone in the order in which it reads them.
    pub fn layers(&self, layers: Vec<Layer>) -> Layers {
        let mut layers = Layers::new(layers, self.merges_layers());
        self.put_in_order(&mut layers);
        layers
    }

    /// Puts the files of a phone in the order that its own file asks for: to be called when that
    /// one has changed.
    pub fn put_in_order(&self, layers: &mut Layers) {
        let Some(rule) = &self.vendor.merge_when else {
            return;
        };
        let own = layers.own();
        let found = own.and_then(|own| self.effective_in(own, &rule.key));
        let order = match found {
            Some(found) if found.value == rule.value => rule.order,
            _ if self.merges_layers() => ReadingOrder::PhoneLast,
            _ => ReadingOrder::PhoneOnly,
        };
        layers.read_in(order);
    }

    /// Of files that lie beside each other, by their names, those that a phone with this software
    /// version reads: of alternatives only one. While the version is not known, that is the first
    /// in the order of the pack.
    pub fn reads(&self, file_names: &[&str], version: Option<&str>) -> Vec<bool> {
        self.vendor.identity.reads(file_names, version)
    }

    /// The name that several kinds of files share of which a phone reads only one; `None` for a
    /// file that is no alternative to another.
    pub fn alternative(&self, file_name: &str) -> Option<&str> {
        self.vendor.identity.alternative(file_name)
    }
}

#[cfg(test)]
mod tests {
    use crate::mapping::Pack;
    use crate::mapping::example::{Phone, key_value_text, layer, p_code_text};
    use crate::native::{Dialect, LayerKind};

    const MERGE_WHEN: &str =
        "merge = false\nmerge_when = { key = \"P84\", value = \"1\", order = \"phone-first\" }\n";

    fn phone(own: &str) -> Phone {
        let pack = p_code_text().replace("merge = false\n", MERGE_WHEN);
        let file = |path, kind, text| layer(path, kind, Dialect::PCodeText, text);
        let files = vec![
            file("cfg02aabb000001.txt", LayerKind::Phone, own),
            file("cfg.txt", LayerKind::Shared, "P270 = everybody\nP91 = 1\n"),
        ];
        Phone::new(&pack, files)
    }

    fn origin(phone: &Phone, path: &str) -> (String, Option<(String, u32)>) {
        let parameter = phone.parameter(path).unwrap();
        let place = match parameter.state {
            crate::mapping::ValueState::Set { layer, line } => Some((layer, line)),
            _ => None,
        };
        (parameter.value, place)
    }

    #[test]
    fn a_setting_of_the_own_file_gives_the_shared_file_the_last_word() {
        let alone = phone("P270 = mine\n");
        let place = Some(("cfg02aabb000001.txt".to_owned(), 1));
        assert_eq!(origin(&alone, "VP1.Name"), ("mine".to_owned(), place));
        assert_eq!(alone.value("L1.CallingFeatures.CallWaitingEnable"), "1");

        let merging = phone("P84 = 1\nP270 = mine\n");
        let place = Some(("cfg.txt".to_owned(), 1));
        assert_eq!(
            origin(&merging, "VP1.Name"),
            ("everybody".to_owned(), place)
        );
        assert_eq!(merging.value("L1.CallingFeatures.CallWaitingEnable"), "0");
        let not = phone("P84 = 0\nP270 = mine\n");
        assert_eq!(not.value("VP1.Name"), "mine");
    }

    #[test]
    fn an_edit_that_a_later_file_overrules_says_so() {
        let mut phone = phone("P84 = 1\nP270 = mine\n");
        let edits = phone.set(&[("VP1.Name", "other")]).unwrap();
        let [edit] = edits.as_slice() else {
            panic!("{edits:?}");
        };
        assert_eq!(edit.effects.shadowed_by.as_deref(), Some("cfg.txt"));
        assert_eq!(phone.own(), "P84 = 1\nP270 = other\n");
        assert_eq!(phone.value("VP1.Name"), "everybody");
        let edits = phone.set(&[("VP1.SIP.RegisterExpires", "600")]).unwrap();
        assert_eq!(edits[0].effects.shadowed_by, None);
    }

    #[test]
    fn an_edit_of_that_setting_changes_the_order_at_once() {
        let mut phone = phone("P84 = 1\nP270 = mine\n");
        let path = "Device.X_TRESTLE_Native.P84";
        phone.set(&[(path, "0")]).unwrap();
        assert_eq!(phone.value("VP1.Name"), "mine");
        let edits = phone.set(&[("VP1.Name", "other")]).unwrap();
        assert_eq!(edits[0].effects.shadowed_by, None);
        phone.set(&[(path, "1")]).unwrap();
        assert_eq!(phone.value("VP1.Name"), "everybody");
    }

    #[test]
    fn an_order_that_is_none_is_refused_with_its_place() {
        let bad = MERGE_WHEN.replace("phone-first", "backwards");
        let pack = p_code_text().replace("merge = false\n", &bad);
        let error = Pack::parse("example.toml", &pack).unwrap_err();
        assert!(error.to_string().contains("phone-first"), "{error}");
    }

    #[test]
    fn of_alternatives_a_phone_reads_the_one_for_its_version() {
        let rules = r#"
[[file]]
name = 'new\.cfg'
layer = "shared"
dialect = "key-value"
alternative = "global"
versions = '^[4-9]\.'
[[file]]
name = 'old\.cfg'
layer = "shared"
dialect = "key-value"
alternative = "global"
versions = '^[0-3]\.'
"#;
        let pack = key_value_text().replacen("[[file]]", &format!("{rules}[[file]]"), 1);
        let pack = Pack::parse("example.toml", &pack).unwrap();
        let both = ["old.cfg", "odd.cfg", "new.cfg"];
        assert_eq!(pack.reads(&both, Some("4.1")), [false, true, true]);
        assert_eq!(pack.reads(&both, Some("3.2.0")), [true, true, false]);
        assert_eq!(pack.reads(&both, None), [false, true, true]);
        assert_eq!(pack.reads(&["old.cfg"], None), [true]);
        assert_eq!(pack.reads(&["old.cfg"], Some("4.1")), [false]);
        assert_eq!(pack.alternative("old.cfg"), Some("global"));
        assert_eq!(pack.alternative("odd.cfg"), None);
    }
}
