//! What ACSs send, each in its own style (cwmp.md section 11), and what is wrong with it.

use super::samples::fixture;
use crate::cwmp::{
    AcsBody, AcsFault, AcsMessage, AcsRequest, AcsResponse, Download, FaultCode, SetAttribute,
    SetValue, SoapError, decode,
};
use crate::datamodel::ValueType;
use crate::wire::Secret;

mod later_messages;

fn decoded(name: &str) -> AcsMessage {
    decode(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn set(name: &str, value: &str, value_type: Option<ValueType>) -> SetValue {
    SetValue {
        name: name.to_owned(),
        value: value.to_owned(),
        value_type,
    }
}

/// An envelope around a body, with further headers.
fn envelope(headers: &str, body: &str) -> AcsMessage {
    let text = format!(
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/' \
         xmlns:c='urn:dslforum-org:cwmp-1-2'>\
         <s:Header>{headers}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    );
    decode(text.as_bytes()).unwrap_or_else(|error| panic!("{body}: {error}"))
}

fn request(body: &str) -> AcsRequest {
    match envelope("", body).body {
        AcsBody::Request(request) => request,
        other => panic!("{body}: {other:?}"),
    }
}

/// The method and the text of the fault 9003 that a request gets.
fn refusal(body: &str) -> (String, String) {
    match envelope("", body).body {
        AcsBody::BadRequest { method, fault } => {
            assert_eq!(fault.code, FaultCode::InvalidArguments);
            assert!(fault.parameters.is_empty());
            (method, fault.text)
        }
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn genieacs_discovers_from_the_empty_path() {
    let message = decoded("genieacs-get-parameter-names");
    assert_eq!(message.id.as_deref(), Some("18f2a0c1d0000"));
    assert!(!message.hold_requests);
    assert_eq!(message.must_understand_unknown, None);
    assert_eq!(
        message.body,
        AcsBody::Request(AcsRequest::GetParameterNames {
            path: String::new(),
            next_level: true
        })
    );
}

#[test]
fn genieacs_sets_values_that_are_not_trimmed() {
    assert_eq!(
        decoded("genieacs-set-parameter-values").body,
        AcsBody::Request(AcsRequest::SetParameterValues {
            parameters: vec![
                set(
                    "Device.ManagementServer.PeriodicInformEnable",
                    "true",
                    Some(ValueType::Boolean)
                ),
                set(
                    "Device.ManagementServer.PeriodicInformTime",
                    "2026-05-06T07:08:09.000Z",
                    Some(ValueType::DateTime)
                ),
                set(
                    "Device.ManagementServer.ConnectionRequestPassword",
                    " r&<9 ",
                    Some(ValueType::String)
                ),
            ],
            parameter_key: String::new(),
        })
    );
}

#[test]
fn genieacs_leaves_the_notification_empty_that_it_does_not_change() {
    let AcsBody::Request(request) = decoded("genieacs-set-parameter-attributes").body else {
        panic!("no request");
    };
    assert_eq!(
        request,
        AcsRequest::SetParameterAttributes(vec![
            SetAttribute {
                name: "Device.DeviceInfo.SoftwareVersion".to_owned(),
                notification: Some(2),
                access_list: None,
            },
            SetAttribute {
                name: "Device.Time.".to_owned(),
                notification: None,
                access_list: Some(vec!["Subscriber".to_owned()]),
            },
        ])
    );
}

#[test]
fn genieacs_orders_a_download() {
    assert_eq!(
        decoded("genieacs-download").body,
        AcsBody::Request(AcsRequest::Download(Download {
            command_key: "18f2a0c1d0003".to_owned(),
            file_type: "3 Vendor Configuration File".to_owned(),
            url: "http://192.0.2.1:7567/phone.cfg".to_owned(),
            username: String::new(),
            password: Secret::default(),
            file_size: 1024,
            target_file_name: String::new(),
            delay_seconds: 0,
        }))
    );
}

#[test]
fn genieacs_faults_with_two_colons_are_faults() {
    let fault = AcsBody::Fault(AcsFault {
        code: Some(8000),
        text: "Method not supported".to_owned(),
    });
    assert_eq!(decoded("genieacs-fault").body, fault);
    let bare = String::from_utf8(fixture("genieacs-fault")).unwrap();
    let bare = bare
        .replace("<soap-env:Body>", "")
        .replace("</soap-env:Body>", "");
    assert_eq!(decode(bare.as_bytes()).unwrap().body, fault);
}

#[test]
fn a_bare_ampersand_is_an_error_with_its_place() {
    let error = decode(&fixture("genieacs-download-with-bare-ampersand")).unwrap_err();
    let SoapError::NotWellFormed { position, .. } = error else {
        panic!("{error}");
    };
    let text = fixture("genieacs-download-with-bare-ampersand");
    assert_eq!(text.get(usize::try_from(position).unwrap()), Some(&b'&'));
}

#[test]
fn freeacs_asks_for_no_names_and_sends_no_more_requests() {
    let message = decoded("freeacs-get-parameter-values");
    assert_eq!(message.id.as_deref(), Some("FREEACS-3"));
    assert_eq!(message.must_understand_unknown, None);
    let wanted = AcsRequest::GetParameterValues(Vec::new());
    assert_eq!(message.body, AcsBody::Request(wanted));
}

#[test]
fn freeacs_puts_white_space_around_paths() {
    assert_eq!(
        decoded("freeacs-get-parameter-names").body,
        AcsBody::Request(AcsRequest::GetParameterNames {
            path: "Device.DeviceInfo.VendorConfigFile.".to_owned(),
            next_level: false
        })
    );
}

#[test]
fn oktopus_declares_odd_namespaces_and_leaves_types_out() {
    let message = decoded("oktopus-set-parameter-values");
    assert_eq!(message.id.as_deref(), Some("31337"));
    assert_eq!(
        message.body,
        AcsBody::Request(AcsRequest::SetParameterValues {
            parameters: vec![set("Device.Time.NTPServer1", "time.example.net", None)],
            parameter_key: "LC1309".to_owned(),
        })
    );
}

#[test]
fn any_layout_is_understood() {
    let message = decoded("odd-layout");
    assert_eq!(message.id.as_deref(), Some("<x> é \r"));
    assert!(message.hold_requests);
    assert_eq!(message.must_understand_unknown, None);
    assert_eq!(
        message.body,
        AcsBody::Request(AcsRequest::SetParameterValues {
            parameters: vec![
                set("Device.A.Int", "300", Some(ValueType::UnsignedInt)),
                set("Device.A.Text", " a <b>&'\n ", None),
            ],
            parameter_key: String::new(),
        })
    );
}

#[test]
fn the_other_requests() {
    let names =
        "<ParameterNames><string> Device. </string><string>Device.A.B</string></ParameterNames>";
    let wanted = vec!["Device.".to_owned(), "Device.A.B".to_owned()];
    let body = format!("<c:GetParameterValues>{names}</c:GetParameterValues>");
    assert_eq!(
        request(&body),
        AcsRequest::GetParameterValues(wanted.clone())
    );
    let body = format!("<c:GetParameterAttributes>{names}</c:GetParameterAttributes>");
    assert_eq!(request(&body), AcsRequest::GetParameterAttributes(wanted));

    assert_eq!(request("<c:GetRPCMethods/>"), AcsRequest::GetRpcMethods);
    assert_eq!(
        request("<c:Reboot><CommandKey> k </CommandKey></c:Reboot>"),
        AcsRequest::Reboot {
            command_key: " k ".to_owned()
        }
    );
    let AcsRequest::Upload(upload) = request(
        "<c:Upload><CommandKey>k</CommandKey><FileType>1 Vendor Configuration File</FileType>\
         <URL> http://192.0.2.1/put </URL><Username>u</Username><Password> p </Password>\
         <DelaySeconds>30</DelaySeconds></c:Upload>",
    ) else {
        panic!("no Upload");
    };
    assert_eq!(upload.url, "http://192.0.2.1/put");
    assert_eq!(upload.password.expose(), " p ");
    assert_eq!(upload.delay_seconds, 30);
}

#[test]
fn an_unknown_method_keeps_its_name() {
    for name in [
        "FooBar",
        "SetVouchers",
        "GetOptions",
        "Kicked",
        "ChangeDUState",
        "Inform",
    ] {
        let wanted = AcsRequest::Unsupported(name.to_owned());
        assert_eq!(request(&format!("<c:{name}/>")), wanted);
    }
    let long = "x".repeat(5000);
    let shortened = AcsRequest::Unsupported("x".repeat(64));
    assert_eq!(request(&format!("<{long}/>")), shortened);
}

#[test]
fn responses() {
    let cases = [
        (
            "<c:InformResponse><MaxEnvelopes>9</MaxEnvelopes><More/></c:InformResponse>",
            AcsResponse::Inform,
        ),
        (
            "<c:TransferCompleteResponse/>",
            AcsResponse::TransferComplete,
        ),
        (
            "<c:GetRPCMethodsResponse><MethodList><string>Inform</string></MethodList></c:GetRPCMethodsResponse>",
            AcsResponse::GetRpcMethods(vec!["Inform".to_owned()]),
        ),
        (
            "<c:KickedResponse/>",
            AcsResponse::Other("KickedResponse".to_owned()),
        ),
    ];
    for (body, wanted) in cases {
        assert_eq!(envelope("", body).body, AcsBody::Response(wanted));
    }
}

#[test]
fn faults_with_and_without_detail() {
    let full = "<s:Fault><faultcode>Client</faultcode><faultstring>CWMP fault</faultstring>\
        <detail><c:Fault><FaultCode> 8005 </FaultCode></c:Fault></detail></s:Fault>";
    let AcsBody::Fault(fault) = envelope("", full).body else {
        panic!("no fault");
    };
    assert!(fault.asks_for_retry());
    assert_eq!(fault.text, "CWMP fault");

    let bare = "<s:Fault><faultcode>s:Server</faultcode><faultstring>busy</faultstring></s:Fault>";
    let wanted = AcsFault {
        code: None,
        text: "busy".to_owned(),
    };
    assert_eq!(envelope("", bare).body, AcsBody::Fault(wanted));
}

#[test]
fn a_header_that_must_be_understood_is_told_only_when_it_is_unknown() {
    let unknown = |headers: &str| envelope(headers, "<c:GetRPCMethods/>").must_understand_unknown;
    let transaction = Some("Transaction".to_owned());
    assert_eq!(
        unknown("<x:Transaction s:mustUnderstand='1'/>"),
        transaction
    );
    assert_eq!(unknown("<x:Transaction s:mustUnderstand='0'/>"), None);
    assert_eq!(unknown("<x:Transaction/>"), None);
    assert_eq!(unknown("<c:ID s:mustUnderstand='1'>1</c:ID>"), None);
}

#[test]
fn an_envelope_without_headers_has_no_id() {
    let message = decode(b"<Envelope><Body><GetRPCMethods/></Body></Envelope>").unwrap();
    assert_eq!(message.id, None);
    assert_eq!(message.body, AcsBody::Request(AcsRequest::GetRpcMethods));
}

#[test]
fn what_is_no_envelope_is_an_error() {
    let wrong_root = decode(b"<html><body>Login</body></html>");
    let root = "html".to_owned();
    assert_eq!(wrong_root, Err(SoapError::NoEnvelope { root }));
    for body in ["<Envelope/>", "<Envelope><Body/></Envelope>"] {
        assert_eq!(decode(body.as_bytes()), Err(SoapError::NoMessage));
    }
}

#[test]
fn missing_arguments_are_refused() {
    let cases = [
        ("<c:Reboot/>", "Reboot", "CommandKey"),
        (
            "<c:GetParameterValues/>",
            "GetParameterValues",
            "ParameterNames",
        ),
        (
            "<c:GetParameterNames><NextLevel>1</NextLevel></c:GetParameterNames>",
            "GetParameterNames",
            "ParameterPath",
        ),
        (
            "<c:GetParameterNames><ParameterPath/></c:GetParameterNames>",
            "GetParameterNames",
            "NextLevel",
        ),
        (
            "<c:SetParameterValues><ParameterKey/></c:SetParameterValues>",
            "SetParameterValues",
            "ParameterList",
        ),
        (
            "<c:SetParameterValues><ParameterList/></c:SetParameterValues>",
            "SetParameterValues",
            "ParameterKey",
        ),
        (
            "<c:SetParameterValues><ParameterList><a><Name>x</Name></a></ParameterList><ParameterKey/></c:SetParameterValues>",
            "SetParameterValues",
            "Value",
        ),
        (
            "<c:SetParameterAttributes><ParameterList><a><Name>x</Name><NotificationChange>1</NotificationChange>\
             <AccessListChange>0</AccessListChange></a></ParameterList></c:SetParameterAttributes>",
            "SetParameterAttributes",
            "Notification",
        ),
    ];
    for (body, method, argument) in cases {
        let wanted = format!("the argument {argument} is missing");
        assert_eq!(refusal(body), (method.to_owned(), wanted), "{body}");
    }
}

#[test]
fn over_long_arguments_are_refused_by_characters_not_bytes() {
    let key = |length: usize| {
        format!(
            "<c:Reboot><CommandKey>{}</CommandKey></c:Reboot>",
            "é".repeat(length)
        )
    };
    assert!(matches!(request(&key(32)), AcsRequest::Reboot { .. }));
    let wanted = "CommandKey has 33 characters; at most 32 are allowed";
    assert_eq!(refusal(&key(33)).1, wanted);

    let set = |name: usize, key: usize| {
        format!(
            "<c:SetParameterValues><ParameterList><a><Name>{}</Name><Value/></a></ParameterList>\
             <ParameterKey>{}</ParameterKey></c:SetParameterValues>",
            "n".repeat(name),
            "k".repeat(key)
        )
    };
    assert!(matches!(
        request(&set(256, 32)),
        AcsRequest::SetParameterValues { .. }
    ));
    assert!(refusal(&set(257, 32)).1.starts_with("Name has 257"));
    assert!(refusal(&set(256, 33)).1.starts_with("ParameterKey has 33"));

    let long = "n".repeat(257);
    let body = format!(
        "<c:GetParameterValues><ParameterNames><string>{long}</string></ParameterNames></c:GetParameterValues>"
    );
    assert!(refusal(&body).1.starts_with("ParameterNames has 257"));
}

#[test]
fn every_argument_of_a_transfer_has_its_limit() {
    let download = |name: &str, value: &str| {
        let arguments = [
            ("CommandKey", "k"),
            ("FileType", "1 Firmware Upgrade Image"),
            ("URL", "http://192.0.2.1/f"),
            ("Username", ""),
            ("Password", ""),
            ("FileSize", "0"),
            ("TargetFileName", ""),
            ("DelaySeconds", "0"),
            ("SuccessURL", ""),
            ("FailureURL", ""),
        ]
        .map(|(argument, usual)| {
            let value = if argument == name { value } else { usual };
            format!("<{argument}>{value}</{argument}>")
        });
        format!("<c:Download>{}</c:Download>", arguments.concat())
    };
    let limits = [
        ("CommandKey", 32),
        ("FileType", 64),
        ("URL", 256),
        ("Username", 256),
        ("Password", 256),
        ("TargetFileName", 256),
        ("SuccessURL", 256),
        ("FailureURL", 256),
    ];
    for (name, limit) in limits {
        let allowed = download(name, &"x".repeat(limit));
        assert!(
            matches!(request(&allowed), AcsRequest::Download(_)),
            "{name}"
        );
        let (_, text) = refusal(&download(name, &"x".repeat(limit + 1)));
        assert!(
            text.starts_with(name) && text.contains(&limit.to_string()),
            "{text}"
        );
    }
    for name in ["FileSize", "DelaySeconds"] {
        for value in ["-1", "4294967296", "ten", ""] {
            assert!(refusal(&download(name, value)).1.starts_with(name));
        }
        assert!(matches!(
            request(&download(name, " 4294967295 ")),
            AcsRequest::Download(_)
        ));
    }
}

#[test]
fn mistyped_arguments_are_refused() {
    let maybe =
        "<c:GetParameterNames><ParameterPath/><NextLevel>maybe</NextLevel></c:GetParameterNames>";
    assert_eq!(refusal(maybe).1, "NextLevel should be 0, 1, false or true");
    let markup = "<c:SetParameterValues><ParameterList><a><Name>x</Name><Value>a<b/></Value></a></ParameterList>\
         <ParameterKey/></c:SetParameterValues>";
    assert_eq!(
        refusal(markup).1,
        "Value should be text without elements in it"
    );
}

#[test]
fn a_refusal_never_repeats_a_password() {
    let long = "secret".repeat(50);
    let body = format!(
        "<c:Upload><CommandKey>k</CommandKey><FileType>1</FileType><URL>u</URL><Username/>\
         <Password>{long}</Password><DelaySeconds>0</DelaySeconds></c:Upload>"
    );
    assert!(!refusal(&body).1.contains("secret"));
}
