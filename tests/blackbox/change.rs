//! What an ACS sets becomes an edit of the phone's file, of just that value; a set with one bad
//! parameter is none.

use trestle::sim::acs::ScriptError;

use crate::bench::Bench;
use crate::fetch;
use crate::managed::{DISPLAY_NAME, Managed, PARAMETER_KEY, PROFILE, PROVISIONING_CODE};
use crate::phones::{AASTRA, GRANDSTREAM, HTEK, PHONES, Phone};

/// The stretch in which two files differ: what stood there, and what stands there now.
fn difference<'a>(before: &'a [u8], after: &'a [u8]) -> (&'a str, &'a str) {
    let same = |(one, other): &(&u8, &u8)| one == other;
    let start = before.iter().zip(after).take_while(same).count();
    let (old, new) = (&before[start..], &after[start..]);
    let end = old.iter().rev().zip(new.iter().rev());
    let end = end.take_while(same).count();
    let text = |bytes: &'a [u8]| std::str::from_utf8(bytes).unwrap();
    (text(&old[..old.len() - end]), text(&new[..new.len() - end]))
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_a_display_name_changes_exactly_the_bytes_of_that_value() {
    // The values stand apart from the line around them, so that not one byte of old and new value
    // is the same at either end.
    let cases: [(Phone, &str, &str, &str, &str); 5] = [
        (
            GRANDSTREAM,
            "1",
            "Kai & Co <1>",
            "Quay &amp; Sons, desk",
            "Kai &amp; Co &lt;1>",
        ),
        (GRANDSTREAM, "2", "Bestellung", "Orders", "Bestellung"),
        (
            HTEK,
            "1",
            "Lager 100% Ost",
            "Werkstatt Süd",
            "Lager 100%25 Ost",
        ),
        (
            AASTRA,
            "1",
            "Kartenzimmer 7",
            "Chart room",
            "Kartenzimmer 7",
        ),
        (
            AASTRA,
            "2",
            "Steg #4, außen",
            "Harbour office",
            "Steg #4, außen",
        ),
    ];
    let bench = Bench::set().await;
    let gateway = bench.serve();
    for phone in PHONES {
        let (mut running, mut managed) = Managed::switched_on(&bench, &gateway, phone, None).await;
        let mut before = bench.tree_file(phone.own_file());
        assert_eq!(running.sim.current(phone.own_file()).unwrap(), before);
        for (_, account, value, old, new) in cases.iter().filter(|one| one.0.mac == phone.mac) {
            let path = format!(
                "Device.Services.VoiceService.1.VoiceProfile.{account}.Line.1.CallingFeatures.CallerIDName"
            );
            let mut session = managed.turn(&gateway).await;
            let status = session
                .set_values(&[(&path, value, "xsd:string")], "renamed")
                .await
                .unwrap();
            assert_eq!(status, "1", "committed, not yet fetched");
            assert_eq!(session.get_value(&path).await.unwrap(), *value);
            session.end().unwrap();
            let after = running.fetched().await;
            let (was, is) = difference(&before, &after);
            assert!(old.contains(was), "{was:?} stood outside of {old:?}");
            assert!(
                written(new).any(|new| new.contains(is)),
                "{is:?} stands for {new:?}"
            );
            let expected = written(new).any(|new| after == replaced(&before, old, &new));
            assert!(expected, "{}", String::from_utf8_lossy(&after));
            before = after;
        }
        assert_eq!(
            fetch::file(gateway.phones_http(), phone.own_file()).await,
            before
        );
    }
    bench.assert_no_findings();
}

/// A value may be written with `>` as it is, or escaped.
fn written(value: &str) -> impl Iterator<Item = String> {
    [value.to_owned(), value.replace('>', "&gt;")].into_iter()
}

/// The file with its first element or line of that value, and no other, given the new one.
fn replaced(file: &[u8], old: &str, new: &str) -> Vec<u8> {
    let text = std::str::from_utf8(file).unwrap();
    let marks = [
        "<P3>",
        "<P407>",
        "DispalyName\">",
        "display name: ",
        "display name: \"",
    ];
    let place = marks
        .iter()
        .find_map(|mark| Some(text.find(&format!("{mark}{old}"))? + mark.len()))
        .unwrap();
    let mut edited = text.to_owned();
    edited.replace_range(place..place + old.len(), new);
    edited.into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_with_one_bad_parameter_among_three_changes_nothing_and_names_the_bad_one() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let expires = format!("{PROFILE}SIP.RegisterExpires");
    let unknown = format!("{PROFILE}SIP.NoSuchThing");
    let read_only = "Device.DeviceInfo.SoftwareVersion";
    for phone in PHONES {
        let server = gateway.phones_http();
        let mut managed = Managed::first_seen(&bench, &gateway, phone).await;
        managed.set(&gateway, PROVISIONING_CODE, "quay").await;
        let file = fetch::file(server, phone.own_file()).await;
        let mut session = managed.turn(&gateway).await;
        let asked = [
            DISPLAY_NAME,
            PROVISIONING_CODE,
            expires.as_str(),
            PARAMETER_KEY,
        ];
        let values = session.get_values(&asked).await.unwrap();
        for (path, value, kind, codes) in [
            (expires.as_str(), "soon", "xsd:unsignedInt", [9006, 9007]),
            (expires.as_str(), "-5", "xsd:string", [9006, 9007]),
            (unknown.as_str(), "1", "xsd:string", [9005, 9005]),
            (read_only, "9.9.9", "xsd:string", [9008, 9008]),
        ] {
            let good = (PROVISIONING_CODE, "changed", "xsd:string");
            let second = (DISPLAY_NAME, "Changed", "xsd:string");
            for set in [
                [(path, value, kind), good, second],
                [good, (path, value, kind), second],
                [good, second, (path, value, kind)],
            ] {
                let result = session.set_values(&set, "new-key").await;
                let Err(ScriptError::Fault(fault)) = result else {
                    panic!("{result:?}");
                };
                assert_eq!(fault.code, 9003);
                let [bad] = fault.parameters.as_slice() else {
                    panic!("{fault:?}");
                };
                assert_eq!(bad.name, path);
                assert!(codes.contains(&bad.code), "{bad:?}");
                assert_eq!(session.get_values(&asked).await.unwrap(), values);
            }
        }
        session.end().unwrap();
        assert_eq!(fetch::file(server, phone.own_file()).await, file);
        assert_eq!(bench.show(phone.mac)["device"]["desired"], 1);
    }
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_the_file_cannot_carry_is_refused_with_all_of_its_set() {
    let bench = Bench::set().await;
    let gateway = bench.serve();
    let mut managed = Managed::first_seen(&bench, &gateway, AASTRA).await;
    let mut session = managed.turn(&gateway).await;
    let screen_name = format!("{PROFILE}Line.1.X_TRESTLE_ScreenName");
    let result = session
        .set_values(
            &[
                (PROVISIONING_CODE, "changed", "xsd:string"),
                (DISPLAY_NAME, "one\nadmin password: two", "xsd:string"),
                (&screen_name, "Changed", "xsd:string"),
            ],
            "new-key",
        )
        .await;
    let Err(ScriptError::Fault(fault)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(fault.code, 9003);
    let names: Vec<_> = fault.parameters.iter().map(|one| &one.name).collect();
    assert_eq!(names, [DISPLAY_NAME]);
    assert_eq!(session.get_value(PARAMETER_KEY).await.unwrap(), "");
    assert_eq!(session.get_value(PROVISIONING_CODE).await.unwrap(), "");
    session.end().unwrap();
    let file = fetch::file(gateway.phones_http(), AASTRA.own_file()).await;
    assert_eq!(file, bench.tree_file(AASTRA.own_file()));
}
