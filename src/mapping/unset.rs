//! Taking settings back.

use std::borrow::Cow;

use super::change::{Change, NativeEdit, Refusal, RefusalReason};
use super::pack::{Pack, Target};
use super::rows::Rows;
use super::scratch::{Scratch, Written};
use crate::datamodel::ParameterPath;
use crate::native::{Layers, NativeKey};

impl Pack {
    /// Takes settings of the phone's own file back, all or none. Where a file is a patch, the
    /// phone would keep what it has: the default is written then, and a parameter whose default is
    /// not known is refused. Elsewhere the phone's own lines go, so that lower layers and the
    /// phone's defaults count again.
    ///
    /// # Errors
    /// Every parameter for which it is not possible, with the reason; the layers are as before
    /// then.
    pub fn unset(
        &self,
        layers: &mut Layers,
        rows: &Rows,
        paths: &[ParameterPath],
    ) -> Result<Vec<NativeEdit>, Vec<Refusal>> {
        let mut refusals = Vec::new();
        let mut changes = Vec::new();
        let mut scratch = Scratch::new(self, layers);
        for shown in paths {
            let own = match &self.view {
                Some(view) => view.lens_path(shown),
                None => Some(Cow::Borrowed(shown)),
            };
            let Some(path) = own.as_deref() else {
                refusals.push(Refusal {
                    path: shown.clone(),
                    reason: RefusalReason::Unknown,
                });
                continue;
            };
            let outcome = if self.patches() {
                self.default_of(path, rows).map(|value| {
                    changes.push(Change {
                        path: path.clone(),
                        value,
                    });
                })
            } else {
                self.remove_lines(&mut scratch, path, rows)
            };
            if let Err(reason) = outcome {
                let path = shown.clone();
                refusals.push(Refusal { path, reason });
            }
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        if self.patches() {
            return self.write_lenses(layers, rows, &changes);
        }
        let edits = scratch.edits(layers);
        *layers = scratch.layers;
        Ok(edits)
    }

    /// The phone's own default for a parameter.
    fn default_of(&self, path: &ParameterPath, rows: &Rows) -> Result<String, RefusalReason> {
        let target = self.own_target(path, rows).ok_or(RefusalReason::Unknown)?;
        if let Target::Face { place, slot } = target {
            let (_, face) = self.face(place).ok_or(RefusalReason::Unknown)?;
            if !face.writable {
                return Err(RefusalReason::ReadOnly);
            }
            if face.default_given {
                return Ok(face.default(slot).to_owned());
            }
        }
        Err(RefusalReason::BadValue {
            why: "the phone keeps what it has, and its default is not known; set a value instead"
                .to_owned(),
        })
    }

    fn remove_lines(
        &self,
        scratch: &mut Scratch<'_>,
        path: &ParameterPath,
        rows: &Rows,
    ) -> Result<(), RefusalReason> {
        let (place, slot) = match self.own_target(path, rows).ok_or(RefusalReason::Unknown)? {
            Target::Face { place, slot } => (place, slot),
            Target::Native(key) => {
                scratch.remove(&key, Written::default());
                return Ok(());
            }
        };
        let (lens, face) = self.face(place).ok_or(RefusalReason::Unknown)?;
        if !face.writable {
            return Err(RefusalReason::ReadOnly);
        }
        let cells = self.cells(lens, &scratch.layers, slot).unwrap_or_default();
        let written = cells.iter().enumerate();
        let written = written.filter(|(place, _)| lens.convert.writes(*place));
        let keys: Vec<NativeKey> = written.map(|(_, cell)| cell.key.clone()).collect();
        for key in keys {
            let why = Written {
                needs_reboot: lens.reboot,
                copied_beside: None,
            };
            scratch.remove(&key, why);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::example::Phone;
    use crate::mapping::example_patch::patched;

    fn unset(phone: &mut Phone, path: &str) -> Result<Vec<NativeEdit>, Vec<Refusal>> {
        let path = super::super::example::long(path).parse().unwrap();
        phone.pack.unset(&mut phone.layers, &phone.rows, &[path])
    }

    #[test]
    fn where_a_file_is_a_patch_the_default_is_written() {
        let mut phone = patched("P91: 1\nP35: 4711\n");
        let edits = unset(&mut phone, "L1.CallingFeatures.CallWaitingEnable").unwrap();
        assert_eq!(edits[0].new.as_deref(), Some("0"));
        assert_eq!(phone.own(), "P91: 0\nP35: 4711\n");
        let refusals = unset(&mut phone, "L1.SIP.AuthUserName").unwrap_err();
        assert!(refusals[0].to_string().contains("default is not known"));
        assert_eq!(phone.own(), "P91: 0\nP35: 4711\n");
    }

    #[test]
    fn elsewhere_the_phones_own_line_goes() {
        let shared = "sip auth name: all\n";
        let own = "sip line1 auth name: 4711\ndns1: 192.0.2.1\n";
        let mut phone = Phone::key_value(shared, own);
        let edits = unset(&mut phone, "L1.SIP.AuthUserName").unwrap();
        assert_eq!(phone.own(), "dns1: 192.0.2.1\n");
        assert_eq!(phone.value("L1.SIP.AuthUserName"), "all");
        assert_eq!((edits.len(), &edits[0].new), (1, &None));
        assert_eq!(unset(&mut phone, "L1.SIP.AuthUserName"), Ok(Vec::new()));
        assert!(unset(&mut phone, "L1.SIP.Nothing").is_err());
    }

    #[test]
    fn a_key_that_is_only_looked_at_stays() {
        let mut phone = Phone::p_codes("P35=4711\nP47=sip.example.net:5070\n");
        let edits = unset(&mut phone, "L1.SIP.URI").unwrap();
        assert_eq!(phone.own(), "P47=sip.example.net:5070\n");
        assert_eq!(edits.len(), 1);
    }
}
