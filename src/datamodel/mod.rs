//! What a data model is made of: paths, value types, and the schema of the templates.

mod path;
mod value;

pub use path::{MAX_PATH_LENGTH, ObjectPath, ParameterPath, PathError, PathQuery};
pub use value::{UNKNOWN_TIME, ValueError, ValueType};
