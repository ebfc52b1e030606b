//! The shape of files: their first line, their header, their length and that of functions.

use super::finding::Finding;
use super::lexer::{Kind, Token};
use super::source::Source;

/// The longest file, tests included.
const FILE_LINES_MAX: usize = 600;

/// The longest function: a screen.
const FUNCTION_LINES_MAX: usize = 70;

/// Written above what is longer, with the reason behind it.
const REASON: &str = "// tidy: long because ";

/// In how many lines from the top of a file its reason stands.
const REASON_LINES: usize = 10;

/// Names that say nothing, and gather everything.
const EMPTY_NAMES: &[&str] = &[
    "common", "core", "util", "utils", "types", "helper", "helpers", "misc", "shared", "base",
    "manager",
];

/// Each of these stands in the header of `lib.rs` and `main.rs`.
const HEADER: &[&str] = &[
    "#![forbid(unsafe_code)]",
    "clippy::unwrap_used",
    "clippy::expect_used",
    "clippy::panic",
    "clippy::indexing_slicing",
    "clippy::arithmetic_side_effects",
];

/// Checks every file.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        findings.extend(first_line(source));
        findings.extend(header(source));
        findings.extend(file_length(source));
        findings.extend(function_lengths(source));
        findings.extend(empty_name(source));
    }
    findings
}

/// A file's first comment says its one duty in a sentence.
fn first_line(source: &Source) -> Option<Finding> {
    let sentence: Vec<&str> =
        source.text.lines().map_while(|line| line.strip_prefix("//! ")).collect();
    let whole = sentence.join(" ");
    let ends = whole.trim_end().ends_with(['.', ':', '!', '?', '`', ')']);
    if whole.split_whitespace().count() >= 2 && ends {
        return None;
    }
    let what = "begins with a `//!` sentence that says the one duty of the file";
    Some(Finding::new(&source.path, 1, "first line", what))
}

fn header(source: &Source) -> Option<Finding> {
    let is_root = source.path.ends_with("src/lib.rs") || source.path.ends_with("src/main.rs");
    if !is_root || source.path.starts_with("fuzz/") || source.is_test() {
        return None;
    }
    let missing: Vec<&str> =
        HEADER.iter().copied().filter(|line| !source.text.contains(line)).collect();
    if missing.is_empty() {
        return None;
    }
    let what =
        format!("lacks {}; copy the header of crates/mail-wire/src/lib.rs", missing.join(", "));
    Some(Finding::new(&source.path, 1, "header", what))
}

fn file_length(source: &Source) -> Option<Finding> {
    let lines = source.text.lines().count();
    let excused = source.text.lines().take(REASON_LINES).any(has_reason);
    if lines <= FILE_LINES_MAX || excused {
        return None;
    }
    let what = format!(
        "has {lines} lines, {FILE_LINES_MAX} at most; divide it, or write `{REASON}…` near its top"
    );
    Some(Finding::new(&source.path, 1, "long file", what))
}

/// Functions outside tests.
fn function_lengths(source: &Source) -> Vec<Finding> {
    let lines: Vec<&str> = source.text.lines().collect();
    functions(&source.code)
        .into_iter()
        .filter_map(|function| {
            let length = function.last.saturating_sub(function.first).saturating_add(1);
            // The reason stands above the function, over its attributes, or in its first line.
            let above = function.first.saturating_sub(REASON_LINES)..function.first.saturating_add(1);
            let excused = lines.get(above).unwrap_or_default().iter().any(|line| has_reason(line));
            (length > FUNCTION_LINES_MAX && !excused).then(|| {
                let what = format!(
                    "`{}` has {length} lines, {FUNCTION_LINES_MAX} at most; divide it, or write `{REASON}…` above it",
                    function.name
                );
                Finding::new(&source.path, function.first, "long function", what)
            })
        })
        .collect()
}

fn has_reason(line: &str) -> bool {
    line.trim_start().strip_prefix(REASON).is_some_and(|reason| reason.trim().len() > 3)
}

struct Function {
    name: String,
    first: usize,
    last: usize,
}

fn functions(code: &[Token]) -> Vec<Function> {
    let mut found = Vec::new();
    for (position, token) in code.iter().enumerate() {
        let name = code.get(position.saturating_add(1)).and_then(Token::word);
        if let Some(name) = name
            && token.is_word("fn")
            && let Some(last) = body_end(code.get(position..).unwrap_or_default())
        {
            found.push(Function { name: name.to_owned(), first: token.line, last });
        }
    }
    found
}

/// The line on which the body of the function that begins here ends.
fn body_end(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut in_body = false;
    for token in tokens {
        match token.kind {
            Kind::Mark('{') if depth == 0 || in_body => {
                in_body = true;
                depth = depth.saturating_add(1);
            }
            Kind::Mark('}') if in_body => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(token.line);
                }
            }
            Kind::Mark('(' | '[') if !in_body => depth = depth.saturating_add(1),
            Kind::Mark(')' | ']') if !in_body => depth = depth.saturating_sub(1),
            Kind::Mark(';') if !in_body && depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn empty_name(source: &Source) -> Option<Finding> {
    let name = source
        .path
        .split('/')
        .map(|part| part.strip_suffix(".rs").unwrap_or(part))
        .find(|part| EMPTY_NAMES.contains(part))?;
    let what = format!("`{name}` says nothing; name the file or folder after what it does");
    Some(Finding::new(&source.path, 1, "name", what))
}
