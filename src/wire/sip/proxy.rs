//! Where NOTIFYs go that do not go to the phone itself: the URI of a proxy or PBX.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use super::notify::SipTransport;

/// The port of SIP.
const SIP_PORT: u16 = 5060;

/// A proxy or PBX, `sip:pbx.example.net:5060;transport=tcp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipProxy {
    /// A name or an address, an IPv6 address without its brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
    /// By what it is reached.
    pub transport: SipTransport,
    /// It goes by Route (`;lr`, RFC 3261 16.12); else the request goes to it without one.
    pub goes_by_route: bool,
}

/// The text is no URI of a proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no SIP proxy: {problem}; write `sip:HOST`, `sip:HOST:PORT`, with \
     `;transport=tcp` or `;transport=udp` and, if it wants a Route field, `;lr` behind it"
)]
pub struct SipProxyError {
    /// The text that was given.
    pub text: String,
    /// What is wrong.
    pub problem: &'static str,
}

impl SipProxy {
    /// Its value in a Route field.
    pub fn route(&self) -> String {
        format!("<{self}>")
    }

    /// Host and port as they stand in a URI.
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for SipProxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            SipTransport::Udp => "udp",
            SipTransport::Tcp => "tcp",
        };
        write!(formatter, "sip:{};transport={transport}", self.authority())?;
        if self.goes_by_route {
            formatter.write_str(";lr")?;
        }
        Ok(())
    }
}

impl FromStr for SipProxy {
    type Err = SipProxyError;

    fn from_str(text: &str) -> Result<Self, SipProxyError> {
        let error = |problem| SipProxyError {
            text: text.chars().take(128).collect(),
            problem,
        };
        let scheme = text.get(..4).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("sip:") {
            return Err(error("it does not begin with `sip:`"));
        }
        let mut parts = text.get(4..).unwrap_or_default().split(';');
        let authority = parts.next().unwrap_or_default();
        if authority.contains('@') {
            return Err(error("it names a user"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest
                    .split_once(']')
                    .ok_or_else(|| error("a bracket is open"))?;
                if host.parse::<std::net::Ipv6Addr>().is_err() {
                    return Err(error("in the brackets is no IPv6 address"));
                }
                match rest.strip_prefix(':') {
                    None if !rest.is_empty() => return Err(error("the bracket ends in a word")),
                    port => (host, port),
                }
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
        if host.is_empty() || !host.bytes().all(is_host) {
            return Err(error("the host is no name and no address"));
        }
        let port = match port {
            None => SIP_PORT,
            Some(port) => match port.parse() {
                Ok(port) if port != 0 => port,
                _ => return Err(error("the port is no number from 1 to 65535")),
            },
        };
        let mut proxy = Self {
            host: host.to_owned(),
            port,
            transport: SipTransport::Udp,
            goes_by_route: false,
        };
        for parameter in parts {
            match parameter.to_ascii_lowercase().as_str() {
                "transport=udp" => proxy.transport = SipTransport::Udp,
                "transport=tcp" => proxy.transport = SipTransport::Tcp,
                "lr" => proxy.goes_by_route = true,
                _ => {
                    return Err(error(
                        "a parameter is none of transport=udp, transport=tcp, lr",
                    ));
                }
            }
        }
        Ok(proxy)
    }
}

impl<'de> Deserialize<'de> for SipProxy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_and_written() {
        for (text, written) in [
            ("sip:pbx", "sip:pbx:5060;transport=udp"),
            (
                "SIP:pbx.example.net:5080;transport=TCP;lr",
                "sip:pbx.example.net:5080;transport=tcp;lr",
            ),
            ("sip:[2001:db8::1]", "sip:[2001:db8::1]:5060;transport=udp"),
            ("sip:192.0.2.5:5061", "sip:192.0.2.5:5061;transport=udp"),
        ] {
            let proxy: SipProxy = text.parse().unwrap();
            assert_eq!(proxy.to_string(), written);
            assert_eq!(written.parse::<SipProxy>().unwrap(), proxy);
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        for text in [
            "",
            "pbx.example.net",
            "sips:pbx",
            "sip:",
            "sip:200@pbx",
            "sip:pbx:0",
            "sip:pbx:70000",
            "sip:pbx;transport=tls",
            "sip:[pbx]",
            "sip:[2001:db8::1",
            "sip:[2001:db8::1]5060",
            "sip:p bx",
            "sip:pbx\r\nEvil: yes",
        ] {
            assert!(text.parse::<SipProxy>().is_err(), "{text}");
        }
    }
}
