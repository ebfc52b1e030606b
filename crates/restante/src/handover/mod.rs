//! Handing a message over by LMTP, as `restante deliver` does: what is read from standard input
//! becomes one mail transaction, and its replies become one exit code.
//!
//! ```text
//!   standard input ──► message ──┐
//!                                ├──► lmtp ──► outcome ──► exit code
//!   -f SENDER RECIPIENT… ► path ─┘
//! ```

pub(crate) mod lmtp;
pub(crate) mod message;
pub(crate) mod outcome;
pub(crate) mod path;
