//! A command line, read (RFC 5321 §4.1.1, RFC 2033 §4.1, RFC 3030 §2, RFC 3207 §4).

use crate::error::CommandError;
use crate::params::{MailParameters, refuse_all, saturating_number};
use crate::path::{ForwardPath, ReversePath};
use crate::policy::{Dialect, Policy};

/// The longest domain (RFC 5321 §4.5.3.1.2).
const HELLO_OCTETS_MAX: usize = 255;

/// A command that keeps to the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// LHLO or EHLO (`extended`), or HELO.
    Hello {
        extended: bool,
        name: String,
    },
    Mail(ReversePath, MailParameters),
    Rcpt(ForwardPath),
    Data,
    Bdat(Chunk),
    Rset,
    Noop,
    Quit,
    Vrfy,
    Help,
    StartTls,
}

/// BDAT's argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) octets: u64,
    pub(crate) last: bool,
}

impl Command {
    /// Reads a line without its end.
    pub(crate) fn parse(line: &[u8], policy: &Policy) -> Result<Self, CommandError> {
        let line = without_spaces(line); // spaces before the verb, too
        if is_other_protocol(line) {
            return Err(CommandError::OtherProtocol);
        }
        let verb_end = line.iter().position(|&octet| octet == b' ').unwrap_or(line.len());
        let (verb, argument) = line.split_at_checked(verb_end).unwrap_or((line, &[]));
        let argument = without_spaces(argument);
        // P-006 holds here too: verbs in any case (RFC 5321 §2.4).
        let verb = verb.to_ascii_uppercase();
        // BDAT first: whatever else is wrong with it, so many octets follow.
        if verb == b"BDAT" {
            return bdat(argument);
        }
        // RFC 5321 §4.1.1: no control character stands in a command.
        if line.iter().any(u8::is_ascii_control) {
            return Err(CommandError::Octets);
        }
        match verb.as_slice() {
            b"MAIL" => mail(argument, policy),
            b"RCPT" => rcpt(argument, policy),
            b"DATA" => bare(argument, Self::Data),
            b"RSET" => bare(argument, Self::Rset),
            b"QUIT" => bare(argument, Self::Quit),
            b"STARTTLS" => bare(argument, Self::StartTls),
            b"NOOP" => Ok(Self::Noop),
            b"HELP" => Ok(Self::Help),
            b"VRFY" if argument.is_empty() => Err(CommandError::Argument),
            b"VRFY" => Ok(Self::Vrfy),
            b"LHLO" | b"EHLO" | b"HELO" => hello(&verb, argument, policy.dialect),
            b"EXPN" | b"AUTH" | b"ETRN" | b"TURN" | b"SEND" | b"SOML" | b"SAML" => {
                Err(CommandError::NotImplemented)
            }
            _ => Err(CommandError::Unknown),
        }
    }
}

/// Spaces around an argument mean nothing (RFC 5321 §4.1.1); other white space is no space.
fn without_spaces(mut octets: &[u8]) -> &[u8] {
    while let Some(rest) = octets.strip_prefix(b" ") {
        octets = rest;
    }
    while let Some(rest) = octets.strip_suffix(b" ") {
        octets = rest;
    }
    octets
}

fn bare(argument: &[u8], command: Command) -> Result<Command, CommandError> {
    if argument.is_empty() { Ok(command) } else { Err(CommandError::Argument) }
}

fn hello(verb: &[u8], argument: &[u8], dialect: Dialect) -> Result<Command, CommandError> {
    // RFC 2033 §4.1, P-191: each dialect has its own greeting, so that a wrong set-up shows.
    match (dialect, verb == b"LHLO") {
        (Dialect::Lmtp, false) => return Err(CommandError::LhloOnly),
        (Dialect::Smtp, true) => return Err(CommandError::EhloOnly),
        _ => {}
    }
    if !is_hello_name(argument) {
        return Err(CommandError::Argument);
    }
    // Every octet is ASCII.
    let name = argument.iter().copied().map(char::from).collect();
    Ok(Command::Hello { extended: verb != b"HELO", name })
}

/// A domain or an address literal (RFC 5321 §4.1.1.1), A-labels only (P-211).
///
/// Quirk: `[::1]`, `host.` and `my_host` are sent too. What matters here is that the name goes
/// into Received: nothing passes that means anything in a header.
fn is_hello_name(name: &[u8]) -> bool {
    let letter = |octet: &u8| octet.is_ascii_alphanumeric() || b".-_:[]".contains(octet);
    !name.is_empty() && name.len() <= HELLO_OCTETS_MAX && name.iter().all(letter)
}

fn mail(argument: &[u8], policy: &Policy) -> Result<Command, CommandError> {
    let path = after_keyword(argument, b"FROM:")?;
    let (path, rest) =
        ReversePath::take(path, policy.bare_local_parts).map_err(CommandError::ReversePath)?;
    let parameters = MailParameters::parse(parameters(rest)?, policy.smtputf8)
        .map_err(CommandError::Parameter)?;
    Ok(Command::Mail(path, parameters))
}

fn rcpt(argument: &[u8], policy: &Policy) -> Result<Command, CommandError> {
    let path = after_keyword(argument, b"TO:")?;
    let (path, rest) =
        ForwardPath::take(path, policy.bare_local_parts).map_err(CommandError::ForwardPath)?;
    refuse_all(parameters(rest)?).map_err(CommandError::Parameter)?;
    Ok(Command::Rcpt(path))
}

/// Quirk: spaces after the colon, which RFC 5321 §3.3 forbids and many send.
fn after_keyword<'a>(argument: &'a [u8], keyword: &[u8]) -> Result<&'a [u8], CommandError> {
    match argument.split_at_checked(keyword.len()) {
        Some((start, path)) if start.eq_ignore_ascii_case(keyword) => Ok(without_spaces(path)),
        _ => Err(CommandError::Argument),
    }
}

/// Parameters are set off from the path by a space.
fn parameters(rest: &[u8]) -> Result<&[u8], CommandError> {
    if rest.is_empty() || rest.starts_with(b" ") { Ok(rest) } else { Err(CommandError::Argument) }
}

/// `bdat-cmd = "BDAT" SP chunk-size [ SP "LAST" ] CRLF` (RFC 3030 §2).
fn bdat(argument: &[u8]) -> Result<Command, CommandError> {
    if argument.is_empty() {
        return Err(CommandError::Argument);
    }
    let mut words = argument.split(|&octet| octet == b' ').filter(|word| !word.is_empty());
    let size = words.next().and_then(saturating_number).ok_or(CommandError::ChunkSize)?;
    match (words.next(), words.next()) {
        (None, _) => Ok(Command::Bdat(Chunk { octets: size, last: false })),
        (Some(word), None) if word.eq_ignore_ascii_case(b"LAST") => {
            Ok(Command::Bdat(Chunk { octets: size, last: true }))
        }
        _ => Err(CommandError::Chunk(size)),
    }
}

/// A web browser made to talk to us (ALPACA, cross-protocol requests), or an SSH client.
fn is_other_protocol(line: &[u8]) -> bool {
    const HTTP: [&[u8]; 9] = [
        b"GET ",
        b"POST ",
        b"HEAD ",
        b"PUT ",
        b"DELETE ",
        b"OPTIONS ",
        b"CONNECT ",
        b"PATCH ",
        b"PRI ",
    ];
    line.starts_with(b"SSH-") || HTTP.iter().any(|method| line.starts_with(method))
}

/// Whether a connection begins as TLS does: a handshake record (RFC 8446 §5.1).
pub(crate) fn is_tls_handshake(octets: &[u8]) -> bool {
    octets.first() == Some(&0x16)
}
