//! `restante completions SHELL`: completions from the same definitions as the arguments.

use std::process::ExitCode;

use clap_complete::Shell;

use crate::output::{Failure, Output};

/// Which shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell to write for
    shell: Shell,
}

/// Prints the completions.
pub(crate) fn run(
    args: &Args,
    mut command: clap::Command,
    output: Output,
) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "restante", &mut script);
    output.octets(&script)?;
    Ok(ExitCode::SUCCESS)
}
