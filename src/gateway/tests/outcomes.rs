//! What the end of a session means for the next: its version, its moment, what is said in it.

use super::*;
use crate::cwmp::{AutonomousTransferComplete, CpeCall, CwmpVersion};
use crate::device::AutonomousReport;
use crate::gateway::GatewayError;

impl Bench {
    /// The version of the next session's Inform, and what that session's failure says of it.
    async fn fails_in(&self, doubt: VersionDoubt) -> CwmpVersion {
        let version = self.session().await.version;
        self.fail_with(None, doubt).await;
        version
    }

    /// The version of the next session's Inform, which the ACS takes.
    async fn works_in(&self) -> CwmpVersion {
        let version = self.session().await.version;
        let delivered = self.gateway.delivered(MAC, Delivery::Inform).await;
        delivered.unwrap();
        self.end().await;
        version
    }

    /// A transfer that no ACS ordered has to be reported.
    async fn owe_autonomous_report(&self) {
        let report = AutonomousTransferComplete {
            announce_url: String::new(),
            transfer_url: "http://files.example.net/fw".to_owned(),
            is_download: true,
            file_type: "1 Firmware Upgrade Image".to_owned(),
            file_size: 0,
            target_file_name: String::new(),
            fault: None,
            start_time: None,
            complete_time: None,
        };
        self.gateway
            .change(MAC, |draft, _| {
                let report = AutonomousReport { id: 77, report };
                draft.record.cpe.autonomous_reports.push(report);
                Ok::<(), GatewayError>(())
            })
            .await
            .unwrap();
    }

    fn owes_autonomous_report(&self) -> bool {
        let (record, _) = self.gateway.load(MAC).unwrap().unwrap();
        !record.cpe.autonomous_reports.is_empty()
    }
}

#[tokio::test]
async fn c047_retry_after_lengthens_the_wait_and_never_shortens_it() {
    let bench = Bench::new().await;
    bench.fetch().await;
    for (asked, range) in [
        (RetryAfter::Seconds(60), 60..=66),
        (RetryAfter::Seconds(1), 9..=20),
        (RetryAfter::Seconds(u64::MAX), 86_400..=86_406),
    ] {
        bench.session().await;
        bench.fail_with(Some(asked), VersionDoubt::None).await;
        let wait = bench.wait().unwrap();
        assert!(range.contains(&wait), "{wait} s after {asked:?}");
    }
}

#[tokio::test]
async fn c072_an_acs_that_takes_no_inform_is_tried_in_every_namespace() {
    use CwmpVersion::{V1_0, V1_1, V1_4};
    let bench = Bench::new().await;
    bench.fetch().await;
    for version in [V1_4, V1_1, V1_0, V1_4, V1_1] {
        assert_eq!(bench.fails_in(VersionDoubt::Some).await, version);
    }
    assert_eq!(bench.fails_in(VersionDoubt::None).await, V1_0);
    assert_eq!(bench.works_in().await, V1_0);
    // What worked is kept, also by a restart, until there is another ACS.
    let bench = bench.restart().await;
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.works_in().await, V1_0);
    bench.gateway.wake(MAC).await;
    bench.session().await;
    let url = "Device.ManagementServer.URL";
    bench.execute(set(url, "http://other.example.net/")).await;
    bench.end().await;
    assert_eq!(bench.works_in().await, V1_4);
}

#[tokio::test]
async fn an_acs_that_has_taken_informs_gets_the_benefit_of_one_doubt() {
    use CwmpVersion::{V1_1, V1_4};
    let bench = Bench::announced().await;
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.fails_in(VersionDoubt::Some).await, V1_4);
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.fails_in(VersionDoubt::Some).await, V1_4);
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.works_in().await, V1_1);
    // It may have been something else: the next session tries the highest again.
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.works_in().await, V1_4);
    // Unless the ACS has said that it was the version.
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.fails_in(VersionDoubt::Certain).await, V1_4);
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.works_in().await, V1_1);
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.works_in().await, V1_1);
}

#[tokio::test]
async fn the_profile_says_the_highest_version() {
    let profile = AcsProfile {
        version: CwmpVersion::V1_0,
        ..AcsProfile::default()
    };
    let bench = Bench::announced().await.restart_for(profile).await;
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.works_in().await, CwmpVersion::V1_0);
    let bench = bench.restart_for(AcsProfile::default()).await;
    bench.gateway.wake(MAC).await;
    assert_eq!(bench.works_in().await, CwmpVersion::V1_4);
}

#[tokio::test]
async fn a_report_that_the_acs_has_no_method_for_stays_and_opens_no_session() {
    let bench = Bench::announced().await;
    bench.owe_autonomous_report().await;
    assert_eq!(bench.wait(), Some(0));
    for _ in 0..3 {
        let session = bench.session().await;
        assert_eq!(
            codes(&session).last(),
            Some(&EventCode::AutonomousTransferComplete)
        );
        assert!(matches!(
            session.calls.as_slice(),
            [call] if matches!(call.call, CpeCall::AutonomousTransferComplete(_))
        ));
        for delivery in [Delivery::Inform, Delivery::Unlisted(vec![77])] {
            bench.gateway.delivered(MAC, delivery).await.unwrap();
        }
        bench.end().await;
        assert_eq!(bench.wait(), None, "it waits for another cause");
        assert!(bench.owes_autonomous_report());
        bench.gateway.wake(MAC).await;
    }
}

#[tokio::test]
async fn a_report_that_is_not_for_the_acs_is_dropped() {
    let profile = AcsProfile {
        autonomous_transfer_complete: false,
        ..AcsProfile::default()
    };
    let bench = Bench::announced().await.restart_for(profile).await;
    bench.owe_autonomous_report().await;
    assert_eq!(bench.gateway.open_session(MAC).await.unwrap(), None);
    assert!(!bench.owes_autonomous_report());
}

#[tokio::test]
async fn c210_a_report_that_is_never_acknowledged_is_given_up_at_the_limit() {
    let profile = AcsProfile {
        unacknowledged_limit: Some(3),
        ..AcsProfile::default()
    };
    let bench = Bench::announced().await.restart_for(profile).await;
    bench.owe_autonomous_report().await;
    for (session, wait) in [(1, Some(60)), (2, Some(120)), (3, None)] {
        assert!(bench.owes_autonomous_report(), "before session {session}");
        bench.works_in().await;
        assert_eq!(bench.wait(), wait, "after session {session}");
    }
    assert!(!bench.owes_autonomous_report());
}

#[tokio::test]
async fn lightweight_notification_is_only_for_acss_that_are_spoken_to_in_1_4() {
    let of_1_2 = AcsProfile {
        version: CwmpVersion::V1_2,
        ..AcsProfile::default()
    };
    for (profile, is_there) in [(of_1_2, false), (AcsProfile::default(), true)] {
        let bench = Bench::announced().await.restart_for(profile).await;
        bench.gateway.wake(MAC).await;
        bench.session().await;
        let outcome = bench.gateway.execute(MAC, notify(4)).await;
        assert_eq!(outcome.is_ok(), is_there, "{outcome:?}");
    }
}
