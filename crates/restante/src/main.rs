//! Restante, the binary: settings, commands, and the one place that names every backend.
//!
//! ```text
//!   main ──► args ──► commands/serve, try_server ──► compose ──► restante-server, -store, -directory
//!                        │         check ──────────► settings ──► one definition a setting
//!                        └── account, deliver, … ──► the control socket of the running server
//!                                        all ──────► output: text, tables, colours, errors with hints
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

mod args;
mod check;
mod commands;
mod compose;
mod export;
mod handover;
mod human;
mod keepable;
mod log_writer;
mod logging;
mod operations;
mod output;
mod runtime;
mod settings;
mod shown;
mod standing;
mod start;
mod systemd;
mod trial;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match args::Arguments::read() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let output = output::Output::new();
    match arguments.run(output) {
        Ok(code) => code,
        Err(failure) => output.fail(&failure),
    }
}
