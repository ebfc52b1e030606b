//! Where somebody calls from: an address, and the networks around it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The first bits of an address. An IPv4 peer on a socket for both kinds comes as
/// `::ffff:192.0.2.1` (RFC 4291 §2.5.5.2) and is IPv4 all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    v6: bool,
    length: u8,
    bits: u128,
}

impl Prefix {
    /// One source: an IPv4 address, an IPv6 /64.
    #[must_use]
    pub fn of_address(address: IpAddr) -> Self {
        Self::cut(address, 32, 64)
    }

    /// The network around it: an IPv4 /24, an IPv6 /48.
    #[must_use]
    pub fn of_network(address: IpAddr) -> Self {
        Self::cut(address, 24, 48)
    }

    /// The wider one around that: an IPv4 /20, an IPv6 /40.
    #[must_use]
    pub fn of_region(address: IpAddr) -> Self {
        Self::cut(address, 20, 40)
    }

    /// Whether `address` is in it.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        let same = Self::cut(address, self.length, self.length);
        same == *self
    }

    /// As a network.
    #[must_use]
    pub fn network(self) -> IpNet {
        let network = IpNet::new(self.address(), self.length);
        // The length fits the family, or there would be no such prefix.
        network.unwrap_or_else(|_| IpNet::from(self.address()))
    }

    /// Family, length and bits, as they are written to files.
    pub(crate) const fn parts(self) -> (bool, u8, u128) {
        (self.v6, self.length, self.bits)
    }

    /// Of what [`Prefix::parts`] gave; `None` if that is damaged.
    pub(crate) fn from_parts(v6: bool, length: u8, bits: u128) -> Option<Self> {
        let width = if v6 { 128 } else { 32 };
        (length <= width && bits & !mask(width, length) == 0 && (v6 || bits <= u32::MAX.into()))
            .then_some(Self { v6, length, bits })
    }

    fn address(self) -> IpAddr {
        if self.v6 {
            IpAddr::V6(Ipv6Addr::from_bits(self.bits))
        } else {
            IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(self.bits).unwrap_or_default()))
        }
    }

    fn cut(address: IpAddr, v4_length: u8, v6_length: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let length = v4_length.min(32);
                let bits = u128::from(address.to_bits()) & mask(32, length);
                Self { v6: false, length, bits }
            }
            IpAddr::V6(address) => {
                let length = v6_length.min(128);
                Self { v6: true, length, bits: address.to_bits() & mask(128, length) }
            }
        }
    }
}

impl From<IpNet> for Prefix {
    fn from(network: IpNet) -> Self {
        Self::cut(network.network(), network.prefix_len(), network.prefix_len())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = if self.v6 { 128 } else { 32 };
        let address = self.address();
        if self.length == whole {
            write!(f, "{address}")
        } else {
            write!(f, "{address}/{}", self.length)
        }
    }
}

/// The first `length` of the last `width` bits.
fn mask(width: u8, length: u8) -> u128 {
    let all = u128::MAX.checked_shr(128_u32.saturating_sub(width.into())).unwrap_or(0);
    let rest = all.checked_shr(length.into()).unwrap_or(0);
    all & !rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    // A23, A24: a /24 is one network, a /64 with random tails is one source
    #[test]
    fn sources_and_networks() {
        let (one, two) = (address("192.0.2.7"), address("192.0.2.8"));
        assert_ne!(Prefix::of_address(one), Prefix::of_address(two));
        assert_eq!(Prefix::of_network(one), Prefix::of_network(two));
        assert_eq!(Prefix::of_address(one), Prefix::of_address(address("::ffff:192.0.2.7")));
        let (one, two) = (address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::1"));
        assert_eq!(Prefix::of_address(one), Prefix::of_address(two));
        let third = address("2001:db8:1:3::1");
        assert_ne!(Prefix::of_address(one), Prefix::of_address(third));
        assert_eq!(Prefix::of_network(one), Prefix::of_network(third));
        let fourth = address("2001:db8:2::1");
        assert_ne!(Prefix::of_network(one), Prefix::of_network(fourth));
        assert_eq!(Prefix::of_region(one), Prefix::of_region(fourth));
        assert_ne!(
            Prefix::of_network(address("10.0.1.1")),
            Prefix::of_network(address("10.0.2.1"))
        );
        assert_eq!(Prefix::of_region(address("10.0.1.1")), Prefix::of_region(address("10.0.2.1")));
    }

    #[test]
    fn are_shown_as_people_write_them() {
        for (prefix, shown) in [
            (Prefix::of_address(address("192.0.2.7")), "192.0.2.7"),
            (Prefix::of_network(address("192.0.2.7")), "192.0.2.0/24"),
            (Prefix::of_region(address("192.0.47.7")), "192.0.32.0/20"),
            (Prefix::of_address(address("2001:db8::7")), "2001:db8::/64"),
            (Prefix::of_network(address("2001:db8:1:2::7")), "2001:db8:1::/48"),
            (Prefix::from("0.0.0.0/0".parse::<IpNet>().unwrap()), "0.0.0.0/0"),
        ] {
            assert_eq!(prefix.to_string(), shown);
            let (v6, length, bits) = prefix.parts();
            assert_eq!(Prefix::from_parts(v6, length, bits), Some(prefix));
            assert_eq!(Prefix::from(prefix.network()), prefix);
        }
    }

    #[test]
    fn hold_what_is_inside_and_nothing_of_the_other_family() {
        let network = Prefix::from("192.0.2.0/25".parse::<IpNet>().unwrap());
        assert!(
            network.holds(address("192.0.2.127")) && network.holds(address("::ffff:192.0.2.1"))
        );
        assert!(!network.holds(address("192.0.2.128")) && !network.holds(address("::1")));
        let all = Prefix::from("::/0".parse::<IpNet>().unwrap());
        assert!(all.holds(address("2001:db8::1")) && !all.holds(address("192.0.2.1")));
    }

    #[test]
    fn damaged_parts_are_no_prefix() {
        assert_eq!(Prefix::from_parts(false, 33, 0), None);
        assert_eq!(Prefix::from_parts(false, 24, 0xC000_0201), None);
        assert_eq!(Prefix::from_parts(false, 32, 1 << 40), None);
        assert_eq!(Prefix::from_parts(true, 129, 0), None);
    }
}
