//! SIP messages out of a stream: where each begins and ends (RFC 3261 18.3).

use super::message::{MAXIMUM_MESSAGE, Message, MessageError};

/// A stream holds something that no message can be cut out of. What follows in it can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// Head and body of a message are longer than [`MAXIMUM_MESSAGE`].
    #[error("a message of more than {MAXIMUM_MESSAGE} bytes")]
    TooLong,
    /// Content-Length is no number, or there are two that differ.
    #[error("Content-Length `{value}` is no length")]
    ContentLength {
        /// What stands there.
        value: String,
    },
    /// It is no SIP message.
    #[error(transparent)]
    Message(#[from] MessageError),
}

/// Collects the bytes of one TCP connection and gives the messages in them out.
#[derive(Debug, Default)]
pub struct MessageStream {
    bytes: Vec<u8>,
    /// Bytes in which the end of the head was not found.
    searched: usize,
}

impl MessageStream {
    /// Takes bytes in, as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message; `None` while more bytes are needed. Line ends between messages are
    /// keep-alives and are skipped (RFC 5626 4.4.1). A message without Content-Length ends with its
    /// head.
    ///
    /// # Errors
    /// [`StreamError`]; the connection is of no use any more.
    pub fn next_message(&mut self) -> Result<Option<Message>, StreamError> {
        let begin = self.bytes.iter().position(|byte| !is_blank(*byte));
        self.bytes.drain(..begin.unwrap_or(self.bytes.len()));
        if begin != Some(0) {
            self.searched = 0;
        }
        let Some(head_end) = self.head_end() else {
            return self.wait();
        };
        let head = self.bytes.get(..head_end).unwrap_or_default();
        let end = head_end.saturating_add(content_length(head)?);
        if end > MAXIMUM_MESSAGE {
            return Err(StreamError::TooLong);
        }
        let Some(message) = self.bytes.get(..end) else {
            return self.wait();
        };
        let message = Message::parse(message)?;
        self.bytes.drain(..end);
        self.searched = 0;
        Ok(Some(message))
    }

    fn wait(&self) -> Result<Option<Message>, StreamError> {
        if self.bytes.len() > MAXIMUM_MESSAGE {
            return Err(StreamError::TooLong);
        }
        Ok(None)
    }

    /// The length of the head with its empty line.
    fn head_end(&mut self) -> Option<usize> {
        // The empty line may have been cut in two.
        let from = self.searched.saturating_sub(3);
        let rest = self.bytes.get(from..)?;
        let ends = memchr::memchr_iter(b'\n', rest);
        let end = ends
            .filter_map(|end| {
                let after = rest.get(end + 1..)?;
                match after {
                    [b'\n', ..] => Some(end + 2),
                    [b'\r', b'\n', ..] => Some(end + 3),
                    _ => None,
                }
            })
            .next();
        match end {
            Some(end) => Some(from + end),
            None => {
                self.searched = self.bytes.len();
                None
            }
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0)
}

/// What the head says of the length of the body. Two that differ would cut the stream at a place of
/// the sender's choice, so they are refused.
fn content_length(head: &[u8]) -> Result<usize, StreamError> {
    let mut found: Option<usize> = None;
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = memchr::memchr(b':', line) else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii();
        if !name.eq_ignore_ascii_case(b"Content-Length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let length = std::str::from_utf8(value)
            .ok()
            .filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|value| value.parse().ok());
        let wrong = || StreamError::ContentLength {
            value: String::from_utf8_lossy(value).chars().take(64).collect(),
        };
        let length = length.ok_or_else(wrong)?;
        if found.is_some_and(|found| found != length) {
            return Err(wrong());
        }
        found = Some(length);
    }
    Ok(found.unwrap_or(0))
}

#[cfg(test)]
#[path = "../../../tests/fuzz/laws/sip_stream.rs"]
mod law;

#[cfg(test)]
use crate::wire::sip;

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = b"\r\n\r\nSIP/2.0 100 Trying\r\nCall-ID: a\r\nContent-Length: 0\r\n\r\n\
        SIP/2.0 200 OK\nCall-ID: b\nl: 4\n\nbody\r\n\r\nSIP/2.0 486 Busy\r\n\r\n";

    fn call_ids(pieces: &[&[u8]]) -> Vec<Option<String>> {
        let mut stream = MessageStream::default();
        let mut found = Vec::new();
        for piece in pieces {
            stream.push(piece);
            while let Some(message) = stream.next_message().unwrap() {
                found.push(message.call_id().map(str::to_owned));
            }
        }
        found
    }

    #[test]
    fn messages_are_found_however_the_stream_is_cut() {
        let wanted = [Some("a".to_owned()), Some("b".to_owned()), None];
        assert_eq!(call_ids(&[TWO]), wanted);
        for size in 1..TWO.len() {
            let pieces: Vec<&[u8]> = TWO.chunks(size).collect();
            assert_eq!(call_ids(&pieces), wanted, "in pieces of {size}");
        }
    }

    #[test]
    fn a_length_that_lies_ends_the_stream() {
        for length in ["-1", "99999999999999999999", "x", "3\r\nContent-Length: 4"] {
            let mut stream = MessageStream::default();
            let text = format!("SIP/2.0 200 OK\r\nContent-Length: {length}\r\n\r\nbody");
            stream.push(text.as_bytes());
            let found = stream.next_message();
            assert!(
                matches!(found, Err(StreamError::ContentLength { .. })),
                "{length}: {found:?}"
            );
        }
    }

    #[test]
    fn a_message_without_an_end_is_not_collected_for_ever() {
        let mut stream = MessageStream::default();
        stream.push(b"SIP/2.0 200 OK\r\nContent-Length: 65536\r\n\r\n");
        assert_eq!(stream.next_message(), Err(StreamError::TooLong));
        let mut stream = MessageStream::default();
        stream.push(b"SIP/2.0 200 OK\r\n");
        let mut pushed = 0;
        while let Ok(None) = stream.next_message() {
            stream.push(b"A: b\r\n");
            pushed += 6;
            assert!(pushed <= MAXIMUM_MESSAGE + 6);
        }
        assert_eq!(stream.next_message(), Err(StreamError::TooLong));
    }

    #[test]
    fn any_bytes_hold_the_law() {
        law::holds(TWO);
        law::holds(b"\n\n\nx\n\n");
        law::holds(b"SIP/2.0 200 OK\r\nl: 70000\r\n\r\n");
    }
}
