//! `restante account add|list|show|change|disable|enable|remove|passwd|import`.

mod change;
mod import;
mod keeping;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use jiff::Timestamp;
use restante_directory::{
    AccountChange, AccountRecord, AppPasswordRecord, Filter, NewAccount, Page,
};

use crate::commands::asking::{confirm_by_name, new_password};
use crate::commands::reaching::reach;
use crate::human;
use crate::operations::answer::{AccountRemoved, Snapshot, Totals};
use crate::operations::reach::Reach;
use crate::operations::request::{AccountAdd, AccountPassword, Name, Request, Whose};
use crate::output::{Failure, Output, Table, printable};
use crate::runtime::block_on;
use crate::settings::locate::ConfigArg;

/// What to do with accounts.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Make an account; its password is asked for, or read from standard input
    Add(Add),
    /// List accounts
    List(List),
    /// Show one account, its app passwords and its mail
    Show {
        /// The account
        account: String,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// Change from where an account may be used, how, and how its mail is kept
    Change(change::Args),
    /// Disable accounts: nobody is let in, mail is refused for now, what is there stays
    Disable {
        /// The accounts
        #[arg(required = true, value_name = "ACCOUNT")]
        accounts: Vec<String>,
    },
    /// Enable accounts again
    Enable {
        /// The accounts
        #[arg(required = true, value_name = "ACCOUNT")]
        accounts: Vec<String>,
    },
    /// Remove an account; its mail stays in the store unless --delete-mail
    Remove(Remove),
    /// Set the main password; it is asked for, or read from standard input
    Passwd {
        /// The account
        account: String,
        #[command(flatten)]
        password: Password,
    },
    /// Make many accounts from a file: `name:hash:address,address` a line
    Import(import::Args),
}

#[derive(Debug, clap::Args)]
struct Password {
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// No main password: only app passwords are good for a login
    #[arg(long, conflicts_with = "password_stdin")]
    no_password: bool,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").multiple(true))]
struct Add {
    /// `anna@example.org`; where there is one domain only, `anna` is enough
    account: String,
    #[command(flatten)]
    password: Password,
    /// A further address that leads to it; may be given several times
    #[arg(long = "address", value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// The main password is good only from this network; may be given several times
    #[arg(long = "network", value_name = "NETWORK")]
    networks: Vec<String>,
    /// Passwords may come in clear from the networks that a listener names
    #[arg(long)]
    allow_clear_text: bool,
    /// An existing Maildir that becomes its maildrop; nothing in it is changed
    #[arg(long, value_name = "DIR")]
    maildir: Option<PathBuf>,
    #[command(flatten)]
    keeping: keeping::Options,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those of this domain
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Only those whose name contains this
    #[arg(long, value_name = "TEXT")]
    contains: Option<String>,
    /// Only disabled ones
    #[arg(long)]
    disabled: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Remove {
    /// The account
    account: String,
    /// Destroy its mail too
    #[arg(long)]
    delete_mail: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Does it.
pub(crate) fn run(args: Args, output: Output) -> Result<ExitCode, Failure> {
    block_on(async move {
        // What is asked of the person comes first: nothing is locked while one types.
        match args.act {
            Act::Add(new) => {
                let password = new.password.read()?;
                let reach = reach(&args.config, output).await?;
                add(&reach, new, password, output).await?;
            }
            Act::List(wanted) => list(&reach(&args.config, output).await?, wanted, output).await?,
            Act::Show { account, json } => {
                show(&reach(&args.config, output).await?, account, json, output).await?;
            }
            Act::Change(wanted) => {
                change::run(&reach(&args.config, output).await?, wanted, output).await?;
            }
            Act::Disable { accounts } => {
                let reach = reach(&args.config, output).await?;
                return set_enabled(&reach, accounts, false, output).await;
            }
            Act::Enable { accounts } => {
                let reach = reach(&args.config, output).await?;
                return set_enabled(&reach, accounts, true, output).await;
            }
            Act::Remove(gone) => remove(&args.config, gone, output).await?,
            Act::Passwd { account, password } => {
                let password = password.read()?;
                let reach = reach(&args.config, output).await?;
                set_password(&reach, AccountPassword { name: account, password }, output).await?;
            }
            Act::Import(wanted) => {
                return import::run(&args.config, wanted, output).await;
            }
        }
        Ok(ExitCode::SUCCESS)
    })?
}

impl Password {
    fn read(&self) -> Result<Option<mail_wire::Secret<String>>, Failure> {
        if self.no_password { Ok(None) } else { new_password(self.password_stdin).map(Some) }
    }
}

async fn add(
    reach: &Reach,
    new: Add,
    password: Option<mail_wire::Secret<String>>,
    output: Output,
) -> Result<(), Failure> {
    let maildir = new.maildir.map(std::path::absolute).transpose().map_err(|error| {
        Failure::new(format!("the path of the Maildir cannot be made absolute: {error}"))
    })?;
    // `site` is what a new account has anyhow.
    let wanted = new.keeping.wanted().into_iter();
    let own = wanted.filter_map(|(rule, text)| Some((rule, text?))).collect();
    let account = NewAccount {
        password,
        addresses: new.addresses,
        networks: new.networks,
        allow_clear_text: new.allow_clear_text,
        keeping: own,
        ..NewAccount::named(new.account)
    };
    let request = Request::AccountAdd(AccountAdd { account, maildir });
    let made: AccountRecord = reach.ask(request).await?;
    let name = &made.name;
    output.line(format_args!("account {name} is made"))?;
    let others: Vec<_> = made.addresses.iter().filter(|&address| address != name).collect();
    for address in others {
        output.line(format_args!("{address} leads to it"))?;
    }
    if !made.has_password {
        output.note(format_args!(
            "it has no password yet: `restante app-password add {name} LABEL` generates one"
        ));
    }
    Ok(())
}

async fn list(reach: &Reach, wanted: List, output: Output) -> Result<(), Failure> {
    let mut filter = Filter {
        domain: wanted.domain,
        contains: wanted.contains,
        enabled: wanted.disabled.then_some(false),
        ..Filter::default()
    };
    let now = Timestamp::now();
    let mut none = true;
    loop {
        let page: Page<AccountRecord> = reach.ask(Request::AccountList(filter.clone())).await?;
        none &= page.records.is_empty();
        let headings =
            ["ACCOUNT", "STATE", "ADDRESSES", "APP PASSWORDS", "LAST USE", "CREATED", "KEPT IN"];
        let mut table = Table::new(headings).right([2, 3]);
        for record in &page.records {
            if wanted.json {
                output.json(&human::with_iso_times(record))?;
                continue;
            }
            let last_use = record.last_use.as_ref();
            table.row([
                record.name.clone(),
                state(record).to_owned(),
                record.addresses.len().to_string(),
                record.app_passwords.to_string(),
                last_use.map_or_else(|| "never".to_owned(), |used| human::relative(used.at, now)),
                human::relative(record.created, now),
                kept_in(record),
            ]);
        }
        output.table(&table)?;
        filter.after = page.next;
        if filter.after.is_none() {
            break;
        }
    }
    if none && !wanted.json {
        output.note("no accounts; `restante account add NAME` makes one");
    }
    Ok(())
}

async fn show(reach: &Reach, name: String, json: bool, output: Output) -> Result<(), Failure> {
    let record: AccountRecord = reach.ask(Request::AccountShow(Name { name })).await?;
    let name = record.name.clone();
    let request = Request::AppPasswordList(Name { name: name.clone() });
    let app_passwords: Vec<AppPasswordRecord> = reach.ask(request).await?;
    let mail = totals(reach, &name).await?;
    if json {
        let mut value = human::with_iso_times(&record);
        if let Some(fields) = value.as_object_mut() {
            fields.insert("app_passwords".to_owned(), human::with_iso_times(&app_passwords));
            fields.insert("mail".to_owned(), human::with_iso_times(&mail.ok()));
        }
        return output.json(&value);
    }
    let now = Timestamp::now();
    let last_use = record.last_use.as_ref().map_or_else(
        || "never used".to_owned(),
        |used| format!("last used {} from {}", human::relative(used.at, now), used.from),
    );
    let password = if record.has_password { last_use } else { "none".to_owned() };
    let [networks, clear_text, over_pop3] = change::conditions(&record);
    let labels: Vec<_> = app_passwords.iter().map(|one| one.label.as_str()).collect();
    let mut rows = vec![
        ("account", name),
        ("state", state(&record).to_owned()),
        ("kept in", kept_in(&record)),
        ("created", human::relative(record.created, now)),
        ("addresses", record.addresses.join(", ")),
        ("password", password),
        networks,
        clear_text,
        over_pop3,
        ("app passwords", if labels.is_empty() { "none".to_owned() } else { labels.join(", ") }),
        ("mail", told_totals(&mail)),
        ("maildrop", record.maildrop.to_string()),
    ];
    rows.extend(keeping::rows(&record));
    for (what, told) in rows {
        output.line(format_args!("{what:<14} {}", printable(&told)))?;
    }
    Ok(())
}

async fn set_enabled(
    reach: &Reach,
    names: Vec<String>,
    enabled: bool,
    output: Output,
) -> Result<ExitCode, Failure> {
    let mut exit = ExitCode::SUCCESS;
    for name in names {
        let change = AccountChange::enabled(enabled);
        match reach.ask::<AccountRecord>(Request::AccountChange { name, change }).await {
            Ok(record) => {
                output.line(format_args!("account {} is {}", record.name, state(&record)))?;
            }
            // The others are done all the same.
            Err(error) => exit = output.fail(&error.into()),
        }
    }
    Ok(exit)
}

async fn remove(config: &ConfigArg, gone: Remove, output: Output) -> Result<(), Failure> {
    let name = gone.account;
    let record: AccountRecord = {
        let reach = reach(config, output).await?;
        let record: AccountRecord = reach.ask(Request::AccountShow(Name { name })).await?;
        let mail = told_totals(&totals(&reach, &record.name).await?);
        let fate = if gone.delete_mail { "will be destroyed" } else { "stays in the store" };
        output.note(format_args!("{} will be removed; its mail ({mail}) {fate}", record.name));
        record
    };
    if !gone.yes {
        confirm_by_name(&record.name)?;
    }
    let reach = reach(config, output).await?;
    let request = Request::AccountRemove { name: record.name, delete_mail: gone.delete_mail };
    let removed: AccountRemoved = reach.ask(request).await?;
    let AccountRemoved { name, maildrop, mail_deleted } = removed;
    if mail_deleted {
        output.line(format_args!("account {name} is removed, and its mail is destroyed"))?;
    } else {
        output.line(format_args!("account {name} is removed; its mail is maildrop {maildrop}"))?;
        output.note(format_args!(
            "`restante maildrop export --maildrop {maildrop} --to DIR` takes it out, \
             `restante maildrop destroy {maildrop}` destroys it"
        ));
    }
    Ok(())
}

async fn set_password(reach: &Reach, set: AccountPassword, output: Output) -> Result<(), Failure> {
    let record: AccountRecord = reach.ask(Request::AccountPassword(set)).await?;
    let name = record.name;
    let what = if record.has_password { "has a new password" } else { "has no password any more" };
    Ok(output.line(format_args!("{name} {what}; sessions with the old one end"))?)
}

/// What there is, or why that cannot be told: mail that cannot be read hinders nobody from
/// seeing or removing the account.
async fn totals(reach: &Reach, account: &str) -> Result<Result<Totals, String>, Failure> {
    let whose = Whose::Account(account.to_owned());
    match reach.ask::<Snapshot>(Request::MaildropOpen(whose)).await {
        Ok(Snapshot { snapshot, totals, .. }) => {
            reach.ask::<()>(Request::MaildropClose { snapshot }).await?;
            Ok(Ok(totals))
        }
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn told_totals(mail: &Result<Totals, String>) -> String {
    match mail {
        Ok(totals) => {
            let messages = human::count(totals.messages, "message");
            format!("{messages}, {}", human::size(totals.octets))
        }
        Err(problem) => format!("unreadable: {problem}"),
    }
}

fn state(record: &AccountRecord) -> &'static str {
    match (record.gone, record.enabled) {
        (true, _) => "gone",
        (false, true) => "enabled",
        (false, false) => "disabled",
    }
}

/// Where an account is from.
fn kept_in(record: &AccountRecord) -> String {
    match &record.file {
        Some(file) => format!("{}, line {}", file.path, file.line),
        None if record.gone => "no passwd file any more; its mail is here".to_owned(),
        None => "the database".to_owned(),
    }
}
