//! Real clients and real mail servers against the real binary, on loopback.
//!
//! Each test starts a `restante try` of its own, and compares octets: what was delivered with
//! what the client has. A program that is missing fails the test with the package to install;
//! `cargo xtask ci` installs them all.

mod curl;
mod delivery;
mod expected;
mod fetchers;
mod mechanisms;
mod openssl;
mod poplib;
mod postfix;
mod program;
mod readers;
mod trial;
