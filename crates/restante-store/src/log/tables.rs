//! The tables of the index, as FORMAT.md has them.

use redb::TableDefinition;

/// Maildrop and an id not above the first: packed entries.
pub(crate) const CHUNK: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("chunk");
/// Maildrop: count, octets.
pub(crate) const SUM: TableDefinition<'_, u64, (u64, u64)> = TableDefinition::new("sum");
/// Maildrop and id: a unique-id that is not native.
pub(crate) const UIDL: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("uidl");
/// Segment: octets of entries that were added, that are live.
pub(crate) const SEGMENT: TableDefinition<'_, u32, (u64, u64)> = TableDefinition::new("segment");
/// Segment and place of a record: the file of its body, how many messages it is for.
pub(crate) const BIG: TableDefinition<'_, (u32, u32), (u64, u64)> = TableDefinition::new("big");
/// Segments that copies were made from: they may hold a second copy of a message.
pub(crate) const SOURCE: TableDefinition<'_, u32, ()> = TableDefinition::new("source");
/// `version`, `store`, `applied`.
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// The version of these tables.
pub(crate) const VERSION: &[u8] = &[1, 0, 0, 0];
