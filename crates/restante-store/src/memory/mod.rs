//! The reference model: a store in memory, simple enough to be obviously right.

mod custody;
mod maildrops;
mod store;

pub use store::MemoryStore;
