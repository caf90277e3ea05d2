//! Mapping packs: what ties a phone's own settings to the parameters of the data model.
//!
//! A pack is data, one TOML file a vendor (`mappings/*.toml`; `mappings/README.md` tells the
//! format). It is compiled once into lenses. A lens reads native values as parameter values and
//! writes them back, by laws: writing back what was read changes no byte, and what was written is
//! what is read.

mod alias;
mod carry;
mod change;
mod control;
mod control_file;
mod convert;
mod current;
mod embedded;
mod error;
mod explain;
mod handout;
mod handout_file;
mod identity;
mod in_force;
mod index;
pub mod laws;
mod lens;
mod lens_file;
mod lens_limits;
mod lens_set;
mod models;
mod name_affixes;
mod native_names;
mod nearest;
mod no_effect;
mod pack;
mod pack_file;
mod packs;
mod parameter;
mod proof;
mod provisioning;
mod read;
mod reading;
mod redirect;
mod row_edits;
mod row_paths;
mod rows;
mod scratch;
mod secrecy;
mod section;
mod syslog;
mod syslog_file;
mod syslog_proof;
mod template;
mod template_view;
mod unset;
mod vendor;
mod vendor_file;
mod view;
mod view_file;
mod without_lenses;
mod write;
mod write_groups;

#[cfg(test)]
mod example;
#[cfg(test)]
mod example_patch;
#[cfg(any(test, fuzzing))]
pub mod laws_on_files;
#[cfg(test)]
mod row_edits_tests;
#[cfg(test)]
mod shared_profiles;
#[cfg(test)]
mod view_tests;

pub use carry::{CarriedOver, LeftBehind};
pub use change::{Change, Effects, NativeEdit, Refusal, RefusalReason};
pub use control::{ControlAction, HttpBody, HttpStep, Means, MeansWay, WebAccess};
pub use current::{CurrentNative, CurrentValue, Origin};
pub use error::{PackError, PackProblem};
pub use explain::{
    AliasExplanation, IndexExplanation, KeyExplanation, LensExplanation, ParameterExplanation,
};
pub use handout::{HandoutError, HandoutKind, HandoutPlace, HandoutRule, Pointer};
pub use identity::Recognised;
pub use name_affixes::NameAffixes;
pub use nearest::nearest;
pub use no_effect::{Overruled, SwitchedOff};
pub use pack::{Pack, PackId};
pub use packs::Packs;
pub use parameter::{Parameter, ValueState};
pub use proof::{PackFinding, SetProof};
pub use provisioning::{CredentialKind, ProvisioningError, ProvisioningRule, ProvisioningValues};
pub use row_edits::{RowProblem, RowTable};
pub use rows::{FixedRows, Row, Rows};
pub use syslog::{SyslogRule, SyslogTarget};
pub use template_view::{Template, TemplateError};
pub use vendor::NewFile;
