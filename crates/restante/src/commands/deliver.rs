//! `restante deliver [-f SENDER] RECIPIENT…`: one message from standard input, for the pipes of
//! Postfix, Exim and fetchmail.

mod alone;

use std::io::{self, IsTerminal, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use crate::commands::reaching::running;
use crate::handover::lmtp::{Envelope, hand_over};
use crate::handover::message::{Message, MessageError};
use crate::handover::outcome::{Fate, Outcome, exit_code, sysexits};
use crate::handover::path::Path;
use crate::output::{Failure, Output, printable};
use crate::settings::kinds::listener::At;
use crate::settings::load::Settings;
use crate::settings::locate::ConfigArg;

/// How long the server may say nothing: RFC 5321 §4.5.3.2.6 asks for 10 minutes after the final
/// dot.
const REPLY_TIME_MAX: Duration = Duration::from_mins(10);

/// From whom and to whom.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes (sysexits.h): 0 delivered to all, 67 no such recipient, \
    75 try again later, 65 the message is refused, 69 refused, 77 not allowed or over quota, \
    64 wrong usage.")]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// The envelope's sender; nothing, `<>` or MAILER-DAEMON for a bounce
    #[arg(
        short = 'f',
        long = "from",
        value_name = "SENDER",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    sender: String,
    /// The envelope's recipients; after `--` they may begin with a hyphen
    #[arg(required = true, value_name = "RECIPIENT")]
    recipients: Vec<String>,
}

/// Delivers. The exit code is 0 only when every recipient has the message, durably.
pub(crate) fn run(args: &Args, output: Output) -> Result<ExitCode, Failure> {
    // A configuration that is wrong today is right tomorrow: the MTA keeps the message. 78
    // (EX_CONFIG) would make Postfix and Exim return it to its sender.
    let settings = args.config.load(output).map_err(|failure| failure.exit(sysexits::TEMPFAIL))?;
    let sender = Path::sender(&args.sender).map_err(|why| {
        let sender = printable(&args.sender);
        Failure::new(format!("`{sender}` cannot be a sender: {why}")).exit(sysexits::DATAERR)
    })?;
    let message = read_message(&settings)?;
    let (recipients, mut outcomes) = sort_out(&args.recipients, &settings);
    if !recipients.is_empty() {
        let hostname = settings.site.hostname.as_str();
        let envelope = Envelope { hostname, sender: &sender, recipients: &recipients };
        outcomes.extend(deliver(&settings, &envelope, &message)?);
    }
    Ok(ExitCode::from(tell(&outcomes, output)))
}

/// The exit code of a command line that delivers nothing. To an MTA that runs us in a pipe even
/// help is no success: the message that it holds was not delivered (security D20).
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() || !io::stdin().is_terminal() {
        ExitCode::from(sysexits::USAGE)
    } else {
        ExitCode::SUCCESS
    }
}

fn read_message(settings: &Settings) -> Result<Message, Failure> {
    let read = Message::read(io::stdin().lock(), settings.intake.message_size);
    let message = read.map_err(|error| {
        let exit = match error {
            MessageError::Read(_) => sysexits::TEMPFAIL,
            MessageError::TooLarge { .. } => sysexits::UNAVAILABLE,
        };
        Failure::new(error.to_string()).exit(exit)
    })?;
    if message.text().is_empty() {
        return Err(Failure::new("there is no message on standard input").exit(sysexits::DATAERR));
    }
    Ok(message)
}

/// Recipients that can be asked for, and the outcomes of those that cannot.
fn sort_out(names: &[String], settings: &Settings) -> (Vec<(String, Path)>, Vec<Outcome>) {
    let mut recipients = Vec::new();
    let mut outcomes = Vec::new();
    let default_domain = settings.site.domains.first().map(String::as_str);
    for name in names {
        match Path::recipient(name, default_domain) {
            Ok(path) => recipients.push((name.clone(), path)),
            Err(why) => outcomes.push(Outcome {
                recipient: name.clone(),
                fate: Fate::Refused {
                    exit: sysexits::NOUSER,
                    reason: format!("it cannot be an address: {why}"),
                },
            }),
        }
    }
    (recipients, outcomes)
}

fn deliver(
    settings: &Settings,
    envelope: &Envelope<'_>,
    message: &Message,
) -> Result<Vec<Outcome>, Failure> {
    let later = |failure: Failure| failure.exit(sysexits::TEMPFAIL);
    let mut problems = Vec::new();
    for listener in &settings.listen.lmtp {
        match connect(&listener.at) {
            Ok(stream) => return Ok(hand_over(stream, envelope, message)),
            Err(error) => problems.push(format!("{}: {error}", shown(&listener.at))),
        }
    }
    if running(settings).map_err(later)?.is_some() {
        let failure = if problems.is_empty() {
            Failure::new("the server takes no LMTP, by which mail is handed over")
                .hint("write `lmtp = \"unix:/run/restante/lmtp.sock\"` in [listen]")
        } else {
            Failure::new(format!("the server cannot be reached by LMTP: {}", problems.join("; ")))
        };
        return Err(later(failure));
    }
    alone::with_intake(settings, |stream| hand_over(stream, envelope, message)).map_err(later)
}

/// Either kind of socket.
trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn connect(at: &At) -> io::Result<Box<dyn Stream>> {
    Ok(match at {
        At::Unix { path, .. } => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(REPLY_TIME_MAX))?;
            stream.set_write_timeout(Some(REPLY_TIME_MAX))?;
            Box::new(stream)
        }
        At::Tcp(address) => {
            let stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(REPLY_TIME_MAX))?;
            stream.set_write_timeout(Some(REPLY_TIME_MAX))?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
    })
}

fn shown(at: &At) -> String {
    match at {
        At::Unix { path, .. } => path.display().to_string(),
        At::Tcp(address) => address.to_string(),
    }
}

/// Says what became of those that have no message, and, where there are some, of the others:
/// an MTA that tries again tries all of them.
fn tell(outcomes: &[Outcome], output: Output) -> u8 {
    let exit = exit_code(outcomes);
    if exit != sysexits::OK {
        for Outcome { recipient, fate } in outcomes {
            let recipient = printable(recipient);
            match fate {
                Fate::Delivered => output.note(format_args!("{recipient}: delivered")),
                Fate::Temporary(reason) => {
                    output.note(format_args!("{recipient}: not now: {}", printable(reason)));
                }
                Fate::Refused { reason, .. } => {
                    output.note(format_args!("{recipient}: refused: {}", printable(reason)));
                }
            }
        }
    }
    exit
}
