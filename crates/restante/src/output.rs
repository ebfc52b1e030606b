//! What all commands print with: text, tables, JSON, colours on a terminal, errors with hints.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use serde::Serialize;

/// Why a command ends without having done what was asked.
///
/// The text follows the house's voice: lower case, what happened; the hint says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    exit: u8,
    quiet: bool,
}

impl Failure {
    /// A failure with exit code 1.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: 1, quiet: false }
    }

    /// With what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What to do about it, if there is something.
    pub(crate) fn what_to_do(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// With this exit code instead.
    #[must_use]
    pub(crate) fn exit(mut self, exit: u8) -> Self {
        self.exit = exit;
        self
    }
}

/// Writing to standard output failed. A reader that has gone away (`restante … | head`) is no
/// failure that anybody needs to read about.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let quiet = error.kind() == io::ErrorKind::BrokenPipe;
        Self { quiet, ..Self::new(format!("cannot write the output: {error}")) }
    }
}

/// Standard output and standard error, and whether they show colours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    colour: bool,
    colour_of_errors: bool,
}

impl Output {
    /// Colours on terminals only, and not where `NO_COLOR` (<https://no-color.org>) or a dumb
    /// terminal says otherwise.
    pub(crate) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|value| value != "dumb");
        Self {
            colour: wanted && io::stdout().is_terminal(),
            colour_of_errors: wanted && io::stderr().is_terminal(),
        }
    }

    /// Whether standard output shows colours.
    pub(crate) const fn colour(self) -> bool {
        self.colour
    }

    /// Whether standard error shows colours.
    pub(crate) const fn colour_of_errors(self) -> bool {
        self.colour_of_errors
    }

    /// One line to standard output: `output.line(format_args!("…"))`.
    #[expect(clippy::unused_self, reason = "reads like its brothers where it is called")]
    pub(crate) fn line(self, text: impl fmt::Display) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}")?;
        stdout.flush()
    }

    /// Octets as they are to standard output.
    #[expect(clippy::unused_self, reason = "reads like its brothers where it is called")]
    pub(crate) fn octets(self, octets: &[u8]) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(octets)?;
        stdout.flush()
    }

    /// One JSON value on one line to standard output, for `--json`.
    pub(crate) fn json(self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::new(format!("cannot write this as JSON: {error}")))?;
        Ok(self.line(text)?)
    }

    /// A table to standard output; nothing at all where it has no rows.
    pub(crate) fn table(self, table: &Table) -> io::Result<()> {
        self.octets(table.render(self.colour).as_bytes())
    }

    /// A remark to standard error, so that standard output stays what was asked for.
    #[expect(clippy::unused_self, reason = "reads like its brothers where it is called")]
    pub(crate) fn note(self, text: impl fmt::Display) {
        // Nobody is left to be told if standard error is gone.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Says why a command failed, and what to do, and gives its exit code.
    pub(crate) fn fail(self, failure: &Failure) -> ExitCode {
        if failure.quiet {
            return ExitCode::SUCCESS;
        }
        self.note(format_args!("{} {}", self.styled("31;1", "error:"), failure.message));
        if let Some(hint) = &failure.hint {
            self.note(format_args!(" {} {hint}", self.styled("36;1", "hint:")));
        }
        ExitCode::from(failure.exit)
    }

    fn styled(self, style: &str, text: &str) -> String {
        paint(self.colour_of_errors, style, text)
    }
}

/// Rows under headings, columns as wide as they need to be.
#[derive(Debug)]
pub(crate) struct Table {
    headings: Vec<&'static str>,
    right: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these headings (`NAME`, `SIZE`, …).
    pub(crate) fn new(headings: impl IntoIterator<Item = &'static str>) -> Self {
        Self { headings: headings.into_iter().collect(), right: Vec::new(), rows: Vec::new() }
    }

    /// With these columns, counted from 0, aligned to the right: numbers.
    #[must_use]
    pub(crate) fn right(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.right.extend(columns);
        self
    }

    /// Adds a row. What came from outside may hold anything: see [`printable`].
    pub(crate) fn row<T: fmt::Display>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(|cell| printable(&cell.to_string())).collect());
    }

    fn render(&self, colour: bool) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let headings: Vec<String> = self.headings.iter().map(|&heading| heading.into()).collect();
        let widths: Vec<usize> = (0..headings.len())
            .map(|column| {
                let cells = std::iter::once(&headings).chain(&self.rows);
                cells.filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0)
            })
            .collect();
        let mut text = paint(colour, "1", &self.render_row(&headings, &widths));
        text.push('\n');
        for row in &self.rows {
            text.push_str(&self.render_row(row, &widths));
            text.push('\n');
        }
        text
    }

    fn render_row(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (column, (cell, &wide)) in row.iter().zip(widths).enumerate() {
            let padding = " ".repeat(wide.saturating_sub(width(cell)));
            if column > 0 {
                line.push_str("  ");
            }
            if self.right.contains(&column) {
                line.push_str(&padding);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&padding);
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// Text from outside, safe on a terminal: control characters, line separators and marks that
/// turn the direction of text are shown as escapes.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        let turns = matches!(character, '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || turns {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

fn paint(colour: bool, style: &str, text: &str) -> String {
    if colour { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let mut table = Table::new(["NAME", "MESSAGES"]).right([1]);
        table.row(["anna@example.org", "3"]);
        table.row(["bob", "12000"]);
        assert_eq!(
            table.render(false),
            "NAME              MESSAGES\n\
             anna@example.org         3\n\
             bob                  12000\n"
        );
    }

    #[test]
    fn a_table_without_rows_prints_nothing() {
        assert_eq!(Table::new(["NAME"]).render(true), "");
    }

    // security W8: what came from outside cannot steer the terminal
    #[test]
    fn escapes_from_outside_are_shown_not_obeyed() {
        assert_eq!(printable("a\u{1b}[31m\r\n\u{202E}b ü"), "a\\u{1b}[31m\\r\\n\\u{202e}b ü");
    }
}
