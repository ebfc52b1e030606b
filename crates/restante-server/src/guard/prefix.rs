//! What counts as one source: an IPv4 address or an IPv6 /64, and the network around it.

use std::net::IpAddr;

/// The first bits of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Prefix {
    v6: bool,
    bits: u128,
}

impl Prefix {
    /// One source: an IPv4 address, an IPv6 /64.
    pub(crate) fn of_address(address: IpAddr) -> Self {
        Self::cut(address, 32, 64)
    }

    /// The network around it: an IPv4 /24, an IPv6 /48.
    pub(crate) fn of_network(address: IpAddr) -> Self {
        Self::cut(address, 24, 48)
    }

    fn cut(address: IpAddr, v4_bits: u32, v6_bits: u32) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self {
                v6: false,
                bits: u128::from(address.to_bits() >> 32_u32.saturating_sub(v4_bits).min(31)),
            },
            IpAddr::V6(address) => Self {
                v6: true,
                bits: address.to_bits() >> 128_u32.saturating_sub(v6_bits).min(127),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_networks() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let (one, two) = (address("192.0.2.7"), address("192.0.2.8"));
        assert_ne!(Prefix::of_address(one), Prefix::of_address(two));
        assert_eq!(Prefix::of_network(one), Prefix::of_network(two));
        assert_eq!(Prefix::of_address(one), Prefix::of_address(address("::ffff:192.0.2.7")));
        let (one, two) = (address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::1"));
        assert_eq!(Prefix::of_address(one), Prefix::of_address(two));
        assert_ne!(Prefix::of_address(one), Prefix::of_address(address("2001:db8:1:3::1")));
        assert_eq!(Prefix::of_network(one), Prefix::of_network(address("2001:db8:1:3::1")));
    }
}
