//! What the tables of the models hold, and which values they let pass.

use super::*;

fn check(path: &str, text: &str) -> Result<String, ValueProblem> {
    Schema::device1().entry(path).unwrap().check(text)
}

const PROFILE: &str = "Device.Services.VoiceService.1.VoiceProfile.3.";

#[test]
fn every_line_of_the_table_is_an_entry() {
    for text in [DEVICE1, DEVICE2] {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(Entry::parse(line).is_some(), "{line}");
        }
    }
    let parameters = Schema::device1()
        .entries()
        .filter(|entry| entry.parameter().is_some());
    assert_eq!(parameters.count(), 156 + 350);
}

#[test]
fn a_number_that_nobody_has_set_is_an_allowed_one() {
    let zero = |name: &str| {
        let path = format!("{PROFILE}{name}");
        let entry = Schema::device1().entry(&path).unwrap();
        entry.parameter().unwrap().rule.zero()
    };
    assert_eq!(zero("SIP.RegisterExpires"), "1");
    assert_eq!(zero("SIP.UserAgentPort"), "0");
    assert_eq!(zero("Name"), "");
}

#[test]
fn both_roots_have_the_same_voice_service() {
    let schema = Schema::device2();
    assert!(schema.entry(&format!("{PROFILE}Enable")).is_some());
    let address = "Device.IP.Interface.1.IPv4Address.1.IPAddress";
    let check = |text: &str| schema.entry(address).unwrap().check(text);
    assert_eq!(check("192.0.2.7").as_deref(), Ok("192.0.2.7"));
    assert_eq!(check("192.0.2.700"), Err(ValueProblem::WrongForm));
    let stack = schema.entry("Device.InterfaceStack.1.").unwrap();
    assert!(!stack.writable());
    let version = "Device.RootDataModelVersion";
    let facts = schema.entry(version).unwrap().parameter().unwrap();
    assert!(facts.forced_inform && schema.entry("Device.DeviceSummary").is_none());
    assert!(schema.entry("Device.LAN.IPAddress").is_none());
}

#[test]
fn what_changes_by_itself_is_told_unasked() {
    let paths = |schema: &Schema| -> Vec<String> {
        let paths = schema.active_unasked().iter();
        paths.map(ToString::to_string).collect()
    };
    let lines = DEVICE1_ACTIVE.lines().filter(|line| !line.starts_with('#'));
    let mut named: Vec<&str> = lines.collect();
    let mut of_device1 = paths(Schema::device1());
    named.sort_unstable();
    of_device1.sort_unstable();
    assert_eq!(of_device1, named, "each line names a parameter");
    let of_device2 = paths(Schema::device2());
    for name in ["SoftwareVersion", "ProvisioningCode"] {
        let name = format!("Device.DeviceInfo.{name}");
        assert!(of_device2.contains(&name), "{name}");
        let entry = Schema::device2().entry(&name).unwrap();
        let active = entry.parameter().unwrap().active_notification;
        assert_eq!(active, ActiveNotification::Forced);
    }
}

#[test]
fn instance_numbers_are_matched() {
    let schema = Schema::device1();
    let enable = schema.entry(&format!("{PROFILE}Enable")).unwrap();
    assert!(enable.writable());
    assert_eq!(
        enable.path(),
        "Device.Services.VoiceService.{i}.VoiceProfile.{i}.Enable"
    );
    let table = schema
        .entry("Device.Services.VoiceService.1.VoiceProfile.")
        .unwrap();
    assert_eq!(table.path(), schema.entry(PROFILE).unwrap().path());
    let facts = table.table().unwrap();
    assert_eq!(facts.count.as_deref(), Some("VoiceProfileNumberOfEntries"));
    assert_eq!(facts.enable.as_deref(), Some("Enable"));
    assert!(schema.entry("Device.Nothing").is_none());
    assert!(schema.entry("Device.Services.VoiceService.x.").is_none());
}

#[test]
fn children_are_one_step_below() {
    let schema = Schema::device1();
    let names: Vec<&str> = schema.children("Device.Time.").map(Entry::path).collect();
    assert!(names.contains(&"Device.Time.NTPServer1"));
    let below = schema.children("Device.Services.VoiceService.1.VoiceProfile.1.");
    let paths: Vec<&str> = below.map(Entry::path).collect();
    let line = "Device.Services.VoiceService.{i}.VoiceProfile.{i}.Line.{i}.";
    assert!(paths.contains(&line));
    assert!(!paths.contains(&format!("{line}Enable").as_str()));
}

#[test]
fn values_are_checked_by_type_range_enumeration_and_length() {
    use ValueProblem::{NotInEnumeration, OutOfRange, TooLong, WrongForm, WrongType};
    let enable = format!("{PROFILE}Enable");
    assert_eq!(check(&enable, "Enabled").as_deref(), Ok("Enabled"));
    assert!(matches!(check(&enable, "1"), Err(NotInEnumeration { .. })));
    let port = format!("{PROFILE}SIP.ProxyServerPort");
    assert_eq!(check(&port, "05060").as_deref(), Ok("5060"));
    assert!(matches!(check(&port, "65536"), Err(OutOfRange { .. })));
    assert!(matches!(check(&port, "sip"), Err(WrongType(_))));
    let name = format!("{PROFILE}Name");
    assert!(check(&name, &"ü".repeat(64)).is_ok());
    assert!(matches!(check(&name, &"ü".repeat(65)), Err(TooLong { .. })));
    let mac = "Device.LAN.MACAddress";
    assert!(check(mac, "00:0B:82:A1:B2:C3").is_ok());
    assert!(check(mac, "").is_ok());
    assert_eq!(check(mac, "000B82A1B2C3"), Err(WrongForm));
    let rate = format!("{PROFILE}FaxT38.BitRate");
    assert!(check(&rate, "9600").is_ok());
    assert!(check(&rate, "9601").is_err());
}

#[test]
fn a_string_of_unstated_length_has_at_most_sixteen_characters() {
    assert!(check("Device.LAN.DefaultGateway", "192.168.100.254").is_ok());
    assert!(check("Device.LAN.DefaultGateway", "gateway.example.com").is_err());
}

#[test]
fn lists_are_checked_by_item() {
    let methods = format!("{PROFILE}RTP.SRTP.KeyingMethods");
    assert_eq!(check(&methods, "SDP , Static").as_deref(), Ok("SDP,Static"));
    assert_eq!(check(&methods, "").as_deref(), Ok(""));
    assert!(check(&methods, "SDP,Magic").is_err());
    let servers = "Device.LAN.DNSServers";
    assert!(check(servers, "10.0.0.1,10.0.0.2").is_ok());
}

#[test]
fn a_diagnosis_can_be_asked_for_but_its_result_cannot_be_written() {
    let state = "Device.DownloadDiagnostics.DiagnosticsState";
    assert!(check(state, "Requested").is_ok());
    assert!(check(state, "Completed").is_err());
    let facts = Schema::device1().entry(state).unwrap().parameter().unwrap();
    assert!(facts.rule.admits("Completed").is_ok());
}

#[test]
fn vendors_may_report_values_of_their_own() {
    let codec = "Device.Services.VoiceService.1.Capabilities.Codecs.1.Codec";
    let facts = Schema::device1().entry(codec).unwrap().parameter().unwrap();
    assert!(facts.rule.admits("X_TRESTLE_Opus").is_ok());
    assert!(facts.rule.admits("Opus").is_err());
    assert!(facts.rule.check("X_TRESTLE_Opus").is_err());
}

#[test]
fn secrets_and_forced_parameters_are_known() {
    let facts = |path: &str| Schema::device1().entry(path).unwrap().parameter().unwrap();
    assert!(facts(&format!("{PROFILE}Line.1.SIP.AuthPassword")).hidden);
    assert!(facts("Device.ManagementServer.ParameterKey").forced_inform);
    assert_eq!(
        facts(&format!("{PROFILE}SIP.ProxyServerPort"))
            .default
            .as_deref(),
        Some("5060")
    );
    assert_eq!(
        facts(&format!("{PROFILE}Name")).default.as_deref(),
        Some("")
    );
}

/// Compares with tables that another script made from the same files.
#[test]
fn what_is_in_every_inform_is_in_no_table() {
    for schema in [Schema::device1(), Schema::device2()] {
        assert!(schema.forced().count() >= 6 && schema.forced().is_sorted());
        assert!(schema.forced().all(|path| !path.contains("{i}")));
    }
}

#[test]
fn it_agrees_with_the_reference_tables() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/datamodel");
    let mut compared = 0;
    for (file, prefix) in [
        ("device1-tr106.tsv", ""),
        ("tr104-1.1.tsv", "Device.Services."),
    ] {
        let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
            eprintln!("skipped: no corpus");
            return;
        };
        for line in text.lines().skip(1) {
            let columns: Vec<&str> = line.split('\t').collect();
            compare_with_reference(&format!("{prefix}{}", columns[0]), &columns);
            compared += 1;
        }
    }
    assert_eq!(compared, Schema::device1().entries().count());
}

fn compare_with_reference(path: &str, columns: &[&str]) {
    let entry = Schema::device1()
        .entry(path)
        .unwrap_or_else(|| panic!("{path} is missing"));
    assert_eq!(entry.path(), path);
    assert_eq!(entry.writable(), columns[1] == "W", "{path}");
    let (kind, limits) = (columns[2], columns[3]);
    let Some(facts) = entry.parameter() else {
        let wanted = if entry.table().is_some() {
            "table"
        } else {
            "object"
        };
        assert_eq!(kind, wanted, "{path}");
        return;
    };
    let rule = &facts.rule;
    let base = kind.split('(').next().unwrap();
    let base = match base.strip_prefix("list<") {
        Some(item) => item.strip_suffix('>').unwrap(),
        None => base,
    };
    assert_eq!(rule.list, kind.starts_with("list<"), "{path}");
    let value_type = ValueType::from_xsd_local_name(base);
    assert_eq!(Some(rule.value_type), value_type, "{path}");
    if let Some(words) = limits.strip_prefix('{') {
        let words = words.split('}').next().unwrap();
        let names: Vec<&str> = words
            .split('|')
            .map(|word| word.split('(').next().unwrap())
            .collect();
        assert_eq!(rule.enumeration, names, "{path}");
    }
    let ranges: Vec<String> = limits
        .split("; ")
        .filter_map(|part| part.strip_prefix('[')?.strip_suffix(']'))
        .map(str::to_owned)
        .collect();
    let ours: Vec<String> = rule
        .ranges
        .iter()
        .map(|range| {
            let text = |end: Option<i64>| end.map(|end| end.to_string()).unwrap_or_default();
            format!("{}:{}", text(range.min), text(range.max))
        })
        .collect();
    assert_eq!(ours, ranges, "{path}");
    assert_eq!(facts.hidden, limits.contains("hidden"), "{path}");
    assert_eq!(facts.forced_inform, columns[5] == "Y", "{path}");
    let deny = facts.active_notification == ActiveNotification::Deniable;
    assert_eq!(deny, columns[8] == "canDeny", "{path}");
}
