//! What the server tells of itself: numbers, log lines, and who is here.

pub mod events;
pub mod roll;
pub mod stats;
