//! A parameter of one phone.

use super::native_names::NATIVE_OBJECT;
use crate::datamodel::{ParameterPath, ValueType};

/// One parameter as the phone's files have it.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Full path.
    pub path: ParameterPath,
    /// Type on the wire.
    pub value_type: ValueType,
    /// Whether an ACS may write it.
    pub writable: bool,
    /// Whether it has to read as empty for an ACS (cwmp.md M28); `value` holds the real one.
    pub hidden: bool,
    /// Canonical text.
    pub value: String,
    /// Where the value comes from.
    pub state: ValueState,
}

/// Where a parameter's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueState {
    /// From a file.
    Set {
        /// Path of the layer.
        layer: String,
        /// Line in it, from 1.
        line: u32,
    },
    /// Nothing is set: the phone's default, or a constant of the pack.
    Default,
    /// No file has a place for it: what was written is kept beside the device.
    Kept,
    /// A file holds something that the lens does not know, or that the parameter cannot hold. The
    /// parameter shows its default, and every write to it is carried out.
    Unreadable {
        /// The native text; of several keys, all texts with blanks between. It is as secret as the
        /// parameter.
        native: String,
    },
}

impl Parameter {
    /// Whether it stands for a native key that no lens covers, rather than for a setting by name.
    pub fn is_native(&self) -> bool {
        self.path.as_str().starts_with(NATIVE_OBJECT)
    }
}

impl std::fmt::Debug for Parameter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = formatter.debug_struct("Parameter");
        text.field("path", &self.path)
            .field("value_type", &self.value_type)
            .field("writable", &self.writable)
            .field("hidden", &self.hidden);
        if self.hidden {
            text.field("value", &"***").finish_non_exhaustive()
        } else {
            text.field("value", &self.value)
                .field("state", &self.state)
                .finish()
        }
    }
}
