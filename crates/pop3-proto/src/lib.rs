//! POP3 (RFC 1939 and its extensions) as a machine without I/O, clock or logger.
//!
//! ```text
//!        input                                              output
//!          │                                                  ▲
//!          ▼                                                  │
//!   line ──► command ──► authorization | transaction ──► reply, write
//!                              │            ▲
//!                          Ask ▼            │ Answer
//!                            the driver: who is it, where is theirs, send it, remove it
//! ```
//!
//! The machine asks, the driver answers: see [`server::Session`]. It allocates what it keeps
//! and nothing else, and it has no way to touch a maildrop but [`server::ask::Ask`].
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod apop;
pub mod capability;
pub mod command;
pub mod error;
pub mod extension;
pub mod language;
pub mod reply;
pub mod server;
mod words;
pub mod write;
