//! However a stream is cut into pieces, the same messages come out of it, and no more is kept of it
//! than one message may be long.

use super::sip::{MAXIMUM_MESSAGE, Message, MessageStream};

pub(crate) fn holds(stream: &[u8]) {
    let whole = read(&[stream]);
    let bytes: Vec<&[u8]> = stream.chunks(7).collect();
    assert_eq!(read(&bytes), whole);
}

/// The messages before the end, or before the first thing that is none.
fn read(pieces: &[&[u8]]) -> Vec<Message> {
    let mut stream = MessageStream::default();
    let mut found = Vec::new();
    for piece in pieces {
        stream.push(piece);
        loop {
            match stream.next_message() {
                Ok(Some(message)) => {
                    assert!(message.body.len() <= MAXIMUM_MESSAGE);
                    found.push(message);
                }
                Ok(None) => break,
                Err(_) => return found,
            }
        }
    }
    found
}
