//! Encrypted and binary files of the corpus: an ACS sets values, the phone fetches its file, and
//! what it decrypts or decodes differs in those values only.

use percent_encoding::percent_decode_str;
use trestle::native::Seal;
use trestle::wire::Secret;

use crate::corpus_phone::{CorpusTree, Set, assert_changed, read_back, set_all};
use crate::phones::Phone;

/// The password of the encrypted files, as the corpus's list of files tells it.
const PASSWORD: &str = "GsXmlPass1";

const SETS: [Set<'static>; 4] = [
    ("L1.CallingFeatures.CallerIDName", "Kai & Co=1+1", 's'),
    ("L1.SIP.AuthPassword", "Oak&P2=x %41", 'p'),
    ("VP1.SIP.RegistrarServer", "sip.quay.example", 's'),
    ("L1.CallingFeatures.MWIEnable", "1", 'b'),
];

#[tokio::test(flavor = "multi_thread")]
async fn encrypted_files_are_changed_in_the_values_only() {
    const MD5: Phone = Phone::new(
        "000b828c8f97",
        "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b828c8f97",
        &["cfg000b828c8f97.xml"],
        0,
    );
    const SHA256: Phone = Phone::new(
        "000b828c8f98",
        "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b828c8f98",
        &["cfg000b828c8f98.xml"],
        1,
    );
    let files = [
        (
            "grandstream/derived-enc-md5-cfg000b828c8f97.xml.enc",
            MD5.own_file(),
        ),
        (
            "grandstream/derived-enc-sha256-cfg000b828c8f97.xml.enc",
            SHA256.own_file(),
        ),
    ];
    let settings = format!("[[phones.file_password]]\npassword = {PASSWORD:?}\n");
    let Some(tree) = CorpusTree::serve_with(&files, &settings).await else {
        return;
    };
    for phone in [MD5, SHA256] {
        let before = tree.bench.tree_file(phone.own_file());
        let mut managed = tree.announced(phone).await;
        assert_eq!(tree.fetched(phone).await, before, "served as it was");
        let mut session = managed.turn(&tree.gateway).await;
        set_all(&mut session, &SETS).await.unwrap();
        read_back(&mut session, &SETS).await;
        session.end().unwrap();

        let password = [Secret::new(PASSWORD)];
        let (before, seal) = Seal::open(&before, &password).unwrap();
        let (after, seal_after) = Seal::open(&tree.fetched(phone).await, &password).unwrap();
        assert_eq!(seal_after.derivation(), seal.derivation());
        let lines = [
            "= <P47>sip.quay.example</P47>",
            "= <P34>Oak&amp;P2=x %41</P34>",
            "= <P3>Kai &amp; Co=1+1</P3>",
            "+ <P99>1</P99>",
        ];
        assert_changed(&before, &after, &lines);
    }
    tree.bench.assert_no_findings();
}

/// A binary file, taken apart.
struct Binary {
    mac: Vec<u8>,
    /// Sum of all its words.
    sum: u16,
    settings: Vec<String>,
    padding: usize,
}

fn take_apart(file: &[u8]) -> Binary {
    let word = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
    assert_eq!(file.len() % 2, 0);
    let length = u32::from_be_bytes(file[..4].try_into().unwrap());
    assert_eq!(
        usize::try_from(length).unwrap() * 2,
        file.len(),
        "its length"
    );
    assert_eq!(file[12..16], *b"\r\n\r\n");
    let body = std::str::from_utf8(&file[16..]).unwrap();
    let text = body.trim_end_matches('\0');
    Binary {
        mac: file[6..12].to_vec(),
        sum: file.chunks(2).map(word).fold(0, u16::wrapping_add),
        settings: text.split('&').map(str::to_owned).collect(),
        padding: body.len() - text.len(),
    }
}

/// A value of a body as a phone decodes it.
fn decoded(setting: &str) -> String {
    let spaces = setting.replace('+', " ");
    percent_decode_str(&spaces)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_files_are_changed_in_the_values_only() {
    const EXACT: Phone = Phone::new(
        "000b82123456",
        "Grandstream GXP2020 1.2.5.3",
        &["cfg000b82123456"],
        0,
    );
    const PADDED: Phone = Phone::new(
        "000b82123457",
        "Grandstream GXP2020 1.2.5.3",
        &["cfg000b82123457"],
        1,
    );
    const OTHER_SUM: Phone = Phone::new(
        "000b82123458",
        "Grandstream GXP2020 1.2.5.3",
        &["cfg000b82123458"],
        2,
    );
    let files = [
        ("grandstream/derived-cfg000b82123456.bin", EXACT.own_file()),
        (
            "grandstream/derived-pad4-cfg000b82123457.bin",
            PADDED.own_file(),
        ),
        (
            "grandstream/derived-issabel-badsum-cfg000b82123458.bin",
            OTHER_SUM.own_file(),
        ),
    ];
    let Some(tree) = CorpusTree::serve(&files).await else {
        return;
    };
    // What differs, decoded; a password or switch that the file did not have is added.
    let [name, password] = ["P3=Kai & Co=1+1", "P34=Oak&P2=x %41"];
    let [server, switch] = ["P47=sip.quay.example", "P99=1"];
    let with_port = "P47=sip.quay.example:5066";
    for (phone, gone, new) in [
        (EXACT, ["P3", "P34", "P47"], vec![name, password, server]),
        (
            PADDED,
            ["P99", "P3", "P47"],
            vec![switch, name, with_port, password],
        ),
        (
            OTHER_SUM,
            ["P47", "P34", "P3"],
            vec![server, password, name, switch],
        ),
    ] {
        let before = take_apart(&tree.bench.tree_file(phone.own_file()));
        let mut managed = tree.announced(phone).await;
        let mut session = managed.turn(&tree.gateway).await;
        set_all(&mut session, &SETS).await.unwrap();
        read_back(&mut session, &SETS).await;
        session.end().unwrap();

        let file = tree.fetched(phone).await;
        let after = take_apart(&file);
        assert_eq!(after.mac, before.mac);
        assert_eq!(
            after.sum, before.sum,
            "the checksum in the way of this file"
        );
        assert!(after.padding < 4);
        let only_in = |one: &Binary, other: &Binary| -> Vec<String> {
            let settings = one.settings.iter();
            let only = settings.filter(|setting| !other.settings.contains(setting));
            only.map(|setting| decoded(setting)).collect()
        };
        let was: Vec<_> = only_in(&before, &after);
        let keys: Vec<_> = was
            .iter()
            .map(|one| one.split('=').next().unwrap())
            .collect();
        assert_eq!(keys, gone);
        assert_eq!(only_in(&after, &before), new);
        assert_eq!(after.settings.last(), before.settings.last());
    }
    tree.bench.assert_no_findings();
}
