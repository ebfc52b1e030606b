//! The server's machine: octets in, octets out, and few questions to the world.

pub mod ask;
mod authorization;
mod connection;
mod failures;
mod marks;
pub mod policy;
mod progress;
pub mod session;
mod stranger;
mod transaction;
mod verdict;

pub use progress::{Counters, Stage};
pub use session::Session;
