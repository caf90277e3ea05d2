//! A copy of a phone's files on which changes are tried, and what they come to.

use std::collections::BTreeMap;

use super::alias::Spelling;
use super::change::{Effects, NativeEdit, RefusalReason};
use super::pack::Pack;
use crate::native::{Document, Layer, Layers, Mark, NativeKey};

/// What stands in an edit for the value of a secret key.
const MASK: &str = "***";

/// The copy, with the keys that were written.
pub(super) struct Scratch<'p> {
    pack: &'p Pack,
    pub(super) layers: Layers,
    written: BTreeMap<NativeKey, Written>,
}

/// Why a key was written.
#[derive(Debug, Clone, Default)]
pub(super) struct Written {
    pub(super) needs_reboot: bool,
    pub(super) copied_beside: Option<NativeKey>,
}

impl<'p> Scratch<'p> {
    pub(super) fn new(pack: &'p Pack, layers: &Layers) -> Self {
        Self {
            pack,
            layers: layers.clone(),
            written: BTreeMap::new(),
        }
    }

    /// Gives a key a value, under the name that is in force in the phone's own file; a new setting
    /// gets the name that suits the file.
    pub(super) fn set(
        &mut self,
        key: &NativeKey,
        value: &str,
        why: Written,
    ) -> Result<(), RefusalReason> {
        let bad = |why: String| RefusalReason::BadValue { why };
        let own = self.layers.own();
        let present = own.and_then(|own| self.pack.effective_in(own, key));
        let present = present.map(|found| found.name.clone());
        let spelling = match (&present, own) {
            (Some(name), _) => self
                .pack
                .spellings(key)
                .find(|spelling| spelling.name == *name),
            (None, Some(own)) => self.pack.new_spelling(&own.document, key),
            (None, None) => None,
        };
        let (name, text) = match spelling {
            Some(spelling) => (
                spelling.text.clone(),
                self.pack.set.aliases.word(spelling, value),
            ),
            None => (self.pack.spelling(key).to_owned(), value),
        };
        let text = text.to_owned();
        let document = self
            .layers
            .own_mut()
            .ok_or_else(|| bad("the phone has no file of its own yet".to_owned()))?;
        document
            .set_as(&name, &text)
            .map_err(|error| bad(error.to_string()))?;
        self.pack.put_in_order(&mut self.layers);
        let known = self.written.entry(key.clone()).or_default();
        known.needs_reboot |= why.needs_reboot;
        known.copied_beside = why.copied_beside;
        Ok(())
    }

    /// Removes all lines of a key from the phone's own file, under whatever name.
    pub(super) fn remove(&mut self, key: &NativeKey, why: Written) {
        let mut names = vec![key.clone()];
        names.extend(self.pack.spellings(key).map(|other| other.name.clone()));
        let Some(document) = self.layers.own_mut() else {
            return;
        };
        let mut removed = false;
        for name in names {
            removed |= document.remove(&name);
        }
        if removed {
            self.pack.put_in_order(&mut self.layers);
            self.written.entry(key.clone()).or_insert(why);
        }
    }

    /// What was written, with the values before and after, and what a person should know of it.
    pub(super) fn edits(&self, before: &Layers) -> Vec<NativeEdit> {
        let text = |layers: &Layers, key: &NativeKey| {
            let found = self.pack.effective(layers, key)?;
            Some(if self.pack.is_secret_key(key) {
                MASK.to_owned()
            } else {
                found.value.into_owned()
            })
        };
        let edits = self.written.iter().map(|(key, why)| {
            let own = self.layers.own();
            let found = own.and_then(|own| self.pack.effective_in(own, key));
            let name = found.as_ref().map_or(key, |found| found.name);
            let is_marked = found.as_ref().is_none_or(|found| found.mark != Mark::None);
            NativeEdit {
                key: name.clone(),
                old: text(before, key),
                new: text(&self.layers, key),
                effects: Effects {
                    needs_reboot: why.needs_reboot,
                    local_change_wins: self.pack.local_wins() && !is_marked,
                    shadowed_by: self
                        .pack
                        .shadowing(&self.layers, key)
                        .map(|layer| layer.path.clone()),
                    copied_beside: why.copied_beside.clone(),
                },
            }
        });
        edits.collect()
    }
}

impl Pack {
    /// The layer that the phone reads after its own file and that has the key too.
    pub(super) fn shadowing<'a>(&self, layers: &'a Layers, key: &NativeKey) -> Option<&'a Layer> {
        let mut after = layers.after_own().iter();
        after.rfind(|layer| self.effective_in(layer, key).is_some())
    }

    /// How the pack spells a key.
    pub(super) fn spelling<'a>(&'a self, key: &'a NativeKey) -> &'a str {
        let spelling = self.set.spellings.get(key);
        spelling.map_or(key.as_str(), String::as_str)
    }

    /// The alias as which a new setting goes into a file: one where more of the file is written in
    /// such names than in P-codes, and of several the one that has dots as the file's names do.
    fn new_spelling<'a>(&'a self, document: &Document, key: &NativeKey) -> Option<&'a Spelling> {
        let mut spellings = self.spellings(key).peekable();
        spellings.peek()?;
        let mut dotted = None;
        let (mut names, mut codes) = (0_usize, 0_usize);
        for setting in document.settings() {
            if self.alias(setting.key).is_some() {
                names += 1;
                dotted = Some(setting.key.as_str().contains('.'));
            } else if setting.key.as_str().starts_with('P') {
                // Only P-codes have an upper-case letter in their normal form.
                codes += 1;
            }
        }
        let dotted = dotted.filter(|_| names > codes)?;
        let mut all: Vec<&Spelling> = spellings.collect();
        all.sort_by_key(|spelling| spelling.text.contains('.') != dotted);
        all.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use crate::mapping::ValueState;
    use crate::mapping::example::Phone;
    use crate::mapping::example_patch::patched;

    #[test]
    fn a_key_and_its_aliases_are_one_setting_and_the_last_counts() {
        let phone = patched("P35: first\naccount.1.sip.userid: second\nP91: 0\n");
        let name = phone.parameter("L1.SIP.AuthUserName").unwrap();
        assert_eq!(name.value, "second");
        let layer = "02AABB000001.cfg".to_owned();
        assert_eq!(name.state, ValueState::Set { layer, line: 2 });
        let phone = patched("account.1.sip.userid: first\nP35: second\n");
        assert_eq!(phone.value("L1.SIP.AuthUserName"), "second");
        let phone = patched("call.callWaiting.enable: No\naccount.3.sip.userid: x\n");
        assert_eq!(phone.value("L1.CallingFeatures.CallWaitingEnable"), "0");
        assert_eq!(phone.value("L3.SIP.AuthUserName"), "x");
        let all = phone.pack.read(&phone.layers, &phone.rows);
        assert!(
            !all.iter()
                .any(|parameter| parameter.path.as_str().contains("X_TRESTLE"))
        );
    }

    #[test]
    fn a_setting_is_written_under_the_name_in_force() {
        let mut phone = patched("P35: a\nAccount1_SipUserId: b\ncall.callWaiting.enable: No\n");
        let edits = phone.set(&[("L1.SIP.AuthUserName", "c")]).unwrap();
        assert_eq!(edits[0].key.as_str(), "account1_sipuserid");
        phone
            .set(&[("L1.CallingFeatures.CallWaitingEnable", "true")])
            .unwrap();
        assert_eq!(
            phone.own(),
            "P35: a\nAccount1_SipUserId: c\ncall.callWaiting.enable: Yes\n"
        );
    }

    #[test]
    fn a_new_setting_is_spelled_as_the_file_is() {
        let mut phone = patched("account.2.sip.userid: b\n");
        phone.set(&[("L1.SIP.AuthUserName", "x")]).unwrap();
        assert!(phone.own().contains("account.1.sip.userid: x\n"));
        let mut phone = patched("Account1_SipUserId: b\n");
        phone.set(&[("L1.SIP.AuthPassword", "pw")]).unwrap();
        assert!(phone.own().contains("account.1.sip.password: pw\n"));
        let mut phone = patched("P91: 1\n");
        phone.set(&[("L1.SIP.AuthUserName", "x")]).unwrap();
        assert!(phone.own().contains("P35: x\n"));
        // One number among names, such as a setting whose name nobody knows, does not count.
        let mut phone = patched("account.2.sip.userid: b\naccount.3.sip.userid: c\nP91: 1\n");
        phone.set(&[("L1.SIP.AuthUserName", "x")]).unwrap();
        assert!(phone.own().contains("account.1.sip.userid: x\n"));
        let mut phone = patched("Config.Account1.Audio0.Name: PCMU\n");
        phone.set(&[("L1.Codec.List.1.Enable", "1")]).unwrap();
        let wanted = "Config.Account1.Audio0.Enable: 1\n";
        assert!(phone.own().contains(wanted), "{}", phone.own());
    }

    #[test]
    fn edits_say_what_a_person_should_know() {
        let mut phone = patched("P35: a\n!P91: 1\n");
        let effects = |phone: &mut Phone, path: &str, value: &str| {
            let edits = phone.set(&[(path, value)]).unwrap();
            edits.into_iter().next().unwrap().effects
        };
        let restart = effects(&mut phone, "VP1.DTMFMethod", "InBand");
        assert!(restart.needs_reboot && restart.local_change_wins);
        let locked = effects(&mut phone, "L1.CallingFeatures.CallWaitingEnable", "1");
        assert!(!locked.needs_reboot && !locked.local_change_wins);

        let shared = "sip proxy ip: a.example.net\nsip proxy port: 5070\n";
        let mut phone = Phone::key_value(shared, "");
        let edits = phone
            .set(&[("VP1.SIP.ProxyServer", "b.example.net")])
            .unwrap();
        let copied = edits
            .iter()
            .find(|edit| edit.effects.copied_beside.is_some());
        assert_eq!(copied.unwrap().key.as_str(), "sip line1 proxy port");
    }

    #[test]
    fn where_a_file_is_a_patch_a_default_is_written_too() {
        let mut phone = patched("P35: a\n");
        let path = "L1.CallingFeatures.CallWaitingEnable";
        assert_eq!(phone.value(path), "1");
        phone.set(&[(path, "1")]).unwrap();
        assert!(phone.own().contains("P91: 0\n"), "{}", phone.own());
        assert_eq!(phone.set(&[(path, "1")]), Ok(Vec::new()));
    }

    #[test]
    fn what_is_shown_only_if_set_can_be_written_before() {
        let mut phone = patched("P8002: x\n");
        assert!(phone.parameter("Device.X_EX_Ring").is_none());
        assert_eq!(phone.value("VP1.X_EX_Tone"), "x");
        phone
            .set(&[("Device.X_EX_Ring", "loud"), ("L1.X_EX_Rate", "9")])
            .unwrap();
        assert_eq!(phone.value("Device.X_EX_Ring"), "loud");
        assert_eq!(phone.value("L1.X_EX_Rate"), "9");
    }

    #[test]
    fn codec_rows_change_places() {
        let account = |row: u32, enable: u32, priority: u32| {
            let key = format!("Config.Account1.Audio{row}");
            format!("{key}.Name: PCM{row}\n{key}.Enable: {enable}\n{key}.Priority: {priority}\n")
        };
        let text = account(0, 1, 3) + &account(1, 0, 12) + &account(2, 1, 9);
        let mut phone = patched(&text);
        let place = |phone: &Phone, row: u32| phone.value(&format!("L1.Codec.List.{row}.Priority"));
        assert_eq!(phone.value("L1.Codec.List.1.Codec"), "PCM0");
        assert_eq!([1, 2, 3].map(|row| place(&phone, row)), ["3", "1", "2"]);
        phone.set(&[("L1.Codec.List.1.Priority", "1")]).unwrap();
        assert_eq!([1, 2, 3].map(|row| place(&phone, row)), ["1", "2", "3"]);
        let wanted = account(0, 1, 12) + &account(1, 0, 9) + &account(2, 1, 3);
        assert_eq!(phone.own(), wanted);
    }
}
