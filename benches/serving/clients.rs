//! Who asks: wrk on the second core, and connections that do nothing.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::tree::Tree;

/// Fetches files of a size for some seconds; how many a second. All of them have to come.
pub(crate) fn fetch(tree: &Tree, size: usize, server: SocketAddr, seconds: u32) -> f64 {
    let output = Command::new("taskset")
        .args(["-c", "1", "wrk", "-t1", "-c64"])
        .arg(format!("-d{seconds}s"))
        .arg("-s")
        .arg(tree.script(size))
        .arg(format!("http://{server}/"))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&output.stdout);
    let is_bad = said.contains("Non-2xx") || said.contains("Socket errors");
    assert!(output.status.success() && !is_bad, "{said}");
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"));
    let rate = line.and_then(|rate| rate.trim().parse().ok());
    rate.unwrap_or_else(|| panic!("{said}"))
}

/// Connections that have fetched a file each and stay.
pub(crate) fn hold(tree: &Tree, server: SocketAddr, count: usize) -> Vec<TcpStream> {
    let requests: Vec<_> = tree.requests(1024).collect();
    let requests = requests.iter().cycle().take(count);
    requests
        .map(|(name, user_agent)| {
            let mut stream = TcpStream::connect(server)
                .unwrap_or_else(|error| panic!("{error}: the limit of open files is too low?"));
            let head =
                format!("GET /{name} HTTP/1.1\r\nHost: phones\r\nUser-Agent: {user_agent}\r\n\r\n");
            stream.write_all(head.as_bytes()).expect("it is open");
            let mut answer = [0; 4096];
            let length = stream.read(&mut answer).expect("an answer");
            assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK"));
            stream
        })
        .collect()
}

/// How many of them the server has not closed.
pub(crate) fn still_open(held: &[TcpStream]) -> usize {
    let is_open = |stream: &&TcpStream| {
        stream.set_nonblocking(true).expect("a socket");
        let mut rest = [0; 4096];
        let mut stream = *stream;
        loop {
            match stream.read(&mut rest) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
            }
        }
    };
    held.iter().filter(is_open).count()
}
