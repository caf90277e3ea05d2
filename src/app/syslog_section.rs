//! `[syslog]` of the settings file.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use serde::Deserialize;

use super::settings::{SettingsError, empty_is_none};
use crate::phone::SyslogSettings;

/// KiB of lines that may be kept of a phone.
const KEEP_KIB: std::ops::RangeInclusive<u32> = 8..=8192;

/// What phones say over syslog.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyslogSection {
    /// Address and port for datagrams; empty: none are taken.
    #[serde(deserialize_with = "empty_is_none")]
    pub udp: Option<SocketAddr>,
    /// Address and port for connections; empty: none are taken.
    #[serde(deserialize_with = "empty_is_none")]
    pub tcp: Option<SocketAddr>,
    /// KiB of lines that are kept of each phone, 8 to 8192.
    pub keep_kib: u32,
    /// Lines of one address in a second, on average; ten seconds' worth may come at once.
    pub lines_per_second: NonZeroU32,
}

impl Default for SyslogSection {
    fn default() -> Self {
        Self {
            udp: None,
            tcp: None,
            keep_kib: 64,
            lines_per_second: const { NonZeroU32::new(200).unwrap() },
        }
    }
}

impl SyslogSection {
    /// Whether these settings can be carried out.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if KEEP_KIB.contains(&self.keep_kib) {
            return Ok(());
        }
        Err(SettingsError::OutOfRange {
            key: "syslog.keep_kib",
            value: self.keep_kib,
            least: *KEEP_KIB.start(),
            most: *KEEP_KIB.end(),
        })
    }

    /// Bytes of lines that are kept of each phone.
    pub(super) fn keep_bytes(&self) -> usize {
        self.keep_kib as usize * 1024
    }

    /// The port that phones can be told; `None` when none is listened on, or a free one is taken.
    pub(super) fn port(&self) -> Option<u16> {
        let port = self.udp?.port();
        (port != 0).then_some(port)
    }

    /// What the listeners need.
    pub(super) fn listeners(&self) -> SyslogSettings {
        SyslogSettings {
            udp: self.udp,
            tcp: self.tcp,
            lines_per_second: self.lines_per_second,
        }
    }
}
