//! What a shard's writer says of it at one moment.

use std::collections::BTreeMap;

use crate::log::index_view::View;

/// A shard at one moment: what the segments say up to where they ended then is what the index
/// says.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(crate) index: View,
    /// The segments, and where their records ended.
    pub(crate) segments: BTreeMap<u32, u64>,
    /// Whether the room for deletions on a full disk is held.
    pub(crate) is_reserve_held: bool,
}
