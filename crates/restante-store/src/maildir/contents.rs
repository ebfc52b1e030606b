//! What a maildrop holds: found files and the list of those seen before, brought together.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, OnceLock};

use mail_wire::{Listing, ListingBuilder, MessageNumber, Octets};
use rustix::fs::FileType;

use crate::disk::Disk;
use crate::error::StoreError;
use crate::maildir::folders::{Folders, Side};
use crate::maildir::measure::{Measured, Stamp, measure};
use crate::maildir::names::{Identity, unique_part};
use crate::maildir::scan::Found;
use crate::maildir::uidlist::{Record, Uidlist};

/// The messages of a maildrop at one moment; never changed.
#[derive(Debug)]
pub(crate) struct Contents {
    /// As the session sees them.
    pub(crate) listing: Arc<Listing>,
    /// As we find them, in the same order.
    pub(crate) rows: Vec<Row>,
    places: OnceLock<HashMap<Identity, usize>>,
}

/// Where a message was found.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Which message.
    pub(crate) identity: Identity,
    /// Its name then.
    pub(crate) name: Box<[u8]>,
    /// Its folder then.
    pub(crate) side: Side,
    /// Of which file the size in the listing is true; `None` where it could not be read, and
    /// the size is a guess that no answer relies on.
    pub(crate) stamp: Option<Stamp>,
}

impl Contents {
    /// The row of a message.
    pub(crate) fn find(&self, identity: &Identity) -> Option<&Row> {
        let places = self.places.get_or_init(|| {
            let rows = self.rows.iter().enumerate();
            rows.map(|(place, row)| (row.identity.clone(), place)).collect()
        });
        places.get(identity).and_then(|place| self.rows.get(*place))
    }

    /// The places in `now` of messages that are not here.
    pub(crate) fn missing<'a>(&'a self, now: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let rows = now.rows.iter().enumerate();
        rows.filter(|(_, row)| self.find(&row.identity).is_none()).map(|(place, _)| place)
    }

    /// The same with what `now` has more, behind it; `None` if that is nothing.
    pub(crate) fn with_new(&self, now: &Self) -> Result<Option<Self>, StoreError> {
        let mut listing = ListingBuilder::after(Listing::clone(&self.listing));
        let mut new = Vec::new();
        for place in self.missing(now) {
            let number = MessageNumber::from_index(place);
            let entry = number.and_then(|number| now.listing.get(number));
            let (Some(entry), Some(row)) = (entry, now.rows.get(place)) else { continue };
            listing
                .push(entry.id, entry.octets, &entry.uidl.to_uidl(), entry.utf8)
                .map_err(|full| StoreError::Damaged { detail: full.to_string() })?;
            new.push(row.clone());
        }
        if new.is_empty() {
            return Ok(None);
        }
        let rows = [self.rows.as_slice(), &new].concat();
        let listing = Arc::new(listing.finish());
        Ok(Some(Self { listing, rows, places: OnceLock::new() }))
    }
}

/// What came of bringing them together.
pub(crate) struct Gathered {
    /// What the maildrop holds.
    pub(crate) contents: Contents,
    /// A file was gone again before it could be looked at: moved, most likely.
    pub(crate) moved: bool,
}

/// How many messages are measured before what was learnt is saved: the first login to a large
/// Maildir that others filled can be cut short and goes on where it was.
const SAVED_TOGETHER_MAX: usize = 4096;

/// Brings the files that were found together with the list. What is new goes at its end, in
/// the order of the names' times; sizes are taken for what is new or changed.
pub(crate) fn gather(
    disk: &Disk,
    folders: &Folders,
    list: &mut Uidlist,
    found: Vec<Found>,
    fresh: &HashMap<Identity, Measured>,
) -> Result<Gathered, StoreError> {
    let mut gathering = Gathering {
        disk,
        folders,
        list,
        fresh,
        members: Vec::new(),
        unsaved: Vec::new(),
        moved: false,
    };
    let mut unseen = Vec::new();
    for (identity, found) in identified(gathering.list, found) {
        if gathering.list.place(&identity).is_some() {
            gathering.take(&identity, found)?;
        } else {
            unseen.push((identity, found));
        }
    }
    // P-040: those that are first seen together are ordered by when they were delivered.
    unseen.sort_by_cached_key(|(identity, _)| (identity.order(), identity.clone()));
    for (identity, found) in unseen {
        gathering.take(&identity, found)?;
    }
    gathering.finish()
}

/// What a look at a file showed.
enum Look {
    /// It is not there any more.
    Gone,
    /// It is a link, a folder, a FIFO.
    NoMessage,
    /// It is a message; its size where it could be read, else a guess.
    Message { measured: Option<Measured>, guess: u64 },
}

struct Gathering<'a> {
    disk: &'a Disk,
    folders: &'a Folders,
    list: &'a mut Uidlist,
    fresh: &'a HashMap<Identity, Measured>,
    members: Vec<Member>,
    unsaved: Vec<usize>,
    moved: bool,
}

struct Member {
    place: usize,
    found: Found,
    guess: u64,
}

impl Gathering<'_> {
    fn take(&mut self, identity: &Identity, found: Found) -> Result<(), StoreError> {
        let known = self.list.place(identity);
        let record = known.and_then(|place| self.list.record(place));
        let believed = record.and_then(|record| record.measured);
        let is_same = |m: Measured| m.stamp.inode == found.inode;
        if let Some(place) = known
            && record.is_some_and(|record| record.verified)
            && believed.is_some_and(is_same)
        {
            self.members.push(Member { place, found, guess: 0 });
            return Ok(());
        }
        let fresh = self.fresh.get(identity).copied();
        let (measured, guess) = match look(self.disk, self.folders, &found, [believed, fresh]) {
            Look::Gone => {
                self.moved = true;
                // It is looked for again. If it is moved each time, it stays in the listing:
                // it was there, and reading finds it by its unique part (P-056).
                if let Some(place) = known {
                    self.members.push(Member { place, found, guess: 0 });
                }
                return Ok(());
            }
            Look::NoMessage => return Ok(()),
            Look::Message { measured, guess } => (measured, guess),
        };
        let mut record = Record::first(identity.clone(), measured)?;
        // What cannot be read now is no reason to forget what was known.
        record.measured = measured.or(believed);
        let is_news = known.is_none() || record.measured != believed;
        self.list.put(record);
        let Some(place) = self.list.place(identity) else { return Ok(()) };
        self.members.push(Member { place, found, guess });
        if is_news {
            self.unsaved.push(place);
        }
        if self.unsaved.len() >= SAVED_TOGETHER_MAX {
            self.save();
        }
        Ok(())
    }

    /// A list that cannot be written, on a full or read-only disk, is no reason not to read
    /// the mail: unique-ids and sizes are made again from the files (M13, M18).
    fn save(&mut self) {
        let _ = self.list.save(self.disk, &self.folders.base, &self.unsaved);
        self.unsaved.clear();
    }

    fn finish(mut self) -> Result<Gathered, StoreError> {
        self.save();
        self.members.sort_unstable_by_key(|member| member.place);
        let mut listing = ListingBuilder::with_capacity(self.members.len());
        let mut rows = Vec::with_capacity(self.members.len());
        let mut is_member = vec![false; self.list.len()];
        for Member { place, found, guess } in self.members {
            let Some(record) = self.list.record(place) else { continue };
            if let Some(member) = is_member.get_mut(place) {
                *member = true;
            }
            let octets = record.measured.map_or(Octets::new(guess), |measured| measured.octets);
            let identity = record.identity.clone();
            listing
                .push(identity.id(), octets, &record.uidl, identity.is_utf8())
                .map_err(|full| StoreError::Damaged { detail: full.to_string() })?;
            let stamp = record.measured.map(|measured| measured.stamp);
            rows.push(Row { identity, name: found.name, side: found.side, stamp });
        }
        // Messages that are gone keep their lines for a while: another program may be moving
        // them. When most lines are of that kind, the list is written anew.
        let (gone, kept) = (self.list.len().saturating_sub(rows.len()), rows.len());
        if gone > kept.saturating_add(1000) && !self.moved {
            self.list.forget(|place| is_member.get(place) != Some(&true));
            let _ = self.list.save(self.disk, &self.folders.base, &[]);
        }
        let contents =
            Contents { listing: Arc::new(listing.finish()), rows, places: OnceLock::new() };
        Ok(Gathered { contents, moved: self.moved })
    }
}

/// Says which message each file is. Files that share the unique part of their names are told
/// apart by their inodes, so that each keeps its unique-id (M9).
fn identified(list: &Uidlist, found: Vec<Found>) -> Vec<(Identity, Found)> {
    let mut identified = Vec::with_capacity(found.len());
    let mut group: Vec<Found> = Vec::new();
    let mut flush = |group: &mut Vec<Found>| {
        let Some(unique) = group.first().map(|f| unique_part(&f.name).to_vec()) else { return };
        let inode = |copy| {
            let record = list.record(list.place(&Identity::new(&unique, copy))?)?;
            Some(record.measured.map(|measured| measured.stamp.inode))
        };
        let known: Vec<Option<u64>> = (0..).map_while(inode).collect();
        if group.len() == 1 && known.len() <= 1 {
            let single = group.drain(..).map(|found| (Identity::new(&unique, 0), found));
            return identified.extend(single);
        }
        let mut taken = vec![false; known.len().saturating_add(group.len())];
        let copies: Vec<Option<usize>> = group
            .iter()
            .map(|found| {
                let copy = known.iter().position(|inode| *inode == Some(found.inode))?;
                taken
                    .get_mut(copy)
                    .is_some_and(|taken| !std::mem::replace(taken, true))
                    .then_some(copy)
            })
            .collect();
        for (found, copy) in group.drain(..).zip(copies) {
            let copy = copy.or_else(|| taken.iter().position(|taken| !taken)).unwrap_or_default();
            if let Some(taken) = taken.get_mut(copy) {
                *taken = true;
            }
            let copy = u32::try_from(copy).unwrap_or(u32::MAX);
            identified.push((Identity::new(&unique, copy), found));
        }
    };
    for found in found {
        if group.first().is_some_and(|f| unique_part(&f.name) != unique_part(&found.name)) {
            flush(&mut group);
        }
        group.push(found);
    }
    flush(&mut group);
    identified
}

/// Looks at a file that is new, or not verified, or another one than before.
fn look(disk: &Disk, folders: &Folders, found: &Found, known: [Option<Measured>; 2]) -> Look {
    let folder = folders.side(found.side);
    let is_gone = |fault: &io::Error| fault.kind() == io::ErrorKind::NotFound;
    let status = match disk.status(folder, &found.name) {
        Ok(status) if status.kind == FileType::RegularFile => status,
        Ok(_) => return Look::NoMessage,
        Err(fault) if is_gone(&fault) => return Look::Gone,
        Err(_) => return Look::Message { measured: None, guess: 0 },
    };
    let same = known.into_iter().flatten().find(|known| known.stamp == Stamp::from(status));
    if same.is_some() {
        return Look::Message { measured: same, guess: status.size };
    }
    let measured =
        disk.open_file(folder, &found.name).and_then(|(file, status)| measure(disk, &file, status));
    match measured {
        Err(fault) if is_gone(&fault) => Look::Gone,
        // One message that cannot be read never takes the maildrop with it (M8, M17): it is
        // listed, and its RETR is an error.
        measured => Look::Message { measured: measured.ok(), guess: status.size },
    }
}
