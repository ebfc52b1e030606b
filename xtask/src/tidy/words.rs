//! Words that may stand nowhere: sleeping and ignored tests, and paths of one machine.

use super::finding::Finding;
use super::lexer::Token;
use super::source::Source;
use crate::tree::TextFile;

/// Text that belongs to one machine and not to the project. Written in pieces, so that this
/// file does not find itself.
const MACHINE: &[&[&str]] = &[
    &["/wo", "rk/"],
    &["/ro", "ot/"],
    &["/tmp/br", "ief"],
    &["index.", "crates.io"],
    &["static.", "crates.io"],
    &["pypi", ".org"],
    &["pythonhosted", ".org"],
    &["deb.", "debian.org"],
    &["registry.", "npmjs.org"],
    &["proxy.", "golang.org"],
];

/// Checks every file for words of a machine, and Rust for words of haste.
pub(crate) fn check(files: &[TextFile], sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        findings.extend(machine(file));
        findings.extend(dialog(file));
    }
    for source in sources {
        findings.extend(haste(source));
    }
    findings
}

fn machine(file: &TextFile) -> Vec<Finding> {
    let words: Vec<String> = MACHINE.iter().map(|pieces| pieces.concat()).collect();
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for word in words.iter().filter(|word| mentions(line, word)) {
            let what = format!("`{word}` belongs to one machine or registry; say it in general");
            findings.push(Finding::new(&file.path, index.saturating_add(1), "machine", what));
        }
    }
    findings
}

/// Whether a line holds the word, not as the end of a longer path or name.
fn mentions(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(position, _)| {
        let before = line.get(..position).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '}' | '.'))
    })
}

/// A dialogue says first what it shows and where that is written.
fn dialog(file: &TextFile) -> Option<Finding> {
    if !file.path.starts_with("tests/dialogs/") || !file.path.ends_with(".dialog") {
        return None;
    }
    let first = file.text.lines().next().unwrap_or_default();
    if first.starts_with('#') && first.split_whitespace().count() > 2 {
        return None;
    }
    let what = "begins with `# …`: what the dialogue shows, and where that is written";
    Some(Finding::new(&file.path, 1, "dialogue", what))
}

fn haste(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |line, what: &str| {
        findings.push(Finding::new(&source.path, line, "haste", what));
    };
    for window in source.all.windows(3) {
        let [one, two, three] = window else { continue };
        if two.is_mark('!') {
            match one.word() {
                Some("todo" | "unimplemented") => {
                    say(one.line, "is not finished; finish it, or leave it out whole");
                }
                Some("dbg") => say(one.line, "`dbg!` is for the desk"),
                _ => {}
            }
        }
        if one.is_mark('[') && two.is_word("ignore") {
            say(two.line, "an ignored test holds nothing; mend it or take it out");
        }
        if one.is_word("thread") && three.is_word("sleep") {
            say(one.line, "waits for a while; wait for the event");
        }
        if is_timed_sleep(source, one, three) {
            say(one.line, "a test waits for a while; wait for the event, or pause tokio's clock");
        }
    }
    findings
}

/// `time::sleep` in a test whose file never pauses the clock.
fn is_timed_sleep(source: &Source, one: &Token, three: &Token) -> bool {
    one.is_word("time")
        && three.is_word("sleep")
        && source.is_test_line(one.line)
        && !source.text.contains("start_paused")
        && !source.text.contains("time::pause")
}
