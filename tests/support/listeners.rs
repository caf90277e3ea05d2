//! The ready lines of `trestle serve`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a gateway may take to import its tree and listen.
const START_LIMIT: Duration = Duration::from_secs(240);

/// Reads the ready lines, `listening phones http 127.0.0.1:40001`, until the three listeners that
/// every test uses are there. The key is name and scheme: `phones http`. The error is what was
/// read instead.
pub(crate) fn read_listeners(
    lines: &mpsc::Receiver<String>,
) -> Result<BTreeMap<String, SocketAddr>, Vec<String>> {
    const WANTED: [&str; 3] = ["phones http", "connection-request http", "admin http"];
    let deadline = Instant::now() + START_LIMIT;
    let mut listeners = BTreeMap::new();
    let mut seen = Vec::new();
    while !WANTED.iter().all(|name| listeners.contains_key(*name)) {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(line) = lines.recv_timeout(left) else {
            return Err(seen);
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["listening", name, scheme, address] = words.as_slice()
            && let Ok(address) = address.parse()
        {
            listeners.insert(format!("{name} {scheme}"), address);
        }
        seen.push(line);
    }
    Ok(listeners)
}
