//! C194: answers that are meant to do harm.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use trestle::sim::acs::Reply;

use crate::catalogue::{Check, checks};
use crate::private::{Options, Private};
use crate::subject::{PROVISIONING_CODE, Waker, check_alone};

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = checks![c194_bombs_fail_their_session_only: once];

/// Devices that get a bomb at once.
const SESSIONS: u16 = 50;
/// So much an answer without end would send.
const ENDLESS: usize = 1 << 30;
/// So much of it the gateway may take before it closes.
const TAKEN: usize = 128 << 20;
/// So much memory the bombs may cost.
const MEMORY: u64 = 512 << 20;

fn c194_bombs_fail_their_session_only() {
    check_alone(194, async || {
        let options = Options {
            phones: SESSIONS + 1,
            // The endless answer speaks http.
            https: Some(false),
            ..Options::default()
        };
        let private = Private::start(194, options).await;
        let mut other = private.subject(SESSIONS).await;
        let before = private.memory_peak();
        let listener = TcpListener::bind("127.0.0.94:0").await.unwrap();
        let endless = format!("http://{}/acs", listener.local_addr().unwrap());
        let taken = Arc::new(AtomicUsize::new(0));
        let sending = tokio::spawn(send_without_end(listener, Arc::clone(&taken)));
        let mut sessions = JoinSet::new();
        for which in 0..SESSIONS {
            let mut device = private.world.acs.device(&private.phone(which).serial());
            let bomb = bomb(which, &endless);
            sessions.spawn(async move {
                let mut session = device.session().await.unwrap();
                session.begin().await.unwrap();
                let waker = Waker::set_up(&mut session).await;
                match bomb {
                    Bomb::Message(text) => session.reply(Reply::message(text)).unwrap(),
                    Bomb::Endless(url) => {
                        session.end().unwrap();
                        waker.knock().await;
                        session = device.session().await.unwrap();
                        session.reply(Reply::redirect(302, &url)).unwrap();
                    }
                }
                drop(session);
                // Either a SOAP fault comes, or the session is over.
                if !device.is_silent_for(Duration::from_secs(3)).await {
                    let incoming = device.next().await.unwrap();
                    assert!(matches!(incoming.exchange.rpc(), "Fault" | "Inform"));
                    incoming.reply(Reply::status(503));
                }
                waker.knock().await;
                let mut session = device.session().await.unwrap();
                session.begin().await.unwrap();
                session.get_value(PROVISIONING_CODE).await.unwrap();
                session.end().unwrap();
            });
        }
        private.boot(0..SESSIONS).await;
        // Another device has normal sessions meanwhile.
        for _ in 0..5 {
            let mut session = other.turn().await;
            session.get_value(PROVISIONING_CODE).await.unwrap();
            session.end().unwrap();
        }
        sessions.join_all().await;
        sending.abort();
        let taken = taken.load(Ordering::Relaxed);
        assert!((1..TAKEN).contains(&taken), "{taken} bytes of one answer");
        let peak = private.memory_peak();
        assert!(peak - before < MEMORY, "{before} bytes, then {peak}");
    });
}

/// An answer that does harm.
enum Bomb {
    Message(String),
    /// This URL answers without end.
    Endless(String),
}

fn bomb(which: u16, endless: &str) -> Bomb {
    match which % 4 {
        0 => {
            let mut text =
                String::from("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY e0 \"boom\">");
            for level in 1..12 {
                let inner = format!("&e{};", level - 1).repeat(10);
                text.push_str(&format!("<!ENTITY e{level} \"{inner}\">"));
            }
            text.push_str("]><a>&e11;</a>");
            Bomb::Message(text)
        }
        1 => {
            let attributes = (0..100_000).map(|number| format!(" a{number}=\"1\""));
            Bomb::Message(format!("<a{}/>", attributes.collect::<String>()))
        }
        2 => Bomb::Message(format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000))),
        _ => Bomb::Endless(endless.to_owned()),
    }
}

/// Answers every connection with a gigabyte in chunks; `taken` is the most that went off on one.
async fn send_without_end(listener: TcpListener, taken: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(flood(stream, Arc::clone(&taken)));
    }
}

async fn flood(mut stream: TcpStream, taken: Arc<AtomicUsize>) {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    if stream.write_all(head).await.is_err() {
        return;
    }
    let chunk = [
        b"10000\r\n".to_vec(),
        vec![b'x'; 0x1_0000],
        b"\r\n".to_vec(),
    ]
    .concat();
    let mut sent = 0;
    while sent < ENDLESS && stream.write_all(&chunk).await.is_ok() {
        sent += 0x1_0000;
        taken.fetch_max(sent, Ordering::Relaxed);
    }
}
