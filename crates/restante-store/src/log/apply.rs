//! What a record changes.

use crate::log::entry::{BIG, Entry, NAMED, SURROGATE, UTF8};
use crate::log::event;
use crate::log::mark::Mark;
use crate::log::meta::{Destroyed, epoch, message};
use crate::log::overlay::Overlay;
use crate::log::record::{FLAG_UTF8, Head, Kind, is_optional};
use crate::log::surrogate::StandIn;

/// What came of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It was understood.
    Done,
    /// It says that ids are of this epoch.
    Epoch(u32),
    /// Its octets are right and make no sense.
    Senseless,
    /// It is of a kind that this version does not know and must not pass over.
    Unknown,
}

/// Applies a record whose head and meta are right.
pub(crate) fn apply(overlay: &mut Overlay, head: &Head, meta: &[u8]) -> Applied {
    match Kind::of(head.kind) {
        Some(Kind::Message | Kind::Big | Kind::Move) => add(overlay, head, meta),
        Some(Kind::Destroy) => match Destroyed::decode(meta) {
            Some(destroyed) => {
                overlay.concerns(head.segment, destroyed.maildrop, head.place);
                overlay.wrote_journal(head.segment, head.size(), head.time);
                for (id, _) in destroyed.copies {
                    overlay.destroy(destroyed.maildrop, id);
                }
                Applied::Done
            }
            None => Applied::Senseless,
        },
        Some(Kind::Mark) => match Mark::decode(meta) {
            Some(mark) => {
                overlay.concerns(head.segment, mark.maildrop, head.place);
                overlay.wrote_journal(head.segment, head.size(), head.time);
                overlay.mark(&mark);
                Applied::Done
            }
            None => Applied::Senseless,
        },
        Some(Kind::Epoch) => epoch(meta).map_or(Applied::Senseless, Applied::Epoch),
        Some(Kind::Event) => {
            let mut newest = head.time;
            for event in event::all(meta) {
                overlay.concerns(head.segment, event.maildrop, head.place);
                newest = newest.max(event.time);
            }
            overlay.wrote_journal(head.segment, head.size(), newest);
            Applied::Done
        }
        Some(Kind::Seal) => Applied::Done,
        None if is_optional(head.kind) => Applied::Done,
        None => Applied::Unknown,
    }
}

/// A day in milliseconds.
const DAY_MILLIS: u64 = 86_400_000;

fn add(overlay: &mut Overlay, head: &Head, meta: &[u8]) -> Applied {
    let Some(message) = message(head, meta) else { return Applied::Senseless };
    let utf8 = if head.flags & FLAG_UTF8 == 0 { 0 } else { UTF8 };
    let big = if message.file_id.is_none() { 0 } else { BIG };
    let day = u16::try_from(head.time / DAY_MILLIS).unwrap_or(u16::MAX);
    for (recipient, row) in (0_u32..).zip(&message.rows) {
        // Refused when the others were written.
        if row.id == 0 {
            continue;
        }
        let stand_in = StandIn::find(message.extensions, recipient, row.prefix);
        let surrogate = if stand_in.is_some() { SURROGATE } else { 0 };
        let named = if row.uidl.is_empty() { 0 } else { NAMED };
        let entry = Entry {
            id: row.id,
            octets: head.body_octets.saturating_add(row.prefix.len() as u64),
            segment: head.segment,
            place: head.place,
            recipient,
            flags: utf8 | big | named | surrogate,
            day,
        };
        overlay.concerns(head.segment, row.maildrop, head.place);
        overlay.wrote_message(head.segment, entry.in_segment());
        overlay.add(row.maildrop, entry, row.uidl);
        if let Some(stand_in) = stand_in {
            overlay.add_surrogate(row.maildrop, row.id, stand_in.octets(head));
        }
    }
    if let Some(file_id) = message.file_id {
        overlay.add_big((head.segment, head.place), file_id);
    }
    if let Some(source) = message.source {
        overlay.add_source(source);
    }
    Applied::Done
}
