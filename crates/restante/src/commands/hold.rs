//! `restante hold list|release`: the messages that are kept out of listings.

use std::process::ExitCode;

use clap::Subcommand;
use jiff::Timestamp;

use crate::commands::asking::confirm_by_name;
use crate::commands::reaching::reach;
use crate::human;
use crate::operations::reach::Reach;
use crate::operations::request::{Name, Request};
use crate::operations::story::Withheld;
use crate::output::{Failure, Output, Table};
use crate::runtime::block_on;
use crate::settings::locate::ConfigArg;

/// What to do with them.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List what is held, set aside, or hidden from a credential
    List {
        /// Whose messages
        account: String,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Destroy what is held before its time is over
    Release {
        /// Whose messages
        account: String,
        /// Their unique-ids
        #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "UIDL")]
        messages: Vec<String>,
        /// All that is held
        #[arg(long)]
        all: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Does it.
pub(crate) fn run(args: Args, output: Output) -> Result<ExitCode, Failure> {
    block_on(async move {
        if let Act::Release { account, yes: false, .. } = &args.act {
            output.note(format_args!("held mail of {account} will be destroyed for good"));
            confirm_by_name(account)?;
        }
        let reach = reach(&args.config, output).await?;
        match args.act {
            Act::List { account, json } => list(&reach, account, json, output).await?,
            Act::Release { account, messages, all, .. } => {
                let uidls = (!all).then_some(messages);
                let released: u64 = reach.ask(Request::HoldRelease { account, uidls }).await?;
                output.line(format_args!("{} destroyed", human::count(released, "message")))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })?
}

async fn list(reach: &Reach, name: String, json: bool, output: Output) -> Result<(), Failure> {
    let withheld: Vec<Withheld> = reach.ask(Request::HoldList(Name { name })).await?;
    let now = Timestamp::now();
    let mut table = Table::new(["UIDL", "SIZE", "WHY"]).right([1]);
    for message in &withheld {
        if json {
            output.json(&human::with_iso_times(message))?;
        }
        table.row([message.uidl.clone(), human::size(message.octets), why(message, now)]);
    }
    if !json && withheld.is_empty() {
        output.note("nothing is kept out of the listing");
    }
    if !json {
        output.table(&table)?;
    }
    Ok(())
}

fn why(message: &Withheld, now: Timestamp) -> String {
    let held = message
        .held_until
        .map(|until| format!("held, will be destroyed {}", human::relative(until, now)));
    let aside = message.set_aside.map(|reason| format!("set aside: {}", reason.told()));
    let hidden = (!message.hidden_from.is_empty())
        .then(|| format!("hidden from {}", message.hidden_from.join(", ")));
    let all: Vec<String> = held.into_iter().chain(aside).chain(hidden).collect();
    all.join("; ")
}
