//! All that is on the simulated disk at one moment. A copy costs a few pointers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use crate::chance::Chance;
use crate::digest::Digest;
use crate::folder::{Folder, Node};
use crate::inode::Inode;
use crate::persist::{Choice, Part};
use crate::script::Script;

/// The files, the folders, the clock.
#[derive(Clone, Debug)]
pub(crate) struct State {
    files: BTreeMap<u64, Arc<Inode>>,
    folders: BTreeMap<u64, Arc<Folder>>,
    next: u64,
    /// How many pages there are in all.
    pub(crate) pages_max: u64,
    /// Milliseconds since 1970.
    pub(crate) clock: u64,
}

/// The folder that all paths begin in.
const ROOT: u64 = 0;

/// When all lives begin: in November 2026.
const BEGIN: u64 = 1_795_000_000_000;

impl State {
    /// An empty disk.
    pub(crate) fn empty() -> Self {
        Self {
            files: BTreeMap::new(),
            folders: BTreeMap::from([(ROOT, Arc::default())]),
            next: 1,
            pages_max: u64::MAX,
            clock: BEGIN,
        }
    }

    /// The number of the file with this path.
    pub(crate) fn find(&self, path: &str) -> io::Result<u64> {
        let (folder, name) = self.above(path)?;
        match self.folder(folder)?.seen.get(name) {
            Some(Node::File(file)) => Ok(*file),
            Some(Node::Folder(_)) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Makes an empty file.
    pub(crate) fn make_file(&mut self, path: &str) -> io::Result<u64> {
        let (folder, name) = self.above(path)?;
        let file = self.number();
        self.files.insert(file, Arc::default());
        self.folder_mut(folder)?.make(name, Node::File(file));
        Ok(file)
    }

    pub(crate) fn make_folder(&mut self, path: &str) -> io::Result<()> {
        let (above, name) = self.above(path)?;
        match self.folder(above)?.seen.get(name) {
            Some(Node::Folder(_)) => return Ok(()),
            Some(Node::File(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            None => {}
        }
        let folder = self.number();
        self.folders.insert(folder, Arc::default());
        self.folder_mut(above)?.make(name, Node::Folder(folder));
        Ok(())
    }

    /// The names in a folder.
    pub(crate) fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let folder = self.folder_at(path)?;
        Ok(self.folder(folder)?.seen.keys().cloned().collect())
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let ((folder, from), (other, to)) = (self.above(from)?, self.above(to)?);
        if folder != other {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let folder = self.folder_mut(folder)?;
        if !folder.seen.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        folder.rename(from, to);
        Ok(())
    }

    pub(crate) fn unlink(&mut self, path: &str) -> io::Result<()> {
        self.find(path)?;
        let (folder, name) = self.above(path)?;
        self.folder_mut(folder)?.take(name);
        Ok(())
    }

    pub(crate) fn sync_folder(&mut self, path: &str) -> io::Result<()> {
        let folder = self.folder_at(path)?;
        self.folder_mut(folder)?.sync();
        Ok(())
    }

    pub(crate) fn file(&self, file: u64) -> io::Result<&Inode> {
        self.files.get(&file).map(|file| &**file).ok_or_else(lost)
    }

    pub(crate) fn file_mut(&mut self, file: u64) -> io::Result<&mut Inode> {
        self.files.get_mut(&file).map(Arc::make_mut).ok_or_else(lost)
    }

    /// Whether a sync failed, and what it lost is seen: but of an index, which is believed only as
    /// far as it was made durable before.
    pub(crate) fn has_lied(&self) -> bool {
        let names = self.folders.values().flat_map(|folder| folder.seen.iter());
        let of_index = |(name, node): (&String, &Node)| match node {
            Node::File(file) if name.ends_with(".redb") => Some(*file),
            _ => None,
        };
        let indexes: BTreeSet<u64> = names.filter_map(of_index).collect();
        self.files.iter().any(|(number, file)| file.has_lied() && !indexes.contains(number))
    }

    /// Whether there is no room for more.
    pub(crate) const fn is_full(&self) -> bool {
        self.pages_max != u64::MAX
    }

    /// How many pages nobody has.
    pub(crate) fn pages_free(&self) -> u64 {
        self.pages_max.saturating_sub(self.pages_used())
    }

    /// How many pages files have that have a name.
    pub(crate) fn pages_used(&self) -> u64 {
        let named = self.folders.values().flat_map(|folder| folder.seen.values());
        named
            .filter_map(|node| match node {
                Node::File(file) => self.files.get(file).map(|file| file.pages()),
                Node::Folder(_) => None,
            })
            .sum()
    }

    /// Whether a power cut could lose anything.
    pub(crate) fn is_dirty(&self) -> bool {
        self.files.values().any(|file| file.is_dirty())
            || self.folders.values().any(|folder| folder.is_dirty())
    }

    /// What is there after a crash.
    pub(crate) fn crashed(&self, choice: Choice) -> Self {
        match choice {
            Choice::Kill => self.clone(),
            Choice::Synced => self.cut(|| Part::Nothing),
            Choice::All => self.cut(|| Part::Everything),
            Choice::Random(seed) => {
                let mut chance = Chance::new(seed);
                self.cut(|| Part::drawn(&mut chance))
            }
            Choice::Flip(seed) => {
                let mut flipped = self.clone();
                flipped.flip(&mut Chance::new(seed));
                flipped
            }
        }
    }

    /// What is there after a power cut of which this script says what it keeps.
    pub(crate) fn told(&self, script: &Script) -> Self {
        self.cut(|| Part::Told(script.clone()))
    }

    /// Numbers for all that is seen, names and octets: with the indexes, and without. What is
    /// the same has the same.
    pub(crate) fn digests(&self) -> (u64, u64) {
        let (mut all, mut without) = (Digest::default(), Digest::default());
        for (number, folder) in &self.folders {
            without.number(*number);
            for (name, node) in &folder.seen {
                without.octets(name.as_bytes());
                let file = match node {
                    Node::Folder(folder) => {
                        without.number(*folder);
                        continue;
                    }
                    Node::File(file) => self.files.get(file),
                };
                let digest = if name.ends_with(".redb") { &mut all } else { &mut without };
                if let Some(file) = file {
                    file.seen.digest(digest);
                }
            }
        }
        all.number(without.end());
        (all.end(), without.end())
    }

    fn cut(&self, mut part: impl FnMut() -> Part) -> Self {
        let mut cut = Self { folders: BTreeMap::new(), files: BTreeMap::new(), ..*self };
        for (number, folder) in &self.folders {
            let is_clean = !folder.is_dirty();
            let folder =
                if is_clean { Arc::clone(folder) } else { Arc::new(folder.cut(&mut part())) };
            cut.folders.insert(*number, folder);
        }
        for file in cut.named() {
            if let Some(inode) = self.files.get(&file) {
                let is_clean = !inode.is_dirty();
                let inode =
                    if is_clean { Arc::clone(inode) } else { Arc::new(inode.cut(&mut part())) };
                cut.files.insert(file, inode);
            }
        }
        // What comes back had its room, whatever was full.
        cut.pages_max = cut.pages_max.max(cut.pages_used());
        cut
    }

    /// The files that have a name.
    fn named(&self) -> Vec<u64> {
        let nodes = self.folders.values().flat_map(|folder| folder.seen.values());
        nodes
            .filter_map(|node| match node {
                Node::File(file) => Some(*file),
                Node::Folder(_) => None,
            })
            .collect()
    }

    /// Changes one bit of data at rest: of a segment but the last, or of a body's file. The last
    /// is the last that was begun: behind one that was only being made, a flipped bit in the one
    /// before it cannot be told from a torn tail.
    fn flip(&mut self, chance: &mut Chance) {
        let is_begun = |node: &Node| {
            let Node::File(file) = node else { return false };
            let mut magic = [0; 8];
            self.files.get(file).is_some_and(|file| file.seen.read(&mut magic, 0) == magic.len())
                && magic == *b"RSTSEG\r\n"
        };
        let mut at_rest = Vec::new();
        for folder in self.folders.values() {
            let segments = folder.seen.iter().filter(|(name, _)| name.ends_with(".log"));
            let begun = segments.filter(|(_, node)| is_begun(node)).count();
            let mut before_last = begun.saturating_sub(1);
            for (name, node) in &folder.seen {
                let Node::File(file) = node else { continue };
                if name.ends_with(".msg") {
                    at_rest.push(*file);
                } else if name.ends_with(".log") && before_last > 0 {
                    before_last = before_last.saturating_sub(1);
                    at_rest.push(*file);
                }
            }
        }
        let chosen = at_rest.get(chance.place(at_rest.len())).copied();
        if let Some(file) = chosen.and_then(|file| self.files.get_mut(&file)) {
            let file = Arc::make_mut(file);
            let at = chance.below(file.seen.length());
            file.seen.flip(at, u8::try_from(chance.below(8)).unwrap_or_default());
        }
    }

    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }

    fn folder(&self, folder: u64) -> io::Result<&Folder> {
        self.folders.get(&folder).map(|folder| &**folder).ok_or_else(lost)
    }

    fn folder_mut(&mut self, folder: u64) -> io::Result<&mut Folder> {
        self.folders.get_mut(&folder).map(Arc::make_mut).ok_or_else(lost)
    }

    fn folder_at(&self, path: &str) -> io::Result<u64> {
        let mut folder = ROOT;
        for name in path.split('/').filter(|name| *name != ".") {
            match self.folder(folder)?.seen.get(name) {
                Some(Node::Folder(next)) => folder = *next,
                Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => return Err(io::ErrorKind::NotFound.into()),
            }
        }
        Ok(folder)
    }

    fn above<'p>(&self, path: &'p str) -> io::Result<(u64, &'p str)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
        Ok((self.folder_at(folder)?, name))
    }
}

fn lost() -> io::Error {
    io::Error::other("the simulated disk has no such file any more")
}
