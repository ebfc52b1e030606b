//! Passwd files that others keep: Dovecot's and htpasswd's.
//!
//! ```text
//!   watched.rs ──► content.rs ──► line.rs ──► extra.rs
//! ```
//! A file says who is let in and with which password. Everything else about its accounts, from
//! their maildrop's number on, is kept in the database.

mod content;
mod extra;
mod line;
mod watched;

pub(crate) use content::{Content, Entry, Meaning};
pub(crate) use extra::{Extra, extra};
pub(crate) use watched::{Seen, Watched};
