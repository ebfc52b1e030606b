//! One Rust file: its tokens, and which of them stand in tests.

use std::ops::RangeInclusive;

use super::lexer::{Kind, Token, tokens};

/// A Rust file of the tree.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path from the root.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
    /// Its tokens, without items that only tests have.
    pub(crate) code: Vec<Token>,
    /// All of its tokens.
    pub(crate) all: Vec<Token>,
    /// The lines of the items that only tests have.
    pub(crate) test_lines: Vec<RangeInclusive<usize>>,
}

impl Source {
    /// Reads the text.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let all = tokens(text);
        let (code, test_lines) = if is_test_path(path) || has_inner_test_gate(&all) {
            (Vec::new(), vec![1..=usize::MAX])
        } else {
            without_tests(&all)
        };
        Self { path: path.to_owned(), text: text.to_owned(), code, all, test_lines }
    }

    /// Whether all of it is a test.
    pub(crate) fn is_test(&self) -> bool {
        self.test_lines.iter().any(|lines| *lines.end() == usize::MAX)
    }

    /// Whether a line belongs to a test.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.test_lines.iter().any(|lines| lines.contains(&line))
    }
}

/// `tests/` of the root, `crates/x/tests/`, `crates/x/benches/`, and a module file `tests.rs`.
fn is_test_path(path: &str) -> bool {
    path.starts_with("tests/")
        || ["/tests/", "/benches/"].iter().any(|folder| path.contains(folder))
        || path.ends_with("/tests.rs")
}

/// `#![cfg(test)]` at the top.
fn has_inner_test_gate(all: &[Token]) -> bool {
    all.windows(6).any(|window| match window {
        [hash, bang, open, cfg, parenthesis, test] => {
            hash.is_mark('#')
                && bang.is_mark('!')
                && open.is_mark('[')
                && cfg.is_word("cfg")
                && parenthesis.is_mark('(')
                && test.is_word("test")
        }
        _ => false,
    })
}

fn without_tests(all: &[Token]) -> (Vec<Token>, Vec<RangeInclusive<usize>>) {
    let mut code = Vec::new();
    let mut lines = Vec::new();
    let mut position = 0_usize;
    while let Some(token) = all.get(position) {
        let end = attribute_end(all, position);
        match end {
            Some(end) if gates_test(all.get(position..end).unwrap_or_default()) => {
                let after = item_end(all, end);
                let last = all.get(after.saturating_sub(1)).map_or(token.line, |last| last.line);
                lines.push(token.line..=last);
                position = after;
            }
            Some(end) => {
                code.extend(all.get(position..end).unwrap_or_default().iter().cloned());
                position = end;
            }
            None => {
                code.push(token.clone());
                position = position.saturating_add(1);
            }
        }
    }
    (code, lines)
}

/// Behind the `]` of an attribute that begins here.
fn attribute_end(all: &[Token], start: usize) -> Option<usize> {
    if !all.get(start)?.is_mark('#') || !all.get(start.checked_add(1)?)?.is_mark('[') {
        return None;
    }
    let mut depth = 0_usize;
    for (position, token) in all.iter().enumerate().skip(start) {
        match token.kind {
            Kind::Mark('[') => depth = depth.saturating_add(1),
            Kind::Mark(']') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return position.checked_add(1);
                }
            }
            _ => {}
        }
    }
    None
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[test]`, `#[tokio::test]`.
fn gates_test(attribute: &[Token]) -> bool {
    let words: Vec<&str> = attribute.iter().filter_map(Token::word).collect();
    match words.as_slice() {
        ["cfg", "test"] => true,
        ["cfg", "all", rest @ ..] => rest.contains(&"test") && !rest.contains(&"not"),
        [.., "test"] => words.first() != Some(&"cfg"),
        ["tokio", "test", ..] => true,
        _ => false,
    }
}

/// Behind the item that begins here, its other attributes included.
fn item_end(all: &[Token], mut start: usize) -> usize {
    while let Some(end) = attribute_end(all, start) {
        start = end;
    }
    let words: Vec<&str> = all
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take(8)
        .filter_map(Token::word)
        .filter(|word| !matches!(*word, "pub" | "crate" | "super" | "in"))
        .take(2)
        .collect();
    let ends_with_semicolon = match words.as_slice() {
        ["use" | "static" | "type" | "let", ..] => true,
        ["const", next] => !matches!(*next, "fn" | "unsafe" | "async" | "extern"),
        _ => false,
    };
    let mut depth = 0_usize;
    for (position, token) in all.iter().enumerate().skip(start) {
        match token.kind {
            Kind::Mark('{' | '(' | '[') => depth = depth.saturating_add(1),
            Kind::Mark(close @ ('}' | ')' | ']')) => {
                if depth == 0 {
                    return position;
                }
                depth = depth.saturating_sub(1);
                if depth == 0 && close == '}' && !ends_with_semicolon {
                    return position.saturating_add(1);
                }
            }
            Kind::Mark(';') if depth == 0 => return position.saturating_add(1),
            _ => {}
        }
    }
    all.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tests_have_is_left_out() {
        let source = Source::new(
            "crates/x/src/a.rs",
            "use a::A;\n#[cfg(test)]\nuse b::{B, C};\nfn d() {}\n#[cfg(test)]\nmod tests {\n\
             fn e() {}\n}\n#[cfg(all(test, unix))]\nconst F: u8 = 1;\n#[cfg(any(test, g))]\n\
             mod conformance;\n",
        );
        let words: Vec<&str> = source.code.iter().filter_map(Token::word).collect();
        assert_eq!(
            words,
            ["use", "a", "A", "fn", "d", "cfg", "any", "test", "g", "mod", "conformance"]
        );
        assert!(source.is_test_line(7) && !source.is_test_line(4) && !source.is_test());
        assert_eq!(source.test_lines, [2..=3, 5..=8, 9..=10]);
    }

    #[test]
    fn a_file_of_tests_is_one_whole() {
        assert!(Source::new("crates/x/tests/a.rs", "fn a() {}").is_test());
        assert!(Source::new("crates/x/src/a.rs", "//! A.\n#![cfg(test)]\nfn a() {}").is_test());
    }
}
