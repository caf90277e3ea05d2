//! Taking settings back.

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
        for path in paths {
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
                let path = path.clone();
                refusals.push(Refusal { path, reason });
            }
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        if self.patches() {
            return self.write(layers, rows, &changes);
        }
        let edits = scratch.edits(layers);
        *layers = scratch.layers;
        Ok(edits)
    }

    /// The phone's own default for a parameter.
    fn default_of(&self, path: &ParameterPath, rows: &Rows) -> Result<String, RefusalReason> {
        let target = self.target(path, rows).ok_or(RefusalReason::Unknown)?;
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
        let (place, slot) = match self.target(path, rows).ok_or(RefusalReason::Unknown)? {
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
        let keys: Vec<NativeKey> = cells.iter().map(|cell| cell.key.clone()).collect();
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
