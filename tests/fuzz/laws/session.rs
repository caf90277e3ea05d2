//! The law of the session machine. The file that takes this module in has `cwmp` in scope.

use super::cwmp::{
    AcsRequest, CpeCall, CpeResponse, Delivered, DeviceId, Event, EventCode, Fault, FaultCode,
    Inform, Reply, Session, SessionEnd, SessionFailure, SessionStart, Step, TransferComplete,
};

/// Replies that a script picks by number, whole and well-formed.
const BODIES: [&str; 16] = [
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
];

/// Plays a script against a session with two transfers to report. Each byte is one event; a byte
/// of 0xF0 and above takes the rest of the script as the body of a reply.
///
/// The law: nothing panics; the machine gives the same step until it is told something that fits;
/// it needs no more than one event per step, so it ends when the script does and the connection
/// with it; it commits nothing twice, and no transfer before the Inform; and once it has ended, it
/// stays so.
pub(crate) fn holds(script: &[u8]) {
    let mut session = Session::new(start());
    let mut committed = Vec::new();
    let mut script = script.iter();
    while let Some(&byte) = script.next() {
        let step = session.poll();
        assert_eq!(step, session.poll());
        match step {
            Step::Send(_) => {
                let status = match byte >> 4 {
                    0..=0xB | 0xF => 200,
                    0xC => 204,
                    0xD => 500,
                    _ => 503,
                };
                let body = match byte {
                    0xF0.. => script.as_slice(),
                    _ => BODIES[usize::from(byte & 0xF)].as_bytes(),
                };
                // Calls that do not fit change nothing.
                session.on_committed();
                session.on_result(Ok(CpeResponse::Reboot));
                assert_eq!(step, session.poll());
                session.on_reply(Reply { status, body });
            }
            Step::Execute(request) => {
                assert!(!matches!(request, AcsRequest::Unsupported(_)));
                session.on_result(match byte & 1 {
                    0 => Ok(CpeResponse::GetRpcMethods(vec!["Reboot".to_owned()])),
                    _ => Err(Fault::new(FaultCode::InternalError, "full")),
                });
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
    session.on_reply(Reply {
        status: 200,
        body: BODIES[1].as_bytes(),
    });
    session.on_failure(SessionFailure::Status { status: 400 });
    assert_eq!(session.poll(), end);
}

fn start() -> SessionStart {
    let report = |key: &str| TransferComplete {
        command_key: key.to_owned(),
        fault: None,
        start_time: None,
        complete_time: None,
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
        ],
        id_seed: 1,
    }
}
