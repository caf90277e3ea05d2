//! An old config server behind the gateway: what is not here is asked there, served and learned.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use trestle::sim::acs::http::{Connection, Response};

use crate::bench::{Bench, PATIENCE};
use crate::command::{CLEAN, FINDINGS};
use crate::fetch::fetch;
use crate::gateway::Gateway;
use crate::managed::{DISPLAY_NAME, Managed};
use crate::nginx::Nginx;
use crate::phones::{AASTRA, GRANDSTREAM, PHONES};

/// A gateway on an empty store, with this server behind it.
fn serve_before(bench: &Bench, upstream: &str) -> Gateway {
    bench.replace_tree(&[("note.txt", b"nothing else".to_vec())]);
    let tree = bench.tree();
    let tree = tree.to_str().unwrap();
    Gateway::start(bench.folder(), &["--import", tree, "--upstream", upstream])
}

async fn ask(gateway: &Gateway, path: &str) -> Response {
    let target = format!("/{path}");
    fetch(
        Ipv4Addr::LOCALHOST,
        gateway.phones_http(),
        &target,
        "curl/8",
    )
    .await
}

fn report(bench: &Bench, code: i32) -> Value {
    let ended = bench.command(&["upstream", "report", "--format", "json"]);
    ended.with_code(code).json()
}

fn paths(lines: &Value) -> Vec<&str> {
    let lines = lines.as_array().unwrap().iter();
    lines.map(|line| line["path"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_comes_through_is_a_device_that_the_acs_sees() {
    let Some(mut nginx) = Nginx::start("") else {
        return;
    };
    let bench = Bench::set().await;
    let gateway = serve_before(&bench, &nginx.url());
    for phone in PHONES {
        let managed = Managed::first_seen(&bench, &gateway, phone).await;
        assert_eq!(managed.first_inform.event_codes()[0], "0 BOOTSTRAP");
    }
    for path in GRANDSTREAM.paths.iter().chain(AASTRA.paths) {
        let there = fs::read(nginx.tree().join(path)).unwrap();
        assert_eq!(ask(&gateway, path).await.body, there, "{path}");
    }
    assert_eq!(ask(&gateway, "no-such.cfg").await.status, 404);

    // Each is asked for there once, with the phone's own words; what is known is not.
    let own = format!("/{} ", GRANDSTREAM.own_file());
    let log = nginx.log_of(3 + 2 + 1);
    let asked: Vec<_> = log.iter().filter(|line| line.contains(&own)).collect();
    assert_eq!(asked.len(), 1, "{log:#?}");
    assert!(asked[0].contains(GRANDSTREAM.user_agent), "{asked:?}");

    let shown = report(&bench, CLEAN);
    assert_eq!(shown["summary"]["learned"], 5, "{shown:#}");
    assert_eq!(shown["summary"]["same"], 5);
    assert_eq!(shown["summary"]["never_seen"], 0);
    let line = &shown["learned"][0];
    assert_eq!(line["mac"].as_str().unwrap(), AASTRA.mac, "{shown:#}");
    assert_eq!(line["user_agents"][0], AASTRA.user_agent);

    nginx.kill();
    for phone in PHONES {
        phone.fetch(&bench, gateway.phones_http()).await;
    }
    let text = bench.command(&["upstream", "report"]).with_code(CLEAN);
    assert!(text.stdout.contains("5 learned"), "{}", text.stdout);
    bench.assert_no_findings();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_there_for_files_that_are_here() {
    let Some(nginx) = Nginx::start("") else {
        return;
    };
    let bench = Bench::set().await;
    let tree = bench.tree();
    let url = nginx.url();
    let arguments = ["--import", tree.to_str().unwrap(), "--upstream", &url];
    let gateway = Gateway::start(bench.folder(), &arguments);
    for phone in PHONES {
        for path in phone.paths {
            assert_eq!(ask(&gateway, path).await.status, 200);
        }
    }
    assert_eq!(ask(&gateway, "cfg000B82A1B2C3.xml").await.status, 200);
    assert_eq!(ask(&gateway, "one-that-is-not.cfg").await.status, 404);
    let log = nginx.log_of(1);
    assert_eq!(log.len(), 1, "{log:#?}");
    assert!(log[0].contains("/one-that-is-not.cfg"), "{log:#?}");
    let shown = report(&bench, FINDINGS);
    assert_eq!(shown["summary"]["never_seen"], 6, "nobody came as a phone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_page_for_everything_teaches_no_pages() {
    let Some(nginx) = Nginx::start("try_files $uri /index.html;") else {
        return;
    };
    let page = "<!DOCTYPE html><html><body>Our portal for phones</body></html>\n";
    fs::write(nginx.tree().join("index.html"), page).unwrap();
    let bench = Bench::set().await;
    let gateway = serve_before(&bench, &nginx.url());
    for path in ["cfg000b82999999.xml", "00085D999999.cfg", "no-such.bin"] {
        let response = ask(&gateway, path).await;
        assert_eq!(response.status, 404, "{path}");
    }
    let response = GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    let there = fs::read(nginx.tree().join(GRANDSTREAM.own_file())).unwrap();
    assert_eq!(response.body, there);
    let shown = report(&bench, CLEAN);
    assert_eq!(paths(&shown["learned"]), [GRANDSTREAM.own_file()]);
    assert_eq!(shown["summary"]["paths"], 1);
    assert_eq!(shown["summary"]["phones"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_frozen_or_gone_stops_nobody() {
    let Some(mut nginx) = Nginx::start("") else {
        return;
    };
    let bench = Bench::set().await;
    let gateway = serve_before(&bench, &nginx.url());
    GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    nginx.freeze();
    for _ in 0..3 {
        assert_eq!(ask(&gateway, "startup.cfg").await.status, 404);
        GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    }
    assert!(bench.gateway_text().contains("is left alone"));
    nginx.thaw();
    fetched_at_last(&gateway, "startup.cfg").await;

    nginx.kill();
    for _ in 0..3 {
        assert_eq!(ask(&gateway, "6867i.cfg").await.status, 404);
        GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    }
    nginx.start_again();
    fetched_at_last(&gateway, "6867i.cfg").await;
    // A restart of the gateway without the old server has it all.
    drop(gateway);
    nginx.kill();
    let gateway = bench.serve_again();
    for path in [GRANDSTREAM.own_file(), "startup.cfg", "6867i.cfg"] {
        assert_eq!(ask(&gateway, path).await.status, 200, "{path}");
    }
}

/// Waits until a file comes through again.
async fn fetched_at_last(gateway: &Gateway, path: &str) {
    let deadline = Instant::now() + PATIENCE;
    while ask(gateway, path).await.status != 200 {
        assert!(Instant::now() < deadline, "{path} never came");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_file_is_neither_served_nor_learned() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(cut_off(stream_head(&mut stream).await, stream));
        }
    });
    let bench = Bench::set().await;
    let gateway = serve_before(&bench, &url);
    let response = ask(&gateway, GRANDSTREAM.own_file()).await;
    assert_eq!(response.status, 404);
    assert_eq!(report(&bench, CLEAN)["summary"]["paths"], 0);
}

async fn stream_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).unwrap()
}

/// Nothing under names that can't be; of all other files, byte by byte, the first half.
async fn cut_off(head: String, mut stream: TcpStream) {
    let answer: &[u8] = match head.contains(GRANDSTREAM.own_file()) {
        true => b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<gs_provision>",
        false => b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
    };
    for byte in answer {
        // The gateway may have gone away.
        let _ = stream.write_all(&[*byte]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_shows_its_password_to_the_old_server_itself() {
    let Some(nginx) = Nginx::start("auth_basic phones; auth_basic_user_file users;") else {
        return;
    };
    // Beside nginx.conf, where relative names begin.
    let users = nginx.tree().parent().unwrap().join("users");
    fs::write(users, "desk:{PLAIN}hunter2\n").unwrap();
    let bench = Bench::set().await;
    let gateway = serve_before(&bench, &nginx.url());
    let response = ask(&gateway, GRANDSTREAM.own_file()).await;
    assert_eq!(response.status, 401);
    assert!(
        response
            .header("www-authenticate")
            .unwrap()
            .contains("phones")
    );
    let response = ask_as(
        gateway.phones_http(),
        GRANDSTREAM.own_file(),
        "ZGVzazpodW50ZXIy",
    )
    .await;
    assert_eq!(response.status, 200);
    let shown = report(&bench, FINDINGS);
    assert_eq!(shown["summary"]["protected"], 1);
    assert_eq!(shown["learned"][0]["protected"], true);
    assert!(!bench.gateway_text().contains("ZGVzazpodW50ZXIy"));

    // Credentials of the gateway's own do for all phones.
    let own = format!(
        "[phones]\nhttp = \"127.0.0.1:0\"\nupstream = {:?}\nupstream_username = \"desk\"\n\
         upstream_password = \"hunter2\"\n",
        nginx.url()
    );
    let settings = bench.folder().join("trestle.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(
        &settings,
        text.replace("[phones]\nhttp = \"127.0.0.1:0\"\n", &own),
    )
    .unwrap();
    drop(gateway);
    let gateway = bench.serve_again();
    assert_eq!(ask(&gateway, AASTRA.own_file()).await.status, 200);
}

async fn ask_as(server: SocketAddr, path: &str, credentials: &str) -> Response {
    let mut connection = Connection::new(TcpStream::connect(server).await.unwrap());
    let request = format!(
        "GET /{path} HTTP/1.1\r\nHost: {server}\r\nAuthorization: Basic {credentials}\r\n\
         Connection: close\r\n\r\n"
    );
    let stream = connection.stream();
    stream.write_all(request.as_bytes()).await.unwrap();
    connection.read_response(false).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_changes_are_made_there_its_files_go_first() {
    let Some(mut nginx) = Nginx::start("") else {
        return;
    };
    let bench = Bench::set().await;
    let first = format!(
        "[phones]\nupstream = {:?}\nupstream_mode = \"first\"\n",
        nginx.url()
    );
    let settings = bench.folder().join("trestle.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("[phones]\n", &first)).unwrap();
    let gateway = bench.serve();
    let there = nginx.tree().join(GRANDSTREAM.own_file());
    let ours = fs::read(&there).unwrap();
    let theirs = String::from_utf8(ours.clone())
        .unwrap()
        .replace("Front desk<", "Reception<");
    fs::write(&there, &theirs).unwrap();
    let response = GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    assert_eq!(String::from_utf8(response.body).unwrap(), theirs);
    let response = AASTRA.fetch(&bench, gateway.phones_http()).await;
    assert_eq!(response.body, bench.tree_file(AASTRA.own_file()));
    let shown = report(&bench, FINDINGS);
    assert_eq!(paths(&shown["different"]), [GRANDSTREAM.own_file()]);
    assert_eq!(shown["different"][0]["edited_here"], false);
    assert_eq!(shown["summary"]["same"], 1);
    // What was served is not the revision that is here.
    bench.show_once(AASTRA.mac, |shown| shown["device"]["served"] == 1);
    assert_eq!(bench.show(GRANDSTREAM.mac)["device"]["served"], Value::Null);

    let change = format!("{DISPLAY_NAME}=Ours");
    bench
        .command(&["device", "set", GRANDSTREAM.mac, &change])
        .with_code(CLEAN);
    let shown = report(&bench, FINDINGS);
    assert_eq!(shown["different"][0]["edited_here"], true);

    nginx.kill();
    let response = GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    assert!(String::from_utf8(response.body).unwrap().contains("Ours"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_tftp_server_and_phones_by_tftp_are_relayed_too() {
    let with_tftp = |bench: &Bench| {
        let path = bench.folder().join("trestle.toml");
        let text = fs::read_to_string(&path).unwrap();
        let section = "[phones]\ntftp = \"127.0.0.1:0\"\n";
        fs::write(&path, text.replace("[phones]\n", section)).unwrap();
    };
    // The first has the fixtures and is the old server of the second.
    let old = Bench::set().await;
    with_tftp(&old);
    let old_server = old.serve();
    let bench = Bench::set().await;
    with_tftp(&bench);
    let address = old_server.phones_tftp().unwrap();
    let gateway = serve_before(&bench, &format!("tftp://{address}/"));
    let response = GRANDSTREAM.fetch(&bench, gateway.phones_http()).await;
    assert_eq!(response.body, old.tree_file(GRANDSTREAM.own_file()));
    assert_eq!(ask(&gateway, "no-such.cfg").await.status, 404);
    let own = AASTRA.own_file();
    let url = format!("tftp://{}/{own}", gateway.phones_tftp().unwrap());
    let mut client = Command::new("curl");
    match client.args(["--silent", "--max-time", "60", &url]).output() {
        Ok(ended) => {
            assert!(ended.status.success(), "{ended:?}");
            assert_eq!(ended.stdout, old.tree_file(own));
        }
        Err(_) => println!("skipped: no curl"),
    }
    let shown = report(&bench, CLEAN);
    assert!(paths(&shown["learned"]).contains(&GRANDSTREAM.own_file()));
}
