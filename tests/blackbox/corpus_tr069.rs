//! The settings of the phone's own TR-069 client, in files of the corpus: an ACS sets each through
//! its path, the file gets it under its native key, and the path reads it back.

use crate::corpus_phone::{CorpusTree, Set};
use crate::phones::Phone;

struct Case {
    file: &'static str,
    phone: Phone,
    sets: &'static [Set<'static>],
    lines: &'static [&'static str],
}

const ENABLE: &str = "X_TRESTLE_PhoneTR069.Enable";
const URL: &str = "X_TRESTLE_PhoneTR069.URL";
const USERNAME: &str = "X_TRESTLE_PhoneTR069.Username";
const PASSWORD: &str = "X_TRESTLE_PhoneTR069.Password";
const INFORM: &str = "X_TRESTLE_PhoneTR069.PeriodicInformEnable";
const INTERVAL: &str = "X_TRESTLE_PhoneTR069.PeriodicInformInterval";
const REQUEST_USERNAME: &str = "X_TRESTLE_PhoneTR069.ConnectionRequestUsername";
const REQUEST_PASSWORD: &str = "X_TRESTLE_PhoneTR069.ConnectionRequestPassword";
const REQUEST_PORT: &str = "X_TRESTLE_PhoneTR069.ConnectionRequestPort";
const REQUEST_PATH: &str = "X_TRESTLE_PhoneTR069.ConnectionRequestPath";

const CASES: [Case; 5] = [
    Case {
        file: "grandstream/fusionpbx-gxp21xx.rendered.xml",
        phone: Phone::new(
            "000b82100001",
            "Grandstream Model HW GXP2160 SW 1.0.11.16 DevId 000b82100001",
            &["cfg000b82100001.xml"],
            0,
        ),
        sets: &[
            (ENABLE, "1", 'b'),
            (URL, "https://acs.example/cwmp?a=1&b=2", 's'),
            (USERNAME, "gs-2160", 's'),
            (PASSWORD, "Tide<&>9", 'p'),
            (INFORM, "0", 'b'),
            (INTERVAL, "7200", 'u'),
            (REQUEST_USERNAME, "acs-gs", 's'),
            (REQUEST_PASSWORD, "Rope&7", 'p'),
            (REQUEST_PORT, "7548", 'u'),
        ],
        lines: &[
            "= <P1409>1</P1409>",
            "= <P4503>https://acs.example/cwmp?a=1&amp;b=2</P4503>",
            "= <P4504>gs-2160</P4504>",
            "= <P4505>Tide&lt;&amp;&gt;9</P4505>",
            "= <P4506>0</P4506>",
            "= <P4507>7200</P4507>",
            "= <P4511>acs-gs</P4511>",
            "= <P4512>Rope&amp;7</P4512>",
            "= <P4518>7548</P4518>",
        ],
    },
    Case {
        file: "htek/fusionpbx-uc926.rendered.cfg",
        phone: Phone::new(
            "001fc1000001",
            "Htek UC926 2.0.4.2 00:1f:c1:00:00:01",
            &["cfg001fc1000001.xml"],
            1,
        ),
        sets: &[
            (ENABLE, "1", 'b'),
            (URL, "https://acs.example/cwmp?a=1&b=2", 's'),
            (USERNAME, "htek-926", 's'),
            (PASSWORD, "Tide<&>9", 'p'),
            (INFORM, "1", 'b'),
            (INTERVAL, "7200", 'u'),
            (REQUEST_USERNAME, "acs-htek", 's'),
            (REQUEST_PASSWORD, "Rope&7", 'p'),
        ],
        lines: &[
            "+ <P8100>1</P8100>",
            "+ <P8101>https://acs.example/cwmp?a=1&amp;b=2</P8101>",
            "+ <P8102>htek-926</P8102>",
            "+ <P8103>Tide&lt;&amp;&gt;9</P8103>",
            "+ <P8104>1</P8104>",
            "+ <P8105>7200</P8105>",
            "+ <P8106>acs-htek</P8106>",
            "+ <P8107>Rope&amp;7</P8107>",
        ],
    },
    Case {
        file: "htek/fusionpbx-uc926u.rendered.cfg",
        phone: Phone::new(
            "001fc1000002",
            "Htek UC926U 2.42.6.5.48 00:1f:c1:00:00:02",
            &["cfg001fc1000002.xml"],
            2,
        ),
        sets: &[
            (ENABLE, "1", 'b'),
            (URL, "https://acs.example/cwmp?a=1&b=2", 's'),
            (USERNAME, "htek-926u", 's'),
            (PASSWORD, "Tide<&>9", 'p'),
            (INFORM, "1", 'b'),
            (INTERVAL, "7200", 'u'),
            (REQUEST_USERNAME, "acs-htek", 's'),
            (REQUEST_PASSWORD, "Rope&7", 'p'),
        ],
        lines: &[
            "= <TR069_Enable>1</TR069_Enable>",
            "= <TR069_AcsUrl>https://acs.example/cwmp?a=1&amp;b=2</TR069_AcsUrl>",
            "= <TR069_AcsUserName>htek-926u</TR069_AcsUserName>",
            "= <TR069_AcsPassword>Tide&lt;&amp;&gt;9</TR069_AcsPassword>",
            "= <TR069_PeriodicInform>1</TR069_PeriodicInform>",
            "= <TR069_InformInterval>7200</TR069_InformInterval>",
            "= <TR069_ConReqUserName>acs-htek</TR069_ConReqUserName>",
            "= <TR069_ConReqPassword>Rope&amp;7</TR069_ConReqPassword>",
        ],
    },
    Case {
        file: "aastra/seed-tr69-00085D00A069.assembled.cfg",
        phone: Phone::new(
            "00085d00a069",
            "Aastra6867i MAC:00-08-5D-00-A0-69 V:4.2.0.181-SIP",
            &["00085D00A069.cfg"],
            3,
        ),
        sets: &[
            (ENABLE, "0", 'b'),
            (URL, "https://acs.quay.example:8443/tr69/in", 's'),
            (USERNAME, "mitel 6867", 's'),
            (PASSWORD, "Tide#9", 'p'),
            (INFORM, "0", 'b'),
            (INTERVAL, "7200", 'u'),
            (REQUEST_PORT, "7548", 'u'),
            (REQUEST_PATH, "wake", 's'),
            ("X_TRESTLE_PhoneTR069.CheckSync", "ACS", 's'),
        ],
        lines: &[
            "= tr69: 0",
            "= tr69 server: https://acs.quay.example",
            "= tr69 server port:8443",
            "= tr69 server path: tr69/in",
            "= tr69 username: mitel 6867",
            r#"= tr69 password: "Tide#9""#,
            "= tr69 connection request path: wake",
            "= tr69 connection request port:7548",
            "= tr69 periodic inform enable: 0",
            "= tr69 periodic inform interval: 7200",
            "+ tr69 check sync: 1",
        ],
    },
    Case {
        file: "akuvox/tancredi-SPR63G-0c1105aabb63.rendered.cfg",
        phone: Phone::new(
            "0c1105aabb63",
            "Akuvox SP-R63G 63.0.5.6 0C:11:05:AA:BB:63",
            &["0c1105aabb63.cfg"],
            4,
        ),
        sets: &[
            (ENABLE, "1", 'b'),
            (URL, "https://acs.example/cwmp?a=1&b=2", 's'),
            (USERNAME, "akuvox-63", 's'),
            (PASSWORD, "Tide#9", 'p'),
            (INFORM, "1", 'b'),
            (INTERVAL, "7200", 'u'),
            (REQUEST_USERNAME, "acs-akuvox", 's'),
            (REQUEST_PASSWORD, "Rope&7", 'p'),
        ],
        lines: &[
            "= Config.TR069.General.Enable = 1",
            "= Config.TR069.ManagementServer.URL = https://acs.example/cwmp?a=1&b=2",
            "= Config.TR069.ManagementServer.Username = akuvox-63",
            "= Config.TR069.ManagementServer.Password = Tide#9",
            "= Config.TR069.ManagementServer.PeriodicInformEnable = 1",
            "= Config.TR069.ManagementServer.PeriodicInformInterval = 7200",
            "= Config.TR069.ManagementServer.ConnectionRequestUsername = acs-akuvox",
            "= Config.TR069.ManagementServer.ConnectionRequestPassword = Rope&7",
        ],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn the_phones_own_tr069_client_is_set_through_its_paths() {
    let files = CASES.map(|case| (case.file, case.phone.own_file()));
    let Some(tree) = CorpusTree::serve(&files).await else {
        return;
    };
    for case in CASES {
        tree.assert_set_changes(case.phone, case.sets, case.lines)
            .await;
    }
}
