//! `restante-uidlist`: our own list of a Maildir's messages, in the order in which they were
//! first seen, with their unique-ids and sizes.
//!
//! ```text
//! restante-uidlist 1 <checksum>
//! <identity> <unique-id> <octets> <size> <modified> <inode> <checksum>
//! ```
//! One line a message; `docs/internals/maildir.md` has the fields. The first line of a message
//! gives its place for good, the last its size. Lines are only ever appended, or the whole
//! list is written anew beside and renamed over.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io;
use std::os::fd::OwnedFd;

use mail_wire::{Octets, Uidl};

use crate::disk::Disk;
use crate::error::StoreError;
use crate::maildir::folders::UIDLIST;
use crate::maildir::measure::{Measured, Stamp};
use crate::maildir::names::Identity;

/// What is known of the messages of one maildrop, in order.
#[derive(Debug, Default)]
pub(crate) struct Uidlist {
    records: Vec<Record>,
    places: HashMap<Identity, usize>,
    /// All unique-ids, once somebody has asked for one.
    uidls: Option<HashSet<Uidl>>,
    /// The file is missing, damaged, or not known to be what was written: the next save
    /// writes it anew.
    anew: bool,
}

/// What is known of one message.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Which.
    pub(crate) identity: Identity,
    /// Its unique-id, for good.
    pub(crate) uidl: Uidl,
    /// Its size, once the file could be read.
    pub(crate) measured: Option<Measured>,
    /// Whether this process has compared the stamp with the file.
    pub(crate) verified: bool,
}

/// The version that is written here. A list of a later one is refused: it may mean something
/// that would be lost.
const VERSION: &str = "1";

/// The longest list that is read: 16 million messages.
const OCTETS_MAX: u64 = 2 << 30;

/// Where the list is written anew.
const UIDLIST_ANEW: &[u8] = b"restante-uidlist.new";

impl Uidlist {
    /// Reads the list. One that is missing is empty; damaged lines are left out, and made anew
    /// from the names of the files.
    pub(crate) fn load(disk: &Disk, base: &OwnedFd) -> Result<Self, StoreError> {
        let failed = |fault| StoreError::disk("read restante-uidlist", fault);
        let (file, status) = match disk.open_file(base, UIDLIST) {
            Ok(opened) => opened,
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { anew: true, ..Self::default() });
            }
            Err(fault) => return Err(failed(fault)),
        };
        if status.size > OCTETS_MAX {
            return Err(StoreError::Damaged { detail: "restante-uidlist is over 2 GiB".into() });
        }
        let mut text = Vec::with_capacity(usize::try_from(status.size).unwrap_or_default());
        let mut piece = vec![0; 64 << 10];
        loop {
            match disk.read_at(&file, &mut piece, text.len() as u64).map_err(failed)? {
                0 => return Self::parse(&text),
                octets => text.extend_from_slice(piece.get(..octets).unwrap_or_default()),
            }
        }
    }

    fn parse(text: &[u8]) -> Result<Self, StoreError> {
        let mut list = Self::default();
        let mut lines = text.split_inclusive(|octet| *octet == b'\n');
        match lines.next().and_then(checked).map(|line| line.split_once(' ')) {
            Some(Some(("restante-uidlist", VERSION))) => {}
            Some(Some(("restante-uidlist", version))) => {
                return Err(StoreError::Damaged {
                    detail: format!(
                        "restante-uidlist has version {version}, this program reads up to \
                         {VERSION}: use the program that wrote it"
                    ),
                });
            }
            _ => list.anew = true,
        }
        for line in lines {
            match checked(line).and_then(Record::parse) {
                Some(record) => list.put(record),
                None => list.anew = true,
            }
        }
        Ok(list)
    }

    /// Adds a message at the end, or brings what is known of it up to date: its place and its
    /// unique-id stay what they were.
    pub(crate) fn put(&mut self, record: Record) {
        let place = self.places.get(&record.identity).copied();
        if let Some(known) = place.and_then(|place| self.records.get_mut(place)) {
            known.measured = record.measured;
            known.verified = record.verified;
        } else {
            self.places.insert(record.identity.clone(), self.records.len());
            if let Some(uidls) = &mut self.uidls {
                uidls.insert(record.uidl.clone());
            }
            self.records.push(record);
        }
    }

    /// Whether a message has this unique-id.
    pub(crate) fn has(&mut self, uidl: &Uidl) -> bool {
        let records = &self.records;
        let known =
            self.uidls.get_or_insert_with(|| records.iter().map(|r| r.uidl.clone()).collect());
        known.contains(uidl)
    }

    /// Drops the message with this unique-id, which is gone; the places change.
    pub(crate) fn forget_uidl(&mut self, uidl: &Uidl) {
        let gone: Vec<bool> = self.records.iter().map(|record| record.uidl == *uidl).collect();
        self.forget(|place| gone.get(place) == Some(&true));
    }

    /// Where a message stands in the order.
    pub(crate) fn place(&self, identity: &Identity) -> Option<usize> {
        self.places.get(identity).copied()
    }

    /// What is known of the message at this place.
    pub(crate) fn record(&self, place: usize) -> Option<&Record> {
        self.records.get(place)
    }

    /// Nothing that is known of a file is believed before it is compared with the file again.
    pub(crate) fn distrust(&mut self) {
        self.records.iter_mut().for_each(|record| record.verified = false);
    }

    /// How many messages were ever seen since the list was last written anew.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// Makes durable what is known of the messages at these places.
    ///
    /// After an error the list is as good as before in memory, and the next save writes it
    /// anew: nothing that a failed sync may have lost is built on.
    pub(crate) fn save(
        &mut self,
        disk: &Disk,
        base: &OwnedFd,
        changed: &[usize],
    ) -> io::Result<()> {
        if changed.is_empty() && !self.anew {
            return Ok(());
        }
        let outcome =
            if self.anew { self.write_anew(disk, base) } else { self.append(disk, base, changed) };
        self.anew = outcome.is_err();
        outcome
    }

    /// Drops what is known of messages that are gone; the places change.
    pub(crate) fn forget(&mut self, mut is_gone: impl FnMut(usize) -> bool) {
        let mut place = 0_usize;
        self.records.retain(|_| {
            let keep = !is_gone(place);
            place = place.saturating_add(1);
            keep
        });
        let identities = self.records.iter().enumerate();
        self.places = identities.map(|(place, r)| (r.identity.clone(), place)).collect();
        self.anew = true;
        self.uidls = None;
    }

    fn append(&self, disk: &Disk, base: &OwnedFd, changed: &[usize]) -> io::Result<()> {
        let lines: String =
            changed.iter().filter_map(|place| self.records.get(*place)).map(Record::line).collect();
        let file = disk.open_to_append(base, UIDLIST)?;
        disk.write(&file, lines.as_bytes())?;
        disk.sync(&file)
    }

    fn write_anew(&self, disk: &Disk, base: &OwnedFd) -> io::Result<()> {
        let mut text = with_checksum(format!("restante-uidlist {VERSION}"));
        text.extend(self.records.iter().map(Record::line));
        match disk.unlink(base, UIDLIST_ANEW) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            _ => {}
        }
        let file = disk.create(base, UIDLIST_ANEW)?;
        disk.write(&file, text.as_bytes())?;
        disk.sync(&file)?;
        disk.rename_over(base, UIDLIST_ANEW, UIDLIST)?;
        disk.sync(base)
    }
}

impl Record {
    /// A message that is seen for the first time.
    pub(crate) fn first(
        identity: Identity,
        measured: Option<Measured>,
    ) -> Result<Self, StoreError> {
        let uidl = identity.uidl();
        let uidl = uidl.map_err(|wrong| StoreError::Damaged { detail: wrong.to_string() })?;
        Ok(Self { identity, uidl, measured, verified: measured.is_some() })
    }

    /// A message that is delivered with a unique-id of its own.
    pub(crate) const fn brought(identity: Identity, uidl: Uidl, measured: Measured) -> Self {
        Self { identity, uidl, measured: Some(measured), verified: true }
    }

    fn line(&self) -> String {
        let mut line = String::new();
        for octet in self.identity.octets() {
            match octet {
                b'%' | 0..=0x20 | 0x7F.. => {
                    let _ = write!(line, "%{octet:02x}");
                }
                _ => line.push(char::from(*octet)),
            }
        }
        let _ = match self.measured {
            Some(Measured { octets, stamp: Stamp { size, modified, inode } }) => {
                write!(line, " {} {octets} {size} {modified} {inode}", self.uidl)
            }
            None => write!(line, " {} - - - -", self.uidl),
        };
        with_checksum(line)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(' ');
        let identity = Identity::written(&decoded(fields.next()?)?);
        let uidl = Uidl::new(fields.next()?.as_bytes()).ok()?;
        let measured = match fields.next()? {
            "-" => None,
            octets => Some(Measured {
                octets: Octets::new(octets.parse().ok()?),
                stamp: Stamp {
                    size: fields.next()?.parse().ok()?,
                    modified: fields.next()?.parse().ok()?,
                    inode: fields.next()?.parse().ok()?,
                },
            }),
        };
        Some(Self { identity, uidl, measured, verified: false })
    }
}

/// The octets that a field of printable letters and `%` escapes stands for.
fn decoded(field: &str) -> Option<Vec<u8>> {
    let mut parts = field.split('%');
    let mut octets = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (escape, rest) = part.split_at_checked(2)?;
        octets.push(u8::from_str_radix(escape, 16).ok()?);
        octets.extend_from_slice(rest.as_bytes());
    }
    Some(octets)
}

fn with_checksum(mut line: String) -> String {
    let sum = checksum(&line);
    let _ = writeln!(line, " {sum}");
    line
}

/// The line without its end and its checksum, if that is right.
fn checked(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (content, sum) = line.rsplit_once(' ')?;
    (checksum(content) == sum).then_some(content)
}

fn checksum(content: &str) -> String {
    let [a, b, c, d, ..] = *blake3::hash(content.as_bytes()).as_bytes();
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(name: &[u8], octets: u64) -> Record {
        let stamp = Stamp { size: octets, modified: -5, inode: 7 };
        let measured = (octets > 0).then_some(Measured { octets: Octets::new(octets), stamp });
        Record::first(Identity::new(name, 0), measured).unwrap()
    }

    fn text_of(records: &[Record]) -> Vec<u8> {
        let mut text = with_checksum(format!("restante-uidlist {VERSION}"));
        text.extend(records.iter().map(Record::line));
        text.into_bytes()
    }

    fn rows(list: &Uidlist) -> Vec<(Identity, String, Option<Measured>)> {
        let row = |r: &Record| (r.identity.clone(), r.uidl.to_string(), r.measured);
        list.records.iter().map(row).collect()
    }

    // The first line gives the place, the last the size.
    #[test]
    fn a_later_line_changes_the_size_and_not_the_place() {
        let list =
            Uidlist::parse(&text_of(&[record(b"a", 0), record(b"b", 2), record(b"a", 9)])).unwrap();
        assert!(!list.anew);
        assert_eq!(
            rows(&list),
            rows(&Uidlist::parse(&text_of(&[record(b"a", 9), record(b"b", 2)])).unwrap())
        );
    }

    // After a failed sync nothing is known of what was appended: all of it is written anew.
    #[test]
    fn a_failed_save_is_made_good_by_the_next() {
        for call in ["sync", "write to a file", "open a file to append"] {
            let folder = tempfile::tempdir().unwrap();
            let sound = Disk::default();
            let base = sound.open_root(folder.path()).unwrap();
            let mut list = Uidlist::load(&sound, &base).unwrap();
            list.put(record(b"a", 1));
            list.save(&sound, &base, &[0]).unwrap();
            let refusing = Disk::behind(std::sync::Arc::new(move |asked| {
                if asked == call { Err(rustix::io::Errno::IO.into()) } else { Ok(()) }
            }));
            list.put(record(b"b", 2));
            assert!(list.save(&refusing, &base, &[1]).is_err());
            list.put(record(b"c", 3));
            list.save(&sound, &base, &[2]).unwrap();
            let again = Uidlist::load(&sound, &base).unwrap();
            assert!(!again.anew, "{call}");
            assert_eq!(rows(&again), rows(&list), "{call}");
        }
    }

    #[test]
    fn what_is_gone_is_forgotten_and_the_order_stays() {
        let mut list = Uidlist::default();
        for name in [b"a", b"b", b"c", b"d"] {
            list.put(record(name, 1));
        }
        list.forget(|place| place == 1);
        let names: Vec<_> = list.records.iter().map(|r| r.identity.octets().to_vec()).collect();
        assert_eq!(names, [b"a", b"c", b"d"]);
        for place in 0..3 {
            assert_eq!(list.place(&list.record(place).unwrap().identity), Some(place));
        }
    }

    // M15
    #[test]
    fn a_list_of_a_newer_version_is_refused_with_a_sentence() {
        let text = with_checksum("restante-uidlist 2".into());
        let refusal = Uidlist::parse(text.as_bytes()).unwrap_err();
        assert!(refusal.to_string().contains("version 2"), "{refusal}");
        assert!(!refusal.is_temporary());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            names in proptest::collection::vec(
                proptest::collection::vec(any::<u8>(), 1..30), 0..6),
        ) {
            let mut list = Uidlist::default();
            names.iter().enumerate().for_each(|(size, name)| list.put(record(name, size as u64)));
            let again = Uidlist::parse(&text_of(&list.records)).unwrap();
            prop_assert!(!again.anew);
            prop_assert_eq!(rows(&again), rows(&list));
        }

        // M14: one flipped bit is noticed, and costs no other line
        #[test]
        fn a_flipped_bit_is_noticed(place in 0_usize..400, bit in 0..8) {
            let records: Vec<Record> = (1..5).map(|n| record(format!("m{n}").as_bytes(), n)).collect();
            let mut text = text_of(&records);
            let place = place % text.len();
            text[place] ^= 1_u8 << bit;
            let list = Uidlist::parse(&text).unwrap();
            prop_assert!(list.anew);
            let all = rows(&Uidlist::parse(&text_of(&records)).unwrap());
            let left = rows(&list);
            prop_assert!(left.iter().all(|row| all.contains(row)));
            // A line end that is flipped joins two lines.
            prop_assert!(left.len() + 2 >= records.len());
        }

        #[test]
        fn a_torn_end_is_noticed_and_costs_one_line(cut in 1_usize..300) {
            let records: Vec<Record> = (1..5).map(|n| record(format!("m{n}").as_bytes(), n)).collect();
            let text = text_of(&records);
            let cut = cut % (text.len() - 1) + 1;
            let kept = &text[..cut];
            let list = Uidlist::parse(kept).unwrap();
            let whole_lines = memchr::memchr_iter(b'\n', kept).count();
            prop_assert_eq!(list.records.len(), whole_lines.saturating_sub(1));
            prop_assert_eq!(list.anew, !kept.ends_with(b"\n"));
        }
    }
}
