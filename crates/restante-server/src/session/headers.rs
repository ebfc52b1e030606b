//! The header lines that final delivery puts on top: Return-Path, Delivered-To, Received, in
//! this order and no other (`rulings` 6; RFC 5321 §4.4, P-157, P-203, P-204).

use std::fmt::Write as _;

use jiff::Zoned;
use jiff::fmt::rfc2822;

use crate::net::service::Peer;

/// What a message's trace says of how it came.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    /// Our own name.
    pub(crate) hostname: String,
    /// The reverse-path; empty for bounces.
    pub(crate) sender: String,
    /// The name the peer gave.
    pub(crate) helo: String,
    /// Who handed it over.
    pub(crate) peer: Peer,
    /// What to write after `with` (RFC 3848).
    pub(crate) transport: &'static str,
    /// Our name for this message.
    pub(crate) id: String,
    /// When it came.
    pub(crate) time: Zoned,
}

impl Trace {
    /// The lines for one recipient. `alone`: it is the only one, and may be named in Received;
    /// RFC 5321 §7.2 has the others in mind.
    pub(crate) fn prefix(&self, address: &str, alone: bool) -> Vec<u8> {
        let mut lines = String::new();
        let _ok = writeln!(lines, "Return-Path: <{}>\r", clean(&self.sender));
        let _ok = writeln!(lines, "Delivered-To: {}\r", clean(address));
        let _ok = writeln!(lines, "Received: {}\r", self.origin());
        let _ok =
            write!(lines, "\tby {} with {} id {}", clean(&self.hostname), self.transport, self.id);
        if alone {
            let _ok = write!(lines, "\r\n\tfor <{}>", clean(address));
        }
        // A year beyond 9999 cannot be said in RFC 2822; no clock of ours shows one.
        let date = rfc2822::to_string(&self.time).unwrap_or_default();
        let _ok = writeln!(lines, ";\r\n\t{date}\r");
        lines.into_bytes()
    }

    /// `from helo ([192.0.2.7])` (RFC 5321 §4.4); of a process on this machine the name alone.
    fn origin(&self) -> String {
        let helo = domain(&self.helo);
        match self.peer {
            Peer::Tcp(address) if address.is_ipv6() => {
                format!("from {helo} ([IPv6:{}])", address.ip())
            }
            Peer::Tcp(address) => format!("from {helo} ([{}])", address.ip()),
            Peer::Local { .. } => format!("from {helo}"),
        }
    }
}

/// A mailbox as it stands in a header: quoted where its local part asks for it (RFC 5321
/// §4.1.2).
pub(crate) fn mailbox(local_part: &str, domain: Option<&str>) -> String {
    let plain = !local_part.is_empty()
        && local_part.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atext));
    let mut written = String::new();
    if plain {
        written.push_str(local_part);
    } else {
        written.push('"');
        for character in local_part.chars() {
            if matches!(character, '"' | '\\') {
                written.push('\\');
            }
            written.push(character);
        }
        written.push('"');
    }
    if let Some(domain) = domain {
        written.push('@');
        written.push_str(domain);
    }
    written
}

fn is_atext(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(character)
        || !character.is_ascii() && !character.is_control()
}

/// Nothing that comes from outside may begin a line of its own.
fn clean(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

/// The name a peer gave, if it can stand where a domain stands.
fn domain(name: &str) -> &str {
    let fits = |c: char| {
        c.is_ascii_alphanumeric() || "-._:[]".contains(c) || !c.is_ascii() && !c.is_control()
    };
    if !name.is_empty() && name.chars().all(fits) { name } else { "unknown" }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn trace() -> Trace {
        Trace {
            hostname: "mail.example.org".to_owned(),
            sender: "bob@example.com".to_owned(),
            helo: "relay.example.com".to_owned(),
            peer: Peer::at(SocketAddr::from(([192, 0, 2, 7], 4711))),
            transport: "LMTP",
            id: "0123456789abcdef".to_owned(),
            time: "2026-03-01T14:02:11+01:00[+01:00]".parse().unwrap(),
        }
    }

    fn lines(trace: &Trace, alone: bool) -> String {
        String::from_utf8(trace.prefix("anna@example.org", alone)).unwrap()
    }

    // P-203
    #[test]
    fn the_three_fields_in_their_order() {
        assert_eq!(
            lines(&trace(), true),
            "Return-Path: <bob@example.com>\r\n\
             Delivered-To: anna@example.org\r\n\
             Received: from relay.example.com ([192.0.2.7])\r\n\
             \tby mail.example.org with LMTP id 0123456789abcdef\r\n\
             \tfor <anna@example.org>;\r\n\
             \tSun, 1 Mar 2026 14:02:11 +0100\r\n"
        );
    }

    // P-203: no `for` with several recipients; P-205: the null reverse-path
    #[test]
    fn other_recipients_stay_unnamed_and_a_bounce_has_an_empty_path() {
        let lines = lines(&Trace { sender: String::new(), ..trace() }, false);
        assert!(lines.starts_with("Return-Path: <>\r\n"));
        assert!(!lines.contains("for <"));
    }

    #[test]
    fn where_it_came_from() {
        let at = |peer, helo: &str| Trace { peer, helo: helo.to_owned(), ..trace() }.origin();
        let v6 = Peer::at("[2001:db8::1]:25".parse().unwrap());
        assert_eq!(at(v6, "[IPv6:2001:db8::1]"), "from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])");
        assert_eq!(at(v6, "x\r\nEvil: y"), "from unknown ([IPv6:2001:db8::1])");
        assert_eq!(at(Peer::Local { uid: Some(33) }, "localhost"), "from localhost");
    }

    // D2 of the envelope's oddities: no header is made of an address
    #[test]
    fn nothing_from_outside_begins_a_line() {
        let evil = "a\r\nBcc: b";
        let lines = lines(&Trace { sender: evil.to_owned(), ..trace() }, true);
        assert!(lines.lines().all(|line| !line.starts_with("Bcc")), "{lines}");
    }

    #[test]
    fn local_parts_are_quoted_where_they_must_be() {
        assert_eq!(mailbox("anna.b+c", Some("example.org")), "anna.b+c@example.org");
        assert_eq!(mailbox("a b\"", Some("example.org")), "\"a b\\\"\"@example.org");
        assert_eq!(mailbox("", Some("x")), "\"\"@x");
        assert_eq!(mailbox("postmaster", None), "postmaster");
    }

    // `Recipient::prefix`: no line begins with a dot, so that both forms of it are the same
    #[test]
    fn no_line_begins_with_a_dot() {
        let prefix = Trace { sender: ".x@y".to_owned(), ..trace() }.prefix(".z", true);
        assert!(!prefix.windows(2).any(|pair| pair == b"\n.") && prefix[0] != b'.');
    }
}
