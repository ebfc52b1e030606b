//! POP3 (RFC 1939 and its extensions) as a machine without I/O, clock or logger.
//!
//! ```text
//!            input                                    output
//!              │                                        ▲
//!              ▼                                        │
//!   line ──► command ──► authorization / transaction ──► reply
//!                                 │     ▲
//!                             Ask ▼     │ Answer
//!                               the driver
//! ```
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

pub mod server;
