//! A SIP message: bytes to fields and back.

use super::header::{Headers, Via};

/// The longest message that is read, in bytes. No UDP datagram is longer.
pub const MAXIMUM_MESSAGE: usize = 64 * 1024;

/// The most header fields that a message may have, Content-Length not counted.
pub const MAXIMUM_HEADERS: usize = 128;

/// A datagram is no SIP message that we can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Nothing but blanks and line ends: a keep-alive (RFC 5626 4.4.1).
    #[error("the datagram is empty: a keep-alive")]
    KeepAlive,
    /// Longer than [`MAXIMUM_MESSAGE`].
    #[error("{length} bytes; at most {MAXIMUM_MESSAGE} are read")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// More fields than [`MAXIMUM_HEADERS`].
    #[error("more than {MAXIMUM_HEADERS} header fields")]
    TooManyHeaders,
    /// The first line is neither a request line nor a status line.
    #[error(
        "`{line}` is no first line of a SIP message: `METHOD uri SIP/2.0` or `SIP/2.0 status reason` is wanted"
    )]
    StartLine {
        /// Its first characters.
        line: String,
    },
    /// Content-Length is no number.
    #[error("Content-Length `{value}` is no number")]
    ContentLength {
        /// What stands there.
        value: String,
    },
    /// The body is shorter than Content-Length says (RFC 3261 18.3).
    #[error("the body has {present} bytes and Content-Length says {announced}")]
    Truncated {
        /// Bytes that are there.
        present: usize,
        /// Bytes that should be there.
        announced: usize,
    },
}

/// The first line of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartLine {
    /// A request.
    Request {
        /// `NOTIFY`; case matters (RFC 3261 7.1).
        method: String,
        /// The Request-URI.
        uri: String,
    },
    /// A response.
    Response {
        /// 100 to 699.
        status: u16,
        /// What the status means, for people; may be empty.
        reason: String,
    },
}

/// A SIP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Request line or status line.
    pub start: StartLine,
    /// All header fields but Content-Length, which follows from the body.
    pub headers: Headers,
    /// What comes after the empty line.
    pub body: Vec<u8>,
}

impl Message {
    /// Reads one datagram.
    ///
    /// Phones are taken as they are: LF for CRLF, compact and oddly-cased names, folded lines,
    /// line ends before the first line, no empty line after the last field, and text that is not
    /// UTF-8 (it is read with replacement characters). A line that is no header field is skipped
    /// (RFC 3261 16.3 item 1 asks that of proxies, and RFC 4475 3.1.2 of everyone).
    pub fn parse(datagram: &[u8]) -> Result<Self, MessageError> {
        if datagram.len() > MAXIMUM_MESSAGE {
            return Err(MessageError::TooLong {
                length: datagram.len(),
            });
        }
        let begin = datagram
            .iter()
            .position(|byte| !matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | 0))
            .ok_or(MessageError::KeepAlive)?;
        let mut lines = Lines {
            rest: datagram.get(begin..).unwrap_or_default(),
        };
        let start = StartLine::parse(&lines.next().unwrap_or_default())?;

        let mut headers = Headers::default();
        let mut lengths = Vec::new();
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let name = name.trim();
            if name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("l") {
                lengths.push(value.trim().to_owned());
            } else if headers.len() >= MAXIMUM_HEADERS {
                return Err(MessageError::TooManyHeaders);
            } else if !name.is_empty() && !name.contains(char::is_whitespace) {
                headers.push(name, value);
            }
        }

        let mut body = lines.rest;
        for value in lengths {
            let announced: usize = value.parse().map_err(|_| MessageError::ContentLength {
                value: value.chars().take(64).collect(),
            })?;
            body = body.get(..announced).ok_or(MessageError::Truncated {
                present: body.len(),
                announced,
            })?;
        }
        Ok(Self {
            start,
            headers,
            body: body.to_vec(),
        })
    }

    /// The message as it goes into a datagram. Content-Length comes last among the fields.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = match &self.start {
            StartLine::Request { method, uri } => format!("{method} {uri} SIP/2.0\r\n"),
            StartLine::Response { status, reason } => format!("SIP/2.0 {status} {reason}\r\n"),
        };
        for field in self.headers.iter() {
            text.push_str(&field.name);
            text.push_str(": ");
            text.push_str(&field.value);
            text.push_str("\r\n");
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The topmost Via.
    pub fn top_via(&self) -> Option<Via> {
        self.headers
            .first("Via")
            .map(|value| Via::parse_first(value).0)
    }

    /// The Call-ID.
    pub fn call_id(&self) -> Option<&str> {
        self.headers.first("Call-ID")
    }

    /// Number and method of CSeq.
    pub fn sequence(&self) -> Option<(u32, &str)> {
        let (number, method) = self
            .headers
            .first("CSeq")?
            .split_once(char::is_whitespace)?;
        Some((number.parse().ok()?, method.trim()))
    }
}

impl StartLine {
    fn parse(line: &str) -> Result<Self, MessageError> {
        let error = || MessageError::StartLine {
            line: line.chars().take(64).collect(),
        };
        let mut words = line.split_whitespace();
        let (Some(first), Some(second)) = (words.next(), words.next()) else {
            return Err(error());
        };
        if is_version(first) {
            let status = second.parse().map_err(|_| error())?;
            if !(100..700).contains(&status) {
                return Err(error());
            }
            return Ok(Self::Response {
                status,
                reason: words.collect::<Vec<_>>().join(" "),
            });
        }
        match (words.next(), words.next()) {
            // Words of a request line have no control characters; one with a zero byte in front
            // would be written so that it reads otherwise.
            (Some(version), None)
                if is_version(version)
                    && ![first, second]
                        .iter()
                        .any(|word| word.contains(char::is_control)) =>
            {
                Ok(Self::Request {
                    method: first.to_owned(),
                    uri: second.to_owned(),
                })
            }
            _ => Err(error()),
        }
    }
}

fn is_version(word: &str) -> bool {
    word.eq_ignore_ascii_case("SIP/2.0")
}

/// The lines of a message head: ended by LF or CRLF, folded ones joined with one blank.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    fn physical(&mut self) -> &'a [u8] {
        let (line, rest) = match memchr::memchr(b'\n', self.rest) {
            Some(end) => {
                let (line, rest) = self.rest.split_at(end);
                (line, rest.get(1..).unwrap_or_default())
            }
            None => (self.rest, [].as_slice()),
        };
        self.rest = rest;
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

impl Iterator for Lines<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.rest.is_empty() {
            return None;
        }
        let mut line = String::from_utf8_lossy(self.physical()).into_owned();
        // The empty line ends the head; what comes after it is body, even if it begins with a blank.
        while !line.is_empty() && matches!(self.rest.first(), Some(b' ' | b'\t')) {
            line.push(' ');
            line.push_str(String::from_utf8_lossy(self.physical()).trim());
        }
        Some(line)
    }
}

#[cfg(test)]
use crate::wire::sip;

#[cfg(test)]
#[path = "../../../tests/fuzz/laws/sip.rs"]
mod law;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ODD_RESPONSE: &[u8] = b"\r\n\nsip/2.0 200  All  fine\n\
        v: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone;rport=5060,\n\
        \tSIP/2.0/UDP 192.0.2.3;branch=z9hG4bKtwo\r\n\
        VIA: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bKthree\n\
        f : <sip:trestle@192.0.2.1>;tag=a\n\
        t:<sip:200@192.0.2.2>\n  ;tag=b\n\
        i: call@192.0.2.1\r\n\
        this line is no header field\n\
        cseq: 7\tNOTIFY\n\
        l: 3\n\
        \n\
        okay";

    #[test]
    fn an_oddly_written_response_is_understood() {
        let message = Message::parse(ODD_RESPONSE).unwrap();
        assert_eq!(
            message.start,
            StartLine::Response {
                status: 200,
                reason: "All fine".into()
            }
        );
        assert_eq!(message.top_via().unwrap().branch(), Some("z9hG4bKone"));
        assert_eq!(message.headers.all("Via").count(), 2);
        assert_eq!(
            message.headers.first("To"),
            Some("<sip:200@192.0.2.2> ;tag=b")
        );
        assert_eq!(message.call_id(), Some("call@192.0.2.1"));
        assert_eq!(message.sequence(), Some((7, "NOTIFY")));
        assert_eq!(message.body, b"oka", "Content-Length ends the body");
    }

    #[test]
    fn a_parsed_message_is_read_back_the_same() {
        let message = Message::parse(ODD_RESPONSE).unwrap();
        assert_eq!(Message::parse(&message.encode()), Ok(message));
    }

    #[test]
    fn a_message_without_an_empty_line_or_content_length_is_read() {
        let message = Message::parse(b"SIP/2.0 489 Bad Event\r\nCSeq: 1 NOTIFY").unwrap();
        assert_eq!(message.sequence(), Some((1, "NOTIFY")));
        assert!(message.body.is_empty());
        let message = Message::parse(b"SIP/2.0 200\n\nall of it").unwrap();
        assert_eq!(message.body, b"all of it");
    }

    #[test]
    fn what_is_no_sip_message_is_refused() {
        for (datagram, expected) in [
            (&b"\r\n\r\n"[..], MessageError::KeepAlive),
            (b"", MessageError::KeepAlive),
            (b"\0", MessageError::KeepAlive),
            (
                b"GET / HTTP/1.1\r\n\r\n",
                MessageError::StartLine {
                    line: "GET / HTTP/1.1".into(),
                },
            ),
            (
                b"SIP/2.0 7000 What\r\n\r\n",
                MessageError::StartLine {
                    line: "SIP/2.0 7000 What".into(),
                },
            ),
            (
                b"SIP/2.0 200 OK\r\nl: 9\r\n\r\nbody",
                MessageError::Truncated {
                    present: 4,
                    announced: 9,
                },
            ),
            (
                b"SIP/2.0 200 OK\r\nContent-Length: -1\r\n\r\n",
                MessageError::ContentLength { value: "-1".into() },
            ),
        ] {
            assert_eq!(Message::parse(datagram), Err(expected), "{datagram:?}");
        }
    }

    #[test]
    fn the_limits_hold() {
        let long = vec![b'a'; MAXIMUM_MESSAGE + 1];
        assert_eq!(
            Message::parse(&long),
            Err(MessageError::TooLong {
                length: MAXIMUM_MESSAGE + 1
            })
        );
        let head = |count: usize| format!("SIP/2.0 200 OK\r\n{}\r\n", "A: b\r\n".repeat(count));
        assert!(Message::parse(head(MAXIMUM_HEADERS).as_bytes()).is_ok());
        assert_eq!(
            Message::parse(head(MAXIMUM_HEADERS + 1).as_bytes()),
            Err(MessageError::TooManyHeaders)
        );
    }

    #[test]
    fn as_many_fields_as_may_be_are_read_back_without_a_content_length() {
        let head = format!(
            "SIP/2.0 200 OK\r\n{}\r\n",
            "A: b\r\n".repeat(MAXIMUM_HEADERS)
        );
        law::holds(head.as_bytes());
    }

    #[test]
    fn a_control_character_in_a_request_line_is_refused() {
        for line in ["\u{b}\0a b SIP/2.0", "NOTIFY sip:\u{1}@192.0.2.2 SIP/2.0"] {
            law::holds(line.as_bytes());
            assert!(
                matches!(
                    Message::parse(line.as_bytes()),
                    Err(MessageError::StartLine { .. })
                ),
                "{line:?}"
            );
        }
    }

    const SEEDS: [&[u8]; 9] = [
        ODD_RESPONSE,
        b"NOTIFY sip:200@192.0.2.2 SIP/2.0\r\nEvent: check-sync\r\n\r\n",
        b"SIP/2.0 200 \xff\xfe\r\nX: \xff\x01y\r\n folded\r\n\r\n\x00\x01",
        b"SIP/2.0 200 OK\nA:\rb\r\r\n\n",
        b"a b sip/2.0\n:\n: x\n \n\t\n",
        b"SIP/2.0 200 OK\r\nVia: \",;\\\r\nCSeq: 99999999999 NOTIFY\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: a;b=\"c;branch = d ;;= , e\r\nVia:\r\n\r\n",
        b"SIP/2.0 200 OK\r\nA\x0bB: c\r\nA\x01B: c\r\n\r\n",
        b"\xe2\x80\x8b SIP/2.0 SIP/2.0\r\n\r\n",
    ];

    #[test]
    fn the_seeds_of_the_fuzz_target_hold_its_law() {
        for seed in SEEDS {
            assert!(Message::parse(seed).is_ok(), "{seed:?}");
            law::holds(seed);
        }
    }

    proptest! {
        #[test]
        fn damaged_messages_hold_the_law_too(
            seed in prop::sample::select(SEEDS.to_vec()),
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut datagram = seed.to_vec();
            for (at, byte) in damage {
                let at = at.index(datagram.len());
                datagram[at] = byte;
            }
            law::holds(&datagram);
            datagram.truncate(cut.index(datagram.len()));
            law::holds(&datagram);
        }
    }
}
