//! What is particular to an ACS product, as data (cwmp.md section 11).

use super::version::CwmpVersion;

/// How an ACS behaves beyond the standard, or short of it. Read from a file of `mappings/acs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcsProfile {
    /// Its name, as in the settings: `standard`, `genieacs`.
    pub name: String,
    /// The highest version of CWMP that is spoken with it.
    pub version: CwmpVersion,
    /// Seconds for the header SessionTimeout of the Inform; `None`: it is not sent (cwmp.md E11).
    pub session_timeout: Option<u32>,
    /// Whether AutonomousTransferComplete may be sent to it (cwmp.md T9).
    pub autonomous_transfer_complete: bool,
    /// Whether RequestDownload may be sent to it: it stops the worker of one product
    /// (genieacs.md Q2).
    pub request_download: bool,
    /// Whether it is asked for its methods before one of the two above is used (cwmp.md M11).
    pub ask_methods: bool,
    /// Elements besides the right one by which it answers TransferComplete.
    pub transfer_complete_answers: Vec<String>,
    /// Whether an empty answer counts as TransferCompleteResponse (cwmp.md T2b).
    pub empty_acknowledges: bool,
    /// Sessions after which a report that it leaves unacknowledged is given up, with an alarm;
    /// `None`: never.
    pub unacknowledged_limit: Option<u32>,
    /// The user name for its challenge where the settings give none; `{device_id}` in it stands for
    /// the device (cwmp.md H22).
    pub username: Option<String>,
}

impl Default for AcsProfile {
    fn default() -> Self {
        Self {
            name: "standard".to_owned(),
            version: CwmpVersion::default(),
            session_timeout: None,
            autonomous_transfer_complete: true,
            request_download: true,
            ask_methods: true,
            transfer_complete_answers: Vec::new(),
            empty_acknowledges: false,
            unacknowledged_limit: None,
            username: None,
        }
    }
}
