//! Who asks, as far as budgets tell one from another.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 address, or the /64 of an IPv6 address: whoever has one address of it has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::gateway) enum Source {
    V4(u32),
    V6(u64),
}

/// What is round a source: the /24 of an IPv4 address, the /48 of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::gateway) struct Network(Source);

impl Source {
    pub(in crate::gateway) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6(upper_half(address)),
        }
    }

    pub(in crate::gateway) fn network(self) -> Network {
        Network(match self {
            Self::V4(bits) => Self::V4(bits & 0xffff_ff00),
            Self::V6(bits) => Self::V6(bits & 0xffff_ffff_ffff_0000),
        })
    }
}

fn upper_half(address: Ipv6Addr) -> u64 {
    let [a, b, c, d, ..] = address.segments();
    [a, b, c, d]
        .iter()
        .fold(0, |bits, segment| (bits << 16) | u64::from(*segment))
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(bits) => write!(formatter, "{}", Ipv4Addr::from_bits(*bits)),
            Self::V6(bits) => {
                let first = Ipv6Addr::from_bits(u128::from(*bits) << 64);
                write!(formatter, "{first}/64")
            }
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Source::V4(bits) => write!(formatter, "{}/24", Ipv4Addr::from_bits(bits)),
            Source::V6(bits) => {
                let first = Ipv6Addr::from_bits(u128::from(bits) << 64);
                write!(formatter, "{first}/48")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_is_one_source_and_his_neighbours_one_network() {
        let source = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(source("192.0.2.7").to_string(), "192.0.2.7");
        assert_eq!(source("::ffff:192.0.2.7"), source("192.0.2.7"));
        assert_ne!(source("192.0.2.7"), source("192.0.2.8"));
        assert_eq!(source("192.0.2.7").network().to_string(), "192.0.2.0/24");
        let one = source("2001:db8:1:2:3:4:5:6");
        assert_eq!(one, source("2001:db8:1:2:ffff::1"));
        assert_eq!(one.to_string(), "2001:db8:1:2::/64");
        assert_eq!(one.network().to_string(), "2001:db8:1::/48");
        assert_eq!(one.network(), source("2001:db8:1:ffff::").network());
        assert_ne!(one.network(), source("2001:db8:2::").network());
    }
}
