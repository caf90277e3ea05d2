//! From where requests are taken.

use std::net::IpAddr;

use serde::Deserialize;

use crate::gateway::Network;

/// `phones.tftp_allow`: networks (`10.0.0.0/8`, `fd00::/8`) and addresses. Empty stands for private,
/// loopback and link-local addresses: over TFTP nothing is shown of who asks, so a gateway that can
/// be reached from the internet must not answer everybody because a line was left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct AllowedSources(Vec<Network>);

impl AllowedSources {
    /// Whether a request from this address is taken.
    pub fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if self.0.is_empty() {
            return is_inside(address);
        }
        self.0.iter().any(|network| network.holds(address))
    }
}

fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_private() || address.is_loopback() || address.is_link_local()
        }
        IpAddr::V6(address) => {
            address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Settings {
        allow: AllowedSources,
    }

    fn allowed(entries: &str) -> Result<AllowedSources, toml::de::Error> {
        toml::from_str::<Settings>(&format!("allow = {entries}")).map(|settings| settings.allow)
    }

    fn takes(sources: &AllowedSources, address: &str) -> bool {
        sources.allow(address.parse().unwrap())
    }

    #[test]
    fn without_entries_only_inside_addresses_are_taken() {
        let sources = AllowedSources::default();
        assert_eq!(allowed("[]").unwrap(), sources);
        for inside in [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.4.5",
            "127.0.0.1",
            "169.254.1.1",
            "fd00::1",
            "fe80::1",
            "::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(takes(&sources, inside), "{inside}");
        }
        for outside in [
            "203.0.113.1",
            "172.32.0.1",
            "100.64.0.1",
            "2001:db8::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(!takes(&sources, outside), "{outside}");
        }
    }

    #[test]
    fn entries_take_what_they_name_and_nothing_else() {
        let sources = allowed(r#"["203.0.113.0/25", "198.51.100.7", "2001:db8::/32"]"#).unwrap();
        for taken in [
            "203.0.113.0",
            "203.0.113.127",
            "198.51.100.7",
            "2001:db8:1::1",
            "::ffff:203.0.113.9",
        ] {
            assert!(takes(&sources, taken), "{taken}");
        }
        for left in [
            "203.0.113.128",
            "198.51.100.8",
            "2001:db9::1",
            "127.0.0.1",
            "10.0.0.1",
        ] {
            assert!(!takes(&sources, left), "{left}");
        }
        assert!(takes(&allowed(r#"["0.0.0.0/0"]"#).unwrap(), "8.8.8.8"));
        assert!(!takes(&allowed(r#"["0.0.0.0/0"]"#).unwrap(), "2001:db8::1"));
    }

    #[test]
    fn what_is_no_network_is_refused_by_name() {
        for entry in [
            "10.0.0.0/33",
            "10.0.0/8",
            "phones.example.net",
            "",
            "10.0.0.1/",
            "::/129",
        ] {
            let error = allowed(&format!("[{entry:?}]")).unwrap_err().to_string();
            assert!(error.contains(&format!("`{entry}` is neither")), "{error}");
        }
    }
}
