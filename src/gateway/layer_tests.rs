//! Which files count for a phone, and which has the last word, for the phones of each vendor.

use super::test_support::{self, Hands};
use super::tree::{Candidate, TreeFile, choose};
use super::{
    Acs, DeviceDetail, FetchAnswer, FilePasswords, Finding, FindingKind, Gateway, GatewaySettings,
    ImportOptions, check,
};
use crate::mapping::Packs;
use crate::native::Mac;

const AASTRA: Mac = Mac::new([0x00, 0x08, 0x5d, 0x00, 0x00, 0x0a]);
const GRANDSTREAM: Mac = Mac::new([0x00, 0x0b, 0x82, 0x00, 0x00, 0x0b]);
const HTEK: Mac = Mac::new([0x00, 0x1f, 0xc1, 0x00, 0x00, 0x0c]);

/// A gateway with a tree imported.
struct Bench {
    gateway: Gateway,
    findings: Vec<Finding>,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        for (name, text) in files {
            let path = tree.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let settings = GatewaySettings {
            acs: Acs {
                periodic_inform_interval: 86_400,
                ..Acs::default()
            },
            ..GatewaySettings::default()
        };
        let packs = Packs::embedded().unwrap();
        let gateway = test_support::open(folder.path(), &Hands::new(), packs, settings);
        let report = gateway
            .import(&tree, ImportOptions::default(), &|_, _| {})
            .await
            .unwrap();
        Self {
            gateway,
            findings: report.findings,
            folder,
        }
    }

    async fn fetch(&self, name: &str, user_agent: &str) -> bool {
        let request = test_support::request(name, user_agent);
        matches!(self.gateway.fetch(request).await, FetchAnswer::File { .. })
    }

    /// What is kept of a parameter beside the files; empty if they do not set it.
    fn kept(&self, mac: Mac, path: &str) -> String {
        let parameters = self.gateway.load_parameters(mac).unwrap();
        let value = parameters.value(&path.parse().unwrap());
        value.unwrap_or_default().to_owned()
    }

    async fn import(&self) {
        let tree = self.folder.path().join("tree");
        let imported = self
            .gateway
            .import(&tree, ImportOptions::default(), &|_, _| {});
        imported.await.unwrap();
    }

    async fn show(&self, mac: Mac) -> DeviceDetail {
        self.gateway.show(mac).await.unwrap()
    }

    /// A parameter of the phone: value, file and line.
    async fn origin(&self, mac: Mac, path: &str) -> (String, String) {
        let lines = self.gateway.parameters(mac, path).await.unwrap();
        let line = lines.into_iter().next().unwrap();
        let file = line.file.unwrap_or_default();
        let place = line.line.map(|number| format!("{file}:{number}"));
        (line.value, place.unwrap_or_default())
    }

    /// What `check` finds of a kind.
    fn found(&self, kind: FindingKind) -> Vec<String> {
        let packs = Packs::embedded().unwrap();
        let tree = self.folder.path().join("tree");
        let passwords = FilePasswords::default();
        let report = check(&packs, &passwords, &tree, Some(kind), &|_, _| {}).unwrap();
        let findings = report.findings.into_iter();
        findings
            .filter(|finding| finding.kind == kind)
            .map(|finding| finding.to_string())
            .collect()
    }
}

fn xml(root: &str, inside: &str) -> String {
    format!("<{root} version=\"1\">\n<config version=\"1\">\n{inside}</config>\n</{root}>\n")
}

fn both(value: &str, place: &str) -> (String, String) {
    (value.to_owned(), place.to_owned())
}

const NTP: &str = "Device.Time.NTPServer1";

#[tokio::test]
async fn firmware_says_which_of_the_global_files_counts() {
    let bench = Bench::new(&[
        ("aastra.cfg", "time server1: old.example.net\n"),
        ("startup.cfg", "# new\ntime server1: new.example.net\n"),
        ("6863i.cfg", "download protocol: HTTP\n"),
        ("00085D00000A.cfg", "sip line1 user name: 300\n"),
    ])
    .await;
    let new = both("new.example.net", "startup.cfg:2");
    assert_eq!(bench.origin(AASTRA, NTP).await, new);
    let own = "00085D00000A.cfg";
    assert_eq!(bench.show(AASTRA).await.files, ["startup.cfg", own]);

    let agent = |version: &str| format!("Aastra6863i MAC:00-08-5D-00-00-0A V:{version}-SIP");
    assert!(bench.fetch(own, &agent("3.3.1.4322")).await);
    let old = both("old.example.net", "aastra.cfg:1");
    assert_eq!(bench.origin(AASTRA, NTP).await, old);
    assert_eq!(bench.kept(AASTRA, NTP), "old.example.net");
    let files = ["aastra.cfg", "6863i.cfg", own];
    assert_eq!(bench.show(AASTRA).await.files, files);

    assert!(bench.fetch(own, &agent("4.1.0.128")).await);
    assert_eq!(bench.origin(AASTRA, NTP).await, new);
    assert_eq!(bench.kept(AASTRA, NTP), "new.example.net");
    let found = bench.found(FindingKind::UnlikeAlternatives);
    let [found] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(found.starts_with("startup.cfg: "), "{found}");
    assert!(
        found.contains("1 settings") && found.contains("aastra.cfg"),
        "{found}"
    );
}

#[tokio::test]
async fn a_global_file_that_a_phone_does_not_ask_for_does_not_count() {
    let bench = Bench::new(&[
        ("aastra.cfg", "time server1: old.example.net\n"),
        ("00085D00000A.cfg", "sip line1 user name: 300\n"),
    ])
    .await;
    let old = both("old.example.net", "aastra.cfg:1");
    assert_eq!(bench.origin(AASTRA, NTP).await, old);
    let agent = "Mitel6920 MAC:00-08-5D-00-00-0A V:6.4.0.140-SIP";
    assert!(bench.fetch("00085D00000A.cfg", agent).await);
    assert_eq!(bench.origin(AASTRA, NTP).await.1, "");
    assert_eq!(bench.show(AASTRA).await.files, ["00085D00000A.cfg"]);
}

#[tokio::test]
async fn with_all_files_processed_the_general_one_has_the_last_word() {
    let own = "cfg000b8200000b.xml";
    let bench = Bench::new(&[
        (
            "cfg.xml",
            &xml("gs_provision", "<P30>all.example.net</P30>\n"),
        ),
        (
            own,
            &xml(
                "gs_provision",
                "<P8467>1</P8467>\n<P30>my.example.net</P30>\n",
            ),
        ),
    ])
    .await;
    let all = both("all.example.net", "cfg.xml:3");
    assert_eq!(bench.origin(GRANDSTREAM, NTP).await, all);
    assert_eq!(bench.show(GRANDSTREAM).await.files, [own, "cfg.xml"]);
    let found = bench.found(FindingKind::NoEffect);
    let place = format!("{own}:4:");
    assert!(
        found.len() == 1 && found[0].starts_with(&place) && found[0].contains("cfg.xml:3"),
        "{found:?}"
    );

    let set = |path: &str, value: &str| {
        let values = vec![(path.to_owned(), value.to_owned())];
        let gateway = bench.gateway.clone();
        async move { gateway.set_by_operator(GRANDSTREAM, values).await.unwrap() }
    };
    let report = set(NTP, "other.example.net").await;
    assert_eq!(report.edits[0].shadowed_by.as_deref(), Some("cfg.xml"));
    assert_eq!(bench.origin(GRANDSTREAM, NTP).await, all);

    let process_all = "Device.X_TRESTLE_Provisioning.ProcessAll";
    set(process_all, "0").await;
    let mine = both("other.example.net", &format!("{own}:4"));
    assert_eq!(bench.origin(GRANDSTREAM, NTP).await, mine);
    assert_eq!(bench.show(GRANDSTREAM).await.files, [own]);
}

#[tokio::test]
async fn a_new_file_of_the_phone_changes_the_order() {
    let own = "cfg000b8200000b.xml";
    let text = |first: &str| {
        let settings = format!("{first}<P30>my.example.net</P30>\n");
        xml("gs_provision", &settings)
    };
    let bench = Bench::new(&[
        (
            "cfg.xml",
            &xml("gs_provision", "<P30>all.example.net</P30>\n"),
        ),
        (own, &text("")),
    ])
    .await;
    assert_eq!(bench.kept(GRANDSTREAM, NTP), "my.example.net");
    let file = bench.folder.path().join("tree").join(own);
    std::fs::write(&file, text("<P8467>1</P8467>\n")).unwrap();
    bench.import().await;
    assert_eq!(bench.kept(GRANDSTREAM, NTP), "all.example.net");
    std::fs::write(&file, text("<P8467>0</P8467>\n")).unwrap();
    bench.import().await;
    assert_eq!(bench.kept(GRANDSTREAM, NTP), "my.example.net");
}

#[tokio::test]
async fn a_device_codes_file_counts_before_the_phones_own() {
    let model = "Device.X_TRESTLE_Native.P90001";
    let own = "cfg001fc100000c.xml";
    let bench = Bench::new(&[
        (
            "cfg0010.xml",
            &xml(
                "hl_provision",
                "<P90001>model</P90001>\n<P90002>m</P90002>\n",
            ),
        ),
        (
            "cfg0012.xml",
            &xml("hl_provision", "<P90001>other</P90001>\n"),
        ),
        (own, &xml("hl_provision", "<P90002>own</P90002>\n")),
    ])
    .await;
    assert!(bench.gateway.parameters(HTEK, model).await.is_err());
    let agent = "Htek UC926 2.0.4.2 00:1f:c1:00:00:0c";
    assert!(bench.fetch(own, agent).await);
    let found = bench.origin(HTEK, model).await;
    assert_eq!(found, both("model", "cfg0010.xml:3"));
    let found = bench.origin(HTEK, "Device.X_TRESTLE_Native.P90002").await;
    assert_eq!(found, both("own", &format!("{own}:3")));
}

#[tokio::test]
async fn a_name_with_more_round_it_is_the_phones_own_if_settings_say_so() {
    let own = xml("gs_provision", "<P3>a</P3>\n");
    let bench = Bench::new(&[
        (
            "cfg.xml",
            &xml("gs_provision", "<P234>site-</P234>\n<P235>.v2</P235>\n"),
        ),
        ("site-cfg000b8200000b.xml.v2", &own),
        ("cfg000b82000002.xml.bak", &own),
        ("old-cfg000b82000003.xml", &own),
        (
            "alone/b-cfg000b82000004.xml",
            &xml("gs_provision", "<P234>b-</P234>\n"),
        ),
        ("alone/site-cfg000b82000005.xml.v2", &own),
    ])
    .await;
    let list: Vec<String> = bench
        .gateway
        .list()
        .map(|found| found.unwrap().file)
        .collect();
    assert_eq!(
        list,
        ["alone/b-cfg000b82000004.xml", "site-cfg000b8200000b.xml.v2"]
    );
    let orphans: Vec<&str> = bench
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::Orphan)
        .map(|finding| &*finding.file)
        .collect();
    let expected = [
        "alone/site-cfg000b82000005.xml.v2",
        "cfg000b82000002.xml.bak",
        "old-cfg000b82000003.xml",
    ];
    assert_eq!(orphans, expected);
    assert_eq!(bench.found(FindingKind::Orphan).len(), 3);
    let agent = "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b8200000b";
    assert!(bench.fetch("site-cfg000B8200000B.xml.v2", agent).await);
    let shown = bench.show(GRANDSTREAM).await;
    assert_eq!(shown.device.model.as_deref(), Some("GXP2170"));
}

#[tokio::test]
async fn a_mac_is_the_same_in_every_case_and_only_without_separators() {
    let own = xml("gs_provision", "<P3>a</P3>\n");
    let bench = Bench::new(&[
        ("cfg000B8200000b.xml", &own),
        ("00085d00000A.cfg", "sip line1 user name: 300\n"),
        ("00-08-5D-00-00-0E.cfg", "sip line1 user name: 301\n"),
    ])
    .await;
    assert_eq!(bench.gateway.list().count(), 2);
    let agent = "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b8200000b";
    assert!(bench.fetch("cfg000b8200000b.xml", agent).await);
    assert!(bench.fetch("cfg000B8200000B.xml", agent).await);
    assert!(!bench.fetch("cfg000B8200000B.cfg", agent).await);
    assert!(!bench.fetch("sub/cfg000b8200000b.xml", agent).await);
    let agent = "Aastra6863i MAC:00-08-5D-00-00-0A V:4.1.0.128-SIP";
    assert!(bench.fetch("00085D00000A.cfg", agent).await);
    assert_eq!(bench.found(FindingKind::Orphan).len(), 1);
}

#[test]
fn of_a_phones_binary_and_xml_file_the_one_that_it_takes_counts() {
    let packs = Packs::embedded().unwrap();
    let chosen = |mac: Mac, vendor: &str| {
        let names = [format!("cfg{mac}.xml"), format!("cfg{mac}")];
        let candidates = names.map(|name| Candidate {
            file: TreeFile {
                path: name.parse().unwrap(),
                on_disk: name.into(),
                length: 1,
            },
            vendor: vendor.to_owned(),
        });
        let (own, _) = choose(&packs, mac, candidates.to_vec(), None).unwrap();
        own.file.path.to_string()
    };
    // The first that it finds, and the last that it reads.
    assert_eq!(chosen(GRANDSTREAM, "grandstream"), "cfg000b8200000b");
    assert_eq!(chosen(HTEK, "htek"), "cfg001fc100000c.xml");
}

#[test]
fn what_does_not_reach_a_phone_or_not_for_long_is_told() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let files = [
        (
            "startup.cfg",
            "sip proxy ip: a.example.net\n!sip proxy port: 5070\n",
        ),
        (
            "00085D00000A.cfg",
            "^time server1: a.example.net\nsip line2 proxy ip: b.example.net\n",
        ),
    ];
    let bench = runtime.unwrap().block_on(Bench::new(&files));
    let beaten = bench.found(FindingKind::LocalWins);
    assert!(
        beaten.len() == 1 && beaten[0].contains(" 2 settings"),
        "{beaten:?}"
    );
    let lines = bench.found(FindingKind::LineSet);
    assert!(
        lines.len() == 1
            && lines[0].starts_with("00085D00000A.cfg:2:1: ")
            && lines[0].contains("`sip proxy port`"),
        "{lines:?}"
    );
    assert!(bench.found(FindingKind::NoEffect).is_empty());
}
