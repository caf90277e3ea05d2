//! The senders of connection requests: a small HTTP client with its own Digest, and signed
//! datagrams.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};

use super::digest::{DigestInput, basic, digest_response, parse_fields};
use super::http::{Connection, Response};

/// Sends connection requests to one URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionRequester {
    authority: String,
    target: String,
}

/// What a sender shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    /// Nothing, not even when challenged.
    Nothing,
    /// A right Digest of these credentials.
    Digest {
        /// User name.
        username: &'a str,
        /// Password.
        password: &'a str,
    },
    /// A Digest over another uri than that of the request.
    DigestOverUri {
        /// User name.
        username: &'a str,
        /// Password.
        password: &'a str,
        /// The uri that is digested and named.
        uri: &'a str,
    },
    /// Basic.
    Basic {
        /// User name.
        username: &'a str,
        /// Password.
        password: &'a str,
    },
    /// This `Authorization` value, at once: a replay.
    Authorization(&'a str),
}

/// What a connection request led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The last answer.
    pub answer: Response,
    /// The challenge before it, if there was one.
    pub challenge: Option<Response>,
    /// The `Authorization` that was shown last.
    pub authorization: Option<String>,
}

impl ConnectionRequester {
    /// Takes a ConnectionRequestURL: `http://host:port/path`.
    pub fn new(url: &str) -> io::Result<Self> {
        let rest = url
            .strip_prefix("http://")
            .ok_or_else(|| invalid(format!("{url:?} is no http URL")))?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self {
            authority: authority.to_owned(),
            target: format!("/{path}"),
        })
    }

    /// The path that is asked for.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The same listener with another path.
    pub fn with_target(&self, target: &str) -> Self {
        Self {
            authority: self.authority.clone(),
            target: target.to_owned(),
        }
    }

    /// Sends a request; a challenge is answered once, on the same connection if it stays up.
    pub async fn request(&self, shown: Shown<'_>) -> io::Result<Outcome> {
        let mut connection = self.connect().await?;
        let at_once = match shown {
            Shown::Authorization(value) => Some(value.to_owned()),
            _ => None,
        };
        let first = self.get(&mut connection, at_once.as_deref()).await?;
        let challenged = first.status == 401 && at_once.is_none();
        let Some(authorization) = challenged
            .then(|| self.authorization(&first, shown))
            .flatten()
        else {
            return Ok(Outcome {
                answer: first,
                challenge: None,
                authorization: at_once,
            });
        };
        if first
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
        {
            connection = self.connect().await?;
        }
        let answer = self.get(&mut connection, Some(&authorization)).await?;
        Ok(Outcome {
            answer,
            challenge: Some(first),
            authorization: Some(authorization),
        })
    }

    /// Sends these bytes and reads one answer.
    pub async fn raw(&self, bytes: &[u8], is_head: bool) -> io::Result<Response> {
        let mut connection = self.connect().await?;
        connection.stream().write_all(bytes).await?;
        connection.read_response(is_head).await
    }

    /// Opens a TCP connection to the listener.
    pub async fn connect(&self) -> io::Result<Connection<TcpStream>> {
        Ok(Connection::new(TcpStream::connect(&self.authority).await?))
    }

    async fn get(
        &self,
        connection: &mut Connection<TcpStream>,
        authorization: Option<&str>,
    ) -> io::Result<Response> {
        let authorization = authorization
            .map(|value| format!("Authorization: {value}\r\n"))
            .unwrap_or_default();
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\n{authorization}\r\n",
            self.target, self.authority
        );
        connection.stream().write_all(request.as_bytes()).await?;
        connection.read_response(false).await
    }

    fn authorization(&self, challenge: &Response, shown: Shown<'_>) -> Option<String> {
        let (username, password, uri) = match shown {
            Shown::Nothing => return None,
            Shown::Authorization(value) => return Some(value.to_owned()),
            Shown::Basic { username, password } => return Some(basic(username, password)),
            Shown::Digest { username, password } => (username, password, self.target.as_str()),
            Shown::DigestOverUri {
                username,
                password,
                uri,
            } => (username, password, uri),
        };
        let fields = challenge.header("www-authenticate")?;
        let fields = parse_fields(fields.strip_prefix("Digest ")?);
        let field = |name: &str| fields.get(name).map_or("", String::as_str);
        let counted = fields.contains_key("qop");
        let (count, client_nonce) = ("00000001", "5ca1ab1e");
        let response = digest_response(&DigestInput {
            username,
            password,
            realm: field("realm"),
            nonce: field("nonce"),
            method: "GET",
            uri,
            session: field("algorithm").eq_ignore_ascii_case("MD5-sess"),
            quality: counted.then_some((count, client_nonce)),
        });
        let mut answer = format!(
            "Digest username=\"{username}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", \
             response=\"{response}\"",
            field("realm"),
            field("nonce")
        );
        if counted {
            answer.push_str(&format!(
                ", qop=auth, nc={count}, cnonce=\"{client_nonce}\""
            ));
        }
        for name in ["opaque", "algorithm"] {
            if let Some(value) = fields.get(name) {
                answer.push_str(&format!(", {name}=\"{value}\""));
            }
        }
        Some(answer)
    }
}

/// A connection request over UDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpRequest {
    /// UDPConnectionRequestAddress.
    pub address: String,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// One number for all copies.
    pub id: u64,
    /// ConnectionRequestUsername.
    pub username: String,
    /// ConnectionRequestPassword.
    pub password: String,
}

impl UdpRequest {
    /// Forty hex digits in lower case.
    pub fn signature(&self) -> String {
        let text = format!("{}{}{}5ca1ab1e", self.timestamp, self.id, self.username);
        let signature = Hmac::<Sha1>::new_from_slice(self.password.as_bytes())
            .map(|mac| mac.chain_update(text).finalize().into_bytes().to_vec());
        signature
            .unwrap_or_default()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// What is sent.
    pub fn datagram(&self) -> String {
        format!(
            "GET http://{address}?ts={}&id={}&un={}&cn=5ca1ab1e&sig={} HTTP/1.1\r\n\
             Host: {address}\r\n\r\n",
            self.timestamp,
            self.id,
            self.username,
            self.signature(),
            address = self.address,
        )
    }

    /// Sends copies of it. Whether anything was answered within a little while.
    pub async fn send(&self, copies: usize) -> io::Result<bool> {
        let datagram = self.datagram();
        let datagrams = vec![datagram.as_bytes(); copies];
        Self::send_raw(&self.address, &datagrams).await
    }

    /// The same for any datagrams.
    pub async fn send_raw(address: &str, datagrams: &[&[u8]]) -> io::Result<bool> {
        let address: SocketAddr = address
            .parse()
            .map_err(|_| invalid(format!("{address:?} is no address with a port")))?;
        let socket = UdpSocket::bind((std::net::Ipv4Addr::UNSPECIFIED, 0)).await?;
        for datagram in datagrams {
            socket.send_to(datagram, address).await?;
        }
        let mut buffer = [0; 16];
        let answer = socket.recv_from(&mut buffer);
        Ok(tokio::time::timeout(Duration::from_millis(300), answer)
            .await
            .is_ok())
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
