//! Stores to be measured, filled, and what the system says of this process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use mail_wire::{Form, MaildropId};
use restante_store::log::LogStore;
use restante_store::{Incoming, Provenance, Recipient, Store};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// Whatever went wrong, as a sentence.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A folder for a store.
pub(crate) fn folder() -> Result<TempDir, Fault> {
    let above = std::env::var_os("BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    Ok(TempDir::with_prefix_in("bench-", above)?)
}

/// Two threads, as on the machine of the goals.
pub(crate) fn runtime() -> Result<Runtime, Fault> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Opens a store whose last user may not be quite gone.
pub(crate) fn log(
    folder: &std::path::Path,
    settings: &restante_store::log::Settings,
) -> Result<LogStore, Fault> {
    loop {
        match LogStore::open(folder, settings) {
            Err(restante_store::StoreError::Locked { .. }) => std::thread::yield_now(),
            store => return Ok(store?),
        }
    }
}

/// A message of about so many octets: lines as people write them, and a number.
pub(crate) fn message(number: usize, octets: usize) -> Vec<u8> {
    let mut text = format!(
        "From: a@example.org\r\nTo: b@example.org\r\nSubject: {number}\r\n\
         Message-ID: <{number}@example.org>\r\n\r\n"
    )
    .into_bytes();
    while text.len() < octets {
        text.extend_from_slice(b"The quick brown fox jumps over the lazy dog, once more.\r\n");
    }
    text
}

/// What stands before each message, as the server writes it.
pub(crate) fn prefix() -> Vec<u8> {
    b"Return-Path: <a@example.org>\r\nDelivered-To: b@example.org\r\n\
      Received: from peer by mail.example.org with LMTP; 1 Jan 2026 00:00:00 +0000\r\n"
        .to_vec()
}

/// Delivers one message to so many copies of a maildrop.
pub(crate) async fn deliver(
    store: &dyn Store,
    maildrop: MaildropId,
    text: &[u8],
    copies: usize,
) -> Result<(), Fault> {
    let one = || Recipient::new(maildrop, prefix());
    let recipients = std::iter::repeat_with(one).take(copies).collect();
    let provenance = Provenance { peer: "192.0.2.1".into(), sender: "a@example.org".into() };
    let incoming = Incoming { recipients, form: Form::Text, utf8: false, provenance };
    let mut delivery = store.deliver(incoming).await?;
    delivery.write(text)?;
    for outcome in delivery.commit().await {
        outcome?;
    }
    Ok(())
}

/// Fills a maildrop with so many short messages.
pub(crate) async fn fill(
    store: &dyn Store,
    maildrop: MaildropId,
    messages: usize,
) -> Result<(), Fault> {
    const TOGETHER: usize = 500;
    let text = message(0, 200);
    let mut left = messages;
    while left > 0 {
        let copies = left.min(TOGETHER);
        deliver(store, maildrop, &text, copies).await?;
        left = left.saturating_sub(copies);
    }
    Ok(())
}

/// How many octets this process has had written to the disk.
pub(crate) fn written() -> Result<u64, Fault> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.ok_or("/proc/self/io does not say write_bytes")?.parse()?)
}

/// How many octets of memory this process has.
pub(crate) fn memory() -> Result<u64, Fault> {
    status("VmRSS:")
}

/// How many octets of memory it had when it had most.
pub(crate) fn most_memory() -> Result<u64, Fault> {
    status("VmHWM:")
}

fn status(name: &str) -> Result<u64, Fault> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes: u64 = kilobytes.ok_or("/proc/self/status says no memory")?.parse()?;
    Ok(kilobytes.saturating_mul(1024))
}

/// How much processor time this process has had.
pub(crate) fn processor() -> Duration {
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let seconds = u64::try_from(usage.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(usage.tv_nsec).unwrap_or_default())
}

/// How much processor time a process has had, and all that came from it.
pub(crate) fn processor_of(process: u32) -> Result<Duration, Fault> {
    let mut parents = BTreeMap::new();
    let mut ticks = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // It may end meanwhile.
        let Ok(status) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // Behind the name, which may hold anything: state, parent, …; see proc(5).
        let fields: Vec<&str> =
            status.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        parents.insert(id, number(1).unwrap_or_default());
        // Its own time, and that of children that have ended.
        let all = (11..=14).filter_map(number).fold(0_u64, u64::saturating_add);
        ticks.insert(id, all);
    }
    let is_of = |mut id: u32| {
        while id != process {
            match parents.get(&id).and_then(|parent| u32::try_from(*parent).ok()) {
                Some(parent) if parent != 0 => id = parent,
                _ => return false,
            }
        }
        true
    };
    let ours = ticks.iter().filter(|(id, _)| is_of(**id));
    let ticks = ours.map(|(_, ticks)| *ticks).fold(0, u64::saturating_add);
    // USER_HZ is 100 on Linux, whatever the kernel's own clock (time(7)).
    Ok(Duration::from_millis(ticks.saturating_mul(10)))
}

/// The address of one of the accounts of a server that is measured.
pub(crate) fn address(account: usize) -> String {
    format!("user{account}@example.org")
}

/// How many octets the files below a folder take on the disk.
pub(crate) fn on_disk(folder: &std::path::Path) -> Result<u64, Fault> {
    use std::os::unix::fs::MetadataExt;
    let mut octets = 0_u64;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let status = entry.metadata()?;
        octets = octets.saturating_add(status.blocks().saturating_mul(512));
        if status.is_dir() {
            octets = octets.saturating_add(on_disk(&entry.path())?);
        }
    }
    Ok(octets)
}
