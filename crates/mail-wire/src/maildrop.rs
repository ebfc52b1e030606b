//! A maildrop as a session sees it: numbered entries, fixed at login.

use std::fmt;
use std::num::NonZeroU32;

use crate::naming::{ListedUidl, Naming};
use crate::{Octets, Uidl};

/// Which maildrop: given out by the directory, never reused, never made from a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MaildropId(u64);

impl MaildropId {
    /// The maildrop with this number.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// The plain number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for MaildropId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which message of a maildrop: given out by the store, never reused there. Sessions never
/// see it; they see message numbers and unique-ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u64);

impl MessageId {
    /// The message with this number.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// The plain number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

/// A message number: 1 to n within one session, never stored (RFC 1939 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageNumber(NonZeroU32);

impl MessageNumber {
    /// The number, unless it is 0.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// The number of the entry at this place of a listing, counted from 0.
    pub fn from_index(index: usize) -> Option<Self> {
        u32::try_from(index.checked_add(1)?).ok().and_then(Self::new)
    }

    /// The plain number.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The place in a listing, counted from 0.
    pub const fn index(self) -> usize {
        // u32 fits usize on every machine with a network; 0 is excluded by the type.
        self.0.get().saturating_sub(1) as usize
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One message of a [`Listing`].
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its number in this session.
    pub number: MessageNumber,
    /// The store's handle.
    pub id: MessageId,
    /// Its size: what RETR will send (RFC 1939 §11).
    pub octets: Octets,
    /// Its unique-id.
    pub uidl: ListedUidl<'a>,
    /// Whether its header holds raw UTF-8, declared by SMTPUTF8 (RFC 6856 §2.1).
    pub utf8: bool,
}

/// All messages of a maildrop, in delivery order, as they were at login.
///
/// It is an arena: a million entries are one allocation of 16 octets each. Unique-ids that
/// follow from the handle, by the listing's [`Naming`], are not kept but made when asked for;
/// one that does not costs 8 octets and its text.
#[derive(Clone, Default)]
pub struct Listing {
    naming: Naming,
    slots: Vec<Slot>,
    /// The messages with unique-ids of their own, in order.
    kept: Vec<Kept>,
    texts: String,
    /// One bit a message, as far as the last whose header holds raw UTF-8.
    utf8: Vec<u64>,
    total: Octets,
}

#[derive(Clone, Copy)]
struct Slot {
    id: u64,
    octets: u64,
}

/// A message with a unique-id of its own.
#[derive(Clone, Copy)]
struct Kept {
    /// Its place in the listing.
    index: u32,
    /// Where its text begins; it ends where the next begins.
    start: u32,
}

impl Listing {
    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The sum of all sizes.
    pub const fn total(&self) -> Octets {
        self.total
    }

    /// About how much memory it has, in octets.
    pub fn memory(&self) -> usize {
        let slots = self.slots.capacity().saturating_mul(size_of::<Slot>());
        let kept = self.kept.capacity().saturating_mul(size_of::<Kept>());
        let utf8 = self.utf8.capacity().saturating_mul(size_of::<u64>());
        slots.saturating_add(kept).saturating_add(utf8).saturating_add(self.texts.capacity())
    }

    /// The entry with this number, if there is one.
    pub fn get(&self, number: MessageNumber) -> Option<Entry<'_>> {
        let index = number.index();
        let Slot { id, octets } = *self.slots.get(index)?;
        let uidl = match self.text(index) {
            Some(text) => ListedUidl::kept(text),
            None => self.naming.uidl(id),
        };
        let (id, octets) = (MessageId::new(id), Octets::new(octets));
        Some(Entry { number, id, octets, uidl, utf8: self.is_utf8(index) })
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.slots.len()).filter_map(MessageNumber::from_index).filter_map(|n| self.get(n))
    }

    /// The text of a unique-id that is kept.
    fn text(&self, index: usize) -> Option<&str> {
        if self.kept.is_empty() {
            return None;
        }
        let wanted = u32::try_from(index).ok()?;
        // Where all before it are kept it stands there: so in a maildrop that moved here whole.
        let place = match self.kept.get(index) {
            Some(kept) if kept.index == wanted => index,
            _ => self.kept.binary_search_by_key(&wanted, |kept| kept.index).ok()?,
        };
        let start = usize::try_from(self.kept.get(place)?.start).ok()?;
        let end = match self.kept.get(place.checked_add(1)?) {
            Some(next) => usize::try_from(next.start).ok()?,
            None => self.texts.len(),
        };
        self.texts.get(start..end)
    }

    fn is_utf8(&self, index: usize) -> bool {
        let (word, bit) = bit_of(index);
        self.utf8.get(word).is_some_and(|word| word & bit != 0)
    }
}

/// Where a message's bit stands.
const fn bit_of(index: usize) -> (usize, u64) {
    (index >> 6, 1 << (index & 63))
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listing({} messages, {} octets)", self.len(), self.total)
    }
}

/// Builds a [`Listing`], entry by entry, in delivery order.
#[derive(Debug, Default)]
pub struct ListingBuilder(Listing);

/// A listing would hold more than message numbers or its arena can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a maildrop cannot list more than 4 GiB of unique-ids or 2^32 - 1 messages")]
pub struct ListingFull;

impl ListingBuilder {
    /// An empty one with room for this many.
    pub fn with_capacity(messages: usize) -> Self {
        Self::with_naming(Naming::default(), messages)
    }

    /// The same for messages that are named like this.
    pub fn with_naming(naming: Naming, messages: usize) -> Self {
        Self(Listing { naming, slots: Vec::with_capacity(messages), ..Listing::default() })
    }

    /// Makes room for so many more.
    pub fn reserve(&mut self, messages: usize) {
        self.0.slots.reserve_exact(messages);
    }

    /// One that goes on where a listing ended: what is added gets the next numbers.
    pub fn after(listing: Listing) -> Self {
        Self(listing)
    }

    /// Adds the next message, with a unique-id of its own.
    pub fn push(
        &mut self,
        id: MessageId,
        octets: Octets,
        uidl: &Uidl,
        utf8: bool,
    ) -> Result<MessageNumber, ListingFull> {
        let index = u32::try_from(self.0.slots.len()).map_err(|_| ListingFull)?;
        let start = u32::try_from(self.0.texts.len()).map_err(|_| ListingFull)?;
        let number = self.push_native(id, octets, utf8)?;
        self.0.texts.push_str(uidl.as_str());
        self.0.kept.push(Kept { index, start });
        Ok(number)
    }

    /// Adds the next message, whose unique-id follows from its handle by the listing's
    /// [`Naming`].
    #[inline]
    pub fn push_native(
        &mut self,
        id: MessageId,
        octets: Octets,
        utf8: bool,
    ) -> Result<MessageNumber, ListingFull> {
        let index = self.0.slots.len();
        let number = MessageNumber::from_index(index).ok_or(ListingFull)?;
        self.0.slots.push(Slot { id: id.get(), octets: octets.get() });
        if utf8 {
            let (place, bit) = bit_of(index);
            self.0.utf8.resize(place.saturating_add(1), 0);
            if let Some(word) = self.0.utf8.get_mut(place) {
                *word |= bit;
            }
        }
        self.0.total = self.0.total.plus(octets);
        Ok(number)
    }

    /// The listing. What was kept ready for more is given back.
    pub fn finish(mut self) -> Listing {
        self.0.slots.shrink_to_fit();
        self.0.kept.shrink_to_fit();
        self.0.texts.shrink_to_fit();
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    #[test]
    fn numbers_follow_the_order_of_delivery() {
        let mut builder = ListingBuilder::default();
        for (id, size) in [(9, 120), (4, 200)] {
            let uidl = Uidl::new(format!("u{id}").as_bytes()).unwrap();
            builder.push(MessageId::new(id), Octets::new(size), &uidl, false).unwrap();
        }
        let listing = builder.finish();
        assert_eq!(listing.total(), Octets::new(320));
        let rows: Vec<_> =
            listing.iter().map(|e| (e.number.get(), e.id.get(), e.octets.get(), e.uidl)).collect();
        assert!(rows.iter().map(|row| (row.0, row.1, row.2)).eq([(1, 9, 120), (2, 4, 200)]));
        assert!(rows.iter().map(|row| row.3).eq(["u9", "u4"]));
        assert!(listing.get(MessageNumber::new(3).unwrap()).is_none());
    }

    // P-156: totals do not wrap at 2 or 4 GiB, nor anywhere else
    #[test]
    fn totals_do_not_wrap() {
        let mut builder = ListingBuilder::default();
        let uidl = Uidl::new(b"a").unwrap();
        for _ in 0..3 {
            builder.push(MessageId::new(1), Octets::new(4 << 30), &uidl, false).unwrap();
        }
        builder.push(MessageId::new(1), Octets::new(u64::MAX), &uidl, false).unwrap();
        assert_eq!(builder.finish().total(), Octets::new(u64::MAX));
    }

    proptest! {
        // Whatever is kept, made, or marked, in whatever mixture, and however often it is gone on
        // with: the listing says what was put in.
        #[test]
        fn a_listing_says_what_was_put_in(
            messages in vec((any::<u64>(), any::<u64>(), option::of("[!-~]{1,70}"), any::<bool>()), 0..200),
            cut in 0_usize..200,
        ) {
            let naming = Naming::new("k7qx").unwrap();
            let mut builder = ListingBuilder::with_naming(naming, 3);
            for (place, (id, octets, uidl, utf8)) in messages.iter().enumerate() {
                if place == cut {
                    builder = ListingBuilder::after(builder.finish());
                }
                let (id, octets) = (MessageId::new(*id), Octets::new(*octets));
                let number = match uidl {
                    Some(uidl) => {
                        let uidl = Uidl::new(uidl.as_bytes()).unwrap();
                        builder.push(id, octets, &uidl, *utf8).unwrap()
                    }
                    None => builder.push_native(id, octets, *utf8).unwrap(),
                };
                prop_assert_eq!(number.index(), place);
            }
            let listing = builder.finish();
            prop_assert_eq!(listing.len(), messages.len());
            for (entry, (id, octets, uidl, utf8)) in listing.iter().zip(&messages) {
                prop_assert_eq!((entry.id.get(), entry.octets.get()), (*id, *octets));
                prop_assert_eq!(entry.utf8, *utf8);
                let wanted = uidl.clone().unwrap_or_else(|| naming.uidl(*id).to_string());
                prop_assert_eq!(entry.uidl, wanted.as_str());
            }
        }
    }
}
