//! HTTPS for phones, with the TLS of others: which certificate is shown, which versions are spoken,
//! what becomes of certificates that phones show.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::bench::{Bench, PATIENCE};
use crate::command::ERROR;
use crate::gateway::Gateway;
use crate::programs::{are_there, output, status};

/// Runs openssl in a folder.
#[track_caller]
fn openssl(folder: &Path, arguments: &str) {
    let script = format!("cd {} && openssl {arguments}", folder.display());
    let made = output("sh", &["-c", &script]);
    assert!(made.status.success(), "{made:?}");
}

/// Makes `NAME.pem` and `NAME.key`, for that host; `key` as `-newkey` has it.
#[track_caller]
fn certificate(folder: &Path, name: &str, host: &str, key: &str) {
    let arguments = format!(
        "req -x509 -newkey {key} -nodes -days 30 -subj '/CN={host}' \
         -addext 'subjectAltName=DNS:{host}' -keyout {name}.key -out {name}.pem"
    );
    openssl(folder, &arguments);
}

const RSA: &str = "rsa:2048";
const EC: &str = "ec -pkeyopt ec_paramgen_curve:P-256";

/// What `openssl s_client` says of a connection, with the subject of the certificate in it.
fn s_client(server: SocketAddr, arguments: &str) -> String {
    let script = format!("openssl s_client -connect {server} {arguments} </dev/null 2>&1");
    let said = output("sh", &["-c", &script]);
    String::from_utf8_lossy(&said.stdout).into_owned()
}

#[track_caller]
fn assert_shown(server: SocketAddr, arguments: &str, host: &str) {
    let said = s_client(server, arguments);
    let subject = said.lines().find(|line| line.starts_with("subject="));
    let subject = subject.unwrap_or_else(|| panic!("{arguments}: {said}"));
    assert!(subject.ends_with(host), "{arguments}: {subject}");
}

fn with_certificates(bench: &Bench) -> Gateway {
    let folder = bench.folder();
    certificate(folder, "default", "prov.example.net", EC);
    certificate(folder, "site", "site.example.net", EC);
    certificate(folder, "old", "old.example.net", RSA);
    let file = |name: &str| folder.join(name).display().to_string();
    bench.add_phone_settings(&format!(
        "https = \"127.0.0.1:0\"\nhttps_legacy = \"127.0.0.1:0\"\n\
         tls_cert = {:?}\ntls_key = {:?}",
        file("default.pem"),
        file("default.key"),
    ));
    for name in ["site", "old"] {
        bench.add_settings(&format!(
            "[[phones.certificate]]\ncert = {:?}\nkey = {:?}\n",
            file(&format!("{name}.pem")),
            file(&format!("{name}.key")),
        ));
    }
    bench.serve()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_chosen_by_the_name_and_old_phones_have_a_listener() {
    if !are_there(&["openssl", "curl"]) {
        return;
    }
    let bench = Bench::set().await;
    let gateway = with_certificates(&bench);
    let https = gateway.listener("phones https");
    let legacy = gateway.listener("phones https-legacy");
    assert_shown(https, "-noservername", "prov.example.net");
    assert_shown(https, "-servername site.example.net", "site.example.net");
    assert_shown(https, "-servername old.example.net", "old.example.net");
    assert_shown(https, "-servername other.example", "prov.example.net");
    // A client that can't check ECDSA gets what it can check.
    assert_shown(
        https,
        "-noservername -sigalgs RSA-PSS+SHA256:RSA+SHA256",
        "old.example.net",
    );
    assert!(s_client(https, "").contains("TLSv1.3"));
    assert!(s_client(https, "-tls1_2").contains("TLSv1.2"));

    assert_shown(legacy, "-noservername", "old.example.net");
    assert_shown(legacy, "-servername site.example.net", "site.example.net");
    assert!(s_client(legacy, "").contains("TLSv1.2"));
    for suite in ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305"] {
        let said = s_client(legacy, &format!("-cipher {suite}"));
        assert!(said.contains(&format!("Cipher is {suite}")), "{said}");
    }
    for refused in ["-tls1_3", "-cipher AES128-SHA -tls1_2", "-tls1_1"] {
        let said = s_client(legacy, refused);
        assert!(
            said.contains("Cipher is (NONE)") || said.contains("no protocols"),
            "{said}"
        );
    }
    for server in [https, legacy] {
        let url = format!("https://{server}/cfg000b82a1b2c3.xml");
        assert_eq!(status(&["-k", &url]), "200");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_certificates_come_without_a_restart_and_broken_ones_do_not() {
    if !are_there(&["openssl", "curl"]) {
        return;
    }
    let bench = Bench::set().await;
    let gateway = with_certificates(&bench);
    let https = gateway.listener("phones https");
    assert_shown(https, "-noservername", "prov.example.net");
    certificate(bench.folder(), "default", "renewed.example.net", RSA);
    gateway.hang_up();
    logged(&bench, "the certificates for phones were read anew");
    assert_shown(https, "-noservername", "renewed.example.net");

    // The certificate without its key, as a renewal that has not ended leaves it.
    let key = fs::read(bench.folder().join("site.key")).unwrap();
    fs::write(bench.folder().join("default.key"), key).unwrap();
    gateway.hang_up();
    logged(&bench, "the certificates for phones stay as they were");
    logged(&bench, "default.key");
    assert_shown(https, "-noservername", "renewed.example.net");
    let url = format!("https://{https}/cfg000b82a1b2c3.xml");
    assert_eq!(status(&["-k", &url]), "200");
    // A start with them is refused, by the reason.
    drop(gateway);
    let ended = bench.command(&["serve"]).with_code(ERROR);
    assert!(ended.stderr.contains("default.key"), "{ended:?}");
}

/// Waits until the gateway has logged this.
#[track_caller]
fn logged(bench: &Bench, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !bench.gateway_text().contains(text) {
        assert!(Instant::now() < deadline, "{}", bench.gateway_text());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phones_certificate_proves_its_names_or_nothing_and_never_ends_the_handshake() {
    if !are_there(&["openssl", "curl"]) {
        return;
    }
    let bench = Bench::set().await;
    let folder = bench.folder();
    certificate(folder, "default", "prov.example.net", EC);
    certificate(folder, "vendor", "Vendor CA", RSA);
    certificate(folder, "other", "Other CA", RSA);
    let signed = |name: &str, authority: &str, key: &str, days: &str| {
        let request = format!(
            "req -newkey {key} -nodes -subj '/CN=000B82A1B2C3/O=Desk' -keyout {name}.key \
             -out {name}.csr"
        );
        openssl(folder, &request);
        let signing = format!(
            "x509 -req -in {name}.csr -set_serial 1 -CA {authority}.pem -CAkey {authority}.key {days} \
             -out {name}.pem -extfile names.cnf"
        );
        openssl(folder, &signing);
    };
    fs::write(
        folder.join("names.cnf"),
        "subjectAltName=DNS:000b82a1b2c3.phones.example\n",
    )
    .unwrap();
    signed("phone", "vendor", RSA, "-days 30");
    signed("short", "vendor", "rsa:1024", "-days 30");
    signed("stranger", "other", RSA, "-days 30");
    // It ends in this very second.
    signed("late", "vendor", EC, "-days 0");
    let file = |name: &str| folder.join(name).display().to_string();
    bench.add_phone_settings(&format!(
        "https = \"127.0.0.1:0\"\ntls_cert = {:?}\ntls_key = {:?}\nclient_ca = {:?}",
        file("default.pem"),
        file("default.key"),
        file("vendor.pem"),
    ));
    let tree = bench.tree();
    let gateway = Gateway::start_with_log(
        folder,
        &["--import", tree.to_str().unwrap()],
        "info,trestle::phone=debug",
    );
    let server = gateway.listener("phones https");
    let url = format!("https://{server}/cfg000b82a1b2c3.xml");
    let fetch = |name: &str, version: &str| {
        let [cert, key] = ["pem", "key"].map(|end| file(&format!("{name}.{end}")));
        let shown = ["-k", "--cert", &cert, "--key", &key];
        status(&[&shown[..], &["--tls-max", version, &url]].concat())
    };
    assert_eq!(status(&["-k", &url]), "200", "without one");
    assert!(!bench.gateway_text().contains("a phone has shown"));
    for version in ["1.2", "1.3"] {
        assert_eq!(fetch("phone", version), "200");
    }
    let text = bench.gateway_text();
    assert_eq!(text.matches("a phone has shown").count(), 2, "{text}");
    assert!(text.contains("000B82A1B2C3") && text.contains("000b82a1b2c3.phones.example"));
    assert_eq!(fetch("stranger", "1.2"), "200");
    logged(&bench, "UnknownIssuer");
    // curl would not show so short a key.
    let script = format!(
        "printf 'GET /cfg000b82a1b2c3.xml HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet \
         -connect {server} -cert {} -key {} -cipher DEFAULT@SECLEVEL=0 2>/dev/null",
        file("short.pem"),
        file("short.key"),
    );
    let said = output("sh", &["-c", &script]).stdout;
    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.0 200 OK"), "{said}");
    logged(&bench, "1024 bits");
    let text = bench.gateway_text();
    assert_eq!(text.matches("a phone has shown").count(), 2, "{text}");
    let deadline = Instant::now() + PATIENCE;
    while !bench.gateway_text().contains("expired") {
        assert_eq!(fetch("late", "1.3"), "200");
        assert!(Instant::now() < deadline, "{}", bench.gateway_text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_with_its_own_address_admits_a_phone_and_nobody_else() {
    if !are_there(&["openssl", "curl"]) {
        return;
    }
    let bench = Bench::set().await;
    let folder = bench.folder();
    certificate(folder, "default", "prov.example.net", EC);
    certificate(folder, "vendor", "Vendor CA", EC);
    certificate(folder, "other", "Other CA", EC);
    for (name, authority, subject) in [
        ("phone", "vendor", "000B82A1B2C3"),
        ("neighbour", "vendor", "000B82A1B2C4"),
        ("forged", "other", "000B82A1B2C3"),
    ] {
        openssl(
            folder,
            &format!(
                "req -newkey {EC} -nodes -subj '/CN={subject}' -keyout {name}.key -out {name}.csr"
            ),
        );
        let names = format!("subjectAltName=DNS:{subject}.phones.example\n");
        fs::write(folder.join("names.cnf"), names).unwrap();
        openssl(
            folder,
            &format!(
                "x509 -req -in {name}.csr -set_serial 1 -CA {authority}.pem \
                 -CAkey {authority}.key -days 30 -out {name}.pem \
                 -extfile names.cnf"
            ),
        );
    }
    let file = |name: &str| folder.join(name).display().to_string();
    bench.add_phone_settings(&format!(
        "https = \"127.0.0.1:0\"\ntls_cert = {:?}\ntls_key = {:?}\nclient_ca = {:?}\n\
         proof = \"certificate\"\nuntil_used = \"refuse\"",
        file("default.pem"),
        file("default.key"),
        file("vendor.pem"),
    ));
    let gateway = bench.serve();
    let server = gateway.listener("phones https");
    let url = format!("https://{server}/cfg000b82a1b2c3.xml");
    let fetch = |name: &str| {
        let [cert, key] = ["pem", "key"].map(|end| file(&format!("{name}.{end}")));
        status(&["-k", "--cert", &cert, "--key", &key, &url])
    };
    assert_eq!(status(&["-k", &url]), "404", "without one");
    assert_eq!(fetch("neighbour"), "404");
    assert_eq!(fetch("forged"), "404");
    assert_eq!(fetch("phone"), "200");
    let plain = format!("http://{}/cfg000b82a1b2c3.xml", gateway.phones_http());
    assert_eq!(
        status(&[&plain]),
        "404",
        "where no certificate can be shown"
    );
    let shown = bench.show("000b82a1b2c3");
    assert_eq!(shown["access"]["refused"]["count"], 4, "{shown:#}");
}
