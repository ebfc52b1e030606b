//! The server's machine: octets in, octets out, and few questions to the world.

pub mod ask;
pub mod policy;
pub mod session;

pub use session::Session;
