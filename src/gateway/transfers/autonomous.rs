//! AutonomousTransferComplete: what a phone has taken without an order (cwmp.md T6).

use jiff::Timestamp;

use super::super::draft::Draft;
use super::handout::FIRMWARE;
use crate::cwmp::AutonomousTransferComplete;
use crate::device::{AutonomousPolicy, AutonomousReport};

/// Reports that may wait for an ACS; the oldest go first.
const MAX_REPORTS: usize = 16;

impl Draft {
    /// The phone has taken firmware that no Download gave it, and runs it.
    pub(super) fn report_own_upgrade(&mut self, now: Timestamp) {
        self.report_autonomous(own_upgrade(now));
    }

    /// Tells the ACS of a transfer that it has not ordered, if it wants to hear of such.
    pub(super) fn report_autonomous(&mut self, report: AutonomousTransferComplete) {
        let cpe = &mut self.record.cpe;
        if !wants(&cpe.autonomous_policy, &report) {
            return;
        }
        if cpe.autonomous_reports.len() >= MAX_REPORTS {
            cpe.autonomous_reports.remove(0);
        }
        let id = cpe.new_transfer_id();
        cpe.autonomous_reports.push(AutonomousReport { id, report });
        self.news = true;
    }
}

/// What is told of firmware that a phone has taken by itself. Where it came from is not known.
fn own_upgrade(now: Timestamp) -> AutonomousTransferComplete {
    AutonomousTransferComplete {
        announce_url: String::new(),
        transfer_url: String::new(),
        is_download: true,
        file_type: FIRMWARE.to_owned(),
        file_size: 0,
        target_file_name: String::new(),
        fault: None,
        start_time: None,
        complete_time: Some(now),
    }
}

/// Whether the ACS wants to hear of a transfer.
fn wants(policy: &AutonomousPolicy, report: &AutonomousTransferComplete) -> bool {
    let passes = |filter: &str, this: &str| matches!(filter, "" | "Both") || filter == this;
    let direction = if report.is_download {
        "Download"
    } else {
        "Upload"
    };
    let result = match report.fault {
        None => "Success",
        Some(_) => "Failure",
    };
    policy.enable
        && passes(&policy.transfer_types, direction)
        && passes(&policy.results, result)
        && (policy.file_types.is_empty()
            || policy
                .file_types
                .split(',')
                .any(|file_type| file_type.trim() == report.file_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_passes_every_filter_or_none_is_made() {
        let report = own_upgrade(Timestamp::UNIX_EPOCH);
        let policy = |enable, types: &str, results: &str, files: &str| AutonomousPolicy {
            enable,
            transfer_types: types.to_owned(),
            results: results.to_owned(),
            file_types: files.to_owned(),
        };
        assert!(wants(&policy(true, "", "", ""), &report));
        assert!(wants(
            &policy(
                true,
                "Both",
                "Success",
                "2 Web Content, 1 Firmware Upgrade Image"
            ),
            &report
        ));
        assert!(!wants(&policy(false, "", "", ""), &report));
        assert!(!wants(&policy(true, "Upload", "", ""), &report));
        assert!(!wants(&policy(true, "", "Failure", ""), &report));
        assert!(!wants(&policy(true, "", "", "2 Web Content"), &report));
    }
}
