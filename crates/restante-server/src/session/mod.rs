//! One connection's conversation: a loop and a match for each protocol.

pub(crate) mod accepted;
pub(crate) mod announce;
pub(crate) mod context;
mod custodian;
mod deliver;
mod digest;
mod handshake;
mod headers;
mod intake;
mod leased;
mod lmtp;
mod login;
mod pop3;
pub(crate) mod proxied;
mod retrieve;
mod room;
pub mod services;
pub mod settings;
mod standing;
mod surrogate;
mod visit;
mod wait;
