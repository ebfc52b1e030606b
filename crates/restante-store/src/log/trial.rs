//! For tests: a log store in a folder, and what it must hold.

use std::fs;
use std::path::{Path, PathBuf};

use mail_wire::{Form, MaildropId, MessageNumber};
use tempfile::TempDir;

use crate::body::Progress;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::maildir::scratch::quick;
use crate::store::Provenance;
use crate::store::{Incoming, Maildrop, Recipient, Store, Stored};
use crate::view::View;

/// Small enough for a folder in memory.
pub(crate) fn small() -> Settings {
    Settings {
        shards: 1,
        segment_octets: 128 << 10,
        ahead_octets: 4 << 10,
        reserve_octets: 4 << 10,
        compacts_by_itself: false,
        index_cache_octets: 1 << 20,
        shows_doubtful: true,
        ..Settings::default()
    }
}

/// Opens the store in a folder; what the old one still does ends first.
pub(crate) fn open(root: &Path, settings: &Settings) -> Result<LogStore, StoreError> {
    open_with(&Disk::default(), root, settings)
}

/// The same with calls that may fail.
pub(crate) fn open_with(
    calls: &Disk,
    root: &Path,
    settings: &Settings,
) -> Result<LogStore, StoreError> {
    loop {
        match LogStore::open_with(calls.clone(), root, settings) {
            Err(StoreError::Locked { .. }) => std::thread::yield_now(),
            outcome => return outcome,
        }
    }
}

/// Waits until nobody has the store open any more.
pub(crate) fn closed(root: &Path) {
    let at = Disk::default();
    let folder = at.open_root(root).unwrap();
    while at.lock(&folder, b"LOCK").unwrap().is_none() {
        std::thread::yield_now();
    }
}

/// What is on the disk now, as a process finds it that comes after this one was killed.
pub(crate) fn image(root: &Path) -> TempDir {
    let copy = quick();
    copy_into(root, copy.path());
    copy
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_into(&entry.path(), &target);
        } else if entry.file_name() != "reserve" {
            match fs::copy(entry.path(), target) {
                // The writer removes what nobody needs whenever it likes.
                Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => {}
                outcome => drop(outcome.unwrap()),
            }
        }
    }
}

/// The segments of the first shard, in order.
pub(crate) fn segments(root: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(root.join("s00"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    found.sort();
    found
}

/// Takes the indexes away.
pub(crate) fn without_index(root: &Path) {
    for entry in fs::read_dir(root).unwrap() {
        let _ = fs::remove_file(entry.unwrap().path().join("index.redb"));
    }
}

/// A message with this number, about so long.
pub(crate) fn text(number: usize, length: usize) -> String {
    let line = format!("line of message {number}\r\n.dotted\r\n");
    let body = line.repeat(length / line.len() + 1);
    format!("Subject: {number}\r\n\r\n{body}")
}

/// Delivers to these, and answers with the outcomes.
pub(crate) async fn deliver(
    store: &LogStore,
    to: &[MaildropId],
    text: &str,
) -> Result<Vec<Result<Stored, StoreError>>, StoreError> {
    let recipients =
        to.iter().map(|maildrop| Recipient::new(*maildrop, prefix(*maildrop).into())).collect();
    let incoming =
        Incoming { recipients, form: Form::Text, utf8: false, provenance: Provenance::default() };
    let mut delivery = store.deliver(incoming).await?;
    for piece in text.as_bytes().chunks(1000) {
        delivery.write(piece)?;
    }
    Ok(delivery.commit().await)
}

/// What each recipient's copy begins with.
pub(crate) fn prefix(maildrop: MaildropId) -> String {
    format!("Delivered-To: {maildrop}\r\n")
}

/// What a maildrop holds: of each message its unique-id and its text.
pub(crate) async fn contents(
    store: &LogStore,
    maildrop: MaildropId,
) -> Result<Vec<(String, String)>, StoreError> {
    let maildrop = store.open(maildrop, View::default()).await?;
    read_all(&*maildrop).await
}

/// The same of a snapshot.
pub(crate) async fn read_all(maildrop: &dyn Maildrop) -> Result<Vec<(String, String)>, StoreError> {
    let mut all = Vec::new();
    for index in 0..maildrop.listing().len() {
        let number = MessageNumber::from_index(index).unwrap();
        let uidl = maildrop.listing().get(number).unwrap().uidl.to_string();
        all.push((uidl, read(maildrop, number).await?));
    }
    Ok(all)
}

/// One message, as text.
pub(crate) async fn read(
    maildrop: &dyn Maildrop,
    number: MessageNumber,
) -> Result<String, StoreError> {
    let mut body = maildrop.read(number).await?;
    let mut wire = Vec::new();
    while body.read(&mut wire, 10_000).await? != Progress::Ended {}
    let wire = String::from_utf8(wire).unwrap();
    let mut text = String::new();
    for line in wire.split_inclusive("\r\n") {
        text.push_str(line.strip_prefix('.').unwrap_or(line));
    }
    let octets = maildrop.listing().get(number).unwrap().octets.get();
    assert_eq!(text.len() as u64, octets, "P-043");
    Ok(text)
}

/// Removes the messages with these unique-ids.
pub(crate) async fn remove(
    store: &LogStore,
    maildrop: MaildropId,
    uidls: &[String],
) -> Result<usize, StoreError> {
    let mut snapshot = store.open(maildrop, View::default()).await?;
    let numbers: Vec<_> = snapshot
        .listing()
        .iter()
        .filter(|entry| uidls.iter().any(|uidl| entry.uidl == *uidl))
        .map(|entry| entry.number)
        .collect();
    Ok(snapshot.commit(&numbers).await?.messages)
}

/// The seed of the store's checksums.
pub(crate) fn seed(root: &Path) -> u32 {
    let format = fs::read_to_string(root.join("FORMAT")).unwrap();
    let number = format.lines().find_map(|line| line.strip_prefix("store ")).unwrap();
    crc32c::crc32c(&u128::from_str_radix(number, 16).unwrap().to_be_bytes())
}
