//! Which of the files that several phones read hold secrets.

use std::sync::Arc;

use crate::device::{FileRecord, FileRole, TreePath};
use crate::gateway::core::Gateway;
use crate::gateway::door::GatewayError;
use crate::gateway::file_passwords::Whose;
use crate::mapping::Pack;

/// Files of which it is remembered.
const MAX_REMEMBERED: usize = 4096;

impl Gateway {
    /// Whether a file of settings that is no phone's own holds a secret: a password, by the word of
    /// a mapping pack, that is not one which everybody knows. One that is encrypted and can't be
    /// opened counts as one that does.
    pub(super) fn holds_secrets(
        &self,
        path: &TreePath,
        file: &FileRecord,
    ) -> Result<bool, GatewayError> {
        let remembered = &self.inner.access;
        if let Some(known) = remembered.secret_files().get(&file.content_hash) {
            return Ok(*known);
        }
        let holds = self.look_for_secrets(path, file)?;
        let mut remembered = remembered.secret_files();
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(file.content_hash, holds);
        Ok(holds)
    }

    fn look_for_secrets(&self, path: &TreePath, file: &FileRecord) -> Result<bool, GatewayError> {
        let packs: Vec<&Arc<Pack>> = match &file.role {
            FileRole::Shared { vendor, .. } => {
                let sets = self.inner.packs.lens_sets();
                sets.filter(|pack| pack.vendor() == vendor).collect()
            }
            // Nobody knows whose it is: a secret of any vendor's is one.
            _ => self.inner.packs.lens_sets().collect(),
        };
        let (vendor, model) = match &file.role {
            FileRole::Shared { vendor, model, .. } => (Some(vendor.as_str()), model.as_deref()),
            _ => (None, None),
        };
        let Some(dialect) = file.role.dialect() else {
            return Ok(false);
        };
        let whose = Whose {
            vendor,
            model,
            mac: None,
        };
        let bytes = self.content_bytes(path, file)?;
        let document = match self.open_document(path, dialect, whose, bytes) {
            Ok((document, _)) => document,
            Err(GatewayError::Sealed { .. }) => return Ok(true),
            Err(error) => return Err(error),
        };
        let holds = document.settings().any(|setting| {
            let value = setting.value.trim();
            !value.is_empty()
                && packs.iter().any(|pack| {
                    pack.is_secret_key(setting.key) && !pack.is_default_password(setting.key, value)
                })
        });
        Ok(holds)
    }
}
