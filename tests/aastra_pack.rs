//! The packs for Aastra's phones, on the real files: how much of them has a name, what a change
//! writes, and that the vendor's own tree is whole.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use trestle::datamodel::ParameterPath;
use trestle::mapping::{Change, NativeEdit, Pack, Packs, Refusal, Rows, Template, ValueState};
use trestle::native::{Dialect, Document, Layer, LayerKind, Layers};

const VENDOR: &str = "aastra";
const PROFILE: &str = "Device.Services.VoiceService.1.VoiceProfile.";

struct Phone {
    pack: Arc<Pack>,
    layers: Layers,
    rows: Rows,
}

impl Phone {
    /// A phone of a model with a file for all phones and one of its own.
    fn new(template: Template, model: Option<&str>, shared: &str, own: &[u8]) -> Self {
        static PACKS: LazyLock<Packs> = LazyLock::new(|| Packs::embedded().unwrap());
        let packs = PACKS.clone().with_template(template);
        let pack = packs.for_phone(VENDOR, model).unwrap();
        let layer = |path: &str, kind, content: &[u8]| Layer {
            path: path.to_owned(),
            kind,
            document: Document::parse(Dialect::KeyValue, content).into(),
        };
        let layers = vec![
            layer("startup.cfg", LayerKind::Shared, shared.as_bytes()),
            layer("00085D000001.cfg", LayerKind::Phone, own),
        ];
        let layers = Layers::new(layers, pack.merges_layers());
        let rows = pack.rows(&layers, &Rows::default());
        Self { pack, layers, rows }
    }

    fn value(&self, path: &str) -> Option<String> {
        let all = self.pack.read(&self.layers, &self.rows);
        all.into_iter()
            .find(|parameter| parameter.path.as_str() == path)
            .map(|parameter| parameter.value)
    }

    fn set(&mut self, changes: &[(&str, &str)]) -> Result<Vec<NativeEdit>, Vec<Refusal>> {
        let changes: Vec<Change> = changes
            .iter()
            .map(|(path, value)| Change {
                path: path.parse().unwrap(),
                value: (*value).to_owned(),
            })
            .collect();
        self.pack.write(&mut self.layers, &self.rows, &changes)
    }

    fn own(&self) -> &[u8] {
        self.layers.own().unwrap().document.bytes()
    }
}

/// The corpus; `None`, with a word about it, where it is not there.
fn corpus() -> Option<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/aastra");
    let Ok(entries) = std::fs::read_dir(folder) else {
        eprintln!("skipped: no corpus");
        return None;
    };
    let files = entries.map(|entry| entry.unwrap().path());
    Some(
        files
            .filter(|file| file.extension().is_some_and(|end| end == "cfg"))
            .collect(),
    )
}

#[test]
fn nine_of_ten_settings_of_real_files_have_a_name() {
    let Some(files) = corpus() else { return };
    let (mut named, mut all) = (0, 0);
    for file in files {
        let phone = Phone::new(Template::Device1, None, "", &std::fs::read(&file).unwrap());
        let native: HashSet<String> = phone
            .pack
            .read(&phone.layers, &phone.rows)
            .into_iter()
            .filter(|parameter| parameter.path.as_str().contains(".X_TRESTLE_Native."))
            .flat_map(|parameter| phone.pack.native_keys(&parameter.path, &phone.rows))
            .map(|key| key.to_string())
            .collect();
        let own = phone.layers.own().unwrap();
        for setting in own.document.settings() {
            all += 1;
            named += usize::from(!native.contains(&setting.key.to_string()));
        }
    }
    println!("{named} of {all} settings");
    assert!(all > 2000 && named * 100 >= all * 99, "{named} of {all}");
}

#[test]
fn the_vendors_tree_changes_no_byte_of_a_real_file_when_written_back() {
    let Some(files) = corpus() else { return };
    for file in files {
        let content = std::fs::read(&file).unwrap();
        let mut phone = Phone::new(Template::Vendor, None, "", &content);
        let changes: Vec<Change> = phone
            .pack
            .read(&phone.layers, &phone.rows)
            .into_iter()
            .filter(|parameter| parameter.writable)
            .filter(|parameter| !matches!(parameter.state, ValueState::Unreadable { .. }))
            .map(|parameter| Change {
                path: parameter.path,
                value: parameter.value,
            })
            .collect();
        let edits = phone.pack.write(&mut phone.layers, &phone.rows, &changes);
        assert_eq!(edits, Ok(Vec::new()), "{}", file.display());
        assert!(phone.own() == content, "{}", file.display());
    }
}

/// Parameters of the vendor's tree that the virtual CPE has itself.
fn is_the_cpes(path: &str) -> bool {
    const OTHERS: [&str; 4] = [
        "Device.DeviceSummary",
        "Device.LAN.MACAddress",
        "Device.Services.VoiceServiceNumberOfEntries",
        "Device.Services.VoiceService.1.VoiceProfileNumberOfEntries",
    ];
    let in_cpe =
        path.starts_with("Device.DeviceInfo.") || path.starts_with("Device.ManagementServer.");
    in_cpe || OTHERS.contains(&path)
}

#[test]
fn every_path_of_the_vendors_guide_is_answered_with_its_access() {
    let phone = Phone::new(Template::Vendor, None, "", b"");
    let shown = phone.pack.read(&phone.layers, &phone.rows);
    // Never writable here, whatever the guide says: the profile as a whole.
    let read_only = ["X_Aastra_GlobalVoiceProfile.Reset"];
    let mut listed = 0;
    for entry in phone.pack.schema().entries() {
        if entry.parameter().is_none() {
            continue;
        }
        listed += 1;
        for line in 1..=9 {
            let path = entry
                .path()
                .replace("VoiceService.{i}", "VoiceService.1")
                .replace("Line.{i}", "Line.1")
                .replace("{i}", &line.to_string());
            if is_the_cpes(&path) {
                continue;
            }
            let found = shown
                .iter()
                .find(|parameter| parameter.path.as_str() == path);
            let found = found.unwrap_or_else(|| panic!("{path} is not answered"));
            let writable = entry.writable() && !read_only.iter().any(|end| path.ends_with(end));
            assert_eq!(found.writable, writable, "{path}");
        }
    }
    assert_eq!(listed, 175);
}

#[test]
fn a_template_for_the_vendors_client_works() {
    let shared = "sip proxy ip: pbx.example.net\nsip transport protocol: 1\n";
    let mut phone = Phone::new(Template::Vendor, None, shared, b"sip line2 user name: 17\n");
    let global = "Device.Services.VoiceService.1.X_Aastra_GlobalVoiceProfile.";
    let line = |path: &str| format!("{PROFILE}2.{path}");
    let of_line = |phone: &Phone, path: &str| phone.value(&line(path)).unwrap();
    assert_eq!(of_line(&phone, "SIP.ProxyServer"), "pbx.example.net");
    assert_eq!(of_line(&phone, "Line.1.SIP.URI"), "sip:17@pbx.example.net");
    assert_eq!(of_line(&phone, "Line.1.-Ringer.X_Aastra_RingTone"), "-1");

    let changes = [
        (format!("{global}SIP.X_Aastra_SIPTransportProtocol"), "4"),
        (format!("{global}SIP.X_AastraTaggingEnabled"), "1"),
        (format!("{global}SIP.ReInviteExpires"), "0"),
        (line("SIP.RegistrarServer"), "edge.example.net"),
        (line("RTP.RTCP.SRTP.X_Aastra_SRTP_mode"), "2"),
        (line("Line.1.SIP.AuthPassword"), "s#1"),
    ];
    let changes: Vec<(&str, &str)> = changes.iter().map(|(p, v)| (p.as_str(), *v)).collect();
    phone.set(&changes).unwrap();
    assert_eq!(of_line(&phone, "SIP.X_Aastra_SIPTransportProtocol"), "4");
    let own = String::from_utf8(phone.own().to_vec()).unwrap();
    for wanted in [
        "sip transport protocol: 4",
        "tagging enabled: 1",
        "sip line2 registrar ip: edge.example.net",
        // the other server of the line comes with it, or the phone would lose it
        "sip line2 proxy ip: pbx.example.net",
        "sip line2 srtp mode: 2",
        "sip line2 password: \"s#1\"",
    ] {
        assert!(own.lines().any(|line| line == wanted), "{wanted} in {own}");
    }
    assert!(!own.contains("session timer"), "{own}");

    // The line shows the transport and can't change it, and no path of the client writes the user.
    for path in [
        "SIP.X_Aastra_SIPTransportProtocol",
        "Line.1.SIP.URI",
        "Reset",
    ] {
        assert!(phone.set(&[(&line(path), "1")]).is_err(), "{path}");
    }
}

#[test]
fn keys_are_tables_with_one_word_for_what_they_do() {
    let own = "softkey1 type: blfxfer\nsoftkey1 value: 201\nsoftkey2 type: mystatus\n\
        expmod2 key60 type: \"speeddial\"\nexpmod2 key60 label: Lab\n";
    let mut phone = Phone::new(Template::Device1, Some("6867i"), "", own.as_bytes());
    let keys = "Device.X_TRESTLE_Phone.";
    let button = format!("{PROFILE}1.ButtonMap.Button.1.FacilityAction");
    let value = |phone: &Phone, path: &str| phone.value(&format!("{keys}{path}"));
    let soft = |number: u32, field: &str| format!("SoftKey.{number}.{field}");
    assert_eq!(
        value(&phone, &soft(1, "FacilityAction")).unwrap(),
        "BLFTransfer"
    );
    assert_eq!(
        value(&phone, &soft(1, "FacilityActionArgument")).unwrap(),
        "201"
    );
    assert_eq!(
        value(&phone, &soft(2, "FacilityAction")).unwrap(),
        "mystatus"
    );
    assert_eq!(value(&phone, &soft(3, "FacilityAction")), None);
    let module = "ExpansionModule.2.Key.60.FacilityAction";
    assert_eq!(value(&phone, module).unwrap(), "SpeedDial");

    // A key that no file sets yet can be written; a model without programmable keys has none.
    let third = format!("{keys}{}", soft(3, "FacilityAction"));
    let access = format!("{keys}{}", soft(3, "UserAccess"));
    phone.set(&[(&third, "CallPark"), (&access, "0")]).unwrap();
    assert!(phone.set(&[(&button, "BLF")]).is_err());
    let text = String::from_utf8(phone.own().to_vec()).unwrap();
    assert!(
        text.contains("softkey3 type: park\nsoftkey3 locked: 1\n"),
        "{text}"
    );

    let mut phone = Phone::new(Template::Device1, Some("6731i"), "", b"");
    let (fifth, sixth) = (
        button.replace("1.Fac", "5.Fac"),
        button.replace("1.Fac", "6.Fac"),
    );
    let unlock = fifth.replace("FacilityAction", "UserAccess");
    phone
        .set(&[(&fifth, "BLF"), (&sixth, "None"), (&unlock, "1")])
        .unwrap();
    let text = String::from_utf8(phone.own().to_vec()).unwrap();
    assert_eq!(text, "prgkey5 type: blf\nprgkey5 locked: 0\n");
}

#[test]
fn parameters_of_all_kinds_become_the_phones_own_lines() {
    let shared = "sip proxy ip: 192.0.2.10\nsip registrar ip: 192.0.2.10\n";
    let own = "# own\nsip line1 user name: 101\nsoftkey2 type: none # free\nlog server port: 514\n";
    let mut phone = Phone::new(Template::Device1, Some("6757i"), shared, own.as_bytes());
    let line = format!("{PROFILE}1.");
    let changes = [
        (format!("{line}Line.1.SIP.AuthPassword"), "pa#ss"),
        (format!("{line}DTMFMethod"), "SIPInfo"),
        (format!("{line}SIP.RegistrarServerTransport"), "TLS"),
        (
            format!("{line}Line.1.CallingFeatures.CallWaitingEnable"),
            "0",
        ),
        (format!("{line}RTP.VLANIDMark"), "600"),
    ];
    let others = [
        ("Device.LAN.DNSServers", "192.0.2.53,192.0.2.54"),
        ("Device.Time.X_TRESTLE_NTPEnable", "0"),
        ("Device.Time.X_TRESTLE_DateFormat", "YearMonthDay"),
        ("Device.Time.X_TRESTLE_DaylightSavingStartWeek", "-1"),
        (
            "Device.X_TRESTLE_Phone.SoftKey.2.FacilityAction",
            "SpeedDial",
        ),
        ("Device.X_TRESTLE_Phone.Intercom.Type", "Server"),
        ("Device.X_TRESTLE_Phone.Call.ForwardMenuEnable", "0"),
        ("Device.X_TRESTLE_Phone.Audio.HeadsetTransmitGain", "-3"),
        ("Device.X_TRESTLE_Phone.Network.PriorityMap", "(26,3)(46,5)"),
        ("Device.X_TRESTLE_Provisioning.AutoResync", "Both"),
        (
            "Device.X_TRESTLE_PhoneTR069.URL",
            "https://acs.example.net:7548/acs",
        ),
        (
            "Device.X_TRESTLE_PhoneTR069.PeriodicInformTime",
            "2026-05-06T07:08:09Z",
        ),
        ("Device.X_TRESTLE_PhoneTR069.CheckSync", "ACS"),
        ("Device.X_TRESTLE_Syslog.Port", "5514"),
        (
            "Device.X_TRESTLE_ActionURL.Poll",
            "http://192.0.2.1/?n=$$SIPUSERNAME$$",
        ),
        (
            "Device.Services.VoiceService.1.X_TRESTLE_GlobalVoiceProfile.SIP.ProxyServer",
            "192.0.2.11",
        ),
    ];
    let changes: Vec<(&str, &str)> = changes
        .iter()
        .map(|(path, value)| (path.as_str(), *value))
        .chain(others)
        .collect();
    phone.set(&changes).unwrap();
    insta::assert_snapshot!(String::from_utf8(phone.own().to_vec()).unwrap());
    for (path, value) in changes {
        let path: ParameterPath = path.parse().unwrap();
        let read = phone.pack.parameter(&phone.layers, &phone.rows, &path);
        assert_eq!(read.unwrap().value, value, "{path}");
    }
}

#[test]
fn a_phone_has_as_many_key_rows_as_its_model_has_keys() {
    let rows_of = |model, own: &str| {
        let phone = Phone::new(Template::Device1, model, "", own.as_bytes());
        let tables = ["button", "softkey", "topsoftkey"];
        tables.map(|table| phone.rows.instances(table).len())
    };
    assert_eq!(rows_of(Some("6731i"), ""), [8, 0, 0]);
    assert_eq!(rows_of(Some("6863i"), ""), [3, 0, 0]);
    assert_eq!(rows_of(Some("6867i"), ""), [0, 18, 20]);
    assert_eq!(rows_of(None, ""), [8, 20, 20]);
    // What a file sets has a row whatever the tables of models say.
    assert_eq!(rows_of(Some("6940"), "softkey1 type: xml\n"), [0, 1, 24]);
}
