//! The header of a segment, as octets and back; the names of segments.

use crate::log::fields::Fields;

/// How long it is, in octets.
pub(crate) const HEADER_OCTETS: usize = 64;

const MAGIC: [u8; 8] = *b"RSTSEG\r\n";

/// The version that is written.
pub(crate) const VERSION: u16 = 1;

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) version: u16,
    pub(crate) shard: u16,
    pub(crate) number: u32,
    pub(crate) store: [u8; 16],
    pub(crate) epoch: u32,
    /// 0 for none.
    pub(crate) previous: u32,
    pub(crate) previous_end: u64,
    pub(crate) time: u64,
}

impl Header {
    /// The 64 octets of it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(HEADER_OCTETS);
        octets.extend_from_slice(&MAGIC);
        octets.extend_from_slice(&self.version.to_le_bytes());
        octets.extend_from_slice(&self.shard.to_le_bytes());
        octets.extend_from_slice(&self.number.to_le_bytes());
        octets.extend_from_slice(&self.store);
        octets.extend_from_slice(&self.epoch.to_le_bytes());
        octets.extend_from_slice(&self.previous.to_le_bytes());
        octets.extend_from_slice(&self.previous_end.to_le_bytes());
        octets.extend_from_slice(&self.time.to_le_bytes());
        octets.extend_from_slice(&[0; 4]);
        let crc = crc32c::crc32c(&octets);
        octets.extend_from_slice(&crc.to_le_bytes());
        octets
    }

    /// The header in these octets, if it is one and right.
    pub(crate) fn decode(octets: &[u8]) -> Option<Self> {
        let octets = octets.get(..HEADER_OCTETS)?;
        let (said, crc) = octets.split_last_chunk::<4>()?;
        let mut fields = Fields(said);
        if fields.array()? != MAGIC || crc32c::crc32c(said) != u32::from_le_bytes(*crc) {
            return None;
        }
        Some(Self {
            version: fields.u16()?,
            shard: fields.u16()?,
            number: fields.u32()?,
            store: fields.array()?,
            epoch: fields.u32()?,
            previous: fields.u32()?,
            previous_end: fields.u64()?,
            time: fields.u64()?,
        })
    }
}

/// The name of a segment.
pub(crate) fn name(number: u32) -> String {
    format!("{number:08x}.log")
}

/// The number of the segment with this name.
pub(crate) fn number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".log")?;
    let is_ours = digits.len() == 8
        && digits.bytes().all(|octet| octet.is_ascii_digit() || (b'a'..=b'f').contains(&octet));
    if is_ours { u32::from_str_radix(digits, 16).ok().filter(|number| *number > 0) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Header {
        Header {
            version: 1,
            shard: 2,
            number: 3,
            store: *b"0123456789abcdef",
            epoch: 4,
            previous: 5,
            previous_end: 6,
            time: 7,
        }
    }

    // FORMAT.md, Segment header
    #[test]
    fn fields_are_where_the_format_says() {
        let octets = example().encode();
        assert_eq!(octets.len(), HEADER_OCTETS);
        assert_eq!(&octets[..32], b"RSTSEG\r\n\x01\0\x02\0\x03\0\0\x000123456789abcdef");
        for (at, value) in [(32, 4), (36, 5), (40, 6), (48, 7)] {
            assert_eq!(octets[at], value, "{at}");
        }
        assert_eq!(Header::decode(&octets), Some(example()));
    }

    #[test]
    fn no_flipped_bit_passes() {
        let octets = example().encode();
        for bit in 0..HEADER_OCTETS * 8 {
            let mut flipped = octets.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&flipped), None, "bit {bit}");
        }
        assert_eq!(Header::decode(&octets[..63]), None);
    }

    #[test]
    fn names_are_numbers() {
        assert_eq!(name(0x2a), "0000002a.log");
        assert_eq!(number("0000002a.log"), Some(0x2a));
        for other in ["00000000.log", "2a.log", "0000002A.log", "+000002a.log", "0000002a.txt"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
