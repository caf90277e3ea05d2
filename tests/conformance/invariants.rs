//! C001 to C012: what holds for every message. The ledger answers for them at the end of the run;
//! here a device is led through all of its messages, and through what only a script can cause.

use trestle::sim::acs::{Reply, ScriptError, Session};

use crate::attributes::notify;
use crate::catalogue::{Check, checks};
use crate::subject::{DI, MS, PROVISIONING_CODE, Subject, check, fault_code};
use crate::transfers::download;

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c001_every_kind_of_message_is_sent,
    c006_the_id_comes_back_unchanged,
    c009_cookies_come_back_in_their_session_only,
];

/// Makes a device send every kind of message that it has.
async fn tour(subject: &mut Subject) {
    let url = subject.world.files.url("/not-there");
    let mut session = subject.turn().await;
    session.rpc_methods().await.unwrap();
    session.get_names("", false).await.unwrap();
    session.get_values(&["Device."]).await.unwrap();
    session.get_attributes(&[DI]).await.unwrap();
    let passive = notify(PROVISIONING_CODE, "0");
    session.set_attributes(&[passive]).await.unwrap();
    let odd = " <&>\"' é\t\n ";
    session
        .set_values(&[(PROVISIONING_CODE, odd, "xsd:string")], "tour")
        .await
        .unwrap();
    assert_eq!(session.get_value(PROVISIONING_CODE).await.unwrap(), odd);
    assert_eq!(fault_code(session.get_values(&["Device.No"]).await), 9005);
    let unknown = [("Device.No", "1", "xsd:string")];
    assert_eq!(fault_code(session.set_values(&unknown, "").await), 9003);
    let transfer = download("tour", &url);
    session.download(&transfer).await.unwrap();
    session.end().unwrap();
    let mut session = subject.device.session().await.unwrap();
    assert!(session.inform().has_event("7 TRANSFER COMPLETE"));
    assert_eq!(session.begin().await.unwrap().len(), 1);
    session.end().unwrap();
}

fn c001_every_kind_of_message_is_sent() {
    check(1, async |mut subject| tour(&mut subject).await);
}

fn c006_the_id_comes_back_unchanged() {
    check(6, async |mut subject| {
        let mut session = subject.turn().await;
        // The session compares the ID of each answer with that of the call.
        for id in ["a&b é 0".to_owned(), "7".repeat(200), " <x> ".to_owned()] {
            session.set_next_id(&id);
            session.rpc_methods().await.unwrap();
            session.set_next_id(&id);
            assert_eq!(fault_code(session.get_values(&["Device.No"]).await), 9005);
        }
        session.end().unwrap();
    });
}

fn c009_cookies_come_back_in_their_session_only() {
    check(9, async |mut subject| {
        let mut session = subject.wake().await;
        let reply = session
            .inform_response()
            .with_header("Set-Cookie", "first=1; HttpOnly")
            .with_header("Set-Cookie", &format!("long={}", "x".repeat(300)));
        session.exchange(reply).await.unwrap();
        call_with_cookie(
            &mut session,
            "first=2; Expires=Wed, 01 Jan 2031 00:00:00 GMT",
        )
        .await
        .unwrap();
        session.rpc_methods().await.unwrap();
        let cookies = session
            .pending()
            .unwrap()
            .header("cookie")
            .unwrap()
            .to_owned();
        assert!(cookies.contains("first=2"), "{cookies}");
        assert!(!cookies.contains("Expires"), "{cookies}");
        session.end().unwrap();
        let session = subject.wake().await;
        assert_eq!(session.pending().unwrap().header("cookie"), None);
        session.end_with(Reply::status(503)).unwrap();
    });
}

async fn call_with_cookie(session: &mut Session<'_>, cookie: &str) -> Result<(), ScriptError> {
    let body = session.style().get_parameter_values(&[&format!("{MS}URL")]);
    let envelope = session.envelope(Some("cookie"), &body);
    let reply = Reply::message(envelope).with_header("Set-Cookie", cookie);
    let exchange = session.exchange(reply).await?;
    assert_eq!(exchange.rpc(), "GetParameterValuesResponse");
    Ok(())
}
