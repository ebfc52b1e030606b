//! Remembers which main passwords were verified, so that the next login needs no hash.
//!
//! It holds no password and no fast hash of one: only a MAC under a key that lives as long as
//! the process (`rulings` 11). Only successes are kept. An entry says nothing about whether the
//! account may log in: that is judged anew on every hit.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mail_wire::Secret;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

/// The verified passwords.
pub(crate) struct VerifiedCache {
    key: Secret<[u8; 32]>,
    life: Duration,
    entries_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<i64, Entry>,
    /// In the order in which they end, which is that in which they came.
    ends: VecDeque<(Instant, i64)>,
}

struct Entry {
    mac: [u8; 32],
    until: Instant,
}

impl VerifiedCache {
    /// An empty one; `Err` says why the system has no random octets.
    pub(crate) fn new(life: Duration, entries_max: usize) -> Result<Self, String> {
        let mut key = [0u8; 32];
        getrandom::fill(&mut key)
            .map_err(|error| format!("the system has no random octets: {error}"))?;
        Ok(Self { key: Secret::new(key), life, entries_max, inner: Mutex::default() })
    }

    /// Notes that this was the password of the account's hash of this version.
    pub(crate) fn remember(&self, account: i64, version: i64, password: &[u8], now: Instant) {
        let Some(until) = now.checked_add(self.life).filter(|until| *until > now) else { return };
        let mac = self.mac(account, version, password);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(&(end, oldest)) = inner.ends.front() {
            if end > now && inner.ends.len() < self.entries_max {
                break;
            }
            inner.ends.pop_front();
            // The account may have a younger entry by now.
            if inner.entries.get(&oldest).is_some_and(|entry| entry.until == end) {
                inner.entries.remove(&oldest);
            }
        }
        if self.entries_max > 0 {
            inner.entries.insert(account, Entry { mac, until });
            inner.ends.push_back((until, account));
        }
    }

    /// Whether it was, not long ago.
    pub(crate) fn knows(&self, account: i64, version: i64, password: &[u8], now: Instant) -> bool {
        let mac = self.mac(account, version, password);
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner
            .entries
            .get(&account)
            .is_some_and(|entry| entry.until > now && entry.mac.ct_eq(&mac).into())
    }

    /// Forgets an account.
    pub(crate) fn forget(&self, account: i64) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).entries.remove(&account);
    }

    /// Forgets all accounts.
    pub(crate) fn forget_all(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).entries.clear();
    }

    /// The account and the version are of fixed length, so no two inputs are one text.
    fn mac(&self, account: i64, version: i64, password: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(self.key.expose());
        hasher.update(&account.to_le_bytes());
        hasher.update(&version.to_le_bytes());
        hasher.update(password);
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(entries: usize) -> (VerifiedCache, Instant) {
        (VerifiedCache::new(Duration::from_mins(5), entries).unwrap(), Instant::now())
    }

    // CVE-2007-6598, CVE-2025-30189: two users with the same password, taking turns
    #[test]
    fn one_users_entry_is_never_anothers() {
        let (cache, now) = cache(10);
        cache.remember(1, 1, b"same", now);
        assert!(!cache.knows(2, 1, b"same", now));
        cache.remember(2, 1, b"same", now);
        cache.remember(2, 1, b"other", now);
        assert!(cache.knows(1, 1, b"same", now));
        assert!(!cache.knows(2, 1, b"same", now));
        assert!(cache.knows(2, 1, b"other", now));
    }

    // rulings 11: the hash's version is part of the key
    #[test]
    fn a_new_version_knows_nothing() {
        let (cache, now) = cache(10);
        cache.remember(1, 1, b"x", now);
        assert!(!cache.knows(1, 2, b"x", now));
        assert!(!cache.knows(1, 1, b"X", now));
        cache.forget(1);
        assert!(!cache.knows(1, 1, b"x", now));
    }

    #[test]
    fn entries_end_and_are_bounded() {
        let (cache, now) = cache(3);
        let later = now + Duration::from_secs(301);
        cache.remember(1, 1, b"x", now);
        assert!(!cache.knows(1, 1, b"x", later));
        for account in 2..100 {
            cache.remember(account, 1, b"x", now);
        }
        assert!(!cache.knows(1, 1, b"x", now));
        assert!(cache.knows(99, 1, b"x", now));
        let inner = cache.inner.lock().unwrap();
        assert!(inner.entries.len() <= 3 && inner.ends.len() <= 3);
    }

    #[test]
    fn can_be_switched_off() {
        let now = Instant::now();
        let cache = VerifiedCache::new(Duration::ZERO, 10).unwrap();
        cache.remember(1, 1, b"x", now);
        assert!(!cache.knows(1, 1, b"x", now));
    }
}
