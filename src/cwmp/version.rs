//! Versions of CWMP (cwmp.md E2, E11 to E14).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A version of the protocol.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub enum CwmpVersion {
    /// 1.0.
    V1_0,
    /// 1.1.
    V1_1,
    /// 1.2.
    V1_2,
    /// 1.3: has SessionTimeout.
    V1_3,
    /// 1.4: has SupportedCWMPVersions and notifications 3 to 6.
    #[default]
    V1_4,
}

impl CwmpVersion {
    /// All versions, the oldest first.
    pub const ALL: [Self; 5] = [Self::V1_0, Self::V1_1, Self::V1_2, Self::V1_3, Self::V1_4];

    /// The namespace of its messages: 1.2, 1.3 and 1.4 share one (cwmp.md E2).
    pub fn namespace(self) -> &'static str {
        match self {
            Self::V1_0 => "urn:dslforum-org:cwmp-1-0",
            Self::V1_1 => "urn:dslforum-org:cwmp-1-1",
            Self::V1_2 | Self::V1_3 | Self::V1_4 => "urn:dslforum-org:cwmp-1-2",
        }
    }

    /// The version that a namespace stands for at most, `None` for one that is not CWMP's. Later
    /// numbers than the last that exists are taken for that (cwmp.md E2, E13).
    pub(super) fn of_namespace(namespace: &str) -> Option<Self> {
        match namespace.strip_prefix("urn:dslforum-org:cwmp-1-")? {
            "0" => Some(Self::V1_0),
            "1" => Some(Self::V1_1),
            later if later.parse::<u8>().is_ok() => Some(Self::V1_2),
            _ => None,
        }
    }

    /// The highest version with the next lower namespace; `None` below 1.1 (cwmp.md E14).
    pub fn below(self) -> Option<Self> {
        match self {
            Self::V1_0 => None,
            Self::V1_1 => Some(Self::V1_0),
            Self::V1_2 | Self::V1_3 | Self::V1_4 => Some(Self::V1_1),
        }
    }

    /// The first version whose schema has a method, by its name without `Response`; 1.0 for names
    /// that no schema has.
    pub(super) fn of_method(method: &str) -> Self {
        match method {
            "GetAllQueuedTransfers" | "AutonomousTransferComplete" => Self::V1_1,
            "ScheduleDownload"
            | "CancelTransfer"
            | "ChangeDUState"
            | "DUStateChangeComplete"
            | "AutonomousDUStateChangeComplete" => Self::V1_2,
            _ => Self::V1_0,
        }
    }

    /// `1.2` and the like.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
            Self::V1_4 => "1.4",
        }
    }
}

impl fmt::Display for CwmpVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The text names no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no version of CWMP; 1.0, 1.1, 1.2, 1.3 and 1.4 are")]
pub struct UnknownVersion {
    /// The text.
    pub text: String,
}

impl FromStr for CwmpVersion {
    type Err = UnknownVersion;

    fn from_str(text: &str) -> Result<Self, UnknownVersion> {
        Self::ALL
            .into_iter()
            .find(|version| version.name() == text)
            .ok_or_else(|| UnknownVersion {
                text: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_read_and_never_written_beyond_1_2() {
        for version in CwmpVersion::ALL {
            let read = CwmpVersion::of_namespace(version.namespace());
            assert_eq!(read, Some(version.min(CwmpVersion::V1_2)));
        }
        let later = CwmpVersion::of_namespace("urn:dslforum-org:cwmp-1-3");
        assert_eq!(later, Some(CwmpVersion::V1_2));
        assert_eq!(CwmpVersion::of_namespace("urn:dslforum-org:cwmp-1-x"), None);
        assert_eq!(CwmpVersion::of_namespace("urn:dslforum-org:device"), None);
    }

    #[test]
    fn each_step_down_is_another_namespace_and_the_last_is_1_0() {
        let mut version = CwmpVersion::V1_4;
        let mut namespaces = vec![version.namespace()];
        while let Some(below) = version.below() {
            version = below;
            namespaces.push(version.namespace());
        }
        assert_eq!(version, CwmpVersion::V1_0);
        let suffixes: Vec<_> = namespaces.iter().filter_map(|n| n.chars().last()).collect();
        assert_eq!(suffixes, ['2', '1', '0']);
    }
}
