//! A folder of the simulated disk: its names, and which of them are durable.

use std::collections::BTreeMap;

use crate::persist::Part;

/// What a name stands for, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    File(u64),
    Folder(u64),
}

/// A folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folder {
    /// What programs see.
    pub(crate) seen: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Made(String, Node),
    Gone(String),
    /// The name before, the name behind. Both or none.
    Renamed(String, String, Node),
}

impl Folder {
    pub(crate) fn make(&mut self, name: &str, node: Node) {
        self.seen.insert(name.to_owned(), node);
        self.pending.push(Change::Made(name.to_owned(), node));
    }

    pub(crate) fn take(&mut self, name: &str) {
        if self.seen.remove(name).is_some() {
            self.pending.push(Change::Gone(name.to_owned()));
        }
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        if let Some(node) = self.seen.remove(from) {
            self.seen.insert(to.to_owned(), node);
            self.pending.push(Change::Renamed(from.to_owned(), to.to_owned(), node));
        }
    }

    /// Whether any name is not durable.
    pub(crate) const fn is_dirty(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(crate) fn sync(&mut self) {
        if !self.pending.is_empty() {
            self.durable = self.seen.clone();
            self.pending.clear();
        }
    }

    /// After a power cut: each change that was not synced is there or not, by itself.
    pub(crate) fn cut(&self, part: &mut Part) -> Self {
        let mut names = self.durable.clone();
        for change in self.pending.iter().filter(|_| part.keeps()) {
            match change {
                Change::Made(name, node) => {
                    names.insert(name.clone(), *node);
                }
                Change::Gone(name) => {
                    names.remove(name);
                }
                Change::Renamed(from, to, node) => {
                    names.remove(from);
                    names.insert(to.clone(), *node);
                }
            }
        }
        Self { seen: names.clone(), durable: names, pending: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // design §3, Proof: un-dirsynced names undone one by one
    #[test]
    fn names_that_were_not_synced_are_undone_one_by_one() {
        let mut folder = Folder::default();
        folder.make("a", Node::File(1));
        folder.sync();
        folder.make("b", Node::File(2));
        folder.rename("b", "a");
        let names = |folder: &Folder| folder.seen.keys().cloned().collect::<String>();
        assert_eq!(names(&folder), "a");
        assert_eq!(folder.cut(&mut Part::Nothing).seen.get("a"), Some(&Node::File(1)));
        assert_eq!(folder.cut(&mut Part::Everything).seen.get("a"), Some(&Node::File(2)));
        let mut chance = crate::chance::Chance::new(3);
        let seen: std::collections::BTreeSet<String> =
            (0..99).map(|_| names(&folder.cut(&mut Part::drawn(&mut chance)))).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["a", "ab"]);
    }
}
