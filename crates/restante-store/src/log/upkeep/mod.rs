//! What an operator can ask of a log store.

use crate::damage::Damage;
use crate::log::store::LogStore;
use crate::upkeep::Upkeep;

impl Upkeep for LogStore {
    fn damage(&self) -> Vec<Damage> {
        Self::damage(self).to_vec()
    }

    fn close(&self) {
        for writer in self.front().close() {
            // One that broke down is found by the next start.
            let _ = writer.join();
        }
    }
}
