//! What came of a change that a person ordered.

use serde::{Deserialize, Serialize};

use crate::mapping::NativeEdit;

/// The answer to a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetReport {
    /// True: the change is on disk and takes effect once the phone has fetched its file.
    pub applied_later: bool,
    /// The lines of the phone's own file that were written.
    #[serde(default)]
    pub edits: Vec<EditReport>,
}

/// One setting that was written in the phone's own file, and what one should know of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditReport {
    /// The setting, as the file names it.
    pub key: String,
    /// What was in effect before; none: nothing was set. `***` for a secret.
    pub old: Option<String>,
    /// What is there now; none: the line was removed. `***` for a secret.
    pub new: Option<String>,
    /// The phone takes it only after a restart.
    pub needs_reboot: bool,
    /// A value that a user set at the phone beats it.
    pub local_change_wins: bool,
    /// A file that the phone reads later and that has the setting too: the change has no effect.
    pub shadowed_by: Option<String>,
    /// The setting that was asked for, when this one had to be copied from a lower file beside it.
    pub copied_beside: Option<String>,
}

impl EditReport {
    /// What a person should know, each in words.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(file) = &self.shadowed_by {
            notes.push(format!(
                "has no effect: the phone reads {file} later, which sets it too"
            ));
        }
        if self.needs_reboot {
            notes.push("takes effect after a restart of the phone".to_owned());
        }
        if self.local_change_wins {
            notes.push("does not replace what a user has set at the phone".to_owned());
        }
        if let Some(key) = &self.copied_beside {
            notes.push(format!(
                "copied from the global setting: with `{key}` set, the line takes no global one"
            ));
        }
        notes
    }
}

impl From<NativeEdit> for EditReport {
    fn from(edit: NativeEdit) -> Self {
        let effects = edit.effects;
        Self {
            key: edit.key.to_string(),
            old: edit.old,
            new: edit.new,
            needs_reboot: effects.needs_reboot,
            local_change_wins: effects.local_change_wins,
            shadowed_by: effects.shadowed_by,
            copied_beside: effects.copied_beside.map(|key| key.to_string()),
        }
    }
}
