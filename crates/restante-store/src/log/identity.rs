//! Ids of messages, and the unique-ids that are made of them.

use mail_wire::{Naming, Uidl};

/// Crockford's base 32 in lower case: no two characters look alike, and none differ by case.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The beginning of all unique-ids of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag([u8; 4]);

impl Tag {
    /// A tag from octets that were drawn at random.
    pub(crate) fn drawn(random: [u8; 4]) -> Self {
        Self(random.map(|octet| character(u64::from(octet))))
    }

    /// A tag as it is written in FORMAT.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let tag = <[u8; 4]>::try_from(text.as_bytes()).ok()?;
        tag.iter().all(|octet| ALPHABET.contains(octet)).then_some(Self(tag))
    }

    /// The four characters.
    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The native unique-id of a message.
    pub(crate) fn uidl(self, id: u64) -> Uidl {
        self.naming().uidl(id).to_uidl()
    }

    /// How native unique-ids are made.
    pub(crate) fn naming(self) -> Naming {
        // Four characters of the alphabet: they are a prefix.
        Naming::new(self.as_str()).unwrap_or_default()
    }
}

/// The tags of a store's ids: it has more than one if it was recovered from a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tags {
    /// That of new ids.
    pub(crate) now: Tag,
    /// Those of earlier ids, oldest first, each with the last epoch that has it.
    pub(crate) earlier: Vec<(Tag, u32)>,
}

impl Tags {
    /// The tag of an id.
    pub(crate) fn of(&self, id: u64) -> Tag {
        let epoch = u32::try_from(id.unbounded_shr(32)).unwrap_or(u32::MAX);
        let earlier = self.earlier.iter().find(|(_, upto)| epoch <= *upto);
        earlier.map_or(self.now, |(tag, _)| *tag)
    }
}

/// The id that a unique-id was made of, if it is a native one of some tag.
pub(crate) fn id_of(uidl: &str) -> Option<u64> {
    let (tag, characters) = uidl.split_at_checked(4)?;
    Tag::parse(tag)?;
    let mut id = 0_u64;
    for octet in characters.bytes() {
        let bits = ALPHABET.iter().position(|character| *character == octet)?;
        id = id.checked_mul(32)?.checked_add(u64::try_from(bits).ok()?)?;
    }
    Some(id)
}

/// The character of the last five bits.
fn character(bits: u64) -> u8 {
    let place = usize::try_from(bits & 31).unwrap_or_default();
    ALPHABET.get(place).copied().unwrap_or(b'0')
}

/// The ids of one shard, in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    shard: u8,
    epoch: u32,
    counter: u32,
}

/// The first counter that does not fit an id.
const COUNTER_END: u32 = 1 << 24;

impl Ids {
    /// The ids of a shard in an epoch that nobody has used.
    pub(crate) const fn new(shard: u8, epoch: u32) -> Self {
        Self { shard, epoch, counter: 0 }
    }

    /// The epoch these ids are of.
    pub(crate) const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether so many more are left in this epoch.
    pub(crate) fn has(&self, more: usize) -> bool {
        u32::try_from(more)
            .ok()
            .and_then(|more| self.counter.checked_add(more))
            .is_some_and(|end| end <= COUNTER_END)
    }

    /// The last id is the next one again.
    pub(crate) const fn step_back(&mut self) {
        self.counter = self.counter.saturating_sub(1);
    }

    /// The next id; `None` when the epoch is used up.
    pub(crate) fn next(&mut self) -> Option<u64> {
        if self.counter >= COUNTER_END {
            return None;
        }
        let counter = self.counter;
        self.counter = self.counter.saturating_add(1);
        Some(u64::from(self.epoch) << 32 | u64::from(self.shard) << 24 | u64::from(counter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // P-055: FORMAT.md, Ids, epochs and UIDLs
    #[test]
    fn unique_ids_are_as_the_format_says() {
        let tag = Tag::parse("k7qx").unwrap();
        assert_eq!(tag.uidl(0).as_str(), "k7qx0000000000000");
        assert_eq!(tag.uidl(31).as_str(), "k7qx000000000000z");
        assert_eq!(tag.uidl(32).as_str(), "k7qx0000000000010");
        assert_eq!(tag.uidl(u64::MAX).as_str(), "k7qxfzzzzzzzzzzzz");
        assert_eq!(Tag::parse("k7qu"), None, "u is not of the alphabet");
        assert_eq!(Tag::parse("k7q"), None);
    }

    // FORMAT.md, FORMAT: a tag is 4 characters of the alphabet, and what is drawn makes it
    #[test]
    fn a_tag_is_made_of_what_was_drawn() {
        assert_eq!(Tag::drawn([0, 31, 32, 255]).as_str(), "0z0z");
        assert_eq!(Tag::drawn([1, 10, 17, 25]).as_str(), "1ahs");
        let all: Vec<u8> = (0..32).flat_map(|octet| Tag::drawn([octet; 4]).0).collect();
        assert!(all.iter().step_by(4).eq(b"0123456789abcdefghjkmnpqrstvwxyz"));
    }

    #[test]
    fn ids_end_with_their_epoch() {
        let mut ids = Ids { shard: 3, epoch: 7, counter: COUNTER_END - 2 };
        assert!(ids.has(2) && !ids.has(3));
        assert_eq!(ids.next(), Some(0x0000_0007_03FF_FFFE));
        assert_eq!(ids.next(), Some(0x0000_0007_03FF_FFFF));
        assert_eq!(ids.next(), None);
    }

    proptest! {
        #[test]
        fn unique_ids_sort_and_differ_like_ids(a in any::<u64>(), b in any::<u64>()) {
            let tag = Tag::drawn([1, 200, 255, 0]);
            let (one, other) = (tag.uidl(a), tag.uidl(b));
            prop_assert_eq!(a.cmp(&b), one.as_str().cmp(other.as_str()));
            prop_assert_eq!(one.as_str().to_lowercase(), one.as_str());
            prop_assert_eq!(id_of(one.as_str()), Some(a));
            prop_assert_eq!(id_of("a unique-id of another kind"), None);
        }
    }
}
