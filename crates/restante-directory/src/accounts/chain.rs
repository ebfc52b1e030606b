//! Which backend decides about an account: the first of the chain that knows its name.
//!
//! A backend that cannot be asked decides nothing, and none behind it does: who may know the
//! name and cannot say is "not now" (P-082).

use std::sync::{Arc, Mutex, PoisonError};

use super::state::AccountState;
use crate::address::Name;
use crate::files::{Content, Entry, Meaning, Seen, Watched};
use crate::password::Verifier;
use crate::settings::Source;

/// The backends, in the order in which they are asked.
pub(super) struct Chain {
    links: Vec<Link>,
    case_sensitive: bool,
    /// One look at the files at a time.
    looking: Mutex<()>,
}

enum Link {
    /// The accounts that were made here.
    Own,
    File(Watched),
}

/// Who decides about an account.
pub(super) enum Decision {
    /// This database.
    Own,
    /// This line of this file.
    File(Box<Entry>),
    /// Nobody knows the name.
    Nobody,
    /// Somebody may know it who cannot be asked now; for the log.
    Down(String),
}

/// Who decides about an account, as its row notes it.
pub(super) enum Decided {
    /// Nothing is noted: the hash in the row does.
    Own,
    /// The digest of a file's path and of the password in it.
    By([u8; 32]),
    /// No backend knows it.
    Nobody,
}

/// A look at the files found something new: per file of the chain, what it says now.
pub(super) struct Found<'a> {
    /// Every file and what is to hold of it, in the order of the chain.
    pub(super) files: Vec<(&'a Watched, Arc<Content>)>,
    new: Vec<usize>,
}

impl Chain {
    pub(super) fn new(sources: Vec<Source>, case_sensitive: bool) -> Self {
        let link = |source| match source {
            Source::Own => Link::Own,
            Source::File { path, format } => Link::File(Watched::new(path, format)),
        };
        Self {
            links: sources.into_iter().map(link).collect(),
            case_sensitive,
            looking: Mutex::default(),
        }
    }

    /// Whether others than this database are asked.
    pub(super) fn has_files(&self) -> bool {
        self.links.iter().any(|link| matches!(link, Link::File(_)))
    }

    /// The files, in their order.
    pub(super) fn files(&self) -> impl Iterator<Item = &Watched> {
        self.links.iter().filter_map(|link| match link {
            Link::File(file) => Some(file),
            Link::Own => None,
        })
    }

    /// Who decides. `None`: a name without an account here, which no file knows either, as
    /// every account of a file has its row.
    pub(super) fn decide(&self, state: Option<&AccountState>) -> Decision {
        let key = state.and_then(|state| self.key(&state.name));
        for link in &self.links {
            match link {
                Link::Own if state.is_some_and(|state| state.made) => return Decision::Own,
                Link::Own => {}
                Link::File(file) => {
                    if let Some(why) = file.down() {
                        return Decision::Down(why);
                    }
                    let content = file.content();
                    if let Some(entry) = key.as_ref().and_then(|key| content.entry(key)) {
                        return Decision::File(Box::new(entry.clone()));
                    }
                }
            }
        }
        Decision::Nobody
    }

    /// The file and line that decide about an account of this name, as far as is known.
    pub(super) fn place(&self, name: &str, made: bool) -> Option<(&Watched, u64)> {
        let key = self.key(name)?;
        for link in &self.links {
            match link {
                Link::Own if made => return None,
                Link::Own => {}
                Link::File(file) => {
                    if let Some(entry) = file.content().entry(&key) {
                        return Some((file, entry.line));
                    }
                }
            }
        }
        None
    }

    /// Any file and line that have this name, whoever decides.
    pub(super) fn anywhere(&self, name: &str) -> Option<(&Watched, u64)> {
        self.place(name, false)
    }

    /// Whether this database is asked before any file is.
    pub(super) fn own_first(&self) -> bool {
        matches!(self.links.first(), Some(Link::Own))
    }

    /// A hash of the usual kind of each file.
    pub(super) fn usual(&self) -> Vec<Verifier> {
        self.files().filter_map(|file| file.content().usual().cloned()).collect()
    }

    /// Looks whether files have changed, and has what is new taken down by `note`; only then it
    /// holds. What has become worse is told by `tell`. Whether anything changed.
    pub(super) fn look(
        &self,
        meaning: &Meaning<'_>,
        now: i64,
        tell: &dyn Fn(&str),
        note: impl FnOnce(&Found<'_>) -> Result<(), (String, bool)>,
    ) -> bool {
        let _one = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Found { files: Vec::new(), new: Vec::new() };
        for file in self.files() {
            let content = match file.look(meaning, now) {
                Seen::New(content) => {
                    found.new.push(found.files.len());
                    content
                }
                Seen::Same => file.content(),
                Seen::Worse(why) => {
                    tell(&why);
                    file.content()
                }
            };
            found.files.push((file, content));
        }
        if found.new.is_empty() {
            return false;
        }
        let noted = note(&found);
        for at in &found.new {
            let Some((file, content)) = found.files.get(*at) else { continue };
            match &noted {
                Ok(()) => file.take(Arc::clone(content)),
                Err((why, again)) => file.refuse(why, *again),
            }
        }
        if let Err((why, _)) = &noted {
            tell(why);
        }
        noted.is_ok()
    }

    /// The key of an account's name.
    pub(super) fn key(&self, name: &str) -> Option<String> {
        Name::parse(name.as_bytes()).ok().map(|name| name.key(self.case_sensitive))
    }

    /// What decides about an account, as it is noted in its row.
    pub(super) fn decided(&self, found: &Found<'_>, key: &str, made: bool) -> Decided {
        let mut files = found.files.iter();
        for link in &self.links {
            match link {
                Link::Own if made => return Decided::Own,
                Link::Own => {}
                Link::File(_) => {
                    let Some((file, content)) = files.next() else { continue };
                    if let Some(entry) = content.entry(key) {
                        let mut hasher = blake3::Hasher::new_keyed(&entry.digest);
                        hasher.update(file.path().as_os_str().as_encoded_bytes());
                        return Decided::By(hasher.finalize().into());
                    }
                }
            }
        }
        Decided::Nobody
    }
}
