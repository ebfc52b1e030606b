//! The head of a record, as octets and back.

use crate::log::bugs::{self, Bug};
use crate::log::fields::Fields;

/// How long a head is, in octets.
pub(crate) const HEAD_OCTETS: usize = 64;

/// Records begin at multiples of this many octets.
pub(crate) const ALIGNMENT: u64 = 16;

/// What stands in front of each record.
pub(crate) const MAGIC: [u8; 4] = *b"RsR\xA5";

/// The header may hold raw UTF-8.
pub(crate) const FLAG_UTF8: u8 = 1;
/// The body of a MOVE is in a file of its own.
pub(crate) const FLAG_BIG: u8 = 2;
/// The record counts only together with the next one.
pub(crate) const FLAG_CONTINUES: u8 = 4;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A message, with its body.
    Message,
    /// A message whose body has a file of its own.
    Big,
    /// Messages are gone.
    Destroy,
    /// A copy of a message.
    Move,
    /// Something happened that changes no maildrop.
    Event,
    /// Ids behind it are of another epoch.
    Epoch,
    /// The segment ends here.
    Seal,
    /// Something is remembered of messages.
    Mark,
}

impl Kind {
    /// The kind with this number, if this version knows it.
    pub(crate) const fn of(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Message,
            2 => Self::Big,
            3 => Self::Destroy,
            4 => Self::Move,
            5 => Self::Event,
            6 => Self::Epoch,
            7 => Self::Seal,
            8 => Self::Mark,
            _ => return None,
        })
    }

    /// Its number.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Message => 1,
            Self::Big => 2,
            Self::Destroy => 3,
            Self::Move => 4,
            Self::Event => 5,
            Self::Epoch => 6,
            Self::Seal => 7,
            Self::Mark => 8,
        }
    }
}

/// Whether a reader that does not know the kind with this number may pass over it.
pub(crate) const fn is_optional(number: u8) -> bool {
    number >= 128
}

/// The head of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) segment: u32,
    pub(crate) place: u32,
    pub(crate) batch: u32,
    pub(crate) meta_length: u32,
    pub(crate) body_length: u64,
    pub(crate) body_octets: u64,
    pub(crate) time: u64,
    pub(crate) header_length: u32,
    pub(crate) meta_crc: u32,
    pub(crate) body_crc: u32,
}

impl Head {
    /// That of a record without a body, to be put at its place by its batch.
    pub(crate) const fn plain(kind: Kind, time: u64) -> Self {
        Self {
            kind: kind.number(),
            flags: 0,
            segment: 0,
            place: 0,
            batch: 0,
            meta_length: 0,
            body_length: 0,
            body_octets: 0,
            time,
            header_length: 0,
            meta_crc: 0,
            body_crc: 0,
        }
    }

    /// The 64 octets of it, under the store's seed.
    pub(crate) fn encode(&self, seed: u32) -> Vec<u8> {
        let mut octets = Vec::with_capacity(HEAD_OCTETS);
        octets.extend_from_slice(&MAGIC);
        octets.extend_from_slice(&[self.kind, self.flags, 0, 0]);
        for number in [self.segment, self.place, self.batch, self.meta_length] {
            octets.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.body_length, self.body_octets, self.time] {
            octets.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.header_length, self.meta_crc, self.body_crc] {
            octets.extend_from_slice(&number.to_le_bytes());
        }
        let crc = crc32c::crc32c_append(seed, &octets);
        octets.extend_from_slice(&crc.to_le_bytes());
        octets
    }

    /// The head in these octets, if one is there and right.
    pub(crate) fn decode(octets: &[u8], seed: u32) -> Option<Self> {
        let octets = octets.get(..HEAD_OCTETS)?;
        let (said, crc) = octets.split_last_chunk::<4>()?;
        let mut fields = Fields(said);
        let is_right = crc32c::crc32c_append(seed, said) == u32::from_le_bytes(*crc);
        if fields.array()? != MAGIC || !is_right && !bugs::is_on(Bug::HeadNotChecked) {
            return None;
        }
        let (kind, flags) = (fields.u8()?, fields.u8()?);
        fields.u16()?;
        Some(Self {
            kind,
            flags,
            segment: fields.u32()?,
            place: fields.u32()?,
            batch: fields.u32()?,
            meta_length: fields.u32()?,
            body_length: fields.u64()?,
            body_octets: fields.u64()?,
            time: fields.u64()?,
            header_length: fields.u32()?,
            meta_crc: fields.u32()?,
            body_crc: fields.u32()?,
        })
    }

    /// Whether the body is in a file of its own.
    pub(crate) fn is_big(&self) -> bool {
        match Kind::of(self.kind) {
            Some(Kind::Big) => true,
            Some(Kind::Move) => self.flags & FLAG_BIG != 0,
            _ => false,
        }
    }

    /// Where the body begins, counted from the head, if it is in the record.
    pub(crate) fn body_at(&self) -> u64 {
        aligned(u64::from(self.meta_length)).saturating_add(HEAD_OCTETS as u64)
    }

    /// How many octets the record has, with all padding.
    pub(crate) fn size(&self) -> u64 {
        let body = if self.is_big() { 0 } else { self.body_length };
        self.body_at().saturating_add(aligned(body))
    }
}

/// How many octets a record without a body has, with a meta of this length.
pub(crate) const fn aligned_record(meta_length: u64) -> u64 {
    (HEAD_OCTETS as u64).saturating_add(aligned(meta_length))
}

/// The length with its padding.
pub(crate) const fn aligned(length: u64) -> u64 {
    length.saturating_add(ALIGNMENT - 1) & !(ALIGNMENT - 1)
}

/// Appends zeros up to the next multiple of the alignment.
pub(crate) fn pad(octets: &mut Vec<u8>) {
    let length = aligned(octets.len() as u64);
    octets.resize(usize::try_from(length).unwrap_or(octets.len()), 0);
}

/// The place of an offset, which must be aligned and below 64 GiB.
pub(crate) fn place(offset: u64) -> Option<u32> {
    if offset.is_multiple_of(ALIGNMENT) { u32::try_from(offset / ALIGNMENT).ok() } else { None }
}

/// The offset of a place.
pub(crate) fn offset(place: u32) -> u64 {
    u64::from(place).saturating_mul(ALIGNMENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEED: u32 = 0x2dc3_1a36;

    fn any_head() -> impl Strategy<Value = Head> {
        (any::<(u8, u8, u32, u32, u32, u32)>(), any::<(u64, u64, u64, u32, u32, u32)>()).prop_map(
            |(a, b)| Head {
                kind: a.0,
                flags: a.1,
                segment: a.2,
                place: a.3,
                batch: a.4,
                meta_length: a.5,
                body_length: b.0,
                body_octets: b.1,
                time: b.2,
                header_length: b.3,
                meta_crc: b.4,
                body_crc: b.5,
            },
        )
    }

    // FORMAT.md, Records: the fields stand where the page says
    #[test]
    fn fields_are_where_the_format_says() {
        let head = Head {
            kind: 3,
            flags: 1,
            segment: 0x0102_0304,
            place: 5,
            batch: 4,
            meta_length: 6,
            body_length: 7,
            body_octets: 8,
            time: 9,
            header_length: 10,
            meta_crc: 11,
            body_crc: 12,
        };
        let seed = crc32c::crc32c(b"store");
        let octets = head.encode(seed);
        assert_eq!(octets.len(), HEAD_OCTETS);
        assert_eq!(&octets[..12], b"RsR\xA5\x03\x01\0\0\x04\x03\x02\x01");
        for (at, value) in [(12, 5), (16, 4), (20, 6), (24, 7), (32, 8), (40, 9)] {
            assert_eq!(octets[at], value, "{at}");
        }
        for (at, value) in [(48, 10), (52, 11), (56, 12)] {
            assert_eq!(octets[at], value, "{at}");
        }
        assert_eq!(
            octets[60..],
            crc32c::crc32c(&[b"store".as_slice(), &octets[..60]].concat()).to_le_bytes()
        );
        assert_eq!(Head::decode(&octets, seed ^ 1), None, "of another store");
    }

    // RFC 3720 §B.4
    #[test]
    fn the_checksum_is_castagnoli() {
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c::crc32c(b"123456789"), 0xE306_9283);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(head in any_head()) {
            prop_assert_eq!(Head::decode(&head.encode(SEED), SEED), Some(head));
            prop_assert!(head.size() >= HEAD_OCTETS as u64);
        }

        // Every bit counts, in every field.
        #[test]
        fn no_flipped_bit_passes(head in any_head()) {
            let octets = head.encode(SEED);
            for bit in 0..HEAD_OCTETS * 8 {
                let mut flipped = octets.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                prop_assert_eq!(Head::decode(&flipped, SEED), None, "bit {}", bit);
            }
        }

        #[test]
        fn hostile_octets_are_no_head(octets in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(Head::decode(&octets, SEED), None);
        }
    }
}
