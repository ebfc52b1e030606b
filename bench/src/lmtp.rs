//! Durable deliveries of 20 KB over 64 LMTP connections: the real server with its two stores,
//! and Dovecot where it is installed, in turns.

use std::path::Path;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::ground::{self, Fault};
use crate::lmtp_client::Client;
use crate::lmtp_servers::{Kind, Server};
use crate::table::{float, milliseconds, row, title};
use crate::{limits, table};

const CONNECTIONS: usize = 64;
const OCTETS: usize = 20_000;
/// How long each of them is measured, and how long before that it runs unmeasured.
const LASTS: Duration = Duration::from_secs(4);
const WARM: Duration = Duration::from_secs(1);
/// They take turns, so that what else the machine does is shared.
const ROUNDS: usize = 3;

/// What one run said.
struct Measured {
    rate: f64,
    /// The processor time of the server, its children's too.
    processor: Duration,
    median: Duration,
}

/// Prints all that are there, and how they are to each other.
pub(crate) fn run() -> Result<(), Fault> {
    title("durable deliveries of 20 KB over 64 LMTP connections, through the servers");
    let kinds = Kind::all();
    for (kind, lacking) in &kinds {
        if let Some(lacking) = lacking {
            row(kind.name(), "left out", lacking);
        }
    }
    let mut measured: Vec<(Kind, Vec<Measured>)> = Vec::new();
    for (kind, lacking) in kinds {
        if lacking.is_none() {
            measured.push((kind, Vec::new()));
        }
    }
    let (mut syncs, mut sequential) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        syncs.push(limits::syncs()?);
        sequential.push(limits::sequential()?);
        for (kind, results) in &mut measured {
            results.push(once(*kind)?);
        }
    }
    let syncs = table::middle(syncs);
    row("4 KiB appended and fdatasync", &format!("{syncs:.0} /s"), "");
    row("written in sequence", &format!("{:.0} MB/s", table::middle(sequential) / 1e6), "");
    let mut rates = Vec::new();
    for (kind, results) in measured {
        let one = middle(results)?;
        row(&format!("{}: deliveries", kind.name()), &format!("{:.0} /s", one.rate), "");
        let processor = format!("{} µs", one.processor.as_micros());
        row(&format!("{}: processor each", kind.name()), &processor, "");
        row(&format!("{}: median of one", kind.name()), &milliseconds(one.median), "");
        rates.push((kind, one.rate));
    }
    compare(&rates, syncs);
    Ok(())
}

fn compare(rates: &[(Kind, f64)], syncs: f64) {
    let rate = |kind| rates.iter().find(|(one, _)| *one == kind).map(|(_, rate)| *rate);
    let Some(log) = rate(Kind::Log) else { return };
    if let Some(maildir) = rate(Kind::Maildir) {
        row("log over our Maildir", &format!("{:.1} ×", log / maildir), "≥ 10 ×");
    }
    let peers = rates.iter().filter(|(kind, _)| kind.is_peer());
    if let Some((peer, rate)) = peers.max_by(|(_, a), (_, b)| a.total_cmp(b)) {
        row(&format!("log over {}", peer.name()), &format!("{:.1} ×", log / rate), "≥ 5 ×");
    }
    row("log over the machine's syncs", &format!("{:.1} ×", log / syncs), "");
}

fn middle(mut measured: Vec<Measured>) -> Result<Measured, Fault> {
    measured.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let middle = measured.len() / 2;
    measured.into_iter().nth(middle).ok_or_else(|| "nothing was measured".into())
}

fn once(kind: Kind) -> Result<Measured, Fault> {
    let folder = ground::folder()?;
    let server = Server::start(kind, folder.path(), CONNECTIONS)?;
    let socket = server.socket().to_owned();
    // One thread: what is left of the machine is the server's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = runtime.block_on(deliver(&socket, &server));
    server.stop()?;
    measured
}

async fn deliver(socket: &Path, server: &Server) -> Result<Measured, Fault> {
    let begun = Instant::now();
    let from = begun.checked_add(WARM).ok_or("no such time")?;
    let end = from.checked_add(LASTS).ok_or("no such time")?;
    let mut deliverers = JoinSet::new();
    for deliverer in 0..CONNECTIONS {
        let socket = socket.to_owned();
        deliverers.spawn(async move {
            let mut client = Client::connect(&socket).await?;
            let text = ground::message(deliverer, OCTETS);
            let recipient = ground::address(deliverer);
            let mut taken = Vec::new();
            loop {
                let begun = Instant::now();
                if begun >= end {
                    break;
                }
                client.deliver(&recipient, &text).await?;
                let ended = Instant::now();
                if begun >= from && ended <= end {
                    taken.push(ended.duration_since(begun));
                }
            }
            client.quit().await?;
            Ok::<_, Fault>(taken)
        });
    }
    tokio::time::sleep_until(from).await;
    let before = server.processor()?;
    tokio::time::sleep_until(end).await;
    let processor = server.processor()?.saturating_sub(before);
    let mut all = Vec::new();
    while let Some(taken) = deliverers.join_next().await {
        all.extend(taken??);
    }
    let each = processor.checked_div(u32::try_from(all.len())?).unwrap_or_default();
    let rate = float(all.len() as u64) / LASTS.as_secs_f64();
    Ok(Measured { rate, processor: each, median: table::median(all) })
}
