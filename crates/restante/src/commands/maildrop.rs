//! `restante maildrop list|show|export|verify|compact|purge|destroy`: the mail that is there.

mod export;
mod order;
mod reading;

use std::process::ExitCode;

use clap::Subcommand;
use jiff::Timestamp;
use restante_directory::{Filter, Page};

use crate::commands::asking::confirm_by_name;
use crate::commands::maildrop::reading::{Opened, Which};
use crate::commands::reaching::reach;
use crate::human;
use crate::operations::answer::{MaildropTotals, Row, Totals};
use crate::operations::reach::Reach;
use crate::operations::request::Request;
use crate::output::{Failure, Output, Table};
use crate::runtime::block_on;
use crate::settings::locate::ConfigArg;

/// Rows that are asked for at a time.
const ROWS: u32 = 200;

/// What to do with maildrops.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List how much mail each account has, and what removed accounts left
    List {
        /// Only this account
        account: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// List the messages of a maildrop, or print one as RETR would send it
    Show {
        #[command(flatten)]
        which: Which,
        /// Print this message: its number, or its unique-id
        #[arg(long, value_name = "NUMBER|UIDL")]
        message: Option<String>,
        /// One JSON object a line
        #[arg(long, conflicts_with = "message")]
        json: bool,
    },
    /// Copy a maildrop into an mbox file or a Maildir; nothing is overwritten
    Export(export::Args),
    /// Read all messages to the last octet, and say what is wrong; changes nothing
    #[command(
        after_help = "Exit codes: 0 nothing is wrong, 1 something is, or it could not be done."
    )]
    Verify {
        #[command(flatten)]
        which: Which,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Give back the room that removed messages had, which the server also does by itself
    Compact {
        /// Only where this account's maildrop is; many maildrops share that place
        account: Option<String>,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Destroy what is held in a maildrop now, before its days are over
    Purge {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Destroy the mail that a removed account left
    Destroy {
        /// The maildrop's number, as `restante maildrop list` shows it
        maildrop: u64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Does it.
pub(crate) fn run(args: Args, output: Output) -> Result<ExitCode, Failure> {
    block_on(async move {
        if let Act::Destroy { maildrop, yes: false } = args.act {
            output.note(format_args!("the mail of maildrop {maildrop} will be destroyed for good"));
            confirm_by_name(&maildrop.to_string())?;
        }
        let reach = reach(&args.config, output).await?;
        match args.act {
            Act::List { account: Some(account), json } => {
                list_one(&reach, account, json, output).await?;
            }
            Act::List { account: None, json } => list(&reach, json, output).await?,
            Act::Show { which, message: None, json } => show(&reach, which, json, output).await?,
            Act::Show { which, message: Some(message), .. } => {
                print(&reach, which, &message, output).await?;
            }
            Act::Export(wanted) => export::run(&reach, wanted, output).await?,
            Act::Verify { which, json } => {
                return order::verify(&reach, which, json, output).await;
            }
            Act::Compact { account, json } => {
                let which = account.map(Which::account);
                order::compact(&reach, which, json, output).await?;
            }
            Act::Purge { which, yes, json } => {
                order::purge(&reach, which, yes, json, output).await?;
            }
            Act::Destroy { maildrop, .. } => {
                reach.ask::<()>(Request::MaildropDestroy { maildrop }).await?;
                output.line(format_args!("maildrop {maildrop} is destroyed"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })?
}

async fn list_one(
    reach: &Reach,
    account: String,
    json: bool,
    output: Output,
) -> Result<(), Failure> {
    let opened = Opened::take(reach, Which::account(account)).await?;
    let row = MaildropTotals {
        account: opened.account.clone(),
        maildrop: opened.maildrop,
        totals: Some(opened.totals),
        problem: None,
    };
    opened.release(reach).await?;
    write_totals(&[row], json, output)
}

async fn list(reach: &Reach, json: bool, output: Output) -> Result<(), Failure> {
    let mut filter = Filter::default();
    let mut rows = Vec::new();
    loop {
        let page: Page<MaildropTotals> = reach.ask(Request::MaildropTotals(filter.clone())).await?;
        rows.extend(page.records);
        filter.after = page.next;
        // A page at a time, so that a long list begins at once and is never held whole.
        if rows.len() >= 1_000 || filter.after.is_none() {
            write_totals(&rows, json, output)?;
            rows.clear();
        }
        if filter.after.is_none() {
            break;
        }
    }
    let leftovers: Vec<MaildropTotals> = reach.ask(Request::MaildropLeftovers).await?;
    if !leftovers.is_empty() && !json {
        output.line("\nleft by removed accounts:")?;
    }
    write_totals(&leftovers, json, output)
}

fn write_totals(rows: &[MaildropTotals], json: bool, output: Output) -> Result<(), Failure> {
    let mut table = Table::new(["ACCOUNT", "MAILDROP", "MESSAGES", "SIZE"]).right([1, 2, 3]);
    for row in rows {
        if json {
            output.json(row)?;
        }
        let account = row.account.as_deref().unwrap_or("(removed)");
        let (messages, size) = match (&row.totals, &row.problem) {
            (Some(Totals { messages, octets }), _) => {
                (human::grouped(*messages), human::size(*octets))
            }
            (None, problem) => ("?".to_owned(), problem.clone().unwrap_or_default()),
        };
        table.row([account, &row.maildrop.to_string(), &messages, &size]);
    }
    if !json {
        output.table(&table)?;
    }
    Ok(())
}

async fn show(reach: &Reach, which: Which, json: bool, output: Output) -> Result<(), Failure> {
    let opened = Opened::take(reach, which).await?;
    let now = Timestamp::now();
    let mut from = 1;
    while let Some(next) = next_rows(reach, &opened, &mut from).await? {
        let mut table = Table::new(["NUMBER", "SIZE", "ARRIVED", "UIDL"]).right([0, 1]);
        for row in &next {
            if json {
                output.json(&human::with_iso_times(row))?;
            }
            let arrived = row.arrived.map_or_else(String::new, |at| human::relative(at, now));
            table.row([row.number.to_string(), human::size(row.octets), arrived, row.uidl.clone()]);
        }
        if !json {
            output.table(&table)?;
        }
    }
    if !json {
        let Totals { messages, octets } = opened.totals;
        let size = human::size(octets);
        output.note(format_args!("{}, {size}", human::count(messages, "message")));
    }
    opened.release(reach).await
}

async fn next_rows(
    reach: &Reach,
    opened: &Opened,
    from: &mut u32,
) -> Result<Option<Vec<Row>>, Failure> {
    let rows = opened.rows(reach, *from, ROWS, true).await?;
    let Some(last) = rows.last() else { return Ok(None) };
    *from = last.number.saturating_add(1);
    Ok(Some(rows))
}

async fn print(reach: &Reach, which: Which, message: &str, output: Output) -> Result<(), Failure> {
    let opened = Opened::take(reach, which).await?;
    let number = opened.find(reach, message).await?;
    opened.read(reach, number, |octets| output.octets(octets).map_err(Failure::from)).await?;
    opened.release(reach).await
}
