//! What the scripted ACS puts on the wire in answer to one request, down to the byte.

use super::http::Header;
use crate::sim::checks::SetCookie;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    kind: Kind,
    status: u16,
    headers: Vec<Header>,
    body: Vec<u8>,
    chunked: bool,
    lower_case: bool,
    continue_first: bool,
    close: bool,
    cut_after: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Raw,
    Stall,
}

impl Reply {
    /// A status without a body.
    pub fn status(status: u16) -> Self {
        Self {
            kind: Kind::Http,
            status,
            headers: Vec::new(),
            body: Vec::new(),
            chunked: false,
            lower_case: false,
            continue_first: false,
            close: false,
            cut_after: None,
        }
    }

    /// 200 with a SOAP message.
    pub fn message(envelope: impl Into<Vec<u8>>) -> Self {
        Self {
            body: envelope.into(),
            ..Self::status(200).with_header("Content-Type", "text/xml; charset=\"utf-8\"")
        }
    }

    /// A redirect.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).with_header("Location", location)
    }

    /// These bytes and nothing else, then the close.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            kind: Kind::Raw,
            body: bytes.into(),
            close: true,
            ..Self::status(0)
        }
    }

    /// The close, with no answer.
    pub fn close() -> Self {
        Self::raw(Vec::new())
    }

    /// No answer ever; the connection stays up until the CPE gives up.
    pub fn stall() -> Self {
        Self {
            kind: Kind::Stall,
            ..Self::status(0)
        }
    }

    /// With another status.
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// With one more header line.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With another body.
    pub fn with_body(self, body: impl Into<Vec<u8>>) -> Self {
        Self {
            body: body.into(),
            ..self
        }
    }

    /// With the body in chunks of seven bytes.
    pub fn in_chunks(self) -> Self {
        Self {
            chunked: true,
            ..self
        }
    }

    /// With all header names in lower case.
    pub fn in_lower_case(self) -> Self {
        Self {
            lower_case: true,
            ..self
        }
    }

    /// With `100 Continue` before it.
    pub fn after_continue(self) -> Self {
        Self {
            continue_first: true,
            ..self
        }
    }

    /// With `Connection: close`, and the close.
    pub fn and_close(self) -> Self {
        self.with_header("Connection", "close").close_quietly()
    }

    /// With the close after it, unannounced.
    pub fn close_quietly(self) -> Self {
        Self {
            close: true,
            ..self
        }
    }

    /// With the close after so many bytes of it.
    pub fn cut_after(self, bytes: usize) -> Self {
        Self {
            cut_after: Some(bytes),
            close: true,
            ..self
        }
    }

    /// Its status; 0 for raw bytes and silence.
    pub fn status_code(&self) -> u16 {
        self.status
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The header lines that were given, in their order.
    pub fn headers(&self) -> &[Header] {
        &self.headers
    }

    /// The cookies that it sets.
    pub fn cookies(&self) -> impl Iterator<Item = SetCookie> {
        self.headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
            .filter_map(|(_, value)| SetCookie::parse(value))
    }

    pub(super) fn is_stall(&self) -> bool {
        self.kind == Kind::Stall
    }

    pub(crate) fn closes(&self) -> bool {
        self.close
    }

    /// Everything that is written.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = match self.kind {
            Kind::Http => self.http_bytes(),
            Kind::Raw => self.body.clone(),
            Kind::Stall => Vec::new(),
        };
        if let Some(limit) = self.cut_after {
            bytes.truncate(limit);
        }
        bytes
    }

    fn http_bytes(&self) -> Vec<u8> {
        let mut head = String::new();
        if self.continue_first {
            head.push_str("HTTP/1.1 100 Continue\r\n\r\n");
        }
        head.push_str(&format!(
            "HTTP/1.1 {} {}\r\n",
            self.status,
            reason(self.status)
        ));
        let framing = if self.chunked {
            Some(("Transfer-Encoding", "chunked".to_owned()))
        } else if self.status == 204 {
            None
        } else {
            Some(("Content-Length", self.body.len().to_string()))
        };
        let framing = framing.map(|(name, value)| (name.to_owned(), value));
        for (name, value) in self.headers.iter().chain(&framing) {
            let name = if self.lower_case {
                name.to_ascii_lowercase()
            } else {
                name.clone()
            };
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if self.chunked {
            for chunk in self.body.chunks(7) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
        } else {
            bytes.extend(&self.body);
        }
        bytes
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Scripted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_written_as_it_was_asked_for() {
        let reply = Reply::message("<a>23456789</a>")
            .in_chunks()
            .in_lower_case()
            .after_continue();
        let text = String::from_utf8(reply.bytes()).unwrap();
        assert!(text.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type:"));
        assert!(text.ends_with("\r\n\r\n7\r\n<a>2345\r\n7\r\n6789</a\r\n1\r\n>\r\n0\r\n\r\n"));
        assert_eq!(
            Reply::status(204).bytes(),
            b"HTTP/1.1 204 No Content\r\n\r\n"
        );
        assert_eq!(Reply::message("x").cut_after(8).bytes(), b"HTTP/1.1");
    }
}
