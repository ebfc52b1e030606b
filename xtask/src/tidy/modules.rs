//! The modules of one crate, and at which file a path through them ends.

use std::collections::{BTreeMap, BTreeSet};

use super::lexer::{Kind, Token};
use super::paths::{self, Leaf};
use super::source::Source;

/// Deeper than any honest chain of re-exports.
const STEPS_MAX: usize = 64;

/// A crate: its modules from one root file on. The root is module 0.
#[derive(Debug)]
pub(crate) struct Modules {
    modules: Vec<Module>,
}

/// One module.
#[derive(Debug)]
pub(crate) struct Module {
    /// The names from the root to here.
    pub(crate) names: Vec<String>,
    /// The file it stands in, as a place in the list of sources.
    pub(crate) file: usize,
    parent: usize,
    children: BTreeMap<String, usize>,
    definitions: BTreeSet<String>,
    /// What `use` brings in, as written.
    pub(crate) uses: Vec<Leaf>,
    /// Paths in the code, as written.
    pub(crate) mentions: Vec<Leaf>,
}

/// Where a path ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// At a name that this file defines.
    File(usize),
    /// At a module.
    Module(usize),
    /// In another crate: its name, and the rest of the path.
    Outside(Vec<String>),
    /// Nowhere: a type parameter, a primitive, a name a macro makes.
    Unknown,
}

impl Modules {
    /// Reads the modules from the file at `root` on.
    pub(crate) fn read(sources: &[Source], root: usize) -> Self {
        let mut modules = Self { modules: Vec::new() };
        modules.add(Vec::new(), root, 0);
        let code = sources.get(root).map(|source| source.code.as_slice()).unwrap_or_default();
        modules.fill(sources, 0, code);
        modules
    }

    /// All modules with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Module)> {
        self.modules.iter().enumerate()
    }

    /// Whether the file of this module has modules below it.
    pub(crate) fn is_parent(&self, module: usize) -> bool {
        self.modules.get(module).is_some_and(|found| {
            self.modules.iter().any(|other| {
                other.file != found.file
                    && self.modules.get(other.parent).is_some_and(|p| p.file == found.file)
            })
        })
    }

    /// Whether one file is that of a module above the other's.
    pub(crate) fn is_above(&self, above: usize, below: usize) -> bool {
        let of = |file: usize| self.modules.iter().find(|module| module.file == file);
        match (of(above), of(below)) {
            (Some(above), Some(below)) => {
                above.names.len() < below.names.len() && below.names.starts_with(&above.names)
            }
            _ => false,
        }
    }

    /// Where a path that is written in this module ends.
    pub(crate) fn resolve(&self, module: usize, path: &[String]) -> Target {
        self.step(module, path, 0)
    }

    /// Every name that `use module::*` would bring: where each comes from.
    pub(crate) fn all_of(&self, module: usize) -> Vec<Target> {
        let Some(found) = self.modules.get(module) else { return Vec::new() };
        let mut targets: Vec<Target> = found
            .uses
            .iter()
            .filter(|leaf| leaf.public)
            .map(|leaf| self.resolve(module, &leaf.path))
            .collect();
        if !found.definitions.is_empty() {
            targets.push(Target::File(found.file));
        }
        targets
    }

    fn add(&mut self, names: Vec<String>, file: usize, parent: usize) -> usize {
        self.modules.push(Module {
            names,
            file,
            parent,
            children: BTreeMap::new(),
            definitions: BTreeSet::new(),
            uses: Vec::new(),
            mentions: Vec::new(),
        });
        self.modules.len().saturating_sub(1)
    }

    /// The beginning of a path: `crate`, `self`, `super`, a name of this module, or a crate.
    fn step(&self, module: usize, path: &[String], steps: usize) -> Target {
        let Some((first, rest)) = path.split_first() else { return Target::Module(module) };
        match first.as_str() {
            "crate" => self.walk(0, rest, steps),
            "self" => self.walk(module, rest, steps),
            "super" => {
                let parent = self.modules.get(module).map_or(0, |found| found.parent);
                match rest.first().map(String::as_str) {
                    Some("super") => self.step(parent, rest, steps),
                    _ => self.walk(parent, rest, steps),
                }
            }
            "Self" => Target::Unknown,
            "" => Target::Outside(rest.to_vec()),
            _ if self.knows(module, first) => self.walk(module, path, steps),
            _ if rest.is_empty() => Target::Unknown,
            _ => match self.through_globs(module, path, steps) {
                Target::Unknown => Target::Outside(path.to_vec()),
                found => found,
            },
        }
    }

    fn knows(&self, module: usize, name: &str) -> bool {
        self.modules.get(module).is_some_and(|found| {
            found.children.contains_key(name)
                || found.definitions.contains(name)
                || found.uses.iter().any(|leaf| leaf.name == name)
        })
    }

    /// From a module downwards, through what it defines and what it brings in.
    fn walk(&self, module: usize, path: &[String], steps: usize) -> Target {
        let Some((first, rest)) = path.split_first() else { return Target::Module(module) };
        let Some(found) = self.modules.get(module) else { return Target::Unknown };
        if steps > STEPS_MAX {
            return Target::Unknown;
        }
        let steps = steps.saturating_add(1);
        if first == "self" {
            return self.walk(module, rest, steps);
        }
        if let Some(&child) = found.children.get(first) {
            return self.walk(child, rest, steps);
        }
        if found.definitions.contains(first) {
            return Target::File(found.file);
        }
        if let Some(leaf) = found.uses.iter().find(|leaf| leaf.name == *first) {
            if leaf.path.first() == Some(first) && leaf.path.len() == 1 {
                return Target::Outside(path.to_vec());
            }
            let mut whole = leaf.path.clone();
            whole.extend_from_slice(rest);
            return match self.origin(module, leaf, &whole, steps) {
                // `use other_crate::name`: the first word is a crate, not a name of ours.
                Target::Unknown => Target::Outside(whole),
                target => target,
            };
        }
        match self.through_globs(module, path, steps) {
            // A name that a macro defines, as far as can be seen: it is this file's.
            Target::Unknown => Target::File(found.file),
            target => target,
        }
    }

    /// A `use` whose first word is the name it brings (`use line::Line as line`) would lead
    /// to itself.
    fn origin(&self, module: usize, leaf: &Leaf, whole: &[String], steps: usize) -> Target {
        if leaf.path.first() == Some(&leaf.name) && !self.is_child(module, &leaf.name) {
            return Target::Outside(whole.to_vec());
        }
        self.step(module, whole, steps)
    }

    fn is_child(&self, module: usize, name: &str) -> bool {
        self.modules.get(module).is_some_and(|found| found.children.contains_key(name))
    }

    fn through_globs(&self, module: usize, path: &[String], steps: usize) -> Target {
        let Some(found) = self.modules.get(module) else { return Target::Unknown };
        if steps > STEPS_MAX {
            return Target::Unknown;
        }
        let steps = steps.saturating_add(1);
        for leaf in found.uses.iter().filter(|leaf| leaf.is_glob()) {
            if let Target::Module(inside) = self.step(module, &leaf.path, steps)
                && let Some(first) = path.first()
                && self.knows(inside, first)
            {
                return self.walk(inside, path, steps);
            }
        }
        Target::Unknown
    }
}

// Reading the tokens of a module into it.
impl Modules {
    fn fill(&mut self, sources: &[Source], module: usize, code: &[Token]) {
        let mut depth = 0_usize;
        let mut position = 0_usize;
        while let Some(token) = code.get(position) {
            let rest = code.get(position..).unwrap_or_default();
            let next = match token.word() {
                Some("use") if !rest.get(1).is_some_and(|next| next.is_mark('<')) => {
                    self.take_use(module, code, position)
                }
                Some("mod") if depth == 0 => self.take_mod(sources, module, rest),
                Some("pub") => paths::visibility(rest),
                Some(word) if depth == 0 && paths::defines(word) => {
                    if let Some(name) = paths::defined_name(rest)
                        && let Some(found) = self.modules.get_mut(module)
                    {
                        found.definitions.insert(name);
                    }
                    1
                }
                Some(_) => self.take_mention(module, rest),
                None => {
                    match token.kind {
                        Kind::Mark('{') => depth = depth.saturating_add(1),
                        Kind::Mark('}') => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    self.take_root_path(module, rest)
                }
            };
            position = position.saturating_add(next.max(1));
        }
    }

    fn take_use(&mut self, module: usize, code: &[Token], position: usize) -> usize {
        let rest = code.get(position..).unwrap_or_default();
        let before = code.get(..position).unwrap_or_default();
        let public = paths::ends_in_visibility(before);
        let (leaves, length) = paths::use_tree(rest, public);
        if let Some(found) = self.modules.get_mut(module) {
            found.uses.extend(leaves);
        }
        length
    }

    fn take_mod(&mut self, sources: &[Source], module: usize, rest: &[Token]) -> usize {
        let Some(name) = rest.get(1).and_then(Token::word) else { return 1 };
        let Some((mut names, file)) =
            self.modules.get(module).map(|found| (found.names.clone(), found.file))
        else {
            return 1;
        };
        names.push(name.to_owned());
        if rest.get(2).is_some_and(|token| token.is_mark('{')) {
            let length = paths::block_length(rest.get(2..).unwrap_or_default());
            let child = self.add(names, file, module);
            self.name_child(module, name, child);
            let inside = rest.get(3..length.saturating_add(1)).unwrap_or_default();
            self.fill(sources, child, inside);
            return length.saturating_add(2);
        }
        let parent = sources.get(file).map(|source| source.path.as_str()).unwrap_or_default();
        if let Some(found) = paths::module_file(sources, parent, &names, name) {
            let child = self.add(names, found, module);
            self.name_child(module, name, child);
            let code = sources.get(found).map(|s| s.code.as_slice()).unwrap_or_default();
            self.fill(sources, child, code);
        }
        3
    }

    fn name_child(&mut self, module: usize, name: &str, child: usize) {
        if let Some(found) = self.modules.get_mut(module) {
            found.children.insert(name.to_owned(), child);
        }
    }

    /// `a::b::c` in the code.
    fn take_mention(&mut self, module: usize, rest: &[Token]) -> usize {
        let (path, length) = paths::plain(rest);
        if path.len() > 1
            && let Some(found) = self.modules.get_mut(module)
            && let Some(line) = rest.first().map(|token| token.line)
        {
            found.mentions.push(Leaf::mention(path, line));
        }
        length
    }

    /// `::a::b` in the code: surely another crate's.
    fn take_root_path(&mut self, module: usize, rest: &[Token]) -> usize {
        let is_path = rest.first().is_some_and(|token| token.kind == Kind::Path);
        let is_word = rest.get(1).is_some_and(|token| token.word().is_some());
        if !is_path || !is_word {
            return 1;
        }
        let (mut path, length) = paths::plain(rest.get(1..).unwrap_or_default());
        if path.len() > 1
            && let Some(found) = self.modules.get_mut(module)
            && let Some(line) = rest.first().map(|token| token.line)
        {
            path.insert(0, String::new());
            found.mentions.push(Leaf::mention(path, line));
        }
        length.saturating_add(1)
    }
}
