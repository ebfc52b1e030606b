//! Reads a line from the terminal without showing it, and gives the terminal back as it was.

use std::io::{self, BufRead, Write as _};

use mail_wire::Secret;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

use crate::output::Failure;

/// What shells answer for a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Asks on standard error and reads the answer from standard input, which is a terminal. Ctrl-C
/// ends it as a failure, not as a signal: a killed process would leave a terminal that shows
/// nothing.
pub(crate) fn read_hidden(prompt: &str) -> Result<Secret<String>, Failure> {
    let unreadable = |error: io::Error| Failure::new(format!("the terminal fails: {error}"));
    let stdin = io::stdin();
    let shown = tcgetattr(&stdin).map_err(|error| unreadable(error.into()))?;
    let (hidden, interrupts) = without_echo(&shown);
    // Hidden before the prompt stands there: who types fast is not shown either.
    tcsetattr(&stdin, OptionalActions::Now, &hidden).map_err(|error| unreadable(error.into()))?;
    let read = ask(prompt, interrupts);
    let restored = tcsetattr(&stdin, OptionalActions::Now, &shown);
    let line = Secret::new(read.map_err(unreadable)?);
    restored.map_err(|error| unreadable(error.into()))?;
    if line.expose().ends_with(interrupts.map(char::from)) {
        let _ = writeln!(io::stderr().lock());
        return Err(Failure::new("interrupted; nothing was changed").exit(INTERRUPTED));
    }
    let typed = line.expose().trim_end_matches('\n');
    if typed.chars().any(char::is_control) {
        return Err(Failure::new("a control character was typed; nothing was changed"));
    }
    Ok(Secret::new(typed.to_owned()))
}

/// The keys of SIGINT and SIGQUIT end the line in place of sending the signal.
fn without_echo(shown: &Termios) -> (Termios, [u8; 2]) {
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    hidden.local_modes.insert(LocalModes::ECHONL | LocalModes::ICANON);
    let [interrupt, quit] =
        [SpecialCodeIndex::VINTR, SpecialCodeIndex::VQUIT].map(|index| shown.special_codes[index]);
    hidden.special_codes[SpecialCodeIndex::VEOL] = interrupt;
    hidden.special_codes[SpecialCodeIndex::VEOL2] = quit;
    (hidden, [interrupt, quit])
}

/// A line with its end, which is a line feed or one of the keys that interrupt.
fn ask(prompt: &str, interrupts: [u8; 2]) -> io::Result<String> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{prompt}")?;
    stderr.flush()?;
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    loop {
        let octets = input.fill_buf()?;
        let is_end = |octet: &u8| *octet == b'\n' || interrupts.contains(octet);
        let end = octets.iter().position(is_end).map(|at| at.saturating_add(1));
        let taken = end.unwrap_or(octets.len());
        line.extend_from_slice(octets.get(..taken).unwrap_or_default());
        input.consume(taken);
        if end.is_some() || taken == 0 {
            return String::from_utf8(line)
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "that is not UTF-8"));
        }
    }
}
