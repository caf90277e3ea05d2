//! Aastra files of the corpus, with twenty values of different kinds set by an ACS in one call:
//! the lines that change, and no others.

use crate::corpus_phone::{CorpusTree, Set, text_of};
use crate::phones::Phone;

const LINE_KEYS: Phone = Phone::new(
    "00085d19e401",
    "Aastra6757i MAC:00-08-5D-19-E4-01 V:3.3.1.4365-SIP",
    &["aastra.cfg", "6757i.cfg", "00085D19E401.cfg"],
    0,
);

const GLOBAL_KEYS: Phone = Phone::new(
    "00085d11aa22",
    "Aastra6757i MAC:00-08-5D-11-AA-22 V:3.3.1.4365-SIP",
    &["aastra.cfg", "6757i.cfg", "00085D11AA22.cfg"],
    1,
);

const TREE: &[(&str, &str)] = &[
    ("aastra/wazo-aastra.cfg", "aastra.cfg"),
    ("aastra/mxone-6731i.cfg", "6757i.cfg"),
    (
        "aastra/wazo-6757i-00085D19E401.rendered.cfg",
        "00085D19E401.cfg",
    ),
    (
        "aastra/php-mx-00085D11AA22.rendered.cfg",
        "00085D11AA22.cfg",
    ),
];

async fn twenty_values(phone: Phone, sets: &[Set<'_>], lines: &[&str]) {
    let Some(tree) = CorpusTree::serve(TREE).await else {
        return;
    };
    tree.assert_set_changes(phone, sets, lines).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_values_of_a_line_with_keys_of_its_own() {
    let sets = [
        ("L1.CallingFeatures.CallerIDName", "Kai & <Co> #1 100%", 's'),
        ("L1.CallingFeatures.MWIEnable", "0", 'b'),
        ("L1.CallingFeatures.CallWaitingEnable", "1", 'b'),
        ("VP1.SIP.RegisterExpires", "1800", 'u'),
        ("VP1.SIP.RegisterRetryInterval", "45", 'u'),
        ("VP1.SIP.OutboundProxy", "edge.quay.example", 's'),
        ("VP1.SIP.OutboundProxyPort", "5081", 'u'),
        ("L1.SIP.URI", "sip:2260@192.168.1.2", 's'),
        ("L1.SIP.AuthPassword", "Oak#Plank;7", 'p'),
        ("VP1.DTMFMethod", "SIPInfo", 's'),
        ("VP1.SIP.VLANIDMark", "120", 'i'),
        ("L1.Codec.List.4.Priority", "1", 'u'),
        (
            "X_TRESTLE_Phone.TopSoftKey.2.FacilityAction",
            "SpeedDial",
            's',
        ),
        (
            "X_TRESTLE_Phone.TopSoftKey.2.FacilityActionArgument",
            "2261",
            's',
        ),
        ("VP1.SIP.ProxyServerTransport", "TCP", 's'),
        ("L1.X_TRESTLE_ScreenName", "Empfang Süd", 's'),
        ("LAN.SubnetMask", "255.255.254.0", 's'),
        ("LAN.DNSServers", "192.0.2.53,198.51.100.53", 's'),
        ("Time.X_TRESTLE_TimeZoneName", "DE-Berlin", 's'),
        ("Time.X_TRESTLE_NTPEnable", "0", 'b'),
        (
            "X_TRESTLE_PhoneBook.URL",
            "https://books.example/a?a=1&b=2#x",
            's',
        ),
        (
            "X_TRESTLE_Provisioning.UpgradeURL",
            "https://fw.example/a",
            's',
        ),
        ("VP1.X_TRESTLE_DialPlan", "[1-8]xx|9X+#", 's'),
    ];
    twenty_values(
        LINE_KEYS,
        &sets,
        &[
            "= tagging enabled: 1",
            "= time server disabled: 1",
            "= upgrade uri: https://fw.example/a",
            "= time zone name: DE-Berlin",
            "= sip explicit mwi subscription: 0",
            "= sip transport protocol: 2",
            "= sip customized codec: payload=18;ptime=20;silsupp=on,payload=9;ptime=20;silsupp=on,,\
 payload=0;ptime=20;silsupp=on,payload=8;ptime=20;silsupp=on",
            "= sip line1 user name: 2260",
            r#"= sip line1 password: "Oak#Plank;7""#,
            r#"= sip line1 display name: "Kai & <Co> #1 100%""#,
            "= sip line1 screen name: Empfang Süd",
            "= sip line1 dtmf method: 1",
            "= call waiting: 1",
            "+ sip line1 registration period: 1800",
            "+ sip line1 outbound proxy: edge.quay.example",
            "+ sip line1 outbound proxy port: 5081",
            "+ sip registration retry timer: 45",
            r#"+ sip dial plan: "[1-8]xx|9X+#""#,
            "= topsoftkey2 type: speeddial",
            "= topsoftkey2 value: 2261",
            "+ vlan id: 120",
            "+ subnet mask: 255.255.254.0",
            "+ dns1: 192.0.2.53",
            "+ dns2: 198.51.100.53",
            r#"+ directory 1: "https://books.example/a?a=1&b=2#x""#,
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_takes_the_global_keys_gets_its_own_whole_sets_at_once() {
    let Some(tree) = CorpusTree::serve(TREE).await else {
        return;
    };
    let sets = [
        ("L1.CallingFeatures.CallerIDName", "Kai", 's'),
        ("VP1.SIP.OutboundProxy", "edge.quay.example", 's'),
        ("X_TRESTLE_Phone.SoftKey.1.ButtonMessage", "Voice #1", 's'),
        ("X_TRESTLE_Native.directory_upate", "0", 's'),
    ];
    let text = text_of(&tree.bench.tree_file(GLOBAL_KEYS.own_file()));
    let copied = |key: &str| {
        let global = format!("sip {key}: ");
        let value = text.lines().find_map(|line| line.strip_prefix(&global));
        format!("+ sip line1 {key}: {}", value.unwrap())
    };
    let mut lines = vec!["= directory upate: 0".to_owned()];
    let identity = [
        "screen name",
        "user name",
        "auth name",
        "password",
        "mode",
        "vmail",
    ];
    lines.extend(identity.map(copied));
    lines.push("+ sip line1 display name: Kai".to_owned());
    let servers = ["proxy ip", "proxy port", "registrar ip", "registrar port"];
    lines.extend(servers.map(copied));
    lines.push("+ sip line1 outbound proxy: edge.quay.example".to_owned());
    lines.push("= softkey1 label: \"Voice #1\"".to_owned());
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    tree.assert_set_changes(GLOBAL_KEYS, &sets, &lines).await;
}
