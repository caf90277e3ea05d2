//! The scripted ACS against a scripted fake CPE on a raw socket.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::digest::{Authentication, DigestInput, digest_response, parse_fields};
use super::http::{Connection, Response};
use super::message::{Style, Transfer, Window};
use super::{AcsOptions, ConnectionRequester, Reply, ScriptError, ScriptedAcs, Shown};

struct FakeCpe {
    connection: Connection<TcpStream>,
    cookie: String,
    authorization: String,
}

impl FakeCpe {
    async fn connect(acs: &ScriptedAcs) -> Self {
        let stream = TcpStream::connect(acs.address()).await.unwrap();
        Self {
            connection: Connection::new(stream),
            cookie: String::new(),
            authorization: String::new(),
        }
    }

    async fn post(&mut self, body: &str) -> Response {
        let soap = if body.is_empty() {
            ""
        } else {
            "Content-Type: text/xml\r\nSOAPAction: \r\n"
        };
        let request = format!(
            "POST /acs HTTP/1.1\r\n{soap}{}{}Content-Length: {}\r\n\r\n{body}",
            self.cookie,
            self.authorization,
            body.len()
        );
        self.connection
            .stream()
            .write_all(request.as_bytes())
            .await
            .unwrap();
        let response = self.connection.read_response(false).await.unwrap();
        if let Some(cookie) = response.header("set-cookie") {
            self.cookie = format!("Cookie: {cookie}\r\n");
        }
        response
    }

    fn id(response: &Response) -> String {
        let root = super::xml::parse(&response.body).unwrap();
        root.child("Header").unwrap().child_text("ID").to_owned()
    }
}

fn envelope(id: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:e=\"http://schemas.xmlsoap.org/soap/encoding/\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:cwmp=\"urn:dslforum-org:cwmp-1-2\"><s:Header>\
         <cwmp:ID s:mustUnderstand=\"1\">{id}</cwmp:ID></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn inform(serial: &str, event: &str) -> String {
    envelope(
        "i",
        &format!(
            "<cwmp:Inform><DeviceId><Manufacturer>M</Manufacturer><OUI>0002AB</OUI>\
             <ProductClass>P</ProductClass><SerialNumber>{serial}</SerialNumber></DeviceId>\
             <Event e:arrayType=\"cwmp:EventStruct[1]\"><EventStruct><EventCode>{event}</EventCode>\
             <CommandKey></CommandKey></EventStruct></Event><MaxEnvelopes>1</MaxEnvelopes>\
             <CurrentTime>2026-05-06T07:08:09+00:00</CurrentTime><RetryCount>0</RetryCount>\
             <ParameterList e:arrayType=\"cwmp:ParameterValueStruct[0]\"></ParameterList></cwmp:Inform>"
        ),
    )
}

fn values(id: &str, name: &str, value: &str) -> String {
    envelope(
        id,
        &format!(
            "<cwmp:GetParameterValuesResponse><ParameterList \
             e:arrayType=\"cwmp:ParameterValueStruct[1]\"><ParameterValueStruct><Name>{name}</Name>\
             <Value xsi:type=\"xsd:string\">{value}</Value></ParameterValueStruct></ParameterList>\
             </cwmp:GetParameterValuesResponse>"
        ),
    )
}

fn fault(id: &str, code: u32) -> String {
    envelope(
        id,
        &format!(
            "<s:Fault><faultcode>Client</faultcode><faultstring>CWMP fault</faultstring><detail>\
             <cwmp:Fault><FaultCode>{code}</FaultCode></cwmp:Fault></detail></s:Fault>"
        ),
    )
}

#[tokio::test]
async fn a_device_without_a_script_gets_a_plain_session() {
    let acs = ScriptedAcs::start(AcsOptions::default()).await.unwrap();
    let mut cpe = FakeCpe::connect(&acs).await;
    let response = cpe.post(&inform("S1", "0 BOOTSTRAP")).await;
    assert_eq!(response.status, 200);
    assert_eq!(FakeCpe::id(&response), "i");
    assert_eq!(cpe.post("").await.status, 204);
    assert_eq!(acs.serials(), ["S1"]);
    assert_eq!(acs.exchanges("S1").len(), 2);
    assert_eq!(acs.findings(), []);
}

#[tokio::test]
async fn a_script_asks_and_gets_answers_and_faults() {
    let acs = ScriptedAcs::start(AcsOptions::default()).await.unwrap();
    let mut device = acs.device("S2");
    let mut cpe = FakeCpe::connect(&acs).await;
    let play = tokio::spawn(async move {
        cpe.post(&inform("S2", "1 BOOT")).await;
        let asked = cpe.post("").await;
        let asked = cpe
            .post(&values(&FakeCpe::id(&asked), "Device.A", "x &amp; y"))
            .await;
        cpe.post(&fault(&FakeCpe::id(&asked), 9005)).await
    });

    let mut session = device.session().await.unwrap();
    assert!(session.inform().has_event("1 BOOT"));
    assert_eq!(session.begin().await.unwrap(), []);
    assert_eq!(session.get_value("Device.A").await.unwrap(), "x & y");
    let error = session.get_names("Device.B.", true).await.unwrap_err();
    assert!(
        matches!(&error, ScriptError::Fault(fault) if fault.code == 9005),
        "{error}"
    );
    session.end().unwrap();
    assert_eq!(play.await.unwrap().status, 204);
    assert_eq!(acs.findings(), []);
}

#[tokio::test]
async fn a_cookie_ties_a_new_connection_to_its_session_and_a_missing_one_is_found() {
    let acs = ScriptedAcs::start(AcsOptions::default()).await.unwrap();
    let mut first = FakeCpe::connect(&acs).await;
    first.post(&inform("S3", "1 BOOT")).await;
    let mut second = FakeCpe::connect(&acs).await;
    second.cookie.clone_from(&first.cookie);
    second.post("").await;
    assert_eq!(acs.exchanges("S3").len(), 2);
    assert_eq!(acs.findings(), []);
    first.cookie.clear();
    first.post("").await;
    assert_eq!(acs.findings()[0].1.id, "C009");
}

#[tokio::test]
async fn a_challenged_inform_stays_in_its_session_and_renewed_nonces_are_stale() {
    let acs = ScriptedAcs::start(AcsOptions::default()).await.unwrap();
    acs.require(Some(Authentication::digest("u", "p")));
    let device = acs.device("S4");
    let mut cpe = FakeCpe::connect(&acs).await;
    let refused = cpe.post(&inform("S4", "1 BOOT")).await;
    let challenge = refused.header("www-authenticate").unwrap().to_owned();
    drop(device);
    let fields = parse_fields(challenge.strip_prefix("Digest ").unwrap());
    let answer = |count: &str| {
        let response = digest_response(&DigestInput {
            username: "u",
            password: "p",
            realm: &fields["realm"],
            nonce: &fields["nonce"],
            method: "POST",
            uri: "/acs",
            session: false,
            quality: Some((count, "c")),
        });
        format!(
            "Authorization: Digest username=\"u\", realm=\"{}\", nonce=\"{}\", uri=\"/acs\", \
             qop=auth, nc={count}, cnonce=\"c\", response=\"{response}\"\r\n",
            fields["realm"], fields["nonce"]
        )
    };
    cpe.authorization = answer("00000001");
    assert_eq!(cpe.post(&inform("S4", "1 BOOT")).await.status, 200);
    acs.device("S4").renew_nonces();
    cpe.authorization = answer("00000002");
    let stale = cpe.post("").await;
    assert_eq!(stale.status, 401);
    assert!(
        stale
            .header("www-authenticate")
            .unwrap()
            .contains("stale=true")
    );
    let sessions: Vec<u64> = acs.exchanges("S4").iter().map(|one| one.session).collect();
    assert_eq!(sessions, [1, 1, 1]);
}

#[tokio::test]
async fn a_reply_can_close_cut_or_say_anything() {
    let acs = ScriptedAcs::start(AcsOptions::default()).await.unwrap();
    let mut device = acs.device("S5");
    let mut cpe = FakeCpe::connect(&acs).await;
    let play = tokio::spawn(async move {
        let request = inform("S5", "1 BOOT");
        let request = format!(
            "POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{request}",
            request.len()
        );
        let stream = cpe.connection.stream();
        stream.write_all(request.as_bytes()).await.unwrap();
        cpe.connection.read_response(false).await
    });
    let incoming = device.next().await.unwrap();
    incoming.reply(Reply::message("<a>long enough</a>").cut_after(60));
    assert!(play.await.unwrap().is_err());
}

#[tokio::test]
async fn the_requester_answers_a_challenge_and_can_do_it_wrong() {
    // The ACS itself serves as the listener: it challenges alike.
    let acs = ScriptedAcs::start(AcsOptions::default()).await.unwrap();
    let requester = ConnectionRequester::new(acs.url()).unwrap();
    let outcome = requester.request(Shown::Nothing).await.unwrap();
    assert_eq!(outcome.answer.status, 405);
    assert!(ConnectionRequester::new("https://x/").is_err());
}

#[test]
fn the_messages_of_every_style_are_well_formed() {
    let transfer = Transfer {
        command_key: "k<&",
        file_type: "3 Vendor Configuration File",
        url: "http://h/a?b&c",
        username: "",
        password: "",
        file_size: 0,
    };
    let window = Window {
        start: "0",
        end: "60",
        mode: "1 At Any Time",
        user_message: "<&>",
        max_retries: "-1",
    };
    for style in [
        Style::standard(),
        Style::genieacs(),
        Style::freeacs(),
        Style::oktopus(),
    ] {
        for body in [
            style.inform_response(),
            style.get_parameter_values(&["Device."]),
            style.set_parameter_values(&[("A", "<&>", "xsd:string")], "k"),
            style.download(&transfer),
            style.upload(&transfer),
            style.schedule_download(&transfer, &[window, window]),
            style.add_object("Device.<X>.", "k&"),
            style.delete_object("Device.<X>.1.", "k&"),
            style.schedule_inform(5, "<k>"),
            style.cancel_transfer("<k>"),
            style.factory_reset(),
            style.answer("AutonomousTransferComplete"),
            style.answer("RequestDownload"),
            style.answer("GetRPCMethods"),
            style.fault(8005),
        ] {
            let heading = super::message::Heading {
                namespace: "urn:dslforum-org:cwmp-1-2",
                id: Some("a&b"),
                hold_requests: Some(true),
                more: "",
            };
            let envelope = style.envelope(&heading, &body);
            super::xml::parse(envelope.as_bytes()).unwrap_or_else(|error| {
                panic!("{error}: {envelope}");
            });
        }
    }
}
