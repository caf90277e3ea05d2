//! Which version of CWMP a device speaks with its ACS (cwmp.md E13, E14).
//!
//! The profile of the ACS says the highest. When an ACS does not make sense of an Inform, the next
//! one goes in a lower namespace, and below the lowest the round begins again. An ACS that has
//! taken Informs before gets the benefit of one doubt: what it refuses once may have another
//! reason, such as a session that it believes to be open.

use super::live::{Live, RunningSession};
use crate::cwmp::{AcsProfile, CwmpVersion, VersionDoubt};
use crate::device::CpeState;

/// What is being tried with an ACS; lost with the process.
#[derive(Debug, Default)]
pub(super) struct VersionTrial {
    /// The ACS.
    acs_url: String,
    /// The version of the next Inform; `None`: no other than else.
    next: Option<CwmpVersion>,
    /// Failures in a row that may be due to the version.
    doubts: u32,
    /// The ACS said that the version was the reason.
    is_certain: bool,
}

/// The version that the next Inform is written in.
pub(super) fn version_to_speak(
    cpe: &CpeState,
    live: &Live,
    acs_url: &str,
    profile: &AcsProfile,
) -> CwmpVersion {
    let trial = &live.version_trial;
    let tried = trial.next.filter(|_| trial.acs_url == acs_url);
    tried
        .or(cpe.acs_version)
        .unwrap_or(profile.version)
        .min(profile.version)
}

/// Whether a session goes in the highest version and nothing is kept of a lower one.
pub(super) fn speaks_highest(cpe: &CpeState, session: &RunningSession) -> bool {
    cpe.acs_version.is_none() && session.version == session.highest_version
}

/// Draws the conclusions from a failed session.
pub(super) fn doubt_version(
    cpe: &CpeState,
    live: &mut Live,
    session: &RunningSession,
    doubt: VersionDoubt,
) {
    if doubt == VersionDoubt::None {
        return;
    }
    if live.version_trial.acs_url != session.acs_url {
        live.version_trial = VersionTrial {
            acs_url: session.acs_url.clone(),
            ..VersionTrial::default()
        };
    }
    let trial = &mut live.version_trial;
    trial.doubts = trial.doubts.saturating_add(1);
    trial.is_certain |= doubt == VersionDoubt::Certain;
    let is_known = cpe.informed_acs.as_ref() == Some(&session.acs_url);
    if trial.is_certain || !is_known || trial.doubts > 1 {
        trial.next = Some(session.version.below().unwrap_or(session.highest_version));
    }
}

/// The ACS has taken an Inform: keeps what worked. With an ACS that has taken Informs in the
/// highest version, a lower one is kept only if the ACS named the version as its reason: else
/// the next session tries the highest again.
pub(super) fn keep_version(cpe: &mut CpeState, live: &mut Live, session: &RunningSession) {
    let trial = std::mem::take(&mut live.version_trial);
    let is_known = cpe.informed_acs.as_ref() == Some(&session.acs_url);
    if session.version == session.highest_version {
        cpe.acs_version = None;
    } else if !is_known || trial.is_certain {
        cpe.acs_version = Some(session.version);
    }
}
