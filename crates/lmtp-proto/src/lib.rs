//! lmtp-proto
#![forbid(unsafe_code)]
pub mod ask;
pub mod path;
