//! From changed parameters to edits of the phone's own file.

use super::change::{Change, NativeEdit, Refusal, RefusalReason};
use super::convert::Convert;
use super::lens::{Cell, Face, Lens, Seen, slot_place};
use super::lens_set::FacePlace;
use super::pack::{Pack, Target};
use super::rows::Rows;
use super::scratch::{Scratch, Written};
use super::write_groups::{Ask, Group};
use crate::native::{Layers, NativeKey};

impl Pack {
    /// Carries out changes in the phone's own document, all of them or none.
    ///
    /// A parameter that reads as wanted already is not written, so writing back what stands in the
    /// files changes no byte. Where a file is a patch, a parameter that no file sets is written
    /// also if its default is wanted, because the phone may hold something else. After the changes
    /// every parameter is read again; one that does not read as wanted is refused. The order of the
    /// changes has no meaning (cwmp.md M20).
    ///
    /// # Errors
    /// Every change that is not possible, with the reason; the layers are as before then.
    pub fn write(
        &self,
        layers: &mut Layers,
        rows: &Rows,
        changes: &[Change],
    ) -> Result<Vec<NativeEdit>, Vec<Refusal>> {
        match &self.view {
            Some(view) => view.write(self, layers, rows, changes),
            None => self.write_lenses(layers, rows, changes),
        }
    }

    /// The same for changes of what the lenses have, not of what a view shows.
    pub(super) fn write_lenses(
        &self,
        layers: &mut Layers,
        rows: &Rows,
        changes: &[Change],
    ) -> Result<Vec<NativeEdit>, Vec<Refusal>> {
        let mut refusals = Vec::new();
        let mut asks = Vec::new();
        for change in changes {
            match self.ask(layers, rows, change) {
                Ok(ask) => asks.push(ask),
                Err(reason) => refusals.push(refusal(change, reason)),
            }
        }

        let mut scratch = Scratch::new(self, layers);
        let mut pending = self.groups(&asks);
        // A change can depend on another of the same call, such as a URI on its host: what was not
        // possible is tried again for as long as anything else went through.
        let refused = loop {
            let mut refused = Vec::new();
            let before = pending.len();
            for group in pending {
                if let Err(reason) = self.apply(&mut scratch, &asks, group) {
                    refused.push((group, reason));
                }
            }
            if refused.is_empty() || refused.len() == before {
                break refused;
            }
            pending = refused.into_iter().map(|(group, _)| group).collect();
        };
        for (place, ask) in asks.iter().enumerate() {
            let reason = refused
                .iter()
                .find(|(group, _)| self.belongs(ask, place, *group))
                .map(|(_, reason)| reason.clone());
            let reason = reason.or_else(|| self.not_as_wanted(&scratch.layers, ask));
            refusals.extend(reason.map(|reason| refusal(ask.change, reason)));
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let edits = scratch.edits(layers);
        *layers = scratch.layers;
        Ok(edits)
    }

    /// Checks path, access and type of a change.
    fn ask<'c>(
        &self,
        layers: &Layers,
        rows: &Rows,
        change: &'c Change,
    ) -> Result<Ask<'c>, RefusalReason> {
        let target = self
            .own_target(&change.path, rows)
            .ok_or(RefusalReason::Unknown)?;
        let wanted = match &target {
            Target::Native(key) => {
                self.effective(layers, key).ok_or(RefusalReason::Unknown)?;
                change.value.clone()
            }
            Target::Face { place, slot } => {
                let (lens, face) = self.face(*place).ok_or(RefusalReason::Unknown)?;
                self.cells(lens, layers, *slot)
                    .ok_or(RefusalReason::Unknown)?;
                if !face.writable {
                    return Err(RefusalReason::ReadOnly);
                }
                face.rule
                    .canonical(&change.value)
                    .map_err(|_| RefusalReason::WrongType)?
            }
        };
        Ok(Ask {
            change,
            target,
            wanted,
        })
    }

    fn apply(
        &self,
        scratch: &mut Scratch<'_>,
        asks: &[Ask<'_>],
        group: Group,
    ) -> Result<(), RefusalReason> {
        let members: Vec<&Ask<'_>> = asks
            .iter()
            .enumerate()
            .filter(|(place, ask)| self.belongs(ask, *place, group))
            .map(|(_, ask)| ask)
            .collect();
        let Some(first) = members.first() else {
            return Ok(());
        };
        let (place, slot) = match &first.target {
            Target::Native(key) => {
                let found = self.effective(&scratch.layers, key);
                if found.is_some_and(|found| found.value == first.wanted.as_str()) {
                    return Ok(());
                }
                return scratch.set(key, &first.wanted, Written::default());
            }
            Target::Face { place, slot } => (*place, *slot),
        };
        let (lens, _) = self.face(place).ok_or(RefusalReason::Unknown)?;
        let cells = self
            .cells(lens, &scratch.layers, slot)
            .ok_or(RefusalReason::Unknown)?;
        let Some(outcome) = self.native_texts(lens, &cells, slot, &members)? else {
            return Ok(());
        };
        let writes: Vec<(NativeKey, Option<usize>, String)> = cells
            .iter()
            .zip(outcome)
            .filter_map(|(cell, text)| {
                let text = text.filter(|text| cell.value() != Some(text))?;
                Some((cell.key.clone(), cell.column.line_set, text))
            })
            .collect();
        for (key, line_set, text) in writes {
            if let Some(set) = line_set {
                self.make_set_own(scratch, set, slot, &key)?;
            }
            let why = Written {
                needs_reboot: lens.reboot,
                copied_beside: None,
            };
            scratch.set(&key, &text, why)?;
        }
        Ok(())
    }

    /// The native texts by cell that give all members of a group their values; `None` when they
    /// have them already.
    fn native_texts(
        &self,
        lens: &Lens,
        cells: &[Cell<'_>],
        slot: u32,
        members: &[&Ask<'_>],
    ) -> Result<Option<Vec<Option<String>>>, RefusalReason> {
        let mut parts = Vec::new();
        let mut all_as_wanted = true;
        let mut hidden = false;
        for ask in members {
            let Some((face, seen)) = self.seen(lens, cells, slot, ask) else {
                return Err(RefusalReason::Unknown);
            };
            if !seen.is(&ask.wanted) || self.is_unsaid(lens, cells, &seen) {
                all_as_wanted = false;
                face.rule.check(&ask.wanted)?;
            }
            hidden |= face.hidden;
            parts.push((face.part, ask.wanted.as_str()));
        }
        if all_as_wanted {
            return Ok(None);
        }
        // What can't be decoded is written over, as anything that a lens can't read.
        let natives = lens
            .natives(cells)
            .unwrap_or_else(|| cells.iter().map(|_| None).collect());
        let natives: Vec<Option<&str>> = natives.iter().map(Option::as_deref).collect();
        let written = match (&lens.convert, parts.as_slice()) {
            (Convert::Codecs(codecs), parts) => codecs.write(&natives, parts),
            (Convert::CodecRows(rows), parts) => rows.write(&natives, parts),
            (convert, [(_, wanted)]) => convert.write(&natives, wanted, self.patches()),
            _ => return Err(RefusalReason::Unknown),
        };
        let written = written.map_err(|why| RefusalReason::BadValue {
            why: if hidden {
                "the phone's file cannot hold this value".to_owned()
            } else {
                why
            },
        })?;
        let encoded = written
            .into_iter()
            .map(|text| text.map(|text| lens.encoded(text)));
        Ok(Some(encoded.collect()))
    }

    /// Whether no file says what the phone has, and the phone may have something else than the
    /// default. Of an order of codecs there is nothing sensible to write then: it is not known.
    fn is_unsaid(&self, lens: &Lens, cells: &[Cell<'_>], seen: &Seen) -> bool {
        let unsaid = match lens.convert {
            Convert::Codecs(_) => false,
            Convert::CodecRows(_) => matches!(seen, Seen::Default(_)),
            _ => cells.iter().all(|cell| cell.found.is_none()),
        };
        self.patches() && unsaid
    }

    /// Before the first member of a line set is written for a slot: copies what the other members
    /// take from their global keys, because the phone stops reading those for the line.
    fn make_set_own(
        &self,
        scratch: &mut Scratch<'_>,
        set: usize,
        slot: u32,
        written: &NativeKey,
    ) -> Result<(), RefusalReason> {
        if self.set_is_own(&scratch.layers, set, slot) {
            return Ok(());
        }
        let members = self.set.line_sets.get(set);
        let members = members.map(|set| set.members.as_slice());
        for member in members.unwrap_or_default() {
            let Some(own) = member.own.get(slot_place(slot)) else {
                continue;
            };
            let global = self.effective(&scratch.layers, &member.global);
            let value = global.map(|found| found.value.into_owned());
            if let Some(value) = value
                && own != written
            {
                let why = Written {
                    needs_reboot: false,
                    copied_beside: Some(written.clone()),
                };
                scratch.set(own, &value, why)?;
            }
        }
        Ok(())
    }

    /// Why a change is refused after all changes were carried out; `None` if it reads as wanted.
    fn not_as_wanted(&self, layers: &Layers, ask: &Ask<'_>) -> Option<RefusalReason> {
        let is_shadowed = |key: &NativeKey| self.shadowing(layers, key).is_some();
        let as_wanted = match &ask.target {
            Target::Native(key) => {
                let found = self.effective(layers, key);
                found.is_some_and(|found| found.value == ask.wanted.as_str()) || is_shadowed(key)
            }
            Target::Face { place, slot } => {
                let (lens, _) = self.face(*place)?;
                let cells = self.cells(lens, layers, *slot)?;
                let (_, seen) = self.seen(lens, &cells, *slot, ask)?;
                // Told as an effect: the change is in the phone's own file all the same.
                seen.is(&ask.wanted) || cells.iter().any(|cell| is_shadowed(cell.key))
            }
        };
        (!as_wanted).then(|| RefusalReason::BadValue {
            why: "the phone's file cannot hold this value beside the others".to_owned(),
        })
    }

    fn seen<'a>(
        &'a self,
        lens: &'a Lens,
        cells: &[Cell<'_>],
        slot: u32,
        ask: &Ask<'_>,
    ) -> Option<(&'a Face, Seen)> {
        let Target::Face { place, .. } = ask.target else {
            return None;
        };
        lens.read(cells, slot).nth(place.face)
    }

    pub(super) fn face(&self, place: FacePlace) -> Option<(&Lens, &Face)> {
        let lens = self.set.lenses.get(place.lens)?;
        Some((lens, lens.faces.get(place.face)?))
    }

    pub(super) fn cells<'a>(
        &'a self,
        lens: &'a Lens,
        layers: &'a Layers,
        slot: u32,
    ) -> Option<Vec<Cell<'a>>> {
        lens.cells(
            slot,
            |key| self.effective(layers, key),
            |set| self.set_is_own(layers, set, slot),
        )
    }
}

fn refusal(change: &Change, reason: RefusalReason) -> Refusal {
    Refusal {
        path: change.path.clone(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::example::Phone;

    fn reasons(result: Result<Vec<NativeEdit>, Vec<Refusal>>) -> Vec<RefusalReason> {
        let refusals = result.expect_err("something should be refused");
        refusals.into_iter().map(|refusal| refusal.reason).collect()
    }

    #[test]
    fn a_user_and_its_server_are_set_in_one_call_in_any_order() {
        for swapped in [false, true] {
            let mut phone = Phone::p_codes("P271=1\n");
            let mut changes = vec![
                ("L1.SIP.URI", "sip:4711@sip.example.net"),
                ("VP1.SIP.ProxyServer", "sip.example.net"),
            ];
            if swapped {
                changes.reverse();
            }
            phone.set(&changes).unwrap();
            assert!(phone.own().contains("P35=4711\n"), "{}", phone.own());
        }
    }

    #[test]
    fn a_change_edits_the_value_only() {
        let mut phone = Phone::p_codes("# mine\nP47 = sip.example.net:5080\nP32=10\n");
        let edits = phone
            .set(&[("VP1.SIP.ProxyServer", "new.example.net")])
            .unwrap();
        assert_eq!(phone.own(), "# mine\nP47 = new.example.net:5080\nP32=10\n");
        assert_eq!(edits.len(), 1);
        assert_eq!(edits[0].key, NativeKey::new("P47"));
        assert_eq!(edits[0].old.as_deref(), Some("sip.example.net:5080"));
        phone.set(&[("VP1.SIP.ProxyServerPort", "5060")]).unwrap();
        assert_eq!(phone.value("VP1.SIP.ProxyServerPort"), "5060");
        assert!(phone.own().contains("P47 = new.example.net\n"));
    }

    #[test]
    fn several_changes_are_one_whatever_their_order() {
        let mut phone = Phone::p_codes("P35=1\nP47=old.example.net\n");
        let changes = [
            ("L1.SIP.URI", "sip:2@new.example.net"),
            ("VP1.SIP.ProxyServer", "new.example.net"),
            ("VP1.SIP.ProxyServerPort", "5070"),
        ];
        phone.set(&changes).unwrap();
        assert_eq!(phone.own(), "P35=2\nP47=new.example.net:5070\n");
    }

    #[test]
    fn one_bad_change_stops_all_and_every_bad_one_is_named() {
        let text = "P271=0\nP32=10\n";
        let mut phone = Phone::p_codes(text);
        let result = phone.set(&[
            ("VP1.Enable", "Enabled"),
            ("VP1.Nothing", "1"),
            ("VP1.SignalingProtocol", "MGCP"),
            ("VP1.SIP.RegisterExpires", "soon"),
            ("VP1.SIP.UserAgentPort", "65536"),
            ("VP2.Enable", "Enabled"),
        ]);
        use RefusalReason::{BadValue, ReadOnly, Unknown, WrongType};
        let reasons = reasons(result);
        assert_eq!(reasons.len(), 5, "{reasons:?}");
        assert_eq!(reasons[..3], [Unknown, ReadOnly, WrongType]);
        assert_eq!(reasons[3], Unknown);
        assert!(matches!(reasons[4], BadValue { .. }));
        assert_eq!(phone.own(), text);
    }

    #[test]
    fn what_the_phone_cannot_hold_is_refused() {
        let text = "P271=0\nP32=10\nP9=10\nP10=0\nP11=0\nP12=1\nP47=a.example.net\nP35=1\n";
        for (path, value) in [
            ("VP1.SIP.RegisterExpires", "90"),
            ("VP1.Enable", "Quiescent"),
            ("Device.LAN.IPAddress", "2001:db8::1"),
            ("Device.LAN.DNSServers", "192.0.2.1,192.0.2.2,192.0.2.3"),
            ("L1.SIP.URI", "sip:1@b.example.net"),
            ("VP1.SIP.VLANIDMark", "0"),
            ("VP1.SIP.ProxyServer", "a.example.net:5070"),
        ] {
            let mut phone = Phone::p_codes(text);
            let reasons = reasons(phone.set(&[(path, value)]));
            let bad = matches!(reasons.as_slice(), [RefusalReason::BadValue { .. }]);
            assert!(bad, "{path} = {value}: {reasons:?}");
            assert_eq!(phone.own(), text);
        }
    }

    #[test]
    fn two_parameters_of_one_key_cannot_be_set_apart() {
        let mut phone = Phone::p_codes("P47=a.example.net\n");
        let result = phone.set(&[
            ("VP1.SIP.ProxyServer", "a.example.net"),
            ("VP1.SIP.RegistrarServer", "b.example.net"),
        ]);
        assert_eq!(reasons(result).len(), 1);
        assert_eq!(phone.own(), "P47=a.example.net\n");
    }

    #[test]
    fn writing_a_default_where_nothing_is_set_changes_nothing() {
        let mut phone = Phone::p_codes("P271=0\n");
        let edits = phone.set(&[
            ("VP1.SIP.RegisterExpires", "3600"),
            ("VP1.Enable", "Disabled"),
        ]);
        assert_eq!(edits, Ok(Vec::new()));
        assert_eq!(phone.own(), "P271=0\n");
    }

    #[test]
    fn an_unreadable_value_is_overwritten_even_by_the_default() {
        let mut phone = Phone::p_codes("P32=often\n");
        phone.set(&[("VP1.SIP.RegisterExpires", "3600")]).unwrap();
        assert_eq!(phone.own(), "P32=60\n");
    }

    #[test]
    fn percent_signs_are_written_as_the_firmware_wants_them() {
        let mut phone = Phone::p_codes("P270=a%25b\n");
        assert_eq!(phone.value("VP1.Name"), "a%b");
        phone.set(&[("VP1.Name", "50%25")]).unwrap();
        assert_eq!(phone.own(), "P270=50%2525\n");
        assert_eq!(phone.value("VP1.Name"), "50%25");
    }

    #[test]
    fn codecs_change_places_and_foreign_ones_stay() {
        let mut phone = Phone::p_codes("P57=9\nP58=77\nP59=0\n");
        phone
            .set(&[
                ("L1.Codec.List.1.Priority", "1"),
                ("L1.Codec.List.3.Priority", "2"),
            ])
            .unwrap();
        assert_eq!(phone.own(), "P57=0\nP58=77\nP59=9\n");
        phone.set(&[("L1.Codec.List.3.Enable", "0")]).unwrap();
        assert_eq!(phone.own(), "P57=0\nP58=77\nP59=0\n");
        phone
            .set(&[
                ("L1.Codec.List.1.Enable", "false"),
                ("L1.Codec.List.2.Enable", "true"),
            ])
            .unwrap();
        assert_eq!(phone.own(), "P57=8\nP58=77\nP59=8\n");
        let none_left = phone.set(&[("L1.Codec.List.2.Enable", "0")]);
        assert_eq!(reasons(none_left).len(), 1);
    }

    #[test]
    fn codecs_in_one_key_keep_the_rest_of_their_items() {
        let own = "sip customized codec: payload=9;ptime=30;silsupp=on,,payload=-2;x,payload=0;ptime=10\n";
        let mut phone = Phone::key_value("", own);
        phone
            .set(&[
                ("L1.Codec.List.1.Priority", "1"),
                ("L1.Codec.List.2.Enable", "1"),
            ])
            .unwrap();
        assert_eq!(
            phone.own(),
            "sip customized codec: payload=0;ptime=10,,payload=-2;x,payload=9;ptime=30;silsupp=on,\
             payload=8;ptime=20;silsupp=off\n"
        );
    }

    #[test]
    fn the_first_member_of_a_line_set_brings_the_others() {
        let shared = "sip proxy ip: shared.example.net\nsip proxy port: 5070\n";
        let mut phone = Phone::key_value(shared, "sip line1 auth name: 4711\n");
        phone
            .set(&[("VP1.SIP.ProxyServer", "own.example.net")])
            .unwrap();
        assert_eq!(phone.value("VP1.SIP.ProxyServer"), "own.example.net");
        assert_eq!(phone.value("VP1.SIP.ProxyServerPort"), "5070");
        assert!(phone.own().contains("sip line1 proxy port: 5070\n"));
    }

    #[test]
    fn native_parameters_can_be_set_but_not_made_up() {
        let mut phone = Phone::p_codes("P8888=x\n");
        phone
            .set(&[("Device.X_TRESTLE_Native.P8888", "y z")])
            .unwrap();
        assert_eq!(phone.own(), "P8888=y z\n");
        for name in ["P8889", "P271"] {
            let path = format!("Device.X_TRESTLE_Native.{name}");
            let reasons = reasons(phone.set(&[(&path, "1")]));
            assert_eq!(reasons, [RefusalReason::Unknown]);
        }
    }

    #[test]
    fn secrets_are_in_no_edit_and_no_refusal() {
        let mut phone = Phone::p_codes("P34=old-hunter\nP99=old-hush\n");
        let edits = phone
            .set(&[
                ("L1.SIP.AuthPassword", "new-hunter"),
                ("Device.X_TRESTLE_Native.P99", "new-hush"),
            ])
            .unwrap();
        let shown = format!("{edits:?}");
        assert!(
            !shown.contains("hunter") && !shown.contains("hush"),
            "{shown}"
        );
        let long = "hunter".repeat(40);
        let refusals = phone.set(&[("L1.SIP.AuthPassword", &long)]).unwrap_err();
        assert!(!format!("{refusals:?}").contains("hunter"));
    }

    #[test]
    fn cases_bind_a_part_of_the_value() {
        let mut phone = Phone::p_codes("P64=MSK-3\nP246=\n");
        assert_eq!(phone.value("Device.Time.LocalTimeZone"), "MSK-3");
        phone
            .set(&[("Device.Time.LocalTimeZone", "CET-1CEST")])
            .unwrap();
        assert_eq!(phone.own(), "P64=customize\nP246=CET-1CEST\n");
        phone
            .set(&[("Device.Time.LocalTimeZone", "UTC+3")])
            .unwrap();
        assert_eq!(phone.own(), "P64=UTC+3\nP246=CET-1CEST\n");
    }

    #[test]
    fn a_url_is_spread_over_its_keys() {
        let mut phone = Phone::key_value("", "tr69 server: http://old.example.net\n");
        let path = "Device.X_TRESTLE_PhoneTR069.URL";
        phone
            .set(&[(path, "https://acs.example.net:7547/cwmp/x?y=1")])
            .unwrap();
        assert_eq!(phone.value(path), "https://acs.example.net:7547/cwmp/x?y=1");
        assert!(
            phone
                .own()
                .contains("tr69 server: https://acs.example.net\n")
        );
        assert!(phone.own().contains("tr69 server port: 7547\n"));
        phone.set(&[(path, "http://b.example.net")]).unwrap();
        assert_eq!(phone.value(path), "http://b.example.net");
    }
}
