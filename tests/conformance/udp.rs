//! C170 to C176: STUN, and connection requests over UDP.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use trestle::sim::acs::{Session, UdpRequest};
use trestle::sim::stun_server::{StunRequest, StunServer};

use crate::attributes::notify;
use crate::catalogue::{Check, checks};
use crate::lag::Lag;
use crate::private::{Options, Private};
use crate::subject::{CR_USERNAME, MS, Subject, check_alone};
use crate::support::finish;
use crate::variant::{Template, Variant};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c170_bindings_run_from_the_port_that_hears_requests,
    c171_a_change_of_the_mapping_is_told,
    c172_credentials_are_shown_when_the_server_asks,
    c173_nat_is_what_differs,
    c174_keep_alives_keep_the_period,
    c175_copies_of_a_datagram_are_one_session,
    c176_other_datagrams_wake_nobody,
];

const CONNECTION_REQUEST_BINDING: u16 = 0xC001;
const BINDING_CHANGE: u16 = 0xC002;
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
/// Long enough for anything that a STUN client does by itself.
const PATIENCE: Duration = Duration::from_secs(15);
/// Long enough for a wrong session to show up.
const QUIET: Duration = Duration::from_secs(1);

/// A gateway that hears UDP, a device of it, and a STUN server.
struct Lab {
    private: Private,
    subject: Subject,
    stun: StunServer,
}

impl Lab {
    async fn open(check: u16, speed: u16) -> Self {
        let options = Options {
            // The same address after a restart, and no 2 PERIODIC in hastened time.
            settings: format!(
                "[acs]\nperiodic_inform_interval = 100000000\n[connection_request]\nudp = \"127.{}.199.{check}:7547\"\n",
                Variant::current().network()
            ),
            speed,
            phones: 1,
            ..Options::default()
        };
        let private = Private::start(check, options).await;
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            subject: private.subject(0).await,
            private,
            stun: StunServer::start(any).await.unwrap(),
        }
    }

    /// Switches STUN on, with more parameters: name below ManagementServer, value, type.
    async fn switch_on(&mut self, more: &[(&str, &str, &str)]) {
        let address = self.stun.address();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut values = vec![
            ("STUNServerAddress", host.as_str(), "xsd:string"),
            ("STUNServerPort", port.as_str(), "xsd:unsignedInt"),
            ("STUNEnable", "1", "xsd:boolean"),
        ];
        values.extend(more);
        let mut session = self.subject.turn().await;
        set(&mut session, &values).await;
        session.end().unwrap();
    }

    /// Reads parameters below ManagementServer.
    async fn read<const N: usize>(&mut self, names: [&str; N]) -> [String; N] {
        let mut values = names.map(str::to_owned);
        self.in_a_session(async |session| {
            for (name, value) in names.iter().zip(&mut values) {
                *value = get(session, name).await;
            }
        })
        .await;
        values
    }

    /// Wakes the device and does something when it is the turn of the ACS. A changed address may
    /// open a session before that.
    async fn in_a_session(&mut self, work: impl AsyncFnOnce(&mut Session<'_>)) {
        self.subject.waker().knock().await;
        loop {
            let mut session = self.subject.device.session().await.unwrap();
            session.begin().await.unwrap();
            if session.inform().has_event("6 CONNECTION REQUEST") {
                work(&mut session).await;
                return session.end().unwrap();
            }
            session.end().unwrap();
        }
    }

    /// Reads one until it has a value, for a while.
    async fn read_until(&mut self, name: &str, wanted: &str) {
        let began = Instant::now();
        loop {
            let [value] = self.read([name]).await;
            if value == wanted {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{name} is {value}, not {wanted}"
            );
        }
    }

    /// A right request for the device.
    async fn request(&mut self) -> UdpRequest {
        let [address] = self.read(["UDPConnectionRequestAddress"]).await;
        UdpRequest {
            address,
            timestamp: 1_800_000_000,
            id: 7,
            username: CR_USERNAME.to_owned(),
            password: self.subject.waker().password.clone(),
        }
    }

    /// The session that a request over UDP leads to.
    async fn woken(&mut self) {
        let session = self.subject.device.session().await.unwrap();
        assert!(session.inform().has_event("6 CONNECTION REQUEST"));
        finish(session).await;
    }

    async fn is_silent(&mut self) -> bool {
        self.subject.device.is_silent_for(QUIET).await
    }
}

async fn set(session: &mut Session<'_>, values: &[(&str, &str, &str)]) {
    let values: Vec<(String, &str, &str)> = values
        .iter()
        .map(|(name, value, kind)| (format!("{MS}{name}"), *value, *kind))
        .collect();
    let values: Vec<(&str, &str, &str)> = values
        .iter()
        .map(|(name, value, kind)| (name.as_str(), *value, *kind))
        .collect();
    session.set_values(&values, "").await.unwrap();
}

async fn get(session: &mut Session<'_>, name: &str) -> String {
    session.get_value(&format!("{MS}{name}")).await.unwrap()
}

/// The spans between requests.
fn spans(requests: &[StunRequest]) -> Vec<Duration> {
    requests
        .windows(2)
        .map(|pair| pair[1].at.duration_since(pair[0].at))
        .collect()
}

fn c170_bindings_run_from_the_port_that_hears_requests() {
    check_alone(170, async || {
        let mut lab = Lab::open(170, 1).await;
        assert!(lab.stun.requests().is_empty(), "STUN is off");
        lab.stun.keep_silent(true);
        lab.switch_on(&[]).await;
        let requests = lab.stun.wait_for(1, PATIENCE).await.unwrap();
        let began = Instant::now();
        while lab.stun.packets() < 4 {
            assert!(began.elapsed() < PATIENCE, "it is not repeated");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(lab.stun.requests().len(), 1, "a repetition has the same id");
        lab.stun.keep_silent(false);
        let request = &requests[0];
        assert_eq!(request.message_type, 1);
        assert_eq!(
            request.attribute(CONNECTION_REQUEST_BINDING),
            Some(b"dslforum.org/TR-111 ".as_slice())
        );
        assert_ne!(request.id[..4], [0x21, 0x12, 0xA4, 0x42]);
        let [address] = lab.read(["UDPConnectionRequestAddress"]).await;
        assert_eq!(address, request.source.to_string());
        assert_eq!(
            request.source,
            lab.private.listener("connection-request udp")
        );
    });
}

fn c171_a_change_of_the_mapping_is_told() {
    check_alone(171, async || {
        // Binding Requests are a minute apart: 0.6 s of ours.
        let mut lab = Lab::open(171, 100).await;
        let path = format!("{MS}UDPConnectionRequestAddress");
        let active = notify(&path, "2");
        let mut session = lab.subject.turn().await;
        session.set_attributes(&[active]).await.unwrap();
        session.end().unwrap();
        let minute = [
            ("STUNMinimumKeepAlivePeriod", "60", "xsd:unsignedInt"),
            ("STUNMaximumKeepAlivePeriod", "60", "xsd:int"),
        ];
        lab.switch_on(&minute).await;
        lab.stun.wait_for(2, PATIENCE).await.unwrap();
        let is_told = |request: &StunRequest| request.attribute(BINDING_CHANGE).is_some();
        assert!(!lab.stun.requests().iter().any(is_told), "nothing changed");

        let before = lab.stun.requests().len();
        lab.stun.map_to(Some("203.0.113.9:4000".parse().unwrap()));
        let mut session = lab.subject.device.session().await.unwrap();
        assert!(session.inform().has_event("4 VALUE CHANGE"));
        assert_eq!(session.inform().value(&path), Some("203.0.113.9:4000"));
        session.begin().await.unwrap();
        assert_eq!(session.get_value(&path).await.unwrap(), "203.0.113.9:4000");
        session.end().unwrap();
        let requests = lab.stun.wait_for(before + 2, PATIENCE).await.unwrap();
        let told: Vec<&StunRequest> = requests.iter().filter(|request| is_told(request)).collect();
        assert_eq!(told.len(), 1, "the first request after the change");
        assert_eq!(told[0].attribute(BINDING_CHANGE), Some([].as_slice()));
    });
    check_alone(171, async || {
        if Variant::current().template != Template::Device1 {
            return; // Only Device:1 has a limit.
        }
        let mut lab = Lab::open(171, 100).await;
        let path = format!("{MS}UDPConnectionRequestAddress");
        let limit = "UDPConnectionRequestAddressNotificationLimit";
        lab.stun.map_to(Some("203.0.113.9:4000".parse().unwrap()));
        lab.switch_on(&[
            ("STUNMinimumKeepAlivePeriod", "60", "xsd:unsignedInt"),
            ("STUNMaximumKeepAlivePeriod", "60", "xsd:int"),
            (limit, "600", "xsd:unsignedInt"),
        ])
        .await;
        let mut told_at = Vec::new();
        for port in [4000, 4001] {
            let mapped = format!("203.0.113.9:{port}");
            lab.stun.map_to(Some(mapped.parse().unwrap()));
            let session = lab.subject.device.session().await.unwrap();
            assert_eq!(session.inform().value(&path), Some(mapped.as_str()));
            told_at.push(session.pending().unwrap().at);
            finish(session).await;
        }
        let span = lab.private.unscaled(told_at[1].duration_since(told_at[0]));
        assert!(span >= Duration::from_secs(590), "{span:?}");
    });
}

fn c172_credentials_are_shown_when_the_server_asks() {
    check_alone(172, async || {
        let mut lab = Lab::open(172, 1).await;
        lab.stun.require("stunuser", "stunsecret");
        lab.switch_on(&[
            ("STUNUsername", "stunuser", "xsd:string"),
            ("STUNPassword", "stunsecret", "xsd:string"),
        ])
        .await;
        let requests = lab.stun.wait_for(2, PATIENCE).await.unwrap();
        assert_eq!(requests[0].attribute(USERNAME), None);
        assert_eq!(requests[0].attribute(MESSAGE_INTEGRITY), None);
        assert_eq!(
            requests[1].attribute(USERNAME),
            Some(b"stunuser".as_slice())
        );
        assert!(requests[1].is_signed_with("stunsecret"));
        assert!(!requests[1].is_signed_with("stunuser"));
        let [password] = lab.read(["STUNPassword"]).await;
        assert_eq!(password, "");
    });
}

fn c173_nat_is_what_differs() {
    check_alone(173, async || {
        let mut lab = Lab::open(173, 100).await;
        assert_eq!(lab.read(["NATDetected"]).await, ["0"]);
        lab.switch_on(&[]).await;
        lab.stun.wait_for(2, PATIENCE).await.unwrap();
        assert_eq!(lab.read(["NATDetected"]).await, ["0"]);
        lab.stun.map_to(Some("203.0.113.9:4000".parse().unwrap()));
        lab.read_until("NATDetected", "1").await;
        lab.in_a_session(async |session| {
            set(session, &[("STUNEnable", "0", "xsd:boolean")]).await;
        })
        .await;
        assert_eq!(lab.read(["NATDetected"]).await, ["0"]);
    });
}

fn c174_keep_alives_keep_the_period() {
    check_alone(174, async || {
        let mut lab = Lab::open(174, 20).await;
        lab.switch_on(&[
            ("STUNMinimumKeepAlivePeriod", "10", "xsd:unsignedInt"),
            ("STUNMaximumKeepAlivePeriod", "20", "xsd:int"),
        ])
        .await;
        // Two minutes of the gateway's time.
        let lag = Lag::watch();
        let requests = lab.stun.wait_for(8, PATIENCE).await.unwrap();
        let spans: Vec<f64> = spans(&requests)
            .into_iter()
            .map(|span| lab.private.unscaled(span).as_secs_f64())
            .collect();
        lag.judge(
            Duration::from_millis(150),
            spans.iter().all(|span| (10.0..=20.0).contains(span)),
            &format!("seconds between keep-alives: {spans:?}"),
        );

        let mut session = lab.subject.turn().await;
        let unforced = [
            ("STUNMinimumKeepAlivePeriod", "100", "xsd:unsignedInt"),
            ("STUNMaximumKeepAlivePeriod", "-1", "xsd:int"),
        ];
        set(&mut session, &unforced).await;
        session.end().unwrap();
        let before = lab.stun.requests().len();
        lab.private.pass(Duration::from_secs(90)).await;
        // The one at once is for the binding that is another one now.
        assert!(lab.stun.requests().len() <= before + 1);
    });
}

fn c175_copies_of_a_datagram_are_one_session() {
    check_alone(175, async || {
        let mut lab = Lab::open(175, 1).await;
        let request = lab.request().await;
        assert!(!request.send(3).await.unwrap(), "UDP is not answered");
        lab.woken().await;
        assert!(lab.is_silent().await);
    });
}

fn c176_other_datagrams_wake_nobody() {
    check_alone(176, async || {
        let mut lab = Lab::open(176, 1).await;
        let good = lab.request().await;
        good.send(1).await.unwrap();
        lab.woken().await;
        let next = UdpRequest {
            timestamp: good.timestamp + 10,
            id: 8,
            ..good.clone()
        };
        let older = UdpRequest {
            timestamp: good.timestamp - 1,
            ..next.clone()
        };
        let wrong_password = UdpRequest {
            password: "wrong".to_owned(),
            ..next.clone()
        };
        let stranger = UdpRequest {
            username: "stranger".to_owned(),
            ..next.clone()
        };
        let right = next.datagram();
        let noise: Vec<u8> = (0..65_000_u32)
            .map(|number| u8::try_from(number.wrapping_mul(2_654_435_761) >> 24).unwrap())
            .collect();
        let texts = [
            good.datagram(),
            older.datagram(),
            wrong_password.datagram(),
            stranger.datagram(),
            right.replace("GET ", "POST "),
            right.replace("?ts=", "/path?ts="),
            right.replace(&next.signature(), &"0".repeat(40)),
            right.replace("&sig=", "&gis="),
        ];
        let mut datagrams: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        datagrams.extend([
            noise.as_slice(),
            b"",
            b"\0\x01\0\0",
            &right.as_bytes()[..60],
        ]);
        let answered = UdpRequest::send_raw(&good.address, &datagrams).await;
        assert!(!answered.unwrap());
        assert!(lab.is_silent().await);
        let signature = next.signature();
        let upper = right.replace(&signature, &signature.to_ascii_uppercase());
        assert_ne!(upper, right);
        let sent = UdpRequest::send_raw(&good.address, &[upper.as_bytes()]).await;
        assert!(!sent.unwrap());
        lab.woken().await;
        assert!(lab.is_silent().await);

        lab.private.restart();
        good.send(1).await.unwrap();
        next.send(1).await.unwrap();
        assert!(lab.is_silent().await, "a replay after a restart is one too");
    });
}
