//! A Maildir that Postfix, mutt and Dovecot can share.
//!
//! ```text
//!  store ──► deliver ──► content          one message in: tmp, sync, rename, sync
//!    │          │
//!    ├──────► ground ──► drawer            what is kept of each maildrop
//!    │                     │
//!    └──► snapshot ──► contents ──► scan  which files there are
//!                          │
//!                       uidlist           in which order, with which unique-ids and sizes
//! ```
//! `docs/internals/maildir.md` says what is promised, and what other programs may do beside us.

#[cfg(test)]
mod conforms;
mod content;
mod contents;
mod deliver;
mod drawer;
#[cfg(test)]
mod faults;
mod folders;
mod ground;
mod measure;
mod names;
mod origin;
mod removal;
mod scan;
#[cfg(test)]
pub(crate) mod scratch;
mod settings;
mod snapshot;
mod store;
mod uidlist;

pub use settings::Settings;
pub use store::MaildirStore;
