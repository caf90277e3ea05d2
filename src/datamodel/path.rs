//! Paths of parameters and objects, made only by parsing.

use std::fmt;
use std::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest path in characters (cwmp.md M1, G8).
pub const MAX_PATH_LENGTH: usize = 256;

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The text has no characters.
    #[error("the path is empty")]
    Empty,
    /// The text is longer than [`MAX_PATH_LENGTH`].
    #[error("the path has {length} characters; at most {MAX_PATH_LENGTH} are allowed")]
    TooLong {
        /// Length of the text in characters.
        length: usize,
    },
    /// A segment is empty or holds a character that no name or instance number may hold.
    #[error("`{path}` holds the segment `{segment}`, which is no name and no instance number")]
    Segment {
        /// The whole text.
        path: String,
        /// The offending segment.
        segment: String,
    },
    /// A parameter path ends in a dot, or an object path does not.
    #[error("`{path}` should {}end in a dot", if *object { "" } else { "not " })]
    Ending {
        /// The whole text.
        path: String,
        /// Whether an object path was wanted.
        object: bool,
    },
}

fn check_segments(whole: &str, segments: &str) -> Result<(), PathError> {
    for segment in segments.split('.') {
        let well_formed = !segment.is_empty()
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
        if !well_formed {
            return Err(PathError::Segment {
                path: whole.to_owned(),
                segment: segment.to_owned(),
            });
        }
    }
    Ok(())
}

fn check_length(text: &str) -> Result<(), PathError> {
    if text.is_empty() {
        return Err(PathError::Empty);
    }
    // No text has more characters than bytes.
    if text.len() > MAX_PATH_LENGTH {
        let length = text.chars().count();
        if length > MAX_PATH_LENGTH {
            return Err(PathError::TooLong { length });
        }
    }
    Ok(())
}

macro_rules! path_type {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// The path as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, formatter)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $name;

                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str("a path")
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                // Borrowed where that can be: a phone has hundreds of paths.
                deserializer.deserialize_str(Text)
            }
        }
    };
}

path_type! {
    /// The full path of one parameter, `Device.Time.NTPServer1`.
    ParameterPath
}

path_type! {
    /// The path of an object, a table or a table's row; it ends in a dot, `Device.Time.`.
    ObjectPath
}

impl FromStr for ParameterPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        check_length(text)?;
        if text.ends_with('.') {
            return Err(PathError::Ending {
                path: text.to_owned(),
                object: false,
            });
        }
        check_segments(text, text)?;
        Ok(Self(text.into()))
    }
}

impl FromStr for ObjectPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        check_length(text)?;
        let Some(segments) = text.strip_suffix('.') else {
            return Err(PathError::Ending {
                path: text.to_owned(),
                object: true,
            });
        };
        check_segments(text, segments)?;
        Ok(Self(text.into()))
    }
}

impl ParameterPath {
    /// The object that the parameter belongs to; `None` for a parameter without a parent.
    pub fn parent(&self) -> Option<ObjectPath> {
        let dot = self.0.rfind('.')?;
        Some(ObjectPath(self.0[..=dot].into()))
    }

    /// The last segment: the parameter's own name.
    pub fn name(&self) -> &str {
        self.0.rsplit('.').next().unwrap_or(&self.0)
    }
}

impl ObjectPath {
    /// The object above this one; `None` at the root.
    pub fn parent(&self) -> Option<ObjectPath> {
        let segments = self.0.strip_suffix('.')?;
        let dot = segments.rfind('.')?;
        Some(ObjectPath(self.0[..=dot].into()))
    }
}

/// What an ACS names in a read: everything, a subtree, or one parameter (cwmp.md M40, M50).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathQuery {
    /// The empty path.
    Everything,
    /// A partial path: an object and all below it.
    Object(ObjectPath),
    /// One parameter.
    Parameter(ParameterPath),
}

impl FromStr for PathQuery {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.is_empty() {
            Ok(Self::Everything)
        } else if text.ends_with('.') {
            text.parse().map(Self::Object)
        } else {
            text.parse().map(Self::Parameter)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_objects_are_told_apart_by_the_dot() {
        assert!("Device.Time.NTPServer1".parse::<ParameterPath>().is_ok());
        assert!("Device.Time.".parse::<ObjectPath>().is_ok());
        assert!("Device.Time.".parse::<ParameterPath>().is_err());
        assert!("Device.Time".parse::<ObjectPath>().is_err());
    }

    #[test]
    fn odd_texts_are_refused() {
        for text in [
            "",
            ".",
            "Device..Time",
            " Device.",
            "Device.[home].X",
            "Device.é",
        ] {
            assert!(text.parse::<ParameterPath>().is_err(), "{text:?}");
            assert!(text.parse::<ObjectPath>().is_err(), "{text:?}");
        }
        assert!("a".repeat(257).parse::<ParameterPath>().is_err());
    }

    #[test]
    fn parents_end_in_a_dot() {
        let path: ParameterPath = "Device.Time.NTPServer1".parse().unwrap();
        let parent = path.parent().unwrap();
        assert_eq!(parent.as_str(), "Device.Time.");
        assert_eq!(parent.parent().unwrap().as_str(), "Device.");
        assert_eq!(parent.parent().unwrap().parent(), None);
        assert_eq!(path.name(), "NTPServer1");
    }
}
