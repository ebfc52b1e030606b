//! EVENT records: what happened, entry by entry, as octets and back.

use crate::custody::{Note, Noted};
use crate::log::fields::Fields;

/// It was shown so many messages.
pub(crate) const LISTED: u16 = 1;
/// It was sent this message.
pub(crate) const RETRIEVED: u16 = 2;
/// The message was given to a worker.
pub(crate) const LEASED: u16 = 3;
/// A message that is gone by now was taken in.
pub(crate) const ACCEPTED: u16 = 4;
/// A message was destroyed.
pub(crate) const DESTROYED: u16 = 5;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    pub(crate) maildrop: u64,
    /// 0 for the maildrop as a whole.
    pub(crate) id: u64,
    /// Milliseconds since 1970.
    pub(crate) time: u64,
    pub(crate) what: u16,
    pub(crate) octets: &'a [u8],
}

impl Event<'_> {
    /// Appends it to the meta of an EVENT. What is too long for any is left out.
    pub(crate) fn push(&self, meta: &mut Vec<u8>) {
        let Ok(length) = u16::try_from(self.octets.len()) else { return };
        for number in [self.maildrop, self.id, self.time] {
            meta.extend_from_slice(&number.to_le_bytes());
        }
        meta.extend_from_slice(&self.what.to_le_bytes());
        meta.extend_from_slice(&length.to_le_bytes());
        meta.extend_from_slice(self.octets);
    }
}

/// The entries in the meta of an EVENT, as far as they are right.
pub(crate) fn all(meta: &[u8]) -> impl Iterator<Item = Event<'_>> {
    let mut fields = Fields(meta);
    std::iter::from_fn(move || {
        let (maildrop, id, time) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (what, length) = (fields.u16()?, fields.u16()?);
        let octets = fields.octets(usize::from(length))?;
        Some(Event { maildrop, id, time, what, octets })
    })
}

/// A peer is cut at so many octets.
const PEER_OCTETS_MAX: usize = 255;

/// What is noted, with its number: the kind of the event, and its octets.
pub(crate) fn noted(number: u64, note: &Note) -> (u16, Vec<u8>) {
    let mut octets = [number.to_le_bytes(), note.credential.to_le_bytes()].concat();
    let what = match note.what {
        Noted::Listed { messages } => {
            octets.extend_from_slice(&messages.to_le_bytes());
            LISTED
        }
        Noted::Retrieved { octets: sent, complete } => {
            octets.extend_from_slice(&sent.to_le_bytes());
            octets.push(u8::from(complete));
            RETRIEVED
        }
        Noted::Leased => LEASED,
    };
    let peer = note.peer.as_deref().unwrap_or_default();
    let end = peer.floor_char_boundary(PEER_OCTETS_MAX);
    octets.extend_from_slice(peer.get(..end).unwrap_or_default().as_bytes());
    (what, octets)
}

/// What an event says that was noted.
pub(crate) struct SaidOnce {
    /// Nothing else has it.
    pub(crate) number: u64,
    pub(crate) credential: u64,
    pub(crate) peer: Option<String>,
    pub(crate) what: Noted,
}

/// What such an event says; `None` of others.
pub(crate) fn said(event: &Event<'_>) -> Option<SaidOnce> {
    let mut fields = Fields(event.octets);
    let (number, credential) = (fields.u64()?, fields.u64()?);
    let what = match event.what {
        LISTED => Noted::Listed { messages: fields.u64()? },
        RETRIEVED => Noted::Retrieved { octets: fields.u64()?, complete: fields.u8()? != 0 },
        LEASED => Noted::Leased,
        _ => return None,
    };
    let peer = String::from_utf8_lossy(fields.0).into_owned();
    Some(SaidOnce { number, credential, peer: Some(peer).filter(|peer| !peer.is_empty()), what })
}

/// What an event says of a message that was taken in.
pub(crate) struct AcceptedOnce<'a> {
    /// As LIST said it.
    pub(crate) octets: u64,
    /// Empty for a native one.
    pub(crate) uidl: &'a [u8],
    /// Extension fields.
    pub(crate) extensions: &'a [u8],
}

impl<'a> AcceptedOnce<'a> {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut octets = self.octets.to_le_bytes().to_vec();
        let uidl = self.uidl.get(..255).unwrap_or(self.uidl);
        octets.push(u8::try_from(uidl.len()).unwrap_or(0));
        octets.extend_from_slice(uidl);
        octets.extend_from_slice(self.extensions);
        octets
    }

    pub(crate) fn decode(octets: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(octets);
        let octets = fields.u64()?;
        let length = usize::from(fields.u8()?);
        let uidl = fields.octets(length)?;
        Some(Self { octets, uidl, extensions: fields.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    // FORMAT.md, EVENT
    #[test]
    fn an_event_is_as_the_format_says() {
        let mut meta = Vec::new();
        Event { maildrop: 1, id: 2, time: 3, what: 4, octets: b"ab" }.push(&mut meta);
        assert_eq!(meta, b"\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x04\0\x02\0ab");
        let note = Note {
            message: None,
            credential: 5,
            peer: Some("::1".into()),
            what: Noted::Retrieved { octets: 6, complete: true },
        };
        let (what, octets) = noted(7, &note);
        assert_eq!(what, 2);
        assert_eq!(octets, b"\x07\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\x01::1");
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(
            events in vec((any::<[u64; 3]>(), any::<u16>(), vec(any::<u8>(), 0..9)), 0..5),
        ) {
            let mut meta = Vec::new();
            let events: Vec<_> = events.iter().map(|(numbers, what, octets)| {
                let [maildrop, id, time] = *numbers;
                Event { maildrop, id, time, what: *what, octets }
            }).collect();
            for event in &events {
                event.push(&mut meta);
            }
            prop_assert_eq!(all(&meta).collect::<Vec<_>>(), events);
        }

        #[test]
        fn what_was_noted_is_told(
            credential in any::<u64>(),
            number in any::<u64>(),
            peer in proptest::option::of("[a-f0-9:.]{1,40}"),
            what in prop_oneof![
                any::<u64>().prop_map(|messages| Noted::Listed { messages }),
                any::<(u64, bool)>()
                    .prop_map(|(octets, complete)| Noted::Retrieved { octets, complete }),
                Just(Noted::Leased),
            ],
        ) {
            let note = Note { message: None, credential, peer, what };
            let (what, octets) = noted(number, &note);
            let event = Event { maildrop: 1, id: 0, time: 2, what, octets: &octets };
            let told = said(&event).unwrap();
            prop_assert_eq!((told.number, told.credential), (number, credential));
            prop_assert_eq!((told.peer, told.what), (note.peer, note.what));
        }

        #[test]
        fn hostile_octets_are_survived(octets in vec(any::<u8>(), 0..90), what in 0_u16..8) {
            prop_assert!(all(&octets).count() <= octets.len() / 28);
            let event = Event { maildrop: 1, id: 0, time: 2, what, octets: &octets };
            let _ = said(&event);
            let _ = AcceptedOnce::decode(&octets);
        }
    }
}
