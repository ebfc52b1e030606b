//! `restante status`: how the running server is.

use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::commands::reaching::running;
use crate::human;
use crate::operations::answer::{CustodyNumbers, Status};
use crate::operations::reach::Reach;
use crate::operations::request::Request;
use crate::output::{Failure, Output, Table};
use crate::runtime::block_on;
use crate::settings::locate::ConfigArg;

/// How to tell it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// All numbers as OpenMetrics text, for a collector that reads files
    #[arg(long, conflicts_with = "json")]
    metrics: bool,
}

/// Tells it; exit code 3 where no server runs, as `systemctl status` has it.
pub(crate) fn run(args: &Args, output: Output) -> Result<ExitCode, Failure> {
    let settings = args.config.load(output)?;
    let Some(socket) = running(&settings)? else {
        return Err(Failure::new("no server runs")
            .hint("`restante serve` starts one, in the foreground")
            .exit(3));
    };
    let reach = Reach::Running(socket, output);
    block_on(async move {
        if args.metrics {
            let metrics: String = reach.ask(Request::Metrics).await?;
            output.octets(metrics.as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        let status: Status = reach.ask(Request::Status).await?;
        let sessions: Vec<Value> = reach.ask(Request::Sessions).await?;
        if args.json {
            let mut value = human::with_iso_times(&status);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("sessions".to_owned(), json!(sessions));
            }
            output.json(&value)?;
        } else {
            tell(&status, &sessions, output)?;
        }
        Ok(ExitCode::SUCCESS)
    })?
}

fn tell(status: &Status, sessions: &[Value], output: Output) -> Result<(), Failure> {
    let Status { version, pid, since, .. } = status;
    let since = human::relative(*since, Timestamp::now());
    output.line(format_args!("restante {version}, process {pid}, started {since}"))?;
    let mut table = Table::new(["SERVICE", "AT"]);
    for listening in &status.listeners {
        table.row([&listening.service, &listening.at]);
    }
    output.table(&table)?;
    for damage in &status.damage {
        output.line(format_args!("the store is damaged: {damage}"))?;
    }
    if !status.damage.is_empty() {
        output
            .line("maildrops near that cannot be opened until `restante store repair` was run")?;
    }
    custody(status.custody, output)?;
    output.line(human::count(u64::try_from(sessions.len()).unwrap_or(u64::MAX), "session"))?;
    let mut table = Table::new(["SESSION", "SERVICE", "PEER", "ACCOUNT", "SINCE", "DOES"]);
    for session in sessions {
        table.row(
            ["id", "service", "peer", "account", "since", "doing"].map(|name| told(session, name)),
        );
    }
    Ok(output.table(&table)?)
}

/// What became of messages since the start, where anything did.
fn custody(numbers: CustodyNumbers, output: Output) -> Result<(), Failure> {
    let told = [
        (numbers.leased, "with workers"),
        (numbers.offered_again, "offered again"),
        (numbers.set_aside, "set aside"),
        (numbers.suspected, "suspected"),
        (numbers.expired, "expired"),
    ];
    let told = told.into_iter().filter(|(count, _)| *count > 0);
    let mut told: Vec<String> =
        told.map(|(count, what)| format!("{} {what}", human::grouped(count))).collect();
    if numbers.deaths > 0 {
        told.push(format!("{} died at one", human::count(numbers.deaths, "session")));
    }
    if !told.is_empty() {
        output.line(format_args!("messages: {}", told.join(", ")))?;
    }
    Ok(())
}

fn told(session: &Value, name: &str) -> String {
    match session.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
