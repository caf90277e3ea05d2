//! The version in force: C070 to C072 as far as the machine goes.

use super::*;
use crate::cwmp::soap::samples::autonomous_report;
use crate::cwmp::{Notification, ParameterAttribute, VersionDoubt};

const ATTRIBUTES: &str = "<cwmp:SetParameterAttributes><ParameterList>\
    <SetParameterAttributesStruct><Name>Device.X</Name><NotificationChange>1</NotificationChange>\
    <Notification>4</Notification><AccessListChange>0</AccessListChange><AccessList/>\
    </SetParameterAttributesStruct></ParameterList></cwmp:SetParameterAttributes>";

fn use_version(version: &str) -> String {
    format!("<cwmp:UseCWMPVersion soap:mustUnderstand='1'>{version}</cwmp:UseCWMPVersion>")
}

fn envelope_in(number: u8, body: &str) -> String {
    envelope("", body).replace("cwmp-1-2", &format!("cwmp-1-{number}"))
}

/// A session that was answered with UseCWMPVersion.
fn settled(version: &str) -> Play {
    Play::informed(&[], &use_version(version))
}

fn refused(play: &mut Play, body: &str, code: u16) {
    play.answer(body);
    let answer = play.sent();
    let code = format!("<FaultCode>{code}</FaultCode>");
    assert!(answer.contains(&code), "{answer}");
}

#[test]
fn c070_the_version_that_the_acs_chooses_is_in_force() {
    let mut play = Play::new(&[]);
    let sent = play.sent();
    let offered = "<cwmp:SupportedCWMPVersions soap-env:mustUnderstand=\"0\">1.0,1.1,1.2,1.3,1.4<";
    assert!(sent.contains(offered), "{sent}");
    let mut play = settled("1.2");
    play.sent_empty_post();
    refused(&mut play, ATTRIBUTES, 9003);
    play.answer("<cwmp:ScheduleDownload/>");
    assert!(
        play.sent().contains("<FaultCode>9003</FaultCode>"),
        "known, and without arguments"
    );

    let mut play = settled("1.4");
    play.answer(ATTRIBUTES);
    play.executed(Ok(CpeResponse::SetParameterAttributes));
}

#[test]
fn without_a_choice_the_namespace_decides_and_1_2_is_the_most_that_it_says() {
    let mut play = Play::informed(&[], "");
    refused(&mut play, ATTRIBUTES, 9003);
    let mut play = Play::with(Vec::new(), CwmpVersion::V1_0, AcsProfile::default());
    assert!(!play.sent().contains("SupportedCWMPVersions"));
    play.answer(INFORM_RESPONSE);
    play.committed(Delivered::Inform);
    refused(&mut play, "<cwmp:GetAllQueuedTransfers/>", 9000);
    assert!(play.sent().contains("urn:dslforum-org:cwmp-1-0"));
}

#[test]
fn c071_an_answer_in_1_0_takes_the_rest_of_the_session_there() {
    let mut play = Play::new(&[]);
    assert!(play.sent().contains("urn:dslforum-org:cwmp-1-2"));
    play.reply(200, envelope_in(0, INFORM_RESPONSE).as_bytes());
    play.committed(Delivered::Inform);
    for method in [
        "GetAllQueuedTransfers",
        "ScheduleDownload",
        "CancelTransfer",
        "ChangeDUState",
    ] {
        play.reply(200, envelope_in(0, &format!("<cwmp:{method}/>")).as_bytes());
        let answer = play.sent();
        assert!(answer.contains("<FaultCode>9000</FaultCode>"), "{answer}");
        assert!(answer.contains("urn:dslforum-org:cwmp-1-0"), "{answer}");
    }
    play.answer("<cwmp:GetRPCMethods/>");
    let methods = ["GetRPCMethods", "GetAllQueuedTransfers", "CancelTransfer"];
    let methods = methods.map(str::to_owned).to_vec();
    play.executed(Ok(CpeResponse::GetRpcMethods(methods)));
    let answer = play.sent();
    assert!(answer.contains("\"xsd:string[1]\""), "{answer}");
    assert!(
        answer.contains("<string>GetRPCMethods</string>"),
        "{answer}"
    );
}

#[test]
fn a_notification_of_1_4_is_told_to_an_older_acs_as_what_is_left_of_it() {
    let mut play = settled("1.2");
    play.answer("<cwmp:GetParameterAttributes><ParameterNames/></cwmp:GetParameterAttributes>");
    let attribute = ParameterAttribute {
        name: "Device.X".to_owned(),
        notification: Notification::ActiveBoth,
        access_list: Vec::new(),
    };
    play.executed(Ok(CpeResponse::GetParameterAttributes(vec![attribute])));
    assert!(play.sent().contains("<Notification>2</Notification>"));
}

#[test]
fn what_the_version_does_not_have_is_not_said() {
    let report = CpeCall::AutonomousTransferComplete(autonomous_report());
    let mut play = Play::with(vec![(3, report)], CwmpVersion::V1_4, AcsProfile::default());
    play.reply(200, envelope_in(0, INFORM_RESPONSE).as_bytes());
    play.committed(Delivered::Inform);
    play.committed(Delivered::Unlisted(vec![3]));
    play.sent_empty_post();
}

#[test]
fn a_session_timeout_is_told_from_1_3_on() {
    let profile = || AcsProfile {
        session_timeout: Some(90),
        ..AcsProfile::default()
    };
    let header = "<cwmp:SessionTimeout soap-env:mustUnderstand=\"0\">90</cwmp:SessionTimeout>";
    for version in CwmpVersion::ALL {
        let mut play = Play::with(reports(&[1]), version, profile());
        let told = play.sent().contains(header);
        assert_eq!(told, version >= CwmpVersion::V1_3, "{version}");
    }
    let mut play = Play::with(reports(&[1]), CwmpVersion::V1_4, profile());
    play.answer_with(&use_version("1.4"), INFORM_RESPONSE);
    play.committed(Delivered::Inform);
    assert!(
        !play.sent().contains("SessionTimeout"),
        "only with the Inform"
    );
}

#[test]
fn a_version_that_was_not_offered_fails_the_session() {
    for wanted in ["1.5", "2", "", "1.4"] {
        let spoken = CwmpVersion::V1_3;
        let mut play = Play::with(Vec::new(), spoken, AcsProfile::default());
        play.answer_with(&use_version(wanted), INFORM_RESPONSE);
        let wanted = wanted.to_owned();
        assert_eq!(play.failed(), SessionFailure::Version { wanted, spoken });
        assert_eq!(play.session.version_doubt(), VersionDoubt::Certain);
    }
}

#[test]
fn c072_only_an_inform_that_is_not_understood_speaks_against_its_version() {
    let doubt = |play: &Play| play.session.version_doubt();
    for (code, wanted) in [
        (8006, VersionDoubt::Certain),
        (8000, VersionDoubt::Some),
        (8003, VersionDoubt::Some),
        (8002, VersionDoubt::None),
    ] {
        let mut play = Play::new(&[]);
        assert_eq!(doubt(&play), VersionDoubt::None);
        play.answer_fault(500, code);
        assert_eq!(doubt(&play), wanted, "{code}");
    }
    for (status, wanted) in [
        (400, VersionDoubt::Some),
        (500, VersionDoubt::Some),
        (403, VersionDoubt::None),
        (404, VersionDoubt::None),
        (503, VersionDoubt::None),
    ] {
        let mut play = Play::new(&[]);
        play.reply(status, b"");
        assert_eq!(doubt(&play), wanted, "{status}");
        let mut play = Play::informed(&[], "");
        play.reply(status, b"");
        assert_eq!(doubt(&play), VersionDoubt::None, "the Inform was taken");
    }
    let mut play = Play::new(&[]);
    play.answer("<soap:Fault><faultcode>soap:VersionMismatch</faultcode></soap:Fault>");
    assert_eq!(doubt(&play), VersionDoubt::Some);
}
