//! Every call to the disk fails once, or from then on: no panic, nothing acknowledged is lost,
//! nothing that was refused is seen, nothing comes back.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mail_wire::MaildropId;
use rustix::io::Errno;

use crate::disk::Disk;
use crate::error::StoreError;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{
    closed, contents, deliver, open, open_with, prefix, remove, small, text, without_index,
};
use crate::maildir::scratch::quick;
use crate::store::Store;

const OURS: MaildropId = MaildropId::new(1);
const SECOND: MaildropId = MaildropId::new(2);

fn settings() -> Settings {
    // Segments of some records, a checkpoint now and then, and a message with its own file.
    // Room is given back all the time.
    Settings {
        segment_octets: 2048,
        checkpoint_messages: 3,
        big_octets_min: 1500,
        compacts_by_itself: true,
        ..small()
    }
}

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

/// What became of the messages of a maildrop: texts, and unique-ids where there is one.
#[derive(Debug, Default)]
struct Fate {
    /// Acknowledged, and not asked to be removed.
    there: Vec<(String, String)>,
    /// Refused.
    refused: Vec<String>,
    /// Acknowledged as removed.
    gone: Vec<(String, String)>,
    /// Asked to be removed, which was refused.
    kept: Vec<(String, String)>,
}

impl Fate {
    /// What the store that was told all this must hold.
    fn expected(&self) -> Vec<(String, String)> {
        let mut all = [self.there.as_slice(), &self.kept].concat();
        // Native unique-ids sort as they were given.
        all.sort();
        all
    }
}

/// Does a bit of everything, and checks meanwhile that what can be read is right.
async fn live(root: &Path, disk: &Disk) -> [Fate; 2] {
    let mut fates = [Fate::default(), Fate::default()];
    for start in 0..2 {
        let Ok(store) = open_with(disk, root, &settings()) else { continue };
        for number in 0..5 {
            let to: &[MaildropId] = if number % 2 == 0 { &[OURS, SECOND] } else { &[OURS] };
            let text = text(start * 10 + number, if number == 2 { 3000 } else { 200 });
            let outcomes = deliver(&store, to, &text).await;
            for (place, maildrop) in to.iter().enumerate() {
                let whole = prefix(*maildrop) + &text;
                match outcomes.as_ref().map(|outcomes| &outcomes[place]) {
                    Ok(Ok(stored)) => fates[place].there.push((stored.uidl.to_string(), whole)),
                    Ok(Err(_)) | Err(_) => fates[place].refused.push(whole),
                }
            }
            if number == 3 {
                take_out(&store, &mut fates[0]).await;
                // It may fail, and must not harm.
                let _ = store.compact().await;
            }
            check(&store, &fates).await;
        }
        drop(store);
        closed(root);
    }
    fates
}

async fn take_out(store: &LogStore, fate: &mut Fate) {
    let marked: Vec<_> = fate.there.iter().step_by(2).cloned().collect();
    let uidls: Vec<_> = marked.iter().map(|(uidl, _)| uidl.clone()).collect();
    let outcome = remove(store, OURS, &uidls).await;
    fate.there.retain(|message| !marked.contains(message));
    match outcome {
        Ok(removed) => {
            assert_eq!(removed, marked.len());
            fate.gone.extend(marked);
        }
        Err(_) => fate.kept.extend(marked),
    }
}

/// While the process lives, what was refused did not happen.
async fn check(store: &LogStore, fates: &[Fate; 2]) {
    for (maildrop, fate) in [OURS, SECOND].into_iter().zip(fates) {
        match contents(store, maildrop).await {
            Ok(found) => {
                let mut found = found;
                // Of an earlier start with a fault, and so with doubts: see `judge`.
                found.retain(|message| {
                    !fate.refused.contains(&message.1) || fate.there.contains(message)
                });
                let mut expected = fate.expected();
                expected.retain(|message| found.contains(message) || !fate.kept.contains(message));
                assert!(found == expected, "{} of {}", found.len(), expected.len());
            }
            Err(StoreError::Damaged { detail }) => {
                assert!(detail.contains("index"), "{detail}");
            }
            Err(_) => {}
        }
    }
}

/// With a disk that works: all that was acknowledged is so.
async fn judge(root: &Path, fates: &[Fate; 2], sticky: bool) {
    for is_rebuilt in [false, true] {
        if is_rebuilt {
            without_index(root);
        }
        let store = open(root, &settings()).unwrap();
        assert_eq!(store.damage(), []);
        for (maildrop, fate) in [OURS, SECOND].into_iter().zip(fates) {
            let found = contents(&store, maildrop).await.unwrap();
            for message in &fate.there {
                assert!(found.contains(message), "lost: {}", message.0);
            }
            for message in &fate.gone {
                assert!(!found.iter().any(|(uidl, _)| *uidl == message.0), "it is back");
            }
            for (place, (uidl, text)) in found.iter().enumerate() {
                assert!(found[..place].iter().all(|(other, _)| other != uidl), "twice");
                assert!(found[..place].iter().all(|(_, other)| other != text), "doubled");
                let known = fate.there.iter().chain(&fate.kept).any(|(_, known)| known == text);
                // Where nothing could be written any more, not even that it failed, it may turn
                // out to have succeeded.
                assert!(known || (sticky && fate.refused.contains(text)), "refused, and there");
            }
            if !sticky {
                assert!(found == fate.expected(), "a single fault leaves no doubt");
            }
        }
        deliver(&store, &[OURS], &text(99, 10)).await.unwrap().pop().unwrap().unwrap();
        let new = contents(&store, OURS).await.unwrap().pop().unwrap();
        assert_eq!(remove(&store, OURS, &[new.0]).await.unwrap(), 1);
        drop(store);
        closed(root);
    }
}

async fn every_call(sticky: bool, with: Errno) {
    let mut at = 0;
    loop {
        let folder = quick();
        let (disk, calls) = failing(at, sticky, with);
        let fates = live(folder.path(), &disk).await;
        judge(folder.path(), &fates, sticky).await;
        if calls.load(Ordering::Relaxed) <= at {
            assert!(at > 200, "only {at} calls were seen");
            let refused = fates.iter().map(|fate| fate.refused.len() + fate.kept.len());
            assert_eq!(refused.sum::<usize>(), 0, "nothing failed, and all was done");
            return;
        }
        at += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_call_fails_once() {
    every_call(false, Errno::IO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_call_finds_the_disk_full_once() {
    every_call(false, Errno::NOSPC).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_any_call_on_all_fail() {
    every_call(true, Errno::IO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_any_call_on_the_disk_is_full() {
    every_call(true, Errno::NOSPC).await;
}

// I12: on a full disk deletions and logins work; deliveries are told; both work again later
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_takes_deletions() {
    let folder = quick();
    let (full, reserve) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (is_full, is_released) = (Arc::clone(&full), Arc::clone(&reserve));
    let disk = Disk::behind(Arc::new(move |call| {
        if !is_full.load(Ordering::SeqCst) {
            return Ok(());
        }
        match call {
            "remove a file" => is_released.store(true, Ordering::SeqCst),
            // Nothing grows but in the room of the reserve.
            "allocate room" | "set the length of a file" | "open a file to write"
                if !is_released.load(Ordering::SeqCst) =>
            {
                return Err(Errno::NOSPC.into());
            }
            "look at the free room" => return Err(Errno::IO.into()),
            _ => {}
        }
        Ok(())
    }));
    // No room ahead, so that each batch asks for some.
    let settings = Settings { ahead_octets: 0, ..small() };
    let store = open_with(&disk, folder.path(), &settings).unwrap();
    for number in 0..3 {
        deliver(&store, &[OURS], &text(number, 10)).await.unwrap().pop().unwrap().unwrap();
    }
    let all = contents(&store, OURS).await.unwrap();
    full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let outcome = deliver(&store, &[OURS], &text(7, 10)).await.unwrap().pop().unwrap();
        assert!(matches!(outcome, Err(StoreError::Full { quota: false, .. })), "{outcome:?}");
    }
    assert_eq!(contents(&store, OURS).await.unwrap(), all);
    assert_eq!(remove(&store, OURS, &[all[0].0.clone()]).await.unwrap(), 1);
    assert_eq!(contents(&store, OURS).await.unwrap(), all[1..]);
    let outcome = deliver(&store, &[OURS], &text(8, 10)).await.unwrap().pop().unwrap();
    assert!(matches!(outcome, Err(StoreError::Full { .. })), "the reserve is not for deliveries");
    assert_eq!(remove(&store, OURS, &[all[1].0.clone()]).await.unwrap(), 1);
    full.store(false, Ordering::SeqCst);
    deliver(&store, &[OURS], &text(9, 10)).await.unwrap().pop().unwrap().unwrap();
    assert_eq!(contents(&store, OURS).await.unwrap().len(), 2);
    store.remove(OURS).await.unwrap();
    drop(store);
    closed(folder.path());
    let store = open(folder.path(), &settings).unwrap();
    assert_eq!(contents(&store, OURS).await.unwrap(), []);
}
