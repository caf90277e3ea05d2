//! The law of the session machine. The file that takes this module in has `cwmp` in scope.

use std::sync::Arc;

use super::cwmp::{
    AcsProfile, AcsRequest, AutonomousTransferComplete, CpeCall, CpeResponse, CwmpVersion,
    Delivered, DeviceId, Event, EventCode, Fault, FaultCode, Inform, ParameterAttribute,
    ParameterInfo, Reply, RequestDownload, Session, SessionEnd, SessionFailure, SessionStart, Step,
    TransferComplete,
};

/// Replies that a script picks by number, whole and well-formed.
const BODIES: [&str; 24] = [
    "",
    "<Envelope><Body><InformResponse/></Body></Envelope>",
    "<Envelope><Header><HoldRequests>1</HoldRequests></Header><Body><InformResponse/></Body></Envelope>",
    "<Envelope><Body><TransferCompleteResponse/></Body></Envelope>",
    "<Envelope><Body><AutonomousTransferCompleteResponse/></Body></Envelope>",
    "<Envelope><Body><Fault><detail><Fault><FaultCode>8005</FaultCode></Fault></detail></Fault></Body></Envelope>",
    "<Envelope><Body><Fault><detail><Fault><FaultCode>8002</FaultCode></Fault></detail></Fault></Body></Envelope>",
    "<Envelope><Body:Fault><faultcode>Server</faultcode></Body:Fault></Envelope>",
    "<Envelope><Header><ID>7</ID></Header><Body><GetRPCMethods/></Body></Envelope>",
    "<Envelope><Body><Reboot><CommandKey>k</CommandKey></Reboot></Body></Envelope>",
    "<Envelope><Body><Reboot/></Body></Envelope>",
    "<Envelope><Body><FooBar/></Body></Envelope>",
    "<Envelope><Header><HoldRequests>1</HoldRequests></Header><Body><GetRPCMethods/></Body></Envelope>",
    "<Envelope><Header><X mustUnderstand='1'/></Header><Body><GetRPCMethods/></Body></Envelope>",
    "<Envelope><Header><X mustUnderstand='1'/></Header><Body><InformResponse/></Body></Envelope>",
    "rubbish",
    "<Envelope xmlns='urn:dslforum-org:cwmp-1-0'><Body><InformResponse/></Body></Envelope>",
    "<Envelope><Header><UseCWMPVersion mustUnderstand='1'>1.4</UseCWMPVersion></Header><Body><InformResponse/></Body></Envelope>",
    "<Envelope><Body><GetRPCMethodsResponse><MethodList><string>RequestDownload</string></MethodList></GetRPCMethodsResponse></Body></Envelope>",
    "<Envelope><Body><RequestDownloadResponse/></Body></Envelope>",
    "<Envelope><Body><GetAllQueuedTransfers/></Body></Envelope>",
    "<Envelope><Body><ScheduleDownload/></Body></Envelope>",
    "<Envelope><Body><SetParameterAttributes><ParameterList><S><Name>Device.X</Name><NotificationChange>1</NotificationChange><Notification>5</Notification><AccessListChange>0</AccessListChange></S></ParameterList></SetParameterAttributes></Body></Envelope>",
    "<Envelope><Header><UseCWMPVersion mustUnderstand='1'>9</UseCWMPVersion></Header><Body><InformResponse/></Body></Envelope>",
];

/// Statuses of the bytes from 0xC0 on that carry one of the first bodies.
const STATUSES: [u16; 3] = [204, 500, 503];

/// Plays a script against a session with calls of every kind to make; its first byte picks version
/// and profile. Each further byte is one event: below 0xC0 a reply of status 200, below 0xF0 one
/// of another; a byte of 0xF0 and above takes the rest of the script as the body of a reply.
///
/// The law: nothing panics; the machine gives the same step until it is told something that fits;
/// it needs no more than one event per step, so it ends when the script does and the connection
/// with it; it commits nothing twice, and nothing before the Inform; what it sends has the length
/// that it says, and no namespace that does not exist; and once it has ended, it stays so.
pub(crate) fn holds(script: &[u8]) {
    let mut script = script.iter();
    let mut session = Session::new(start(script.next().copied().unwrap_or_default()));
    let mut committed = Vec::new();
    while let Some(&byte) = script.next() {
        let step = session.poll();
        assert_eq!(step, session.poll());
        match step.clone() {
            Step::Send(message) => {
                if let Some(message) = message {
                    let text = message.to_vec();
                    assert_eq!(text.len(), message.length());
                    let text = String::from_utf8(text).expect("messages are ASCII");
                    assert!(!text.contains("cwmp-1-3") && !text.contains("cwmp-1-4"));
                }
                let status = match byte {
                    0xC0..=0xEF => STATUSES[usize::from((byte - 0xC0) >> 4)],
                    _ => 200,
                };
                let body = match byte {
                    0xF0.. => script.as_slice(),
                    0xC0..=0xEF => BODIES[usize::from(byte & 0xF)].as_bytes(),
                    _ => BODIES[usize::from(byte) % BODIES.len()].as_bytes(),
                };
                // Calls that do not fit change nothing.
                session.on_committed();
                session.on_result(Ok(CpeResponse::Reboot));
                assert_eq!(step, session.poll());
                session.on_reply(Reply {
                    status,
                    body,
                    retry_after: None,
                });
            }
            Step::Execute(request) => {
                assert!(!matches!(request, AcsRequest::Unsupported(_)));
                session.on_result(result(byte));
            }
            Step::Commit(delivered) => {
                assert!(!committed.contains(&delivered));
                assert!(delivered == Delivered::Inform || committed.contains(&Delivered::Inform));
                committed.push(delivered);
                session.on_committed();
            }
            Step::Finish(_) => break,
        }
    }
    session.on_failure(SessionFailure::Silence { seconds: 30 });
    let end = session.poll();
    assert!(matches!(end, Step::Finish(_)));
    if end == Step::Finish(SessionEnd::Complete) {
        assert!(committed.contains(&Delivered::Inform));
    }
    let doubt = session.version_doubt();
    session.on_reply(Reply {
        status: 200,
        body: BODIES[1].as_bytes(),
        retry_after: None,
    });
    session.on_failure(SessionFailure::EndlessRetry);
    assert_eq!(session.poll(), end);
    assert_eq!(session.version_doubt(), doubt);
}

fn result(byte: u8) -> Result<CpeResponse, Fault> {
    Ok(match byte & 3 {
        0 => CpeResponse::GetRpcMethods(vec!["Reboot".to_owned(), "CancelTransfer".to_owned()]),
        1 => CpeResponse::GetParameterNames(vec![ParameterInfo {
            name: "<&>".repeat(usize::from(byte)),
            writable: true,
        }]),
        2 => CpeResponse::GetParameterAttributes(vec![ParameterAttribute {
            name: "Device.X".to_owned(),
            notification: Default::default(),
            access_list: Vec::new(),
        }]),
        _ => return Err(Fault::new(FaultCode::InternalError, "full")),
    })
}

fn start(choice: u8) -> SessionStart {
    let report = |key: &str| TransferComplete {
        command_key: key.to_owned(),
        fault: None,
        start_time: None,
        complete_time: None,
    };
    let autonomous = AutonomousTransferComplete {
        announce_url: String::new(),
        transfer_url: String::new(),
        is_download: true,
        file_type: "1 Firmware Upgrade Image".to_owned(),
        file_size: 0,
        target_file_name: String::new(),
        fault: None,
        start_time: None,
        complete_time: None,
    };
    let wish = RequestDownload {
        file_type: "1 Firmware Upgrade Image".to_owned(),
        arguments: Vec::new(),
    };
    SessionStart {
        inform: Inform {
            device_id: DeviceId {
                manufacturer: "Maker".to_owned(),
                oui: "0A1B2C".to_owned(),
                product_class: "P100".to_owned(),
                serial_number: "0A1B2C000001".to_owned(),
            },
            events: vec![Event::plain(EventCode::TransferComplete)],
            current_time: Default::default(),
            retry_count: 0,
            parameters: Vec::new(),
        },
        calls: vec![
            (1, CpeCall::TransferComplete(report("k1"))),
            (2, CpeCall::TransferComplete(report("k2"))),
            (3, CpeCall::AutonomousTransferComplete(autonomous)),
            (4, CpeCall::RequestDownload(wish)),
        ],
        version: CwmpVersion::ALL[usize::from(choice) % CwmpVersion::ALL.len()],
        profile: Arc::new(AcsProfile {
            ask_methods: choice & 0x80 == 0,
            empty_acknowledges: choice & 0x40 != 0,
            ..AcsProfile::default()
        }),
        id_seed: 1,
    }
}
