//! `restante app-password add|list|revoke`: passwords for one device or program each.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use jiff::{Timestamp, Zoned};
use restante_directory::{
    AppPasswordRecord, GeneratedAppPassword, Kind, LastUse, NewAppPassword, Scope,
};

use crate::commands::reaching::reach;
use crate::human;
use crate::operations::reach::Reach;
use crate::operations::request::{Name, Request};
use crate::output::{Failure, Output, Table};
use crate::runtime::block_on;
use crate::settings::locate::ConfigArg;

/// What to do with app passwords.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Generate an app password; it is shown once and kept nowhere
    Add(Add),
    /// List the app passwords of an account
    List {
        /// The account
        account: String,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Revoke an app password; its sessions end
    Revoke {
        /// The account
        account: String,
        /// Its label, or its number
        label: String,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The account
    account: String,
    /// What you call it: `laptop`, `zammad`
    label: String,
    /// What uses it: a person's device, or a worker, one of several robots that share the
    /// maildrop and get each message once
    #[arg(long, value_enum, default_value_t = KindArg::Device)]
    kind: KindArg,
    /// What it is good for; may be given several times. POP3 takes those with `pop3` only
    #[arg(long = "scope", value_enum, default_value = "pop3")]
    scopes: Vec<ScopeArg>,
    /// Good only from this network (`192.0.2.0/24`); may be given several times
    #[arg(long = "network", value_name = "NETWORK")]
    networks: Vec<String>,
    /// Good only until then: `90d`, `12h`, a day (`2027-01-31`) or an RFC 3339 time
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// One JSON object, the password in it
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum KindArg {
    Device,
    Worker,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScopeArg {
    Pop3,
    Submission,
    Web,
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::Pop3 => Self::Pop3,
            ScopeArg::Submission => Self::Submission,
            ScopeArg::Web => Self::Web,
        }
    }
}

/// Does it.
pub(crate) fn run(args: Args, output: Output) -> Result<ExitCode, Failure> {
    block_on(async move {
        let reach = reach(&args.config, output).await?;
        match args.act {
            Act::Add(new) => add(&reach, new, output).await?,
            Act::List { account, json } => list(&reach, account, json, output).await?,
            Act::Revoke { account, label } => {
                let request = Request::AppPasswordRevoke { account, which: label };
                let revoked: AppPasswordRecord = reach.ask(request).await?;
                let AppPasswordRecord { label, account, .. } = revoked;
                output.line(format_args!("app password `{label}` of {account} is revoked"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })?
}

async fn add(reach: &Reach, new: Add, output: Output) -> Result<(), Failure> {
    let expires = new.expires.map(|text| human::time_to_come(&text, &Zoned::now()));
    let request = NewAppPassword {
        account: new.account,
        label: new.label,
        kind: match new.kind {
            KindArg::Device => Kind::Device,
            KindArg::Worker => Kind::Worker,
        },
        scopes: new.scopes.into_iter().map(Scope::from).collect(),
        networks: new.networks,
        expires: expires.transpose().map_err(Failure::new)?,
    };
    let made: GeneratedAppPassword = reach.ask(Request::AppPasswordAdd(request)).await?;
    if new.json {
        let mut record = human::with_iso_times(&made.record);
        if let Some(fields) = record.as_object_mut() {
            fields.insert("password".to_owned(), made.secret.expose().as_str().into());
        }
        return output.json(&record);
    }
    // Only the password goes to standard output, so that a script can take it from there.
    let AppPasswordRecord { label, account, .. } = &made.record;
    output.note(format_args!("app password `{label}` of {account}; it is shown this once:"));
    Ok(output.line(made.secret.expose())?)
}

async fn list(reach: &Reach, name: String, json: bool, output: Output) -> Result<(), Failure> {
    let records: Vec<AppPasswordRecord> =
        reach.ask(Request::AppPasswordList(Name { name })).await?;
    let now = Timestamp::now();
    let mut table = Table::new([
        "LABEL", "KIND", "SCOPES", "CREATED", "EXPIRES", "LAST USE", "FROM", "NETWORKS",
    ]);
    for record in &records {
        if json {
            output.json(&human::with_iso_times(record))?;
        }
        let last_use = record.last_use.as_ref();
        table.row([
            record.label.clone(),
            match record.kind {
                Kind::Device => "device",
                Kind::Worker => "worker",
            }
            .to_owned(),
            scopes(record),
            human::relative(record.created, now),
            record.expires.map_or_else(|| "never".to_owned(), |at| expiry(at, now)),
            last_use.map_or_else(|| "never".to_owned(), |used| human::relative(used.at, now)),
            last_use.map(from).unwrap_or_default(),
            if record.networks.is_empty() { "any".to_owned() } else { record.networks.join(", ") },
        ]);
    }
    if !json && records.is_empty() {
        output.note("no app passwords");
    }
    if !json {
        output.table(&table)?;
    }
    Ok(())
}

fn scopes(record: &AppPasswordRecord) -> String {
    let name = |scope: &Scope| match scope {
        Scope::Pop3 => "pop3",
        Scope::Submission => "submission",
        Scope::Web => "web",
    };
    record.scopes.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// From where it was used, and by what, if that said so.
fn from(used: &LastUse) -> String {
    match &used.client {
        Some(client) => format!("{} ({client})", used.from),
        None => used.from.clone(),
    }
}

fn expiry(at: i64, now: Timestamp) -> String {
    let told = human::relative(at, now);
    if at <= now.as_second() { format!("expired, {told}") } else { told }
}
