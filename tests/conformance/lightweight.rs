//! C187: lightweight notifications.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use trestle::sim::acs::xml;

use crate::attributes::notify;
use crate::catalogue::{Check, checks};
use crate::local::{self, display_name};
use crate::private::{Options, Private};
use crate::subject::{MS, Subject, check_alone};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![c187_lightweight_notifications_go_out_by_udp];

const NAMESPACE: &str = "urn:broadband-forum-org:cwmp:lwnotif-1-0";
/// Long enough for a datagram, or a session, that is wrong.
const QUIET: Duration = Duration::from_secs(1);

/// The host of lightweight notifications.
struct Host(UdpSocket);

impl Host {
    async fn next(&self, patience: Duration) -> Option<String> {
        let mut buffer = vec![0; 65_536];
        let received = tokio::time::timeout(patience, self.0.recv_from(&mut buffer)).await;
        let (length, _) = received.ok()?.unwrap();
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }
}

/// The operator changes a value of the phone.
async fn change_by_hand(private: &Private, value: &str) {
    local::set(private.folder(), private.phone(0), &display_name(), value).await;
}

/// Sets how the ACS hears of a change, in CWMP 1.4.
async fn set_notification(subject: &mut Subject, number: &str) {
    let mut session = subject.wake().await;
    session.set_use_version("1.4");
    session.begin().await.unwrap();
    let name = display_name();
    let change = notify(&name, number);
    session.set_attributes(&[change]).await.unwrap();
    session.end().unwrap();
}

/// Checks a document by the schema, and gives the one parameter in it.
fn parameter_in(document: &str, subject: &Subject) -> (String, String) {
    let root = xml::parse(document.as_bytes()).unwrap();
    assert!(root.is(NAMESPACE, "Notification"));
    let names: Vec<&str> = root
        .children
        .iter()
        .map(|child| child.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "TS",
            "UN",
            "CN",
            "OUI",
            "ProductClass",
            "SerialNumber",
            "Param"
        ]
    );
    let is_qualified = |child: &xml::Element| child.is(NAMESPACE, &child.name);
    assert!(root.children.iter().all(is_qualified));
    let text = |name: &str| root.child_text(name).to_owned();
    assert!(text("TS").parse::<i32>().is_ok());
    assert_eq!(text("UN"), crate::gateway::CPE_USERNAME);
    assert!(!text("CN").is_empty());
    assert_eq!(text("OUI"), subject.phone.serial()[..6]);
    assert_eq!(text("SerialNumber"), subject.phone.serial());
    let parameter = root.child("Param").unwrap();
    (
        parameter.child_text("Name").to_owned(),
        parameter.child_text("Value").to_owned(),
    )
}

fn c187_lightweight_notifications_go_out_by_udp() {
    check_alone(187, async || {
        let options = Options {
            settings: "[acs]\nperiodic_inform_interval = 100000000\n".to_owned(),
            speed: 20,
            ..Options::default()
        };
        let private = Private::start(187, options).await;
        let mut subject = private.subject(0).await;
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let host = Host(UdpSocket::bind(any).await.unwrap());
        let port = host.0.local_addr().unwrap().port().to_string();
        let mut session = subject.turn().await;
        let supported = format!("{MS}LightweightNotificationProtocolsSupported");
        assert_eq!(session.get_value(&supported).await.unwrap(), "UDP");
        let values = [
            ("LightweightNotificationProtocolsUsed", "UDP", "xsd:string"),
            (
                "LightweightNotificationTriggerInterval",
                "100",
                "xsd:unsignedInt",
            ),
            ("UDPLightweightNotificationHost", "127.0.0.1", "xsd:string"),
            ("UDPLightweightNotificationPort", &port, "xsd:unsignedInt"),
        ]
        .map(|(name, value, kind)| (format!("{MS}{name}"), value, kind));
        let values: Vec<(&str, &str, &str)> = values
            .iter()
            .map(|(name, value, kind)| (name.as_str(), *value, *kind))
            .collect();
        session.set_values(&values, "").await.unwrap();
        session.end().unwrap();

        // 5: at once, and no session.
        set_notification(&mut subject, "5").await;
        change_by_hand(&private, "five").await;
        let document = host.next(QUIET).await.expect("a notification at once");
        let told = parameter_in(&document, &subject);
        assert_eq!(told, (display_name(), "five".to_owned()));
        assert!(subject.device.is_silent_for(QUIET).await);

        // 6: at once, and the change is in the next Inform.
        set_notification(&mut subject, "6").await;
        change_by_hand(&private, "six").await;
        let document = host.next(QUIET).await.expect("a notification at once");
        assert_eq!(parameter_in(&document, &subject).1, "six");
        let session = subject.turn().await;
        assert!(session.inform().has_event("4 VALUE CHANGE"));
        assert_eq!(session.inform().value(&display_name()), Some("six"));
        session.end().unwrap();

        // 3: with the next trigger, which comes every five seconds of ours.
        set_notification(&mut subject, "3").await;
        change_by_hand(&private, "three").await;
        let trigger = private.scaled(Duration::from_secs(110));
        let document = host.next(trigger).await.expect("one with the trigger");
        assert_eq!(parameter_in(&document, &subject).1, "three");
        assert!(subject.device.is_silent_for(QUIET).await);
        assert_eq!(host.next(trigger).await, None, "it is told once");
    });
}
