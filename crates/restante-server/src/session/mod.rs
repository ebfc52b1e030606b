//! One connection's conversation: a loop and a match for each protocol.

pub(crate) mod accepted;
pub(crate) mod context;
pub mod services;
pub mod settings;
