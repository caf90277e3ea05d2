//! Grandstream files of the corpus, with twenty values of different kinds set by an ACS in one
//! call: the lines that change, and no others.

use crate::corpus_phone::{CorpusTree, Set};
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
    tree.assert_set_changes(phone, sets, lines).await;
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
    twenty_values(
        P_CODES,
        &sets,
        &[
            "= <P48>edge.quay.example:5081</P48>",
            "= <P35>2260</P35>",
            "= <P34>Oak&amp;Plank&lt;7&gt;</P34>",
            r#"= <P3>Kai &amp; &lt;"Co"&gt; #1 100%</P3>"#,
            "= <P32>30</P32>",
            "= <P138>45</P138>",
            "= <P99>1</P99>",
            "= <P2302>0</P2302>",
            "= <P2303>1</P2303>",
            "= <P57>9</P57>",
            "= <P58>0</P58>",
            "= <P59>8</P59>",
            "= <P60>4</P60>",
            "= <P61>18</P61>",
            "= <P407>Lager Süd</P407>",
            "= <P448>1</P448>",
            "= <P172>1</P172>",
            "= <P15>254</P15>",
            "= <P21>192</P21>",
            "= <P23>2</P23>",
            "= <P24>53</P24>",
            "= <P25>198</P25>",
            "= <P26>51</P26>",
            "= <P27>100</P27>",
            "= <P28>53</P28>",
            "= <P51>120</P51>",
            "= <P331>https://books.example/gs?a=1&amp;b=2</P331>",
            "= <P91>1</P91>",
            "+ <P98>2</P98>",
            "+ <P23800>11</P23800>",
            "+ <P23803>2261</P23803>",
            "+ <P64>CET-1CEST-2,M3.5.0/02:00:00,M10.5.0/03:00:00</P64>",
        ],
    )
    .await;
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
        ("VP1.SIP.X_TRESTLE_Rport", "0", 'b'),
    ];
    twenty_values(ALIASES, &sets, &[
r#"= <item name="account.1.sip.outboundProxy.1.address">edge.quay.example:5081</item>"#,
r#"= <item name="account.1.sip.userid">2260</item>"#,
r#"= <item name="account.1.sip.subscriber.password">Oak&amp;Plank&lt;7&gt;</item>"#,
r#"= <item name="account.1.sip.subscriber.name">Kai &amp; &lt;"Co"&gt; #1 100%</item>"#,
r#"= <item name="account.1.network.supportRport">No</item>"#,
r#"= <item name="account.1.sip.registerExpiration">30</item>"#,
r#"= <item name="account.1.sip.registrationFailureRetryWaitTime">45</item>"#,
r#"= <item name="account.1.sip.subscribe.forMwi">Yes</item>"#,
r#"= <item name="account.1.codec.choice.1">G.722</item>"#,
r#"= <item name="account.1.codec.choice.2">PCMU</item>"#,
r#"= <item name="account.1.codec.choice.3">PCMA</item>"#,
r#"= <item name="account.1.codec.choice.4">G.723.1</item>"#,
r#"= <item name="account.1.codec.choice.5">G.729A/B</item>"#,
r#"= <item name="account.1.dtmf.sendInRtp">No</item>"#,
r#"= <item name="account.1.dtmf.sendInSip">Yes</item>"#,
r#"= <item name="account.2.sip.subscriber.name">Lager Süd</item>"#,
r#"= <item name="account.2.sip.transport">TCP</item>"#,
r#"= <item name="network.port.eth.1.mask.3">254</item>"#,
r#"= <item name="network.dns.1.ip.1">192</item>"#,
r#"= <item name="network.dns.1.ip.3">2</item>"#,
r#"= <item name="network.dns.1.ip.4">53</item>"#,
r#"= <item name="network.dns.2.ip.1">198</item>"#,
r#"= <item name="network.dns.2.ip.2">51</item>"#,
r#"= <item name="network.dns.2.ip.3">100</item>"#,
r#"= <item name="network.dns.2.ip.4">53</item>"#,
r#"= <item name="network.port.eth.1.vlan.tag">121</item>"#,
r#"= <item name="phonebook.download.server">https://books.example/gs?a=1&amp;b=2</item>"#,
r#"= <item name="call.callWaiting.enable">No</item>"#,
r#"= <item name="dateTime.timezone">customize</item>"#,
r#"= <item name="dateTime.timezone.custom">QUAY-1</item>"#,
r#"+ <item name="pks.vpk.7.keyMode">BLF</item>"#,
r#"+ <item name="pks.vpk.7.value">2261</item>"#,
]).await;
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
    twenty_values(
        TEXT,
        &sets,
        &[
            "= P47 =sip.quay.example",
            "= P48 =edge.quay.example:5081",
            "= P35 =2260",
            "= P34 =Oak&Plank<7>",
            r#"= P3 =Kai & <"Co"> #1 100%"#,
            "= P32 = 30",
            "= P138 = 45",
            "= P99 = 1",
            "= P57 = 9",
            "= P58 = 0",
            "= P59 = 8",
            "= P60 = 4",
            "= P61 = 18",
            "= P2302 = 0",
            "= P2303 = 1",
            "= P407 =Lager Süd",
            "= P448 = 1",
            "= P792 = 0",
            "= P15 = 254",
            "= P21 = 192",
            "= P23 = 2",
            "= P24 = 53",
            "= P25 = 198",
            "= P26 = 51",
            "= P27 = 100",
            "= P28 = 53",
            "= P51 = 120",
            "= P331 =https://books.example/gs?a=1&b=2",
            "= P91 = 1",
            "= P64 = CET-1CEST-2,M3.5.0/02:00:00,M10.5.0/03:00:00",
            "+ P23800 =11",
            "+ P23803 =2261",
        ],
    )
    .await;
}
