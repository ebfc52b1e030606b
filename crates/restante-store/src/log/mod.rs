//! An append-only log of segments, and an index that is derived from it.
//!
//! ```text
//!  store ─► opening ─► recover ─► scan            what stands on the disk
//!    │
//!    ├────► deliver ─► intake     queue ─► writer ─► tail ─► batch ─► record, meta
//!    │                              ▲        │
//!    └────► snapshot ───────────────┘        └─► apply ─► overlay ─► index ─► fold ─► chunks
//!              └─► read
//! ```
//! `FORMAT.md` beside this file says what stands where; `docs/internals/log-store.md` how it
//! works and what is proved of it.

mod actor;
mod addition;
mod apply;
#[cfg(feature = "simulation")]
mod audit;
mod backend;
mod batch;
mod bugs;
#[cfg(test)]
mod carried;
mod chunks;
mod compact;
mod compacted;
#[cfg(test)]
mod conforms;
#[cfg(test)]
mod copies;
#[cfg(test)]
mod counted;
#[cfg(test)]
mod crashes;
mod custody;
mod decide;
mod deed;
mod deliver;
mod disk;
#[cfg(test)]
mod doubts;
mod entry;
mod epochs;
mod event;
mod extensions;
#[cfg(test)]
mod faults;
mod fields;
mod fill;
#[cfg(test)]
mod fixtures;
mod fold;
#[cfg(test)]
mod foreign;
mod format;
mod front;
mod give_back;
mod header;
mod holds;
mod identity;
mod index;
mod index_view;
mod intake;
mod journal;
#[cfg(test)]
mod kills;
mod laid;
mod listings;
#[cfg(test)]
mod lives;
#[cfg(test)]
mod looked_after;
mod mark;
#[cfg(test)]
mod marked;
mod marks;
mod meta;
mod moment;
#[cfg(test)]
mod month;
#[cfg(test)]
mod named;
mod notes;
mod noting;
mod opening;
mod origin;
mod over;
mod overlay;
mod packed;
mod position;
mod prepare;
mod provenance;
mod quarantine;
mod queue;
mod read;
mod real;
mod record;
mod recover;
mod reserve;
#[cfg(test)]
mod resumed;
mod rows;
mod scan;
mod segments;
mod settings;
mod shard;
#[cfg(feature = "simulation")]
pub mod simulation;
mod snapshot;
mod snapshots;
#[cfg(test)]
mod space;
mod standstill;
#[cfg(test)]
mod steps;
mod store;
#[cfg(test)]
mod story;
mod surrogate;
mod tables;
mod tagged;
mod tail;
mod telling;
#[cfg(test)]
pub(crate) mod trial;
mod trouble;
mod upkeep;
mod usages;
mod victim;
mod walk;
mod withheld;
mod writer;
mod writing;

pub use compacted::Compacted;
pub use settings::Settings;
pub use store::LogStore;
