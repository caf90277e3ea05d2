//! The checks themselves are checked.

use super::*;

fn headers() -> Vec<Header> {
    vec![
        (
            "Content-Type".to_owned(),
            "text/xml; charset=utf-8".to_owned(),
        ),
        ("SOAPAction".to_owned(), String::new()),
        ("Content-Length".to_owned(), "1".to_owned()),
    ]
}

fn envelope(body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:e=\"http://schemas.xmlsoap.org/soap/encoding/\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:cwmp=\"urn:dslforum-org:cwmp-1-2\"><s:Header>\
         <cwmp:ID s:mustUnderstand=\"1\">1</cwmp:ID></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

const INFORM: &str = "<cwmp:Inform><DeviceId><Manufacturer>M</Manufacturer><OUI>0002AB</OUI>\
    <ProductClass>P</ProductClass><SerialNumber>S</SerialNumber></DeviceId>\
    <Event e:arrayType=\"cwmp:EventStruct[1]\"><EventStruct><EventCode>0 BOOTSTRAP</EventCode>\
    <CommandKey></CommandKey></EventStruct></Event><MaxEnvelopes>1</MaxEnvelopes>\
    <CurrentTime>2026-05-06T07:08:09+02:00</CurrentTime><RetryCount>0</RetryCount>\
    <ParameterList e:arrayType=\"cwmp:ParameterValueStruct[1]\"><ParameterValueStruct>\
    <Name>Device.ManagementServer.ParameterKey</Name><Value xsi:type=\"xsd:string\"></Value>\
    </ParameterValueStruct></ParameterList></cwmp:Inform>";

fn ids(body: &str) -> Vec<&'static str> {
    check_message(&headers(), envelope(body).as_bytes(), None)
        .iter()
        .map(|finding| finding.id)
        .collect()
}

#[test]
fn a_good_inform_has_no_finding() {
    assert_eq!(
        check_message(&headers(), envelope(INFORM).as_bytes(), None),
        []
    );
}

#[test]
fn each_broken_rule_is_found_under_its_id() {
    for (from, to, id) in [
        ("<RetryCount>0</RetryCount>", "", "C002"),
        ("<OUI>0002AB</OUI>", "<OUI>0002ab</OUI>", "C002"),
        ("0 BOOTSTRAP", "BOOTSTRAP", "C002"),
        (
            "<CommandKey></CommandKey>",
            "<CommandKey>123456789012345678901234567890123</CommandKey>",
            "C002",
        ),
        (
            "<MaxEnvelopes>1</MaxEnvelopes>",
            "<cwmp:MaxEnvelopes>1</cwmp:MaxEnvelopes>",
            "C003",
        ),
        ("EventStruct[1]", "EventStruct[2]", "C004"),
        (" xsi:type=\"xsd:string\"", "", "C005"),
        ("xsd:string", "xsd:boolean", "C005"),
        ("ManagementServer.ParameterKey", "ManagementServer.", "C011"),
        ("07:08:09+02:00", "07:08:09", "C012"),
    ] {
        assert!(INFORM.contains(from), "{from}");
        let broken = INFORM.replace(from, to);
        assert!(ids(&broken).contains(&id), "{to:?}: {:?}", ids(&broken));
    }
}

#[test]
fn a_name_that_is_there_twice_is_found() {
    let item = "<ParameterValueStruct><Name>Device.X</Name>\
         <Value xsi:type=\"xsd:string\">a</Value></ParameterValueStruct>";
    let body = format!(
        "<cwmp:GetParameterValuesResponse><ParameterList e:arrayType=\"cwmp:ParameterValueStruct[2]\">\
         {item}{item}</ParameterList></cwmp:GetParameterValuesResponse>"
    );
    assert_eq!(ids(&body), ["C011"]);
}

#[test]
fn a_fault_needs_its_form_and_the_faultcode_of_its_number() {
    let fault = |code: &str, number: u32| {
        format!(
            "<s:Fault><faultcode>s:{code}</faultcode><faultstring>CWMP fault</faultstring><detail>\
             <cwmp:Fault><FaultCode>{number}</FaultCode><FaultString>f</FaultString></cwmp:Fault>\
             </detail></s:Fault>"
        )
    };
    assert!(ids(&fault("Client", 9005)).is_empty());
    assert!(ids(&fault("Server", 9000)).is_empty());
    assert_eq!(ids(&fault("Server", 9005)), ["C010"]);
    assert_eq!(
        ids(
            "<s:Fault><faultcode>Client</faultcode><faultstring>CWMP fault</faultstring></s:Fault>"
        ),
        ["C010"]
    );
}

#[test]
fn the_types_of_known_paths_are_compared() {
    let table = |path: &str| {
        path.ends_with("ParameterKey")
            .then(|| "xsd:unsignedInt".to_owned())
    };
    let findings = check_message(&headers(), envelope(INFORM).as_bytes(), Some(&table));
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].id, "C005");
}

#[test]
fn headers_and_namespaces_are_looked_at() {
    let good = envelope(INFORM);
    let find = |headers: &[Header], body: &str| {
        check_message(headers, body.as_bytes(), None)
            .iter()
            .map(|finding| finding.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(find(&[], &good), ["C008", "C008"]);
    assert_eq!(
        find(&headers(), &good.replace("cwmp-1-2", "cwmp-1-4")),
        ["C007", "C002"]
    );
    assert_eq!(
        find(
            &headers(),
            &good.replace(
                "</s:Header>",
                "<cwmp:HoldRequests>0</cwmp:HoldRequests></s:Header>"
            )
        ),
        ["C007"]
    );
    assert_eq!(find(&headers(), "<a>"), ["C001"]);
    let empty = [("Content-Length".to_owned(), "0".to_owned())];
    assert!(find(&empty, "").is_empty());
}

#[test]
fn a_namespace_holds_what_its_version_has_and_no_more() {
    let found = |number: u8, body: &str, blocks: &str| {
        let text = envelope(body)
            .replace("cwmp-1-2", &format!("cwmp-1-{number}"))
            .replace("</s:Header>", &format!("{blocks}</s:Header>"));
        check_message(&headers(), text.as_bytes(), None)
            .iter()
            .map(|finding| finding.id)
            .collect::<Vec<_>>()
    };
    let transfers = "<cwmp:GetAllQueuedTransfersResponse><TransferList \
         e:arrayType=\"cwmp:AllQueuedTransferStruct[0]\"></TransferList>\
         </cwmp:GetAllQueuedTransfersResponse>";
    let report = "<cwmp:TransferComplete><CommandKey></CommandKey><FaultStruct>\
         <FaultCode>9016</FaultCode><FaultString></FaultString></FaultStruct>\
         <StartTime>0001-01-01T00:00:00Z</StartTime>\
         <CompleteTime>0001-01-01T00:00:00Z</CompleteTime></cwmp:TransferComplete>";
    let scheduled = "<cwmp:ScheduleDownloadResponse></cwmp:ScheduleDownloadResponse>";
    let heartbeat = INFORM.replace("0 BOOTSTRAP", "14 HEARTBEAT");
    for (body, first) in [(transfers, 1), (report, 1), (scheduled, 2), (&heartbeat, 2)] {
        for number in 0..=2 {
            let wanted: &[&str] = if number < first { &["C002"] } else { &[] };
            assert_eq!(found(number, body, ""), wanted, "{number}: {body}");
        }
    }
    let versions = "<cwmp:SupportedCWMPVersions s:mustUnderstand=\"0\">1.4\
         </cwmp:SupportedCWMPVersions>";
    assert!(found(2, INFORM, versions).is_empty());
    assert_eq!(found(1, INFORM, versions), ["C007"]);
    assert_eq!(found(2, scheduled, versions), ["C007"]);
}

#[test]
fn cookies_come_back_with_the_latest_value_and_nothing_else() {
    let set = [
        SetCookie::parse("session=1; Path=/acs; HttpOnly").unwrap(),
        SetCookie::parse("other=2; Path=/elsewhere").unwrap(),
    ];
    let check = |line: &str| {
        let headers = [("Cookie".to_owned(), line.to_owned())];
        check_cookies(&headers, "/acs", &set).len()
    };
    assert_eq!(check("session=1"), 0);
    assert_eq!(check("session=0"), 1);
    assert_eq!(check("session=1; old=3"), 1);
    assert_eq!(check_cookies(&[], "/acs", &set).len(), 1);
    assert_eq!(check("session=1; Path=/acs"), 1);
}
