//! `restante man DIR`: man pages from the same definitions as the arguments.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::output::{Failure, Output};

/// Where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to write the pages into; it is made if it is missing
    dir: PathBuf,
}

/// Writes one page a command.
pub(crate) fn run(
    args: &Args,
    command: clap::Command,
    output: Output,
) -> Result<ExitCode, Failure> {
    std::fs::create_dir_all(&args.dir)
        .and_then(|()| clap_mangen::generate_to(command, &args.dir))
        .map_err(|error| {
            Failure::new(format!("cannot write man pages to {}: {error}", args.dir.display()))
        })?;
    output.line(format_args!("man pages written to {}", args.dir.display()))?;
    Ok(ExitCode::SUCCESS)
}
