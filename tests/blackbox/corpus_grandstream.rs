//! Grandstream files of the corpus, with twenty values of different kinds set by an ACS in one
//! call: the lines that change, and no others.

use crate::corpus_phone::{CorpusTree, Set, assert_changed, read_back, set_all};
use crate::phones::Phone;

const P_CODES: Phone = Phone::new(
    "000b82100001",
    "Grandstream Model HW GXP2160 SW 1.0.11.16 DevId 000b82100001",
    &["cfg000b82100001.xml"],
    0,
);

const ALIASES: Phone = Phone::new(
    "000b82100002",
    "Grandstream Model HW GXP2170 SW 1.0.11.64 DevId 000b82100002",
    &["cfg000b82100002.xml"],
    1,
);

const TEXT: Phone = Phone::new(
    "000b82100003",
    "Grandstream Model HW GXP2130 SW 1.0.8.50 DevId 000b82100003",
    &["000b82100003.txt"],
    2,
);

const TREE: &[(&str, &str)] = &[
    (
        "grandstream/fusionpbx-gxp21xx.rendered.xml",
        "cfg000b82100001.xml",
    ),
    (
        "grandstream/fusionpbx-gxp2170.rendered.xml",
        "cfg000b82100002.xml",
    ),
    (
        "grandstream/opentelecom-gxp21xx-1.0.8.50-template.txt",
        "000b82100003.txt",
    ),
    ("grandstream/madridist88-cfg.xml", "cfg.xml"),
];

async fn twenty_values(phone: Phone, sets: &[Set<'_>], lines: &[&str]) {
    let Some(tree) = CorpusTree::serve(TREE).await else {
        return;
    };
    let mut managed = tree.announced(phone).await;
    let before = tree.bench.tree_file(phone.own_file());
    let mut session = managed.turn(&tree.gateway).await;
    set_all(&mut session, sets).await.unwrap();
    read_back(&mut session, sets).await;
    session.end().unwrap();
    assert_changed(&before, &tree.fetched(phone).await, lines);
    tree.bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_values_in_p_codes() {
    let sets = [
        (
            "L1.CallingFeatures.CallerIDName",
            "Kai & <\"Co\"> #1 100%",
            's',
        ),
        ("L1.CallingFeatures.MWIEnable", "1", 'b'),
        ("L1.CallingFeatures.CallWaitingEnable", "0", 'b'),
        ("VP1.SIP.RegisterExpires", "1800", 'u'),
        ("VP1.SIP.RegisterRetryInterval", "45", 'u'),
        ("VP1.SIP.OutboundProxy", "edge.quay.example", 's'),
        ("VP1.SIP.OutboundProxyPort", "5081", 'u'),
        ("L1.SIP.URI", "sip:2260@sip.example.org", 's'),
        ("L1.SIP.AuthPassword", "Oak&Plank<7>", 'p'),
        ("VP1.DTMFMethod", "SIPInfo", 's'),
        ("VP1.SIP.VLANIDMark", "120", 'i'),
        ("L1.Codec.List.3.Priority", "1", 'u'),
        ("VP1.ButtonMap.Button.7.FacilityAction", "BLF", 's'),
        ("VP1.ButtonMap.Button.7.FacilityActionArgument", "2261", 's'),
        ("VP2.SIP.RegistrarServerTransport", "TCP", 's'),
        ("L2.CallingFeatures.CallerIDName", "Lager Süd", 's'),
        ("LAN.SubnetMask", "255.255.254.0", 's'),
        ("LAN.DNSServers", "192.0.2.53,198.51.100.53", 's'),
        (
            "Time.LocalTimeZone",
            "CET-1CEST-2,M3.5.0/02:00:00,M10.5.0/03:00:00",
            's',
        ),
        (
            "X_TRESTLE_PhoneBook.URL",
            "https://books.example/gs?a=1&b=2",
            's',
        ),
        ("X_TRESTLE_Native.P172", "1", 's'),
    ];
    twenty_values(P_CODES, &sets, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_values_in_names_of_items_and_parts() {
    let sets = [
        (
            "L1.CallingFeatures.CallerIDName",
            "Kai & <\"Co\"> #1 100%",
            's',
        ),
        ("L1.CallingFeatures.MWIEnable", "1", 'b'),
        ("L1.CallingFeatures.CallWaitingEnable", "0", 'b'),
        ("VP1.SIP.RegisterExpires", "1800", 'u'),
        ("VP1.SIP.RegisterRetryInterval", "45", 'u'),
        ("VP1.SIP.OutboundProxy", "edge.quay.example", 's'),
        ("VP1.SIP.OutboundProxyPort", "5081", 'u'),
        ("L1.SIP.URI", "sip:2260@sip.example.org", 's'),
        ("L1.SIP.AuthPassword", "Oak&Plank<7>", 'p'),
        ("VP1.DTMFMethod", "SIPInfo", 's'),
        ("VP1.SIP.VLANIDMark", "121", 'i'),
        ("L1.Codec.List.3.Priority", "1", 'u'),
        ("VP1.ButtonMap.Button.7.FacilityAction", "BLF", 's'),
        ("VP1.ButtonMap.Button.7.FacilityActionArgument", "2261", 's'),
        ("VP2.SIP.RegistrarServerTransport", "TCP", 's'),
        ("L2.CallingFeatures.CallerIDName", "Lager Süd", 's'),
        ("LAN.SubnetMask", "255.255.254.0", 's'),
        ("LAN.DNSServers", "192.0.2.53,198.51.100.53", 's'),
        ("Time.LocalTimeZone", "QUAY-1", 's'),
        (
            "X_TRESTLE_PhoneBook.URL",
            "https://books.example/gs?a=1&b=2",
            's',
        ),
        (
            "X_TRESTLE_Native.account-2e1-2enetwork-2esupportrport",
            "No",
            's',
        ),
    ];
    twenty_values(ALIASES, &sets, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_values_in_text() {
    let sets = [
        (
            "L1.CallingFeatures.CallerIDName",
            "Kai & <\"Co\"> #1 100%",
            's',
        ),
        ("L1.CallingFeatures.MWIEnable", "1", 'b'),
        ("L1.CallingFeatures.CallWaitingEnable", "0", 'b'),
        ("VP1.SIP.RegisterExpires", "1800", 'u'),
        ("VP1.SIP.RegisterRetryInterval", "45", 'u'),
        ("VP1.SIP.RegistrarServer", "sip.quay.example", 's'),
        ("VP1.SIP.OutboundProxy", "edge.quay.example", 's'),
        ("VP1.SIP.OutboundProxyPort", "5081", 'u'),
        ("L1.DirectoryNumber", "2260", 's'),
        ("L1.SIP.AuthPassword", "Oak&Plank<7>", 'p'),
        ("VP1.DTMFMethod", "SIPInfo", 's'),
        ("VP1.SIP.VLANIDMark", "120", 'i'),
        ("L1.Codec.List.3.Priority", "1", 'u'),
        ("VP1.ButtonMap.Button.7.FacilityAction", "BLF", 's'),
        ("VP1.ButtonMap.Button.7.FacilityActionArgument", "2261", 's'),
        ("VP2.SIP.RegistrarServerTransport", "TCP", 's'),
        ("L2.CallingFeatures.CallerIDName", "Lager Süd", 's'),
        ("LAN.SubnetMask", "255.255.254.0", 's'),
        ("LAN.DNSServers", "192.0.2.53,198.51.100.53", 's'),
        (
            "Time.LocalTimeZone",
            "CET-1CEST-2,M3.5.0/02:00:00,M10.5.0/03:00:00",
            's',
        ),
        (
            "X_TRESTLE_PhoneBook.URL",
            "https://books.example/gs?a=1&b=2",
            's',
        ),
        ("X_TRESTLE_Native.P792", "0", 's'),
    ];
    twenty_values(TEXT, &sets, &[]).await;
}
