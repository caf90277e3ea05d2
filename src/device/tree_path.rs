//! Where a file stands in the tree of the config server.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest path below the tree's root, in bytes.
const MAX_LENGTH: usize = 1000;
/// Longest name of one file or folder, in bytes.
const MAX_SEGMENT_LENGTH: usize = 255;

/// The path of a file below the root of the tree: segments with `/` between them, none of them
/// empty, `.` or `..`, no backslash and no control character in them. So it can name nothing
/// outside the tree, in a file system or in a URL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Box<str>);

/// The text is no path below the tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreePathError {
    /// Empty, or longer than a path may be.
    #[error("the path has {length} bytes; 1 to {MAX_LENGTH} are allowed")]
    Length {
        /// Bytes of the text.
        length: usize,
    },
    /// A segment that no file of the tree can have.
    #[error("`{segment}` can be no part of a path in the tree")]
    Segment {
        /// The segment, printable.
        segment: String,
    },
}

impl TreePath {
    /// A path for a device that has no file: no phone stands behind it.
    pub fn nowhere() -> Self {
        Self("(no file)".into())
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Everything before the last segment, without the `/` between; empty at the root.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The file of this name in the same folder.
    ///
    /// # Errors
    /// [`TreePathError`] when the name is no segment.
    pub fn with_file_name(&self, name: &str) -> Result<Self, TreePathError> {
        match self.folder() {
            "" => name.parse(),
            folder => format!("{folder}/{name}").parse(),
        }
    }
}

impl FromStr for TreePath {
    type Err = TreePathError;

    fn from_str(text: &str) -> Result<Self, TreePathError> {
        if text.is_empty() || text.len() > MAX_LENGTH {
            return Err(TreePathError::Length { length: text.len() });
        }
        for segment in text.split('/') {
            let allowed = !segment.is_empty()
                && segment.len() <= MAX_SEGMENT_LENGTH
                && segment != "."
                && segment != ".."
                && !segment
                    .chars()
                    .any(|character| character == '\\' || character.is_control());
            if !allowed {
                return Err(TreePathError::Segment {
                    segment: segment.escape_debug().take(80).collect(),
                });
            }
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl Serialize for TreePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TreePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_tree_do_not_exist() {
        for text in [
            "",
            "/etc/passwd",
            "../a",
            "a/../b",
            "a//b",
            "a/",
            "a\\b",
            "a\0b",
            "./a",
            "a\nb",
        ] {
            assert!(text.parse::<TreePath>().is_err(), "{text:?}");
        }
        assert!("x".repeat(256).parse::<TreePath>().is_err());
    }

    #[test]
    fn a_path_has_a_folder_and_a_name() {
        let path: TreePath = "site 1/cfg000b82a1b2c3.xml".parse().unwrap();
        assert_eq!(path.folder(), "site 1");
        assert_eq!(path.file_name(), "cfg000b82a1b2c3.xml");
        assert_eq!(
            path.with_file_name("cfg.xml").unwrap().as_str(),
            "site 1/cfg.xml"
        );
        let top: TreePath = "cfg.xml".parse().unwrap();
        assert_eq!(top.folder(), "");
        assert_eq!(top.with_file_name("a").unwrap().as_str(), "a");
    }
}
