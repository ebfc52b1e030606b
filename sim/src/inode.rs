//! A file of the simulated disk: what programs see of it, and what of that is durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::content::{Content, PAGE_OCTETS, SECTOR_OCTETS};
use crate::persist::Part;

/// A file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inode {
    /// What programs see.
    pub(crate) seen: Content,
    durable: Content,
    /// What was done since the last sync, in order.
    pending: Vec<Change>,
    /// A sync failed: what it lost is seen, and no later sync makes it durable.
    has_lied: bool,
    /// How many pages it has room in.
    pages: u64,
}

#[derive(Clone, Debug)]
enum Change {
    /// Whole sectors, from this one on.
    Sectors(u64, Arc<[u8]>),
    /// The length, which a file system keeps apart from the content.
    Length(u64),
}

impl Inode {
    /// How many more pages are needed for octets up to here.
    pub(crate) const fn pages_for(&self, end: u64) -> u64 {
        end.div_ceil(PAGE_OCTETS).saturating_sub(self.pages)
    }

    /// How many pages it has room in.
    pub(crate) const fn pages(&self) -> u64 {
        self.pages
    }

    /// Gives it room up to here.
    pub(crate) fn make_room(&mut self, end: u64) {
        self.pages = self.pages.max(end.div_ceil(PAGE_OCTETS));
    }

    pub(crate) fn write(&mut self, octets: &[u8], at: u64) {
        if octets.is_empty() {
            return;
        }
        let before = self.seen.length();
        self.seen.write(octets, at);
        let end = at.saturating_add(octets.len() as u64);
        self.make_room(end);
        let first = at / SECTOR_OCTETS;
        let count = end.div_ceil(SECTOR_OCTETS).saturating_sub(first);
        self.pending.push(Change::Sectors(first, self.seen.sectors(first, count).into()));
        if self.seen.length() != before {
            self.pending.push(Change::Length(self.seen.length()));
        }
    }

    pub(crate) fn set_length(&mut self, length: u64) {
        if length == self.seen.length() {
            return;
        }
        self.pages = self.pages.min(length.div_ceil(PAGE_OCTETS));
        self.seen.set_length(length);
        self.pending.push(Change::Length(length));
    }

    /// Whether anything is not durable.
    pub(crate) const fn is_dirty(&self) -> bool {
        !self.pending.is_empty() || self.has_lied
    }

    /// Whether a sync of it failed.
    pub(crate) const fn has_lied(&self) -> bool {
        self.has_lied
    }

    /// All is durable from now on, but for what was lost before.
    pub(crate) fn sync(&mut self) {
        if self.has_lied {
            self.durable = self.persisted(&mut Part::Everything);
        } else {
            self.durable = self.seen.clone();
        }
        self.pending.clear();
    }

    /// The sync fails. Some of it is durable, and the system believes that all is.
    pub(crate) fn lie(&mut self, part: &mut Part) {
        self.durable = self.persisted(part);
        self.has_lied = true;
        self.pending.clear();
    }

    /// After a power cut: what was durable, and what else this part keeps.
    pub(crate) fn cut(&self, part: &mut Part) -> Self {
        let content = self.persisted(part);
        let pages = content.length().div_ceil(PAGE_OCTETS).min(self.pages);
        Self {
            seen: content.clone(),
            durable: content,
            pending: Vec::new(),
            has_lied: false,
            pages,
        }
    }

    fn persisted(&self, part: &mut Part) -> Content {
        let mut content = self.durable.clone();
        if self.pending.is_empty() || matches!(part, Part::Nothing) {
            return content;
        }
        // Of each sector one of its versions is there, of the lengths all up to one of them.
        let mut versions: BTreeMap<u64, u64> = BTreeMap::new();
        let mut lengths = 0_u64;
        for change in &self.pending {
            match change {
                Change::Length(_) => lengths = lengths.saturating_add(1),
                Change::Sectors(first, octets) => {
                    for sector in sectors(*first, octets) {
                        let count = versions.entry(sector).or_default();
                        *count = count.saturating_add(1);
                    }
                }
            }
        }
        for count in versions.values_mut() {
            *count = if *count == 1 { u64::from(part.keeps()) } else { part.first_of(*count) };
        }
        let mut lengths = part.first_of(lengths);
        let mut length = content.length();
        for change in &self.pending {
            match change {
                Change::Length(_) if lengths == 0 => {}
                Change::Length(then) => {
                    lengths = lengths.saturating_sub(1);
                    length = *then;
                    // What a cut took away is gone, whatever comes behind.
                    if length < content.length() {
                        content.set_length(length);
                    }
                }
                Change::Sectors(first, octets) => {
                    for (sector, octets) in sectors(*first, octets).zip(octets.chunks(512)) {
                        let left = versions.entry(sector).or_default();
                        if *left > 0 {
                            *left = left.saturating_sub(1);
                            content.put(octets, sector.saturating_mul(SECTOR_OCTETS));
                        }
                    }
                }
            }
        }
        content.set_length(length);
        content
    }
}

fn sectors(first: u64, octets: &[u8]) -> std::ops::Range<u64> {
    first..first.saturating_add((octets.len() as u64).div_ceil(SECTOR_OCTETS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn octets(inode: &Inode) -> Vec<u8> {
        let mut octets = vec![0; usize::try_from(inode.seen.length()).unwrap()];
        inode.seen.read(&mut octets, 0);
        octets
    }

    // design §3, Proof: unsynced sectors persist independently, size apart from content
    #[test]
    fn what_was_not_synced_is_there_in_any_mixture() {
        let mut file = Inode::default();
        file.write(&[1; 1024], 0);
        file.sync();
        file.write(&[2; 1024], 512);
        let mut seen = std::collections::BTreeSet::new();
        let mut chance = Chance::new(1);
        for _ in 0..300 {
            let cut = file.cut(&mut Part::drawn(&mut chance));
            let octets = octets(&cut);
            assert_eq!(octets[0], 1, "what was synced stays");
            let sample: Vec<u8> = octets.chunks(512).map(|sector| sector[0]).collect();
            assert!(octets.chunks(512).all(|sector| sector.iter().all(|o| *o == sector[0])));
            seen.insert(sample);
        }
        let all: Vec<Vec<u8>> =
            [vec![1, 1], vec![1, 2], vec![1, 1, 0], vec![1, 1, 2], vec![1, 2, 0], vec![1, 2, 2]]
                .into();
        assert_eq!(
            seen.into_iter().collect::<std::collections::BTreeSet<_>>(),
            all.into_iter().collect()
        );
    }

    #[test]
    fn a_sync_that_failed_loses_for_good() {
        let mut file = Inode::default();
        file.write(&[1; 512], 0);
        file.sync();
        file.write(&[2; 512], 0);
        file.lie(&mut Part::Nothing);
        assert_eq!(octets(&file), [2; 512], "it is seen");
        file.sync();
        assert_eq!(octets(&file.cut(&mut Part::Everything)), [1; 512], "and is not there");
    }
}
