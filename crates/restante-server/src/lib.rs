//! The Restante server as a library: an embedder, the simulation and the binary use it alike.
//!
//! ```text
//!   server.rs ──── binds, accepts, drains; Handle is how others reach a running server
//!      │
//!   net/      listen ─► conn (plain or TLS, one buffer in, one out)      tls
//!      │
//!   session/  pop3   lmtp     one loop and one match each: the machine asks, the driver answers
//!      │      deliver ◄─ intake, headers
//!      │
//!   guard/    limits (who may connect)   penalty (who has to wait)   presence (who holds what)
//!             leases (which worker has which messages)   deaths (at which messages)
//!   chores    what no session waits for: mail whose time is over goes
//!   ledger/   stats (every number)       events (every log line)     roll (who is here)
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

mod chores;
pub mod control;
pub mod guard;
pub mod ledger;
pub mod net;
mod server;
pub mod session;

pub use ledger::guesses_told;
pub use server::{BindError, DEATHS_MAX, Handle, Server, Settings, StartError};
pub use session::services::Services;
