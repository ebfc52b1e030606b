//! What a backup consists of, as text and back.

use std::collections::BTreeMap;
use std::io;

use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::disk::{Disk, DiskFile, read_exact_at};

/// What a whole backup consists of.
pub(super) const MANIFEST: &str = "MANIFEST";
/// The same while it is made.
pub(super) const NEW: &str = "MANIFEST.new";
/// What is copied already of a backup that is not whole yet.
pub(super) const PART: &str = "MANIFEST.part";

const FIRST_LINE: &str = "restante backup\nversion 1\n";

/// A manifest is a line of about 50 octets a file; more than this is none.
const OCTETS_MAX: u64 = 256 << 20;

/// A file of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// So many octets of it count.
    pub(super) octets: u64,
    /// Their checksum, CRC32C.
    pub(super) crc: u32,
}

/// What a backup consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// When it was taken, seconds since 1970.
    pub(super) taken: u64,
    /// FORMAT of the store, as it was.
    pub(super) format: String,
    /// Its files, by path.
    pub(super) pieces: BTreeMap<String, Piece>,
}

impl Manifest {
    /// The manifest in a folder; `None` where there is no whole backup.
    pub(super) fn load(disk: &dyn Disk) -> Result<Option<Self>, StoreError> {
        let Some(text) = text(disk, MANIFEST)? else { return Ok(None) };
        Self::parse(&text).map(Some).ok_or_else(|| StoreError::Damaged {
            detail: format!("{MANIFEST}: its octets are not those written"),
        })
    }

    /// Puts it into a folder, durably, in the place of the one before.
    pub(super) fn save(&self, disk: &dyn Disk) -> io::Result<()> {
        let file = disk.open(NEW, Existence::Either)?;
        file.set_len(0)?;
        file.write_at(self.render().as_bytes(), 0)?;
        file.sync()?;
        disk.rename(NEW, MANIFEST)?;
        disk.sync_dir(".")
    }

    fn render(&self) -> String {
        let format = self.format.lines().flat_map(|line| ["format ", line, "\n"]);
        let mut text = format!("{FIRST_LINE}taken {}\n", self.taken);
        text.extend(format);
        text.extend(self.pieces.iter().map(|(path, piece)| line(path, *piece)));
        let crc = crc32c::crc32c(text.as_bytes());
        format!("{text}crc {crc:08x}\n")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut manifest = Self::default();
        for line in text.strip_prefix(FIRST_LINE)?.lines() {
            let (name, value) = line.split_once(' ')?;
            match name {
                "taken" => manifest.taken = value.parse().ok()?,
                "format" => {
                    manifest.format.push_str(value);
                    manifest.format.push('\n');
                }
                "file" => {
                    let (path, piece) = piece(line)?;
                    manifest.pieces.insert(path, piece);
                }
                _ => {}
            }
        }
        // Written again it must be the same, checksum and all.
        (manifest.render() == text).then_some(manifest)
    }
}

/// What was copied already for a backup that did not become whole.
pub(super) fn parts(disk: &dyn Disk) -> Result<BTreeMap<String, Piece>, StoreError> {
    let text = text(disk, PART)?.unwrap_or_default();
    // Whatever follows a line that is not right was not durable.
    Ok(text.split_inclusive('\n').map_while(part).collect())
}

/// One more that was copied: a line for [`PART`], which says itself whether it is right.
pub(super) fn part_line(path: &str, piece: Piece) -> String {
    let line = line(path, piece);
    let crc = crc32c::crc32c(line.as_bytes());
    format!("{crc:08x} {line}")
}

fn part(line: &str) -> Option<(String, Piece)> {
    let (crc, rest) = line.split_once(' ')?;
    let crc = u32::from_str_radix(crc, 16).ok()?;
    if crc != crc32c::crc32c(rest.as_bytes()) {
        return None;
    }
    piece(rest.strip_suffix('\n')?)
}

fn line(path: &str, piece: Piece) -> String {
    let Piece { octets, crc } = piece;
    format!("file {path} {octets} {crc:08x}\n")
}

fn piece(line: &str) -> Option<(String, Piece)> {
    let mut words = line.strip_prefix("file ")?.split(' ');
    let path = words.next().filter(|path| is_ours(path))?.to_owned();
    let octets = words.next()?.parse().ok()?;
    let crc = u32::from_str_radix(words.next()?, 16).ok()?;
    words.next().is_none().then_some((path, Piece { octets, crc }))
}

/// Only what a store has: no manifest leads out of its folder.
fn is_ours(path: &str) -> bool {
    let plain = path.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"./".contains(&octet));
    plain && path.starts_with('s') && !path.contains("..") && !path.contains("//")
}

fn text(disk: &dyn Disk, name: &str) -> Result<Option<String>, StoreError> {
    let fault = |fault| StoreError::disk(format!("read {name}"), fault);
    let file = match disk.open(name, Existence::Old) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
        outcome => outcome.map_err(fault)?,
    };
    let length = file.len().map_err(fault)?;
    if length > OCTETS_MAX {
        return Err(StoreError::Damaged { detail: format!("{name}: it is too long") });
    }
    let mut octets = vec![0; usize::try_from(length).unwrap_or_default()];
    read_exact_at(&*file, &mut octets, 0).map_err(fault)?;
    String::from_utf8(octets)
        .map(Some)
        .map_err(|_| StoreError::Damaged { detail: format!("{name}: it is no text") })
}

/// How much is copied at once.
const PIECE_OCTETS: u64 = 1 << 20;

/// Copies so many octets, and answers with their checksum; `told` hears of each piece.
pub(super) fn copy(
    from: &dyn DiskFile,
    to: &dyn DiskFile,
    octets: u64,
    told: &mut dyn FnMut(u64) -> Result<(), StoreError>,
) -> Result<u32, StoreError> {
    let (mut at, mut crc, mut piece) = (0_u64, 0, Vec::new());
    while at < octets {
        let length = octets.saturating_sub(at).min(PIECE_OCTETS);
        piece.resize(usize::try_from(length).unwrap_or_default(), 0);
        read_exact_at(from, &mut piece, at)
            .map_err(|fault| StoreError::disk("read what is copied", fault))?;
        to.write_at(&piece, at).map_err(|fault| StoreError::disk("write the copy", fault))?;
        crc = crc32c::crc32c_append(crc, &piece);
        at = at.saturating_add(length);
        told(length)?;
    }
    Ok(crc)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Manifest {
        let piece = Piece { octets: 64, crc: 0xdead_beef };
        Manifest {
            taken: 7,
            format: "restante log store\nversion 1\n".to_owned(),
            pieces: [("s00/00000001.log".to_owned(), piece)].into(),
        }
    }

    #[test]
    fn nothing_in_it_can_change() {
        let text = example().render();
        assert_eq!(Manifest::parse(&text), Some(example()));
        for bit in 0..text.len() * 8 {
            let mut octets = text.clone().into_bytes();
            octets[bit / 8] ^= 1 << (bit % 8);
            let changed = String::from_utf8(octets).ok();
            assert_eq!(changed.and_then(|text| Manifest::parse(&text)), None, "bit {bit}");
        }
    }

    #[test]
    fn no_path_leads_out() {
        for path in ["/etc/passwd", "../x", "s00/../../x", "FORMAT", "s00//x", "s00/\0"] {
            assert_eq!(piece(&format!("file {path} 1 00000000")), None, "{path}");
        }
    }

    #[test]
    fn a_torn_line_is_no_part() {
        let line = part_line("s00/00000001.log", Piece { octets: 64, crc: 1 });
        assert!(part(&line).is_some());
        for length in 0..line.len() {
            assert_eq!(part(&line[..length]), None, "{length}");
        }
    }
}
