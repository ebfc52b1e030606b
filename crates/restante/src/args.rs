//! The command line: every command once, from which help, man pages and completions come.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::{check, completions, config, man};
use crate::output::{Failure, Output};

/// A POP3 server with LMTP and SMTP intake.
#[derive(Debug, Parser)]
#[command(name = "restante", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// A new command is one file in `commands/`, one variant here and one arm in [`Arguments::run`].
#[derive(Debug, Subcommand)]
enum Command {
    /// Say all that is wrong with a configuration
    Check(check::Args),
    /// Print what can be configured
    Config(config::Args),
    /// Write the man pages into a folder
    Man(man::Args),
    /// Print the completions for a shell
    Completions(completions::Args),
}

impl Arguments {
    /// Does what was asked.
    pub(crate) fn run(self, output: Output) -> Result<ExitCode, Failure> {
        match self.command {
            Command::Check(args) => check::run(&args, output),
            Command::Config(args) => config::run(&args, output),
            Command::Man(args) => man::run(&args, Self::command(), output),
            Command::Completions(args) => completions::run(&args, Self::command(), output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Arguments::command().debug_assert();
    }
}
