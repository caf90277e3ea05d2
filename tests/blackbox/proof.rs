//! What phones have to show, with curl as the phone: a roll-out from the first open fetch to the
//! death of an old token.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;

use crate::bench::Bench;
use crate::command::{CLEAN, FINDINGS};

const TOKEN_PHONE: &str = "000b82a1b2c3";
const TOKEN_USER_AGENT: &str = "Grandstream Model HW GXP2170 SW 1.0.11.16 DevId 000b82a1b2c3";
const DIGEST_PHONE: &str = "000b8277aa01";
const DIGEST_USER_AGENT: &str = "Grandstream Model HW HT802 SW 1.0.55.5 DevId 000b8277aa01";

const GROUPS: &str = r#"
[[phones.group]]
name = "desks"
match = { mac_prefix = "000b82a1" }
proof = ["token", "certificate"]

[[phones.group]]
name = "adapters"
match = { mac_prefix = "000b8277" }
proof = "digest"
"#;

/// What curl got.
#[derive(Debug)]
struct Got {
    status: u16,
    body: String,
}

fn has_curl() -> bool {
    let is_there = Command::new("curl").arg("--version").output().is_ok();
    if !is_there {
        println!("skipped: no curl");
    }
    is_there
}

/// Asks for a path; `more` are further arguments of curl.
fn curl(server: SocketAddr, path: &str, user_agent: &str, more: &[&str]) -> Got {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--disable", "--noproxy", "*"])
        .args(["--user-agent", user_agent, "--write-out", "\n%{http_code}"])
        .args(more)
        .arg(format!("http://{server}/{path}"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    Got {
        status: status.parse().unwrap(),
        body: body.to_owned(),
    }
}

/// The text of an element in a phone's file.
fn value<'a>(file: &'a str, key: &str) -> &'a str {
    let (_, after) = file.split_once(&format!("<{key}>")).expect(key);
    after.split_once('<').unwrap().0
}

/// A bench whose phones are told to come by `phones.url`.
async fn bench() -> Bench {
    let bench = Bench::set().await;
    let path = bench.folder().join("trestle.toml");
    let settings = std::fs::read_to_string(&path).unwrap();
    let url = "[phones]\nurl = \"http://phones.example.net/\"\n";
    std::fs::write(&path, settings.replace("[phones]\n", url)).unwrap();
    bench.add_settings(GROUPS);
    bench
}

fn give(bench: &Bench, more: &[&str], code: i32) -> Value {
    let mut arguments = vec!["device", "credentials", "--format", "json"];
    arguments.extend(more);
    bench.command(&arguments).with_code(code).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_rolled_out_and_renewed_while_the_phones_are_served() {
    if !has_curl() {
        return;
    }
    let bench = bench().await;
    let gateway = bench.serve();
    let server = gateway.phones_http();
    let file = format!("cfg{TOKEN_PHONE}.xml");
    let get = |path: &str| curl(server, path, TOKEN_USER_AGENT, &[]);
    // A path of a phone's own, as its file tells it.
    let own_path = |body: &str| {
        let path = value(body, "P237").strip_prefix("phones.example.net/");
        format!("{}/{file}", path.unwrap())
    };
    assert_eq!(get(&file).status, 200);

    let given = give(&bench, &["--group", "desks"], CLEAN);
    assert_eq!(given[0]["outcome"]["proof"], "token", "{given}");
    let again = give(&bench, &[TOKEN_PHONE], FINDINGS);
    assert_eq!(again[0]["outcome"]["result"], "left", "{again}");
    let got = get(&file);
    assert_eq!(got.status, 200);
    let first = own_path(&got.body);
    assert_eq!(get(&first).status, 200);
    let refused = get(&file);
    let unknown = get("cfg000b82a1b2ff.xml");
    assert_eq!(refused.status, 404);
    assert_eq!(refused.body, unknown.body);
    assert_eq!(refused.status, unknown.status);

    give(&bench, &["--renew", TOKEN_PHONE], CLEAN);
    let got = get(&first);
    assert_eq!(got.status, 200);
    let second = own_path(&got.body);
    assert_ne!(first, second);
    assert_eq!(get(&first).status, 200, "the new one has not been used");
    assert_eq!(get(&second).status, 200);
    assert_eq!(get(&first).status, 404);
    assert_eq!(get(&second).status, 200);

    let shown = bench.show(TOKEN_PHONE);
    let access = &shown["access"];
    assert_eq!(access["group"], "desks");
    assert_eq!(access["open"], false);
    assert!(access["token"]["used_since"].is_string(), "{access}");
    assert_eq!(access["refused"]["count"], 2, "{access}");
    let text = bench
        .command(&["device", "show", TOKEN_PHONE])
        .with_code(CLEAN);
    assert!(
        text.stdout.contains("token or certificate (group desks)"),
        "{text:?}"
    );
    let log = bench
        .command(&["device", "log", TOKEN_PHONE])
        .with_code(CLEAN);
    assert!(log.stdout.contains("it shows nothing"), "{log:?}");
    // Nobody reads a token in what the gateway says.
    let said = bench.gateway_text();
    assert!(said.contains("a file was refused"), "{said}");
    assert!(
        said.contains("files of the phones of group default are open"),
        "{said}"
    );
    for path in [first, second] {
        let token = path.split('/').next().unwrap();
        assert!(
            !said.contains(token) && !log.stdout.contains(token),
            "{token}"
        );
    }

    bench
        .command(&["device", "credentials", "--forget", TOKEN_PHONE])
        .with_code(CLEAN);
    assert_eq!(get(&file).status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_shown_by_digest_and_by_nothing_less() {
    if !has_curl() {
        return;
    }
    let bench = bench().await;
    let gateway = bench.serve();
    let server = gateway.phones_http();
    let file = format!("cfg{DIGEST_PHONE}.xml");
    let get = |more: &[&str]| curl(server, &file, DIGEST_USER_AGENT, more);
    assert_eq!(get(&[]).status, 200);
    give(&bench, &[DIGEST_PHONE, "--as", "digest"], CLEAN);
    let got = get(&[]);
    assert_eq!(got.status, 200);
    assert_eq!(value(&got.body, "P1360"), DIGEST_PHONE);
    let password = value(&got.body, "P1361");
    let user = format!("{DIGEST_PHONE}:{password}");
    assert_eq!(get(&["--digest", "--user", &user]).status, 200);
    assert_eq!(get(&[]).status, 401, "it has shown that it can");
    assert_eq!(get(&["--digest", "--user", &user]).status, 200);
    assert_eq!(get(&["--basic", "--user", &user]).status, 401);
    let wrong = format!("{DIGEST_PHONE}:wrong");
    assert_eq!(get(&["--digest", "--user", &wrong]).status, 401);
    let head = get(&["--digest", "--user", &user, "--head"]);
    assert_eq!(head.status, 200);
    let anothers = format!("{TOKEN_PHONE}:{password}");
    assert_eq!(get(&["--digest", "--user", &anothers]).status, 401);
    let unknown = curl(server, "cfg000b8277aaff.xml", DIGEST_USER_AGENT, &[]);
    assert_eq!(unknown.status, 401);
    assert_eq!(unknown.body, get(&[]).body);
    let reason = &bench.show(DIGEST_PHONE)["access"]["refused"]["last_reason"];
    assert_eq!(reason, "it shows the user name of another phone");
    assert!(!bench.gateway_text().contains(password));
}

#[test]
fn what_nobody_can_show_is_refused_at_the_start_and_risks_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("trestle.toml");
    for (text, wanted) in [
        ("[phones]\nproof = \"password\"\n", "proof"),
        (
            "[phones]\nproof = [\"open\", \"token\"]\n",
            "leave open out",
        ),
        ("[phones]\nfirst_contact = \"soon\"\n", "first_contact"),
        (
            "[[phones.group]]\nname = \"a\"\nmatch = { vendor = \"acme\" }\nproof = \"token\"\n",
            "phones.group[0].match.vendor",
        ),
    ] {
        let data = folder.path().join("data");
        let text = format!("[store]\npath = {data:?}\n{text}");
        std::fs::write(&config, text).unwrap();
        let arguments = ["serve".as_ref(), "--config".as_ref(), config.as_os_str()];
        let ended = crate::command::run(arguments).with_code(crate::command::ERROR);
        assert!(ended.stderr.contains(wanted), "{wanted}: {ended:?}");
    }
}
