//! Numbers that tell whether two lots of octets are the same: quick, and good enough where nobody
//! makes octets that are to deceive.

/// A digest that octets are added to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Digest {
    one: u64,
    other: u64,
}

impl Digest {
    /// Adds octets, and how many they are.
    pub(crate) fn octets(&mut self, octets: &[u8]) {
        let (words, rest) = octets.as_chunks::<8>();
        let (pairs, single) = words.as_chunks::<2>();
        for [first, second] in pairs {
            self.pair(u64::from_le_bytes(*first), u64::from_le_bytes(*second));
        }
        for word in single {
            self.number(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, octet) in last.iter_mut().zip(rest) {
            *to = *octet;
        }
        self.pair(u64::from_le_bytes(last), octets.len() as u64);
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, number: u64) {
        self.pair(number, 0);
    }

    fn pair(&mut self, first: u64, second: u64) {
        self.one = mixed(self.one ^ first ^ 0xA076_1D64_78BD_642F, second ^ 0xE703_7ED1_A0B4_28DB);
        self.other = (self.other ^ first).rotate_left(29).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ second.rotate_left(7);
    }

    /// The digest of all that was added.
    pub(crate) fn end(&self) -> u64 {
        mixed(self.one ^ 0x8EBC_6AF0_9C88_C6E3, self.other ^ 0x5899_65CC_7537_4CC3)
    }
}

/// Both halves of the product.
fn mixed(one: u64, other: u64) -> u64 {
    let (low, high) = one.carrying_mul(other, 0);
    low ^ high
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn of(octets: &[u8]) -> u64 {
        let mut digest = Digest::default();
        digest.octets(octets);
        digest.end()
    }

    // Two disks that differ in one bit, in length or in the order of pages are two.
    #[test]
    fn what_differs_in_little_has_another_digest() {
        let page: Vec<u8> = (0..4096_u32).map(|at| (at % 251) as u8 + 1).collect();
        let mut seen = BTreeSet::from([of(&page)]);
        for bit in 0..page.len() * 8 {
            let mut other = page.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(of(&other)), "bit {bit}");
        }
        for length in 0..page.len() {
            assert!(seen.insert(of(&page[..length])), "{length}");
            assert!(seen.insert(of(&vec![0; length + 1])), "{length} zeros and one");
        }
        let (mut one, mut other) = (Digest::default(), Digest::default());
        one.octets(&[1; 64]);
        one.octets(&[2; 64]);
        other.octets(&[2; 64]);
        other.octets(&[1; 64]);
        assert_ne!(one.end(), other.end());
    }
}
