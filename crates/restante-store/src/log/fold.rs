//! Changes go into the index: chunks, sums, what is live in segments and files.

use std::collections::{BTreeMap, HashMap};

use redb::{ReadableTable, Table, WriteTransaction};

use crate::log::entry::{BIG as IN_FILE, Entry};
use crate::log::index::{BIG, CHUNK, SEGMENT, SUM, UIDL};
use crate::log::overlay::{Change, Overlay};

/// What became free by folding changes in.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// Files of bodies that no message has any more.
    pub(crate) files: Vec<u64>,
}

/// How many entries a chunk has at most: 4 KiB.
const CHUNK_ENTRIES_MAX: usize = 128;
