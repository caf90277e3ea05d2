//! Waking, with a clock that is moved by hand.

use std::net::SocketAddr;

use hmac::{Hmac, KeyInit, Mac as _};
use sha1::Sha1;

use super::{Admission, BindingJob, BindingResult, UDP_ADDRESS, UnreachablePhone, WakingRules};
use crate::cwmp::{AcsRequest, CpeResponse, EventCode};
use crate::gateway::tests::{Bench, MAC, codes, set};
use crate::gateway::{ControlOutcome, Delivery, OpenSession};
use crate::native::Mac;
use crate::wire::udp_connection_request::UdpConnectionRequest;

const MS: &str = "Device.ManagementServer.";
const NOW: u64 = 1_800_000_000;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn local() -> SocketAddr {
    address("192.0.2.10:7547")
}

fn mapped(port: u16) -> BindingResult {
    BindingResult::Mapped {
        mapped: SocketAddr::new([203, 0, 113, 5].into(), port),
        local: local(),
    }
}

fn request(username: &str, password: &str, timestamp: u64, id: u64) -> UdpConnectionRequest {
    let signature = Hmac::<Sha1>::new_from_slice(password.as_bytes())
        .unwrap()
        .chain_update(format!("{timestamp}{id}{username}c0"))
        .finalize()
        .into_bytes();
    let digits: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    let datagram = format!(
        "GET http://192.0.2.10:7547?ts={timestamp}&id={id}&un={username}&cn=c0&sig={digits} \
         HTTP/1.1\r\nHost: 192.0.2.10:7547\r\n\r\n"
    );
    UdpConnectionRequest::parse(datagram.as_bytes()).unwrap()
}

impl Bench {
    async fn set_own(&self, name: &str, value: &str) {
        let response = self.execute(set(&format!("{MS}{name}"), value)).await;
        assert!(matches!(response, CpeResponse::SetParameterValues { .. }));
    }

    async fn read_own(&self, name: &str) -> String {
        let names = vec![format!("{MS}{name}")];
        match self.execute(AcsRequest::GetParameterValues(names)).await {
            CpeResponse::GetParameterValues(values) => values[0].value.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// A whole session, if one is due now; its Inform.
    async fn whole_session(&self) -> OpenSession {
        let session = self.session().await;
        let delivered = self.gateway.delivered(MAC, Delivery::Inform).await;
        delivered.unwrap();
        self.end().await;
        session
    }

    async fn woken(&self) -> OpenSession {
        self.gateway.wake(MAC).await;
        self.whole_session().await
    }

    /// A device that UDP can wake and whose ACS knows its address.
    async fn heard() -> Self {
        let bench = Self::announced().await;
        bench.gateway.listen_by_udp(Some(local()));
        bench.set_own("ConnectionRequestUsername", "waker").await;
        bench.set_own("ConnectionRequestPassword", "secret").await;
        bench.woken().await;
        bench
    }

    fn recognised(&self, timestamp: u64, id: u64) -> Option<Mac> {
        let request = request("waker", "secret", timestamp, id);
        self.gateway.udp_connection_request_target(&request)
    }

    async fn binding(&self) -> BindingJob {
        tokio::time::timeout(
            std::time::Duration::from_secs(1),
            self.gateway.next_binding(),
        )
        .await
        .expect("a Binding Request is due")
    }

    fn next_binding_in(&self, id: u64) -> i64 {
        let due = self.gateway.inner.waking.bindings.due(&id).unwrap();
        due.as_second() - self.gateway.inner.clock.now().as_second()
    }
}

#[tokio::test]
async fn c175_c176_copies_and_replays_wake_nobody_not_even_after_a_restart() {
    let bench = Bench::heard().await;
    assert_eq!(bench.recognised(NOW, 1), Some(MAC));
    assert_eq!(bench.recognised(NOW, 1), None, "a copy");
    assert_eq!(bench.recognised(NOW - 1, 2), None, "an older one");
    for wrong in [
        request("waker", "wrong", NOW + 1, 1),
        request("stranger", "secret", NOW + 1, 1),
    ] {
        assert_eq!(bench.gateway.udp_connection_request_target(&wrong), None);
    }
    bench.woken().await;
    let bench = bench.restart().await;
    bench.gateway.listen_by_udp(Some(local()));
    assert_eq!(bench.recognised(NOW, 1), None, "a replay");
    assert_eq!(bench.recognised(NOW + 1, 1), Some(MAC));
}

#[tokio::test]
async fn a_new_password_is_in_force_for_datagrams_too() {
    let bench = Bench::heard().await;
    assert_eq!(bench.recognised(NOW + 1_000_000, 1), Some(MAC));
    bench.set_own("ConnectionRequestPassword", "another").await;
    assert_eq!(bench.recognised(NOW + 1_000_001, 1), None);
    let signed = request("waker", "another", NOW, 1);
    assert_eq!(
        bench.gateway.udp_connection_request_target(&signed),
        Some(MAC),
        "the clock of the ACS was wrong, and nothing with the new password was ever heard"
    );
}

#[tokio::test]
async fn a_datagram_that_may_mean_two_devices_wakes_none() {
    let bench = Bench::heard().await;
    let other = bench
        .gateway
        .devices()
        .filter_map(Result::ok)
        .map(|(mac, _)| mac)
        .find(|mac| *mac != MAC)
        .unwrap();
    let become_alike = async |password: &str| {
        bench
            .gateway
            .change(other, |draft, _| {
                let cpe = &mut draft.record.cpe;
                cpe.connection_request_username = "waker".to_owned();
                cpe.connection_request_password = crate::wire::Secret::new(password);
                draft.record.identity = Some(crate::cwmp::DeviceId {
                    manufacturer: "Maker".to_owned(),
                    oui: other.oui(),
                    product_class: "Model".to_owned(),
                    serial_number: other.upper(),
                });
                Ok::<(), crate::gateway::GatewayError>(())
            })
            .await
            .unwrap();
    };
    become_alike("another").await;
    assert_eq!(bench.recognised(NOW, 1), Some(MAC), "the password tells");
    let signed = request("waker", "another", NOW, 1);
    assert_eq!(
        bench.gateway.udp_connection_request_target(&signed),
        Some(other)
    );
    become_alike("secret").await;
    assert_eq!(bench.recognised(NOW + 1, 1), None);
}

#[tokio::test]
async fn c170_c171_c173_a_mapped_address_is_told_and_so_is_its_change() {
    let bench = Bench::heard().await;
    assert_eq!(
        bench.read_own("UDPConnectionRequestAddress").await,
        "192.0.2.10:7547"
    );
    bench.set_own("STUNServerAddress", "stun.example.net").await;
    bench.set_own("STUNEnable", "1").await;
    let job = bench.binding().await;
    assert_eq!((job.host.as_str(), job.port), ("stun.example.net", 3478));
    assert_eq!(job.credentials, None);
    assert!(!job.binding_changed);
    assert_eq!(bench.wait(), None);
    bench.gateway.finish_binding(job.id, mapped(4000)).await;
    assert_eq!(bench.wait(), Some(0));
    let session = bench.whole_session().await;
    assert_eq!(codes(&session), [EventCode::ValueChange]);
    let told = session.inform.parameters.iter();
    let told = told.filter(|told| told.name == UDP_ADDRESS);
    assert_eq!(
        told.map(|told| &told.value).collect::<Vec<_>>(),
        ["203.0.113.5:4000"]
    );
    assert_eq!(bench.read_own("NATDetected").await, "1");
    assert_eq!(bench.wait(), None);

    bench
        .set_own("UDPConnectionRequestAddressNotificationLimit", "600")
        .await;
    bench.advance(bench.next_binding_in(job.id));
    let job = bench.binding().await;
    assert!(!job.binding_changed);
    bench.gateway.finish_binding(job.id, mapped(4001)).await;
    let again = bench.binding().await;
    assert!(again.binding_changed, "at once");
    bench.gateway.finish_binding(again.id, mapped(4001)).await;
    assert_eq!(bench.next_binding_in(job.id), 50);
    bench.whole_session().await;

    bench.advance(50);
    let job = bench.binding().await;
    assert!(!job.binding_changed);
    bench.gateway.finish_binding(job.id, mapped(4002)).await;
    assert_eq!(bench.wait(), Some(550), "not more often than the ACS wants");
    bench.set_own("STUNEnable", "0").await;
    assert_eq!(bench.read_own("NATDetected").await, "0");
    assert_eq!(
        bench.read_own("UDPConnectionRequestAddress").await,
        "192.0.2.10:7547"
    );
}

#[tokio::test]
async fn c172_credentials_are_shown_only_to_a_server_that_asks() {
    let bench = Bench::heard().await;
    bench.set_own("STUNUsername", "stun").await;
    bench.set_own("STUNPassword", "secret").await;
    bench.set_own("STUNEnable", "1").await;
    let job = bench.binding().await;
    assert_eq!(
        job.host, "acs.example.net",
        "the ACS is the server by default"
    );
    assert_eq!(job.credentials, None);
    bench
        .gateway
        .finish_binding(job.id, BindingResult::Unauthorized)
        .await;
    let job = bench.binding().await;
    assert_eq!(job.credentials.unwrap().username, "stun");
    // A server that is not content with them is not asked again at once.
    bench
        .gateway
        .finish_binding(job.id, BindingResult::Unauthorized)
        .await;
    assert_eq!(bench.next_binding_in(job.id), 50);
}

#[tokio::test]
async fn c174_keep_alives_keep_the_period_and_end_with_stun() {
    let bench = Bench::heard().await;
    bench.set_own("STUNMinimumKeepAlivePeriod", "10").await;
    bench.set_own("STUNMaximumKeepAlivePeriod", "20").await;
    bench.set_own("STUNEnable", "1").await;
    let mut last = bench.binding().await;
    for _ in 0..5 {
        bench.gateway.finish_binding(last.id, mapped(4000)).await;
        let wait = bench.next_binding_in(last.id);
        assert!((10..=20).contains(&wait), "{wait}");
        bench.advance(wait);
        last = bench.binding().await;
    }
    bench.set_own("STUNEnable", "0").await;
    bench.gateway.finish_binding(last.id, mapped(4000)).await;
    assert_eq!(bench.gateway.inner.waking.bindings.due(&last.id), None);
}

#[tokio::test]
async fn c163_c197_requests_are_throttled_and_refused_for_a_silent_phone_as_configured() {
    let bench = Bench::announced().await;
    let admit = |rules| bench.gateway.admit_connection_request(MAC, rules);
    let throttled = WakingRules {
        throttle: Some("2/10".parse().unwrap()),
        ..WakingRules::default()
    };
    assert_eq!(admit(throttled), Admission::Admitted);
    assert_eq!(admit(throttled), Admission::Admitted);
    assert_eq!(admit(throttled), Admission::Throttled);
    bench.advance(10);
    assert_eq!(admit(throttled), Admission::Admitted);

    let careful = WakingRules {
        unreachable: UnreachablePhone::Refuse,
        ..WakingRules::default()
    };
    assert_eq!(admit(careful), Admission::Admitted);
    bench.gateway.note_answer(MAC, &ControlOutcome::NoAnswer);
    assert_eq!(admit(careful), Admission::Unreachable);
    assert_eq!(admit(WakingRules::default()), Admission::Admitted);
    bench.fetch().await;
    assert_eq!(admit(careful), Admission::Admitted, "it was seen again");
}

#[tokio::test]
async fn a_device_that_is_to_be_silent_has_no_url_and_no_user_name() {
    let bench = Bench::heard().await;
    let record = bench.gateway.load(MAC).unwrap().unwrap().0;
    let segment = record.cpe.connection_request_segment;
    assert!(
        bench
            .gateway
            .connection_request_target(&segment)
            .await
            .is_some()
    );
    let disable = |work: fn(&mut crate::device::CpeState)| {
        bench.gateway.change(MAC, move |draft, _| {
            work(&mut draft.record.cpe);
            Ok::<(), crate::gateway::GatewayError>(())
        })
    };
    disable(|cpe| cpe.http_connection_requests = false)
        .await
        .unwrap();
    assert!(
        bench
            .gateway
            .connection_request_target(&segment)
            .await
            .is_none()
    );
    assert_eq!(bench.recognised(NOW, 1), Some(MAC), "UDP is another way");
    disable(|cpe| cpe.enable_cwmp = false).await.unwrap();
    assert!(
        bench
            .gateway
            .connection_request_target(&segment)
            .await
            .is_none()
    );
    assert_eq!(bench.recognised(NOW + 1, 1), None);
}
