//! Who is trusted, and what is shown, over real TLS.

use std::path::PathBuf;
use std::time::Duration;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::acs::connect::Connector;
use crate::acs::conversation::{Conversation, ConversationFailure, Limits};
use crate::acs::scripted::{Scripted, answer};
use crate::acs::settings::AcsSettings;
use crate::cwmp::Exchange;
use crate::wire::Credentials;

const LIMITS: Limits = Limits {
    bytes: 1000,
    deadline: Duration::from_secs(5),
};

/// A certificate with its key.
struct Signed {
    params: CertificateParams,
    key: KeyPair,
    certificate: Certificate,
}

impl Signed {
    fn pin(&self) -> Pin {
        let server = EndEntityCert::try_from(self.certificate.der()).unwrap();
        Pin::of(&server.subject_public_key_info())
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }
}

fn authority(name: &str, issuer: Option<&Signed>) -> Signed {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2019, 1, 1);
    sign(params, issuer)
}

fn server(issuer: &Signed) -> Signed {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    sign(params, Some(issuer))
}

fn sign(params: CertificateParams, issuer: Option<&Signed>) -> Signed {
    let key = KeyPair::generate().unwrap();
    let certificate = match issuer {
        Some(issuer) => params.signed_by(&key, &issuer.issuer()),
        None => params.self_signed(&key),
    };
    Signed {
        certificate: certificate.unwrap(),
        params,
        key,
    }
}

/// A root, an authority below it, a server below that; and another root.
struct Chain {
    root: Signed,
    middle: Signed,
    server: Signed,
    stranger: Signed,
    folder: tempfile::TempDir,
}

impl Chain {
    fn new() -> Self {
        let root = authority("root", None);
        let middle = authority("middle", Some(&root));
        let server = server(&middle);
        let stranger = authority("stranger", None);
        let folder = tempfile::tempdir().unwrap();
        Self {
            root,
            middle,
            server,
            stranger,
            folder,
        }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn settings(&self) -> AcsSettings {
        AcsSettings {
            ca_file: Some(self.file("ca.pem", &self.root.certificate.pem())),
            ..AcsSettings::default()
        }
    }

    /// A server that sends its chain and the stranger's certificate besides.
    fn acceptor(&self, asks_for_certificate: bool) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if asks_for_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(self.root.certificate.der().clone()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let chain = [&self.server, &self.middle, &self.stranger];
        let chain = chain.map(|signed| signed.certificate.der().clone());
        let key = PrivatePkcs8KeyDer::from(self.server.key.serialize_der());
        let config = builder.with_single_cert(chain.to_vec(), PrivateKeyDer::from(key));
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }

    async fn ask(
        &self,
        settings: &AcsSettings,
        asks_for_certificate: bool,
    ) -> (Result<u16, ConversationFailure>, usize) {
        let acceptor = self.acceptor(asks_for_certificate);
        let server = Scripted::start(Some(acceptor), |_, _| answer(200, "", "x")).await;
        let url = format!("https://localhost:{}/", server.address.port());
        let exchange = Exchange::new(url.parse().unwrap(), Credentials::default());
        let connector = Connector::for_acs(settings).unwrap();
        let anywhere = |_: &str, _: std::net::IpAddr| true;
        let answer = Conversation::new(&connector, &anywhere, exchange)
            .ask(None, LIMITS)
            .await;
        (answer.map(|(status, _)| status), server.seen().len())
    }
}

#[tokio::test]
async fn c188_a_pin_may_be_that_of_any_certificate_on_the_way_to_the_authority() {
    let chain = Chain::new();
    for signed in [&chain.server, &chain.middle, &chain.root] {
        let settings = AcsSettings {
            pins: vec![Pin([7; 32]), signed.pin()],
            ..chain.settings()
        };
        assert_eq!(chain.ask(&settings, false).await.0.unwrap(), 200);
    }
}

#[tokio::test]
async fn c188_a_pinned_key_that_is_only_sent_along_does_not_count() {
    let chain = Chain::new();
    for pin in [chain.stranger.pin(), Pin([7; 32])] {
        let settings = AcsSettings {
            pins: vec![pin],
            ..chain.settings()
        };
        let (outcome, seen) = chain.ask(&settings, false).await;
        let error = outcome.unwrap_err().to_string();
        assert!(error.contains("pinned"), "{error}");
        assert!(error.contains(&chain.server.pin().to_string()), "{error}");
        assert_eq!(seen, 0, "nothing is sent");
    }
    // A pin does not stand in for the usual check.
    let settings = AcsSettings {
        pins: vec![chain.server.pin()],
        ..AcsSettings::default()
    };
    assert!(chain.ask(&settings, false).await.0.is_err());
}

#[tokio::test]
async fn c191_the_certificate_of_the_settings_is_shown_to_an_acs_that_asks() {
    let chain = Chain::new();
    let own = sign(
        CertificateParams::new(vec!["gateway".to_owned()]).unwrap(),
        Some(&chain.middle),
    );
    let pem = own.certificate.pem() + &chain.middle.certificate.pem();
    let client = ClientCertificate {
        cert: chain.file("client.pem", &pem),
        key: chain.file("client.key", &own.key.serialize_pem()),
    };
    let with = AcsSettings {
        client: Some(client.clone()),
        ..chain.settings()
    };
    assert_eq!(chain.ask(&with, true).await.0.unwrap(), 200);
    let (outcome, seen) = chain.ask(&chain.settings(), true).await;
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("CertificateRequired"), "{error}");
    assert_eq!(seen, 0);

    let another = KeyPair::generate().unwrap().serialize_pem();
    let missing = chain.folder.path().join("missing.key");
    for (cert, key, file) in [
        (
            &client.cert,
            &chain.file("other.key", &another),
            "other.key",
        ),
        (&chain.file("empty.pem", ""), &client.key, "empty.pem"),
        (&client.cert, &missing, "missing.key"),
    ] {
        let (cert, key) = (cert.clone(), key.clone());
        let settings = AcsSettings {
            client: Some(ClientCertificate { cert, key }),
            ..chain.settings()
        };
        assert!(refusal(&settings).contains(file));
    }
}

/// Why nothing can be connected to with these settings.
fn refusal(settings: &AcsSettings) -> String {
    let refused = Connector::for_acs(settings);
    refused.err().expect("they are no good").to_string()
}

#[test]
fn an_authority_that_cannot_be_one_is_named_by_its_file() {
    let chain = Chain::new();
    let odd = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (name, text) in [("odd.pem", odd), ("none.pem", "")] {
        let settings = AcsSettings {
            ca_file: Some(chain.file(name, text)),
            ..AcsSettings::default()
        };
        let error = refusal(&settings);
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn c190_a_clock_that_is_not_set_waives_the_date_and_nothing_else() {
    let chain = Chain::new();
    let trust = |root: &Signed| {
        let mut roots = RootCertStore::empty();
        roots.add(root.certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ServerTrust::new(Arc::new(roots), &provider, &[chain.root.pin()]).unwrap()
    };
    let check = |root: &Signed, name: &'static str, year: u64| {
        let moment = UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_557_600));
        trust(root).verify_server_cert(
            chain.server.certificate.der(),
            &[chain.middle.certificate.der().clone()],
            &ServerName::try_from(name).unwrap(),
            &[],
            moment,
        )
    };
    check(&chain.root, "localhost", 1970).unwrap();
    check(&chain.root, "localhost", 2026).unwrap();
    for (root, name, year) in [
        (&chain.root, "elsewhere", 1970),
        (&chain.stranger, "localhost", 1970),
        (&chain.root, "localhost", 2041),
    ] {
        assert!(check(root, name, year).is_err(), "{name} {year}");
    }
}

#[test]
fn a_pin_is_a_hash_in_base64() {
    let text = "ICy1YqxZB1uIrdkxeiyCZWXvvoM0k4CFEAkhAOvkQAE=";
    let text = text.replace("ICy1", "AAAA");
    assert_eq!(text.parse::<Pin>().unwrap().to_string(), text);
    for wrong in ["", "abc", "sha256//AAAA", &text[4..]] {
        let error = wrong.parse::<Pin>().unwrap_err();
        assert!(error.to_string().contains("base64"), "{error}");
    }
}
