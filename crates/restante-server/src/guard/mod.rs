//! Who may connect, who has to wait, and who holds which maildrop.

pub(crate) mod deaths;
pub mod leases;
pub mod limits;
pub(crate) mod nudge;
pub(crate) mod penalty;
pub mod presence;
mod queue;
pub(crate) mod shown;
