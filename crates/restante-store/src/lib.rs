//! Where messages are kept: the traits, their promises, and the backends.
//!
//! ```text
//!            store.rs  Store, Maildrop, Delivery: what is promised
//!                │
//!     ┌──────────┼──────────┐
//!  memory.rs  maildir/     log/          each passes conformance.rs
//! ```
//! A store knows no protocol and no account: it is given a [`mail_wire::MaildropId`].
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

mod arrivals;
mod body;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod copy;
mod crlf;
pub mod custody;
mod damage;
mod disk;
mod error;
pub mod log;
pub mod maildir;
pub mod memory;
mod pending;
mod pool;
mod store;
mod upkeep;
mod view;

pub use body::{Body, Progress};
pub use damage::Damage;
pub use error::StoreError;
pub use pending::Pending;
pub use store::{
    Delivery, Incoming, Maildrop, Origin, Promises, Provenance, Recipient, Removed, Store, Stored,
    Surrogate, Usage,
};
pub use upkeep::{
    Advance, BackedUp, Finding, Freed, Recovered, Repaired, ShardStats, Stats, Upkeep, Verdict,
    Watch,
};
pub use view::View;
