//! Conversions of addresses: host, port, octets, uri, url.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::conversion::{Checker, Reading, Writing, can_stay_blank, is_blank};
use super::scalar::quoted;
use crate::mapping::error::{PackError, PackProblem};
use crate::mapping::section::Section;

/// Splits `host`, `host:port`, `[v6]:port` and a bare v6 address; `None` for any other text.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    let text = text.trim();
    let (host, rest) = if let Some(inner) = text.strip_prefix('[') {
        inner.split_once(']')?
    } else if text.bytes().filter(|&byte| byte == b':').count() == 1 {
        let colon = text.find(':')?;
        text.split_at(colon)
    } else {
        (text, "")
    };
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Some((host, None)),
        None => None,
        Some("") => Some((host, None)),
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some((host, Some(port))),
        Some(_) => None,
    }
}

/// What [`split`] takes apart. A host with a colon goes into brackets, which no phone takes around
/// anything but an IPv6 address: a `host:port` that was given as a host, or a list of addresses.
fn join(host: &str, port: Option<&str>) -> Result<String, String> {
    match port {
        Some(port) if host.contains(':') => match host.parse::<Ipv6Addr>() {
            Ok(_) => Ok(format!("[{host}]:{port}")),
            Err(_) => Err(format!(
                "`{host}` is neither a host name nor an IP address, and a port follows it in the \
                 phone's file"
            )),
        },
        Some(port) => Ok(format!("{host}:{port}")),
        None => Ok(host.to_owned()),
    }
}

/// The host part of `host[:port]`.
#[derive(Debug)]
pub(in crate::mapping) struct Host;

impl Host {
    pub(super) fn words(&self) -> Vec<String> {
        vec!["the host of `host:port`; the port stays".to_owned()]
    }

    pub(super) fn read(&self, native: Option<&str>) -> Reading {
        match native.map(split) {
            None => Reading::Absent,
            Some(Some((host, _))) => Reading::Value(host.to_owned()),
            Some(None) => Reading::Unreadable,
        }
    }

    pub(super) fn write(&self, native: Option<&str>, wanted: &str) -> Result<String, String> {
        let port = native.and_then(split).and_then(|(_, port)| port);
        if wanted.is_empty() {
            Ok(String::new())
        } else {
            join(wanted, port)
        }
    }
}

/// The port part of `host[:port]`.
#[derive(Debug)]
pub(in crate::mapping) struct Port {
    /// Parameter value while there is no port.
    absent: Option<String>,
}

impl Port {
    pub(super) fn parse(section: &Section<'_>, checker: &Checker<'_>) -> Result<Self, PackError> {
        let absent = section
            .text("absent")?
            .map(|text| checker.value(section, &text, &text.value))
            .transpose()?;
        Ok(Self { absent })
    }

    pub(super) fn words(&self) -> Vec<String> {
        let absent = self.absent.as_ref();
        let absent = absent.map(|port| format!("{port} while none is written"));
        let port = "the port of `host:port`; the host stays".to_owned();
        std::iter::once(port).chain(absent).collect()
    }

    pub(super) fn read(&self, native: Option<&str>) -> Reading {
        let absent = || self.absent.clone().map_or(Reading::Absent, Reading::Value);
        match native.map(split) {
            None => Reading::Absent,
            Some(Some((_, Some(port)))) => Reading::Value(port.to_owned()),
            Some(Some((_, None))) => absent(),
            Some(None) => Reading::Unreadable,
        }
    }

    pub(super) fn write(&self, native: Option<&str>, wanted: &str) -> Result<String, String> {
        match native.map(split) {
            Some(Some((host, _))) if !host.is_empty() => {
                let port = (self.absent.as_deref() != Some(wanted)).then_some(wanted);
                join(host, port)
            }
            Some(None) => Err("the phone's file holds no address that has a port".to_owned()),
            _ => Err("there is no host that the port could belong to".to_owned()),
        }
    }
}

/// Four keys that hold the numbers of an IPv4 address.
#[derive(Debug)]
pub(in crate::mapping) struct Octets {
    /// The address that stands for the empty value.
    empty: Option<Ipv4Addr>,
}

impl Octets {
    pub(super) fn parse(section: &Section<'_>) -> Result<Self, PackError> {
        let Some(text) = section.text("empty")? else {
            return Ok(Self { empty: None });
        };
        let problem = || PackProblem::UnknownWord {
            what: "IPv4 address",
            seen: text.value.clone().into_owned(),
            allowed: vec!["0.0.0.0".to_owned()],
        };
        let empty = text.value.parse();
        let empty = empty.map_err(|_| section.error(&text.span, problem()))?;
        Ok(Self { empty: Some(empty) })
    }

    pub(super) fn words(&self) -> Vec<String> {
        let empty = self.empty.map(|empty| format!("`{empty}` reads empty"));
        let address = "an IPv4 address, one number a key".to_owned();
        std::iter::once(address).chain(empty).collect()
    }

    pub(super) fn read(&self, natives: &[Option<&str>]) -> Reading {
        if natives.iter().all(|native| is_blank(*native)) {
            return Reading::Absent;
        }
        match octets(natives) {
            Some(address) if Some(address) == self.empty => Reading::Value(String::new()),
            Some(address) => Reading::Value(address.to_string()),
            None => Reading::Unreadable,
        }
    }

    pub(super) fn write(&self, wanted: &str) -> Writing {
        let address = if wanted.is_empty() {
            self.empty
                .ok_or_else(|| "the phone wants an address here".to_owned())?
        } else {
            parse_address(wanted)?
        };
        Ok(written_octets(address))
    }
}

pub(super) fn parse_address(text: &str) -> Result<Ipv4Addr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no IPv4 address, and the phone takes no other"))
}

/// The address whose four numbers these are.
pub(super) fn octets(natives: &[Option<&str>]) -> Option<Ipv4Addr> {
    let numbers: Option<Vec<u8>> = natives
        .iter()
        .map(|native| native.and_then(|text| text.trim().parse().ok()))
        .collect();
    let four: [u8; 4] = numbers?.try_into().ok()?;
    Some(Ipv4Addr::from(four))
}

pub(super) fn written_octets(address: Ipv4Addr) -> Vec<Option<String>> {
    let octets = address.octets();
    octets.iter().map(|octet| Some(octet.to_string())).collect()
}

/// `sip:user@host` over two keys. Only the user part can be written.
#[derive(Debug)]
pub(in crate::mapping) struct Uri {
    /// The host that stands for none.
    empty: Option<String>,
}

impl Uri {
    pub(super) fn parse(section: &Section<'_>) -> Result<Self, PackError> {
        Ok(Self {
            empty: section.text("empty")?.map(|text| text.value.into_owned()),
        })
    }

    pub(super) fn words(&self) -> Vec<String> {
        let empty = self.empty.as_ref();
        let empty = empty.map(|empty| format!("{} is no host", quoted(empty)));
        let uri = "`sip:user@host` of a key for the user and one for the host".to_owned();
        let written = "only the user is written".to_owned();
        [uri, written].into_iter().chain(empty).collect()
    }

    pub(super) fn read(&self, natives: &[Option<&str>]) -> Reading {
        let [user, host] = natives else {
            return Reading::Absent;
        };
        match (user, self.host(*host)) {
            (None | Some(""), _) => Reading::Absent,
            (Some(_), None) => Reading::Unreadable,
            (Some(user), Some("")) => Reading::Value(format!("sip:{user}")),
            // A user name with a domain of its own is the whole address.
            (Some(user), Some(_)) if user.contains('@') => Reading::Value(format!("sip:{user}")),
            (Some(user), Some(host)) => Reading::Value(format!("sip:{}", at(user, host))),
        }
    }

    pub(super) fn write(&self, natives: &[Option<&str>], wanted: &str) -> Writing {
        let host = natives.get(1).copied().flatten();
        let host = self.host(host).unwrap_or_default();
        if wanted.is_empty() {
            return Ok(vec![Some(String::new()), None]);
        }
        let address = wanted
            .strip_prefix("sip:")
            .ok_or_else(|| "the address has to begin with `sip:`".to_owned())?;
        let user = if host.is_empty() {
            Some(address)
        } else {
            address.strip_suffix(&at("", host))
        };
        match user {
            Some(user) if !user.is_empty() => Ok(vec![Some(user.to_owned()), None]),
            _ => Err(format!(
                "only the user part can be written; the address has to end in `@{host}`"
            )),
        }
    }

    /// The host without its port; `None` for a text that is no host.
    fn host<'a>(&self, native: Option<&'a str>) -> Option<&'a str> {
        let (host, _) = split(native.unwrap_or_default())?;
        let none = self.empty.as_deref() == Some(host);
        Some(if none { "" } else { host })
    }
}

fn at(user: &str, host: &str) -> String {
    if host.contains(':') {
        format!("{user}@[{host}]")
    } else {
        format!("{user}@{host}")
    }
}

/// One URL over three keys: `scheme://host`, port, path.
#[derive(Debug)]
pub(in crate::mapping) struct Url;

impl Url {
    pub(super) fn words(&self) -> Vec<String> {
        vec!["one URL of three keys: server with scheme, port, path".to_owned()]
    }

    pub(super) fn read(&self, natives: &[Option<&str>]) -> Reading {
        let [server, port, path] = natives else {
            return Reading::Absent;
        };
        let port = port.map_or("", str::trim);
        let path = path.map_or("", str::trim);
        let Some(server) = server.map(str::trim).filter(|server| !server.is_empty()) else {
            return Reading::Absent;
        };
        let Some((scheme, host)) = server.split_once("://") else {
            return Reading::Unreadable;
        };
        // A server key that already holds what the other keys are for means something else.
        let plain = split(host).is_some_and(|(_, port)| port.is_none()) && !host.contains('/');
        let port_is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        if scheme.is_empty() || host.is_empty() || !plain || !port_is_number {
            return Reading::Unreadable;
        }
        let colon = if port.is_empty() { "" } else { ":" };
        let slash = if path.is_empty() || path.starts_with('/') {
            ""
        } else {
            "/"
        };
        Reading::Value(format!("{server}{colon}{port}{slash}{path}"))
    }

    pub(super) fn write(&self, natives: &[Option<&str>], wanted: &str, explicit: bool) -> Writing {
        let (server, port, path) = if wanted.is_empty() {
            (String::new(), "", "")
        } else {
            Self::parts(wanted).ok_or_else(|| "the URL has no `scheme://host`".to_owned())?
        };
        // Phones put the slash in themselves; one that stands there already stays.
        let has_slash = natives
            .get(2)
            .copied()
            .flatten()
            .is_some_and(|native| native.trim_start().starts_with('/'));
        let path = match path.strip_prefix('/') {
            Some(rest) if !has_slash && !rest.is_empty() && !rest.starts_with('/') => rest,
            _ => path,
        };
        let unless_blank = |position: usize, text: &str| {
            let native = natives.get(position).copied().flatten();
            (!(text.is_empty() && can_stay_blank(native, explicit))).then(|| text.to_owned())
        };
        Ok(vec![
            Some(server),
            unless_blank(1, port),
            unless_blank(2, path),
        ])
    }

    /// `scheme://host`, port and path of a URL.
    fn parts(url: &str) -> Option<(String, &str, &str)> {
        let (scheme, rest) = url.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (_, port) = split(authority)?;
        let port = port.unwrap_or_default();
        let host = match authority.strip_suffix(port) {
            Some(host) if !port.is_empty() => host.strip_suffix(':')?,
            _ => authority,
        };
        let whole = !scheme.is_empty() && !host.is_empty();
        whole.then(|| (format!("{scheme}://{host}"), port, path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ipv6_address_goes_into_brackets() {
        let with_port = Some("old.example.net:5060");
        let wanted = |host: &str| Host.write(with_port, host);
        assert_eq!(wanted("2001:db8::1"), Ok("[2001:db8::1]:5060".to_owned()));
        assert_eq!(wanted("a.example.net"), Ok("a.example.net:5060".to_owned()));
        for host in ["a.example.net:5070", "a:5060,b:5060", "a:b:c"] {
            assert!(wanted(host).is_err(), "{host}");
        }
        let port = Port { absent: None };
        assert!(port.write(Some("a:5060,b:5060"), "5070").is_err());
    }
}
