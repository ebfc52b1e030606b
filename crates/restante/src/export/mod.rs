//! Mail taken out of a maildrop into forms that every mail program reads.
//!
//! ```text
//!   message by message, in pieces ──► lines (CRLF → LF) ──┬──► mbox     one file (RFC 4155)
//!                                                         └──► maildir  one file a message
//! ```

pub(crate) mod lines;
pub(crate) mod maildir;
pub(crate) mod mbox;
pub(crate) mod message;
