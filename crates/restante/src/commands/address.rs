//! `restante address add|list|remove`: which addresses lead to which accounts.

use std::process::ExitCode;

use clap::Subcommand;
use restante_directory::{AddressRecord, Filter, NewAddress, Page};

use crate::commands::reaching::reach;
use crate::human;
use crate::operations::reach::Reach;
use crate::operations::request::Request;
use crate::output::{Failure, Output, Table};
use crate::runtime::block_on;
use crate::settings::locate::ConfigArg;

/// What to do with addresses.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Make an address lead to accounts, in addition to those that it leads to already
    Add {
        /// `sales@example.org`, or `@example.org` for all mail of the domain that no other
        /// address takes
        address: String,
        /// The accounts
        #[arg(required = true, value_name = "ACCOUNT")]
        accounts: Vec<String>,
    },
    /// List addresses
    List {
        /// Only those that lead to this account
        #[arg(long, value_name = "ACCOUNT")]
        account: Option<String>,
        /// Only those of this domain
        #[arg(long, value_name = "DOMAIN")]
        domain: Option<String>,
        /// Only those that contain this
        #[arg(long, value_name = "TEXT")]
        contains: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Remove an alias or a catch-all
    Remove {
        /// The address
        address: String,
    },
}

/// Does it.
pub(crate) fn run(args: Args, output: Output) -> Result<ExitCode, Failure> {
    block_on(async move {
        let reach = reach(&args.config, output).await?;
        match args.act {
            Act::Add { address, accounts } => {
                let new = NewAddress { address, accounts };
                let made: AddressRecord = reach.ask(Request::AddressAdd(new)).await?;
                let accounts = made.accounts.join(", ");
                output.line(format_args!("{} leads to {accounts}", made.address))?;
            }
            Act::List { account, domain, contains, json } => {
                let filter = Filter { account, domain, contains, ..Filter::default() };
                list(&reach, filter, json, output).await?;
            }
            Act::Remove { address } => {
                let gone: AddressRecord = reach.ask(Request::AddressRemove { address }).await?;
                let accounts = gone.accounts.join(", ");
                output.line(format_args!("{} leads to {accounts} no more", gone.address))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })?
}

async fn list(
    reach: &Reach,
    mut filter: Filter,
    json: bool,
    output: Output,
) -> Result<(), Failure> {
    let mut none = true;
    loop {
        let page: Page<AddressRecord> = reach.ask(Request::AddressList(filter.clone())).await?;
        none &= page.records.is_empty();
        let mut table = Table::new(["ADDRESS", "LEADS TO", "KIND"]);
        for record in &page.records {
            if json {
                output.json(&human::with_iso_times(record))?;
            }
            table.row([
                record.address.clone(),
                record.accounts.join(", "),
                kind(record).to_owned(),
            ]);
        }
        if !json {
            output.table(&table)?;
        }
        filter.after = page.next;
        if filter.after.is_none() {
            break;
        }
    }
    if none && !json {
        output.note("no addresses");
    }
    Ok(())
}

fn kind(record: &AddressRecord) -> &'static str {
    if record.own {
        "account"
    } else if record.address.starts_with('@') {
        "catch-all"
    } else {
        "alias"
    }
}
