//! `restante guard list|why|allow|clear`: who has guessed too often, and letting them in again.

use std::process::ExitCode;

use clap::Subcommand;
use ipnet::IpNet;
use jiff::{Timestamp, Zoned};
use restante_directory::{Allowed, Shown, Subject};

use crate::commands::reaching::reach;
use crate::human;
use crate::operations::answer::GuardList;
use crate::operations::reach::Reach;
use crate::operations::request::Request;
use crate::output::{Failure, Output, Table};
use crate::runtime::block_on;
use crate::settings::locate::ConfigArg;

/// What to do.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List who has failed logins, the blocked first
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
        /// An nftables set of the blocked networks, for `nft -f -`
        #[arg(long, conflicts_with = "json")]
        nftables: bool,
    },
    /// Say what bears on an address, a network or a login name
    Why {
        /// Which
        subject: String,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Let an address or a network in, however often it fails
    Allow {
        /// Which
        network: String,
        /// For how long: `8h`, a day, or an RFC 3339 time; otherwise until it is cleared
        #[arg(long = "for", value_name = "TIME")]
        time: Option<String>,
    },
    /// Forget the failures of an address, a network or a login name, and that it is allowed
    Clear {
        /// Which
        subject: String,
    },
}

/// Does it.
pub(crate) fn run(args: Args, output: Output) -> Result<ExitCode, Failure> {
    block_on(async move {
        let reach = reach(&args.config, output).await?;
        match args.act {
            Act::List { json, nftables } => list(&reach, json, nftables, output).await?,
            Act::Why { subject, json } => why(&reach, subject, json, output).await?,
            Act::Allow { network, time } => allow(&reach, &network, time, output).await?,
            Act::Clear { subject } => {
                let cleared: usize =
                    reach.ask(Request::GuardClear { subject: subject.clone() }).await?;
                match cleared {
                    0 => output.note(format_args!("nothing was remembered of {subject}")),
                    _ => output.line(format_args!("{subject}: forgotten"))?,
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    })?
}

async fn list(reach: &Reach, json: bool, nftables: bool, output: Output) -> Result<(), Failure> {
    let list: GuardList = reach.ask(Request::GuardList).await?;
    if nftables {
        return set(&list, output);
    }
    show(&list.failures, json, output)?;
    for allowed in &list.allowed {
        if json {
            output.json(&human::with_iso_times(allowed))?;
        } else {
            output.line(told(allowed))?;
        }
    }
    Ok(())
}

async fn why(reach: &Reach, subject: String, json: bool, output: Output) -> Result<(), Failure> {
    let about: Vec<Shown> = reach.ask(Request::GuardWhy { subject }).await?;
    show(&about, json, output)
}

async fn allow(
    reach: &Reach,
    network: &str,
    time: Option<String>,
    output: Output,
) -> Result<(), Failure> {
    let Subject::Network(network) = Subject::parse(network) else {
        return Err(Failure::new(format!("`{network}` is neither an address nor a network"))
            .hint("192.0.2.7, 192.0.2.0/24 or 2001:db8::/32; accounts are never locked")
            .exit(64));
    };
    let until = time.map(|time| human::time_to_come(&time, &Zoned::now())).transpose();
    let until = until.map_err(|why| Failure::new(why).exit(64))?;
    let allowed = Allowed { network, until };
    output.line(told(&allowed))?;
    let _all: Vec<Allowed> = reach.ask(Request::GuardAllow(allowed)).await?;
    Ok(())
}

fn show(shown: &[Shown], json: bool, output: Output) -> Result<(), Failure> {
    let now = Timestamp::now();
    let mut table = Table::new(["WHO", "FAILED", "FIRST", "LAST", "FOR OR FROM", ""]).right([1]);
    for one in shown {
        if json {
            output.json(&human::with_iso_times(one))?;
        }
        let state = match one.blocked_until {
            Some(until) => {
                let left = until.saturating_sub(now.as_second()).max(1);
                let what = if one.account { "guessed at, new places wait" } else { "blocked" };
                format!("{what}, for {left} s more")
            }
            None => String::new(),
        };
        table.row([
            one.who.clone(),
            one.failures.to_string(),
            human::relative(one.first, now),
            human::relative(one.last, now),
            one.other.clone(),
            state,
        ]);
    }
    if json {
        return Ok(());
    }
    if shown.is_empty() {
        output.note("no failed logins are remembered");
        return Ok(());
    }
    output.table(&table)?;
    Ok(())
}

/// The kernel can drop what is blocked here; it forgets with us.
fn set(list: &GuardList, output: Output) -> Result<(), Failure> {
    let now = Timestamp::now().as_second();
    output.line("table inet restante {")?;
    for (name, kind, v6) in [("blocked4", "ipv4_addr", false), ("blocked6", "ipv6_addr", true)] {
        output.line(format_args!("    set {name} {{"))?;
        output.line(format_args!("        type {kind}; flags interval, timeout; auto-merge"))?;
        let elements: Vec<String> = list
            .failures
            .iter()
            .filter(|shown| !shown.account && shown.who.contains(':') == v6)
            .filter_map(|shown| {
                let left = shown.blocked_until?.saturating_sub(now).max(1);
                Some(format!("{} timeout {left}s", shown.who))
            })
            .collect();
        if !elements.is_empty() {
            output.line(format_args!("        elements = {{ {} }}", elements.join(", ")))?;
        }
        output.line("    }")?;
    }
    output.line("}")?;
    Ok(())
}

fn told(allowed: &Allowed) -> String {
    let network = shown_network(allowed.network);
    match allowed.until {
        Some(until) => {
            let until = human::relative(until, Timestamp::now());
            format!("{network}: allowed, until {until}")
        }
        None => format!("{network}: allowed, until it is cleared"),
    }
}

fn shown_network(network: IpNet) -> String {
    Subject::Network(network).to_string()
}
