//! A field under construction, folded (RFC 5322 §2.2.3).

/// The longest line, as RFC 5322 §2.1.1 would have it, without its end.
const LINE_OCTETS: usize = 78;
/// The longest piece that is taken as it came: a line may have 998 octets.
pub(super) const VERBATIM_OCTETS_MAX: usize = 900;

/// A field under construction: ASCII, one token after another.
#[derive(Debug)]
pub(super) struct Folded {
    text: String,
    column: usize,
    is_empty: bool,
}

impl Folded {
    /// One with this name.
    pub(super) fn new(name: &str) -> Self {
        let text = format!("{name}:");
        Self { column: text.len(), text, is_empty: true }
    }

    /// Puts a token behind a space, on a new line where it would not fit. What is not ASCII does
    /// not get in.
    pub(super) fn token(&mut self, token: &str) {
        if token.is_empty() || !token.is_ascii() {
            return;
        }
        let first_line = token.split('\r').next().unwrap_or_default();
        let end = self.column.saturating_add(1).saturating_add(first_line.len());
        if end > LINE_OCTETS && !self.is_empty {
            self.text.push_str("\r\n");
            self.column = 0;
        }
        self.text.push(' ');
        self.text.push_str(token);
        self.is_empty = false;
        self.column = match token.rsplit_once('\n') {
            Some((_, last)) => last.len(),
            None => self.column.saturating_add(1).saturating_add(token.len()),
        };
    }

    /// Puts a sign directly behind the last token.
    pub(super) fn glue(&mut self, sign: char) {
        if sign.is_ascii() && !self.is_empty {
            self.text.push(sign);
            self.column = self.column.saturating_add(1);
        }
    }

    /// The next token begins a line.
    pub(super) fn begin_line(&mut self) {
        self.column = LINE_OCTETS;
    }

    /// The field, its line end included; `None` if nothing was put in.
    pub(super) fn finish(mut self) -> Option<String> {
        self.text.push_str("\r\n");
        (!self.is_empty).then_some(self.text)
    }
}

/// Whether a piece of a field can be taken as it came: ASCII, and its lines are lines.
pub(super) fn is_verbatim(piece: &str) -> bool {
    let is_line = |line: &str| {
        let text = line.strip_suffix('\r').unwrap_or(line);
        line.len() <= VERBATIM_OCTETS_MAX
            && !text.contains(|c: char| c.is_ascii_control() && c != '\t')
    };
    // A line of white space alone would be taken for a blank one by many.
    let is_blank = |line: &str| line.trim_ascii().is_empty();
    piece.is_ascii() && piece.split('\n').all(|line| is_line(line) && !is_blank(line))
}
