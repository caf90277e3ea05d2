//! Encrypted and binary files of phones, from the tree to the ACS and back.

use std::path::Path;

use aes::Aes256;
use aes::cipher::KeyIvInit as _;
use bytes::Bytes;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _};
use md5::{Digest as _, Md5};

use super::test_support::{self, Hands};
use super::tests::{FILE, MAC, USER_AGENT};
use super::{
    Carried, FetchAnswer, FilePasswords, Finding, FindingKind, Gateway, GatewaySettings,
    ImportOptions, check,
};
use crate::cwmp::{AcsRequest, CpeResponse, Download, Fault, FaultCode, SetValue};
use crate::device::TransferState;
use crate::mapping::Packs;
use crate::wire::Secret;

const BINARY_FILE: &str = "cfg000b82a1b2c3";
const PASSWORD: &str = "Lantern-Room 4";
const SALT: [u8; 8] = *b"saltwort";
const PLAIN: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<gs_provision version=\"1\">\n\
<mac>000b82a1b2c3</mac>\n<config version=\"1\">\n<P271>1</P271>\n<P35>300</P35>\n\
<P34>hush</P34>\n<P3>Chart room</P3>\n<P99999>left alone</P99999>\n</config>\n</gs_provision>\n";
const DISPLAY_NAME: &str =
    "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.CallingFeatures.CallerIDName";
const AUTH_PASSWORD: &str = "Device.Services.VoiceService.1.VoiceProfile.1.Line.1.SIP.AuthPassword";
const TIME_SERVER: &str = "Device.Time.NTPServer1";
const UNCOVERED: &str = "Device.X_TRESTLE_Native.P99999";

/// EVP_BytesToKey with MD5 and one round, written down a second time: three hashes, one after
/// the other.
fn key(password: &str, salt: &[u8]) -> [u8; 48] {
    let one = Md5::digest([password.as_bytes(), salt].concat());
    let two = Md5::digest([&one[..], password.as_bytes(), salt].concat());
    let three = Md5::digest([&two[..], password.as_bytes(), salt].concat());
    let made = [&one[..], &two[..], &three[..]].concat();
    made.try_into().unwrap()
}

fn encrypted(password: &str, plain: &str) -> Vec<u8> {
    let key = key(password, &SALT);
    let encryptor = cbc::Encryptor::<Aes256>::new_from_slices(&key[..32], &key[32..]).unwrap();
    let mut buffer = plain.as_bytes().to_vec();
    buffer.resize(plain.len() + 16, 0);
    let ciphertext = encryptor.encrypt_padded::<Pkcs7>(&mut buffer, plain.len());
    [b"Salted__", &SALT[..], ciphertext.unwrap()].concat()
}

fn decrypted(password: &str, file: &[u8]) -> String {
    assert_eq!(&file[..8], b"Salted__");
    let key = key(password, &file[8..16]);
    let decryptor = cbc::Decryptor::<Aes256>::new_from_slices(&key[..32], &key[32..]).unwrap();
    let mut buffer = file[16..].to_vec();
    let plain = decryptor.decrypt_padded::<Pkcs7>(&mut buffer).unwrap();
    String::from_utf8(plain.to_vec()).unwrap()
}

fn passwords(texts: &[&str]) -> FilePasswords {
    let section = |text: &&str| toml::from_str(&format!("password = {text:?}")).unwrap();
    FilePasswords::new(texts.iter().map(section).collect())
}

/// A tree, and a store for it.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn with(name: &str, content: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tree")).unwrap();
        let bench = Self { folder };
        std::fs::write(bench.tree().join(name), content).unwrap();
        bench
    }

    fn tree(&self) -> std::path::PathBuf {
        self.folder.path().join("tree")
    }

    /// A gateway on the store, started with these passwords.
    fn open(&self, texts: &[&str]) -> Gateway {
        let settings = GatewaySettings {
            file_passwords: passwords(texts),
            ..test_support::with_acs()
        };
        test_support::open(
            self.folder.path(),
            &Hands::new(),
            Packs::embedded().unwrap(),
            settings,
        )
    }

    async fn import(&self, gateway: &Gateway) -> Vec<Finding> {
        let options = ImportOptions::default();
        let report = gateway.import(&self.tree(), options, &|_, _| {}).await;
        report.unwrap().findings
    }
}

async fn served(gateway: &Gateway, name: &str) -> Bytes {
    match gateway.fetch(test_support::request(name, USER_AGENT)).await {
        FetchAnswer::File { body, .. } => body,
        other => panic!("{other:?}"),
    }
}

async fn set(gateway: &Gateway, value: &str) -> Result<(), Fault> {
    let request = AcsRequest::SetParameterValues {
        parameters: vec![SetValue {
            name: DISPLAY_NAME.to_owned(),
            value: value.to_owned(),
            value_type: None,
        }],
        parameter_key: String::new(),
    };
    gateway.execute(MAC, request).await.map(|_| ())
}

async fn value(gateway: &Gateway, name: &str) -> String {
    let request = AcsRequest::GetParameterValues(vec![name.to_owned()]);
    match gateway.execute(MAC, request).await.unwrap() {
        CpeResponse::GetParameterValues(values) => values[0].value.clone(),
        other => panic!("{other:?}"),
    }
}

/// Has the device download a file, and says which fault it reports.
async fn download(gateway: &Gateway, content: Vec<u8>) -> Option<(FaultCode, String)> {
    let download = Download {
        command_key: "D1".to_owned(),
        file_type: "3 Vendor Configuration File".to_owned(),
        url: "http://files.example.net/a".to_owned(),
        username: String::new(),
        password: Secret::default(),
        file_size: 0,
        target_file_name: String::new(),
        delay_seconds: 0,
    };
    let request = AcsRequest::Download(download);
    gateway.execute(MAC, request).await.unwrap();
    let job = gateway.next_transfer().await;
    let content = Ok(Carried::file(content));
    gateway.finish_transfer(MAC, job.id, content).await;
    let (record, _) = gateway.load(MAC).unwrap().unwrap();
    let mut transfers = record.cpe.transfers.into_iter();
    let transfer = transfers.find(|transfer| transfer.id == job.id).unwrap();
    match transfer.state {
        TransferState::Finished(report) => report.fault.map(|fault| (fault.code, fault.text)),
        TransferState::Waiting { .. } | TransferState::Installing(_) => {
            panic!("the transfer is not done")
        }
    }
}

#[tokio::test]
async fn what_an_acs_sets_in_an_encrypted_file_is_written_back_encrypted() {
    let file = encrypted(PASSWORD, PLAIN);
    let bench = Bench::with(FILE, &file);
    let gateway = bench.open(&["wrong", PASSWORD]);
    assert_eq!(bench.import(&gateway).await, []);
    assert_eq!(served(&gateway, FILE).await, file, "the very same bytes");
    assert_eq!(value(&gateway, DISPLAY_NAME).await, "Chart room");
    assert_eq!(
        gateway
            .verify(&bench.tree(), &|_, _| {})
            .unwrap()
            .summary
            .identical,
        1
    );

    set(&gateway, "Kai & Co").await.unwrap();
    let edited = served(&gateway, FILE).await;
    assert_ne!(edited[8..16], SALT, "a salt is for one plain text");
    let expected = PLAIN.replace("Chart room", "Kai &amp; Co");
    assert_eq!(decrypted(PASSWORD, &edited), expected);
    set(&gateway, "Kai & Co").await.unwrap();
    assert_eq!(served(&gateway, FILE).await, edited, "nothing has changed");

    let out = bench.folder.path().join("out");
    gateway.export(&out, &|_, _| {}).unwrap();
    assert_eq!(std::fs::read(out.join(FILE)).unwrap(), edited);
    let report = gateway.verify(&bench.tree(), &|_, _| {}).unwrap();
    assert_eq!((report.summary.edited, report.summary.different), (1, 1));
    drop(gateway);
    let gateway = bench.open(&[PASSWORD]);
    assert_eq!(value(&gateway, DISPLAY_NAME).await, "Kai & Co");
    assert_eq!(bench.import(&gateway).await, []);
}

#[tokio::test]
async fn an_encrypted_file_without_its_password_is_served_and_becomes_a_phone_with_it() {
    let file = encrypted(PASSWORD, PLAIN);
    let bench = Bench::with(FILE, &file);
    for (texts, why) in [
        (
            &[][..],
            "encrypted: no password is given; it is served as it is",
        ),
        (
            &["wrong", "other"],
            "encrypted: none of 2 passwords fits; it is served as it is",
        ),
    ] {
        let gateway = bench.open(texts);
        let findings = bench.import(&gateway).await;
        let finding = findings.first().unwrap();
        assert_eq!((findings.len(), finding.kind), (1, FindingKind::Encrypted));
        assert!(finding.message.starts_with(why), "{}", finding.message);
        assert!(finding.message.contains("[[phones.file_password]]"));
        assert_eq!(finding.mac, Some(MAC));
        assert_eq!(served(&gateway, FILE).await, file);
        assert_eq!(gateway.list().count(), 0);
    }
    let report = check(
        &Packs::embedded().unwrap(),
        &passwords(&[PASSWORD]),
        &bench.tree(),
        None,
        &|_, _| {},
    );
    let report = report.unwrap();
    assert_eq!((report.summary.phones, report.summary.same_bytes), (1, 1));
    assert_eq!(report.findings, []);
    let gateway = bench.open(&[PASSWORD]);
    assert_eq!(bench.import(&gateway).await, []);
    assert_eq!(value(&gateway, DISPLAY_NAME).await, "Chart room");
}

#[tokio::test]
async fn when_the_password_is_gone_a_phone_is_shown_and_served_but_not_changed() {
    let file = encrypted(PASSWORD, PLAIN);
    let bench = Bench::with(FILE, &file);
    let gateway = bench.open(&[PASSWORD]);
    bench.import(&gateway).await;
    drop(gateway);

    let gateway = bench.open(&["another"]);
    assert_eq!(
        served(&gateway, FILE).await,
        file,
        "also when its model is news"
    );
    assert_eq!(value(&gateway, DISPLAY_NAME).await, "Chart room");
    assert_eq!(value(&gateway, UNCOVERED).await, "left alone");
    assert_eq!(value(&gateway, AUTH_PASSWORD).await, "");
    let fault = set(&gateway, "new").await.unwrap_err();
    assert_eq!(fault.code, FaultCode::InternalError);
    assert!(fault.text.contains("encrypted") && fault.text.contains("file_password"));
    assert_eq!(gateway.show(MAC).await.unwrap().files, [FILE]);
    let (code, text) = download(&gateway, PLAIN.into()).await.unwrap();
    assert_eq!(code, FaultCode::InternalError);
    assert!(text.contains("encrypted"), "{text}");
    let findings = bench.import(&gateway).await;
    let kinds: Vec<_> = findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::Encrypted]);
    assert_eq!(served(&gateway, FILE).await, file);
    drop(gateway);

    let gateway = bench.open(&[PASSWORD]);
    set(&gateway, "new").await.unwrap();
    assert_eq!(value(&gateway, DISPLAY_NAME).await, "new");
}

#[tokio::test]
async fn a_tree_that_was_encrypted_anew_is_imported_with_the_new_password_alone() {
    let bench = Bench::with(FILE, &encrypted(PASSWORD, PLAIN));
    let gateway = bench.open(&[PASSWORD]);
    bench.import(&gateway).await;
    drop(gateway);
    let next = encrypted("Second 5", &PLAIN.replace("Chart room", "Galley"));
    std::fs::write(bench.tree().join(FILE), &next).unwrap();
    let gateway = bench.open(&["Second 5"]);
    assert_eq!(bench.import(&gateway).await, []);
    assert_eq!(served(&gateway, FILE).await, next);
    assert_eq!(value(&gateway, DISPLAY_NAME).await, "Galley");

    set(&gateway, "Bridge").await.unwrap();
    let edited = served(&gateway, FILE).await;
    drop(gateway);
    let last = encrypted("Third 6", PLAIN);
    std::fs::write(bench.tree().join(FILE), &last).unwrap();
    let gateway = bench.open(&["Third 6"]);
    let findings = bench.import(&gateway).await;
    assert_eq!(findings[0].kind, FindingKind::Conflict);
    assert_eq!(served(&gateway, FILE).await, edited, "an edit is not lost");
    let options = ImportOptions {
        replace: true,
        ..ImportOptions::default()
    };
    let report = gateway.import(&bench.tree(), options, &|_, _| {}).await;
    assert_eq!(report.unwrap().findings, []);
    assert_eq!(served(&gateway, FILE).await, last);
    assert_eq!(value(&gateway, DISPLAY_NAME).await, "Chart room");
}

#[tokio::test]
async fn a_shared_file_counts_when_it_is_imported_again_without_its_password() {
    // Its own file tells the phone to read the general one too.
    let own = PLAIN.replace("<P35>", "<P8467>1</P8467>\n<P35>");
    let bench = Bench::with(FILE, own.as_bytes());
    let shared = "<gs_provision version=\"1\"><config version=\"1\">\n<P30>ntp.example.net</P30>\n\
                  </config></gs_provision>\n";
    let general = bench.tree().join("cfg.xml");
    std::fs::write(&general, encrypted(PASSWORD, shared)).unwrap();
    let gateway = bench.open(&[PASSWORD]);
    bench.import(&gateway).await;
    served(&gateway, FILE).await;
    assert_eq!(value(&gateway, TIME_SERVER).await, "ntp.example.net");
    drop(gateway);

    let gateway = bench.open(&[]);
    let findings = bench.import(&gateway).await;
    assert_eq!(findings[0].kind, FindingKind::Encrypted);
    assert_eq!(value(&gateway, TIME_SERVER).await, "ntp.example.net");

    std::fs::write(&general, "nothing that a phone could read\n").unwrap();
    bench.import(&gateway).await;
    let time_server = TIME_SERVER.parse().unwrap();
    let derived = gateway.load_parameters(MAC).unwrap();
    assert_eq!(derived.value(&time_server), None, "derived anew");
}

#[tokio::test]
async fn a_download_for_an_encrypted_phone_may_be_encrypted_or_plain() {
    let bench = Bench::with(FILE, &encrypted(PASSWORD, PLAIN));
    let gateway = bench.open(&[PASSWORD, "Second 5"]);
    bench.import(&gateway).await;
    let next = encrypted("Second 5", &PLAIN.replace("Chart room", "Galley"));
    assert_eq!(download(&gateway, next.clone()).await, None);
    assert_eq!(served(&gateway, FILE).await, next, "as it was downloaded");
    assert_eq!(value(&gateway, DISPLAY_NAME).await, "Galley");

    let plain = PLAIN.replace("Chart room", "Bridge");
    assert_eq!(download(&gateway, plain.clone().into()).await, None);
    let file = served(&gateway, FILE).await;
    assert_eq!(decrypted("Second 5", &file), plain, "encrypted as before");

    let strange = encrypted("Third 6", PLAIN);
    let (code, text) = download(&gateway, strange).await.unwrap();
    assert_eq!(code, FaultCode::FileCorrupted);
    assert!(text.contains("none of 2 passwords fits"), "{text}");
    assert_eq!(served(&gateway, FILE).await, file);
}

/// A binary file with a right length and checksum.
fn binary(body: &str) -> Vec<u8> {
    let mut file = [&[0; 6][..], &MAC.bytes(), b"\r\n\r\n", body.as_bytes()].concat();
    file.resize(file.len().next_multiple_of(2), 0);
    let words = u32::try_from(file.len() / 2).unwrap();
    file[..4].copy_from_slice(&words.to_be_bytes());
    let word = |pair: &[u8]| u32::from(pair[0]) * 256 + u32::from(pair[1]);
    let sum: u32 = file.chunks(2).map(word).sum();
    let checksum = u16::try_from(0xffff & (0x1_0000 - (sum & 0xffff))).unwrap();
    file[4..6].copy_from_slice(&checksum.to_be_bytes());
    file
}

#[tokio::test]
async fn what_an_acs_sets_in_a_binary_file_keeps_it_one() {
    let file = binary("P271=1&P35=300&P3=Chart+room&gnkey=0b82");
    let bench = Bench::with(BINARY_FILE, &file);
    let gateway = bench.open(&[]);
    assert_eq!(bench.import(&gateway).await, []);
    assert_eq!(served(&gateway, BINARY_FILE).await, file);
    assert_eq!(value(&gateway, DISPLAY_NAME).await, "Chart room");
    set(&gateway, "Kai & Söhne").await.unwrap();
    let expected = binary("P271=1&P35=300&P3=Kai+%26+S%C3%B6hne&gnkey=0b82");
    assert_eq!(served(&gateway, BINARY_FILE).await, expected);
    assert_eq!(value(&gateway, DISPLAY_NAME).await, "Kai & Söhne");
    let mut wrong = expected.clone();
    wrong[20] = b'7';
    for damaged in [&expected[..40], &wrong] {
        let (code, _) = download(&gateway, damaged.to_vec()).await.unwrap();
        assert_eq!(code, FaultCode::FileCorrupted);
    }
    assert_eq!(download(&gateway, file.clone()).await, None);
    assert_eq!(served(&gateway, BINARY_FILE).await, file);
}

#[tokio::test]
async fn of_a_binary_and_an_xml_file_one_is_the_phones_own_and_the_other_is_told() {
    let bench = Bench::with(BINARY_FILE, &binary("P3=a&gnkey=0b82"));
    std::fs::write(bench.tree().join(FILE), PLAIN).unwrap();
    let gateway = bench.open(&[]);
    let findings = bench.import(&gateway).await;
    let kinds: Vec<_> = findings
        .iter()
        .map(|finding| (finding.kind, &*finding.file))
        .collect();
    assert_eq!(kinds, [(FindingKind::SeveralFiles, FILE)]);
    assert_eq!(value(&gateway, DISPLAY_NAME).await, "a");
}

#[tokio::test]
async fn what_nobody_here_can_read_is_told_and_served() {
    let magic = b"\x55\x42\x43\x7f\x80\xf8\x5c\x98\x0f\xfc\xaf\x26\x9e\xda\x16\x8d";
    let bench = Bench::with("00085D112233.tuz", &[&magic[..], b"\x04\x01\x02"].concat());
    let noise: Vec<u8> = (0..64_u8).map(|n| n.wrapping_mul(151)).collect();
    for (name, content) in [
        ("security.tuz", &noise[..41]),
        ("cfg001fc1862001.xml", &noise),
        ("cfg001fc1862002", &noise[..50]),
        ("gxp2170fw.bin", &noise),
    ] {
        std::fs::write(bench.tree().join(name), content).unwrap();
    }
    let gateway = bench.open(&[PASSWORD]);
    let findings = bench.import(&gateway).await;
    let told: Vec<_> = findings
        .iter()
        .map(|finding| (finding.kind, &*finding.file))
        .collect();
    let encrypted = |name| (FindingKind::Encrypted, name);
    assert_eq!(
        told,
        [
            encrypted("00085D112233.tuz"),
            encrypted("cfg001fc1862001.xml"),
            encrypted("cfg001fc1862002"),
            encrypted("security.tuz"),
        ]
    );
    assert!(
        findings[0]
            .message
            .contains("an edit of that one may have no effect")
    );
    assert_eq!(findings[0].mac, "00085d112233".parse().ok());
    assert_eq!(served(&gateway, "cfg001fc1862001.xml").await, noise);
    assert_eq!(gateway.list().count(), 0);
}

#[tokio::test]
async fn the_encrypted_files_of_the_corpus_are_phones() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/grandstream");
    if !corpus.is_dir() {
        println!("skipped: no corpus");
        return;
    }
    for name in ["md5", "sha256"] {
        let name = format!("derived-enc-{name}-cfg000b828c8f97.xml.enc");
        let bench = Bench::with(
            "cfg000b828c8f97.xml",
            &std::fs::read(corpus.join(name)).unwrap(),
        );
        let packs = Packs::embedded().unwrap();
        let report = check(
            &packs,
            &passwords(&["GsXmlPass1"]),
            &bench.tree(),
            None,
            &|_, _| {},
        )
        .unwrap();
        assert_eq!((report.summary.phones, report.summary.same_bytes), (1, 1));
        assert!(report.summary.settings > 5);
    }
}
