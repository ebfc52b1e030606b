//! Who did something to a message, and why, as records keep it.

use crate::custody::Cause;
use crate::log::extensions::{ACTOR, ALL, Extensions};
use crate::log::fields::Fields;
use crate::view::View;

/// Who did something, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Actor {
    /// Whose session; `None`: none.
    pub(crate) credential: Option<u64>,
    /// Why; `None`: it is not told.
    pub(crate) cause: Option<Cause>,
    pub(crate) peer: Option<String>,
}

/// No session.
const NOBODY: u64 = u64::MAX;

/// A peer is cut at so many octets.
const PEER_OCTETS_MAX: usize = 255;

impl Actor {
    /// The value of the extension field.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut octets = self.credential.unwrap_or(NOBODY).to_le_bytes().to_vec();
        octets.push(self.cause.map_or(0, number));
        if let Some(peer) = &self.peer {
            let end = peer.floor_char_boundary(PEER_OCTETS_MAX);
            octets.extend_from_slice(peer.get(..end).unwrap_or_default().as_bytes());
        }
        octets
    }

    /// What such a value says.
    pub(crate) fn decode(value: &[u8]) -> Option<Self> {
        let mut fields = Fields(value);
        let credential = Some(fields.u64()?).filter(|credential| *credential != NOBODY);
        let cause = cause(fields.u8()?);
        let peer = String::from_utf8_lossy(fields.0).into_owned();
        Some(Self { credential, cause, peer: Some(peer).filter(|peer| !peer.is_empty()) })
    }

    /// The one that these fields tell of, if they do.
    pub(crate) fn told(extensions: Extensions<'_>) -> Option<Self> {
        extensions.find(ACTOR, ALL).and_then(Self::decode)
    }

    /// Whoever looks with this view, for this reason.
    pub(crate) fn of(view: &View, cause: Option<Cause>) -> Self {
        Self { credential: Some(view.credential), cause, peer: view.peer.clone() }
    }

    /// No session, for this reason.
    pub(crate) const fn nobody(cause: Cause) -> Self {
        Self { credential: None, cause: Some(cause), peer: None }
    }
}

/// The number of a cause, as FORMAT.md has it.
const fn number(cause: Cause) -> u8 {
    match cause {
        Cause::Deleted => 1,
        Cause::Expired => 2,
        Cause::Removed => 3,
        Cause::Renewed => 4,
        Cause::Unknown => 0,
    }
}

fn cause(number: u8) -> Option<Cause> {
    Some(match number {
        1 => Cause::Deleted,
        2 => Cause::Expired,
        3 => Cause::Removed,
        4 => Cause::Renewed,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::extensions::push;
    use proptest::prelude::*;

    // FORMAT.md, Extension fields: tag 7, and the numbers of the causes
    #[test]
    fn the_octets_are_as_the_format_says() {
        let causes =
            [(1, Cause::Deleted), (2, Cause::Expired), (3, Cause::Removed), (4, Cause::Renewed)];
        for (number, cause) in causes {
            let octets = [[0xFF; 8].as_slice(), &[number]].concat();
            let actor = Actor::nobody(cause);
            assert_eq!(actor.encode(), octets);
            assert_eq!(Actor::decode(&octets), Some(actor));
        }
        let octets = b"\x05\0\0\0\0\0\0\0\x00192.0.2.1";
        let peer = Some("192.0.2.1".to_owned());
        let actor = Actor { credential: Some(5), cause: None, peer };
        assert_eq!(actor.encode(), octets);
        assert_eq!(Actor::decode(octets), Some(actor));
    }

    // FORMAT.md, Extension fields: a peer is cut at 255 octets
    #[test]
    fn a_long_peer_is_cut() {
        let peer = Some("\u{e9}".repeat(200));
        let actor = Actor { peer, ..Actor::default() };
        assert_eq!(Actor::decode(&actor.encode()).unwrap().peer, Some("\u{e9}".repeat(127)));
    }

    proptest! {
        // FORMAT.md, Extension fields, 7
        #[test]
        fn decoding_undoes_encoding(
            credential in proptest::option::of(0..u64::MAX),
            number in 0_u8..6,
            peer in proptest::option::of("[a-f0-9:]{1,40}"),
        ) {
            let actor = Actor { credential, cause: cause(number), peer };
            let mut octets = Vec::new();
            push(&mut octets, ACTOR, ALL, &actor.encode());
            prop_assert_eq!(Actor::told(Extensions::decode(&octets).unwrap()), Some(actor));
        }
    }
}
