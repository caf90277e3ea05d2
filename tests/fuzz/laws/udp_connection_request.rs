//! A datagram never makes the reader of connection requests panic; what is read does not depend on
//! what follows the request line, and nobody has signed it with a password that nobody knows.

use super::udp_connection_request::UdpConnectionRequest;
use super::wire::Secret;

pub(crate) fn holds(datagram: &[u8]) {
    let Ok(request) = UdpConnectionRequest::parse(datagram) else {
        return;
    };
    assert!(!request.is_signed_with(&Secret::new("known to nobody")));
    assert!(!request.is_signed_with(&Secret::default()));
    assert!((1..=2).contains(&request.usernames().count()));
    let end = datagram
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(datagram.len(), |at| at + 1);
    let line = datagram.split_at(end).0;
    assert_eq!(UdpConnectionRequest::parse(line), Ok(request));
}
