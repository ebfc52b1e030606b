//! Mail that comes and goes without end: deliveries by LMTP, sessions by POP3, until the server
//! is gone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::ledger::Ledger;

/// Longer than anything here takes; only a hang meets it.
const PATIENCE: Duration = Duration::from_mins(1);

/// A maildrop is emptied down to about this many messages.
const KEPT: usize = 40;

/// Chance that is the same for the same seed.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}

/// The name of the account that has this maildrop.
pub(crate) fn account(maildrop: usize) -> String {
    format!("user{maildrop}@example.org")
}

/// Delivers until the server is gone.
pub(crate) fn deliver(socket: &Path, maildrops: usize, ledger: &Ledger, chance: &mut Chance) {
    // Whatever breaks: the server is gone. What it said before is in the ledger.
    let _ended = deliver_all(socket, maildrops, ledger, chance);
}

fn deliver_all(
    socket: &Path,
    maildrops: usize,
    ledger: &Ledger,
    chance: &mut Chance,
) -> io::Result<()> {
    let mut talk = Talk::open(socket)?;
    talk.reply()?;
    talk.ask("LHLO torture.example")?;
    loop {
        let some: Vec<usize> = (0..maildrops).filter(|_| chance.below(3) == 0).collect();
        if some.is_empty() {
            continue;
        }
        let message = ledger.send(&some);
        talk.ask("MAIL FROM:<torture@example.net>")?;
        let mut willing = Vec::new();
        for maildrop in some {
            if talk.ask(&format!("RCPT TO:<{}>", account(maildrop)))?.starts_with('2') {
                willing.push(maildrop);
            }
        }
        if !talk.ask("DATA")?.starts_with('3') {
            talk.ask("RSET")?;
            continue;
        }
        for line in text(message).split_inclusive('\n') {
            if line.starts_with('.') {
                talk.output.push(b'.');
            }
            talk.output.extend_from_slice(line.as_bytes());
        }
        talk.output.extend_from_slice(b".\r\n");
        talk.flush()?;
        for maildrop in willing {
            if talk.reply()?.starts_with("250") {
                ledger.taken(maildrop, message);
            }
        }
    }
}

/// Logs in, reads, deletes, and quits or just goes, until the server is gone.
pub(crate) fn fetch(socket: &Path, maildrop: usize, ledger: &Ledger, chance: &mut Chance) {
    let mut known = BTreeMap::new();
    while visit(socket, maildrop, ledger, chance, &mut known).is_ok() {}
}

fn visit(
    socket: &Path,
    maildrop: usize,
    ledger: &Ledger,
    chance: &mut Chance,
    known: &mut BTreeMap<String, u64>,
) -> io::Result<()> {
    let mut session = Session::log_in(socket, maildrop)?;
    let listed = session.list()?;
    let surplus = listed.len().saturating_sub(KEPT);
    let mut deleted = Vec::new();
    for (number, (uidl, octets)) in (1..).zip(&listed) {
        let read = chance.below(10) == 0 || !known.contains_key(uidl) && number % 2 == 0;
        if read {
            let message = session.read(number, *octets, maildrop, ledger)?;
            ledger.seen(maildrop, message, uidl);
            known.insert(uidl.clone(), message);
        }
        let wanted = deleted.len() < surplus || chance.below(20) == 0;
        if let Some(message) = known.get(uidl).filter(|_| wanted) {
            session.talk.ask_ok(&format!("DELE {number}"))?;
            deleted.push(*message);
        }
    }
    if chance.below(4) == 0 {
        // Gone without a word: nothing is removed.
        return Ok(());
    }
    ledger.leaving(maildrop, &deleted);
    if session.talk.ask("QUIT")?.starts_with("+OK") {
        ledger.left(maildrop, &deleted);
    }
    Ok(())
}

/// Reads all that is in a maildrop and holds it against the ledger.
pub(crate) fn audit(socket: &Path, maildrop: usize, ledger: &Ledger) -> io::Result<()> {
    let mut session = Session::log_in(socket, maildrop)?;
    let listed = session.list()?;
    let mut messages = Vec::new();
    for (number, (uidl, octets)) in (1..).zip(&listed) {
        let message = session.read(number, *octets, maildrop, ledger)?;
        ledger.seen(maildrop, message, uidl);
        messages.push(message);
    }
    session.talk.ask_ok("QUIT")?;
    ledger.audit(maildrop, &messages);
    Ok(())
}

/// The message with this number, as it is sent: of all sizes, with dots where they hurt.
fn text(message: u64) -> String {
    let mut chance = Chance::new(message);
    let lines = match chance.below(60) {
        0 => 20_000,
        1..20 => 200 + chance.below(100),
        _ => chance.below(20),
    };
    let mut text = format!("Subject: {message}\r\n\r\n");
    for line in 0..lines {
        match (line + message) % 7 {
            0 => text.push_str(".\r\n"),
            1 => text.push_str("..two dots, and a number: "),
            _ => text.push_str("a line of the body that is there to be read: "),
        }
        write!(text, "{line} of {message}\r\n").expect("there is room");
    }
    text
}

struct Session {
    talk: Talk,
}

impl Session {
    fn log_in(socket: &Path, maildrop: usize) -> io::Result<Self> {
        let mut talk = Talk::open(socket)?;
        talk.reply()?;
        talk.ask_ok(&format!("USER {}", account(maildrop)))?;
        talk.ask_ok("PASS tanstaaf")?;
        Ok(Self { talk })
    }

    /// Unique-id and size of each message.
    fn list(&mut self) -> io::Result<Vec<(String, usize)>> {
        let mut column = |command: &str| -> io::Result<Vec<String>> {
            self.talk.ask_ok(command)?;
            let lines = self.talk.multi_line()?;
            let second = |line: &str| line.trim_end().split(' ').nth(1).unwrap().to_owned();
            Ok(String::from_utf8(lines).unwrap().lines().map(second).collect())
        };
        let (uidls, sizes) = (column("UIDL")?, column("LIST")?);
        assert_eq!(uidls.len(), sizes.len());
        Ok(uidls.into_iter().zip(sizes.iter().map(|size| size.parse().unwrap())).collect())
    }

    /// Reads a message, compares every octet, and answers with its number.
    fn read(
        &mut self,
        number: usize,
        octets: usize,
        maildrop: usize,
        ledger: &Ledger,
    ) -> io::Result<u64> {
        self.talk.ask_ok(&format!("RETR {number}"))?;
        let message = self.talk.multi_line()?;
        if message.len() != octets {
            let sent = message.len();
            ledger.violation(format!("{sent} octets in maildrop {maildrop}, listed as {octets}"));
        }
        let message = String::from_utf8(message).unwrap();
        let sent = message.find("Subject: ").map_or("", |at| &message[at..]);
        let name = sent.strip_prefix("Subject: ").and_then(|rest| rest.split("\r\n").next());
        let name = name.and_then(|name| name.parse().ok()).unwrap_or_default();
        if sent != text(name) {
            ledger
                .violation(format!("message {name} in maildrop {maildrop} is not as it was sent"));
        }
        Ok(name)
    }
}

/// Lines to and from a server.
struct Talk {
    stream: BufReader<UnixStream>,
    output: Vec<u8>,
}

impl Talk {
    fn open(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream), output: Vec::new() })
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.stream.get_mut().write_all(&self.output);
        self.output.clear();
        written
    }

    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line)?;
        if line.ends_with(b"\r\n") { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// The last line of a reply.
    fn reply(&mut self) -> io::Result<String> {
        loop {
            let line = String::from_utf8(self.line()?).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') || line.starts_with('-') {
                return Ok(line);
            }
        }
    }

    fn ask(&mut self, command: &str) -> io::Result<String> {
        self.output.extend_from_slice(format!("{command}\r\n").as_bytes());
        self.flush()?;
        self.reply()
    }

    fn ask_ok(&mut self, command: &str) -> io::Result<()> {
        let reply = self.ask(command)?;
        if reply.starts_with("+OK") { Ok(()) } else { Err(io::Error::other(reply)) }
    }

    /// What stands before the ending dot, unstuffed.
    fn multi_line(&mut self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let line = self.line()?;
            match line.strip_prefix(b".") {
                Some(b"\r\n") => return Ok(text),
                Some(rest) => text.extend_from_slice(rest),
                None => text.extend_from_slice(&line),
            }
        }
    }
}
