//! `restante maildrop verify|compact|purge`.

use std::process::ExitCode;

use crate::commands::asking::confirm_by_name;
use crate::commands::findings::{FOUND, told, write_findings};
use crate::commands::maildrop::reading::Which;
use crate::human;
use crate::operations::condition::{Freed, MaildropVerdict, Purged};
use crate::operations::reach::Reach;
use crate::operations::request::{Request, Whose};
use crate::output::{Failure, Output};
use crate::shown::Shown;

/// Reads all that a maildrop shows.
pub(super) async fn verify(
    reach: &Reach,
    which: Which,
    json: bool,
    output: Output,
) -> Result<ExitCode, Failure> {
    let shown = Shown::new(output, json);
    let verdict: MaildropVerdict =
        reach.ask_long(Request::MaildropVerify(which.whose()?), &shown).await?;
    if json {
        output.json(&verdict)?;
    } else {
        write_findings(&verdict.findings, output)?;
        let messages = human::count(verdict.messages, "message");
        let octets = human::grouped(verdict.octets);
        let told = told(&verdict.findings);
        output.line(format_args!("{messages} were read, {octets} octets: {told}"))?;
    }
    Ok(if verdict.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}

/// Gives room back, everywhere or where one maildrop is.
pub(super) async fn compact(
    reach: &Reach,
    which: Option<Which>,
    json: bool,
    output: Output,
) -> Result<(), Failure> {
    let shown = Shown::new(output, json);
    let whose = which.map(Which::whose).transpose()?;
    let freed: Freed = reach.ask_long(Request::MaildropCompact { whose }, &shown).await?;
    if json {
        output.json(&freed)
    } else if freed.segments == 0 {
        Ok(output.line("nothing is worth it: all segments are mostly live")?)
    } else {
        let (segments, size) = (human::count(freed.segments, "segment"), human::size(freed.freed));
        let copied = human::size(freed.copied);
        Ok(output.line(format_args!("{segments} given up, {size}; {copied} copied for it"))?)
    }
}

/// Destroys what is held.
pub(super) async fn purge(
    reach: &Reach,
    which: Which,
    yes: bool,
    json: bool,
    output: Output,
) -> Result<(), Failure> {
    let whose = which.whose()?;
    if !yes {
        let name = match &whose {
            Whose::Account(name) => name.clone(),
            Whose::Leftover(number) => number.to_string(),
        };
        output.note(format_args!("all that is held of {name} will be destroyed for good"));
        confirm_by_name(&name)?;
    }
    let Purged { messages } = reach.ask(Request::MaildropPurge(whose)).await?;
    if json {
        output.json(&Purged { messages })
    } else {
        Ok(output.line(format_args!("{} destroyed", human::count(messages, "held message")))?)
    }
}
