//! What is remembered of a source, of an account, of a place and of a wrong password.

use std::net::IpAddr;

use super::level::Level;
use super::table::Worth;
use crate::prefix::Prefix;

/// So many octets of a name are kept, for people to read.
const NAME_OCTETS: usize = 48;

/// Whom an attempt was for: of fixed length, and one for all spellings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct NameKey(pub(super) [u8; 16]);

/// An account and a source that it was used from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PlaceKey(pub(super) [u8; 16]);

/// A wrong password, its account and its source; nothing can be read back from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RepeatKey(pub(super) [u8; 16]);

/// The beginning of a name, in so much room and no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShortName {
    octets: [u8; NAME_OCTETS],
    length: u8,
}

/// A source or a network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) minute: Level,
    pub(super) day: Level,
    /// Attempts that are being judged. They have taken their tokens.
    pub(super) judged: u16,
    pub(super) failures: u32,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) last_name: ShortName,
}

/// An account, or a name that is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) hour: Level,
    pub(super) failures: u32,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) last_from: Prefix,
    pub(super) name: ShortName,
}

/// A place is known until then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known(pub(super) u64);

/// A wrong password counts no more until then, and is wrong as long as nothing has changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeat {
    pub(super) until: u64,
    /// What the directory was then.
    pub(super) version: Option<u64>,
    /// From where; the networks of a credential may divide a source.
    pub(super) address: IpAddr,
}

impl NameKey {
    pub(super) fn of(name: &str) -> Self {
        Self(cut(blake3::hash(name.as_bytes())))
    }
}

impl PlaceKey {
    pub(super) fn of(name: NameKey, source: Prefix) -> Self {
        let (v6, length, bits) = source.parts();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&name.0).update(&[v6.into(), length]).update(&bits.to_le_bytes());
        Self(cut(hasher.finalize()))
    }
}

impl ShortName {
    pub(super) fn of(name: &str) -> Self {
        let mut octets = [0; NAME_OCTETS];
        let length = name.floor_char_boundary(NAME_OCTETS);
        for (place, octet) in octets.iter_mut().zip(name.bytes().take(length)) {
            *place = octet;
        }
        Self { octets, length: u8::try_from(length).unwrap_or(0) }
    }

    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(..self.length.into()).unwrap_or_default()
    }

    /// As it is shown: cut where it was longer.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(self.octets()).into_owned()
    }
}

impl Source {
    pub(super) fn new(now: u64) -> Self {
        Self {
            minute: Level::default(),
            day: Level::default(),
            judged: 0,
            failures: 0,
            first: now,
            last: now,
            last_name: ShortName::of(""),
        }
    }
}

impl Target {
    pub(super) fn new(name: &str, from: Prefix, now: u64) -> Self {
        Self {
            hour: Level::default(),
            failures: 0,
            first: now,
            last: now,
            last_from: from,
            name: ShortName::of(name),
        }
    }
}

impl Worth for Source {
    /// Who is being judged stays if that is possible; then who has taken most.
    fn worth(&self, now: u64) -> u64 {
        let taken = self.day.until().max(self.minute.until()).saturating_sub(now);
        if self.judged > 0 { taken.saturating_add(1 << 62) } else { taken }
    }
}

impl Worth for Target {
    fn worth(&self, now: u64) -> u64 {
        self.hour.until().saturating_sub(now)
    }
}

impl Worth for Known {
    fn worth(&self, now: u64) -> u64 {
        self.0.saturating_sub(now)
    }
}

impl Worth for Repeat {
    fn worth(&self, now: u64) -> u64 {
        self.until.saturating_sub(now)
    }
}

/// The first 128 bits.
pub(super) fn cut(hash: blake3::Hash) -> [u8; 16] {
    let mut short = [0; 16];
    for (place, octet) in short.iter_mut().zip(hash.as_bytes()) {
        *place = *octet;
    }
    short
}
