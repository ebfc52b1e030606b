//! The configuration file as text: a plain file, of a sane size, in UTF-8.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::output::Failure;

/// No configuration of ours is near this; `/dev/zero` and a mail folder are beyond it.
pub(crate) const OCTETS_MAX: u64 = 1 << 20;

/// A configuration file that was read.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// Where it stands, as it was named.
    pub(crate) path: PathBuf,
    /// What it says.
    pub(crate) text: String,
}

impl Document {
    /// Reads a file; a folder, a device, a pipe and what is over [`OCTETS_MAX`] are refused.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let cannot = |error: std::io::Error| Failure::new(format!("cannot read {shown}: {error}"));
        let metadata = fs::metadata(path).map_err(cannot)?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() { "a folder" } else { "not a plain file" };
            return Err(Failure::new(format!("{shown} is {what}"))
                .hint("name the configuration file itself, such as /etc/restante/restante.toml"));
        }
        let mut octets = Vec::new();
        File::open(path)
            .and_then(|file| file.take(OCTETS_MAX.saturating_add(1)).read_to_end(&mut octets))
            .map_err(cannot)?;
        if u64::try_from(octets.len()).is_ok_and(|length| length > OCTETS_MAX) {
            return Err(Failure::new(format!("{shown} is larger than 1 MiB"))
                .hint("a configuration has a few dozen lines: is this the right file?"));
        }
        match String::from_utf8(octets) {
            Ok(text) => Ok(Self { path: path.to_owned(), text }),
            Err(error) => {
                let good = error.utf8_error().valid_up_to();
                let before = error.as_bytes().get(..good).unwrap_or_default();
                let (line, column) = position(&String::from_utf8_lossy(before), good);
                Err(Failure::new(format!("{shown}:{line}:{column} is not UTF-8"))
                    .hint("save the file as UTF-8"))
            }
        }
    }
}

/// The line and the column, both counted from 1, the column in characters, of an octet.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..floor_boundary(text, offset)).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or("").chars().count().saturating_add(1);
    (line, column)
}

/// The nearest place at or before `offset` where a character begins.
pub(crate) fn floor_boundary(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        assert_eq!(position("a\nüb = 1", 0), (1, 1));
        assert_eq!(position("a\nüb = 1", 4), (2, 2));
        assert_eq!(position("a\nüb = 1", 3), (2, 1));
        assert_eq!(position("a\n", 99), (2, 1));
    }

    // security C1 and ecosystem §2: a folder, a device and an endless file are refused
    #[test]
    fn only_a_plain_small_file_is_read() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Document::read(dir.path()).unwrap_err().to_string().contains("is a folder"));
        let device = Document::read(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(device.to_string(), "/dev/zero is not a plain file");
        let large = dir.path().join("large.toml");
        fs::write(&large, vec![b'#'; (1 << 20) + 1]).unwrap();
        assert!(Document::read(&large).unwrap_err().to_string().contains("larger than 1 MiB"));
        fs::write(&large, vec![b'#'; 1 << 20]).unwrap();
        assert!(Document::read(&large).is_ok());
        let latin = dir.path().join("latin.toml");
        fs::write(&latin, b"# ok\n# caf\xe9\n").unwrap();
        let error = Document::read(&latin).unwrap_err().to_string();
        assert!(error.ends_with("latin.toml:2:6 is not UTF-8"), "{error}");
    }
}
