//! A MARK as octets and back: what is remembered of messages beyond that they are there.

use crate::custody::Aside;
use crate::log::actor::Actor;
use crate::log::bugs::{self, Bug};
use crate::log::extensions::{ACTOR, ALL, Extensions, push};
use crate::log::fields::Fields;

/// It is hidden from the credential.
pub(crate) const HIDDEN: u8 = 1;
/// It is out of every listing, until it is destroyed.
pub(crate) const HELD: u8 = 2;
/// It is out of every listing, until somebody restores it.
pub(crate) const ASIDE: u8 = 3;
/// It was retrieved to its end, for the first time.
pub(crate) const RETRIEVED: u8 = 4;
/// Sessions died at it.
pub(crate) const DEATHS: u8 = 5;

/// Of a message: which of its aspects, and for whom. In this order the index keeps them: a
/// listing reads what it needs in a row each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Spot {
    pub(crate) aspect: u8,
    pub(crate) credential: u64,
    pub(crate) id: u64,
}

impl Spot {
    /// An aspect that is the same for everyone.
    pub(crate) const fn of(aspect: u8, id: u64) -> Self {
        Self { aspect, credential: 0, id }
    }

    /// Whether it is hidden from this credential.
    pub(crate) const fn hidden(credential: u64, id: u64) -> Self {
        Self { aspect: HIDDEN, credential, id }
    }
}

/// What was said there last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The higher one counts.
    pub(crate) stamp: u64,
    /// 0 is as if nothing had ever been said.
    pub(crate) value: u64,
}

impl Said {
    /// What counts of two.
    pub(crate) fn or(self, other: Self) -> Self {
        let is_later = other.stamp >= self.stamp || bugs::is_on(Bug::MarkStampIgnored);
        if is_later { other } else { self }
    }
}

/// The meta of a MARK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) maildrop: u64,
    pub(crate) aspect: u8,
    pub(crate) credential: u64,
    pub(crate) said: Said,
    pub(crate) ids: Vec<u64>,
    /// Extension fields, as they are written.
    pub(crate) extensions: Vec<u8>,
}

/// Before the ids.
const FIXED_OCTETS: usize = 40;

impl Mark {
    /// About these messages, for everyone.
    pub(crate) fn new(maildrop: u64, aspect: u8, value: u64, ids: Vec<u64>) -> Self {
        let (said, extensions) = (Said { stamp: 0, value }, Vec::new());
        Self { maildrop, aspect, credential: 0, said, ids, extensions }
    }

    /// Whether it may take messages out of listings, or put them back.
    pub(crate) const fn withholds(&self) -> bool {
        matches!(self.aspect, HIDDEN | HELD | ASIDE)
    }

    /// The same for one credential.
    pub(crate) fn of(self, credential: u64) -> Self {
        Self { credential, ..self }
    }

    /// The same, by this one.
    pub(crate) fn by(mut self, actor: &Actor) -> Self {
        push(&mut self.extensions, ACTOR, ALL, &actor.encode());
        self
    }

    /// How many octets [`Mark::encode`] makes.
    pub(crate) fn size(&self) -> u64 {
        let ids = self.ids.len().saturating_mul(8);
        ids.saturating_add(FIXED_OCTETS).saturating_add(self.extensions.len()) as u64
    }

    /// The meta. `None` if there are more than a record can say.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut octets =
            Vec::with_capacity(self.ids.len().saturating_mul(8).saturating_add(FIXED_OCTETS));
        octets.extend_from_slice(&self.maildrop.to_le_bytes());
        octets.extend_from_slice(&[self.aspect, 0, 0, 0]);
        octets.extend_from_slice(&u32::try_from(self.ids.len()).ok()?.to_le_bytes());
        for number in [self.credential, self.said.value, self.said.stamp] {
            octets.extend_from_slice(&number.to_le_bytes());
        }
        for id in &self.ids {
            octets.extend_from_slice(&id.to_le_bytes());
        }
        octets.extend_from_slice(&self.extensions);
        u32::try_from(octets.len()).ok()?;
        Some(octets)
    }

    /// What a meta says. `None` if it is not right.
    pub(crate) fn decode(meta: &[u8]) -> Option<Self> {
        let mut fields = Fields(meta);
        let maildrop = fields.u64()?;
        let aspect = fields.u8()?;
        fields.array::<3>()?;
        let count = usize::try_from(fields.u32()?).ok()?;
        let (credential, value, stamp) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let mut rows = Fields(fields.octets(count.checked_mul(8)?)?);
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            ids.push(rows.u64()?);
        }
        let said = Said { stamp, value };
        let extensions = Extensions::decode(fields.0)?.octets().to_vec();
        Some(Self { maildrop, aspect, credential, said, ids, extensions })
    }

    /// The spots it is about.
    pub(crate) fn spots(&self) -> impl Iterator<Item = Spot> + '_ {
        let (aspect, credential) = (self.aspect, self.credential);
        self.ids.iter().map(move |id| Spot { aspect, credential, id: *id })
    }
}

/// The value that says why a message is set aside.
pub(crate) const fn number_of(reason: Aside) -> u64 {
    match reason {
        Aside::Deaths => 1,
        Aside::NeverFinished => 2,
        Aside::Asked => 3,
    }
}

/// The reason that a value says.
pub(crate) const fn reason_of(number: u64) -> Aside {
    match number {
        1 => Aside::Deaths,
        2 => Aside::NeverFinished,
        _ => Aside::Asked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    // FORMAT.md, MARK
    #[test]
    fn a_mark_is_as_the_format_says() {
        let mark = Mark {
            maildrop: 2,
            aspect: HELD,
            credential: 3,
            said: Said { stamp: 5, value: 4 },
            ids: vec![6, 7],
            extensions: Vec::new(),
        };
        let octets = mark.encode().unwrap();
        assert_eq!(
            octets,
            b"\x02\0\0\0\0\0\0\0\x02\0\0\0\x02\0\0\0\x03\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\
              \x05\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0"
        );
        assert_eq!(octets.len() as u64, mark.size());
        let actor = Actor { credential: Some(3), cause: None, peer: Some("::1".into()) };
        let field = b"\x07\0\xFF\xFF\x0c\0\0\0\x03\0\0\0\0\0\0\0\0::1";
        let mark = mark.by(&actor);
        assert_eq!(mark.encode().unwrap(), [octets.as_slice(), field].concat());
        assert_eq!(mark.encode().unwrap().len() as u64, mark.size());
    }

    // FORMAT.md, MARK: whatever the order they are read in
    #[test]
    fn the_highest_stamp_counts() {
        let (old, new) = (Said { stamp: 1, value: 9 }, Said { stamp: 2, value: 0 });
        assert_eq!((old.or(new), new.or(old)), (new, new));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(
            fields in any::<(u64, u8, u64, u64, u64)>(),
            ids in vec(any::<u64>(), 0..9),
        ) {
            let (maildrop, aspect, credential, stamp, value) = fields;
            let said = Said { stamp, value };
            let mark = Mark { maildrop, aspect, credential, said, ids, extensions: Vec::new() };
            let octets = mark.encode().unwrap();
            prop_assert_eq!(Mark::decode(&octets), Some(mark));
            for end in 0..octets.len() {
                prop_assert_eq!(Mark::decode(&octets[..end]), None, "cut at {}", end);
            }
        }

        // Whatever the octets, an answer and no panic; no room is made for what is not there.
        #[test]
        fn hostile_octets_are_survived(octets in vec(any::<u8>(), 0..80)) {
            if let Some(mark) = Mark::decode(&octets) {
                prop_assert!(mark.ids.len() * 8 <= octets.len());
            }
        }
    }
}
