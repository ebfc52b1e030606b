//! The benchmarks of the store, one command each. README.md has them, and what they said.
//!
//! ```text
//!   main ── which one ──► deliver, lmtp, open, restart, space ── each prints rows of a table
//!                              │
//!                  limits, ground, table ── what the machine can do; stores; how it is shown
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

mod deliver;
mod ground;
mod limits;
mod lmtp;
mod lmtp_client;
mod lmtp_servers;
mod opening;
mod restart;
mod space;
mod table;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo run --release -p bench -- WHICH

  limits    how often the disk syncs, and how fast it is written to
  deliver   durable deliveries of 20 KB by 64 at once: log against Maildir
  lmtp      the same over 64 LMTP connections, through the servers: ours, and Dovecot
  open      opening 10,000 and 1,000,000 messages, UPDATE of 10,000, memory of sessions
  restart   opening a store of 1,000,000 messages after a kill
  space     octets on disk over octets received, before and with compaction

The stores are made in the folder that BENCH_DIR names, else in the temporary folder.";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let which = arguments.next().unwrap_or_default();
    let outcome = match which.as_str() {
        "limits" => limits::run(),
        "deliver" => deliver::run(),
        "lmtp" => lmtp::run(),
        "open" => opening::run(),
        "restart" => restart::run(),
        // The process that `restart` kills.
        "fill" => restart::fill(arguments),
        "space" => space::run(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("bench {which}: {fault}");
            ExitCode::FAILURE
        }
    }
}
