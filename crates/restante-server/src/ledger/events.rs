//! Every log line, defined once: one function an event, over `tracing`.
//!
//! What comes from outside is escaped to printable ASCII and cut ([`Outside`]). Commands are
//! never logged, but for what they led to; secrets never reach this file.

use std::fmt::{self, Write as _};
use std::time::Duration;

use mail_wire::MaildropId;

use crate::net::certificate::{Certificate, TlsError};
use crate::net::service::{Address, Peer, Service};

/// The longest that text from outside may be in a log line.
const OUTSIDE_OCTETS_MAX: usize = 256;

/// Text from outside, as it may stand in a log line: printable ASCII, at most 256 octets.
#[derive(Clone, Copy, Debug)]
pub struct Outside<'a>(pub &'a [u8]);

impl fmt::Display for Outside<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = OUTSIDE_OCTETS_MAX;
        for &octet in self.0 {
            let shown = match octet {
                b'\\' => "\\\\".to_owned(),
                b'"' => "\\\"".to_owned(),
                0x20..=0x7E => char::from(octet).to_string(),
                _ => format!("\\x{octet:02x}"),
            };
            let Some(rest) = left.checked_sub(shown.len()) else { return f.write_str("[cut]") };
            left = rest;
            f.write_str(&shown)?;
        }
        Ok(())
    }
}

/// Octets as a person reads them: `812 B`, `3.1 MB`.
struct Amount(u64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
        match units.iter().find(|(unit, _)| self.0 >= *unit) {
            Some(&(unit, name)) => {
                let tenths = self.0.saturating_mul(10).checked_div(unit).unwrap_or_default();
                write!(f, "{}.{} {name}", tenths.div_euclid(10), tenths.rem_euclid(10))
            }
            None => write!(f, "{} B", self.0),
        }
    }
}

/// What a POP3 session did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pop3Tally {
    pub(crate) account: Option<String>,
    pub(crate) fetched: u64,
    pub(crate) fetched_octets: u64,
    pub(crate) looked_at: u64,
    pub(crate) deleted: u64,
    pub(crate) left: u64,
    pub(crate) bad_commands: u64,
}

macro_rules! events {
    ($($level:ident $name:ident ($($argument:ident : $type:ty),*) = $meaning:literal, $text:literal $(, $value:expr)*;)*) => {
        $(
            #[doc = $meaning]
            pub(crate) fn $name($($argument: $type),*) {
                tracing::$level!(target: "restante", event = stringify!($name), $text $(, $value)*);
            }
        )*

        /// Every event: its name, its level, and what it means; for the reference.
        pub const REFERENCE: &[(&str, &str, &str)] =
            &[$((stringify!($name), stringify!($level), $meaning),)*];
    };
}

events! {
    info listening(service: Service, address: &Address) =
        "A listener is open.", "{service} listens on {address}";
    info draining(sessions: usize) =
        "The server takes no more connections and lets the present ones end.",
        "stopping: no new connections, {sessions} still open";
    info stopped(cut: usize) =
        "The server has stopped; so many connections were cut.", "stopped, {cut} connections cut";
    warn accept_failed(service: Service, error: &std::io::Error) =
        "The system could not hand over a connection; the listener goes on in a moment.",
        "{service}: cannot accept: {error}";
    info connection_refused(service: Service, peer: Peer, why: &str) =
        "A connection was turned away: by the limits, or since it is no proxy or brought no PROXY header.", "{service} from {peer}: refused: {why}";
    info handshake_failed(session: u64, service: Service, peer: Peer, error: &std::io::Error) =
        "A TLS handshake failed.", "[{session}] {service} from {peer}: TLS handshake failed: {error}";
    info wrong_port(session: u64, service: Service, peer: Peer) =
        "A peer spoke clear text on a port that begins with TLS.",
        "[{session}] {service} from {peer}: no TLS handshake, but clear text";
    info certificate_loaded(certificate: &Certificate) =
        "A certificate was taken into use.", "certificate for {} in use, good until {}",
        certificate.names.join(", "), certificate.not_after;
    error certificate_refused(error: &TlsError) =
        "A new certificate cannot be used; the old one stays in use.",
        "new certificate not used, the old one stays: {error}";
    warn certificate_out_of_date(certificate: &Certificate) =
        "The certificate in use has ended, or has not begun.",
        "the certificate holds from {} to {}: clients will refuse it",
        certificate.not_before, certificate.not_after;
    info login(session: u64, peer: Peer, account: &str, credential: &str, secrecy: &str) =
        "A POP3 login succeeded: over which TLS version and suite, or in clear text (P-132).",
        "[{session}] login {} ({}) from {peer}, {secrecy}",
        Outside(account.as_bytes()), Outside(credential.as_bytes());
    info login_refused(session: u64, peer: Peer, name: &[u8], reason: &str) =
        "A POP3 login failed for its name or password. The name is what was given.",
        "[{session}] login refused from {peer}, name \"{}\": {reason}", Outside(name);
    info login_blocked(session: u64, peer: Peer, name: &[u8], seconds: u64) =
        "A POP3 login was not judged: too many had failed from there. For fail2ban and its like.",
        "[{session}] login blocked from {peer}, name \"{}\": too many failed logins from there, for {seconds} s more", Outside(name);
    warn guesses_blocked(network: &str, failures: u32, seconds: u64) =
        "A source, or a network around it, has failed so often that it is blocked for a while.",
        "{network} is blocked for {seconds} s: {failures} failed logins; `restante guard why {network}` says more";
    warn account_guessed_at(account: &[u8], failures: u32) =
        "Somebody guesses at an account: places it was not used from have to wait. It is not locked.",
        "somebody guesses at the password of \"{}\": {failures} failed logins; addresses that it was not used from wait", Outside(account);
    info login_in_use(session: u64, peer: Peer, account: &str, holder: &str) =
        "A POP3 login was refused because another session holds the maildrop.",
        "[{session}] login {} from {peer}: maildrop held {holder}", Outside(account.as_bytes());
    warn login_failed(session: u64, peer: Peer, name: &[u8], error: &str) =
        "A POP3 login failed because directory or store could not answer.",
        "[{session}] login from {peer}, name \"{}\": {}", Outside(name), Outside(error.as_bytes());
    info pop3_ended(session: u64, peer: Peer, tally: &Pop3Tally, took: Duration, how: &str) =
        "A POP3 session ended, and what it did.",
        "[{session}] {}", Ended { peer, tally, took, how };
    warn message_unreadable(session: u64, account: &str, message: u32, error: &str) =
        "A message could not be read; the client was told so, or was cut off in the middle.",
        "[{session}] {}: message {message} cannot be read: {}",
        Outside(account.as_bytes()), Outside(error.as_bytes());
    warn refresh_failed(session: u64, account: &str, error: &str) =
        "XREFRESH could not look at the maildrop again.",
        "[{session}] {}: what has arrived cannot be listed: {}",
        Outside(account.as_bytes()), Outside(error.as_bytes());
    error update_failed(session: u64, account: &str, error: &str) =
        "Messages could not be removed at QUIT or XCOMMIT.",
        "[{session}] {}: removal failed: {}", Outside(account.as_bytes()), Outside(error.as_bytes());
    info message_accepted(session: u64, peer: Peer, id: &str, sender: &str, octets: u64, recipients: usize) =
        "A message was taken in, durably.",
        "[{session}] {id} from <{}> at {peer}: {} to {}",
        Outside(sender.as_bytes()), Amount(octets), Counted(recipients, "recipient");
    info message_repaired(session: u64, id: &str, changes: &str) =
        "A message was changed at intake, and how.", "[{session}] {id}: {changes}";
    info message_refused(session: u64, peer: Peer, id: &str, why: &str) =
        "A message was refused for what is in it.", "[{session}] {id} from {peer}: refused: {why}";
    error delivery_failed(session: u64, id: &str, recipient: &str, error: &str) =
        "A copy of a message could not be stored.",
        "[{session}] {id} for {}: {}", Outside(recipient.as_bytes()), Outside(error.as_bytes());
    warn resolve_failed(session: u64, recipient: &str, error: &str) =
        "The directory could not say where an address leads.",
        "[{session}] {}: {}", Outside(recipient.as_bytes()), Outside(error.as_bytes());
    info intake_ended(session: u64, service: Service, peer: Peer, messages: u64, took: Duration, how: &str) =
        "An LMTP or SMTP session ended.",
        "[{session}] {service} from {peer}: {}, {}, {how}", Counted(messages, "message"), Seconds(took);
    info messages_offered_again(session: u64, account: &str, messages: usize) =
        "A worker's session ended and left messages unfinished; others get them after a while.",
        "[{session}] {}: {} offered again", Outside(account.as_bytes()), Counted(messages, "message");
    warn session_died_at(session: u64, account: &str, uidl: &str, deaths: u32) =
        "A session ended without QUIT at a message: the last that it was sent, or was being sent. So many did so running.",
        "[{session}] {}: ended at message {}, {} running",
        Outside(account.as_bytes()), Outside(uidl.as_bytes()), Counted(deaths, "session");
    warn message_suspected(session: u64, account: &str, uidl: &str, deaths: u32) =
        "Session after session ended at a message. It is listed all the same: no worker has it.",
        "[{session}] {}: message {} may be what ends sessions, {deaths} running",
        Outside(account.as_bytes()), Outside(uidl.as_bytes());
    warn message_set_aside(session: u64, account: &str, uidl: &str, why: &str, times: u32) =
        "A message was taken out of every listing for what it does to workers. It is kept, and can be restored.",
        "[{session}] {}: message {} set aside: {why}, {times} times running; `restante restore` offers it again",
        Outside(account.as_bytes()), Outside(uidl.as_bytes());
    warn message_not_set_aside(session: u64, account: &str, uidl: &str, why: &str, times: u32) =
        "A message should be set aside for what it does to workers, and this store cannot do that.",
        "[{session}] {}: message {}: {why}, {times} times running; this store cannot set it aside",
        Outside(account.as_bytes()), Outside(uidl.as_bytes());
    error custody_failed(session: u64, account: &str, uidl: &str, error: &str) =
        "What happened to a message could not be written down.",
        "[{session}] {}: message {}: cannot write down what happened: {}",
        Outside(account.as_bytes()), Outside(uidl.as_bytes()), Outside(error.as_bytes());
    info messages_expired(maildrop: MaildropId, messages: usize) =
        "Messages of a maildrop were destroyed because their time was over.",
        "maildrop {maildrop}: {} expired", Counted(messages, "message");
    error expiry_failed(maildrop: MaildropId, error: &str) =
        "Messages whose time is over could not be destroyed; it is tried again.",
        "maildrop {maildrop}: expiry failed: {}", Outside(error.as_bytes());
    error expiry_unknown(error: &str) =
        "The directory could not say how maildrops are kept; it is asked again.",
        "expiry: {}", Outside(error.as_bytes());
    error session_panicked(session: u64, service: Service, peer: Peer) =
        "A session ended by a fault of ours; the others go on.",
        "[{session}] {service} from {peer}: ended by a fault in the server, please report it";
}

/// `anna from 192.0.2.7: 14 fetched (3.1 MB), 14 deleted, 0 left, 0.8 s`.
struct Ended<'a> {
    peer: Peer,
    tally: &'a Pop3Tally,
    took: Duration,
    how: &'a str,
}

impl fmt::Display for Ended<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = self.tally;
        match &tally.account {
            Some(account) => {
                write!(f, "{} from {}: ", Outside(account.as_bytes()), self.peer)?;
                write!(f, "{} fetched", tally.fetched)?;
                if tally.fetched_octets > 0 {
                    write!(f, " ({})", Amount(tally.fetched_octets))?;
                }
                if tally.looked_at > 0 {
                    write!(f, ", {} looked at", tally.looked_at)?;
                }
                write!(f, ", {} deleted, {} left", tally.deleted, tally.left)?;
            }
            None => write!(f, "nobody from {}: no login", self.peer)?,
        }
        if tally.bad_commands > 0 {
            write!(f, ", {} bad commands", tally.bad_commands)?;
        }
        write!(f, ", {}", Seconds(self.took))?;
        if !self.how.is_empty() {
            f.write_str(", ")?;
            f.write_str(self.how)?;
        }
        Ok(())
    }
}

struct Seconds(Duration);

/// So many of a thing, in words that agree.
struct Counted<N>(N, &'static str);

impl<N: fmt::Display + PartialEq + From<u8>> fmt::Display for Counted<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == N::from(1) { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s", self.0.as_secs_f64())
    }
}

/// A list such as `2 NUL octets replaced, blank line added`, for [`message_repaired`].
pub(crate) fn listed(items: impl IntoIterator<Item = String>) -> String {
    items.into_iter().fold(String::new(), |mut list, item| {
        let separator = if list.is_empty() { "" } else { ", " };
        let _ok = write!(list, "{separator}{item}");
        list
    })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    // `security` §4.3: all outside text escaped to printable ASCII, also U+0085, U+2028, bidi
    #[test]
    fn outside_text_cannot_make_lines_or_move_the_cursor() {
        let shown = Outside("a\r\nb\x1b[2J\u{85}\u{2028}\u{202e}\"\\".as_bytes()).to_string();
        assert_eq!(shown, "a\\x0d\\x0ab\\x1b[2J\\xc2\\x85\\xe2\\x80\\xa8\\xe2\\x80\\xae\\\"\\\\");
        let long = Outside(&[b'x'; 1000]).to_string();
        assert_eq!(long, format!("{}[cut]", "x".repeat(256)));
    }

    // `ecosystem` §6.20
    #[test]
    fn the_end_of_a_session_is_a_line_a_human_likes() {
        let tally = Pop3Tally {
            account: Some("anna".to_owned()),
            fetched: 14,
            fetched_octets: 3_100_000,
            deleted: 14,
            ..Pop3Tally::default()
        };
        let peer = Peer::at(SocketAddr::from(([192, 0, 2, 7], 4711)));
        let took = Duration::from_millis(812);
        let line = Ended { peer, tally: &tally, took, how: "" }.to_string();
        assert_eq!(line, "anna from 192.0.2.7: 14 fetched (3.1 MB), 14 deleted, 0 left, 0.8 s");
    }

    #[test]
    fn every_event_has_a_name_of_its_own() {
        for (index, (name, _, meaning)) in REFERENCE.iter().enumerate() {
            assert!(meaning.ends_with('.'), "{name}");
            assert!(REFERENCE.iter().skip(index + 1).all(|(other, ..)| other != name), "{name}");
        }
    }
}
