//! Packets as they are on the wire.

use std::fmt;

use nom::Parser as _;
use nom::bytes::complete::{tag, take_till};
use nom::combinator::rest;
use nom::number::complete::be_u16;
use nom::sequence::terminated;

/// Bytes of the longest request (RFC 2347: "the maximum size of a request packet is 512 octets").
pub const MAX_REQUEST_BYTES: usize = 512;

/// Options in one packet. Phones send up to nine, those of their maker included.
const MAX_OPTIONS: usize = 16;

/// Bytes of an option's name, and of its value.
const MAX_OPTION_BYTES: usize = 128;

/// Characters that are kept of an error's message.
const MAX_MESSAGE_CHARACTERS: usize = 128;

const READ: u16 = 1;
const WRITE: u16 = 2;
const DATA: u16 = 3;
const ACKNOWLEDGEMENT: u16 = 4;
const ERROR: u16 = 5;
const OPTION_ACKNOWLEDGEMENT: u16 = 6;

/// One datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// RRQ: a file is asked for.
    Read(Request<'a>),
    /// WRQ: a file is offered.
    Write(Request<'a>),
    /// DATA: one block of the file.
    Data {
        /// Its number, from 1; goes on from 65535 with 0.
        block: u16,
        /// Less than the block size ends the file.
        content: &'a [u8],
    },
    /// ACK: a block has come; 0 is for the options.
    Acknowledgement {
        /// The number of the block.
        block: u16,
    },
    /// ERROR: the transfer is over.
    Error {
        /// Why.
        code: ErrorCode,
        /// The same for a person: printable, 128 characters at most.
        message: String,
    },
    /// OACK: the options that hold.
    OptionAcknowledgement(Options<'a>),
}

/// What a read or write request says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// The name of the file, as it was sent.
    pub name: &'a [u8],
    /// How it is to be sent.
    pub mode: Mode,
    /// The options that are asked for.
    pub options: Options<'a>,
}

/// How a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Byte for byte.
    Octet,
    /// As text, with line ends of its own.
    NetAscii,
    /// Another word.
    Other,
}

/// Names and values, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options<'a>(Vec<(&'a [u8], &'a [u8])>);

/// The reason of an error packet (RFC 1350 appendix, RFC 2347).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    /// The message says what it is.
    pub const NOT_DEFINED: Self = Self(0);
    /// There is no such file.
    pub const FILE_NOT_FOUND: Self = Self(1);
    /// It is there, and not to be had.
    pub const ACCESS_VIOLATION: Self = Self(2);
    /// The receiver has no room for it.
    pub const DISK_FULL: Self = Self(3);
    /// The packet is none of TFTP, or not of this place.
    pub const ILLEGAL_OPERATION: Self = Self(4);
    /// No transfer goes between these ports.
    pub const UNKNOWN_TRANSFER: Self = Self(5);
    /// The options can't be agreed on.
    pub const OPTION_NEGOTIATION: Self = Self(8);
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A datagram is no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Too short, or a text in it has no end.
    #[error("the packet is cut off or has no known operation code")]
    Malformed,
    /// A request that is longer than requests may be.
    #[error("a request of {bytes} bytes is longer than {MAX_REQUEST_BYTES}")]
    LongRequest {
        /// Its length.
        bytes: usize,
    },
    /// More options than any client has.
    #[error("there are more than {MAX_OPTIONS} options")]
    ManyOptions,
    /// An option that is longer than any client's.
    #[error("an option has a name or value of more than {MAX_OPTION_BYTES} bytes")]
    LongOption,
    /// "An option may only be specified once" (RFC 2347).
    #[error("an option is given twice")]
    OptionTwice,
    /// An option has a name and no value.
    #[error("an option has no value")]
    OptionWithoutValue,
}

impl PacketError {
    /// What a client is told whose request it was.
    pub fn code(self) -> ErrorCode {
        match self {
            Self::Malformed | Self::LongRequest { .. } => ErrorCode::ILLEGAL_OPERATION,
            Self::ManyOptions | Self::LongOption | Self::OptionTwice | Self::OptionWithoutValue => {
                ErrorCode::OPTION_NEGOTIATION
            }
        }
    }
}

type Parsed<'a, T> = nom::IResult<&'a [u8], T>;

impl<'a> Packet<'a> {
    /// Reads a datagram. What follows an acknowledgement's number, and zeros that follow a
    /// request, are passed over: some clients send buffers of a fixed length.
    ///
    /// # Errors
    /// [`PacketError`]
    pub fn parse(datagram: &'a [u8]) -> Result<Self, PacketError> {
        let malformed = |_: nom::Err<nom::error::Error<&'a [u8]>>| PacketError::Malformed;
        let (body, operation) = be_u16(datagram).map_err(malformed)?;
        match operation {
            READ | WRITE => {
                if datagram.len() > MAX_REQUEST_BYTES {
                    return Err(PacketError::LongRequest {
                        bytes: datagram.len(),
                    });
                }
                let (options, (name, mode)) = (text, text).parse(body).map_err(malformed)?;
                let request = Request {
                    name,
                    mode: Mode::of(mode),
                    options: Options::parse(options)?,
                };
                Ok(match operation {
                    READ => Self::Read(request),
                    _ => Self::Write(request),
                })
            }
            DATA => {
                let (_, (block, content)) = (be_u16, rest).parse(body).map_err(malformed)?;
                Ok(Self::Data { block, content })
            }
            ACKNOWLEDGEMENT => {
                let (_, block) = be_u16(body).map_err(malformed)?;
                Ok(Self::Acknowledgement { block })
            }
            ERROR => {
                let (message, code) = be_u16(body).map_err(malformed)?;
                // The end of the text is missing often enough.
                let message = message.split(|byte| *byte == 0).next().unwrap_or_default();
                Ok(Self::Error {
                    code: ErrorCode(code),
                    message: printable(message),
                })
            }
            OPTION_ACKNOWLEDGEMENT => Ok(Self::OptionAcknowledgement(Options::parse(body)?)),
            _ => Err(PacketError::Malformed),
        }
    }

    /// The datagram.
    pub fn encode(&self) -> Vec<u8> {
        let mut datagram = Vec::new();
        let mut number = |number: u16| datagram.extend_from_slice(&number.to_be_bytes());
        match self {
            Self::Read(request) => {
                number(READ);
                request.encode(&mut datagram);
            }
            Self::Write(request) => {
                number(WRITE);
                request.encode(&mut datagram);
            }
            Self::Data { block, content } => {
                number(DATA);
                number(*block);
                datagram.extend_from_slice(content);
            }
            Self::Acknowledgement { block } => {
                number(ACKNOWLEDGEMENT);
                number(*block);
            }
            Self::Error { code, message } => {
                number(ERROR);
                number(code.0);
                push_text(&mut datagram, message.as_bytes());
            }
            Self::OptionAcknowledgement(options) => {
                number(OPTION_ACKNOWLEDGEMENT);
                options.encode(&mut datagram);
            }
        }
        datagram
    }
}

/// An error packet, ready to be sent.
pub fn error_packet(code: ErrorCode, message: &str) -> Vec<u8> {
    let message = printable(message.as_bytes());
    Packet::Error { code, message }.encode()
}

impl Request<'_> {
    fn encode(&self, datagram: &mut Vec<u8>) {
        push_text(datagram, self.name);
        push_text(
            datagram,
            match self.mode {
                Mode::Octet => b"octet",
                Mode::NetAscii => b"netascii",
                Mode::Other => b"mail",
            },
        );
        self.options.encode(datagram);
    }
}

impl Mode {
    fn of(word: &[u8]) -> Self {
        if word.eq_ignore_ascii_case(b"octet") {
            Self::Octet
        } else if word.eq_ignore_ascii_case(b"netascii") {
            Self::NetAscii
        } else {
            Self::Other
        }
    }
}

impl<'a> Options<'a> {
    /// Options in this order.
    pub fn new(options: &[(&'a str, &'a str)]) -> Self {
        let bytes = |(name, value): &(&'a str, &'a str)| (name.as_bytes(), value.as_bytes());
        Self(options.iter().map(bytes).collect())
    }

    fn parse(mut input: &'a [u8]) -> Result<Self, PacketError> {
        let mut options: Vec<(&[u8], &[u8])> = Vec::new();
        while input.iter().any(|byte| *byte != 0) {
            let without_value = |_| PacketError::OptionWithoutValue;
            let (left, (name, value)) = (text, text).parse(input).map_err(without_value)?;
            input = left;
            if name.len().max(value.len()) > MAX_OPTION_BYTES {
                return Err(PacketError::LongOption);
            }
            if options
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
            {
                return Err(PacketError::OptionTwice);
            }
            if options.len() == MAX_OPTIONS {
                return Err(PacketError::ManyOptions);
            }
            options.push((name, value));
        }
        Ok(Self(options))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().map(|(name, _)| *name)
    }

    /// Whether this option is given, in upper or lower case.
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The value of an option that is a number; `None` too when it is none.
    pub fn number(&self, name: &str) -> Option<u64> {
        let digits = self.value(name)?;
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let digits = str::from_utf8(digits).ok().filter(|_| is_number)?;
        digits.parse().ok()
    }

    fn value(&self, name: &str) -> Option<&'a [u8]> {
        let mut options = self.0.iter();
        let (_, value) = options.find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))?;
        Some(value)
    }

    fn encode(&self, datagram: &mut Vec<u8>) {
        for (name, value) in &self.0 {
            push_text(datagram, name);
            push_text(datagram, value);
        }
    }
}

/// A text that ends with a zero.
fn text(input: &[u8]) -> Parsed<'_, &[u8]> {
    terminated(take_till(|byte| byte == 0), tag(&[0][..])).parse(input)
}

fn push_text(datagram: &mut Vec<u8>, text: &[u8]) {
    datagram.extend_from_slice(text);
    datagram.push(0);
}

fn printable(message: &[u8]) -> String {
    String::from_utf8_lossy(message)
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_MESSAGE_CHARACTERS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(datagram: &[u8]) -> Request<'_> {
        match Packet::parse(datagram) {
            Ok(Packet::Read(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_read_with_its_options_in_any_case() {
        let request = read(b"\0\x01/000B82A1B2C3.cfg\0OCTET\0BlkSize\x001428\0tsize\x000\0");
        assert_eq!(request.name, b"/000B82A1B2C3.cfg");
        assert_eq!(request.mode, Mode::Octet);
        assert_eq!(request.options.number("blksize"), Some(1428));
        assert_eq!(request.options.number("TSIZE"), Some(0));
        assert_eq!(request.options.number("timeout"), None);
    }

    #[test]
    fn the_makers_own_options_and_padding_disturb_nobody() {
        let request = read(
            b"\0\x01cfg000b82a1b2c3\0octet\0grandstream_MODEL\0GXP2000\0grandstream_ID\x00\
              000b82a1b2c3\0\0\0\0\0",
        );
        assert!(request.options.has("grandstream_model"));
        assert!(read(b"\0\x01x\0octet\0\0\0\0").options.is_empty());
    }

    #[test]
    fn numbers_that_are_none_are_not_read_as_some() {
        for value in ["", "+5", "-1", "0x10", "5 ", "99999999999999999999999"] {
            let datagram = [b"\0\x01x\0octet\0blksize\0", value.as_bytes(), b"\0"].concat();
            let request = read(&datagram);
            assert_eq!(request.options.number("blksize"), None, "{value}");
        }
    }

    #[test]
    fn what_is_cut_off_or_too_much_is_refused_with_its_code() {
        let options = |count: usize| {
            let all: String = (0..count)
                .map(|number| format!("o{number}\x001\0"))
                .collect();
            [b"\0\x01x\0octet\0", all.as_bytes()].concat()
        };
        assert!(Packet::parse(&options(MAX_OPTIONS)).is_ok());
        let long = [b"\0\x01", "n".repeat(600).as_bytes(), b"\0octet\0"].concat();
        let long_option = [b"\0\x01x\0octet\0", "n".repeat(129).as_bytes(), b"\x001\0"].concat();
        for (datagram, error, code) in [
            (b"".to_vec(), PacketError::Malformed, 4),
            (b"\0".to_vec(), PacketError::Malformed, 4),
            (b"\0\x07".to_vec(), PacketError::Malformed, 4),
            (b"\x01\x01x\0octet\0".to_vec(), PacketError::Malformed, 4),
            (b"\0\x01x".to_vec(), PacketError::Malformed, 4),
            (b"\0\x01x\0octet".to_vec(), PacketError::Malformed, 4),
            (b"\0\x04\0".to_vec(), PacketError::Malformed, 4),
            (long, PacketError::LongRequest { bytes: 609 }, 4),
            (options(MAX_OPTIONS + 1), PacketError::ManyOptions, 8),
            (long_option, PacketError::LongOption, 8),
            (
                b"\0\x01x\0octet\0tsize\x000\0TSIZE\x000\0".to_vec(),
                PacketError::OptionTwice,
                8,
            ),
            (
                b"\0\x01x\0octet\0tsize\0".to_vec(),
                PacketError::OptionWithoutValue,
                8,
            ),
        ] {
            assert_eq!(Packet::parse(&datagram), Err(error), "{datagram:?}");
            assert_eq!(error.code(), ErrorCode(code));
        }
    }

    #[test]
    fn a_message_is_shown_without_control_characters() {
        let message = [b"\0\x05\0\x01no\x1b[2J\r\nfile".as_slice(), &[b'x'; 500]].concat();
        let Ok(Packet::Error { code, message }) = Packet::parse(&message) else {
            panic!("no error");
        };
        assert_eq!(code, ErrorCode::FILE_NOT_FOUND);
        assert!(message.starts_with("no[2Jfilexxx"), "{message}");
        assert_eq!(message.chars().count(), 128);
    }
}
