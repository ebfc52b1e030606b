//! Reads `.dialog` files: who is there, and what is said. `README.md` beside this file
//! describes the format. Include it with `#[path]`; it depends on nothing but `std`.

use std::path::Path;

/// One file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dialog {
    /// The file's name, without its ending.
    pub(crate) name: String,
    /// What has to be there.
    pub(crate) fixture: Fixture,
    /// What happens, in order.
    pub(crate) steps: Vec<Step>,
}

/// What has to be there before the first step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fixture {
    /// Names and passwords. All of them own the one maildrop.
    pub(crate) accounts: Vec<(String, String)>,
    /// The maildrop, in order of delivery.
    pub(crate) messages: Vec<Message>,
    /// Whether the connection is TLS from the start.
    pub(crate) tls: bool,
    /// Whether STLS is offered.
    pub(crate) stls: bool,
    /// Whether passwords may be sent without TLS.
    pub(crate) cleartext: bool,
    /// The banner timestamp, where APOP works.
    pub(crate) apop: Option<String>,
    /// Whether LAST is answered.
    pub(crate) last: bool,
    /// Whether our own commands are answered.
    pub(crate) extensions: bool,
    /// What arrives while the session lasts, in order.
    pub(crate) later: Vec<Message>,
    /// LOGIN-DELAY's seconds.
    pub(crate) login_delay: Option<u64>,
    /// EXPIRE's days.
    pub(crate) expire: Option<u32>,
    /// Whether a message with UTF-8 headers goes raw to a client that did not say UTF8.
    pub(crate) utf8_raw: bool,
    /// What goes wrong.
    pub(crate) faults: Vec<Fault>,
}

/// A message as RETR sends it, before stuffing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    /// Its unique-id.
    pub(crate) uidl: String,
    /// Its octets, CRLF line ends.
    pub(crate) text: Vec<u8>,
    /// Whether its header holds raw UTF-8.
    pub(crate) utf8: bool,
}

/// What goes wrong in the world around the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The directory is down.
    Directory,
    /// Another session holds the maildrop.
    InUse,
    /// The last login was too short a time ago.
    LoginDelay,
    /// The maildrop cannot be opened until somebody has looked at it.
    Maildrop,
    /// This message cannot be read.
    Message(u32),
    /// The marked messages cannot be removed.
    Update,
    /// The maildrop cannot be looked at again.
    Refresh,
}

/// What happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The client sends these octets.
    Client(Vec<u8>),
    /// The server sends a line like this.
    Server(Pattern),
    /// The next of the later messages arrives.
    Arrives,
    /// Both go over to TLS.
    Tls,
    /// The server has closed.
    Closed,
    /// The client goes away without a word.
    Gone,
    /// These message numbers were removed in UPDATE, and no others.
    Removed(Vec<u32>),
}

/// What a line, its CRLF included, has to look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Octets(Vec<u8>),
    /// Any octets but CR and LF.
    Anything,
}

impl Dialog {
    /// Reads a file, or panics with the number of the line that is wrong.
    pub(crate) fn read(path: &Path) -> Self {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut dialog = Self { name, ..Self::default() };
        for (index, line) in text.lines().enumerate() {
            if let Err(wrong) = dialog.line(line) {
                panic!("{}:{}: {wrong}: {line}", path.display(), index + 1);
            }
        }
        assert!(!dialog.steps.is_empty(), "{}: nothing happens", path.display());
        dialog
    }

    /// All files of a folder, in order of their names.
    pub(crate) fn read_all(folder: &Path) -> Vec<Self> {
        let entries =
            std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut paths: Vec<_> =
            entries.map(|entry| entry.expect("a folder entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "dialog"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(content) = line.strip_prefix('|') {
            let list = if self.fixture.later.is_empty() {
                &mut self.fixture.messages
            } else {
                &mut self.fixture.later
            };
            let message = list.last_mut().ok_or("a text before any message")?;
            message.text.extend(octets(content.strip_prefix(' ').unwrap_or(content))?);
            message.text.extend_from_slice(b"\r\n");
            return Ok(());
        }
        if let Some(said) = value(line, "C:") {
            let mut octets = octets(said)?;
            octets.extend_from_slice(b"\r\n");
            self.steps.push(Step::Client(octets));
        } else if let Some(said) = value(line, "C~") {
            self.steps.push(Step::Client(octets(said)?));
        } else if let Some(said) = value(line, "S:") {
            self.server(said)?;
        } else if let Some(event) = value(line, "--") {
            self.steps.push(event_step(event)?);
        } else {
            let (key, value) = line.split_once(':').ok_or("neither a step nor a setting")?;
            self.fixture.set(key, value.trim())?;
        }
        Ok(())
    }

    fn server(&mut self, said: &str) -> Result<(), &'static str> {
        let words: Vec<&str> = said.trim_matches(['<', '>']).split(' ').collect();
        let (number, lines) = match words[..] {
            ["message", number] if said.starts_with('<') => (number, usize::MAX),
            ["top", number, lines] if said.starts_with('<') => {
                (number, lines.parse().map_err(|_| "no number of lines")?)
            }
            _ => {
                self.steps.push(Step::Server(Pattern::parse(said)?));
                return Ok(());
            }
        };
        let number: usize = number.parse().map_err(|_| "no message number")?;
        let mut all = self.fixture.messages.iter().chain(&self.fixture.later);
        let message = all.nth(number.wrapping_sub(1)).ok_or("no such message")?;
        let text = std::str::from_utf8(&message.text).map_err(|_| "a text that is not UTF-8")?;
        let (mut body, mut in_header) = (0, true);
        for line in text.split_inclusive("\r\n") {
            if !in_header && body == lines {
                break;
            }
            body += usize::from(!in_header);
            in_header &= line != "\r\n";
            let stuffed = if line.starts_with('.') { format!(".{line}") } else { line.to_owned() };
            self.steps.push(Step::Server(Pattern(vec![Piece::Octets(stuffed.into_bytes())])));
        }
        Ok(())
    }
}

impl Fixture {
    fn set(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        match key {
            "account" => {
                let (name, password) = value.split_once(' ').ok_or("a name and a password")?;
                self.accounts.push((name.to_owned(), password.to_owned()));
            }
            "message" | "later" => {
                let mut message = Message::default();
                for word in value.split(' ') {
                    match word.split_once('=') {
                        Some(("uidl", uidl)) => uidl.clone_into(&mut message.uidl),
                        Some(("octets", octets)) => {
                            message.text = filler(octets.parse().map_err(|_| "no number")?)?;
                        }
                        None if word == "utf8" => message.utf8 = true,
                        _ => return Err("a message has uidl=, octets= and utf8"),
                    }
                }
                if message.uidl.is_empty() {
                    return Err("a message needs uidl=");
                }
                let list = if key == "later" { &mut self.later } else { &mut self.messages };
                list.push(message);
            }
            "connection" => {
                for word in value.split(' ') {
                    match word {
                        "tls" => self.tls = true,
                        "stls" => self.stls = true,
                        "cleartext" => self.cleartext = true,
                        _ => return Err("a connection has tls, stls, cleartext"),
                    }
                }
            }
            "apop" => self.apop = Some(value.to_owned()),
            "last" => self.last = value == "yes",
            "extensions" => self.extensions = value == "yes",
            "login-delay" => self.login_delay = Some(value.parse().map_err(|_| "no number")?),
            "expire" => self.expire = Some(value.parse().map_err(|_| "no number")?),
            "utf8-legacy" => self.utf8_raw = value == "raw",
            "fault" => self.faults.push(fault(value)?),
            _ => return Err("no such setting"),
        }
        Ok(())
    }
}

impl Pattern {
    /// `*` stands for anything within a line, `\*` for a star.
    fn parse(said: &str) -> Result<Self, &'static str> {
        let mut pieces = Vec::new();
        let mut rest = said;
        while let Some(star) = rest.match_indices('*').find(|(at, _)| !rest[..*at].ends_with('\\'))
        {
            pieces.push(Piece::Octets(octets(&rest[..star.0])?));
            pieces.push(Piece::Anything);
            rest = &rest[star.0 + 1..];
        }
        let mut last = octets(rest)?;
        last.extend_from_slice(b"\r\n");
        pieces.push(Piece::Octets(last));
        Ok(Self(pieces))
    }

    /// Whether a line, its CRLF included, looks like this.
    pub(crate) fn matches(&self, line: &[u8]) -> bool {
        fits(&self.0, line)
    }
}

fn fits(pieces: &[Piece], line: &[u8]) -> bool {
    match pieces {
        [] => line.is_empty(),
        [Piece::Octets(octets), rest @ ..] => {
            line.strip_prefix(octets.as_slice()).is_some_and(|line| fits(rest, line))
        }
        [Piece::Anything, rest @ ..] => (0..=line.len())
            .take_while(|&taken| !line[..taken].contains(&b'\n'))
            .any(|taken| fits(rest, &line[taken..])),
    }
}

fn value<'l>(line: &'l str, key: &str) -> Option<&'l str> {
    let rest = line.strip_prefix(key)?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

fn event_step(event: &str) -> Result<Step, &'static str> {
    match event {
        "arrives" => Ok(Step::Arrives),
        "tls" => Ok(Step::Tls),
        "closed" => Ok(Step::Closed),
        "gone" => Ok(Step::Gone),
        "removed nothing" => Ok(Step::Removed(Vec::new())),
        _ => {
            let numbers = event.strip_prefix("removed ").ok_or("no such event")?;
            let numbers: Result<_, _> = numbers.split(' ').map(str::parse).collect();
            numbers.map(Step::Removed).map_err(|_| "no number")
        }
    }
}

fn fault(value: &str) -> Result<Fault, &'static str> {
    match value {
        "directory" => Ok(Fault::Directory),
        "in-use" => Ok(Fault::InUse),
        "login-delay" => Ok(Fault::LoginDelay),
        "maildrop" => Ok(Fault::Maildrop),
        "update" => Ok(Fault::Update),
        "refresh" => Ok(Fault::Refresh),
        _ => {
            let number = value.strip_prefix("message ").ok_or("no such fault")?;
            number.parse().map(Fault::Message).map_err(|_| "no number")
        }
    }
}

/// `\r`, `\n`, `\t`, `\0`, `\\`, `\*`, `\s` for a space, `\xHH` for any octet.
fn octets(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        octets.push(match rest.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b's') => b' ',
            Some(b'0') => 0,
            Some(octet @ (b'\\' | b'*')) => octet,
            Some(b'x') => {
                let digits = [rest.next().unwrap_or(0), rest.next().unwrap_or(0)];
                let digits = std::str::from_utf8(&digits).map_err(|_| "no hexadecimal number")?;
                u8::from_str_radix(digits, 16).map_err(|_| "no hexadecimal number")?
            }
            _ => return Err("no such escape"),
        });
    }
    Ok(octets)
}

/// A message of exactly this size: a header, the blank line, and lines of at most 40 octets.
fn filler(size: usize) -> Result<Vec<u8>, &'static str> {
    let mut text = b"Subject: filler\r\n\r\n".to_vec();
    let mut left = size.checked_sub(text.len()).ok_or("a message is at least 19 octets long")?;
    while left > 0 {
        // No line may be left that is shorter than its own end.
        let line = if left <= 40 { left } else { 38 };
        let content = line.checked_sub(2).ok_or("a message cannot end in one octet")?;
        text.extend(std::iter::repeat_n(b'x', content));
        text.extend_from_slice(b"\r\n");
        left -= line;
    }
    Ok(text)
}
