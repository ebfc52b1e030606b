//! `restante store …`: looks after the store as a whole.

mod copying;
mod stopped;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use crate::commands::findings::{FOUND, told, write_findings};
use crate::commands::reaching::reach;
use crate::human;
use crate::operations::condition::{BackedUp, Stats, Verdict};
use crate::operations::reach::Reach;
use crate::operations::request::Request;
use crate::output::{Failure, Output, Table};
use crate::runtime::block_on;
use crate::settings::locate::ConfigArg;
use crate::shown::Shown;

/// What to do with the store.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Say how much of everything there is
    Stats {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Read all of it, octet by octet, and say what is wrong; changes nothing
    #[command(
        after_help = "Exit codes: 0 nothing is wrong, 1 something is, or it could not be done."
    )]
    Verify {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Bring a backup in a folder up to date; the server may run
    Backup {
        /// The folder: a new one, or one with an earlier backup of this store
        #[arg(value_name = "DIR")]
        to: PathBuf,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Make a store out of a backup, where there is none; needs a stopped server
    #[command(name = "recover-from")]
    RecoverFrom {
        /// The folder that `restante store backup` has written
        #[arg(value_name = "DIR")]
        from: PathBuf,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Copy a whole store into another, unique-ids kept, and compare the two octet for octet;
    /// needs a stopped server
    #[command(after_help = COPY_HELP)]
    Copy {
        /// The store to copy; nothing in it is changed
        #[arg(value_name = "FROM")]
        from: copying::Which,
        /// The store to make: an empty folder, or what an interrupted copy of the same left
        #[arg(value_name = "TO")]
        to: copying::Which,
        /// Leave out what TO cannot keep
        ///
        /// Without it nothing is copied where something of FROM cannot be kept. With it, messages
        /// that are held or set aside are left out, those that are hidden from some are shown to
        /// all, and stand-ins for headers in UTF-8 go.
        #[arg(long)]
        leave_out: bool,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Deal with what is damaged: give back what is whole, name what is lost; needs a stopped
    /// server
    Repair {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Make the index anew from the log; needs a stopped server
    #[command(name = "rebuild-index")]
    RebuildIndex {
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
}

const COPY_HELP: &str = "FROM and TO are `log` or `maildir`, the site's own, in its state folder, \
or `log:DIR` or `maildir:DIR`.\n\nExit codes: 0 TO is as FROM is, 1 it is not, 130 it was \
interrupted: begun again, it goes on.";

/// Does it.
pub(crate) fn run(args: Args, output: Output) -> Result<ExitCode, Failure> {
    let Args { config, act } = args;
    match act {
        Act::RecoverFrom { from, json } => {
            return stopped::recover_from(&config.load(output)?, &whole(&from)?, json, output);
        }
        Act::Copy { from, to, leave_out, json } => {
            return copying::copy(&config.load(output)?, (from, to), leave_out, json, output);
        }
        Act::Repair { json } => return stopped::repair(&config.load(output)?, json, output),
        Act::RebuildIndex { json } => {
            return stopped::rebuild_index(&config.load(output)?, json, output);
        }
        Act::Stats { .. } | Act::Verify { .. } | Act::Backup { .. } => {}
    }
    block_on(async move {
        let reach = reach(&config, output).await?;
        match act {
            Act::Stats { json } => stats(&reach, json, output).await,
            Act::Verify { json } => verify(&reach, json, output).await,
            Act::Backup { to, json } => backup(&reach, &to, json, output).await,
            Act::RecoverFrom { .. }
            | Act::Copy { .. }
            | Act::Repair { .. }
            | Act::RebuildIndex { .. } => Ok(ExitCode::SUCCESS),
        }
    })?
}

async fn stats(reach: &Reach, json: bool, output: Output) -> Result<ExitCode, Failure> {
    let stats: Stats = reach.ask(Request::StoreStats).await?;
    if json {
        output.json(&stats)?;
        return Ok(ExitCode::SUCCESS);
    }
    let headings = ["SHARD", "MAILDROPS", "MESSAGES", "SEGMENTS", "SIZE", "LIVE", "RESERVE"];
    let mut table = Table::new(headings).right([0, 1, 2, 3, 4, 5]);
    for (number, shard) in stats.shards.iter().enumerate() {
        let live = shard.live.saturating_mul(100).checked_div(shard.octets).unwrap_or(100);
        table.row([
            number.to_string(),
            human::grouped(shard.maildrops),
            human::grouped(shard.messages),
            human::grouped(shard.segments),
            human::size(shard.octets),
            format!("{} %", live.min(100)),
            if shard.reserve_held {
                "held".to_owned()
            } else {
                "used: the disk is full".to_owned()
            },
        ]);
    }
    output.table(&table)?;
    output.line(format_args!("{} are free on the disk", human::size(stats.free)))?;
    if stats.damaged > 0 {
        let stretches = human::count(stats.damaged, "stretch");
        output.line(format_args!(
            "{stretches} damaged: stop the server, run `restante store repair`"
        ))?;
    }
    if stats.quarantined > 0 {
        let copies = human::count(stats.quarantined, "stretch");
        output.line(format_args!("{copies} in quarantine, dealt with"))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn verify(reach: &Reach, json: bool, output: Output) -> Result<ExitCode, Failure> {
    let shown = Shown::new(output, json);
    let verdict: Verdict = reach.ask_long(Request::StoreVerify, &shown).await?;
    if json {
        output.json(&verdict)?;
    } else {
        write_findings(&verdict.findings, output)?;
        output.line(format_args!(
            "{} in {} were read, {} octets: {}",
            human::count(verdict.messages, "message"),
            human::count(verdict.records, "record"),
            human::grouped(verdict.octets),
            told(&verdict.findings),
        ))?;
    }
    if verdict.findings.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    output.note("`restante store repair`, with the server stopped, deals with it");
    Ok(ExitCode::from(FOUND))
}

async fn backup(reach: &Reach, to: &Path, json: bool, output: Output) -> Result<ExitCode, Failure> {
    let shown = Shown::new(output, json);
    let to = whole(to)?;
    let request = Request::StoreBackup { to: to.clone() };
    let done: BackedUp = reach.ask_long(request, &shown).await?;
    if json {
        output.json(&done)?;
    } else {
        output.line(format_args!(
            "{} is a whole backup: {}, {}, of which {} were new",
            to.display(),
            human::count(done.files, "file"),
            human::size(done.octets),
            human::size(done.copied),
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The whole path: the server stands in another folder than who asks.
fn whole(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}
