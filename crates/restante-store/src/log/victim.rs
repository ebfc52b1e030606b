//! Which segment is given up next.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::StoreError;
use crate::log::bugs::{self, Bug};
use crate::log::disk::read_exact_at;
use crate::log::fill::Fill;
use crate::log::header::{HEADER_OCTETS, Header};
use crate::log::shard::Shard;

/// A segment with less than this to be copied is worth it, in hundredths of its octets, while
/// the disk has room.
const LIVE_MAX: u64 = 50;

/// The same when the disk has hardly any.
const LIVE_MAX_WHEN_NARROW: u64 = 90;

/// With room for so many more segments the disk has room.
const WIDE_SEGMENTS: u64 = 32;

/// With room for so few it has hardly any.
const NARROW_SEGMENTS: u64 = 4;

/// Below how many hundredths a segment is worth it, with so much room on the disk, in octets.
pub(crate) fn threshold(free: u64, segment_octets: u64) -> u64 {
    let segments = free.checked_div(segment_octets.max(1)).unwrap_or_default();
    let wide = segments.clamp(NARROW_SEGMENTS, WIDE_SEGMENTS).saturating_sub(NARROW_SEGMENTS);
    let more = LIVE_MAX_WHEN_NARROW.saturating_sub(LIVE_MAX).saturating_mul(wide);
    let range = WIDE_SEGMENTS.saturating_sub(NARROW_SEGMENTS);
    LIVE_MAX_WHEN_NARROW.saturating_sub(more.checked_div(range).unwrap_or_default())
}

/// Whether the disk has so much room that giving some back can wait for others.
pub(crate) fn is_wide(shard: &Shard) -> bool {
    let wide = shard.settings.segment_octets.saturating_mul(WIDE_SEGMENTS);
    shard.disk.free_space().is_ok_and(|free| free >= wide)
}

/// The segment that is worth it most, and where it ends. Never the last one, nor one of the
/// `spared`.
pub(crate) fn victim(
    shard: &Shard,
    fills: &BTreeMap<u32, Fill>,
    last: u32,
    spared: &BTreeSet<u32>,
) -> Option<(u32, u64)> {
    let free = shard.disk.free_space().unwrap_or_default();
    let live_max = threshold(free, shard.settings.segment_octets);
    let keep_from = shard.keep_from();
    shard
        .segments
        .all()
        .into_iter()
        .filter(|(number, _)| *number < last || bugs::is_on(Bug::LastSegmentCompacted))
        .filter(|(number, _)| !spared.contains(number))
        .map(|(number, end)| {
            let fill = fills.get(&number).copied().unwrap_or_default();
            (fill.hundredths(end, keep_from), number, end)
        })
        .filter(|(live, ..)| *live < live_max)
        .min()
        .map(|(_, number, end)| (number, end))
}

/// The segment whose end only this segment's header says: it must be there for as long as that
/// one. `None`: nothing is lost with the header.
pub(crate) fn needed_by(shard: &Shard, number: u32) -> Result<Option<u32>, StoreError> {
    let fault = |fault| StoreError::disk("look at a segment", fault);
    let mut octets = [0; HEADER_OCTETS];
    read_exact_at(&*shard.segments.file(number)?, &mut octets, 0).map_err(fault)?;
    let Some(header) = Header::decode(&octets) else {
        // Whatever it said: it stays.
        return Ok(Some(number));
    };
    if !shard.segments.all().contains_key(&header.previous) {
        return Ok(None);
    }
    let previous = shard.segments.file(header.previous)?;
    // A cut that is not durable is none.
    previous.sync().map_err(fault)?;
    let is_needed = previous.len().map_err(fault)? > header.previous_end
        && !bugs::is_on(Bug::NeededHeaderDropped);
    Ok(Some(header.previous).filter(|_| is_needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    // design §3: 50 %, adaptive to free space
    #[test]
    fn the_less_room_the_more_is_copied_for_it() {
        assert_eq!(threshold(u64::MAX, 100), 50);
        assert_eq!(threshold(3200, 100), 50);
        assert_eq!(threshold(0, 100), 90);
        assert_eq!(threshold(499, 100), 90);
        let steps: Vec<u64> = (0..40).map(|segments| threshold(segments * 100, 100)).collect();
        assert!(steps.is_sorted_by(|more, less| more >= less), "{steps:?}");
    }
}
