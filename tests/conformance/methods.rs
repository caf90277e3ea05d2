//! C085 to C087: GetRPCMethods and methods that are not there.

use trestle::sim::acs::ScriptError;

use crate::catalogue::{Check, checks};
use crate::subject::{check, fault_code};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c086_a_method_is_listed_if_and_only_if_it_is_there,
    c087_an_unknown_method_is_fault_9000,
];

/// Every method of the schema that a CPE may have, with arguments that do no harm.
const METHODS: [(&str, &str); 16] = [
    ("GetRPCMethods", ""),
    (
        "SetParameterValues",
        "<ParameterList soapenc:arrayType=\"cwmp:ParameterValueStruct[1]\"><ParameterValueStruct>\
         <Name>Device.No</Name><Value xsi:type=\"xsd:string\">x</Value></ParameterValueStruct>\
         </ParameterList><ParameterKey></ParameterKey>",
    ),
    (
        "GetParameterValues",
        "<ParameterNames soapenc:arrayType=\"xsd:string[1]\"><string>Device.No</string>\
         </ParameterNames>",
    ),
    (
        "GetParameterNames",
        "<ParameterPath>Device.</ParameterPath><NextLevel>1</NextLevel>",
    ),
    (
        "SetParameterAttributes",
        "<ParameterList soapenc:arrayType=\"cwmp:SetParameterAttributesStruct[1]\">\
         <SetParameterAttributesStruct><Name>Device.No</Name><NotificationChange>1</NotificationChange>\
         <Notification>0</Notification><AccessListChange>0</AccessListChange>\
         <AccessList soapenc:arrayType=\"xsd:string[0]\"></AccessList>\
         </SetParameterAttributesStruct></ParameterList>",
    ),
    (
        "GetParameterAttributes",
        "<ParameterNames soapenc:arrayType=\"xsd:string[1]\"><string>Device.No</string>\
         </ParameterNames>",
    ),
    (
        "AddObject",
        "<ObjectName>Device.No.</ObjectName><ParameterKey></ParameterKey>",
    ),
    (
        "DeleteObject",
        "<ObjectName>Device.No.1.</ObjectName><ParameterKey></ParameterKey>",
    ),
    (
        "Download",
        "<CommandKey></CommandKey><FileType>99 Nothing</FileType><URL>http://h/</URL>\
         <Username></Username><Password></Password><FileSize>0</FileSize>\
         <TargetFileName></TargetFileName><DelaySeconds>0</DelaySeconds><SuccessURL></SuccessURL>\
         <FailureURL></FailureURL>",
    ),
    (
        "Upload",
        "<CommandKey></CommandKey><FileType>99 Nothing</FileType><URL>http://h/</URL>\
         <Username></Username><Password></Password><DelaySeconds>0</DelaySeconds>",
    ),
    ("GetQueuedTransfers", ""),
    ("GetAllQueuedTransfers", ""),
    (
        "ScheduleInform",
        "<DelaySeconds>0</DelaySeconds><CommandKey></CommandKey>",
    ),
    ("CancelTransfer", "<CommandKey>none</CommandKey>"),
    (
        "SetVouchers",
        "<VoucherList soapenc:arrayType=\"soapenc:base64[0]\"></VoucherList>",
    ),
    ("GetOptions", "<OptionName></OptionName>"),
];

fn c086_a_method_is_listed_if_and_only_if_it_is_there() {
    check(86, async |mut subject| {
        let mut session = subject.turn().await;
        let listed = session.rpc_methods().await.unwrap();
        for (name, arguments) in METHODS {
            let body = session.style().method(name, arguments);
            let missing = match session.call(&body).await {
                Ok(_) => false,
                Err(ScriptError::Fault(fault)) => fault.code == 9000,
                Err(other) => panic!("{name}: {other}"),
            };
            let is_listed = listed.iter().any(|one| one == name);
            assert_eq!(is_listed, !missing, "{name}");
        }
        session.end().unwrap();
    });
}

fn c087_an_unknown_method_is_fault_9000() {
    check(87, async |mut subject| {
        let mut session = subject.turn().await;
        for name in ["FooBar", "SetVouchers"] {
            let body = session.style().method(name, "<Anything>1</Anything>");
            assert_eq!(fault_code(session.call(&body).await), 9000, "{name}");
        }
        session.rpc_methods().await.unwrap();
        session.end().unwrap();
    });
}
