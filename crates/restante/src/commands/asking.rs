//! What a command asks the person who runs it: passwords, and whether to go on.

use std::io::{self, BufRead, IsTerminal, Write as _};

use mail_wire::Secret;

use crate::commands::hidden::read_hidden;
use crate::output::Failure;

/// A line with a password is never longer than this.
const LINE_OCTETS_MAX: u64 = 4096;

/// A new password: twice from the terminal, or the first line of standard input.
pub(crate) fn new_password(from_stdin: bool) -> Result<Secret<String>, Failure> {
    if from_stdin {
        return password_from(io::stdin().lock());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::new("there is no terminal to ask for the password")
            .hint("pass it on standard input, with --password-stdin"));
    }
    let first = read_hidden("password: ")?;
    if first.expose().is_empty() {
        return Err(Failure::new("no password was typed; nothing was changed")
            .hint("--no-password makes an account that only app passwords open"));
    }
    let second = read_hidden("once more: ")?;
    if first.expose() != second.expose() {
        return Err(Failure::new("the two passwords differ; nothing was changed"));
    }
    Ok(first)
}

/// Asks for a name to be typed, for acts that cannot be undone.
pub(crate) fn confirm_by_name(name: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new("there is no terminal to ask whether this is meant")
            .hint("say --yes where nobody can be asked"));
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "type the name to go on: ")?;
    stderr.flush()?;
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed).map_err(unreadable)?;
    if typed.trim() == name {
        return Ok(());
    }
    Err(Failure::new("that is not the name; nothing was changed"))
}

/// The first line, without its end: spaces in front and behind belong to the password.
fn password_from(input: impl BufRead) -> Result<Secret<String>, Failure> {
    let mut line = Vec::new();
    input.take(LINE_OCTETS_MAX).read_until(b'\n', &mut line).map_err(unreadable)?;
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    if line.is_empty() {
        return Err(Failure::new("there is no password on standard input"));
    }
    String::from_utf8(line)
        .map(Secret::new)
        .map_err(|_| Failure::new("the password on standard input is not UTF-8"))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unreadable(error: io::Error) -> Failure {
    Failure::new(format!("standard input cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // product §1: spaces belong to a password
    #[test]
    fn the_first_line_is_the_password() {
        let read = |input: &[u8]| password_from(input).unwrap().expose().clone();
        assert_eq!(read(b" two words \nmore"), " two words ");
        assert_eq!(read(b"a\r\n"), "a");
        assert_eq!(read(b"no end"), "no end");
        assert!(password_from(&b"\n"[..]).is_err());
        assert!(password_from(&b""[..]).is_err());
        assert!(password_from(&b"\xff\n"[..]).is_err());
    }
}
