//! Cuts Rust source into tokens, without comments and without what strings say.
//!
//! It knows as much of the language as the checks need: comments nest, strings come raw and
//! plain, a quote may begin a character or a lifetime. It expands no macro.

/// One token and the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its line, counted from 1.
    pub(crate) line: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or keyword, raw ones without `r#`.
    Word(String),
    /// One character of punctuation; `::` is one token of its own.
    Mark(char),
    /// `::`.
    Path,
    /// A string, character or number.
    Literal,
    /// `'a`.
    Lifetime,
}

impl Token {
    /// The word, if it is one.
    pub(crate) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether it is this word.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    /// Whether it is this mark.
    pub(crate) fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// All tokens of a source text.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: text, line: 1, tokens: Vec::new() };
    while lexer.step() {}
    lexer.tokens
}

struct Lexer<'t> {
    rest: &'t str,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    /// Takes one token, comment or stretch of white space; false at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else if self.rest.starts_with("//") {
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.skip(block_comment(self.rest));
        } else if let Some(length) = string(self.rest) {
            self.push(Kind::Literal, length);
        } else if first == '\'' {
            let (kind, length) = quote(self.rest);
            self.push(kind, length);
        } else if first.is_ascii_digit() {
            self.push(Kind::Literal, number(self.rest));
        } else if first == '_' || first.is_alphabetic() {
            self.identifier();
        } else if self.rest.starts_with("::") {
            self.push(Kind::Path, 2);
        } else {
            self.push(Kind::Mark(first), first.len_utf8());
        }
        true
    }

    fn identifier(&mut self) {
        if let Some(raw) = self.rest.strip_prefix("r#") {
            self.rest = raw;
        }
        let length =
            self.rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(self.rest.len());
        let word = self.rest.get(..length).unwrap_or_default().to_owned();
        self.push(Kind::Word(word), length);
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.tokens.push(Token { kind, line: self.line });
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        let (gone, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.line = self.line.saturating_add(gone.matches('\n').count());
        self.rest = rest;
    }
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut position = 0_usize;
    while let Some(rest) = text.get(position..) {
        if rest.starts_with("/*") {
            depth = depth.saturating_add(1);
            position = position.saturating_add(2);
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            position = position.saturating_add(2);
            if depth == 0 {
                return position;
            }
        } else {
            let Some(next) = rest.chars().next() else { break };
            position = position.saturating_add(next.len_utf8());
        }
    }
    text.len()
}

/// The length of a string literal of any kind, if one begins here.
fn string(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
    })?;
    let rest = text.get(prefix.len()..)?;
    let hashes = rest.len().saturating_sub(rest.trim_start_matches('#').len());
    if hashes > 0 && !prefix.ends_with('r') {
        return None;
    }
    let start = prefix.len().saturating_add(hashes).saturating_add(1);
    let body = text.get(start..)?;
    let length = if prefix.ends_with('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        body.find(&end).map_or(body.len(), |found| found.saturating_add(end.len()))
    } else {
        quoted(body, '"')
    };
    Some(start.saturating_add(length))
}

/// The length up to and with the closing quote, escapes passed over.
fn quoted(body: &str, close: char) -> usize {
    let mut escaped = false;
    for (position, c) in body.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == close {
            return position.saturating_add(1);
        }
    }
    body.len()
}

/// A character or a lifetime, at a single quote.
fn quote(text: &str) -> (Kind, usize) {
    let mut characters = text.char_indices().skip(1);
    let first = characters.next().map(|(_, c)| c);
    let second = characters.next();
    if first != Some('\\') && second.is_none_or(|(_, c)| c != '\'') {
        let name = text.get(1..).unwrap_or_default();
        let length = name.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(name.len());
        return (Kind::Lifetime, length.saturating_add(1));
    }
    let length = quoted(text.get(1..).unwrap_or_default(), '\'');
    (Kind::Literal, length.saturating_add(1))
}

fn number(text: &str) -> usize {
    let digits = |text: &str| {
        text.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(text.len())
    };
    let whole = digits(text);
    match text.get(whole..).and_then(|rest| rest.strip_prefix('.')) {
        // `1..2` is a range and `1.max(2)` a call: only a digit goes on with the number.
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
            whole.saturating_add(1).saturating_add(digits(rest))
        }
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).iter().filter_map(|token| token.word().map(str::to_owned)).collect()
    }

    #[test]
    fn comments_and_strings_hold_no_words() {
        assert_eq!(words("a /* b /* c */ d */ e // f\n g"), ["a", "e", "g"]);
        assert_eq!(words(r###"a "b \" c" r#"d " e"# b"f" br##"g"# h"## c"i" j"###), ["a", "j"]);
    }

    #[test]
    fn quotes_begin_characters_or_lifetimes() {
        assert_eq!(
            words(r"fn f<'a>(x: &'a str) { '\'' ; 'b' ; '{' ; b'"),
            ["fn", "f", "x", "str", "b"]
        );
        let kinds: Vec<_> = tokens("'a 'a' '\\n'").into_iter().map(|token| token.kind).collect();
        assert_eq!(kinds, [Kind::Lifetime, Kind::Literal, Kind::Literal]);
    }

    #[test]
    fn lines_are_counted_through_comments_and_strings() {
        let found = tokens("/* \n */ a\n\"x\ny\" b");
        let lines: Vec<_> = found.iter().map(|token| token.line).collect();
        assert_eq!(lines, [2, 3, 4]);
    }

    #[test]
    fn numbers_leave_ranges_and_calls_alone() {
        assert_eq!(tokens("1..2").len(), 4);
        assert_eq!(words("1.max(2) 0x1F_u8 1.5e3"), ["max"]);
    }
}
