//! What a data model is made of: paths, value types, and the schema of the templates.

mod path;
mod rule;
mod schema;
mod value;

pub use path::{MAX_PATH_LENGTH, ObjectPath, ParameterPath, PathError, PathQuery};
pub use rule::{Range, ValueProblem, ValueRule};
pub use schema::{ActiveNotification, Entry, EntryKind, ParameterFacts, Schema, Table, UniqueKey};
pub use value::{UNKNOWN_TIME, ValueError, ValueType};
