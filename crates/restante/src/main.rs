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
mod commands;
mod output;
mod runtime;
mod settings;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    let output = output::Output::new();
    match arguments.run(output) {
        Ok(code) => code,
        Err(failure) => output.fail(&failure),
    }
}
