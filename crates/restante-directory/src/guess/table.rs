//! A table of so many entries and no more: what is worth least makes room.

use std::hash::{BuildHasher, Hash, RandomState};

/// A key may stand in so many places.
const WAYS: usize = 8;

/// A map in a fixed amount of memory. Where the places of a new key are all taken, the entry
/// that is worth least goes; a caller who chooses keys cannot choose whom that meets, as the
/// hash has a key of its own (CVE-2021-33582).
#[derive(Debug)]
pub(super) struct Table<K, V> {
    places: Box<[Option<(K, V)>]>,
    hasher: RandomState,
}

/// What an entry is worth.
pub(super) trait Worth {
    /// The less, the sooner it goes; 0: it says nothing any more.
    fn worth(&self, now: u64) -> u64;
}

impl<K: Copy + Eq + Hash, V: Worth> Table<K, V> {
    /// A table that takes about so many octets.
    pub(super) fn of_octets(octets: usize) -> Self {
        let place = size_of::<Option<(K, V)>>().max(1);
        let buckets = octets.div_euclid(place).div_euclid(WAYS).max(1);
        let places = (0..buckets.saturating_mul(WAYS)).map(|_| None).collect();
        Self { places, hasher: RandomState::new() }
    }

    /// The entry of this key.
    pub(super) fn find(&self, key: &K) -> Option<&V> {
        let bucket = self.places.get(self.bucket(key))?;
        bucket.iter().flatten().find(|(other, _)| other == key).map(|(_, value)| value)
    }

    /// The entry of this key, to be changed.
    pub(super) fn find_mut(&mut self, key: &K) -> Option<&mut V> {
        let bucket = self.bucket(key);
        let bucket = self.places.get_mut(bucket)?;
        bucket.iter_mut().flatten().find(|(other, _)| other == key).map(|(_, value)| value)
    }

    /// Puts an entry in, in the place of the one of this key, of none, or of the one that is
    /// worth least.
    pub(super) fn put(&mut self, key: K, value: V, now: u64) {
        let bucket = self.bucket(&key);
        let Some(places) = self.places.get_mut(bucket) else { return };
        let worth = |place: &Option<(K, V)>| match place {
            Some((other, _)) if *other == key => (0, 0),
            None => (1, 0),
            Some((_, value)) => (2, value.worth(now)),
        };
        if let Some(place) = places.iter_mut().min_by_key(|place| worth(place)) {
            *place = Some((key, value));
        }
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, key: &K) {
        let bucket = self.bucket(key);
        for place in self.places.get_mut(bucket).into_iter().flatten() {
            if place.as_ref().is_some_and(|(other, _)| other == key) {
                *place = None;
            }
        }
    }

    /// All entries that still say something.
    pub(super) fn all(&self, now: u64) -> impl Iterator<Item = (&K, &V)> {
        self.places
            .iter()
            .flatten()
            .filter(move |(_, value)| value.worth(now) > 0)
            .map(|(key, value)| (key, value))
    }

    fn bucket(&self, key: &K) -> std::ops::Range<usize> {
        let buckets = self.places.len().div_euclid(WAYS).max(1);
        let hash = usize::try_from(self.hasher.hash_one(key) & u64::from(u32::MAX)).unwrap_or(0);
        let first = hash.checked_rem(buckets).unwrap_or(0).saturating_mul(WAYS);
        first..first.saturating_add(WAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Until(u64);

    impl Worth for Until {
        fn worth(&self, now: u64) -> u64 {
            self.0.saturating_sub(now)
        }
    }

    #[test]
    fn finds_what_was_put_and_not_what_was_removed() {
        let mut table = Table::of_octets(1 << 16);
        table.put(1_u64, Until(5), 0);
        table.put(1, Until(7), 0);
        assert_eq!(table.find(&1), Some(&Until(7)));
        assert_eq!(table.all(0).count(), 1);
        assert_eq!(table.all(7).count(), 0);
        table.remove(&1);
        assert_eq!(table.find(&1), None);
    }

    // `security` §4.2: in a fixed amount of memory
    #[test]
    fn never_grows_and_keeps_what_is_worth_most() {
        let mut table = Table::of_octets(64 << 10);
        let places = table.places.len();
        assert!(places * size_of::<Option<(u64, Until)>>() <= 64 << 10);
        table.put(u64::MAX, Until(u64::MAX), 0);
        for key in 0..100_000_u64 {
            table.put(key, Until(key), 0);
        }
        assert_eq!(table.places.len(), places);
        assert_eq!(table.find(&u64::MAX), Some(&Until(u64::MAX)));
        assert!(table.all(0).count() <= places);
    }

    #[test]
    fn the_smallest_table_has_room_for_a_bucket() {
        let mut table = Table::of_octets(0);
        (0..8_u64).for_each(|key| table.put(key, Until(1), 0));
        assert_eq!(table.all(0).count(), 8);
    }
}
