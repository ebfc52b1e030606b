//! `restante restore`: offers messages again that were held, hidden or set aside.

use std::process::ExitCode;

use crate::commands::reaching::reach;
use crate::operations::request::Request;
use crate::operations::story::Restored;
use crate::output::{Failure, Output, printable};
use crate::runtime::block_on;
use crate::settings::locate::ConfigArg;

/// What to offer again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Whose messages
    account: String,
    /// Their unique-ids, as `restante hold list` shows them
    #[arg(required = true, value_name = "UIDL")]
    messages: Vec<String>,
    /// Under new unique-ids, so that clients which remember the old ones fetch them too
    #[arg(long)]
    as_new: bool,
    /// One JSON object a message
    #[arg(long)]
    json: bool,
}

/// Offers them.
pub(crate) fn run(args: Args, output: Output) -> Result<ExitCode, Failure> {
    let Args { config, account, messages, as_new, json } = args;
    block_on(async move {
        let reach = reach(&config, output).await?;
        let request = Request::Restore { account, uidls: messages, as_new };
        let restored: Vec<Restored> = reach.ask(request).await?;
        for message in &restored {
            if json {
                output.json(message)?;
            } else if message.uidl == message.offered_as {
                output.line(printable(&format!("{} is offered again", message.uidl)))?;
            } else {
                let Restored { uidl, offered_as } = message;
                output.line(printable(&format!("{uidl} is offered again as {offered_as}")))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })?
}
