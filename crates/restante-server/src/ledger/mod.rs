//! What the server tells of itself: numbers, log lines, and who is here.

pub mod events;
mod guessing;
pub mod roll;
pub mod stats;

pub use guessing::guesses_told;
