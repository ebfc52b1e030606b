//! One message of a maildrop, as the index says it.

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
    /// How much of its segment it is: of one with its body in a file only the record.
    pub(crate) const fn in_segment(&self) -> u64 {
        if self.flags & BIG == 0 { self.octets } else { RECORD_OCTETS }
    }
}
