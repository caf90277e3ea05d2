//! C088 to C101: SetParameterValues.

use trestle::sim::acs::message::Style;
use trestle::sim::acs::{ScriptError, Session};

use crate::catalogue::{Check, checks};
use crate::subject::{DI, INTERVAL, MS, PROVISIONING_CODE, VP, check, fault_code};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![
    c088_what_is_set_reads_back_and_the_key_stays,
    c089_one_bad_name_changes_nothing,
    c090_every_bad_parameter_has_its_detail,
    c091_a_name_that_is_there_twice_is_refused,
    c092_a_partial_path_can_not_be_set,
    c094_a_text_that_is_too_long_is_refused_not_cut,
    c095_every_character_survives,
    c096_passwords_read_as_empty,
    c097_every_spelling_of_a_value_reads_back_in_one,
    c098_a_type_may_be_missing_or_spelt_otherwise,
    c099_a_parameter_key_has_32_characters_at_most,
    c101_an_empty_list_sets_the_key_alone,
];

const STRING: &str = "xsd:string";

/// The main code and the details of the fault that a SetParameterValues ended in, sorted.
async fn refused(
    session: &mut Session<'_>,
    values: &[(&str, &str, &str)],
) -> (u32, Vec<(String, u32)>) {
    match session.set_values(values, "refused").await {
        Err(ScriptError::Fault(fault)) => {
            let mut details: Vec<_> = fault
                .parameters
                .into_iter()
                .map(|detail| (detail.name, detail.code))
                .collect();
            details.sort_unstable();
            (fault.code, details)
        }
        other => panic!("{values:?} was not refused: {other:?}"),
    }
}

fn c088_what_is_set_reads_back_and_the_key_stays() {
    check(88, async |mut subject| {
        let mut session = subject.turn().await;
        let status = session
            .set_values(
                &[
                    (PROVISIONING_CODE, "C88", STRING),
                    (INTERVAL, "7200", "xsd:unsignedInt"),
                ],
                "K1",
            )
            .await
            .unwrap();
        assert!(matches!(status.as_str(), "0" | "1"), "{status}");
        let values = session
            .get_values(&[PROVISIONING_CODE, INTERVAL])
            .await
            .unwrap();
        let values: Vec<_> = values.iter().map(|value| value.value.as_str()).collect();
        assert_eq!(values, ["C88", "7200"]);
        session.end().unwrap();
        let session = subject.wake().await;
        let key = session
            .inform()
            .value("Device.ManagementServer.ParameterKey");
        assert_eq!(key, Some("K1"));
        session.end().unwrap();
    });
}

fn c089_one_bad_name_changes_nothing() {
    check(89, async |mut subject| {
        let mut session = subject.turn().await;
        session
            .set_values(&[(PROVISIONING_CODE, "before", STRING)], "K0")
            .await
            .unwrap();
        let unknown = format!("{DI}NoSuchThing");
        let (code, details) = refused(
            &mut session,
            &[
                (PROVISIONING_CODE, "after", STRING),
                (&unknown, "x", STRING),
            ],
        )
        .await;
        assert_eq!((code, details), (9003, vec![(unknown, 9005)]));
        assert_eq!(
            session.get_value(PROVISIONING_CODE).await.unwrap(),
            "before"
        );
        let key = format!("{MS}ParameterKey");
        assert_eq!(session.get_value(&key).await.unwrap(), "K0");
        session.end().unwrap();
    });
}

fn c090_every_bad_parameter_has_its_detail() {
    check(90, async |mut subject| {
        let mut session = subject.turn().await;
        let unknown = format!("{DI}NoSuchThing");
        let boolean = format!("{MS}PeriodicInformEnable");
        let mark = format!("{VP}RTP.DSCPMark");
        let version = format!("{DI}SoftwareVersion");
        let method = format!("{VP}DTMFMethod");
        let mut values = vec![
            (unknown.as_str(), "x", STRING),
            (boolean.as_str(), "maybe", "xsd:boolean"),
            (version.as_str(), "9", STRING),
        ];
        // What a phone's mapping does not carry is not there to be set.
        let names = session.get_names(VP, false).await.unwrap();
        for (name, value, kind) in [(&mark, "64", "xsd:unsignedInt"), (&method, "Foo", STRING)] {
            if names
                .iter()
                .any(|known| known.name == *name && known.writable)
            {
                values.push((name.as_str(), value, kind));
            }
        }
        let (code, details) = refused(&mut session, &values).await;
        assert_eq!(code, 9003);
        assert_eq!(details.len(), values.len(), "{details:?}");
        for (name, code) in details {
            let allowed: &[u32] = match name.as_str() {
                name if name == unknown => &[9005],
                name if name == boolean => &[9006, 9007],
                name if name == version => &[9008],
                _ => &[9007],
            };
            assert!(allowed.contains(&code), "{name}: {code}");
        }
        session.end().unwrap();
    });
}

fn c091_a_name_that_is_there_twice_is_refused() {
    check(91, async |mut subject| {
        let mut session = subject.turn().await;
        let before = session.get_value(PROVISIONING_CODE).await.unwrap();
        for second in ["same", "other"] {
            let values = [
                (PROVISIONING_CODE, "same", STRING),
                (PROVISIONING_CODE, second, STRING),
            ];
            assert_eq!(refused(&mut session, &values).await.0, 9003);
        }
        assert_eq!(session.get_value(PROVISIONING_CODE).await.unwrap(), before);
        session.end().unwrap();
    });
}

fn c094_a_text_that_is_too_long_is_refused_not_cut() {
    check(94, async |mut subject| {
        let mut session = subject.turn().await;
        let (fits, too_long) = ("f".repeat(64), "t".repeat(65));
        session
            .set_values(&[(PROVISIONING_CODE, &fits, STRING)], "")
            .await
            .unwrap();
        let (_, details) = refused(&mut session, &[(PROVISIONING_CODE, &too_long, STRING)]).await;
        assert_eq!(details, [(PROVISIONING_CODE.to_owned(), 9007)]);
        assert_eq!(session.get_value(PROVISIONING_CODE).await.unwrap(), fits);
        session.end().unwrap();
    });
}

fn c095_every_character_survives() {
    check(95, async |mut subject| {
        let mut session = subject.turn().await;
        for text in ["  blanks  ", "<&>\"'", "é ü 漢", "a\nb\tc"] {
            session
                .set_values(&[(PROVISIONING_CODE, text, STRING)], "")
                .await
                .unwrap();
            assert_eq!(session.get_value(PROVISIONING_CODE).await.unwrap(), text);
        }
        let style = Style::standard();
        let body = style
            .set_parameter_values(&[(PROVISIONING_CODE, "MARK", STRING)], "")
            .replace("MARK", "a<![CDATA[<b> & c]]>");
        session.call(&body).await.unwrap();
        let read = session.get_value(PROVISIONING_CODE).await.unwrap();
        assert_eq!(read, "a<b> & c");
        session.end().unwrap();
    });
}

fn c096_passwords_read_as_empty() {
    check(96, async |mut subject| {
        let mut session = subject.turn().await;
        let own = format!("{MS}ConnectionRequestPassword");
        let sip = format!("{VP}Line.1.SIP.AuthPassword");
        session
            .set_values(&[(&sip, "newsipsecret", STRING)], "")
            .await
            .unwrap();
        for name in [&own, &sip, &format!("{MS}Password")] {
            assert_eq!(session.get_value(name).await.unwrap(), "", "{name}");
        }
        session.end().unwrap();
        // The one that was set in the first session works: this wake shows it. The other stands in
        // the phone's file.
        subject.wake().await.end().unwrap();
        let file = subject.running.boot().await;
        let file = String::from_utf8(file.body).unwrap();
        assert!(file.contains("newsipsecret"), "{file}");
        assert!(!file.contains(&subject.phone.sip_password()), "{file}");
    });
}

fn c097_every_spelling_of_a_value_reads_back_in_one() {
    check(97, async |mut subject| {
        let mut session = subject.turn().await;
        let enable = format!("{MS}PeriodicInformEnable");
        let time = format!("{MS}PeriodicInformTime");
        let mut spellings = Vec::new();
        for (name, kind, text) in [
            (&enable, "xsd:boolean", "1"),
            (&enable, "xsd:boolean", "true"),
            (&enable, "xsd:boolean", "0"),
            (&enable, "xsd:boolean", "false"),
        ] {
            session.set_values(&[(name, text, kind)], "").await.unwrap();
            spellings.push(session.get_value(name).await.unwrap());
        }
        assert_eq!(spellings[0], spellings[1]);
        assert_eq!(spellings[2], spellings[3]);
        assert_ne!(spellings[0], spellings[2]);
        session
            .set_values(&[(INTERVAL, "0007200", "xsd:unsignedInt")], "")
            .await
            .unwrap();
        assert_eq!(session.get_value(INTERVAL).await.unwrap(), "7200");
        for (text, utc) in [
            ("2026-05-06T07:08:09.000Z", "2026-05-06T07:08:09Z"),
            ("2026-05-06T09:08:09+02:00", "2026-05-06T07:08:09Z"),
        ] {
            session
                .set_values(&[(&time, text, "xsd:dateTime")], "")
                .await
                .unwrap();
            assert_eq!(session.get_value(&time).await.unwrap(), utc);
        }
        session.end().unwrap();
    });
}

fn c099_a_parameter_key_has_32_characters_at_most() {
    check(99, async |mut subject| {
        let mut session = subject.turn().await;
        let key = format!("{MS}ParameterKey");
        let (fits, too_long) = ("k".repeat(32), "l".repeat(33));
        let value = [(PROVISIONING_CODE, "v", STRING)];
        session.set_values(&value, &fits).await.unwrap();
        assert_eq!(session.get_value(&key).await.unwrap(), fits);
        assert_eq!(
            fault_code(session.set_values(&value, &too_long).await),
            9003
        );
        assert_eq!(session.get_value(&key).await.unwrap(), fits);
        session.set_values(&value, "").await.unwrap();
        assert_eq!(session.get_value(&key).await.unwrap(), "");
        session.end().unwrap();
    });
}

fn c092_a_partial_path_can_not_be_set() {
    check(92, async |mut subject| {
        let mut session = subject.turn().await;
        let refusal = refused(&mut session, &[(DI, "x", STRING)]).await;
        assert_eq!(refusal, (9003, vec![(DI.to_owned(), 9005)]));
        session.end().unwrap();
    });
}

fn c098_a_type_may_be_missing_or_spelt_otherwise() {
    check(98, async |mut subject| {
        let mut session = subject.turn().await;
        let usual = " xsi:type=\"xsd:unsignedInt\"";
        for (value, written) in [
            ("7201", String::new()),
            ("7202", usual.replace("unsignedInt", "string")),
            (
                "7203",
                " xmlns:q=\"http://www.w3.org/2001/XMLSchema\" xsi:type=\"q:unsignedInt\""
                    .to_owned(),
            ),
        ] {
            let values = [(INTERVAL, value, "xsd:unsignedInt")];
            let body = session.style().set_parameter_values(&values, "");
            assert!(body.contains(usual));
            session.call(&body.replace(usual, &written)).await.unwrap();
            assert_eq!(session.get_value(INTERVAL).await.unwrap(), value);
        }
        session.end().unwrap();
    });
}

fn c101_an_empty_list_sets_the_key_alone() {
    check(101, async |mut subject| {
        let mut session = subject.turn().await;
        session.set_values(&[], "K2").await.unwrap();
        let key = format!("{MS}ParameterKey");
        assert_eq!(session.get_value(&key).await.unwrap(), "K2");
        session.end().unwrap();
    });
}
