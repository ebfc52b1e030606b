//! `restante config reference|example`: what can be configured, from the definitions.

use std::process::ExitCode;

use crate::output::{Failure, Output};
use crate::settings::reference;

/// What to print.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print every setting with what it means, as Markdown
    Reference,
    /// Print a configuration with every setting and its default
    Example,
}

/// Prints it.
pub(crate) fn run(args: &Args, output: Output) -> Result<ExitCode, Failure> {
    let text = match args.what {
        What::Reference => reference::markdown(),
        What::Example => reference::example(),
    };
    output.octets(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
