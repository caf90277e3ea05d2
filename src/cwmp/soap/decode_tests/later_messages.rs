//! Rows, schedules and queues, and what settles the version.

use super::*;
use crate::cwmp::{CwmpVersion, TimeWindow};

#[test]
fn acss_add_and_delete_rows() {
    let object = |name| match decoded(name).body {
        AcsBody::Request(AcsRequest::AddObject {
            object_name,
            parameter_key,
        }) => ("add", object_name, parameter_key),
        AcsBody::Request(AcsRequest::DeleteObject {
            object_name,
            parameter_key,
        }) => ("delete", object_name, parameter_key),
        other => panic!("{name}: {other:?}"),
    };
    let profiles = "Device.Services.VoiceService.1.VoiceProfile.";
    assert_eq!(
        object("genieacs-add-object"),
        ("add", profiles.to_owned(), String::new())
    );
    assert_eq!(
        object("genieacs-delete-object"),
        ("delete", format!("{profiles}2."), String::new())
    );
    assert_eq!(
        object("oktopus-add-object"),
        ("add", format!("{profiles}1.Line."), "LC1309".to_owned())
    );
}

#[test]
fn acss_ask_without_arguments() {
    for (name, wanted) in [
        ("genieacs-factory-reset", AcsRequest::FactoryReset),
        ("freeacs-factory-reset", AcsRequest::FactoryReset),
        ("freeacs-get-rpc-methods", AcsRequest::GetRpcMethods),
        (
            "standard-get-queued-transfers",
            AcsRequest::GetQueuedTransfers,
        ),
        (
            "standard-get-all-queued-transfers",
            AcsRequest::GetAllQueuedTransfers,
        ),
    ] {
        assert_eq!(decoded(name).body, AcsBody::Request(wanted), "{name}");
    }
}

#[test]
fn an_acs_schedules() {
    let night = "night".to_owned();
    let AcsBody::Request(AcsRequest::ScheduleDownload(schedule)) =
        decoded("standard-schedule-download").body
    else {
        panic!("no ScheduleDownload");
    };
    assert_eq!(schedule.download.command_key, night);
    assert_eq!(schedule.download.password.expose(), "pa<ss");
    assert_eq!(schedule.download.file_size, 1_048_576);
    assert_eq!(schedule.download.target_file_name, "phone.bin");
    let window = |start, end, mode: &str, user_message: &str, max_retries| TimeWindow {
        start,
        end,
        mode: mode.to_owned(),
        user_message: user_message.to_owned(),
        max_retries,
    };
    assert_eq!(
        schedule.windows,
        [
            window(0, 600, "1 At Any Time", "", -1),
            window(86_400, 90_000, "2 Immediately", "New firmware tonight", 3),
        ]
    );
    assert_eq!(
        decoded("standard-schedule-inform").body,
        AcsBody::Request(AcsRequest::ScheduleInform {
            delay_seconds: 3600,
            command_key: "later & once".to_owned(),
        })
    );
    assert_eq!(
        decoded("standard-cancel-transfer").body,
        AcsBody::Request(AcsRequest::CancelTransfer { command_key: night })
    );
}

#[test]
fn wrong_arguments_of_the_schedules_are_refused() {
    let window = |start: &str, message: &str, retries: &str| {
        format!(
            "<c:ScheduleDownload><CommandKey>k</CommandKey><FileType>1 F</FileType><URL>u</URL>\
             <Username/><Password/><FileSize>0</FileSize><TargetFileName/><TimeWindowList><W>\
             <WindowStart>{start}</WindowStart><WindowEnd>9</WindowEnd>\
             <WindowMode>1 At Any Time</WindowMode><UserMessage>{message}</UserMessage>\
             <MaxRetries>{retries}</MaxRetries></W></TimeWindowList></c:ScheduleDownload>"
        )
    };
    let long = "x".repeat(257);
    let key = "k".repeat(33);
    let cases = [
        (window("-1", "", "0"), "WindowStart"),
        (window("0", &long, "0"), "UserMessage"),
        (window("0", "", "often"), "MaxRetries"),
        (
            "<c:ScheduleInform><DelaySeconds>-5</DelaySeconds><CommandKey/></c:ScheduleInform>"
                .to_owned(),
            "DelaySeconds",
        ),
        (
            format!(
                "<c:ScheduleInform><DelaySeconds>5</DelaySeconds><CommandKey>{key}</CommandKey>\
                 </c:ScheduleInform>"
            ),
            "CommandKey",
        ),
        (
            format!("<c:CancelTransfer><CommandKey>{key}</CommandKey></c:CancelTransfer>"),
            "CommandKey",
        ),
        (
            format!("<c:AddObject><ObjectName>{long}</ObjectName><ParameterKey/></c:AddObject>"),
            "ObjectName",
        ),
        (
            "<c:DeleteObject><ObjectName>D.1.</ObjectName></c:DeleteObject>".to_owned(),
            "ParameterKey",
        ),
    ];
    for (body, argument) in cases {
        let (_, text) = refusal(&body);
        assert!(text.contains(argument), "{text}");
    }
}

#[test]
fn the_version_of_a_message_is_that_of_its_prefix() {
    assert_eq!(
        decoded("genieacs-inform-response").version,
        Some(CwmpVersion::V1_2)
    );
    let message = decoded("oktopus-inform-response");
    assert_eq!(message.version, Some(CwmpVersion::V1_0));
    assert_eq!(message.use_version, None);
    let message = decoded("standard-inform-response-with-version");
    assert_eq!(message.use_version.as_deref(), Some("1.2"));
    assert_eq!(message.must_understand_unknown, None);
    let version = |body: &str| {
        let text =
            format!("<Envelope xmlns:o='urn:dslforum-org:cwmp-1-1'><Body>{body}</Body></Envelope>");
        decode(text.as_bytes()).unwrap().version
    };
    assert_eq!(version("<InformResponse/>"), Some(CwmpVersion::V1_1));
    assert_eq!(
        version("<c:InformResponse xmlns:c='urn:dslforum-org:cwmp-1-0'/>"),
        Some(CwmpVersion::V1_0)
    );
    assert_eq!(
        version("<InformResponse xmlns='urn:dslforum-org:cwmp-1-3'/>"),
        Some(CwmpVersion::V1_2)
    );
    assert_eq!(
        decode(b"<Envelope><Body><InformResponse/></Body></Envelope>")
            .unwrap()
            .version,
        None
    );
}

#[test]
fn an_acs_tells_its_methods() {
    let AcsBody::Response(AcsResponse::GetRpcMethods(methods)) =
        decoded("standard-get-rpc-methods-response").body
    else {
        panic!("no methods");
    };
    assert_eq!(methods.len(), 4);
    assert_eq!(
        methods.last().map(String::as_str),
        Some("AutonomousTransferComplete")
    );
}
