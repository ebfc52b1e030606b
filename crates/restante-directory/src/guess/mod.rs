//! Guess control (`security` §4.2): who has tried too often, and how long that lasts.
//!
//! ```text
//!   guarded.rs   a directory, with guess control in front of it
//!      │
//!   guesses.rs   an attempt begins, and is right, wrong or undecided
//!      │
//!   table.rs  level.rs  entries.rs   so many entries and no more; what an allowance has left
//!      │
//!   file.rs  keeper.rs  look.rs   over a restart; for people
//! ```
//! Five rules: an attempt is counted before it is judged, by address and by the networks around
//! it; the same wrong password counts once an hour; no account is ever locked; delays stay under
//! what robots bear; a block ends by itself. It reads no clock: `now` comes in.

mod entries;
mod file;
mod guarded;
mod guesses;
mod keeper;
mod level;
mod look;
mod settings;
mod shown;
mod table;

pub use file::FileError;
pub use guarded::Guarded;
pub use guesses::{Attempt, Begun, Guesses, Outcome, Told};
pub use keeper::{GuessKeeper, KeeperError};
pub use settings::GuessSettings;
pub use shown::{Allowed, Shown, Subject};
