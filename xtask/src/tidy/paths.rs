//! Paths as they are written: `use` trees, `a::b` in the code, and what an item defines.

use super::lexer::{Kind, Token};
use super::source::Source;

/// One path, as written, and the name it brings in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// Its words.
    pub(crate) path: Vec<String>,
    /// What it is called here; `*` for all of a module.
    pub(crate) name: String,
    /// Whether it goes on to others: `pub use`.
    pub(crate) public: bool,
    /// Where it stands.
    pub(crate) line: usize,
}

impl Leaf {
    /// A path in the code.
    pub(crate) fn mention(path: Vec<String>, line: usize) -> Self {
        Self { path, name: String::new(), public: false, line }
    }

    /// Whether it brings in all of a module.
    pub(crate) fn is_glob(&self) -> bool {
        self.name == "*"
    }
}

/// The leaves of a `use` that begins here, and how many tokens it takes.
pub(crate) fn use_tree(tokens: &[Token], public: bool) -> (Vec<Leaf>, usize) {
    let length = tokens
        .iter()
        .position(|token| token.is_mark(';'))
        .map_or(tokens.len(), |end| end.saturating_add(1));
    let inside = tokens.get(1..length.saturating_sub(1)).unwrap_or_default();
    let mut leaves = Vec::new();
    branch(inside, &[], public, &mut leaves);
    (leaves, length)
}

/// One branch of the tree: `a::b`, `a::{…}`, `a as b`, `a::*`.
fn branch(tokens: &[Token], before: &[String], public: bool, leaves: &mut Vec<Leaf>) {
    let mut path = before.to_vec();
    let mut position = 0_usize;
    let mut line = 0_usize;
    let mut name = None;
    let mut glob = false;
    while let Some(token) = tokens.get(position) {
        if line == 0 {
            line = token.line;
        }
        match &token.kind {
            Kind::Word(word) if word == "as" => {
                name = tokens.get(position.saturating_add(1)).and_then(Token::word);
                break;
            }
            Kind::Word(word) => path.push(word.clone()),
            Kind::Path if position == 0 && before.is_empty() => path.push(String::new()),
            Kind::Mark('*') => glob = true,
            Kind::Mark('{') => {
                let rest = tokens.get(position..).unwrap_or_default();
                let end = block_length(rest);
                for part in split(rest.get(1..end.saturating_sub(1)).unwrap_or_default()) {
                    branch(part, &path, public, leaves);
                }
                return;
            }
            _ => {}
        }
        position = position.saturating_add(1);
    }
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    if let Some(last) = path.last().cloned()
        && line > 0
    {
        let name = match name {
            Some(name) => name.to_owned(),
            None if glob => "*".to_owned(),
            None => last,
        };
        leaves.push(Leaf { path, name, public, line });
    }
}

/// The parts between the commas of the outermost level.
fn split(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0_usize;
    tokens
        .split(|token| {
            match token.kind {
                Kind::Mark('{') => depth = depth.saturating_add(1),
                Kind::Mark('}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && token.is_mark(',')
        })
        .collect()
}

/// The words of `a::b::c` that begins here, and how many tokens they take.
pub(crate) fn plain(tokens: &[Token]) -> (Vec<String>, usize) {
    let mut path = Vec::new();
    let mut position = 0_usize;
    while let Some(word) = tokens.get(position).and_then(Token::word) {
        path.push(word.to_owned());
        position = position.saturating_add(1);
        let goes_on = tokens.get(position).is_some_and(|token| token.kind == Kind::Path)
            && tokens.get(position.saturating_add(1)).is_some_and(|next| next.word().is_some());
        if !goes_on {
            break;
        }
        position = position.saturating_add(1);
    }
    (path, position.max(1))
}

/// How many tokens a visibility takes: `pub`, `pub(crate)`, `pub(in a::b)`.
pub(crate) fn visibility(tokens: &[Token]) -> usize {
    if tokens.get(1).is_some_and(|token| token.is_mark('('))
        && tokens.get(2).is_some_and(|token| {
            ["crate", "super", "self", "in"].iter().any(|word| token.is_word(word))
        })
    {
        return tokens
            .iter()
            .position(|token| token.is_mark(')'))
            .map_or(1, |end| end.saturating_add(1));
    }
    1
}

/// Whether what stands before an item is `pub` or `pub(…)`.
pub(crate) fn ends_in_visibility(before: &[Token]) -> bool {
    match before.last() {
        Some(last) if last.is_word("pub") => true,
        Some(last) if last.is_mark(')') => before
            .iter()
            .rposition(|token| token.is_mark('('))
            .and_then(|open| open.checked_sub(1))
            .and_then(|place| before.get(place))
            .is_some_and(|token| token.is_word("pub")),
        _ => false,
    }
}

/// Whether a keyword begins an item that has a name.
pub(crate) fn defines(word: &str) -> bool {
    matches!(
        word,
        "fn" | "struct" | "enum" | "union" | "trait" | "type" | "const" | "static" | "macro_rules"
    )
}

/// The name that the item beginning here defines.
pub(crate) fn defined_name(tokens: &[Token]) -> Option<String> {
    tokens
        .iter()
        .skip(1)
        .filter(|token| !token.is_mark('!') && !token.is_word("mut"))
        .map(Token::word)
        .next()
        .flatten()
        .filter(|word| !matches!(*word, "fn" | "unsafe" | "async" | "extern"))
        .map(str::to_owned)
}

/// How many tokens a `{ … }` takes that begins here.
pub(crate) fn block_length(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (position, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Mark('{') => depth = depth.saturating_add(1),
            Kind::Mark('}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return position.saturating_add(1);
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The file of `mod name;` that stands in the file `parent`.
pub(crate) fn module_file(
    sources: &[Source],
    parent: &str,
    names: &[String],
    name: &str,
) -> Option<usize> {
    let (folder, file) = parent.rsplit_once('/')?;
    let folder = match file {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        other => format!("{folder}/{}", other.strip_suffix(".rs")?),
    };
    // Inside an inline module the folder carries its name too; that is not done here.
    debug_assert_eq!(names.last().map(String::as_str), Some(name), "a module ends in its name");
    let candidates = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
    sources.iter().position(|source| candidates.contains(&source.path))
}

#[cfg(test)]
mod tests {
    use super::super::lexer::tokens;
    use super::*;

    fn leaves(text: &str) -> Vec<(String, String)> {
        let (leaves, _) = use_tree(&tokens(text), false);
        leaves.into_iter().map(|leaf| (leaf.path.join("::"), leaf.name)).collect()
    }

    #[test]
    fn use_trees_come_apart_into_leaves() {
        let pair = |path: &str, name: &str| (path.to_owned(), name.to_owned());
        assert_eq!(
            leaves("use crate::a::{self, b::{C, D as E}, f::*};"),
            [
                pair("crate::a", "a"),
                pair("crate::a::b::C", "C"),
                pair("crate::a::b::D", "E"),
                pair("crate::a::f", "*"),
            ]
        );
        assert_eq!(leaves("use ::std::fs;"), [pair("::std::fs", "fs")]);
    }

    #[test]
    fn visibilities_are_seen_from_both_sides() {
        assert_eq!(visibility(&tokens("pub(in crate::a) fn")), 7);
        assert_eq!(visibility(&tokens("pub (A, B)")), 1);
        assert!(ends_in_visibility(&tokens("x; pub(crate)")));
        assert!(!ends_in_visibility(&tokens("f(crate)")));
    }
}
