//! The server.s machine.
pub mod ask;
pub mod policy;
