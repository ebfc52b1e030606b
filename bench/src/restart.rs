//! A store of a million messages is opened after its process was killed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mail_wire::MaildropId;
use restante_store::log::{LogStore, Settings};
use restante_store::{Store, View};
use tokio::time::Instant;

use crate::ground::{self, Fault};
use crate::table::{milliseconds, row, title};

const MESSAGES: usize = 1_000_000;
const MAILDROPS: u64 = 20;

/// Prints how long it takes, and how long a first login takes then.
pub(crate) fn run() -> Result<(), Fault> {
    title("a store of 1,000,000 messages is opened after kill -9");
    let folder = ground::folder()?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg("fill")
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut told = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut told)?;
    // Under way: a batch is being written, most likely.
    child.kill()?;
    child.wait()?;
    if told.trim() != "filled" {
        return Err("the store could not be filled".into());
    }
    let settings = Settings::default();
    let begun = Instant::now();
    let store = LogStore::open(folder.path(), &settings)?;
    row("opened", &milliseconds(begun.elapsed()), "≤ 300 ms");
    let runtime = ground::runtime()?;
    let (took, found) = runtime.block_on(count(&store))?;
    row("all 20 maildrops listed after that", &milliseconds(took), "");
    if found < MESSAGES {
        return Err(format!("{found} of {MESSAGES} messages were found").into());
    }
    drop(store);
    drop(runtime);
    without_index(folder.path())?;
    let before = ground::memory()?;
    let begun = Instant::now();
    let store = ground::log(folder.path(), &settings)?;
    row("the same, when the index was lost", &milliseconds(begun.elapsed()), "");
    let octets = ground::most_memory()?.saturating_sub(before);
    let octets = octets.checked_div(MESSAGES as u64).unwrap_or_default();
    row("memory for each message, when the index was lost", &format!("{octets} octets"), "");
    drop(store);
    Ok(())
}

async fn count(store: &LogStore) -> Result<(Duration, usize), Fault> {
    let begun = Instant::now();
    let mut found = 0_usize;
    for maildrop in 0..MAILDROPS {
        let maildrop = store.open(MaildropId::new(maildrop), View::default()).await?;
        found = found.saturating_add(maildrop.listing().len());
    }
    Ok((begun.elapsed(), found))
}

/// Fills a store and goes on until it is killed.
pub(crate) fn fill(mut arguments: impl Iterator<Item = String>) -> Result<(), Fault> {
    let folder = arguments.next().ok_or("which folder?")?;
    let store = LogStore::open(Path::new(&folder), &Settings::default())?;
    ground::runtime()?.block_on(async {
        let each = MESSAGES.div_ceil(usize::try_from(MAILDROPS)?);
        for maildrop in 0..MAILDROPS {
            ground::fill(&store, MaildropId::new(maildrop), each).await?;
        }
        let mut output = std::io::stdout();
        writeln!(output, "filled")?;
        output.flush()?;
        loop {
            ground::fill(&store, MaildropId::new(0), 1).await?;
        }
    })
}

fn without_index(folder: &Path) -> Result<(), Fault> {
    for entry in std::fs::read_dir(folder)? {
        let index = entry?.path().join("index.redb");
        if index.exists() {
            std::fs::remove_file(index)?;
        }
    }
    Ok(())
}
