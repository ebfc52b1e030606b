//! `Naming`: unique-ids that follow from handles, made when they are asked for.

use std::fmt;
use std::ops::Deref;

use crate::Uidl;

/// Crockford's base 32 in lower case: no two characters look alike, and none differ by case.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// How many of them a handle of 64 bits is: 13, the first of 4 bits.
const HANDLE_OCTETS: u8 = 13;

/// The longest prefix, in octets.
pub const PREFIX_OCTETS_MAX: usize = 10;

/// The longest unique-id that is made here.
const OCTETS_MAX: usize = PREFIX_OCTETS_MAX + HANDLE_OCTETS as usize;

/// How a store makes unique-ids of its messages' handles: a prefix of its own, and the handle as
/// 13 characters of Crockford's base 32 in lower case, most significant first.
///
/// They are in the order of the handles, and differ without regard to case if the prefix has no
/// capital letters. The default has no prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    prefix: [u8; PREFIX_OCTETS_MAX],
    prefix_length: u8,
}

impl Naming {
    /// With this prefix: at most 10 octets, each from 0x21 to 0x7E (RFC 1939 §7); else `None`.
    pub fn new(prefix: &str) -> Option<Self> {
        let octets = prefix.as_bytes();
        let mut naming = Self::default();
        naming.prefix.get_mut(..octets.len())?.copy_from_slice(octets);
        naming.prefix_length = u8::try_from(octets.len()).ok()?;
        octets.iter().all(|octet| (0x21..=0x7E).contains(octet)).then_some(naming)
    }

    /// The unique-id of the message with this handle.
    pub fn uidl(&self, handle: u64) -> ListedUidl<'static> {
        let mut octets = [0; OCTETS_MAX];
        let length = usize::from(self.prefix_length);
        let prefix = self.prefix.get(..length).unwrap_or_default();
        octets.get_mut(..length).unwrap_or_default().copy_from_slice(prefix);
        let characters = octets.get_mut(length..).unwrap_or_default();
        let mut bits = handle;
        for octet in characters.iter_mut().take(usize::from(HANDLE_OCTETS)).rev() {
            let place = usize::try_from(bits & 31).unwrap_or_default();
            *octet = ALPHABET.get(place).copied().unwrap_or(b'0');
            bits >>= 5;
        }
        let length = self.prefix_length.saturating_add(HANDLE_OCTETS);
        ListedUidl(Text::Made { octets, length })
    }
}

/// A unique-id as a listing says it: a `str`.
#[derive(Clone, Copy)]
pub struct ListedUidl<'a>(Text<'a>);

#[derive(Clone, Copy)]
enum Text<'a> {
    Kept(&'a str),
    Made { octets: [u8; OCTETS_MAX], length: u8 },
}

impl<'a> ListedUidl<'a> {
    /// One that is kept; it came from a [`Uidl`].
    pub(crate) const fn kept(text: &'a str) -> Self {
        Self(Text::Kept(text))
    }

    /// The unique-id as it goes over the wire.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Kept(text) => text,
            Text::Made { octets, length } => {
                let octets = octets.get(..usize::from(*length)).unwrap_or_default();
                // All of them are ASCII.
                std::str::from_utf8(octets).unwrap_or_default()
            }
        }
    }

    /// The same, to keep.
    pub fn to_uidl(&self) -> Uidl {
        Uidl::listed(self.as_str())
    }
}

impl Deref for ListedUidl<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for ListedUidl<'_> {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for ListedUidl<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for ListedUidl<'_> {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq for ListedUidl<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for ListedUidl<'_> {}

impl fmt::Display for ListedUidl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for ListedUidl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListedUidl({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // P-055: the log store's FORMAT.md, Ids, epochs and UIDLs
    #[test]
    fn unique_ids_are_the_prefix_and_the_handle() {
        let naming = Naming::new("k7qx").unwrap();
        assert_eq!(naming.uidl(0), "k7qx0000000000000");
        assert_eq!(naming.uidl(31), "k7qx000000000000z");
        assert_eq!(naming.uidl(32), "k7qx0000000000010");
        assert_eq!(naming.uidl(u64::MAX), "k7qxfzzzzzzzzzzzz");
        assert_eq!(Naming::default().uidl(1), "0000000000001");
        assert_eq!(Naming::new("0123456789").unwrap().uidl(1), "01234567890000000000001");
        for wrong in ["0123456789a", "a b", "\u{e9}", "a\r\n"] {
            assert_eq!(Naming::new(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        // P-052, P-054
        #[test]
        fn they_follow_the_grammar_and_the_order_of_handles(
            prefix in "[!-~]{0,10}", a in any::<u64>(), b in any::<u64>(),
        ) {
            let naming = Naming::new(&prefix).unwrap();
            let (one, other) = (naming.uidl(a), naming.uidl(b));
            prop_assert_eq!(a.cmp(&b), one.as_str().cmp(other.as_str()));
            prop_assert!(one.starts_with(&prefix));
            let checked = Uidl::new(one.as_bytes()).unwrap();
            prop_assert_eq!(one.to_uidl(), checked);
        }
    }
}
