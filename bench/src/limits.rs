//! What the machine can do: how often it syncs, how fast it is written to.

use std::fs::File;
use std::io::Write;

use tokio::time::Instant;

use crate::ground::{Fault, folder};
use crate::table::{float, row, title};

/// Prints both.
pub(crate) fn run() -> Result<(), Fault> {
    title("limits of the machine");
    row("4 KiB appended and fdatasync", &format!("{:.0} /s", syncs()?), "");
    row("written in sequence, synced once", &format!("{:.0} MB/s", sequential()? / 1e6), "");
    Ok(())
}

/// How often a second 4 KiB are appended and synced.
pub(crate) fn syncs() -> Result<f64, Fault> {
    const TIMES: u64 = 2000;
    let folder = folder()?;
    let mut file = File::create(folder.path().join("syncs"))?;
    let begun = Instant::now();
    for _ in 0..TIMES {
        file.write_all(&[b'x'; 4096])?;
        file.sync_data()?;
    }
    Ok(float(TIMES) / begun.elapsed().as_secs_f64())
}

/// How many octets a second are written in sequence.
pub(crate) fn sequential() -> Result<f64, Fault> {
    const OCTETS: u64 = 1 << 30;
    let folder = folder()?;
    let mut file = File::create(folder.path().join("sequential"))?;
    let piece = vec![b'x'; 1 << 20];
    let begun = Instant::now();
    for _ in 0..OCTETS >> 20 {
        file.write_all(&piece)?;
    }
    file.sync_data()?;
    Ok(float(OCTETS) / begun.elapsed().as_secs_f64())
}
