//! The body of a message on its way in: as it will stand in the file, in memory or spooled.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use mail_wire::Form;
use memchr::memchr2;

use crate::crlf::{Count, ToCrlf};
use crate::disk::{Disk, Links};
use crate::maildir::folders::SPOOL;

/// A body with LF line ends, as Maildirs hold it.
///
/// The intake lets neither bare CR nor bare LF through, so CRLF → LF loses nothing: reading
/// gives back the octets that came.
#[derive(Debug)]
pub(crate) struct Content {
    machine: ToLf,
    memory: Vec<u8>,
    memory_max: usize,
    spool: Option<File>,
    spooled: u64,
    /// What RETR will make of it.
    text: ToCrlf,
    count: Count,
}

impl Content {
    /// Nothing yet. What is over `memory_max` octets goes to a file.
    pub(crate) fn new(form: Form, memory_max: usize) -> Self {
        Self {
            machine: ToLf { at_line_start: true, after_cr: false, is_stuffed: form == Form::Wire },
            memory: Vec::new(),
            memory_max,
            spool: None,
            spooled: 0,
            text: ToCrlf::default(),
            count: Count::default(),
        }
    }

    /// The next octets. A spool is made in the store's folder when it is needed.
    pub(crate) fn write(&mut self, disk: &Disk, root: &OwnedFd, octets: &[u8]) -> io::Result<()> {
        let start = self.memory.len();
        self.machine.pass(octets, &mut self.memory);
        self.text.pass(self.memory.get(start..).unwrap_or_default(), &mut self.count);
        if self.memory.len() > self.memory_max {
            let file = match &mut self.spool {
                Some(file) => file,
                missing => {
                    disk.make_folder(root, SPOOL)?;
                    let folder = disk.open_folder(root, SPOOL, Links::Refuse)?;
                    let name = format!("{}.{:p}", std::process::id(), &raw const self.count);
                    missing.insert(disk.create_unnamed(folder, name.as_bytes())?)
                }
            };
            disk.write(file, &self.memory)?;
            self.spooled = self.spooled.saturating_add(self.memory.len() as u64);
            self.memory.clear();
        }
        Ok(())
    }

    /// Completes the last line.
    pub(crate) fn finish(&mut self) {
        let start = self.memory.len();
        self.machine.finish(&mut self.memory);
        self.text.pass(self.memory.get(start..).unwrap_or_default(), &mut self.count);
    }

    /// How many octets it has in a file.
    pub(crate) fn size(&self) -> u64 {
        self.spooled.saturating_add(self.memory.len() as u64)
    }

    /// How many octets RETR will send of it behind this prefix, which is in file form too.
    pub(crate) fn octets_behind(&self, prefix: &[u8]) -> u64 {
        let (mut text, mut count) = (ToCrlf::default(), Count::default());
        text.pass(prefix, &mut count);
        count.0 = count.0.saturating_add(self.count.0);
        if self.size() > 0 {
            text = text.followed_by(&self.text);
        }
        text.finish(&mut count);
        count.0
    }

    /// Writes it to a file. Several may do that at once.
    pub(crate) fn copy_to(&self, disk: &Disk, file: &File) -> io::Result<()> {
        let mut at = 0_u64;
        if let Some(spool) = &self.spool {
            let mut piece = vec![0; 256 << 10];
            while at < self.spooled {
                let octets = disk.read_at(spool, &mut piece, at)?;
                if octets == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                disk.write(file, piece.get(..octets).unwrap_or_default())?;
                at = at.saturating_add(octets as u64);
            }
        }
        if self.memory.is_empty() { Ok(()) } else { disk.write(file, &self.memory) }
    }
}

/// CRLF → LF, and of the dots at a line start one less where the form has them doubled.
#[derive(Debug)]
struct ToLf {
    at_line_start: bool,
    after_cr: bool,
    is_stuffed: bool,
}

impl ToLf {
    fn pass(&mut self, octets: &[u8], stored: &mut Vec<u8>) {
        let mut rest = octets;
        while let Some((&first, behind)) = rest.split_first() {
            if std::mem::take(&mut self.after_cr) && first != b'\n' {
                // A bare CR stays what it is; reading will show it as a line end (P-153).
                stored.push(b'\r');
            }
            match first {
                // RFC 5321 §4.5.2, P-200
                b'.' if self.at_line_start && self.is_stuffed => rest = behind,
                b'\r' => {
                    self.after_cr = true;
                    rest = behind;
                }
                b'\n' => {
                    stored.push(b'\n');
                    self.at_line_start = true;
                    rest = behind;
                    continue;
                }
                _ => {
                    let length = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                    let (run, from_found) = rest.split_at_checked(length).unwrap_or((rest, &[]));
                    stored.extend_from_slice(run);
                    rest = from_found;
                }
            }
            self.at_line_start = false;
        }
    }

    fn finish(&mut self, stored: &mut Vec<u8>) {
        if self.after_cr || !self.at_line_start {
            stored.push(b'\n');
        }
        self.after_cr = false;
        self.at_line_start = true;
    }
}

/// A prefix, which has CRLF line ends, as it will stand in the file.
pub(crate) fn prefix_in_file(prefix: &[u8]) -> Vec<u8> {
    let mut machine = ToLf { at_line_start: true, after_cr: false, is_stuffed: false };
    let mut stored = Vec::with_capacity(prefix.len());
    machine.pass(prefix, &mut stored);
    machine.finish(&mut stored);
    stored
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stored(form: Form, pieces: &[&[u8]]) -> Vec<u8> {
        let (disk, mut content) = (Disk::default(), Content::new(form, usize::MAX));
        let root = disk.open_root(&std::env::temp_dir()).unwrap();
        for piece in pieces {
            content.write(&disk, &root, piece).unwrap();
        }
        content.finish();
        content.memory
    }

    #[test]
    fn text_and_wire_form_give_the_same_file() {
        let file = b"A: b\n\n.\n..x\ny";
        let text = b"A: b\r\n\r\n.\r\n..x\r\ny\r\n";
        let wire = b"A: b\r\n\r\n..\r\n...x\r\ny\r\n";
        let file = [file.as_slice(), b"\n"].concat();
        assert_eq!(stored(Form::Text, &[text]), file);
        assert_eq!(stored(Form::Wire, &[wire]), file);
        assert_eq!(stored(Form::Wire, &[b"..\r\n"]), b".\n");
    }

    #[test]
    fn the_last_line_is_completed() {
        assert_eq!(stored(Form::Text, &[b"a"]), b"a\n");
        assert_eq!(stored(Form::Text, &[b"a\r"]), b"a\n");
        assert_eq!(stored(Form::Text, &[b"a\r", b"\n"]), b"a\n");
        assert_eq!(stored(Form::Text, &[b""]), b"");
    }

    fn octet() -> impl Strategy<Value = u8> {
        prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(0), any::<u8>()]
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_file(
            octets in proptest::collection::vec(octet(), 0..60), wire: bool, cut in 0_usize..60,
            again in 0_usize..60,
        ) {
            let form = if wire { Form::Wire } else { Form::Text };
            let (first, rest) = octets.split_at(cut.min(octets.len()));
            let (second, third) = rest.split_at(again.min(rest.len()));
            prop_assert_eq!(stored(form, &[first, second, third]), stored(form, &[&octets]));
        }

        // P-043: what delivery says is what reading counts, prefix or not, spooled or not
        #[test]
        fn the_size_is_what_reading_counts(
            octets in proptest::collection::vec(octet(), 0..60),
            prefix in prop_oneof![Just(&b""[..]), Just(&b"X: y\r\n"[..]), Just(&b"X: y\r\n z\r\nW: v\r\n"[..]),
                Just(&b"X: y\r\n\r\n"[..])],
            memory_max in prop_oneof![Just(0_usize), Just(20), Just(usize::MAX)],
        ) {
            let folder = tempfile::tempdir().unwrap();
            let disk = Disk::default();
            let root = disk.open_root(folder.path()).unwrap();
            let mut content = Content::new(Form::Text, memory_max);
            for piece in octets.chunks(7) {
                content.write(&disk, &root, piece).unwrap();
            }
            content.finish();
            let prefix = prefix_in_file(prefix);
            let file = disk.create(&root, b"file").unwrap();
            disk.write(&file, &prefix).unwrap();
            content.copy_to(&disk, &file).unwrap();
            let file = std::fs::read(folder.path().join("file")).unwrap();
            prop_assert_eq!(file.len() as u64, content.size() + prefix.len() as u64);
            let (mut text, mut count) = (ToCrlf::default(), Count::default());
            text.pass(&file, &mut count);
            text.finish(&mut count);
            prop_assert_eq!(content.octets_behind(&prefix), count.0);
        }
    }
}
