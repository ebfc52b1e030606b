//! Guess control over a restart: what is written each minute and at the end (`rulings` 19).
//!
//! ```text
//!   "RSTGUES1"  { tag u8 | length u16 | body }*  BLAKE3 of all before, 32 octets
//! ```
//! Numbers are little-endian. A tag that is not known is skipped, so that an older version can
//! read a newer file. It is no secret, and holds none: names that were tried, and addresses.

use super::entries::{Known, NameKey, PlaceKey, ShortName, Source, Target};
use super::guesses::Guesses;
use super::level::Level;
use super::shown::Allowed;
use crate::prefix::Prefix;

const MAGIC: &[u8; 8] = b"RSTGUES1";
const HASH_OCTETS: usize = 32;
const SOURCE: u8 = 1;
const TARGET: u8 = 2;
const PLACE: u8 = 3;
const ALLOWED: u8 = 4;

/// Why a file is not what guess control remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// It is something else.
    #[error("it is no file of guess control")]
    Foreign,
    /// Its checksum is wrong, or it says what cannot be.
    #[error("it is damaged")]
    Damaged,
}

impl Guesses {
    /// What is to be written now; `None`: nothing has changed since the last time.
    pub fn to_write(&self, now: u64) -> Option<Vec<u8>> {
        let mut inner = self.inner();
        if !std::mem::take(&mut inner.changed) {
            return None;
        }
        let mut file = MAGIC.to_vec();
        for (prefix, source) in inner.sources.all(now) {
            let mut body = Vec::with_capacity(96);
            put_prefix(&mut body, *prefix);
            for number in [source.minute.until(), source.day.until(), source.first, source.last] {
                body.extend_from_slice(&number.to_le_bytes());
            }
            body.extend_from_slice(&source.failures.to_le_bytes());
            body.extend_from_slice(source.last_name.octets());
            put(&mut file, SOURCE, &body);
        }
        for (key, target) in inner.targets.all(now) {
            let mut body = key.0.to_vec();
            put_prefix(&mut body, target.last_from);
            for number in [target.hour.until(), target.first, target.last] {
                body.extend_from_slice(&number.to_le_bytes());
            }
            body.extend_from_slice(&target.failures.to_le_bytes());
            body.extend_from_slice(target.name.octets());
            put(&mut file, TARGET, &body);
        }
        for (key, known) in inner.places.all(now) {
            let mut body = key.0.to_vec();
            body.extend_from_slice(&known.0.to_le_bytes());
            put(&mut file, PLACE, &body);
        }
        for allowed in &inner.allowed {
            let mut body = Vec::with_capacity(32);
            put_prefix(&mut body, Prefix::from(allowed.network));
            body.extend_from_slice(&allowed.until.unwrap_or(i64::MAX).to_le_bytes());
            put(&mut file, ALLOWED, &body);
        }
        drop(inner);
        let hash = blake3::hash(&file);
        file.extend_from_slice(hash.as_bytes());
        Some(file)
    }

    /// Takes up what was written. Nothing is taken from a file that is damaged.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn take_up(&self, file: &[u8], now: u64) -> Result<(), FileError> {
        let (body, hash) = file
            .len()
            .checked_sub(HASH_OCTETS)
            .and_then(|at| file.split_at_checked(at))
            .ok_or(FileError::Foreign)?;
        let mut rest = Reader(body.strip_prefix(MAGIC).ok_or(FileError::Foreign)?);
        if blake3::hash(body).as_bytes() != hash {
            return Err(FileError::Damaged);
        }
        let mut records = Vec::new();
        while !rest.0.is_empty() {
            let record = rest.record().ok_or(FileError::Damaged)?;
            records.push(record);
        }
        records.into_iter().try_for_each(|record| self.take(record, now)).ok_or(FileError::Damaged)
    }

    fn take(&self, (tag, body): (u8, &[u8]), now: u64) -> Option<()> {
        let mut body = Reader(body);
        let mut inner = self.inner();
        match tag {
            SOURCE => {
                let prefix = body.prefix()?;
                let (minute, day) = (Level::of(body.u64()?), Level::of(body.u64()?));
                let (first, last) = (body.u64()?, body.u64()?);
                let (failures, last_name) = (body.u32()?, body.name()?);
                let source = Source { minute, day, judged: 0, failures, first, last, last_name };
                inner.sources.put(prefix, source, now);
            }
            TARGET => {
                let (key, last_from) = (NameKey(body.array()?), body.prefix()?);
                let (hour, first, last) = (Level::of(body.u64()?), body.u64()?, body.u64()?);
                let (failures, name) = (body.u32()?, body.name()?);
                let target = Target { hour, failures, first, last, last_from, name };
                inner.targets.put(key, target, now);
            }
            PLACE => {
                let key = PlaceKey(body.array()?);
                inner.places.put(key, Known(body.u64()?), now);
            }
            ALLOWED => {
                let (network, until) = (body.prefix()?.network(), body.i64()?);
                let until = (until != i64::MAX).then_some(until);
                inner.allowed.push(Allowed { network, until });
            }
            _ => {}
        }
        Some(())
    }
}

/// What is left of a file, or of a record.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn record(&mut self) -> Option<(u8, &'a [u8])> {
        let [tag] = self.array()?;
        let length = usize::from(u16::from_le_bytes(self.array()?));
        let (body, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, body))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn prefix(&mut self) -> Option<Prefix> {
        let [family, length] = self.array()?;
        Prefix::from_parts(family != 0, length, u128::from_le_bytes(self.array()?))
    }

    /// The rest is a name.
    fn name(&mut self) -> Option<ShortName> {
        std::str::from_utf8(std::mem::take(&mut self.0)).ok().map(ShortName::of)
    }
}

fn put(file: &mut Vec<u8>, tag: u8, body: &[u8]) {
    // No body is longer than its numbers and a short name.
    let Ok(length) = u16::try_from(body.len()) else { return };
    file.push(tag);
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(body);
}

fn put_prefix(body: &mut Vec<u8>, prefix: Prefix) {
    let (v6, length, bits) = prefix.parts();
    body.extend_from_slice(&[v6.into(), length]);
    body.extend_from_slice(&bits.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guess::{Begun, GuessSettings, Outcome};

    const NOW: u64 = 1_800_000_000_000;

    fn guesses() -> Guesses {
        Guesses::new(GuessSettings { memory: 1 << 20, ..GuessSettings::default() }).unwrap()
    }

    fn wrong(guesses: &Guesses, name: &str, password: &str, from: &str, now: u64) -> bool {
        match guesses.begin(name, Some(password.as_bytes()), from.parse().unwrap(), Some(0), now) {
            Begun::Go(attempt) => {
                guesses.end(attempt, Outcome::Wrong(Some(0)), now);
                true
            }
            _ => false,
        }
    }

    fn blocked() -> (Guesses, Vec<u8>) {
        let guesses = guesses();
        for turn in 0..10 {
            assert!(wrong(&guesses, "anna", &turn.to_string(), "192.0.2.7", NOW));
        }
        guesses.allow(Allowed { network: "198.51.100.0/24".parse().unwrap(), until: None }, NOW);
        let file = guesses.to_write(NOW).unwrap();
        (guesses, file)
    }

    // A29: blocks survive a restart; rulings 19
    #[test]
    fn what_was_written_is_taken_up() {
        let (before, file) = blocked();
        assert_eq!(before.to_write(NOW), None, "nothing has changed");
        let after = guesses();
        after.take_up(&file, NOW).unwrap();
        assert!(!wrong(&after, "anna", "again", "192.0.2.7", NOW));
        assert_eq!(after.list(10, NOW), before.list(10, NOW));
        assert_eq!(after.allowed(NOW), before.allowed(NOW));
        assert!(!after.allowed(NOW).is_empty() && !after.list(10, NOW).is_empty());
    }

    // `security` §1: files are hostile; nothing is taken from a damaged one
    #[test]
    fn damage_is_seen_wherever_it_is() {
        let (_, file) = blocked();
        let after = guesses();
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            assert!(after.take_up(&damaged, NOW).is_err(), "octet {at}");
            assert!(after.take_up(&file[..at], NOW).is_err(), "cut at {at}");
        }
        assert!(after.list(10, NOW).is_empty() && after.allowed(NOW).is_empty());
        assert_eq!(after.take_up(b"something else", NOW), Err(FileError::Foreign));
    }

    #[test]
    fn a_record_of_a_later_version_is_skipped() {
        let (_, file) = blocked();
        let mut later = file[..file.len() - HASH_OCTETS].to_vec();
        put(&mut later, 200, b"from the future");
        let hash = blake3::hash(&later);
        later.extend_from_slice(hash.as_bytes());
        let after = guesses();
        after.take_up(&later, NOW).unwrap();
        assert!(!wrong(&after, "anna", "again", "192.0.2.7", NOW));
    }
}
