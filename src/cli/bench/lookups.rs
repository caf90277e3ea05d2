//! Phones that fetch their own files.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::cli::exit::CommandError;
use crate::sim::fleet::Fleet;

/// Time for one fetch.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long lookups took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latencies {
    pub(super) median: Duration,
    /// All but one in a hundred were quicker.
    pub(super) slow: Duration,
}

/// Lets so many phones, spread over the fleet, fetch their own file, one after the other, each over a
/// connection of its own.
pub(super) fn fetch(
    fleet: &Fleet,
    address: SocketAddr,
    lookups: u64,
) -> Result<Latencies, CommandError> {
    let step = (fleet.len() / lookups.max(1)).max(1);
    let mut times = Vec::new();
    // An odd step visits every maker's phones.
    for number in (0..fleet.len()).step_by(usize::try_from(step | 1).unwrap_or(1)) {
        let phone = fleet.phone(number);
        let started = Instant::now();
        let head = get(address, &phone.file_name, &phone.user_agent)?;
        times.push(started.elapsed());
        if !head.starts_with("HTTP/1.1 200 ") {
            let status = head.lines().next().unwrap_or_default();
            return Err(CommandError::new(format!(
                "{} was not served: {status}",
                phone.file_name
            )));
        }
    }
    times.sort_unstable();
    let at = |percent: usize| {
        let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(place).copied()
    };
    match (at(50), at(99)) {
        (Some(median), Some(slow)) => Ok(Latencies { median, slow }),
        _ => Err(CommandError::new("the fleet has no phone")),
    }
}

/// Fetches a file and gives the head of the answer; the body is read to its end.
fn get(address: SocketAddr, name: &str, user_agent: &str) -> Result<String, CommandError> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!(
        "GET /{name} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: {user_agent}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::with_capacity(32 * 1024);
    stream.read_to_end(&mut answer)?;
    let head = String::from_utf8_lossy(answer.get(..256).unwrap_or(&answer)).into_owned();
    Ok(head)
}
