//! Every call to the disk fails once: nothing acknowledged is lost, nothing else is visible.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use mail_wire::{Form, MaildropId, MessageNumber};
use rustix::io::Errno;

use crate::body::Progress;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::maildir::scratch::quick;
use crate::maildir::settings::Settings;
use crate::maildir::store::MaildirStore;
use crate::store::Provenance;
use crate::store::{Incoming, Maildrop, Recipient, Store, Stored};
use crate::view::View;

const OURS: MaildropId = MaildropId::new(1);
const SECOND: MaildropId = MaildropId::new(2);

/// A disk of which the call number `at` fails, and with `sticky` all after it.
fn failing(at: usize, sticky: bool, with: Errno) -> (Disk, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let disk = Disk::behind(Arc::new(move |_| {
        let call = counted.fetch_add(1, Ordering::Relaxed);
        let fails = call == at || (sticky && call > at);
        if fails { Err(io::Error::from(with)) } else { Ok(()) }
    }));
    (disk, calls)
}

fn settings() -> Settings {
    // One thread, so that the calls always come in the same order.
    Settings { threads: 1, spool_octets_min: 64, ..Settings::default() }
}

fn open(root: &Path) -> MaildirStore {
    loop {
        match MaildirStore::open(root, settings()) {
            Err(StoreError::Locked { .. }) => std::thread::yield_now(),
            store => return store.unwrap(),
        }
    }
}

async fn deliver(
    store: &MaildirStore,
    to: &[MaildropId],
    text: &str,
) -> Vec<Result<Stored, StoreError>> {
    let recipient = |maildrop: &MaildropId| {
        Recipient::new(*maildrop, format!("Delivered-To: {maildrop}\r\n").into())
    };
    let recipients: Vec<_> = to.iter().map(recipient).collect();
    let incoming =
        Incoming { recipients, form: Form::Text, utf8: false, provenance: Provenance::default() };
    let mut delivery = store.deliver(incoming).await.unwrap();
    for piece in text.as_bytes().chunks(50) {
        if let Err(fault) = delivery.write(piece) {
            return to
                .iter()
                .map(|_| Err(StoreError::disk("write", io::Error::other(fault.to_string()))))
                .collect();
        }
    }
    delivery.commit().await
}

async fn read_all(maildrop: &dyn Maildrop) -> Result<Vec<(String, String)>, StoreError> {
    let mut all = Vec::new();
    for entry in maildrop.listing().iter() {
        let mut body = maildrop.read(entry.number).await?;
        let mut text = Vec::new();
        while body.read(&mut text, 4096).await? != Progress::Ended {}
        assert_eq!(text.len() as u64, entry.octets.get(), "P-043");
        all.push((entry.uidl.to_string(), String::from_utf8(text).unwrap()));
    }
    Ok(all)
}

/// What a maildrop holds, seen by a store on a sound disk.
async fn held(root: &Path, maildrop: MaildropId) -> Vec<(String, String)> {
    read_all(&*open(root).open(maildrop, View::default()).await.unwrap()).await.unwrap()
}

fn long(number: usize) -> String {
    format!("Subject: {number}\r\n\r\n{}", "a line that is spooled\r\n".repeat(20))
}

// P-217, P-220, M16
#[tokio::test]
async fn a_delivery_survives_the_failure_of_any_call() {
    for (sticky, errno) in [(false, Errno::IO), (false, Errno::NOSPC), (true, Errno::NOSPC)] {
        for at in 0.. {
            let folder = quick();
            let root = folder.path();
            assert!(deliver(&open(root), &[OURS], &long(0)).await[0].is_ok());
            let before = held(root, OURS).await;
            let (disk, calls) = failing(at, sticky, errno);
            let outcomes = match MaildirStore::open_on(disk, root, settings()) {
                Ok(store) => deliver(&store, &[OURS, SECOND], &long(1)).await,
                Err(_) => Vec::new(),
            };
            for (outcome, maildrop, before) in
                [(outcomes.first(), OURS, before), (outcomes.get(1), SECOND, Vec::new())]
            {
                let after = held(root, maildrop).await;
                assert!(after.starts_with(&before), "call {at}: what was there is lost");
                let new = &after[before.len()..];
                let text = format!("Delivered-To: {maildrop}\r\n{}", long(1));
                match outcome {
                    Some(Ok(stored)) => {
                        let expected = (stored.uidl.to_string(), text);
                        assert_eq!(new, [expected], "call {at}: acknowledged");
                    }
                    // After a failed sync of `new` the file may stand there, and its removal
                    // may fail as well: then it is whole.
                    _ if sticky => assert!(new.iter().all(|(_, seen)| *seen == text)),
                    _ => assert_eq!(new, [], "call {at}: refused and yet there"),
                }
                if let Some(Err(fault)) = outcome {
                    assert!(fault.is_temporary(), "P-217: {fault}");
                    let full = matches!(fault, StoreError::Full { quota: false, .. });
                    // What the spool refused was wrapped above.
                    let says_so = fault.to_string().contains("no room");
                    assert!(full || says_so || errno != Errno::NOSPC, "call {at}: {fault}");
                }
                let tmp = root.join(maildrop.to_string()).join("tmp");
                let left = std::fs::read_dir(tmp).map_or(0, Iterator::count);
                assert!(left == 0 || sticky, "call {at}: {left} files left in tmp");
            }
            if calls.load(Ordering::Relaxed) <= at {
                assert!(at > 20, "the disk was asked only {at} times");
                break;
            }
        }
    }
}

// P-056, P-062, P-063, M17
#[tokio::test]
async fn a_session_survives_the_failure_of_any_call() {
    for (sticky, errno) in [(false, Errno::IO), (true, Errno::IO), (false, Errno::ACCESS)] {
        for at in 0.. {
            let folder = quick();
            let root = folder.path();
            for number in 0..4 {
                assert!(deliver(&open(root), &[OURS], &long(number)).await[0].is_ok());
            }
            // Three are listed already, one is not.
            let (disk, calls) = failing(at, sticky, errno);
            let before = {
                let names = std::fs::read_dir(root.join("1/new")).unwrap();
                let mut paths: Vec<_> = names.map(|entry| entry.unwrap().path()).collect();
                paths.sort();
                let last = paths.pop().unwrap();
                let aside = folder.path().join("aside");
                std::fs::rename(&last, &aside).unwrap();
                let mut before = held(root, OURS).await;
                std::fs::rename(aside, last).unwrap();
                assert_eq!(before.len(), 3);
                before.push((String::new(), long(3)));
                before
            };
            let removed = session(disk, root).await;
            let after = held(root, OURS).await;
            let texts = |all: &[(String, String)]| {
                all.iter()
                    .map(|(_, text)| text.lines().nth(1).unwrap_or_default().to_owned())
                    .collect::<Vec<_>>()
            };
            let subjects = texts(&after);
            let expected = |kept: &[usize]| {
                kept.iter().map(|number| format!("Subject: {number}")).collect::<Vec<_>>()
            };
            if removed {
                assert_eq!(subjects, expected(&[1, 3]), "call {at}: a false +OK");
            } else {
                let kept: Vec<_> = expected(&[1, 3]);
                assert!(kept.iter().all(|k| subjects.contains(k)), "call {at}: {subjects:?}");
                assert!(subjects.is_sorted(), "call {at}: {subjects:?}");
            }
            for (uidl, text) in &after {
                let known = before.iter().find(|(_, known)| text.ends_with(known.as_str()));
                let (known, _) = known.unwrap();
                assert!(known.is_empty() || known == uidl, "P-053, call {at}");
            }
            if calls.load(Ordering::Relaxed) <= at {
                assert!(removed && at > 20, "the disk was asked only {at} times");
                break;
            }
        }
    }
}

/// A session that reads everything and removes messages 1 and 3; answers whether it was told
/// that they are removed.
async fn session(disk: Disk, root: &Path) -> bool {
    let Ok(store) = MaildirStore::open_on(disk, root, settings()) else { return false };
    let Ok(mut maildrop) = store.open(OURS, View::default()).await else { return false };
    // P-056: all, or an error.
    assert_eq!(maildrop.listing().len(), 4, "a short listing");
    let other = store.open(OURS, View::default()).await;
    for entry in maildrop.listing().iter() {
        let Ok(mut body) = maildrop.read(entry.number).await else { continue };
        let mut text = Vec::new();
        while body.read(&mut text, 4096).await.unwrap() != Progress::Ended {}
        assert_eq!(text.len() as u64, entry.octets.get(), "P-043");
        let subject = format!("Subject: {}\r\n", entry.number.index());
        assert!(String::from_utf8(text).unwrap().contains(&subject));
    }
    let marked = [1, 3].map(|number| MessageNumber::new(number).unwrap());
    let removed = maildrop.commit(&marked).await;
    drop(other);
    removed.is_ok()
}

// M18: on a read-only file system mail can be read, with the same unique-ids
#[tokio::test]
async fn a_read_only_disk_can_be_read() {
    let folder = quick();
    let root = folder.path();
    for number in 0..3 {
        assert!(deliver(&open(root), &[OURS], &long(number)).await[0].is_ok());
    }
    let read_only = || {
        Disk::behind(Arc::new(|call| match call {
            "make a folder"
            | "make a file"
            | "open a file to append"
            | "write to a file"
            | "rename a file"
            | "remove a file" => Err(Errno::ROFS.into()),
            _ => Ok(()),
        }))
    };
    let mut seen = Vec::new();
    for _ in 0..2 {
        let store = MaildirStore::open_on(read_only(), root, settings()).unwrap();
        let maildrop = store.open(OURS, View::default()).await.unwrap();
        seen.push(read_all(&*maildrop).await.unwrap());
        let refused = deliver(&store, &[OURS], &long(3)).await;
        assert!(refused[0].is_err());
        drop(maildrop);
        let mut maildrop = store.open(OURS, View::default()).await.unwrap();
        assert!(maildrop.commit(&[MessageNumber::new(1).unwrap()]).await.is_err());
    }
    seen.push(held(root, OURS).await);
    assert_eq!(seen[0].len(), 3);
    assert!(seen.iter().all(|all| *all == seen[0]));
}

// M8: one message that cannot be opened is an error of its own; the others are read
#[tokio::test]
async fn an_unreadable_message_takes_no_other_with_it() {
    let folder = quick();
    let root = folder.path();
    for number in 0..3 {
        assert!(deliver(&open(root), &[OURS], &long(number)).await[0].is_ok());
    }
    let (opened, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let disk = Disk::behind(Arc::new({
        let (opened, closed) = (Arc::clone(&opened), Arc::clone(&closed));
        // The second of the messages to be measured, and all reading later.
        move |call| match call {
            "open a file" if closed.load(Ordering::Relaxed) == 1 => Err(Errno::ACCESS.into()),
            "open a file" if opened.fetch_add(1, Ordering::Relaxed) == 2 => {
                Err(Errno::ACCESS.into())
            }
            _ => Ok(()),
        }
    }));
    let store = MaildirStore::open_on(disk, root, settings()).unwrap();
    let maildrop = store.open(OURS, View::default()).await.unwrap();
    // The list was opened first (and was missing), then the three messages.
    assert_eq!(maildrop.listing().len(), 3);
    let second = MessageNumber::new(2).unwrap();
    assert!(matches!(maildrop.read(second).await, Err(StoreError::Absent { .. })));
    closed.store(1, Ordering::Relaxed);
    let refused = maildrop.read(MessageNumber::new(1).unwrap()).await;
    assert!(matches!(refused, Err(StoreError::Disk { .. })));
    closed.store(0, Ordering::Relaxed);
    // The next login measures it.
    let again = store.open(OURS, View::default()).await.unwrap();
    assert_eq!(read_all(&*again).await.unwrap().len(), 3);
}

/// A disk that writes down what it is asked.
fn recording() -> (Disk, Arc<Mutex<Vec<&'static str>>>) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&calls);
    let disk = Disk::behind(Arc::new(move |call| {
        record.lock().unwrap().push(call);
        Ok(())
    }));
    (disk, calls)
}

fn changing(calls: &Mutex<Vec<&'static str>>) -> Vec<&'static str> {
    let changes = ["make a file", "write to a file", "sync", "rename a file", "remove a file"];
    let mut calls = std::mem::take(&mut *calls.lock().unwrap());
    calls.retain(|call| changes.contains(call));
    calls
}

// P-194, P-220, P-063: a power cut is not simulated here; that everything is synced, and in
// which order, is what survives it
#[tokio::test]
async fn what_is_acknowledged_was_synced_before() {
    let folder = quick();
    let (disk, calls) = recording();
    let settings = Settings { threads: 1, ..Settings::default() };
    let store = MaildirStore::open_on(disk, folder.path(), settings).unwrap();
    assert!(deliver(&store, &[OURS], &long(0)).await[0].is_ok());
    changing(&calls);
    assert!(deliver(&store, &[OURS], &long(1)).await[0].is_ok());
    assert_eq!(
        changing(&calls),
        ["make a file", "write to a file", "write to a file", "sync", "rename a file", "sync"],
        "the file is synced before it is visible, its name before the answer"
    );
    let mut maildrop = store.open(OURS, View::default()).await.unwrap();
    assert_eq!(
        changing(&calls),
        ["remove a file", "make a file", "write to a file", "sync", "rename a file", "sync"],
        "the list is durable before the listing is shown"
    );
    deliver(&store, &[OURS], &long(2)).await;
    changing(&calls);
    let third = store.open(OURS, View::default()).await.unwrap();
    assert_eq!(changing(&calls), ["write to a file", "sync"], "one line is appended");
    drop(third);
    let marked = [1, 2].map(|number| MessageNumber::new(number).unwrap());
    maildrop.commit(&marked).await.unwrap();
    assert_eq!(changing(&calls), ["remove a file", "remove a file", "sync", "sync"]);
    // What an earlier try has removed may not be durable yet.
    maildrop.commit(&marked[..1]).await.unwrap();
    assert!(changing(&calls).ends_with(&["sync", "sync"]));
}

// performance.md §6.2: what the kernel has at hand is read without another thread
#[test]
fn a_warm_message_is_read_without_another_thread() {
    let folder = quick();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let maildrop = runtime.block_on(async {
        let store = open(folder.path());
        assert!(deliver(&store, &[OURS], &long(0)).await[0].is_ok());
        store.open(OURS, View::default()).await.unwrap()
    });
    drop(runtime);
    // There is no runtime now, and so no thread to be had.
    let mut context = Context::from_waker(Waker::noop());
    let first = MessageNumber::new(1).unwrap();
    let Poll::Ready(body) = maildrop.read(first).as_mut().poll(&mut context) else {
        panic!("it waits for something");
    };
    let (mut body, mut text) = (body.unwrap(), Vec::new());
    while let Progress::Octets(_) = body.try_read(&mut text, 4096).unwrap() {}
    assert_eq!(body.try_read(&mut text, 4096).unwrap(), Progress::Ended);
    assert_eq!(text.len() as u64, maildrop.listing().total().get());
}

#[tokio::test]
async fn files_and_folders_are_private() {
    let folder = quick();
    let root = folder.path().join("store");
    assert!(deliver(&open(&root), &[OURS], &long(0)).await[0].is_ok());
    held(&root, OURS).await;
    let mut waiting = vec![root];
    while let Some(path) = waiting.pop() {
        let metadata = std::fs::symlink_metadata(&path).unwrap();
        let mode = metadata.permissions().mode() & 0o7777;
        assert_eq!(mode, if metadata.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        if metadata.is_dir() {
            waiting.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}
