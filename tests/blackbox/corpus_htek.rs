//! Htek files of the corpus, with twenty values of different kinds set by an ACS in one call: the
//! lines that change, and no others.

use crate::corpus_phone::{CorpusTree, Set};
use crate::phones::Phone;

const P_CODES: Phone = Phone::new(
    "001fc1000001",
    "Htek UC926 2.0.4.2 00:1f:c1:00:00:01",
    &["cfg0010.xml", "cfg001fc1000001.xml"],
    0,
);

const NAMES: Phone = Phone::new(
    "001fc1000002",
    "Htek UC926U 2.42.6.5.48 00:1f:c1:00:00:02",
    &["cfg0010.xml", "cfg001fc1000002.xml"],
    1,
);

const TREE: &[(&str, &str)] = &[
    ("htek/fusionpbx-uc926.rendered.cfg", "cfg001fc1000001.xml"),
    ("htek/fusionpbx-uc926u.rendered.cfg", "cfg001fc1000002.xml"),
    ("htek/wazo-cfg0010-model.rendered.xml", "cfg0010.xml"),
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
        ("L1.X_TRESTLE_ScreenName", "Empfang %41", 's'),
        ("L1.CallingFeatures.MWIEnable", "1", 'b'),
        ("L1.CallingFeatures.CallWaitingEnable", "0", 'b'),
        ("VP1.SIP.RegisterExpires", "1800", 'u'),
        ("VP1.SIP.ReInviteExpires", "900", 'u'),
        ("VP1.SIP.OutboundProxy", "edge.quay.example", 's'),
        ("VP1.SIP.OutboundProxyPort", "5081", 'u'),
        ("L1.SIP.URI", "sip:2260@sip.example.org", 's'),
        ("L1.SIP.AuthPassword", "Oak&Plank<7>%", 'p'),
        ("VP1.DTMFMethod", "SIPInfo", 's'),
        ("VP1.SIP.VLANIDMark", "121", 'i'),
        ("L1.Codec.List.3.Priority", "1", 'u'),
        ("VP1.ButtonMap.Button.1.FacilityAction", "BLF", 's'),
        ("VP1.ButtonMap.Button.1.FacilityActionArgument", "2261", 's'),
        ("VP2.SIP.RegistrarServerTransport", "TCP", 's'),
        ("L2.CallingFeatures.CallerIDName", "Lager Süd", 's'),
        ("LAN.SubnetMask", "255.255.254.0", 's'),
        ("LAN.DNSServers", "192.0.2.53,198.51.100.53", 's'),
        ("Time.X_TRESTLE_TimeZoneIndex", "21", 'u'),
        (
            "X_TRESTLE_PhoneBook.RemoteURL1",
            "https://books.example/htek?a=1&b=2",
            's',
        ),
        ("X_TRESTLE_Native.P23253", "1", 's'),
    ];
    twenty_values(P_CODES, &sets, &[
r#"= <P48 para="Account1.OutboundProxy">edge.quay.example:5081</P48>"#,
r#"= <P20000 para="Account1.Lable">Empfang %2541</P20000>"#,
r#"= <P35 para="Account1.SipUserId">2260</P35>"#,
r#"= <P34 para="Account1.AuthenticatePassword">Oak&amp;Plank&lt;7&gt;%25</P34>"#,
r#"= <P3 para="Account1.DispalyName">Kai &amp; &lt;"Co"&gt; #1 100%25</P3>"#,
r#"= <P32 para="Account1.RegisterExpiration">30</P32>"#,
r#"= <P57 para="Account1.Choice1">9</P57>"#,
r#"= <P58 para="Account1.Choice2">0</P58>"#,
r#"= <P59 para="Account1.Choice3">8</P59>"#,
r#"= <P20166 para="Account1.DtmfMode">2</P20166>"#,
r#"= <P99 para="Account1.SubscribeForMWI">1</P99>"#,
r#"= <P260 para="Account1.SessionExpiration">900</P260>"#,
r#"= <P830 para="Account2.SipTransport">1</P830>"#,
r#"= <P703 para="Account2.DispalyName">Lager Süd</P703>"#,
r#"= <P13 para="SubMaskFirst8Bit">255</P13>"#,
r#"= <P14 para="SubMaskSecond8Bit">255</P14>"#,
r#"= <P15 para="SubMaskThird8Bit">254</P15>"#,
r#"= <P21 para="PrimaryDnsFirst8Bit">192</P21>"#,
r#"= <P22 para="PrimaryDnsSecond8Bit">0</P22>"#,
r#"= <P23 para="PrimaryDnsThird8Bit">2</P23>"#,
r#"= <P24 para="PrimaryDnsLast8Bit">53</P24>"#,
r#"= <P25 para="SecondaryDnsFirst8Bit">198</P25>"#,
r#"= <P26 para="SecondaryDnsSecond8Bit">51</P26>"#,
r#"= <P27 para="SecondaryDnsThird8Bit">100</P27>"#,
r#"= <P28 para="SecondaryDnsLast8Bit">53</P28>"#,
r#"= <P51 para="Layer2QoS.802.1Q/VLANTag">121</P51>"#,
r#"= <P41200 para="linekey1.Type">3</P41200>"#,
r#"= <P41300 para="linekey1.Value">2261</P41300>"#,
r#"= <P64 para="Preference.TimeZone">21</P64>"#,
r#"= <P8849 para="CallWaiting.OnOff">0</P8849>"#,
r#"= <P4401 para="RemotePhoneBook1.Url">https://books.example/htek?a=1&amp;b=2</P4401>"#,
r#"= <P23253 para="Preference.LabelScroll">1</P23253>"#,
r#"= <P24053 para="Network.Advanced.Vlan.WANVlan">1</P24053>"#,
]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_values_in_named_elements() {
    let sets = [
        (
            "L1.CallingFeatures.CallerIDName",
            "Kai & <\"Co\"> #1 100%",
            's',
        ),
        ("L1.X_TRESTLE_ScreenName", "Empfang %41", 's'),
        ("L1.CallingFeatures.CallWaitingEnable", "0", 'b'),
        ("VP1.SIP.RegisterExpires", "1800", 'u'),
        ("VP1.SIP.ReInviteExpires", "900", 'u'),
        ("VP1.SIP.OutboundProxy", "edge.quay.example", 's'),
        ("VP1.SIP.OutboundProxyPort", "5081", 'u'),
        ("L1.SIP.URI", "sip:2260@pbx.example.net", 's'),
        ("L1.SIP.AuthPassword", "Oak&Plank<7>%", 'p'),
        ("VP1.DTMFMethod", "SIPInfo", 's'),
        ("VP1.SIP.VLANIDMark", "121", 'i'),
        ("L1.Codec.List.3.Priority", "1", 'u'),
        ("VP1.ButtonMap.Button.1.FacilityAction", "BLF", 's'),
        ("VP1.ButtonMap.Button.1.FacilityActionArgument", "2261", 's'),
        ("VP1.RTP.X_TRESTLE_SRTPMode", "Required", 's'),
        ("L1.X_TRESTLE_VoiceMailNumber", "*98", 's'),
        ("LAN.SubnetMask", "255.255.254.0", 's'),
        ("LAN.DNSServers", "192.0.2.53,198.51.100.53", 's'),
        ("Time.X_TRESTLE_TimeZoneIndex", "21", 'u'),
        (
            "X_TRESTLE_PhoneBook.RemoteURL1",
            "https://books.example/htek?a=1&b=2",
            's',
        ),
        (
            "X_TRESTLE_Native.firmwareupgrade-5fallowdhcpoption",
            "0",
            's',
        ),
    ];
    twenty_values(NAMES, &sets, &[
"= <Profile1_OutboundProxy>edge.quay.example:5081</Profile1_OutboundProxy>",
"= <Profile1_RegisterExpiration>30</Profile1_RegisterExpiration>",
"= <Profile1_Choice1>9</Profile1_Choice1>",
"= <Profile1_Choice2>0</Profile1_Choice2>",
"= <Profile1_Choice3>8</Profile1_Choice3>",
"= <Profile1_DtmfMode>2</Profile1_DtmfMode>",
"= <Profile1_SRtpMode>2</Profile1_SRtpMode>",
"= <Profile1_SessionExpiration>900</Profile1_SessionExpiration>",
"= <Account1_Label>Empfang %2541</Account1_Label>",
"= <Account1_SipUserId>2260</Account1_SipUserId>",
"= <Account1_AuthenticatePassword>Oak&amp;Plank&lt;7&gt;%25</Account1_AuthenticatePassword>",
r#"= <Account1_DispalyName>Kai &amp; &lt;"Co"&gt; #1 100%25</Account1_DispalyName>"#,
"= <Account1_VoiceMailId>*98</Account1_VoiceMailId>",
"= <IPv4_SubMaskFirst8Bit>255</IPv4_SubMaskFirst8Bit>",
"= <IPv4_SubMaskSecond8Bit>255</IPv4_SubMaskSecond8Bit>",
"= <IPv4_SubMaskThird8Bit>254</IPv4_SubMaskThird8Bit>",
"= <IPv4_PrimaryDnsFirst8Bit>192</IPv4_PrimaryDnsFirst8Bit>",
"= <IPv4_PrimaryDnsThird8Bit>2</IPv4_PrimaryDnsThird8Bit>",
"= <IPv4_PrimaryDnsLast8Bit>53</IPv4_PrimaryDnsLast8Bit>",
"= <IPv4_SecondaryDnsFirst8Bit>198</IPv4_SecondaryDnsFirst8Bit>",
"= <IPv4_SecondaryDnsSecond8Bit>51</IPv4_SecondaryDnsSecond8Bit>",
"= <IPv4_SecondaryDnsThird8Bit>100</IPv4_SecondaryDnsThird8Bit>",
"= <IPv4_SecondaryDnsLast8Bit>53</IPv4_SecondaryDnsLast8Bit>",
"= <NW_Adv_Layer2QoS_802_1Q_VLANTag>121</NW_Adv_Layer2QoS_802_1Q_VLANTag>",
"= <NW_Adv_Vlan_WANVlan>1</NW_Adv_Vlan_WANVlan>",
"= <Preference_TimeZone>21</Preference_TimeZone>",
"= <CallWaiting_OnOff>0</CallWaiting_OnOff>",
"= <RemotePhoneBook1_Url>https://books.example/htek?a=1&amp;b=2</RemotePhoneBook1_Url>",
"= <FirmwareUpGrade_AllowDHCPOption>0</FirmwareUpGrade_AllowDHCPOption>",
"+ <LineKey1_Type>3</LineKey1_Type>",
"+ <LineKey1_Value>2261</LineKey1_Value>",
]).await;
}
