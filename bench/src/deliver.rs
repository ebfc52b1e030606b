//! Durable deliveries of 20 KB by 64 at once, into the log and into Maildirs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mail_wire::MaildropId;
use restante_store::Store;
use restante_store::log::Settings;
use restante_store::maildir::{self, MaildirStore};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::ground::{self, Fault};
use crate::limits;
use crate::table::{float, row, title};

const DELIVERERS: u64 = 64;
const OCTETS: usize = 20_000;
/// How long each of them is measured.
const LASTS: Duration = Duration::from_secs(5);
/// They take turns, so that what else the machine does is shared.
const ROUNDS: usize = 3;

struct Measured {
    rate: f64,
    processor: Duration,
    amplification: f64,
}

/// Prints both, and how one is to the other.
pub(crate) fn run() -> Result<(), Fault> {
    title("durable deliveries of 20 KB, 64 at once");
    let syncs = limits::syncs()?;
    row("4 KiB appended and fdatasync", &format!("{syncs:.0} /s"), "");
    let sequential = limits::sequential()?;
    row("written in sequence, synced once", &format!("{:.0} MB/s", sequential / 1e6), "");
    let (mut logs, mut maildirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        logs.push(measured(|folder| Ok(Arc::new(ground::log(folder, &Settings::default())?)))?);
        maildirs.push(measured(|folder| {
            Ok(Arc::new(MaildirStore::open(folder, maildir::Settings::default())?))
        })?);
    }
    let (log, maildir) = (middle(logs)?, middle(maildirs)?);
    for (name, measured) in [("log", &log), ("Maildir", &maildir)] {
        let Measured { rate, processor, amplification } = measured;
        row(&format!("{name}: deliveries"), &format!("{rate:.0} /s"), "");
        row(&format!("{name}: processor each"), &format!("{} µs", processor.as_micros()), "");
        let goal = if name == "log" { "≤ 1.05" } else { "" };
        row(&format!("{name}: written over received"), &format!("{amplification:.3}"), goal);
    }
    row("log over Maildir", &format!("{:.1} ×", log.rate / maildir.rate), "≥ 10 ×");
    row("log over the machine's syncs", &format!("{:.1} ×", log.rate / syncs), "");
    let octets = float(ground::message(1, OCTETS).len() as u64);
    let share = log.rate * octets / sequential * 100.0;
    row("log over what is written in sequence", &format!("{share:.0} %"), "");
    Ok(())
}

fn middle(mut measured: Vec<Measured>) -> Result<Measured, Fault> {
    measured.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let middle = measured.len() / 2;
    measured.into_iter().nth(middle).ok_or_else(|| "nothing was measured".into())
}

fn measured(make: impl FnOnce(&Path) -> Result<Arc<dyn Store>, Fault>) -> Result<Measured, Fault> {
    let folder = ground::folder()?;
    let runtime = ground::runtime()?;
    let store = make(folder.path())?;
    let text = Arc::new(ground::message(1, OCTETS));
    let (written, processor) = (ground::written()?, ground::processor());
    let begun = Instant::now();
    let end = begun.checked_add(LASTS).ok_or("no such time")?;
    let delivered = runtime.block_on(async {
        let mut deliverers = JoinSet::new();
        for deliverer in 0..DELIVERERS {
            let (store, text) = (Arc::clone(&store), Arc::clone(&text));
            deliverers.spawn(async move {
                let maildrop = MaildropId::new(deliverer);
                let mut delivered = 0_u64;
                while Instant::now() < end {
                    ground::deliver(&*store, maildrop, &text, 1).await?;
                    delivered = delivered.saturating_add(1);
                }
                Ok::<_, Fault>(delivered)
            });
        }
        let mut all = 0_u64;
        while let Some(delivered) = deliverers.join_next().await {
            all = all.saturating_add(delivered??);
        }
        Ok::<_, Fault>(all)
    })?;
    let lasted = begun.elapsed().as_secs_f64();
    let processor = ground::processor().saturating_sub(processor);
    drop(store);
    drop(runtime);
    let octets = (text.len().saturating_add(ground::prefix().len())) as u64;
    let received = float(delivered.saturating_mul(octets));
    let written = ground::written()?.saturating_sub(written);
    Ok(Measured {
        rate: float(delivered) / lasted,
        processor: processor.checked_div(u32::try_from(delivered)?).unwrap_or_default(),
        amplification: float(written) / received,
    })
}
