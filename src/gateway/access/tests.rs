//! Who gets which file, with a clock that is moved by hand: phones, people and guessers.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::{
    AccessGroup, AccessPolicy, AccessSettings, CredentialsOrder, CredentialsOutcome, FirstContact,
    GivenProof, Proof, UntilUsed,
};
use crate::gateway::test_support::{self, Hands};
use crate::gateway::tests::{FILE, MAC, USER_AGENT};
use crate::gateway::{
    Clock, FetchAnswer, FetchRequest, Gateway, GatewaySettings, ImportOptions, Transport,
};
use crate::mapping::Packs;
use crate::native::Mac;
use crate::wire::digest::{Challenge, ClientState, Credentials};
use crate::wire::{ContentHash, Secret};

/// Another phone of the fixtures, and one that is not there.
const OTHER: Mac = Mac::new([0x00, 0x0b, 0x82, 0x77, 0xaa, 0x01]);
const OTHER_FILE: &str = "cfg000b8277aa01.xml";
const OTHER_USER_AGENT: &str = "Grandstream Model HW GXP2130 SW 1.0.11.16 DevId 000b8277aa01";
const UNKNOWN_FILE: &str = "cfg000b82a1b2c4.xml";
const AASTRA: Mac = Mac::new([0x00, 0x08, 0x5d, 0x78, 0x90, 0xab]);
const AASTRA_USER_AGENT: &str = "Aastra6867i MAC:00-08-5D-78-90-AB V:4.2.0.181-SIP";

mod refused;
mod shown_values;

struct Bench {
    gateway: Gateway,
    clock: Arc<Hands>,
    folder: tempfile::TempDir,
}

/// What came back.
#[derive(Debug)]
enum Got {
    File(Vec<u8>),
    NotFound,
    Challenge(Vec<String>),
}

impl Got {
    #[track_caller]
    fn file(self) -> Vec<u8> {
        match self {
            Self::File(bytes) => bytes,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn challenge(self) -> Vec<String> {
        match self {
            Self::Challenge(challenges) => challenges,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn nothing(self) {
        assert!(matches!(self, Self::NotFound), "{self:?}");
    }
}

fn policy(name: &str, proofs: &[Proof], until_used: UntilUsed) -> AccessPolicy {
    AccessPolicy {
        name: name.to_owned(),
        proofs: proofs.to_vec(),
        networks: vec!["192.0.2.0/24".parse().unwrap()],
        until_used,
    }
}

/// All phones have to show one of these.
fn all(proofs: &[Proof], until_used: UntilUsed) -> AccessSettings {
    AccessSettings {
        default: policy("default", proofs, until_used),
        ..AccessSettings::default()
    }
}

fn open(folder: &Path, clock: &Arc<Hands>, access: AccessSettings) -> Gateway {
    let settings = GatewaySettings {
        access,
        phones_url: Some("http://phones.example.net:8080/".parse().unwrap()),
        ..GatewaySettings::default()
    };
    test_support::open(folder, clock, Packs::embedded().unwrap(), settings)
}

impl Bench {
    async fn new(access: AccessSettings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Hands::new();
        let gateway = open(folder.path(), &clock, access);
        let bench = Self {
            gateway,
            clock,
            folder,
        };
        bench
            .import(
                &Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tree"),
                false,
            )
            .await;
        bench
    }

    async fn import(&self, tree: &Path, replace: bool) {
        let options = ImportOptions {
            replace,
            ..ImportOptions::default()
        };
        self.gateway
            .import(tree, options, &|_, _| {})
            .await
            .unwrap();
    }

    /// The process ends and starts again with other settings.
    fn restart(self, access: AccessSettings) -> Self {
        let Self {
            gateway,
            clock,
            folder,
        } = self;
        drop(gateway);
        Self {
            gateway: open(folder.path(), &clock, access),
            clock,
            folder,
        }
    }

    fn advance(&self, seconds: i64) {
        self.clock.advance(seconds);
    }

    async fn ask(&self, request: FetchRequest) -> Got {
        match self.gateway.fetch(request).await {
            FetchAnswer::File { body, receipt, .. } => {
                self.gateway.fetched(receipt).await;
                Got::File(body.to_vec())
            }
            FetchAnswer::NotFound | FetchAnswer::Unavailable => Got::NotFound,
            FetchAnswer::Challenge { challenges } => Got::Challenge(challenges),
        }
    }

    /// A phone asks, and shows nothing but its path.
    async fn phone(&self, path: &str) -> Got {
        self.ask(phone(path)).await
    }

    /// A phone with a password asks: first without, then as it is asked to.
    async fn phone_with(&self, path: &str, password: &str) -> Got {
        match self.phone(path).await {
            Got::Challenge(challenges) => {
                let header = answer(&challenges, path, &MAC.to_string(), password);
                self.ask(with(phone(path), &header)).await
            }
            other => other,
        }
    }

    async fn order(&self, mac: Mac, order: CredentialsOrder) -> CredentialsOutcome {
        let mut lines = self
            .gateway
            .order_credentials(vec![mac], None, order)
            .await
            .unwrap();
        lines.pop().unwrap().outcome
    }

    #[track_caller]
    fn own_text(&self, mac: Mac) -> String {
        String::from_utf8(self.gateway.own_file(mac).unwrap().1).unwrap()
    }

    /// The value of a key in the phone's own file as it would be served.
    fn own_value(&self, key: &str) -> String {
        let text = self.own_text(MAC);
        let (_, after) = text.split_once(&format!("<{key}>")).expect("the key");
        after.split_once('<').unwrap().0.to_owned()
    }

    /// The token in it.
    fn token(&self) -> String {
        let path = self.own_value("P237");
        path.strip_prefix("phones.example.net:8080/")
            .unwrap()
            .to_owned()
    }

    fn log(&self, mac: Mac) -> String {
        self.gateway.log_file(mac).unwrap()
    }
}

fn phone(path: &str) -> FetchRequest {
    stranger_as(path, USER_AGENT)
}

fn stranger_as(path: &str, user_agent: &str) -> FetchRequest {
    let mut request = FetchRequest::new(path, SocketAddr::from(([198, 51, 100, 41], 40_000)));
    request.user_agent = Some(user_agent.to_owned());
    request.shown.method = "GET".to_owned();
    request.shown.target = format!("/{path}");
    request
}

fn with(mut request: FetchRequest, authorization: &str) -> FetchRequest {
    request.shown.authorization = Some(Secret::new(authorization));
    request
}

fn from_network(mut request: FetchRequest) -> FetchRequest {
    request.source = SocketAddr::from(([192, 0, 2, 41], 40_000));
    request
}

fn certified(mut request: FetchRequest, name: &str) -> FetchRequest {
    request.transport = Transport::Https;
    request.shown.certificate_names = vec![name.to_owned()];
    request
}

/// The answer to a Digest challenge.
fn answer(challenges: &[String], path: &str, user: &str, password: &str) -> String {
    let first = challenges.first().unwrap().as_str();
    let challenge = Challenge::parse_all([first]).into_iter().next().unwrap();
    let credentials = Credentials {
        username: user.to_owned(),
        password: Secret::new(password),
    };
    ClientState::new(challenge).answer("GET", &format!("/{path}"), b"", &credentials, "c")
}

fn given(proof: GivenProof) -> CredentialsOutcome {
    CredentialsOutcome::Given { proof }
}

fn renew() -> CredentialsOrder {
    CredentialsOrder {
        renew: true,
        ..CredentialsOrder::default()
    }
}

#[tokio::test]
async fn open_is_as_the_old_server_was() {
    let bench = Bench::new(AccessSettings::default()).await;
    bench.ask(stranger_as(FILE, "curl/8")).await.file();
    bench.phone(UNKNOWN_FILE).await.nothing();
    bench.phone("startup.cfg").await.file();
    let shown = bench.gateway.show(MAC).await.unwrap().access;
    assert!(shown.open && shown.until_used.is_none());
    assert_eq!(bench.gateway.access_risks().len(), 1);
    // Something that is shown in vain does no harm.
    bench.ask(with(phone(FILE), "Basic %%%")).await.file();
}

#[tokio::test]
async fn a_token_is_rolled_out_used_demanded_renewed_and_the_old_one_dies() {
    let bench = Bench::new(all(&[Proof::Token], UntilUsed::Open)).await;
    bench.phone(FILE).await.file();
    assert!(bench.gateway.show(MAC).await.unwrap().access.open);
    let outcome = bench.order(MAC, CredentialsOrder::default()).await;
    assert_eq!(outcome, given(GivenProof::Token));
    let again = bench.order(MAC, CredentialsOrder::default()).await;
    assert!(
        matches!(again, CredentialsOutcome::Left { .. }),
        "{again:?}"
    );

    // The phone fetches the file with the token as before, and then by its token.
    let file = bench.phone(FILE).await.file();
    let token = bench.token();
    assert!(String::from_utf8(file).unwrap().contains(&token));
    let path = format!("{token}/{FILE}");
    // Who tries it as somebody else does not use it in the phone's name.
    bench.ask(stranger_as(&path, "curl/8")).await.file();
    bench.phone(FILE).await.file();
    bench.phone(&path).await.file();
    let shown = bench.gateway.show(MAC).await.unwrap().access;
    assert!(!shown.open && shown.until_used.is_none() && !shown.token.waits);
    assert_eq!(shown.token.used_since, Some(bench.clock.now()));

    // From now on it has to.
    bench.phone(FILE).await.nothing();
    assert!(
        bench
            .log(MAC)
            .contains("refused to 198.51.100.41: it shows nothing")
    );

    // A new one: the old one is good until the new one is used.
    assert_eq!(bench.order(MAC, renew()).await, given(GivenProof::Token));
    let new = format!("{}/{FILE}", bench.token());
    assert_ne!(new, path);
    bench.phone(&path).await.file();
    bench.phone(&path).await.file();
    // It survives a restart of the gateway.
    let bench = bench.restart(all(&[Proof::Token], UntilUsed::Open));
    bench.phone(&new).await.file();
    bench.phone(&path).await.nothing();
    bench.phone(&new).await.file();
    let shown = bench.gateway.show(MAC).await.unwrap().access;
    let refused = shown.refused.unwrap();
    assert_eq!(refused.last_reason, "its token is no good, or not any more");
    // The token itself is nowhere but in the file.
    let (record, bytes) = bench.gateway.load(MAC).unwrap().unwrap();
    assert_eq!(record.access.tokens.valid.len(), 1);
    let token = bench.token();
    assert!(memchr::memmem::find(&bytes, token.as_bytes()).is_none());
    assert!(!bench.log(MAC).contains(&token));
}

#[tokio::test]
async fn a_password_is_asked_for_once_the_phone_has_it_and_demanded_once_it_was_shown() {
    let bench = Bench::new(all(&[Proof::Digest], UntilUsed::Open)).await;
    bench.phone(FILE).await.file();
    let outcome = bench.order(MAC, CredentialsOrder::default()).await;
    assert_eq!(outcome, given(GivenProof::Digest));
    // It does not have it yet, so it is not asked.
    bench.phone(FILE).await.file();
    let password = bench.own_value("P1361");
    assert_eq!(bench.own_value("P1360"), MAC.to_string());
    // A phone that does not understand is not shut out.
    bench.phone(FILE).await.challenge();
    bench.phone(FILE).await.file();
    bench.advance(3600);
    bench.phone_with(FILE, &password).await.file();
    let shown = bench.gateway.show(MAC).await.unwrap().access;
    assert_eq!(shown.digest.used_since, Some(bench.clock.now()));

    bench.phone(FILE).await.challenge();
    bench.phone_with(FILE, "wrong").await.challenge();
    assert!(bench.log(MAC).contains("user name or password is wrong"));
    bench.phone_with(FILE, &password).await.file();
    // Renewed: both are good until the new one is used.
    assert_eq!(bench.order(MAC, renew()).await, given(GivenProof::Digest));
    let new = bench.own_value("P1361");
    bench.phone_with(FILE, &password).await.file();
    bench.phone_with(FILE, &new).await.file();
    bench.phone_with(FILE, &password).await.challenge();
    bench.phone_with(FILE, &new).await.file();
    let (_, bytes) = bench.gateway.load(MAC).unwrap().unwrap();
    assert!(memchr::memmem::find(&bytes, new.as_bytes()).is_none());
}

#[tokio::test]
async fn a_certificate_that_names_the_phone_is_enough_and_is_demanded_from_then_on() {
    let bench = Bench::new(all(&[Proof::Certificate], UntilUsed::Open)).await;
    bench.phone(FILE).await.file();
    bench
        .ask(certified(phone(FILE), "000B82A1B2C3"))
        .await
        .file();
    bench.phone(FILE).await.nothing();
    bench
        .ask(certified(phone(FILE), "000B8277AA01"))
        .await
        .nothing();
    assert!(
        bench
            .log(MAC)
            .contains("certificate does not name this phone")
    );
    bench
        .ask(certified(phone(FILE), "000B82A1B2C3F"))
        .await
        .nothing();
    bench
        .ask(certified(phone(FILE), "000b82a1b2c3.example.net"))
        .await
        .file();
    let shown = bench.gateway.show(MAC).await.unwrap().access;
    assert!(shown.certificate_since.is_some());
    let left = bench.order(MAC, CredentialsOrder::default()).await;
    assert!(matches!(left, CredentialsOutcome::Left { .. }));
}

#[tokio::test]
async fn first_contact_is_only_in_its_time() {
    let start = Timestamp::from_second(1_800_000_000 + 100).unwrap();
    let end = Timestamp::from_second(1_800_000_000 + 200).unwrap();
    let mut access = AccessSettings {
        first_contact: FirstContact::Within { start, end },
        ..AccessSettings::default()
    };
    let bench = Bench::new(access.clone()).await;
    bench.phone(FILE).await.nothing();
    assert!(bench.log(MAC).contains("first contact is closed"));
    bench.advance(100);
    bench.phone(FILE).await.file();
    bench.advance(100);
    bench.phone(FILE).await.file();
    bench
        .ask(stranger_as(OTHER_FILE, OTHER_USER_AGENT))
        .await
        .nothing();
    access.first_contact = FirstContact::Closed;
    let bench = bench.restart(access);
    bench.phone(FILE).await.file();
    bench
        .ask(stranger_as(OTHER_FILE, OTHER_USER_AGENT))
        .await
        .nothing();
}

#[tokio::test]
async fn a_phone_whose_file_is_replaced_and_one_that_was_reset_can_begin_anew() {
    let bench = Bench::new(all(&[Proof::Token], UntilUsed::Open)).await;
    bench.phone(FILE).await.file();
    bench.order(MAC, CredentialsOrder::default()).await;
    let first = format!("{}/{FILE}", bench.token());
    bench.phone(&first).await.file();
    bench.phone(FILE).await.nothing();
    // The tree's file has no token: the phone will forget it when it has fetched that.
    let tree = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/tree")
        .join(FILE);
    let text = std::fs::read_to_string(fixture)
        .unwrap()
        .replace("Front desk", "Desk");
    std::fs::write(tree.path().join(FILE), text).unwrap();
    bench.import(tree.path(), true).await;
    let shown = bench.gateway.show(MAC).await.unwrap().access;
    assert!(shown.lost && shown.open, "{shown:?}");
    bench.phone(&first).await.file();
    bench.phone(FILE).await.file();
    assert_eq!(
        bench.order(MAC, CredentialsOrder::default()).await,
        given(GivenProof::Token)
    );
    bench.phone(FILE).await.file();
    let second = format!("{}/{FILE}", bench.token());
    bench.phone(&second).await.file();
    bench.phone(FILE).await.nothing();
    bench.phone(&first).await.nothing();

    let forget = CredentialsOrder {
        forget: true,
        ..CredentialsOrder::default()
    };
    assert_eq!(
        bench.order(MAC, forget).await,
        CredentialsOutcome::Forgotten
    );
    bench.phone(FILE).await.file();
    let shown = bench.gateway.show(MAC).await.unwrap().access;
    assert!(shown.open && shown.token.used_since.is_none());
}

#[tokio::test]
async fn a_proof_that_is_no_longer_wanted_is_good_until_one_that_is_was_used() {
    let bench = Bench::new(all(&[Proof::Token], UntilUsed::Open)).await;
    bench.phone(FILE).await.file();
    bench.order(MAC, CredentialsOrder::default()).await;
    let path = format!("{}/{FILE}", bench.token());
    bench.phone(&path).await.file();
    let bench = bench.restart(all(&[Proof::Digest], UntilUsed::Open));
    bench.phone(&path).await.file();
    bench.phone(FILE).await.challenge();
    assert_eq!(
        bench.order(MAC, CredentialsOrder::default()).await,
        given(GivenProof::Digest)
    );
    bench.phone(&path).await.file();
    let password = bench.own_value("P1361");
    bench.phone_with(FILE, &password).await.file();
    bench.phone(&path).await.challenge();
}

#[tokio::test]
async fn what_cant_be_given_is_told_and_changes_nothing() {
    let bench = Bench::new(all(&[Proof::Digest, Proof::Token], UntilUsed::Open)).await;
    let htek = Mac::new([0x00, 0x1f, 0xc1, 0xd4, 0xe5, 0xf6]);
    let unknown = Mac::new([0, 1, 2, 3, 4, 5]);
    let order = |proof, likely| CredentialsOrder {
        proof,
        likely,
        ..CredentialsOrder::default()
    };
    let before = ContentHash::of(bench.own_text(htek).as_bytes());
    for (mac, given, wanted) in [
        (
            AASTRA,
            Some(GivenProof::Digest),
            "not known how a phone of aastra",
        ),
        (htek, None, "--likely"),
        (unknown, None, "no phone 000102030405"),
    ] {
        let CredentialsOutcome::Left { reason } = bench.order(mac, order(given, false)).await
        else {
            panic!("{mac}");
        };
        assert!(reason.contains(wanted), "{reason}");
    }
    assert_eq!(ContentHash::of(bench.own_text(htek).as_bytes()), before);
    assert_eq!(
        bench.order(htek, order(None, true)).await,
        given(GivenProof::Digest)
    );
    let lines = bench
        .gateway
        .order_credentials(Vec::new(), Some("default"), CredentialsOrder::default())
        .await
        .unwrap();
    assert_eq!(lines.len(), bench.gateway.list().count());
    let unknown = bench
        .gateway
        .order_credentials(Vec::new(), Some("hall"), CredentialsOrder::default())
        .await;
    assert!(
        unknown
            .unwrap_err()
            .to_string()
            .contains("there are: default")
    );
}

#[tokio::test]
async fn a_phone_is_not_given_more_and_more_that_it_does_not_use() {
    let bench = Bench::new(all(&[Proof::Token], UntilUsed::Refuse)).await;
    for _ in 0..4 {
        assert_eq!(bench.order(MAC, renew()).await, given(GivenProof::Token));
    }
    let before = bench.own_text(MAC);
    let left = bench.order(MAC, renew()).await;
    assert!(matches!(left, CredentialsOutcome::Left { .. }), "{left:?}");
    assert_eq!(
        bench.own_text(MAC),
        before,
        "the last one that is good stays in the file"
    );
}
