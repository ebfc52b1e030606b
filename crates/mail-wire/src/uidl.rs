//! `Uidl`: the name of a message that outlives the session.

use std::fmt;

/// A unique-id: 1 to 70 octets, each from 0x21 to 0x7E.
///
/// RFC 1939 §7: "The unique-id of a message is an arbitrary server-determined string,
/// consisting of one to 70 characters in the range 0x21 to 0x7E, which uniquely identifies a
/// message within a maildrop and which persists across sessions."
///
/// A `Uidl` that exists is right: it went through [`Uidl::new`], or was made of parts that did.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uidl(Box<str>);

/// The longest unique-id, in octets (RFC 1939 §7).
pub const UIDL_OCTETS_MAX: usize = 70;

impl Uidl {
    /// Takes the octets if they follow the grammar.
    pub fn new(octets: &[u8]) -> Result<Self, UidlError> {
        if octets.is_empty() {
            return Err(UidlError::Empty);
        }
        if octets.len() > UIDL_OCTETS_MAX {
            return Err(UidlError::TooLong { octets: octets.len() });
        }
        if let Some(position) = octets.iter().position(|octet| !(0x21..=0x7E).contains(octet)) {
            return Err(UidlError::Octet { position });
        }
        match std::str::from_utf8(octets) {
            Ok(text) => Ok(Self(text.into())),
            Err(error) => Err(UidlError::Octet { position: error.valid_up_to() }),
        }
    }

    /// One that a listing says: it was one when it was put in, or was made to be one.
    pub(crate) fn listed(text: &str) -> Self {
        Self(text.into())
    }

    /// The unique-id as it goes over the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uidl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Uidl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uidl({})", self.0)
    }
}

/// Why octets are no unique-id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UidlError {
    /// There is nothing.
    #[error("a unique-id has at least one octet")]
    Empty,
    /// There is too much.
    #[error("a unique-id has at most 70 octets, this one has {octets}")]
    TooLong {
        /// How many there are.
        octets: usize,
    },
    /// An octet outside 0x21 to 0x7E.
    #[error("octet {position} of the unique-id is not within 0x21 to 0x7E")]
    Octet {
        /// Where it stands, counted from 0.
        position: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    // P-052
    #[test]
    fn takes_what_the_grammar_allows_and_nothing_else() {
        let all: Vec<u8> = (0x21..=0x7E).collect();
        for part in all.chunks(UIDL_OCTETS_MAX) {
            assert_eq!(Uidl::new(part).unwrap().as_str().as_bytes(), part);
        }
        assert_eq!(Uidl::new(b""), Err(UidlError::Empty));
        assert_eq!(Uidl::new(&[b'a'; 71]), Err(UidlError::TooLong { octets: 71 }));
        for octet in (0u8..=0x20).chain(0x7F..=0xFF) {
            assert_eq!(Uidl::new(&[b'a', octet]), Err(UidlError::Octet { position: 1 }));
        }
    }
}
