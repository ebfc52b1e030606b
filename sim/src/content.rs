//! What a file holds: pages that are shared until somebody changes them.

use std::sync::Arc;

use crate::digest::Digest;

/// What a disk writes whole or not at all, in octets.
pub(crate) const SECTOR_OCTETS: u64 = 512;

/// What files share, and what a disk gives room in, in octets.
pub(crate) const PAGE_OCTETS: u64 = 4096;

const PAGE: usize = 4096;

type Page = [u8; PAGE];

/// The octets of a file. What was never written reads as zeros.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    pages: Vec<Option<Arc<Page>>>,
    length: u64,
}

impl Content {
    /// How long it is.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Adds all of it to a digest.
    pub(crate) fn digest(&self, digest: &mut Digest) {
        digest.number(self.length);
        for page in &self.pages {
            match page {
                Some(page) => digest.octets(&**page),
                None => digest.number(0),
            }
        }
    }

    /// Reads from here on; answers how much there was.
    pub(crate) fn read(&self, octets: &mut [u8], at: u64) -> usize {
        let length = self.length.saturating_sub(at).min(octets.len() as u64);
        let length = usize::try_from(length).unwrap_or_default();
        self.copy(octets.get_mut(..length).unwrap_or_default(), at);
        length
    }

    /// So many whole sectors, whatever the length is.
    pub(crate) fn sectors(&self, first: u64, count: u64) -> Vec<u8> {
        let length = count.saturating_mul(SECTOR_OCTETS);
        let mut octets = vec![0; usize::try_from(length).unwrap_or_default()];
        self.copy(&mut octets, first.saturating_mul(SECTOR_OCTETS));
        octets
    }

    fn copy(&self, octets: &mut [u8], at: u64) {
        let mut at = at;
        let mut rest = octets;
        while !rest.is_empty() {
            let (page, offset) = split(at);
            let length = rest.len().min(PAGE.saturating_sub(offset));
            let (now, later) = rest.split_at_mut(length);
            let from = self.pages.get(page).and_then(Option::as_ref);
            match from.and_then(|page| page.get(offset..offset.saturating_add(length))) {
                Some(from) => now.copy_from_slice(from),
                None => now.fill(0),
            }
            rest = later;
            at = at.saturating_add(length as u64);
        }
    }

    /// Writes, and makes it longer where that is needed.
    pub(crate) fn write(&mut self, octets: &[u8], at: u64) {
        self.put(octets, at);
        self.length = self.length.max(at.saturating_add(octets.len() as u64));
    }

    /// Writes without regard to the length: [`Content::set_length`] comes behind it.
    pub(crate) fn put(&mut self, octets: &[u8], at: u64) {
        let mut at = at;
        let mut rest = octets;
        while !rest.is_empty() {
            let (page, offset) = split(at);
            let length = rest.len().min(PAGE.saturating_sub(offset));
            let (now, later) = rest.split_at(length);
            if self.pages.len() <= page {
                self.pages.resize(page.saturating_add(1), None);
            }
            if let Some(slot) = self.pages.get_mut(page) {
                let page = Arc::make_mut(slot.get_or_insert_with(|| Arc::new([0; PAGE])));
                if let Some(to) = page.get_mut(offset..offset.saturating_add(length)) {
                    to.copy_from_slice(now);
                }
            }
            rest = later;
            at = at.saturating_add(length as u64);
        }
    }

    /// Cuts it, or makes it longer with zeros.
    pub(crate) fn set_length(&mut self, length: u64) {
        let (page, offset) = split(length);
        self.pages.truncate(if offset == 0 { page } else { page.saturating_add(1) });
        if offset > 0
            && let Some(Some(last)) = self.pages.get_mut(page)
            && last.iter().skip(offset).any(|octet| *octet != 0)
        {
            Arc::make_mut(last).iter_mut().skip(offset).for_each(|octet| *octet = 0);
        }
        self.length = length;
    }

    /// Whether a bit could be changed there, which it is then.
    pub(crate) fn flip(&mut self, at: u64, bit: u8) {
        let mut octet = [0];
        if self.read(&mut octet, at) == 1 {
            self.put(&octet.map(|octet| octet ^ (1 << (bit & 7))), at);
        }
    }
}

fn split(at: u64) -> (usize, usize) {
    let page = usize::try_from(at / PAGE_OCTETS).unwrap_or(usize::MAX);
    (page, usize::try_from(at % PAGE_OCTETS).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_off_does_not_come_back() {
        let mut content = Content::default();
        content.write(&[7; 5000], 10);
        let before = content.clone();
        content.set_length(100);
        content.set_length(6000);
        let mut octets = vec![1; 6000];
        assert_eq!(content.read(&mut octets, 0), 6000);
        assert!(octets[10..100].iter().all(|octet| *octet == 7));
        assert!(octets[100..].iter().all(|octet| *octet == 0));
        assert_eq!(before.read(&mut octets, 5009), 1);
        assert_eq!(octets[0], 7, "the other copy keeps its own");
    }
}
