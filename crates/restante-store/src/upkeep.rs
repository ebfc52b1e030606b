//! What keeps a store in order, and is for its operator.

use crate::damage::Damage;

/// What an operator can ask of a store.
pub trait Upkeep: Send + Sync {
    /// What was found damaged, now or earlier, and has not been repaired since. Maildrops that
    /// may lack messages by it, or show some that were removed, cannot be opened
    /// ([`StoreError::Doubtful`], P-056).
    fn damage(&self) -> Vec<Damage>;

    /// Takes no more work, and waits until all that was begun is done and the files are in good
    /// order, so that the next start has nothing to find out. Blocks.
    fn close(&self);
}
