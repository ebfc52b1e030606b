//! What is known of accounts without asking the database.
//!
//! Everything here can be forgotten at any time. What a reader learns is kept only if nothing
//! was forgotten since the reader began to ask: so no change is ever hidden by what was read
//! before it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::state::AccountState;
use crate::directory::Destination;
use crate::rules::Spread;

/// The memory.
#[derive(Default)]
pub(super) struct Memory(RwLock<Contents>);

#[derive(Default)]
struct Contents {
    generation: u64,
    logins: HashMap<String, i64>,
    accounts: HashMap<i64, Arc<AccountState>>,
    addresses: HashMap<String, Arc<[Destination]>>,
    spread: Option<Spread>,
}

/// When a reader began to ask.
#[derive(Clone, Copy)]
pub(super) struct Generation(u64);

impl Generation {
    /// Another one after each change.
    pub(super) const fn number(self) -> u64 {
        self.0
    }
}

/// Each map is emptied when it has so many: simple, and rare. About 60 MB altogether.
const ENTRIES_MAX: usize = 100_000;

impl Memory {
    /// To be asked before the database is read.
    pub(super) fn generation(&self) -> Generation {
        Generation(self.read().generation)
    }

    /// The account that logs in by this key.
    pub(super) fn login(&self, key: &str) -> Option<Arc<AccountState>> {
        let contents = self.read();
        contents.accounts.get(contents.logins.get(key)?).cloned()
    }

    /// The account of this number.
    pub(super) fn account(&self, id: i64) -> Option<Arc<AccountState>> {
        self.read().accounts.get(&id).cloned()
    }

    /// Where an address leads.
    pub(super) fn address(&self, key: &str) -> Option<Arc<[Destination]>> {
        self.read().addresses.get(key).cloned()
    }

    /// Keeps an account, and the key that it was found by.
    pub(super) fn keep_account(
        &self,
        since: Generation,
        key: Option<String>,
        state: &Arc<AccountState>,
    ) {
        let mut contents = self.write();
        if contents.generation == since.0 {
            if let Some(key) = key {
                keep(&mut contents.logins, key, state.id);
            }
            keep(&mut contents.accounts, state.id, Arc::clone(state));
        }
    }

    /// Keeps where an address leads.
    pub(super) fn keep_address(&self, since: Generation, key: String, drops: Arc<[Destination]>) {
        let mut contents = self.write();
        if contents.generation == since.0 {
            keep(&mut contents.addresses, key, drops);
        }
    }

    /// What differs between accounts.
    pub(super) fn spread(&self) -> Option<Spread> {
        self.read().spread
    }

    /// Keeps what differs between accounts.
    pub(super) fn keep_spread(&self, since: Generation, spread: Spread) {
        let mut contents = self.write();
        if contents.generation == since.0 {
            contents.spread = Some(spread);
        }
    }

    /// Forgets what an account's credentials are. To be called after the change is durable and
    /// before it is answered.
    pub(super) fn forget_credentials(&self, id: i64) {
        let mut contents = self.write();
        contents.generation = contents.generation.wrapping_add(1);
        contents.accounts.remove(&id);
        // What is offered depends on what credentials there are.
        contents.spread = None;
    }

    /// Forgets everything: names or addresses have changed.
    pub(super) fn forget_all(&self) {
        let mut contents = self.write();
        let generation = contents.generation.wrapping_add(1);
        *contents = Contents { generation, ..Contents::default() };
    }

    fn read(&self) -> RwLockReadGuard<'_, Contents> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Contents> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep<K: Eq + Hash, V>(map: &mut HashMap<K, V>, key: K, value: V) {
    if map.len() >= ENTRIES_MAX {
        map.clear();
    }
    map.insert(key, value);
}

#[cfg(test)]
mod tests {
    use mail_wire::MaildropId;

    use super::*;

    // rulings 11: what was read before a change must not be kept after it
    #[test]
    fn what_was_read_before_a_change_is_not_kept() {
        let memory = Memory::default();
        let annas = [Destination::unlimited(MaildropId::new(1))];
        let before = memory.generation();
        memory.forget_credentials(1);
        memory.keep_address(before, "a@b".to_owned(), Arc::from(annas));
        assert!(memory.address("a@b").is_none());
        memory.keep_address(memory.generation(), "a@b".to_owned(), Arc::from(annas));
        assert!(memory.address("a@b").is_some());
        memory.forget_all();
        assert!(memory.address("a@b").is_none());
    }
}
