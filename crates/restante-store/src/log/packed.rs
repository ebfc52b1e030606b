//! Entries as the index keeps them: packed, each as what it has otherwise than the one before.

use redb::Error;

use crate::log::entry::Entry;

/// A chunk has so many octets at most: with its key and what redb adds to it, it fills a page
/// of 4 KiB.
const CHUNK_OCTETS: usize = 4048;

/// No entry has more: control, id, octets, place, what else differs, segment, recipient, flags, day.
const PACKED_OCTETS_MAX: usize = 1 + 8 + 8 + 4 + 1 + 4 + 4 + 1 + 2;

/// From so many octets an entry is read, whatever its length.
const WINDOW: usize = PACKED_OCTETS_MAX + 8;

/// How long an id, a number of octets, a place may be: by two bits of the control.
const ID_OCTETS: [u8; 4] = [1, 2, 4, 8];
const SIZE_OCTETS: [u8; 4] = [2, 3, 4, 8];
const PLACE_OCTETS: [u8; 4] = [0, 2, 3, 4];

/// In the control: more differs.
const MORE: u64 = 64;
/// What more there may be.
const SEGMENT: u64 = 1;
const RECIPIENT: u64 = 2;
const FLAGS: u64 = 4;
const DAY: u64 = 8;

/// What the first entry of a chunk is compared with.
const NONE: Entry =
    Entry { id: 0, octets: 0, segment: 0, place: 0, recipient: 0, flags: 0, day: 0 };

/// The entries in some chunks, in the order of ids: as few chunks as can be, each with the id of its
/// first entry.
pub(crate) fn pack(entries: &[Entry]) -> Vec<(u64, Vec<u8>)> {
    pack_in(entries, CHUNK_OCTETS)
}

/// The same, if what is put in later is put in anywhere: chunks that are about alike, so that
/// there is room in each.
pub(crate) fn pack_evenly(entries: &[Entry]) -> Vec<(u64, Vec<u8>)> {
    let packed = pack(entries);
    if packed.len() < 2 {
        return packed;
    }
    let octets = packed.iter().map(|(_, octets)| octets.len()).fold(0, usize::saturating_add);
    let each = octets.checked_div(packed.len()).unwrap_or_default();
    pack_in(entries, each.saturating_add(2 * PACKED_OCTETS_MAX).min(CHUNK_OCTETS))
}

fn pack_in(entries: &[Entry], octets_max: usize) -> Vec<(u64, Vec<u8>)> {
    let mut chunks: Vec<(u64, Vec<u8>)> = Vec::new();
    let mut before = NONE;
    for entry in entries {
        let limit = octets_max.saturating_sub(PACKED_OCTETS_MAX);
        let is_full = chunks.last().is_none_or(|(_, octets)| octets.len() > limit);
        if is_full {
            chunks.push((entry.id, vec![0, 0]));
            before = NONE;
        }
        if let Some((_, octets)) = chunks.last_mut() {
            push(octets, &before, entry);
            count_one(octets);
        }
        before = *entry;
    }
    chunks
}

/// One more is in this chunk.
fn count_one(octets: &mut [u8]) {
    if let Some(count) = octets.first_chunk_mut::<2>() {
        *count = u16::from_le_bytes(*count).saturating_add(1).to_le_bytes();
    }
}

fn push(octets: &mut Vec<u8>, before: &Entry, entry: &Entry) {
    let id = entry.id.wrapping_sub(before.id);
    let place = zigzag(entry.place.wrapping_sub(before.place));
    let (id_code, id_length) = code(ID_OCTETS, id);
    let (size_code, size_length) = code(SIZE_OCTETS, entry.octets);
    let (place_code, place_length) = code(PLACE_OCTETS, u64::from(place));
    let mut more = 0;
    for (bit, differs) in [
        (SEGMENT, entry.segment != before.segment),
        (RECIPIENT, entry.recipient != next_recipient(before, place)),
        (FLAGS, entry.flags != before.flags),
        (DAY, entry.day != before.day),
    ] {
        more |= if differs { bit } else { 0 };
    }
    let control = id_code | size_code << 2 | place_code << 4 | if more == 0 { 0 } else { MORE };
    let mut put = |value: u64, length: usize| {
        octets.extend(value.to_le_bytes().iter().take(length));
    };
    put(control, 1);
    put(id, id_length);
    put(entry.octets, size_length);
    put(u64::from(place), place_length);
    if more != 0 {
        put(more, 1);
        put(u64::from(entry.segment), if more & SEGMENT == 0 { 0 } else { 4 });
        put(u64::from(entry.recipient), if more & RECIPIENT == 0 { 0 } else { 4 });
        put(u64::from(entry.flags), usize::from(more & FLAGS != 0));
        put(u64::from(entry.day), if more & DAY == 0 { 0 } else { 2 });
    }
}

/// The first code whose length holds the value, and the length.
fn code(lengths: [u8; 4], value: u64) -> (u64, usize) {
    let needed = u64::BITS.saturating_sub(value.leading_zeros()).div_ceil(8);
    let fits = |(_, length): &(u64, u8)| u32::from(*length) >= needed;
    let (code, length) = (0_u64..).zip(lengths).find(fits).unwrap_or((3, 8));
    (code, usize::from(length))
}

/// Of one record there may be several, one recipient after another; else it is the first.
const fn next_recipient(before: &Entry, place: u32) -> u32 {
    if place == 0 { before.recipient.wrapping_add(1) } else { 0 }
}

/// Small numbers of either sign as small numbers.
const fn zigzag(difference: u32) -> u32 {
    let sign = if difference >> 31 == 0 { 0 } else { u32::MAX };
    (difference << 1) ^ sign
}

const fn unzigzag(number: u32) -> u32 {
    let sign = if number & 1 == 0 { 0 } else { u32::MAX };
    (number >> 1) ^ sign
}

/// The entries in a chunk. One that is not as it was packed ends in an error, never in silence:
/// a maildrop must not seem to hold less (P-056).
#[derive(Debug)]
pub(crate) struct Unpacked<'a> {
    octets: &'a [u8],
    left: u16,
    before: Entry,
    is_wrong: bool,
}

impl<'a> Unpacked<'a> {
    /// Those in this chunk.
    pub(crate) fn new(chunk: &'a [u8]) -> Self {
        match chunk.split_first_chunk::<2>() {
            Some((count, octets)) => {
                Self { octets, left: u16::from_le_bytes(*count), before: NONE, is_wrong: false }
            }
            None => Self { octets: &[], left: 0, before: NONE, is_wrong: true },
        }
    }
}

impl Iterator for Unpacked<'_> {
    type Item = Result<Entry, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            if let Some((entry, rest)) = one(self.octets, &self.before) {
                (self.before, self.octets) = (entry, rest);
                return Some(Ok(entry));
            }
            self.is_wrong = true;
        }
        let is_wrong = self.is_wrong || !self.octets.is_empty();
        (self.left, self.octets, self.is_wrong) = (0, &[], false);
        is_wrong.then(|| Err(wrong()))
    }
}

/// Tells the entries in a chunk, as fast as can be; the same as [`Unpacked`].
#[inline]
pub(crate) fn each(
    chunk: &[u8],
    mut tell: impl FnMut(&Entry) -> Result<(), Error>,
) -> Result<(), Error> {
    let (count, mut octets) = chunk.split_first_chunk::<2>().ok_or_else(wrong)?;
    let mut entry = NONE;
    for _ in 0..u16::from_le_bytes(*count) {
        (entry, octets) = one(octets, &entry).ok_or_else(wrong)?;
        tell(&entry)?;
    }
    if octets.is_empty() { Ok(()) } else { Err(wrong()) }
}

#[cold]
fn wrong() -> Error {
    Error::Corrupted("a chunk of entries is not as it was packed".into())
}

/// The next entry, and what is behind it.
#[expect(clippy::inline_always, reason = "a million times for one listing")]
#[inline(always)]
fn one<'a>(octets: &'a [u8], before: &Entry) -> Option<(Entry, &'a [u8])> {
    let (entry, length) = match octets.first_chunk().and_then(|window| quick(*window, before)) {
        Some(one) => one,
        None => slow(octets, before)?,
    };
    Some((entry, octets.get(length..)?))
}

/// One of which nothing but id, octets and place differs, and these are short: nearly all are.
#[expect(clippy::inline_always, reason = "a million times for one listing")]
#[inline(always)]
fn quick(window: [u8; 9], before: &Entry) -> Option<(Entry, usize)> {
    let [control, value @ ..] = window;
    let control = u32::from(control);
    let bits = |all: u32, code: u32| all.wrapping_shr((code & 3).wrapping_mul(8)) & 0xFF;
    let id_bits = bits(0x40_20_10_08, control);
    let size_bits = bits(0x40_20_18_10, control >> 2);
    let place_bits = bits(0x20_18_10_00, control >> 4);
    let all = id_bits.wrapping_add(size_bits).wrapping_add(place_bits);
    if control >= 64 || all > 64 || size_bits == 64 {
        return None;
    }
    let low = |value: u64, bits: u32| value & 1_u64.wrapping_shl(bits).wrapping_sub(1);
    let value = u64::from_le_bytes(value);
    let id = low(value, id_bits);
    let value = value.wrapping_shr(id_bits);
    let octets = low(value, size_bits);
    let place = narrow(low(value.wrapping_shr(size_bits), place_bits));
    let entry = Entry {
        id: before.id.wrapping_add(id),
        octets,
        place: before.place.wrapping_add(unzigzag(place)),
        recipient: next_recipient(before, place),
        ..*before
    };
    Some((entry, usize::try_from(all >> 3).unwrap_or_default().wrapping_add(1)))
}

#[cold]
#[inline(never)]
fn slow(octets: &[u8], before: &Entry) -> Option<(Entry, usize)> {
    if let Some(window) = octets.first_chunk::<WINDOW>() {
        return Some(decode(window, before));
    }
    let mut window = [0; WINDOW];
    window.get_mut(..octets.len())?.copy_from_slice(octets);
    Some(decode(&window, before))
}

/// The entry that begins there, and how many octets it is.
#[inline]
fn decode(window: &[u8; WINDOW], before: &Entry) -> (Entry, usize) {
    let control = number(window, 0, 1);
    let mut at = 1;
    let mut take = |length: usize| {
        let value = number(window, at, length);
        at = at.saturating_add(length);
        value
    };
    let id = take(length_of(ID_OCTETS, control));
    let octets = take(length_of(SIZE_OCTETS, control >> 2));
    let place = narrow(take(length_of(PLACE_OCTETS, control >> 4)));
    let mut entry = Entry {
        id: before.id.wrapping_add(id),
        octets,
        place: before.place.wrapping_add(unzigzag(place)),
        recipient: next_recipient(before, place),
        ..*before
    };
    if control & MORE != 0 {
        let more = take(1);
        if more & SEGMENT != 0 {
            entry.segment = narrow(take(4));
        }
        if more & RECIPIENT != 0 {
            entry.recipient = narrow(take(4));
        }
        if more & FLAGS != 0 {
            entry.flags = u8::try_from(take(1)).unwrap_or_default();
        }
        if more & DAY != 0 {
            entry.day = u16::try_from(take(2)).unwrap_or_default();
        }
    }
    (entry, at)
}

#[inline]
fn length_of(lengths: [u8; 4], control: u64) -> usize {
    let code = usize::try_from(control & 3).unwrap_or_default();
    usize::from(lengths.get(code).copied().unwrap_or_default())
}

/// A number of so many octets, 8 at most.
#[inline]
fn number(window: &[u8; WINDOW], at: usize, length: usize) -> u64 {
    let octets = window.get(at..).and_then(<[u8]>::first_chunk::<8>);
    let value = octets.map_or(0, |octets| u64::from_le_bytes(*octets));
    let bits = 64_u32.saturating_sub(u32::try_from(length).unwrap_or_default().saturating_mul(8));
    if bits >= 64 { 0 } else { value & (u64::MAX >> bits) }
}

#[inline]
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn unpack(chunks: &[(u64, Vec<u8>)]) -> Vec<Entry> {
        chunks.iter().flat_map(|(_, octets)| Unpacked::new(octets)).map(Result::unwrap).collect()
    }

    // FORMAT.md, Index
    #[test]
    fn entries_are_as_the_format_says() {
        let one = Entry {
            id: 0x0102,
            octets: 0x03,
            segment: 4,
            place: 5,
            recipient: 6,
            flags: 7,
            day: 8,
        };
        let two = Entry { id: 0x0103, octets: 0x01_0000, recipient: 7, ..one };
        let three = Entry { id: 0x0104, octets: 1, place: 4, recipient: 0, ..two };
        let packed = pack(&[one, two, three]);
        let wanted = [
            b"\x03\0".as_slice(),
            b"\x51\x02\x01\x03\0\x0a\0\x0f\x04\0\0\0\x06\0\0\0\x07\x08\0",
            b"\x04\x01\0\0\x01",
            b"\x10\x01\x01\0\x01\0",
        ];
        assert_eq!(packed, [(0x0102, wanted.concat())]);
        assert_eq!(unpack(&packed), [one, two, three]);
    }

    // issue 3: a million messages are opened in 25 ms, and the index is small
    #[test]
    fn what_comes_one_after_the_other_is_small_and_fills_pages() {
        let entry = |number: u64| Entry {
            id: (7 << 32) + number * 3,
            octets: 20_000 + number % 1000,
            segment: 9,
            place: u32::try_from(number * 1300).unwrap(),
            recipient: 0,
            flags: 0,
            day: 20_000,
        };
        let entries: Vec<_> = (1..10_000).map(entry).collect();
        let packed = pack(&entries);
        assert!(packed.len() < 20, "{} chunks", packed.len());
        assert!(packed.iter().all(|(_, octets)| octets.len() <= CHUNK_OCTETS));
        assert_eq!(unpack(&packed), entries);
        let evenly = pack_evenly(&entries[..700]);
        assert_eq!(evenly.len(), 2);
        assert!(evenly[0].1.len().abs_diff(evenly[1].1.len()) < 200);
        assert_eq!(unpack(&evenly), entries[..700]);
    }

    // P-056: never a shorter listing
    #[test]
    fn what_is_cut_or_longer_is_an_error() {
        let entries = [Entry { id: 1, ..NONE }, Entry { id: 900, octets: 1 << 40, ..NONE }];
        let whole = pack(&entries).remove(0).1;
        let fails = |octets: &[u8]| {
            let fails = Unpacked::new(octets).any(|entry| entry.is_err());
            assert_eq!(each(octets, |_| Ok(())).is_err(), fails);
            fails
        };
        assert!(!fails(&whole));
        for end in 0..whole.len() {
            assert!(fails(&whole[..end]), "{end}");
        }
        assert!(fails(&[whole.as_slice(), b"\0"].concat()));
        let mut unpacked = Unpacked::new(&whole[..whole.len() - 1]);
        assert!(unpacked.next().unwrap().is_ok());
        assert!(unpacked.next().unwrap().is_err());
        assert!(unpacked.next().is_none(), "said once");
    }

    fn any_entry() -> impl Strategy<Value = Entry> {
        let places = prop_oneof![Just(7_u32), 0_u32..70_000, any::<u32>()];
        let sizes = prop_oneof![0_u64..70_000, any::<u64>()];
        let gaps = prop_oneof![1_u64..300, 1_u64..1 << 40];
        (gaps, sizes, 0_u32..3, places, 0_u32..4, 0_u8..3, 0_u16..2).prop_map(
            |(id, octets, segment, place, recipient, flags, day)| Entry {
                id,
                octets,
                segment,
                place,
                recipient,
                flags,
                day,
            },
        )
    }

    proptest! {
        #[test]
        fn unpacking_undoes_packing(mut entries in vec(any_entry(), 0..900)) {
            let mut id = 0_u64;
            for entry in &mut entries {
                id += entry.id;
                entry.id = id;
            }
            for packed in [pack(&entries), pack_evenly(&entries)] {
                prop_assert!(packed.iter().all(|(_, octets)| octets.len() <= CHUNK_OCTETS));
                for (first, octets) in &packed {
                    prop_assert_eq!(Unpacked::new(octets).next().unwrap().unwrap().id, *first);
                }
                prop_assert_eq!(unpack(&packed), entries.clone());
                let mut told = Vec::new();
                for (_, octets) in &packed {
                    each(octets, |entry| {
                        told.push(*entry);
                        Ok(())
                    })
                    .unwrap();
                }
                prop_assert_eq!(told, entries.clone());
            }
        }

        // Whatever the octets: an end, and no panic.
        #[test]
        fn hostile_octets_are_survived(octets in vec(any::<u8>(), 0..200)) {
            prop_assert!(Unpacked::new(&octets).count() <= 70_000);
            let _ = each(&octets, |_| Ok(()));
        }
    }
}
