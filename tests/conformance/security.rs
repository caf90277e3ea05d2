//! C188 to C193: TLS, secrets and strangers.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use trestle::sim::acs::Reply;
use trestle::sim::acs::message::Transfer;

use crate::catalogue::{Check, checks};
use crate::certificates::{Authority, self_signed_server};
use crate::gateway::CPE_PASSWORD;
use crate::model::Model;
use crate::phone::RunningPhone;
use crate::private::{Options, Private};
use crate::redirects::second_acs;
use crate::subject::{MS, PROVISIONING_CODE, Subject, VP, check, check_alone};
use crate::support::finish;
use crate::transfers::{download, reports};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c188_a_bad_certificate_gets_no_request,
    c189_an_old_tls_version_is_refused,
    c191_an_acs_that_asks_gets_the_client_certificate,
    c192_no_password_is_read_in_clear,
    c193_a_session_shows_its_own_device_only,
];

fn c188_a_bad_certificate_gets_no_request() {
    check(188, async |mut subject| {
        let known = &subject.world.authority;
        let stranger = Authority::new("unknown authority");
        for (what, tls) in [
            ("unknown authority", stranger.server("127.0.0.88")),
            ("expired", known.expired_server("127.0.0.88")),
            ("another host", known.server("acs.example.org")),
            ("self-signed", self_signed_server("127.0.0.88")),
        ] {
            let other = second_acs(88, Some(tls)).await;
            let session = subject.wake().await;
            session.end_with(Reply::redirect(302, other.url())).unwrap();
            assert!(subject.device.is_silent_for(Duration::from_secs(1)).await);
            assert!(other.connections() >= 1, "{what}: no try");
            assert!(other.all_exchanges().is_empty(), "{what}");
        }
        let mut session = subject.turn().await;
        assert_eq!(session.inform().retry_count, 4);
        session.get_value(PROVISIONING_CODE).await.unwrap();
        session.end().unwrap();
    });
}

fn c189_an_old_tls_version_is_refused() {
    check(189, async |mut subject| {
        let listener = TcpListener::bind("127.0.0.89:0").await.unwrap();
        let url = format!("https://{}/acs", listener.local_addr().unwrap());
        let session = subject.wake().await;
        session.end_with(Reply::redirect(302, &url)).unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut hello = vec![0_u8; 16 * 1024];
        assert!(stream.read(&mut hello).await.unwrap() > 0);
        assert_eq!(hello[0], 22, "a handshake record");
        // ServerHello of TLS 1.0 with TLS_RSA_WITH_RC4_128_SHA and no extension.
        let mut body = vec![3, 1];
        body.extend([7; 32]);
        body.extend([0, 0, 5, 0]);
        let length = u8::try_from(body.len()).unwrap();
        let mut record = vec![22, 3, 1, 0, length + 4, 2, 0, 0, length];
        record.extend(body);
        stream.write_all(&record).await.unwrap();
        let mut answer = Vec::new();
        // An alert, or just the close.
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
        let session = subject.wake().await;
        assert_eq!(session.inform().retry_count, 1);
        session.end_with(Reply::status(503)).unwrap();
    });
}

fn c191_an_acs_that_asks_gets_the_client_certificate() {
    check_alone(191, async || {
        let servers = Authority::new("authority of servers");
        let clients = Authority::new("authority of clients");
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let (certificate, key) = clients.client("gateway");
        let ca_file = file("ca.pem", servers.pem());
        let cert_file = file("client.pem", &certificate);
        let key_file = file("client.key", &key);
        let own = format!("client_cert = {cert_file:?}\nclient_key = {key_file:?}\n");
        for (lines, is_let_in) in [
            (format!("{own}pin = [{:?}]\n", servers.pin()), true),
            (String::new(), false),
            (format!("{own}pin = [{:?}]\n", clients.pin()), false),
        ] {
            let tls = servers.server_for("127.0.0.191", &clients);
            let acs = second_acs(191, Some(tls)).await;
            let settings = format!(
                "[acs]\nurl = {:?}\nca_file = {ca_file:?}\n{lines}",
                acs.url()
            );
            let options = Options {
                settings,
                ..Options::default()
            };
            let private = Private::start(191, options).await;
            let phone = private.phone(0);
            let mut device = acs.device(&phone.serial());
            let running = RunningPhone::plug_in(phone, private.world.phones_http).await;
            running.boot().await;
            if is_let_in {
                let session = device.session().await.unwrap();
                finish(session).await;
            } else {
                assert!(device.is_silent_for(Duration::from_secs(2)).await);
                assert!(acs.connections() >= 1, "{lines}: no try");
                assert!(acs.all_exchanges().is_empty(), "{lines}");
            }
        }
    });
}

fn c192_no_password_is_read_in_clear() {
    check(192, async |mut subject| {
        let secrets = [
            subject.phone.sip_password(),
            CPE_PASSWORD.to_owned(),
            subject.waker().password.clone(),
        ];
        let shown = |text: &str| secrets.iter().any(|secret| text.contains(secret.as_str()));
        let model = Model::current();
        let url = subject.world.files.url("/c192-log");
        let mut session = subject.turn().await;
        let mut read = session.get_values(&[""]).await.unwrap();
        for value in &read {
            if model.is_hidden(&value.name) {
                assert_eq!(value.value, "", "{}", value.name);
            }
        }
        read.extend(session.get_values(&["Device."]).await.unwrap());
        for value in &read {
            assert!(!shown(&value.value), "{}", value.name);
        }
        for name in ["ConnectionRequestPassword", "Password"] {
            assert_eq!(session.get_value(&format!("{MS}{name}")).await.unwrap(), "");
        }
        let sip = format!("{VP}Line.1.SIP.AuthPassword");
        assert_eq!(session.get_value(&sip).await.unwrap(), "");
        // A configuration is uploaded as it is, or it would be of no use; a log must not tell.
        let log = Transfer {
            file_type: "2 Vendor Log File",
            ..download("C192", &url)
        };
        session.upload(&log).await.unwrap();
        session.end().unwrap();
        let done = reports(&mut subject.device, 1, "M Upload").await;
        assert_eq!(done[0].fault_code, 0);
        let log = subject.world.files.upload("/c192-log").await;
        let log = String::from_utf8(log).unwrap();
        assert!(!log.is_empty() && !shown(&log), "{log}");
    });
}

fn c193_a_session_shows_its_own_device_only() {
    check(193, async |mut subject| {
        let mut other = Subject::announced(193, 1).await;
        let serial = subject.phone.serial();
        let own = "Device.DeviceInfo.SerialNumber";
        let mut theirs = other.turn().await;
        let mut session = subject.turn().await;
        session.set_next_id(&theirs.inform().device_id.serial_number.clone());
        assert_eq!(session.get_value(own).await.unwrap(), serial);
        let body = session.style().get_parameter_values(&[own]);
        let id = theirs.number().to_string();
        let reply = Reply::message(session.envelope(Some(&id), &body))
            .with_header("Set-Cookie", &format!("device={id}"));
        let answer = session.exchange(reply).await.unwrap();
        let values = answer.message.as_ref().unwrap().values();
        assert_eq!(values[0].value, serial);
        let address = theirs.get_value(&format!("{MS}ConnectionRequestURL")).await;
        let read = session
            .get_value(&format!("{MS}ConnectionRequestURL"))
            .await;
        assert_ne!(address.unwrap(), read.unwrap());
        session.end().unwrap();
        theirs.end().unwrap();
    });
}
