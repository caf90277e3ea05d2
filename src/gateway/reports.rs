//! Calls of the CPE that its ACS does not take: laid aside, or given up (cwmp.md M11, T2b).

use super::live::{Live, RunningSession};
use crate::cwmp::AcsProfile;
use crate::device::CpeState;
use crate::native::Mac;

/// Whether there are calls that are never made to an ACS of this profile.
pub(super) fn has_unwanted(cpe: &CpeState, profile: &AcsProfile) -> bool {
    !profile.autonomous_transfer_complete && !cpe.autonomous_reports.is_empty()
        || !profile.request_download && !cpe.wishes.is_empty()
}

/// Drops the calls that are never made to an ACS of this profile: kept, they would be reported as
/// due in every Inform, and never be.
pub(super) fn drop_unwanted(mac: Mac, cpe: &mut CpeState, profile: &AcsProfile) {
    if !profile.autonomous_transfer_complete && !cpe.autonomous_reports.is_empty() {
        let reports = std::mem::take(&mut cpe.autonomous_reports).len();
        tracing::info!(device = %mac, profile = profile.name, reports,
            "AutonomousTransferComplete is not for this ACS; dropped");
    }
    if !profile.request_download && !cpe.wishes.is_empty() {
        let wishes = std::mem::take(&mut cpe.wishes).len();
        tracing::info!(device = %mac, profile = profile.name, wishes,
            "RequestDownload is not for this ACS; dropped");
    }
}

/// Counts the calls that a good session has left, and gives up those that have gone through as
/// many sessions as the profile allows. `left` are those that could have been made in it; those
/// that are given up are taken out.
pub(super) fn count_left(
    mac: Mac,
    cpe: &mut CpeState,
    live: &mut Live,
    session: &RunningSession,
    left: &mut Vec<u64>,
) {
    let counts = &mut live.sessions_of_calls;
    counts.retain(|id, _| left.contains(id));
    left.retain(|id| {
        let sessions = counts.entry(*id).or_default();
        *sessions += 1;
        let is_kept = session
            .unacknowledged_limit
            .is_none_or(|limit| *sessions < limit);
        if !is_kept {
            cpe.forget_call(*id);
            tracing::warn!(device = %mac, call = id, sessions = *sessions, acs = session.acs_url,
                "the ACS never acknowledges a report; given up");
        }
        is_kept
    });
}
