//! Who may connect, who has to wait, and who holds which maildrop.

pub mod limits;
pub(crate) mod nudge;
pub(crate) mod penalty;
mod prefix;
pub mod presence;
