//! The tables of the index, as FORMAT.md has them.

use redb::TableDefinition;

/// Maildrop and an id not above the first: packed entries.
pub(crate) const CHUNK: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("chunk");
/// Maildrop: count, octets.
pub(crate) const SUM: TableDefinition<'_, u64, (u64, u64)> = TableDefinition::new("sum");
/// Maildrop and id: a unique-id that is not native.
pub(crate) const UIDL: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("uidl");
/// Segment: octets of entries that were added, that are live; octets of records that tell what
/// happened, and when the last of that was.
pub(crate) const SEGMENT: TableDefinition<'_, u32, (u64, u64, u64, u64)> =
    TableDefinition::new("segment");
/// Segment and maildrop: the place of the first record there that concerns it.
pub(crate) const JOURNAL: TableDefinition<'_, (u32, u64), u32> = TableDefinition::new("journal");
/// Segment and place of a record: the file of its body, how many messages it is for.
pub(crate) const BIG: TableDefinition<'_, (u32, u32), (u64, u64)> = TableDefinition::new("big");
/// Segments that copies were made from: they may hold a second copy of a message.
pub(crate) const SOURCE: TableDefinition<'_, u32, ()> = TableDefinition::new("source");
/// Maildrop, aspect, credential, id: stamp, value. Only of messages that are there.
pub(crate) const MARK: TableDefinition<'_, (u64, u8, u64, u64), (u64, u64)> =
    TableDefinition::new("mark");
/// When, maildrop, id: it is held until then.
pub(crate) const DUE: TableDefinition<'_, (u64, u64, u64), ()> = TableDefinition::new("due");
/// Maildrop and a unique-id that is not native: which message has it.
pub(crate) const NAME: TableDefinition<'_, (u64, &[u8]), u64> = TableDefinition::new("name");
/// Maildrop and id: how many octets the message has with the stand-in for its header.
pub(crate) const SURROGATE: TableDefinition<'_, (u64, u64), u64> =
    TableDefinition::new("surrogate");
/// `version`, `store`, `applied`.
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// The version of these tables.
pub(crate) const VERSION: &[u8] = &[4, 0, 0, 0];
