//! A maildrop as a session sees it: numbered entries, fixed at login.

use std::fmt;
use std::num::NonZeroU32;

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
    pub uidl: &'a str,
    /// Whether its header holds raw UTF-8, declared by SMTPUTF8 (RFC 6856 §2.1).
    pub utf8: bool,
}

/// All messages of a maildrop, in delivery order, as they were at login.
///
/// It is an arena: a million entries are two allocations, about 40 octets each.
#[derive(Clone, Default)]
pub struct Listing {
    slots: Vec<Slot>,
    uidls: String,
    total: Octets,
}

#[derive(Clone, Copy)]
struct Slot {
    id: u64,
    octets: u64,
    uidl_start: u32,
    uidl_length: u8,
    utf8: bool,
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

    /// The entry with this number, if there is one.
    pub fn get(&self, number: MessageNumber) -> Option<Entry<'_>> {
        let slot = self.slots.get(number.index())?;
        let start = usize::try_from(slot.uidl_start).ok()?;
        let uidl = self.uidls.get(start..start.checked_add(usize::from(slot.uidl_length))?)?;
        Some(Entry {
            number,
            id: MessageId::new(slot.id),
            octets: Octets::new(slot.octets),
            uidl,
            utf8: slot.utf8,
        })
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        (0..self.slots.len()).filter_map(MessageNumber::from_index).filter_map(|n| self.get(n))
    }
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
        Self(Listing { slots: Vec::with_capacity(messages), ..Listing::default() })
    }

    /// One that goes on where a listing ended: what is added gets the next numbers.
    pub fn after(listing: Listing) -> Self {
        Self(listing)
    }

    /// Adds the next message.
    pub fn push(
        &mut self,
        id: MessageId,
        octets: Octets,
        uidl: &Uidl,
        utf8: bool,
    ) -> Result<MessageNumber, ListingFull> {
        let number = MessageNumber::from_index(self.0.slots.len()).ok_or(ListingFull)?;
        let uidl_start = u32::try_from(self.0.uidls.len()).map_err(|_| ListingFull)?;
        // `Uidl` is at most 70 octets by its type.
        let uidl_length = u8::try_from(uidl.as_str().len()).map_err(|_| ListingFull)?;
        self.0.uidls.push_str(uidl.as_str());
        self.0.slots.push(Slot {
            id: id.get(),
            octets: octets.get(),
            uidl_start,
            uidl_length,
            utf8,
        });
        self.0.total = self.0.total.plus(octets);
        Ok(number)
    }

    /// The listing.
    pub fn finish(self) -> Listing {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(rows, [(1, 9, 120, "u9"), (2, 4, 200, "u4")]);
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
}
