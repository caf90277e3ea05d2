//! An Akuvox file of the corpus, with twenty values of different kinds set by an ACS in one call:
//! the lines that change, and no others.

use crate::corpus_phone::CorpusTree;
use crate::phones::Phone;

const PHONE: Phone = Phone::new(
    "0c1105aabb63",
    "Akuvox SP-R63G 63.0.5.6 0C:11:05:AA:BB:63",
    &["r000000000063.cfg", "0c1105aabb63.cfg"],
    0,
);

const TREE: &[(&str, &str)] = &[
    (
        "akuvox/tancredi-SPR63G-0c1105aabb63.rendered.cfg",
        "0c1105aabb63.cfg",
    ),
    (
        "akuvox/akautotest-firmware-only.rendered.cfg",
        "r000000000063.cfg",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn twenty_values_in_settings_with_dots() {
    let Some(tree) = CorpusTree::serve(TREE).await else {
        return;
    };
    let sets = [
        (
            "L1.CallingFeatures.CallerIDName",
            "Kai & <\"Co\"> #1 100%",
            's',
        ),
        ("L1.X_TRESTLE_ScreenName", "Empfang Süd", 's'),
        ("L1.CallingFeatures.MWIEnable", "1", 'b'),
        ("L1.CallingFeatures.CallWaitingEnable", "1", 'b'),
        ("VP1.SIP.RegisterExpires", "1800", 'u'),
        ("VP1.SIP.OutboundProxy", "edge.quay.example", 's'),
        ("VP1.SIP.OutboundProxyPort", "5081", 'u'),
        ("L1.SIP.URI", "sip:2260@pbx.example.it", 's'),
        ("L1.SIP.AuthPassword", "Oak#Plank;7", 'p'),
        ("VP1.DTMFMethod", "SIPInfo", 's'),
        ("VP1.SIP.VLANIDMark", "121", 'i'),
        ("L1.Codec.List.1.Priority", "1", 'u'),
        ("VP1.ButtonMap.Button.1.FacilityAction", "BLF", 's'),
        ("VP1.ButtonMap.Button.1.FacilityActionArgument", "2261", 's'),
        ("VP2.SIP.RegistrarServerTransport", "TCP", 's'),
        ("L2.CallingFeatures.CallerIDName", "Kontor", 's'),
        ("LAN.SubnetMask", "255.255.254.0", 's'),
        ("LAN.DNSServers", "192.0.2.53,198.51.100.53", 's'),
        ("Time.X_TRESTLE_TimeZoneName", "Germany(Berlin)", 's'),
        (
            "X_TRESTLE_PhoneBook.RemoteURL1",
            "https://books.example/akuvox?a=1&b=2",
            's',
        ),
        ("X_TRESTLE_Phone.DSSKey.1.ButtonMessage", "Tür", 's'),
        (
            "X_TRESTLE_Native.config-2eprogramable-2edsskey00-2etype",
            "1",
            's',
        ),
    ];
    // The order of the codecs takes new numbers: some were the same.
    let lines = &[
        "= Config.Network.LAN.SubnetMask = 255.255.254.0",
        "= Config.Network.LAN.PrimaryDNS = 192.0.2.53",
        "= Config.Network.LAN.SecondaryDNS = 198.51.100.53",
        "= Config.Network.VLAN.LanVid = 121",
        "= Config.Account1.GENERAL.Label = Empfang Süd",
        r##"= Config.Account1.GENERAL.DisplayName = Kai & <"Co"> #1 100%"##,
        "= Config.Account1.GENERAL.UserName = 2260",
        "= Config.Account1.GENERAL.Pwd = Oak#Plank;7",
        "= Config.Account1.OUTPROXY.Server = edge.quay.example",
        "= Config.Account1.OUTPROXY.Port = 5081",
        "= Config.Account1.DTMF.Type = 2",
        "= Config.Account1.REG.Timeout = 1800",
        "= Config.Account1.SUBSCRIBE.SubsribeMWI = 1",
        "= Config.Account1.Audio0.Priority = 13",
        "= Config.Account1.Audio1.Priority = 6",
        "= Config.Account1.Audio2.Priority = 7",
        "= Config.Account1.Audio3.Priority = 3",
        "= Config.Account1.Audio4.Priority = 2",
        "= Config.Account1.Audio5.Priority = 9",
        "= Config.Account1.Audio6.Priority = 11",
        "= Config.Account1.Audio7.Priority = 10",
        "= Config.Account1.Audio8.Priority = 8",
        "= Config.Account1.Audio9.Priority = 12",
        "= Config.Account1.Audio10.Priority = 5",
        "= Config.Account1.Audio11.Priority = 4",
        "= Config.Account1.Audio12.Priority = 1",
        "= Config.Account2.GENERAL.DisplayName = Kontor",
        "= Config.Account2.SIP.TransType = 1",
        "= Config.RemotePhoneBook.REMOTE_PHONE_BOOK0.Url = https://books.example/akuvox?a=1&b=2",
        "= Config.Features.CALL_WAITING.Enable = 1",
        "= Config.Settings.SNTP.Name = Germany(Berlin)",
        "= Config.Programable.LINEKEY1.Type = 16",
        "= Config.Programable.LINEKEY1.Param1 =2261",
        "= Config.Programable.DSSKEY00.Type = 1",
        "= Config.Programable.DSSKEY01.Label = Tür",
    ];
    tree.assert_set_changes(PHONE, &sets, lines).await;
}
