//! The command line: every command once, from which help, man pages and completions come.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::commands::{
    account, address, app_password, check, completions, config, deliver, guard, hold, maildrop,
    man, restore, serve, status, store, trace, try_server,
};
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
    /// Run a whole server in a temporary folder, with an account and sample mail
    Try(try_server::Args),
    /// Serve what the configuration says
    Serve(serve::Args),
    /// Say all that is wrong with a configuration
    Check(check::Args),
    /// Say how the running server is
    Status(status::Args),
    /// Make, list, change and remove accounts
    Account(account::Args),
    /// Make, list and revoke passwords for one device or program each
    AppPassword(app_password::Args),
    /// Make, list and remove addresses that lead to accounts
    Address(address::Args),
    /// Deliver one message from standard input, for the pipes of Postfix, Exim and fetchmail
    Deliver(deliver::Args),
    /// Look at the mail that is there, and copy it out
    Maildrop(maildrop::Args),
    /// Tell what happened to messages, as their journal has it
    Trace(trace::Args),
    /// Offer messages again that were held, hidden or set aside
    Restore(restore::Args),
    /// Look at what is kept out of the listings, and destroy what is held
    Hold(hold::Args),
    /// See who has guessed passwords too often, and let them in again
    Guard(guard::Args),
    /// Look after the store as a whole: verify, back up, repair
    Store(store::Args),
    /// Print what can be configured
    Config(config::Args),
    /// Write the man pages into a folder
    Man(man::Args),
    /// Print the completions for a shell
    Completions(completions::Args),
}

impl Arguments {
    /// Reads the command line, or says why not and gives the exit code.
    pub(crate) fn read() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| {
            // Nobody is left to be told if the output is gone.
            let _ = error.print();
            if std::env::args_os().nth(1).is_some_and(|command| command == "deliver") {
                return deliver::usage(&error);
            }
            u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        })
    }

    /// Does what was asked.
    pub(crate) fn run(self, output: Output) -> Result<ExitCode, Failure> {
        match self.command {
            Command::Try(args) => try_server::run(&args, output),
            Command::Serve(args) => serve::run(&args, output),
            Command::Check(args) => check::run(&args, output),
            Command::Status(args) => status::run(&args, output),
            Command::Account(args) => account::run(args, output),
            Command::AppPassword(args) => app_password::run(args, output),
            Command::Address(args) => address::run(args, output),
            Command::Deliver(args) => deliver::run(&args, output),
            Command::Maildrop(args) => maildrop::run(args, output),
            Command::Trace(args) => trace::run(args, output),
            Command::Restore(args) => restore::run(args, output),
            Command::Hold(args) => hold::run(args, output),
            Command::Guard(args) => guard::run(args, output),
            Command::Store(args) => store::run(args, output),
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
