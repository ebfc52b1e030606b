//! A shard as it is at one moment, while it goes on.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::error::StoreError;
use crate::log::front::Front;
use crate::log::moment::Moment;
use crate::log::queue::Job;
use crate::log::shard::Shard;

/// A shard as it was at one moment. No file that is named here is removed while this lives.
#[derive(Debug)]
pub(crate) struct Standstill {
    pub(crate) moment: Moment,
    stays: Stays,
}

/// As a snapshot of a session: the files stay.
#[derive(Debug)]
struct Stays {
    shard: Arc<Shard>,
    at: u64,
}

impl Drop for Stays {
    fn drop(&mut self) {
        if self.shard.snapshots.end(self.at) {
            self.shard.queue.nudge();
        }
    }
}

/// All shards as they are now, or nearly: each at a moment of its own. Blocks.
pub(crate) fn stills(front: &Front) -> Result<Vec<Standstill>, StoreError> {
    let mut asked = Vec::new();
    for shard in &front.shards {
        let stays = Stays { at: shard.snapshots.begin(), shard: Arc::clone(shard) };
        let (answer, answered) = oneshot::channel();
        shard.queue.push(Job::Still(answer))?;
        asked.push((stays, answered));
    }
    let mut stills = Vec::new();
    for (stays, answered) in asked {
        let moment = answered.blocking_recv().map_err(|_| StoreError::Unavailable)??;
        stills.push(Standstill { moment, stays });
    }
    Ok(stills)
}

impl Standstill {
    /// Its shard.
    pub(crate) const fn shard(&self) -> &Arc<Shard> {
        &self.stays.shard
    }

    /// How many octets the records have.
    pub(crate) fn octets(&self) -> u64 {
        self.moment.segments.values().fold(0, |sum, end| sum.saturating_add(*end))
    }
}
