//! What is asked of a phone's files, and what came of it.

use crate::datamodel::{ParameterPath, ValueProblem};
use crate::native::NativeKey;

/// A parameter and the value that it should get.
#[derive(Clone, PartialEq, Eq)]
pub struct Change {
    /// Full path.
    pub path: ParameterPath,
    /// The new value, in any form that the parameter's type allows.
    pub value: String,
}

impl std::fmt::Debug for Change {
    /// The value can be a password, so it is not shown.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Change")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A change that is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct Refusal {
    /// The parameter.
    pub path: ParameterPath,
    /// Why not.
    pub reason: RefusalReason,
}

/// Why a change is not possible. Secret values are in no text here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    /// There is no such parameter (fault 9005).
    #[error("there is no such parameter")]
    Unknown,
    /// The parameter cannot be written (fault 9008).
    #[error("the parameter cannot be written")]
    ReadOnly,
    /// The text is no value of the parameter's type (fault 9006).
    #[error("the value is of another type than the parameter")]
    WrongType,
    /// The parameter, or the phone, cannot have this value (fault 9007).
    #[error("{why}")]
    BadValue {
        /// For a person.
        why: String,
    },
}

/// One native key that was written in the phone's own file, or removed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeEdit {
    /// The key as the file names it.
    pub key: NativeKey,
    /// What was in effect before; `None`: nothing was set. `***` for a secret key.
    pub old: Option<String>,
    /// What is in effect now; `None`: nothing is set any more. `***` for a secret key.
    pub new: Option<String>,
    /// What a person should know of it.
    pub effects: Effects,
}

/// What a person should know of an edit, beyond what was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// The phone takes it only after a restart.
    pub needs_reboot: bool,
    /// A value that a user set at the phone beats it, because the line has no mark.
    pub local_change_wins: bool,
    /// Path of a file that the phone reads later and that has the key too: the edit has no effect.
    pub shadowed_by: Option<String>,
    /// The key of the line that was asked for, if this one was copied beside it: a phone takes a
    /// line's keys as a whole.
    pub copied_beside: Option<NativeKey>,
}

impl From<ValueProblem> for RefusalReason {
    fn from(problem: ValueProblem) -> Self {
        match problem {
            ValueProblem::WrongType(_) => Self::WrongType,
            problem => Self::BadValue {
                why: problem.to_string(),
            },
        }
    }
}
