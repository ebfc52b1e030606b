//! FORMAT: what a store is, and the last epoch that was taken.

use std::io;
use std::time::UNIX_EPOCH;

use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::bugs::{self, Bug};
use crate::log::disk::{Disk, read_exact_at};
use crate::log::identity::{Tag, Tags};

/// What a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// What tells it from every other store.
    pub(crate) store: [u8; 16],
    pub(crate) tag: Tag,
    /// Tags that the store had before it was recovered from a backup, oldest first, each with
    /// the last epoch whose ids have it.
    pub(crate) earlier: Vec<(Tag, u32)>,
    /// 1 to 256.
    pub(crate) shards: u16,
    /// The last epoch that was taken.
    pub(crate) epoch: u32,
}

const NAME: &str = "FORMAT";
const NEW: &str = "FORMAT.new";
const FIRST_LINE: &str = "restante log store";
const VERSION: u32 = 1;
/// FORMAT is about 130 octets, and 25 more for each time that the store was recovered from a
/// backup: no more than anybody can do. What is longer is no FORMAT.
const OCTETS_MAX: u64 = 16 << 20;

impl Format {
    /// A new store's, drawn at random.
    pub(crate) fn draw(disk: &dyn Disk, shards: u16) -> io::Result<Self> {
        let (mut store, mut tag) = ([0; 16], [0; 4]);
        disk.draw(&mut store)?;
        disk.draw(&mut tag)?;
        let (tag, shards) = (Tag::drawn(tag), shards.clamp(1, 256));
        Ok(Self { store, tag, earlier: Vec::new(), shards, epoch: 0 })
    }

    /// The store's, or `None` where there is none.
    pub(crate) fn load(disk: &dyn Disk) -> Result<Option<Self>, StoreError> {
        let fault = |fault| StoreError::disk("read FORMAT", fault);
        let file = match disk.open(NAME, Existence::Old) {
            Ok(file) => file,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(other) => return Err(fault(other)),
        };
        let length = file.len().map_err(fault)?.min(OCTETS_MAX);
        let mut octets = vec![0; usize::try_from(length).unwrap_or_default()];
        read_exact_at(&*file, &mut octets, 0).map_err(fault)?;
        let damaged = |detail: &str| StoreError::Damaged { detail: format!("FORMAT: {detail}") };
        let text = str::from_utf8(&octets).map_err(|_| damaged("it is no text"))?;
        match version(text) {
            Some(VERSION) => {}
            Some(newer) => {
                return Err(damaged(&format!(
                    "the store has version {newer}, this program knows {VERSION}: use a newer one"
                )));
            }
            None => return Err(damaged("it does not say that it is a log store")),
        }
        Self::parse(text).map(Some).ok_or_else(|| damaged("its octets are not those written"))
    }

    /// Takes an epoch that nobody has used, durably, not lower than `floor`.
    pub(crate) fn take_epoch(&mut self, disk: &dyn Disk, floor: u32) -> Result<u32, StoreError> {
        let now = disk.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let next = self.epoch.max(floor).checked_add(1).ok_or_else(|| StoreError::Damaged {
            detail: "FORMAT: there is no epoch behind the last".into(),
        })?;
        let next = if bugs::is_on(Bug::EpochFromClock) { 0 } else { next };
        let taken = Self { epoch: next.max(u32::try_from(now).unwrap_or(next)), ..self.clone() };
        taken.save(disk).map_err(|fault| StoreError::disk("write FORMAT", fault))?;
        let epoch = taken.epoch;
        *self = taken;
        Ok(epoch)
    }

    /// That of the store, recovered from a backup, durably. What was given out after the backup
    /// is not known here, and must never be given to other messages: so new ones get another
    /// tag. Those in the backup keep their unique-ids.
    pub(crate) fn recovered(mut self, disk: &dyn Disk) -> Result<Self, StoreError> {
        let fault = |fault| StoreError::disk("write FORMAT", fault);
        let is_old = |tag: Tag, format: &Self| {
            tag == format.tag || format.earlier.iter().any(|(earlier, _)| *earlier == tag)
        };
        let mut tag = self.tag;
        while is_old(tag, &self) {
            let mut random = [0; 4];
            disk.draw(&mut random).map_err(fault)?;
            tag = Tag::drawn(random);
        }
        self.earlier.push((self.tag, self.epoch));
        self.tag = tag;
        self.save(disk).map_err(fault)?;
        Ok(self)
    }

    /// The tags of all ids.
    pub(crate) fn tags(&self) -> Tags {
        Tags { now: self.tag, earlier: self.earlier.clone() }
    }

    fn save(&self, disk: &dyn Disk) -> io::Result<()> {
        let is_in_place = bugs::is_on(Bug::FormatInPlace);
        let file = disk.open(if is_in_place { NAME } else { NEW }, Existence::Either)?;
        file.set_len(0)?;
        file.write_at(self.render().as_bytes(), 0)?;
        if !bugs::is_on(Bug::FormatNotSynced) {
            file.sync()?;
        }
        if !is_in_place {
            disk.rename(NEW, NAME)?;
        }
        disk.sync_dir(".")
    }

    pub(crate) fn render(&self) -> String {
        let store = u128::from_be_bytes(self.store);
        let (tag, shards, epoch) = (self.tag.as_str(), self.shards, self.epoch);
        let mut text = format!(
            "{FIRST_LINE}\nversion {VERSION}\nstore {store:032x}\ntag {tag}\nshards {shards}\nepoch {epoch}\n"
        );
        let line = |(tag, upto): &(Tag, u32)| format!("earlier {} {upto}\n", tag.as_str());
        text.extend(self.earlier.iter().map(line));
        let crc = crc32c::crc32c(text.as_bytes());
        format!("{text}crc {crc:08x}\n")
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut values = text.lines().skip(2);
        let mut value = |name: &str| values.next()?.strip_prefix(name)?.strip_prefix(' ');
        let store = value("store")?;
        let format = Self {
            store: u128::from_str_radix(store, 16).ok()?.to_be_bytes(),
            tag: Tag::parse(value("tag")?)?,
            shards: value("shards")?.parse().ok().filter(|shards| (1..=256).contains(shards))?,
            epoch: value("epoch")?.parse().ok()?,
            earlier: text
                .lines()
                .filter_map(|line| line.strip_prefix("earlier "))
                .map(earlier)
                .collect::<Option<_>>()?,
        };
        // Written again it must be the same, checksum and all.
        (format.render() == text).then_some(format)
    }
}

fn earlier(line: &str) -> Option<(Tag, u32)> {
    let (tag, upto) = line.split_once(' ')?;
    Some((Tag::parse(tag)?, upto.parse().ok()?))
}

fn version(text: &str) -> Option<u32> {
    let mut lines = text.lines();
    (lines.next()? == FIRST_LINE).then_some(())?;
    lines.next()?.strip_prefix("version ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::real::RealDisk;

    const EXAMPLE: &str = "restante log store\nversion 1\n\
        store 000102030405060708090a0b0c0d0eff\ntag k7qx\nshards 2\nepoch 1795000000\n";

    fn example() -> String {
        format!("{EXAMPLE}crc {:08x}\n", crc32c::crc32c(EXAMPLE.as_bytes()))
    }

    // FORMAT.md, FORMAT
    #[test]
    fn it_is_text_with_a_checksum() {
        let format = Format::parse(&example()).unwrap();
        assert_eq!((format.shards, format.epoch, format.store[15]), (2, 1_795_000_000, 0xff));
        assert_eq!(format.render(), example());
    }

    // issue 3: recovered as often as anybody likes, it is opened
    #[test]
    fn it_may_have_had_any_number_of_tags() {
        let folder = crate::maildir::scratch::quick();
        let disk = RealDisk::open(crate::disk::Disk::default(), folder.path()).unwrap();
        let mut format = Format::parse(&example()).unwrap();
        for _ in 0..400 {
            format = format.recovered(&disk).unwrap();
        }
        assert_eq!(Format::load(&disk).unwrap(), Some(format));
    }

    #[test]
    fn nothing_in_it_can_change() {
        let text = example();
        for bit in 0..text.len() * 8 {
            let mut octets = text.clone().into_bytes();
            octets[bit / 8] ^= 1 << (bit % 8);
            let parsed = String::from_utf8(octets).ok().and_then(|changed| {
                version(&changed).filter(|version| *version == VERSION)?;
                Format::parse(&changed)
            });
            assert_eq!(parsed, None, "bit {bit}");
        }
        for length in 0..text.len() {
            assert_eq!(Format::parse(&text[..length]), None, "{length}");
        }
    }

    #[test]
    fn another_version_is_told() {
        assert_eq!(version("restante log store\nversion 2\nwhatever"), Some(2));
        assert_eq!(version("something else\nversion 1\n"), None);
    }
}
