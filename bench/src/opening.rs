//! Opening maildrops, large and small; removing from them; what a session keeps in memory.

use std::time::Duration;

use mail_wire::{After, MaildropId, MessageNumber, Retention};
use restante_store::custody::Custody;
use restante_store::log::{LogStore, Settings};
use restante_store::{Maildrop, Store, View};
use tokio::time::Instant;

use crate::ground::{self, Fault};
use crate::table::{float, median, milliseconds, row, title};

const LARGE: MaildropId = MaildropId::new(1);
const MIDDLE: MaildropId = MaildropId::new(2);
const SMALL: MaildropId = MaildropId::new(3);

/// Maildrops of 10,000, each of which is opened once for the first time.
const MIDDLES: u64 = 15;

/// Prints all of it.
pub(crate) fn run() -> Result<(), Fault> {
    title("a maildrop is opened, in the store");
    let folder = ground::folder()?;
    let settings = Settings::default();
    ground::runtime()?.block_on(async {
        let store = ground::log(folder.path(), &settings)?;
        ground::fill(&store, SMALL, 100).await?;
        for one in 0..MIDDLES {
            ground::fill(&store, middle(one), 10_000).await?;
        }
        changed(&store, MIDDLE, 50, "10,000 messages, 1 of them just delivered").await?;
        ground::fill(&store, LARGE, 1_000_000).await?;
        Ok::<_, Fault>(())
    })?;
    // After a start in good order all is in the index, and nothing of it in memory of ours.
    let (mut middles, mut larges) = (Vec::new(), Vec::new());
    for start in 0..5 {
        ground::runtime()?.block_on(async {
            let store = ground::log(folder.path(), &settings)?;
            larges.push(open(&store, LARGE).await?.0);
            for one in (0..MIDDLES).filter(|_| start == 0) {
                middles.push(open(&store, middle(one)).await?.0);
            }
            Ok::<_, Fault>(())
        })?;
    }
    row(
        "10,000 messages, the first time after a start",
        &milliseconds(median(middles)),
        "≤ 0.1 ms",
    );
    row("1,000,000 messages, the first time", &milliseconds(median(larges)), "≤ 25 ms");
    ground::runtime()?.block_on(async {
        let store = ground::log(folder.path(), &settings)?;
        // First, while there is no memory that others have given back.
        kept(&store, SMALL, 20_000, "100 messages", "≤ 16 KiB").await?;
        opened(&store, SMALL, 2000, "100 messages, again").await?;
        opened(&store, MIDDLE, 200, "10,000 messages, again").await?;
        kept(&store, LARGE, 8, "1,000,000 messages", "≤ 64 MiB").await?;
        opened(&store, LARGE, 15, "1,000,000 messages, again").await?;
        changed(&store, LARGE, 15, "1,000,000 messages, 1 of them just delivered").await?;
        updated(&store).await?;
        expired(&store).await
    })
}

/// What is too old goes, of a maildrop of a million.
async fn expired(store: &LogStore) -> Result<(), Fault> {
    for (days, name) in [(1, "expiry of none of"), (0, "expiry of all of")] {
        let retention = Some(Retention { days, after: After::Delivery });
        let begun = Instant::now();
        let gone = store.expire(LARGE, retention).await?;
        row(&format!("{name} 1,000,000 messages"), &milliseconds(begun.elapsed()), "");
        if (gone == 0) != (days == 1) {
            return Err(format!("{gone} messages went after {days} days").into());
        }
    }
    Ok(())
}

/// One of the maildrops of 10,000.
const fn middle(one: u64) -> MaildropId {
    MaildropId::new(MIDDLE.get().saturating_add(one.saturating_mul(10)))
}

async fn open(
    store: &LogStore,
    maildrop: MaildropId,
) -> Result<(Duration, Box<dyn Maildrop>), Fault> {
    let begun = Instant::now();
    let snapshot = store.open(maildrop, View::default()).await?;
    Ok((begun.elapsed(), snapshot))
}

/// Nothing has changed since it was opened last.
async fn opened(
    store: &LogStore,
    maildrop: MaildropId,
    times: usize,
    name: &str,
) -> Result<(), Fault> {
    drop(open(store, maildrop).await?);
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        taken.push(open(store, maildrop).await?.0);
    }
    row(name, &milliseconds(median(taken)), "");
    Ok(())
}

/// A message has come since it was opened last.
async fn changed(
    store: &LogStore,
    maildrop: MaildropId,
    times: usize,
    name: &str,
) -> Result<(), Fault> {
    let mut taken = Vec::with_capacity(times);
    for _ in 0..times {
        ground::fill(store, maildrop, 1).await?;
        taken.push(open(store, maildrop).await?.0);
    }
    row(name, &milliseconds(median(taken)), "");
    Ok(())
}

async fn kept(
    store: &LogStore,
    maildrop: MaildropId,
    sessions: usize,
    name: &str,
    goal: &str,
) -> Result<(), Fault> {
    let before = ground::memory()?;
    let mut open = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        open.push(store.open(maildrop, View::default()).await?);
    }
    let octets = ground::memory()?.saturating_sub(before);
    let each = float(octets) / float(sessions as u64) / 1024.0;
    row(&format!("memory of a session with {name}"), &format!("{each:.1} KiB"), goal);
    drop(open);
    Ok(())
}

async fn updated(store: &LogStore) -> Result<(), Fault> {
    let mut taken = Vec::new();
    for one in 0..5 {
        let middle = middle(one);
        let mut snapshot = store.open(middle, View::default()).await?;
        let all: Vec<MessageNumber> = snapshot.listing().iter().map(|entry| entry.number).collect();
        let begun = Instant::now();
        let removed = snapshot.commit(&all).await?;
        taken.push(begun.elapsed());
        if removed.messages < 10_000 {
            return Err(format!("{} messages were removed", removed.messages).into());
        }
    }
    row("UPDATE of 10,000 deletions", &milliseconds(median(taken)), "≤ 100 ms");
    Ok(())
}
