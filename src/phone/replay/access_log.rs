//! One line of a web server's log in the common or combined format (Apache's and nginx' default),
//! or of a TFTP server in syslog.

use std::fmt;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_until, take_while1};
use nom::character::complete::{anychar, char, digit1, none_of};
use nom::combinator::{opt, recognize, value};
use nom::multi::many0_count;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser as _};

/// Longest line that is read, in bytes; no server writes one half as long for a phone.
pub const MAX_LINE: usize = 64 * 1024;

/// One request, as the server has written it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRequest {
    /// Who asked: an address or a name.
    pub source: String,
    /// GET, HEAD and so on; RRQ for TFTP. Empty when it was no request: then all of it is `target`.
    pub method: String,
    /// What was asked for, as it was written in the request.
    pub target: String,
    /// The status of the answer; `None` for TFTP, where the log does not say.
    pub status: Option<u16>,
    /// Bytes of the body; `None` for `-`.
    pub bytes: Option<u64>,
    /// The User-Agent; `None` in the common format and for `-`.
    pub user_agent: Option<String>,
}

/// A line is none of such a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogLineError {
    /// It is too long.
    #[error("the line has {length} bytes; up to {MAX_LINE} are read")]
    TooLong {
        /// Its bytes.
        length: usize,
    },
    /// It is of no form that is known.
    #[error("no line of the common or combined log format from here on: `{rest}`")]
    Form {
        /// Where it departs from it, cut.
        rest: String,
    },
}

impl LoggedRequest {
    /// Reads a line, without its end.
    ///
    /// # Errors
    /// [`LogLineError`].
    pub fn parse(line: &str) -> Result<Self, LogLineError> {
        if line.len() > MAX_LINE {
            return Err(LogLineError::TooLong { length: line.len() });
        }
        match web_line(line) {
            Ok((_, request)) => Ok(request),
            Err(error) => {
                if let Some(request) = read_tftp(line) {
                    return Ok(request);
                }
                let rest = match error {
                    nom::Err::Error(error) | nom::Err::Failure(error) => error.input,
                    nom::Err::Incomplete(_) => line,
                };
                let rest = rest.chars().take(40).collect();
                Err(LogLineError::Form { rest })
            }
        }
    }
}

/// What tftpd-hpa writes: `… in.tftpd[123]: RRQ from 192.0.2.7 filename cfg000b82a1b2c3.xml`.
fn read_tftp(line: &str) -> Option<LoggedRequest> {
    let (before, rest) = line.split_once(": RRQ from ")?;
    let program = before.rsplit(' ').next()?;
    if !program.contains("tftpd") {
        return None;
    }
    let (source, name) = rest.split_once(" filename ")?;
    if source.is_empty() || source.contains(' ') || rest.contains('"') {
        return None;
    }
    Some(LoggedRequest {
        source: source.to_owned(),
        method: "RRQ".to_owned(),
        target: name.to_owned(),
        status: None,
        bytes: None,
        user_agent: None,
    })
}

/// `host ident user [time] "request" status bytes`, then in the combined format `"referrer"
/// "user agent"`; what comes after that is a server's own.
fn web_line(input: &str) -> IResult<&str, LoggedRequest> {
    let (input, who) = take_until(" [")(input)?;
    let (input, _) = delimited(tag(" ["), take_until("]"), tag("] ")).parse(input)?;
    let (input, request) = quoted(input)?;
    let (input, status) = preceded(char(' '), digit1).parse(input)?;
    let (input, bytes) = preceded(char(' '), alt((digit1, value("", tag("-"))))).parse(input)?;
    let user_agent = preceded((char(' '), quoted, char(' ')), quoted);
    let (input, user_agent) = opt(user_agent).parse(input)?;
    let (_, source) = source(who)?;
    let wrong = || {
        let error = nom::error::Error::new(status, nom::error::ErrorKind::Digit);
        nom::Err::Error(error)
    };
    let status = status
        .parse()
        .ok()
        .filter(|status| (100..1000).contains(status));
    let status = Some(status.ok_or_else(wrong)?);
    let (method, target) = method_and_target(&request);
    let request = LoggedRequest {
        source: source.to_owned(),
        method: method.to_owned(),
        target: target.to_owned(),
        status,
        bytes: bytes.parse().ok(),
        user_agent: user_agent.filter(|text| text != "-"),
    };
    Ok((input, request))
}

/// The client of `host ident user`; some servers write their own name before it.
fn source(who: &str) -> IResult<&str, &str> {
    let (rest, first) = take_while1(|character| character != ' ')(who)?;
    let second = rest.split(' ').nth(1).unwrap_or_default();
    let is_address = second.parse::<std::net::IpAddr>().is_ok();
    Ok((rest, if is_address { second } else { first }))
}

/// A text in quotes, its escapes resolved: `\"`, `\\` and `\xhh` are what servers write.
fn quoted(input: &str) -> IResult<&str, String> {
    let escape = recognize((char('\\'), anychar));
    let content = recognize(many0_count(alt((recognize(none_of("\\\"")), escape))));
    let (rest, content) = delimited(char('"'), content, char('"')).parse(input)?;
    Ok((rest, unescaped(content)))
}

fn unescaped(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after
            .strip_prefix('x')
            .and_then(|hex| hex.get(..2))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        rest = match byte {
            Some(byte) => {
                bytes.push(byte);
                after.get(3..).unwrap_or_default()
            }
            None => {
                let mut characters = after.chars();
                let escaped = characters.next();
                if !matches!(escaped, Some('"' | '\\')) {
                    bytes.push(b'\\');
                }
                let mut buffer = [0; 4];
                if let Some(escaped) = escaped {
                    bytes.extend_from_slice(escaped.encode_utf8(&mut buffer).as_bytes());
                }
                characters.as_str()
            }
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Method and target of a request line; what is none is all target.
fn method_and_target(request: &str) -> (&str, &str) {
    let none = ("", request);
    let Some((method, rest)) = request.split_once(' ') else {
        return none;
    };
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return none;
    }
    let Some((target, version)) = rest.rsplit_once(' ') else {
        return none;
    };
    if target.is_empty() || !version.starts_with("HTTP/") {
        return none;
    }
    (method, target)
}

/// A line of the combined format, or of tftpd-hpa, with this request.
impl fmt::Display for LoggedRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, target, .. } = self;
        let Some(status) = self.status else {
            return write!(formatter, "in.tftpd: RRQ from {source} filename {target}");
        };
        write!(formatter, "{source} - - [-] \"")?;
        match self.method.as_str() {
            "" => write!(formatter, "{}", Escaped(target))?,
            method => write!(formatter, "{method} {} HTTP/1.1", Escaped(target))?,
        }
        write!(formatter, "\" {status} ")?;
        match self.bytes {
            Some(bytes) => write!(formatter, "{bytes}")?,
            None => formatter.write_str("-")?,
        }
        let user_agent = self.user_agent.as_deref().unwrap_or("-");
        write!(formatter, " \"-\" \"{}\"", Escaped(user_agent))
    }
}

struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if matches!(character, '"' | '\\') {
                formatter.write_str("\\")?;
            }
            write!(formatter, "{character}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "../../../tests/fuzz/laws/access_log.rs"]
mod law;

#[cfg(test)]
mod tests {
    use super::*;

    const NGINX: &str = r#"192.0.2.7 - - [21/Nov/2026:20:49:39 +0000] "GET /cfg000b82a1b2c3.xml HTTP/1.1" 200 1834 "-" "Grandstream Model HW GXP2170 SW 1.0.9.135 DevId 000b82a1b2c3""#;

    #[test]
    fn lines_of_both_formats_are_read() {
        let line = LoggedRequest::parse(NGINX).unwrap();
        assert_eq!((line.method.as_str(), line.status), ("GET", Some(200)));
        assert_eq!(line.target, "/cfg000b82a1b2c3.xml");
        assert_eq!(
            (line.source.as_str(), line.bytes),
            ("192.0.2.7", Some(1834))
        );
        assert!(line.user_agent.unwrap().ends_with("DevId 000b82a1b2c3"));
        let common = r#"phone7.example.net - frank [10/Oct/2026:13:55:36 -0700] "HEAD /a%20b HTTP/1.0" 304 -"#;
        let line = LoggedRequest::parse(common).unwrap();
        assert_eq!((line.bytes, line.user_agent), (None, None));
        assert_eq!(line.source, "phone7.example.net");
        let vhost = format!("prov.example.net:80 {NGINX} 0.004 \"own\"");
        assert_eq!(LoggedRequest::parse(&vhost).unwrap().source, "192.0.2.7");
    }

    #[test]
    fn what_servers_escape_is_read_back() {
        let line = r#"::1 - - [-] "GET /\xC3\xA4\x22.cfg HTTP/1.1" 404 9 "-" "a \"b\" \\ \t""#;
        let line = LoggedRequest::parse(line).unwrap();
        assert_eq!(line.target, "/ä\".cfg");
        assert_eq!(line.user_agent.unwrap(), "a \"b\" \\ \\t");
    }

    #[test]
    fn a_handshake_at_the_wrong_port_is_no_request() {
        let line = r#"192.0.2.9 - - [-] "\x16\x03\x01\x02" 400 150 "-" "-""#;
        let line = LoggedRequest::parse(line).unwrap();
        assert_eq!((line.method.as_str(), line.status), ("", Some(400)));
    }

    #[test]
    fn a_line_of_a_tftp_server_is_read() {
        let line = "Nov 21 20:49:39 prov in.tftpd[812]: RRQ from 192.0.2.7 filename site 1/a.cfg";
        let line = LoggedRequest::parse(line).unwrap();
        assert_eq!((line.method.as_str(), line.status), ("RRQ", None));
        assert_eq!(line.target, "site 1/a.cfg");
    }

    #[test]
    fn what_is_no_line_says_where() {
        let error = LoggedRequest::parse("192.0.2.7 - - [-] GET /a").unwrap_err();
        assert!(
            error.to_string().ends_with("from here on: `GET /a`"),
            "{error}"
        );
        for line in [
            "",
            "hello",
            r#"a - - [-] "GET / HTTP/1.1" 20 5"#,
            r#"a - - [-] "GET / HTTP/1.1" 200"#,
        ] {
            assert!(LoggedRequest::parse(line).is_err(), "{line}");
        }
        let long = "x".repeat(MAX_LINE + 1);
        assert!(matches!(
            LoggedRequest::parse(&long),
            Err(LogLineError::TooLong { .. })
        ));
    }

    #[test]
    fn the_law_holds_for_the_seeds_of_the_fuzzer() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/seeds/access_log");
        for entry in std::fs::read_dir(folder).unwrap() {
            law::holds(&std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
}
