//! `restante account change`: from where an account may be used, how, and how its mail is kept.

use clap::ValueEnum;
use restante_directory::{AccountChange, AccountRecord};

use crate::commands::account::keeping;
use crate::operations::reach::Reach;
use crate::operations::request::Request;
use crate::output::{Failure, Output, printable};

/// What to change; the rest stays as it is.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub(crate) struct Args {
    /// The account
    account: String,
    /// The main password is good only from this network; may be given several times, and takes
    /// the place of those that were there
    #[arg(long = "network", value_name = "NETWORK", group = "what")]
    networks: Vec<String>,
    /// The main password is good from everywhere
    #[arg(long, group = "what", conflicts_with = "networks")]
    any_network: bool,
    /// Whether passwords may come in clear from the networks that a listener names
    #[arg(long, value_name = "WHAT", group = "what")]
    clear_text: Option<Allow>,
    /// Whether POP3 takes the main password; `site`: as the configuration has it
    #[arg(long, value_name = "WHAT", group = "what")]
    main_password: Option<MainPassword>,
    #[command(flatten)]
    keeping: keeping::Options,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Allow {
    Allow,
    Refuse,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MainPassword {
    Allow,
    Refuse,
    Site,
}

/// Does it, and says how the account is now.
pub(crate) async fn run(reach: &Reach, args: Args, output: Output) -> Result<(), Failure> {
    let networks = args.any_network.then(Vec::new);
    let change = AccountChange {
        enabled: None,
        allow_clear_text: args.clear_text.map(|what| matches!(what, Allow::Allow)),
        networks: networks.or_else(|| (!args.networks.is_empty()).then_some(args.networks)),
        main_password_over_pop3: args.main_password.map(|what| match what {
            MainPassword::Allow => Some(true),
            MainPassword::Refuse => Some(false),
            MainPassword::Site => None,
        }),
        keeping: args.keeping.wanted(),
    };
    let request = Request::AccountChange { name: args.account, change };
    let record: AccountRecord = reach.ask(request).await?;
    output.line(format_args!("account {} is changed", record.name))?;
    for (what, told) in conditions(&record).into_iter().chain(keeping::rows(&record)) {
        output.line(format_args!("{what:<14} {}", printable(&told)))?;
    }
    Ok(())
}

/// From where an account may be used, and how: a row each, for `show` as well.
pub(super) fn conditions(record: &AccountRecord) -> [(&'static str, String); 3] {
    let networks = match record.networks.as_slice() {
        [] => "any".to_owned(),
        networks => networks.join(", "),
    };
    let clear_text = if record.allow_clear_text { "allowed" } else { "never" };
    let main_password = match record.main_password_over_pop3 {
        None => "as the site has it",
        Some(true) => "taken",
        Some(false) => "refused",
    };
    [
        ("networks", networks),
        ("clear text", clear_text.to_owned()),
        ("over POP3", main_password.to_owned()),
    ]
}
