//! What the parts of an open store share; when the last of them is gone, the writers end.

use std::sync::Arc;

use mail_wire::MaildropId;

use crate::error::StoreError;
use crate::log::shard::Shard;
use crate::pool::Pool;

/// All shards.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) shards: Vec<Arc<Shard>>,
    /// Where work that may wait for the disk is done.
    pub(crate) pool: Pool,
}

impl Front {
    /// The shard that a maildrop is in.
    pub(crate) fn shard(&self, maildrop: MaildropId) -> Result<&Arc<Shard>, StoreError> {
        self.shards.get(self.shard_number(maildrop)).ok_or(StoreError::Unavailable)
    }

    /// Its place among them.
    pub(crate) fn shard_number(&self, maildrop: MaildropId) -> usize {
        let crc = crc32c::crc32c(&maildrop.get().to_le_bytes());
        let crc = usize::try_from(crc).unwrap_or_default();
        crc.checked_rem(self.shards.len()).unwrap_or_default()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        for shard in &self.shards {
            shard.queue.close();
        }
    }
}
