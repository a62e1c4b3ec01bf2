//! The source of a request, which searches of the log are charged to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The origin of a request: an IPv4 address, or an IPv6 /64, the least that one customer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// All requests whose address is unknown are one source.
    pub const UNKNOWN: Self = Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    /// The network for a log's line: an IPv4 /24 or an IPv6 /48, which tells sites apart and not the people in them. `None` if
    /// the address is unknown.
    pub(crate) fn site(self) -> Option<String> {
        let site = match self.0 {
            IpAddr::V4(address) => Network::v4(address, 24),
            IpAddr::V6(address) => Network::v6(address, 48),
        };
        (self != Self::UNKNOWN).then(|| site.to_string())
    }

    /// The networks that its searches are charged to, the narrowest first.
    pub(super) fn networks(self) -> impl Iterator<Item = Network> {
        let (narrow, wide) = match self.0 {
            IpAddr::V4(_) => (Network { address: self.0, bits: 32 }, None),
            IpAddr::V6(address) => (Network::v6(address, 64), Some(Network::v6(address, 48))),
        };
        std::iter::once(narrow).chain(wide)
    }
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => Self(Network::v6(address, 64).address),
        }
    }
}

/// A network with a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Network {
    /// Its first address.
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// The limit of a /48, in limits of a source. A /48 is the most that one site is given (RFC 6177). It holds 65,536
    /// networks of 64 bits and would be as many sources without a limit of its own. Some providers give neighbours a /64
    /// each from one /48, so it has more than one /64. With the default limits it has less than the three quarters of the
    /// total that are not kept for new sources.
    pub(super) const SHARE_OF_A_SITE: u32 = 2;

    fn v4(address: Ipv4Addr, bits: u32) -> Self {
        let mask = u32::MAX << (32 - bits);
        Self { address: Ipv4Addr::from_bits(address.to_bits() & mask).into(), bits }
    }

    fn v6(address: Ipv6Addr, bits: u32) -> Self {
        let mask = u128::MAX << (128 - bits);
        Self { address: Ipv6Addr::from_bits(address.to_bits() & mask).into(), bits }
    }

    pub(super) fn share(self) -> u32 {
        if self.bits == 48 { Self::SHARE_OF_A_SITE } else { 1 }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(address: &str) -> Source {
        address.parse::<IpAddr>().unwrap().into()
    }

    fn networks(address: &str) -> Vec<String> {
        source(address).networks().map(|network| network.to_string()).collect()
    }

    #[test]
    fn an_ipv6_network_is_one_source_and_a_mapped_address_is_its_ipv4() {
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }

    #[test]
    fn a_line_names_the_site_and_never_the_address() {
        let site = |address| source(address).site();
        assert_eq!(site("192.0.2.77").as_deref(), Some("192.0.2.0/24"));
        assert_eq!(site("::ffff:192.0.2.77").as_deref(), Some("192.0.2.0/24"));
        assert_eq!(site("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1::/48"));
        assert_eq!(Source::UNKNOWN.site(), None);
    }

    #[test]
    fn ipv4_counts_by_address_and_ipv6_by_64_and_by_48_bits() {
        assert_eq!(networks("192.0.2.1"), ["192.0.2.1/32"]);
        assert_eq!(networks("::ffff:192.0.2.1"), ["192.0.2.1/32"]);
        assert_eq!(networks("2001:db8:1:2:3:4:5:6"), ["2001:db8:1:2::/64", "2001:db8:1::/48"]);
    }
}
