//! LMTP (RFC 2033) and receiving SMTP (RFC 5321): two dialects of one machine, with no I/O,
//! no clock and no logger.
//!
//! ```text
//!   octets from the peer                                        octets to the peer
//!          │                                                           ▲
//!       session ── a line ──► command ──► (path, params)             reply
//!          │                     │                                     │
//!          │                     └────► what it means ─────────────────┤
//!          └─── a message ──► data ──► where it ends                   │
//!                                │                                     │
//!          ┌─────────────────────┴───────── ask ───────────────────────┘
//!          ▼
//!   Recipient? Begin. Take these octets. Commit. Abort. Secure.       (the driver)
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

pub mod ask;
mod command;
mod content;
mod conversation;
pub mod counters;
mod data;
pub mod error;
mod execute;
pub mod params;
pub mod path;
pub mod policy;
mod reply;
pub mod session;
mod state;

pub use ask::{Answer, Ask, Envelope, Failure, Next, Reason, RecipientRefusal, Tell};
pub use counters::Counters;
pub use path::{ForwardPath, Mailbox, ReversePath};
pub use policy::{BareLineEnds, Dialect, Limits, Policy, Tls};
pub use session::Session;
