//! `restante maildrop export ACCOUNT --to FILE.mbox|DIR`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{CWD, RenameFlags};

use crate::commands::maildrop::reading::{Opened, Which};
use crate::export::maildir::Maildir;
use crate::export::mbox::Mbox;
use crate::export::message::Message;
use crate::human;
use crate::operations::answer::Row;
use crate::operations::reach::Reach;
use crate::output::{Failure, Output};

/// Rows that are asked for at a time.
const ROWS: u32 = 200;

/// What to copy, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    which: Which,
    /// Where to: a name that ends in `.mbox` becomes an mbox file, any other a Maildir; the
    /// unique-ids go into a file beside it, with `.uidls.tsv` at its end
    #[arg(long, value_name = "PATH")]
    to: PathBuf,
}

/// Copies a snapshot. What could not be copied in full is taken away again.
pub(super) async fn run(reach: &Reach, args: Args, output: Output) -> Result<(), Failure> {
    let uidls = beside(&args.to, ".uidls.tsv");
    for path in [&args.to, &uidls] {
        if path.exists() && !is_empty_folder(path) {
            return Err(Failure::new(format!("{} is there already", path.display()))
                .hint("nothing is overwritten; choose another name for --to"));
        }
    }
    let opened = Opened::take(reach, args.which).await?;
    let is_mbox = args.to.extension().is_some_and(|extension| extension == "mbox");
    let partial = beside(&args.to, ".partial");
    let mut target = Target::create(&args.to, &partial, is_mbox)?;
    let copied = copy(reach, &opened, &mut target).await;
    let finished = copied.and_then(|table| target.finish(&args.to, &partial, &uidls, &table));
    if let Err(failure) = finished {
        take_away(&args.to, &partial, is_mbox);
        return Err(failure);
    }
    let messages = human::count(opened.totals.messages, "message");
    let (size, to) = (human::size(opened.totals.octets), args.to.display().to_string());
    opened.release(reach).await?;
    output.line(format_args!("{messages}, {size}, copied to {to}"))?;
    output.note(format_args!("their unique-ids are in {}", uidls.display()));
    Ok(())
}

/// Copies all messages and gives the table of unique-ids.
async fn copy(reach: &Reach, opened: &Opened, target: &mut Target) -> Result<String, Failure> {
    let mut table = String::from("number\tuidl\toctets\tfile\n");
    let mut from = 1;
    loop {
        let rows = opened.rows(reach, from, ROWS, true).await?;
        let Some(last) = rows.last() else { return Ok(table) };
        from = last.number.saturating_add(1);
        for Row { number, octets, uidl, arrived, sender } in rows {
            let arrived = arrived.unwrap_or_else(|| Timestamp::now().as_second());
            let message = Message { number, uidl, arrived, sender };
            let file = target.begin(&message)?;
            opened.read(reach, number, |text| target.write(text)).await?;
            target.end()?;
            // Writing to a String cannot fail.
            let _ = writeln!(table, "{number}\t{}\t{octets}\t{file}", message.uidl);
        }
    }
}

/// What is written to.
enum Target {
    Mbox(Mbox<BufWriter<File>>),
    Maildir(Maildir),
}

impl Target {
    fn create(to: &Path, partial: &Path, is_mbox: bool) -> Result<Self, Failure> {
        if !is_mbox {
            return Maildir::create(to).map(Self::Maildir).map_err(unwritable);
        }
        // Under its name there is never half an mbox.
        let file = OpenOptions::new().write(true).create_new(true).open(partial);
        let file = file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                Failure::new(format!("{} is there already", partial.display()))
                    .hint("another export writes it, or one was cut short: remove it then")
            }
            _ => unwritable(error),
        })?;
        Ok(Self::Mbox(Mbox::new(BufWriter::with_capacity(1 << 16, file))))
    }

    fn begin(&mut self, message: &Message) -> Result<String, Failure> {
        match self {
            Self::Mbox(mbox) => mbox.begin(message).map(|()| String::new()),
            Self::Maildir(maildir) => maildir.begin(message).map(|name| format!("new/{name}")),
        }
        .map_err(unwritable)
    }

    fn write(&mut self, text: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Mbox(mbox) => mbox.write(text),
            Self::Maildir(maildir) => maildir.write(text),
        }
        .map_err(unwritable)
    }

    fn end(&mut self) -> Result<(), Failure> {
        match self {
            Self::Mbox(mbox) => mbox.end(),
            Self::Maildir(maildir) => maildir.end(),
        }
        .map_err(unwritable)
    }

    fn finish(self, to: &Path, partial: &Path, uidls: &Path, table: &str) -> Result<(), Failure> {
        let mut file =
            OpenOptions::new().write(true).create_new(true).open(uidls).map_err(unwritable)?;
        file.write_all(table.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)?;
        match self {
            Self::Maildir(maildir) => maildir.finish(),
            Self::Mbox(mbox) => finish_mbox(mbox, to, partial),
        }
        .map_err(unwritable)
    }
}

fn finish_mbox(mbox: Mbox<BufWriter<File>>, to: &Path, partial: &Path) -> io::Result<()> {
    let mut writer = mbox.into_inner();
    writer.flush()?;
    writer.get_ref().sync_all()?;
    rustix::fs::renameat_with(CWD, partial, CWD, to, RenameFlags::NOREPLACE)?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// What a failed export leaves would be taken for a whole one.
fn take_away(to: &Path, partial: &Path, is_mbox: bool) {
    // That even this may fail is no news to whoever reads why the export failed.
    let _ = if is_mbox { fs::remove_file(partial) } else { fs::remove_dir_all(to) };
}

fn is_empty_folder(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(ending);
    PathBuf::from(name)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unwritable(error: io::Error) -> Failure {
    Failure::new(format!("the export cannot be written: {error}"))
}
