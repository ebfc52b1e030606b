//! One message of a maildrop as the index keeps it: 32 octets.

use crate::log::fields::Fields;

/// How long an entry is, in octets.
pub(crate) const ENTRY_OCTETS: usize = 32;

/// The header may hold raw UTF-8.
pub(crate) const UTF8: u8 = 1;
/// The body is in a file of its own.
pub(crate) const BIG: u8 = 2;
/// The unique-id is not native.
pub(crate) const NAMED: u8 = 4;
/// There is a stand-in for the header.
pub(crate) const SURROGATE: u8 = 8;
/// Never in the index: in what is told to who may not see raw UTF-8, it is read with the
/// stand-in, and has the octets that it has so.
pub(crate) const STANDS_IN: u8 = 16;

/// About what a record without its body has.
const RECORD_OCTETS: u64 = 256;

/// One message of a maildrop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    /// As LIST says it.
    pub(crate) octets: u64,
    pub(crate) segment: u32,
    pub(crate) place: u32,
    /// Which recipient of the record it is.
    pub(crate) recipient: u32,
    pub(crate) flags: u8,
    /// When it was accepted, days since 1970; 0 if only its record says so.
    pub(crate) day: u16,
}

impl Entry {
    /// Appends the 32 octets of it.
    pub(crate) fn encode(&self, octets: &mut Vec<u8>) {
        octets.extend_from_slice(&self.id.to_le_bytes());
        octets.extend_from_slice(&self.octets.to_le_bytes());
        for number in [self.segment, self.place, self.recipient] {
            octets.extend_from_slice(&number.to_le_bytes());
        }
        octets.push(self.flags);
        octets.extend_from_slice(&self.day.to_le_bytes());
        octets.push(0);
    }

    /// The entries in these octets. What is left over at the end is none.
    pub(crate) fn decode_all(octets: &[u8]) -> impl Iterator<Item = Self> + '_ {
        octets.as_chunks::<ENTRY_OCTETS>().0.iter().filter_map(Self::decode)
    }

    /// How much of its segment it is: of one with its body in a file only the record.
    pub(crate) const fn in_segment(&self) -> u64 {
        if self.flags & BIG == 0 { self.octets } else { RECORD_OCTETS }
    }

    #[inline]
    fn decode(octets: &[u8; ENTRY_OCTETS]) -> Option<Self> {
        let mut fields = Fields(octets);
        Some(Self {
            id: fields.u64()?,
            octets: fields.u64()?,
            segment: fields.u32()?,
            place: fields.u32()?,
            recipient: fields.u32()?,
            flags: fields.u8()?,
            day: fields.u16()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FORMAT.md, Index
    #[test]
    fn an_entry_is_as_the_format_says() {
        let entry =
            Entry { id: 1, octets: 2, segment: 3, place: 4, recipient: 5, flags: 6, day: 7 };
        let mut octets = Vec::new();
        entry.encode(&mut octets);
        assert_eq!(octets.len(), ENTRY_OCTETS);
        for (at, value) in [(0, 1), (8, 2), (16, 3), (20, 4), (24, 5), (28, 6), (29, 7)] {
            assert_eq!(octets[at], value, "{at}");
        }
        entry.encode(&mut octets);
        octets.push(9);
        assert_eq!(Entry::decode_all(&octets).collect::<Vec<_>>(), [entry, entry]);
    }
}
