//! How a message came to be in a maildrop, as its record says.

use crate::error::StoreError;
use crate::log::entry::Entry;
use crate::log::meta::message;
use crate::log::provenance;
use crate::log::record::offset;
use crate::log::scan::Scan;
use crate::log::shard::Shard;
use crate::log::telling::time;
use crate::store::{Origin, Provenance};

/// How the message of this entry came here. Reads the head and the meta of its record.
pub(crate) fn origin(shard: &Shard, entry: &Entry) -> Result<Origin, StoreError> {
    let file = shard.segments.file(entry.segment)?;
    let scan = Scan { file: &*file, number: entry.segment, seed: shard.seed(), end: u64::MAX };
    let at = offset(entry.place);
    let damaged = |what: &str| StoreError::Damaged {
        detail: format!("{} at {at}: {what}", shard.segments.path(entry.segment)),
    };
    let record = scan.record(at).map_err(|fault| StoreError::disk("read a message", fault))?;
    let record = record.ok_or_else(|| damaged("no record is there"))?;
    let message = message(&record.head, &record.meta);
    let message = message.ok_or_else(|| damaged("the recipients make no sense"))?;
    let number = usize::try_from(entry.recipient).unwrap_or(usize::MAX);
    let known = provenance::decode(message.extensions, &message.rows, number);
    Ok(Origin {
        accepted: Some(time(record.head.time)),
        provenance: Provenance { peer: known.peer, sender: known.sender },
        address: known.address,
    })
}
