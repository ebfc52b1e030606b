//! A Maildir made from scratch.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::export::lines::ToLf;
use crate::export::message::Message;

/// Writes messages into `new/`.
#[derive(Debug)]
pub(crate) struct Maildir {
    root: PathBuf,
    message: Option<Writing>,
}

#[derive(Debug)]
struct Writing {
    file: File,
    lines: ToLf,
    name: String,
    arrived: i64,
}

impl Maildir {
    /// Makes the folder, which must not exist yet, or be empty.
    pub(crate) fn create(root: &Path) -> io::Result<Self> {
        match fs::create_dir(root) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if fs::read_dir(root)?.next().is_some() {
                    return Err(error);
                }
            }
            other => other?,
        }
        for folder in ["cur", "new", "tmp"] {
            fs::create_dir(root.join(folder))?;
        }
        Ok(Self { root: root.to_owned(), message: None })
    }

    /// Begins a message and gives the name of its file.
    pub(crate) fn begin(&mut self, message: &Message) -> io::Result<String> {
        // The number keeps the order where times are equal, and makes the name unique here.
        let name = format!("{}.N{:09}.export", message.arrived.max(0), message.number);
        let path = self.root.join("tmp").join(&name);
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        let arrived = message.arrived;
        self.message = Some(Writing { file, lines: ToLf::default(), name: name.clone(), arrived });
        Ok(name)
    }

    /// Takes the next octets of the message, CRLF line ends.
    pub(crate) fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let Some(writing) = &mut self.message else { return Ok(()) };
        let mut lines = Vec::with_capacity(text.len());
        writing.lines.convert(text, &mut lines);
        writing.file.write_all(&lines)
    }

    /// Ends the message.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        let Some(mut writing) = self.message.take() else { return Ok(()) };
        let mut rest = Vec::new();
        writing.lines.finish(&mut rest);
        writing.file.write_all(&rest)?;
        let age = Duration::from_secs(u64::try_from(writing.arrived).unwrap_or(0));
        if let Some(time) = SystemTime::UNIX_EPOCH.checked_add(age) {
            // Mail programs show it as the time of arrival.
            writing.file.set_modified(time)?;
        }
        writing.file.sync_all()?;
        let from = self.root.join("tmp").join(&writing.name);
        fs::rename(from, self.root.join("new").join(&writing.name))
    }

    /// Makes the names durable too.
    pub(crate) fn finish(self) -> io::Result<()> {
        File::open(self.root.join("new"))?.sync_all()?;
        File::open(&self.root)?.sync_all()
    }
}
