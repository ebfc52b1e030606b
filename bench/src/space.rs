//! How much the log writes and holds, over what it was given.

use mail_wire::{MaildropId, MessageNumber};
use restante_store::log::{LogStore, Settings};
use restante_store::{Store, View};

use crate::ground::{self, Fault};
use crate::table::{float, row, title};

const OCTETS: usize = 20_000;
const MAILDROPS: u64 = 50;
/// Of a month.
const DAYS: u64 = 30;
const A_DAY: u64 = 400;

/// Prints both.
pub(crate) fn run() -> Result<(), Fault> {
    overhead()?;
    month()
}

/// Messages of 20 KB, none removed.
fn overhead() -> Result<(), Fault> {
    title("20,000 messages of 20 KB, none removed");
    let folder = ground::folder()?;
    let text = ground::message(1, OCTETS);
    let octets = text.len().saturating_add(ground::prefix().len()) as u64;
    let received = float(octets.saturating_mul(20_000));
    // A reserve of this size matters only here.
    let settings = Settings { reserve_octets: 0, ..Settings::default() };
    let store = ground::log(folder.path(), &settings)?;
    let before = ground::written()?;
    ground::runtime()?.block_on(async {
        for number in 0..20_000_u64 {
            ground::deliver(&store, MaildropId::new(number % MAILDROPS), &text, 1).await?;
        }
        Ok::<_, Fault>(())
    })?;
    drop(store);
    drop(ground::log(folder.path(), &settings)?);
    let on_disk = float(ground::on_disk(folder.path())?);
    let overhead = (on_disk / received - 1.0) * 100.0;
    row("on the disk over what was received", &format!("{overhead:.2} %"), "≤ 1 %");
    let written = float(ground::written()?.saturating_sub(before)) / received;
    row("written over received, one at a time", &format!("{written:.3}"), "");
    Ok(())
}

/// A month: some fetch and delete at once, some after a week, some never; room is given back
/// every day.
fn month() -> Result<(), Fault> {
    title("a month of mixed lifetimes, compacted each day");
    let folder = ground::folder()?;
    let text = ground::message(1, OCTETS);
    let octets = text.len().saturating_add(ground::prefix().len()) as u64;
    let settings = Settings { segment_octets: 16 << 20, ..Settings::default() };
    let store = ground::log(folder.path(), &settings)?;
    let before = ground::written()?;
    let mut received = 0_u64;
    ground::runtime()?.block_on(async {
        for day in 0..DAYS {
            for number in 0..A_DAY {
                ground::deliver(&store, MaildropId::new(number % MAILDROPS), &text, 1).await?;
                received = received.saturating_add(octets);
            }
            for maildrop in 0..MAILDROPS {
                fetch(&store, maildrop, day).await?;
            }
            store.compact().await?;
        }
        Ok::<_, Fault>(())
    })?;
    let live = ground::runtime()?.block_on(live(&store))?;
    drop(store);
    let written = float(ground::written()?.saturating_sub(before)) / float(received);
    row("written over received", &format!("{written:.3}"), "≤ 2.0");
    let held = float(ground::on_disk(folder.path())?) / float(live);
    row("on the disk over what is live", &format!("{held:.2}"), "");
    Ok(())
}

/// Six of ten maildrops delete all they see each day, three what is a week old, one nothing.
async fn fetch(store: &LogStore, maildrop: u64, day: u64) -> Result<(), Fault> {
    let kind = maildrop % 10;
    if kind == 9 || (kind >= 6 && day % 7 != 6) {
        return Ok(());
    }
    let mut snapshot = store.open(MaildropId::new(maildrop), View::default()).await?;
    let all: Vec<MessageNumber> = snapshot.listing().iter().map(|entry| entry.number).collect();
    let old = if kind < 6 { all.len() } else { all.len() / 2 };
    snapshot.commit(all.get(..old).unwrap_or_default()).await?;
    Ok(())
}

async fn live(store: &LogStore) -> Result<u64, Fault> {
    let mut octets = 0_u64;
    for maildrop in 0..MAILDROPS {
        let snapshot = store.open(MaildropId::new(maildrop), View::default()).await?;
        octets = octets.saturating_add(snapshot.listing().total().get());
    }
    Ok(octets)
}
