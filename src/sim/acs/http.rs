//! HTTP/1.1 for the simulators: just enough, and every byte under control.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest head that is read, in bytes.
const HEAD_LIMIT: usize = 256 * 1024;
/// Longest body that is read, in bytes.
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// Name and value of a header line, as they were written.
pub type Header = (String, String);

/// What a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `POST`, as written.
    pub method: String,
    /// Path with query, as written.
    pub target: String,
    /// Header lines in their order.
    pub headers: Vec<Header>,
    /// The body, chunks put together.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of the first header with this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header lines in their order.
    pub headers: Vec<Header>,
    /// The body, chunks put together.
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the first header with this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }
}

/// The value of the first header with this name, in any case.
pub fn find_header<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// A stream that carries one message after the other.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    unread: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Takes over a stream.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            unread: Vec::new(),
        }
    }

    /// The stream, for writing raw bytes.
    pub fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Waits until the other side closes; what it still sends is thrown away.
    pub async fn wait_for_close(&mut self) {
        let mut sink = [0_u8; 4096];
        while matches!(self.stream.read(&mut sink).await, Ok(1..)) {}
    }

    /// The next request; `None` when the client closed between two requests.
    pub async fn read_request(&mut self) -> io::Result<Option<Request>> {
        let Some(head) = self.read_head().await? else {
            return Ok(None);
        };
        let (start, headers) = split_head(&head)?;
        let mut words = start.split(' ');
        let (Some(method), Some(target), Some(_), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(invalid(format!("request line {start:?}")));
        };
        if find_header(&headers, "expect").is_some() {
            self.stream
                .write_all(b"HTTP/1.1 100 Continue\r\n\r\n")
                .await?;
        }
        let body = self.read_body(&headers, Some(0)).await?;
        Ok(Some(Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
            body,
        }))
    }

    /// The next response; interim ones (1xx) are passed over.
    pub async fn read_response(&mut self, to_head: bool) -> io::Result<Response> {
        loop {
            let Some(head) = self.read_head().await? else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            let (start, headers) = split_head(&head)?;
            let status: u16 = start
                .split(' ')
                .nth(1)
                .and_then(|word| word.parse().ok())
                .ok_or_else(|| invalid(format!("status line {start:?}")))?;
            if (100..200).contains(&status) {
                continue;
            }
            let body = if to_head || status == 204 || status == 304 {
                Vec::new()
            } else {
                self.read_body(&headers, None).await?
            };
            return Ok(Response {
                status,
                headers,
                body,
            });
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut self.unread).await
    }

    async fn read_head(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                let rest = self.unread.split_off(end + 4);
                return Ok(Some(std::mem::replace(&mut self.unread, rest)));
            }
            if self.unread.len() > HEAD_LIMIT {
                return Err(invalid(format!("head longer than {HEAD_LIMIT} bytes")));
            }
            if self.fill().await? == 0 {
                return if self.unread.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    async fn read_exact(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > BODY_LIMIT {
            return Err(invalid(format!("body longer than {BODY_LIMIT} bytes")));
        }
        while self.unread.len() < length {
            if self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.unread.split_off(length);
        Ok(std::mem::replace(&mut self.unread, rest))
    }

    async fn read_line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = find(&self.unread, b"\r\n") {
                let line = self.read_exact(end + 2).await?;
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.unread.len() > HEAD_LIMIT || self.fill().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// `without_length` is the length of a body whose head names none; `None`: up to the close.
    async fn read_body(
        &mut self,
        headers: &[Header],
        without_length: Option<usize>,
    ) -> io::Result<Vec<u8>> {
        if find_header(headers, "transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
        {
            return self.read_chunks().await;
        }
        let length = match find_header(headers, "content-length") {
            Some(value) => Some(
                value
                    .trim()
                    .parse()
                    .map_err(|_| invalid(format!("Content-Length {value:?}")))?,
            ),
            None => without_length,
        };
        match length {
            Some(length) => self.read_exact(length).await,
            None => {
                while self.fill().await? > 0 {
                    if self.unread.len() > BODY_LIMIT {
                        return Err(invalid(format!("body longer than {BODY_LIMIT} bytes")));
                    }
                }
                Ok(std::mem::take(&mut self.unread))
            }
        }
    }

    async fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16)
                .map_err(|_| invalid(format!("chunk size {line:?}")))?;
            if size == 0 {
                while !self.read_line().await?.is_empty() {}
                return Ok(body);
            }
            if body.len() + size > BODY_LIMIT {
                return Err(invalid(format!("body longer than {BODY_LIMIT} bytes")));
            }
            body.extend(self.read_exact(size).await?);
            self.read_line().await?;
        }
    }
}

fn split_head(head: &[u8]) -> io::Result<(String, Vec<Header>)> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.trim_end().split("\r\n");
    let start = lines.next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| invalid(format!("header line {line:?}")))?;
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok((start, headers))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(haystack, needle)
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn request(bytes: &[u8]) -> io::Result<Option<Request>> {
        let (client, server) = tokio::io::duplex(1 << 20);
        let mut client = client;
        client.write_all(bytes).await.unwrap();
        drop(client);
        Connection::new(server).read_request().await
    }

    #[tokio::test]
    async fn chunks_are_put_together() {
        let request =
            request(b"POST /a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
                .await
                .unwrap()
                .unwrap();
        assert_eq!(request.body, b"abcde");
        assert_eq!(request.target, "/a");
    }

    #[tokio::test]
    async fn a_cut_body_is_an_error_and_a_quiet_close_is_not() {
        assert!(
            request(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc")
                .await
                .is_err()
        );
        assert!(request(b"").await.unwrap().is_none());
    }
}
