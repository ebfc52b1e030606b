//! `restante trace`: what happened to a message, in words.

use std::process::ExitCode;

use jiff::Zoned;

use crate::commands::reaching::reach;
use crate::human;
use crate::operations::request::Request;
use crate::operations::story::{Event, Line, Question, Sought, Story};
use crate::output::{Failure, Output, printable};
use crate::runtime::block_on;
use crate::settings::locate::ConfigArg;

/// What to tell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Whose maildrop
    account: String,
    /// Only the message with this unique-id
    #[arg(long, value_name = "UIDL", conflicts_with = "message_id")]
    message: Option<String>,
    /// Only messages with this Message-ID
    #[arg(long, value_name = "ID")]
    message_id: Option<String>,
    /// From then on: how long ago (`2d`, `12h`), a day (`2026-11-25`) or an RFC 3339 time
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Tells it.
pub(crate) fn run(args: Args, output: Output) -> Result<ExitCode, Failure> {
    let since = args.since.as_deref().map(|text| human::time_past(text, &Zoned::now()));
    let since = since.transpose().map_err(Failure::new)?;
    let sought = args.message.map(Sought::Uidl).or(args.message_id.map(Sought::MessageId));
    block_on(async move {
        let reach = reach(&args.config, output).await?;
        let of_one = sought.is_some();
        let question = Question { account: args.account, message: sought, since };
        let story: Story = reach.ask(Request::Trace(question)).await?;
        if args.json {
            for line in &story.lines {
                output.json(&human::with_iso_times(line))?;
            }
        } else {
            tell(&story, of_one, output)?;
        }
        if story.omitted > 0 {
            let earlier = human::count(story.omitted, "earlier line");
            output.note(format_args!("{earlier} left out; --since and --message ask for less"));
        }
        Ok(ExitCode::SUCCESS)
    })?
}

fn tell(story: &Story, of_one: bool, output: Output) -> Result<(), Failure> {
    let mut lines = story.lines.iter().peekable();
    while let Some(first) = lines.next() {
        // Robots come every half minute: what repeats is told once.
        let (mut times, mut last) = (1_u64, first);
        while let Some(next) = lines.next_if(|next| is_repeated(first, next)) {
            (times, last) = (times.saturating_add(1), next);
        }
        let which = first.uidl.as_ref().filter(|_| !of_one);
        let which = which.map(|uidl| format!("{uidl}: ")).unwrap_or_default();
        let repeated = match times {
            1 => String::new(),
            _ => format!(", {times} times until {}", human::clock(last.at)),
        };
        let text = format!("{}  {which}{}{repeated}", human::clock(first.at), words(first));
        output.line(printable(&text))?;
    }
    if story.lines.is_empty() {
        output.note("nothing happened there");
    }
    Ok(())
}

fn is_repeated(one: &Line, other: &Line) -> bool {
    let repeats = matches!(
        one.what,
        Event::Listed { .. } | Event::Retrieved { complete: true, .. } | Event::Leased
    );
    repeats
        && one.what == other.what
        && (&one.uidl, &one.credential, &one.peer) == (&other.uidl, &other.credential, &other.peer)
}

/// One thing that happened, as it is read aloud.
fn words(line: &Line) -> String {
    let what = match &line.what {
        Event::Accepted { sender, recipient, octets, message_id, .. } => {
            let recipient = Some(recipient).filter(|recipient| !recipient.is_empty());
            let recipient = recipient.map(|recipient| format!(" for {recipient}"));
            let id = message_id.as_ref().map(|id| format!(", Message-ID {id}"));
            let (recipient, id) = (recipient.unwrap_or_default(), id.unwrap_or_default());
            format!("accepted from <{sender}>{recipient}, {}{id}", human::size(*octets))
        }
        Event::Listed { messages } => format!("shown {}", human::count(*messages, "message")),
        Event::Retrieved { octets, complete: true } => {
            format!("retrieved whole, {}", human::size(*octets))
        }
        Event::Retrieved { octets, complete: false } => {
            format!("retrieved in part: the connection broke after {}", human::size(*octets))
        }
        Event::Leased => "given to a worker".to_owned(),
        Event::Hidden => "deleted: hidden from this credential".to_owned(),
        Event::Held { until } => format!("deleted: held until {}", human::clock(*until)),
        Event::SetAside { reason } => format!("set aside: {}", reason.told()),
        Event::Died { deaths } => {
            format!("a session died at it, {} running", human::count(u64::from(*deaths), "time"))
        }
        Event::Restored => "offered again".to_owned(),
        Event::Destroyed { cause } => match cause.as_str() {
            "deleted" => "destroyed: deleted by its reader".to_owned(),
            "expired" => "destroyed: its time was over".to_owned(),
            "removed" => "destroyed: by the operator".to_owned(),
            "renewed" => "goes on under a new unique-id".to_owned(),
            _ => "destroyed".to_owned(),
        },
    };
    let with = line.credential.as_ref().map(|label| format!(", with {label}"));
    let from = line.peer.as_ref().map(|peer| format!(", from {peer}"));
    format!("{what}{}{}", with.unwrap_or_default(), from.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(what: Event) -> Line {
        let (credential, peer) = (Some("laptop".to_owned()), Some("192.0.2.7".to_owned()));
        Line { at: 0, uidl: Some("a.1".to_owned()), credential, peer, what }
    }

    // `product` §2: a story that a support person can read aloud
    #[test]
    fn what_happened_reads_aloud() {
        let retrieved = line(Event::Retrieved { octets: 4200, complete: true });
        assert_eq!(words(&retrieved), "retrieved whole, 4.2 kB, with laptop, from 192.0.2.7");
        let gone = line(Event::Destroyed { cause: "deleted".to_owned() });
        assert_eq!(words(&gone), "destroyed: deleted by its reader, with laptop, from 192.0.2.7");
        assert!(is_repeated(&retrieved, &retrieved.clone()));
        assert!(!is_repeated(&gone, &gone.clone()));
    }
}
