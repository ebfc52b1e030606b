//! pop3-proto
#![forbid(unsafe_code)]
pub mod server;
