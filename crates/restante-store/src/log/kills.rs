//! The process ends at any call to the disk: what was acknowledged is so, and what was under way
//! happened whole or not at all.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail_wire::MaildropId;
use tempfile::TempDir;

use crate::disk::Disk;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{
    closed, contents, deliver, image, open, open_with, prefix, remove, segments, small, text,
    without_index,
};
use crate::maildir::scratch::quick;
use crate::store::Store;
use crate::view::View;

const OURS: MaildropId = MaildropId::new(1);
const NOBODY: MaildropId = MaildropId::new(9);

fn settings() -> Settings {
    Settings {
        segment_octets: 2048,
        checkpoint_messages: 4,
        big_octets_min: 1500,
        ahead_octets: 1024,
        ..small()
    }
}

/// The same, and nothing is kept of what is gone: that would keep segments of this size.
fn forgetful() -> Settings {
    Settings { journal_keep: Duration::ZERO, ..settings() }
}

/// What is done, one after the other.
const ACTS: &[Act] = &[
    Act::Deliver(1, 100),
    Act::Deliver(2, 2500),
    Act::Deliver(3, 600),
    Act::Remove(&[1]),
    Act::Deliver(4, 600),
    Act::Restart,
    Act::Deliver(5, 100),
    Act::Remove(&[3]),
    Act::Compact,
    Act::Deliver(6, 900),
    Act::Remove(&[4, 6]),
    Act::Compact,
    Act::Restart,
    Act::Remove(&[5]),
    Act::Compact,
    Act::Deliver(7, 200),
    Act::Compact,
    Act::Remove(&[2]),
    Act::Compact,
];

#[derive(Clone, Copy, Debug)]
enum Act {
    /// A message with this number and about so many octets, twice for the same maildrop.
    Deliver(usize, usize),
    /// Both copies of the messages with these numbers.
    Remove(&'static [usize]),
    Compact,
    Restart,
}

impl Act {
    fn change(self, model: &mut BTreeMap<usize, String>) {
        match self {
            Self::Deliver(number, length) => {
                model.insert(number, prefix(OURS) + &text(number, length));
            }
            Self::Remove(numbers) => model.retain(|number, _| !numbers.contains(number)),
            Self::Compact | Self::Restart => {}
        }
    }

    async fn perform(self, store: &LogStore) {
        match self {
            Self::Deliver(number, length) => {
                for outcome in deliver(store, &[OURS, OURS], &text(number, length)).await.unwrap() {
                    outcome.unwrap();
                }
            }
            Self::Remove(numbers) => {
                let all = contents(store, OURS).await.unwrap();
                let is_one = |text: &str| {
                    numbers.iter().any(|number| text.contains(&format!("Subject: {number}\r\n")))
                };
                let uidls: Vec<_> =
                    all.into_iter().filter(|(_, text)| is_one(text)).map(|one| one.0).collect();
                assert_eq!(remove(store, OURS, &uidls).await.unwrap(), numbers.len() * 2);
            }
            Self::Compact => drop(store.compact().await.unwrap()),
            Self::Restart => {}
        }
        // The writer has done all that it does after an answer.
        store.remove(NOBODY).await.unwrap();
    }
}

/// Does all acts; at the call number `at` what is on the disk is kept, with how many acts were
/// done by then. `None` if there were not so many calls.
async fn killed_at(at: usize) -> Option<(TempDir, usize)> {
    let folder = quick();
    let (calls, done) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let kept: Arc<Mutex<Option<(TempDir, usize)>>> = Arc::default();
    let disk = Disk::behind({
        let (root, kept, done) = (folder.path().to_owned(), Arc::clone(&kept), Arc::clone(&done));
        Arc::new(move |_| {
            if calls.fetch_add(1, Ordering::SeqCst) == at {
                let killed = (image(&root), done.load(Ordering::SeqCst));
                *kept.lock().unwrap() = Some(killed);
            }
            Ok(())
        })
    });
    let mut store = open_with(&disk, folder.path(), &settings()).unwrap();
    for act in ACTS {
        if matches!(act, Act::Restart) {
            drop(store);
            closed(folder.path());
            store = open_with(&disk, folder.path(), &settings()).unwrap();
        } else {
            act.perform(&store).await;
        }
        done.fetch_add(1, Ordering::SeqCst);
    }
    drop(store);
    closed(folder.path());
    kept.lock().unwrap().take()
}

async fn texts(root: &Path) -> Vec<String> {
    let store = open(root, &settings()).unwrap();
    assert_eq!(store.damage(), []);
    let all = contents(&store, OURS).await.unwrap();
    drop(store);
    closed(root);
    all.into_iter().map(|(_, text)| text).collect()
}

fn twice(model: &BTreeMap<usize, String>) -> Vec<String> {
    model.values().flat_map(|text| [text.clone(), text.clone()]).collect()
}

// I1, I2, I3, I5, I8
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_call_it_is_as_before_or_after_the_act() {
    let mut at = 0;
    while let Some((killed, done)) = killed_at(at).await {
        let mut before = BTreeMap::new();
        ACTS[..done].iter().for_each(|act| act.change(&mut before));
        let mut after = before.clone();
        ACTS.get(done).into_iter().for_each(|act| act.change(&mut after));
        let found = texts(killed.path()).await;
        let right = [twice(&before), twice(&after)];
        assert!(right.contains(&found), "call {at}, after {done} acts: {} found", found.len());
        without_index(killed.path());
        assert!(texts(killed.path()).await == found, "call {at}, rebuilt");
        // Room can be given back from there, and nothing comes of it.
        let store = open(killed.path(), &settings()).unwrap();
        store.compact().await.unwrap();
        drop(store);
        closed(killed.path());
        without_index(killed.path());
        assert!(texts(killed.path()).await == found, "call {at}, compacted and rebuilt");
        at += 1;
    }
    assert!(at > 300, "{at} calls");
}

// FORMAT.md, DESTROY
#[tokio::test]
async fn room_is_given_back_and_what_is_gone_stays_gone() {
    let settings = Settings { segment_octets: 8192, big_octets_min: 1 << 20, ..forgetful() };
    let folder = quick();
    let store = open(folder.path(), &settings).unwrap();
    let mut all = Vec::new();
    for number in 0..120 {
        deliver(&store, &[OURS], &text(number, 400)).await.unwrap().pop().unwrap().unwrap();
    }
    all.extend(contents(&store, OURS).await.unwrap());
    let before = segments(folder.path()).len();
    let reader = store.open(OURS, View::default()).await.unwrap();
    // A quarter stays, so that what it is copied to is mostly live, and stays too.
    let kept: Vec<_> = all.iter().step_by(4).cloned().collect();
    let gone: Vec<_> = all.iter().filter(|one| !kept.contains(one)).cloned().collect();
    let uidls: Vec<_> = gone.iter().map(|one| one.0.clone()).collect();
    remove(&store, OURS, &uidls).await.unwrap();
    let compacted = store.compact().await.unwrap();
    assert!(compacted.segments > 5 && compacted.copied < compacted.freed, "{compacted:?}");
    assert_eq!(contents(&store, OURS).await.unwrap(), kept, "ids and unique-ids stay");
    store.remove(NOBODY).await.unwrap();
    assert!(segments(folder.path()).len() >= before, "a snapshot still lists what is there");
    assert_eq!(crate::log::trial::read_all(&*reader).await.unwrap(), all);
    // What was listed before it was moved can be removed by its old listing.
    let mut late = reader;
    let first = late.listing().iter().find(|entry| entry.uidl == kept[0].0).unwrap().number;
    // Into a segment that nothing else keeps.
    Act::Deliver(991, 7000).perform(&store).await;
    Act::Remove(&[991]).perform(&store).await;
    late.commit(&[first]).await.unwrap();
    drop(late);
    for _ in 0..5 {
        // The segment with the DESTROY is given up too, and that of the copy stays.
        Act::Deliver(990, 7000).perform(&store).await;
        Act::Remove(&[990]).perform(&store).await;
        store.compact().await.unwrap();
        store.remove(NOBODY).await.unwrap();
    }
    assert!(segments(folder.path()).len() < before / 2, "{:?}", segments(folder.path()));
    drop(store);
    closed(folder.path());
    for _ in 0..2 {
        without_index(folder.path());
        let store = open(folder.path(), &settings).unwrap();
        assert_eq!(contents(&store, OURS).await.unwrap(), kept[1..], "rebuilt");
        store.compact().await.unwrap();
        drop(store);
        closed(folder.path());
    }
}

// A segment that cannot be removed holds a second copy of what was moved on. When that was removed
// for good, and all segments around are long gone, it must not come back from there.
#[tokio::test]
async fn a_copy_that_stays_behind_brings_nothing_back() {
    for is_restarted in [false, true] {
        let folder = quick();
        let failing = Arc::new(AtomicUsize::new(0));
        let disk = Disk::behind({
            let failing = Arc::clone(&failing);
            Arc::new(move |call| {
                let less = |left: usize| left.checked_sub(1);
                let fails = call == "remove a file"
                    && failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok();
                if fails { Err(std::io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
            })
        });
        let mut store = open_with(&disk, folder.path(), &forgetful()).unwrap();
        Act::Deliver(1, 50).perform(&store).await;
        Act::Deliver(2, 600).perform(&store).await;
        Act::Deliver(3, 1200).perform(&store).await;
        Act::Remove(&[2, 3]).perform(&store).await;
        let behind = segments(folder.path())[0].clone();
        failing.store(1, Ordering::SeqCst);
        Act::Compact.perform(&store).await;
        let moved_to = segments(folder.path()).pop().unwrap();
        assert!(behind.exists() && moved_to != behind, "{moved_to:?}");
        if is_restarted {
            drop(store);
            closed(folder.path());
            store = open_with(&disk, folder.path(), &forgetful()).unwrap();
        }
        Act::Remove(&[1]).perform(&store).await;
        for _ in 0..6 {
            Act::Deliver(2, 600).perform(&store).await;
            Act::Deliver(3, 1200).perform(&store).await;
            Act::Remove(&[2, 3]).perform(&store).await;
            // After a start it is tried again, first of all, and fails again.
            failing.store(usize::from(is_restarted && behind.exists()), Ordering::SeqCst);
            Act::Compact.perform(&store).await;
            if is_restarted {
                drop(store);
                closed(folder.path());
                store = open_with(&disk, folder.path(), &forgetful()).unwrap();
            }
        }
        assert!(behind.exists() && !moved_to.exists(), "{:?}", segments(folder.path()));
        drop(store);
        closed(folder.path());
        without_index(folder.path());
        assert_eq!(texts(folder.path()).await, Vec::<String>::new(), "{is_restarted}");
    }
}

// The header of a segment says where the poisoned one before it ends: it stays as long as that one.
#[tokio::test]
async fn what_was_refused_does_not_come_back_with_compaction() {
    let folder = quick();
    let failing = Arc::new(AtomicUsize::new(0));
    let disk = Disk::behind({
        let failing = Arc::clone(&failing);
        Arc::new(move |call| {
            let less = |left: usize| left.checked_sub(1);
            let fails = call == "sync"
                && failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok();
            if fails { Err(std::io::ErrorKind::Other.into()) } else { Ok(()) }
        })
    });
    let store = open_with(&disk, folder.path(), &settings()).unwrap();
    Act::Deliver(1, 600).perform(&store).await;
    failing.store(1, Ordering::SeqCst);
    for outcome in deliver(&store, &[OURS], &text(2, 300)).await.unwrap() {
        outcome.unwrap_err();
    }
    for number in 3..7 {
        Act::Deliver(number, 900).perform(&store).await;
    }
    Act::Remove(&[3, 4, 5]).perform(&store).await;
    Act::Compact.perform(&store).await;
    Act::Compact.perform(&store).await;
    let expected = contents(&store, OURS).await.unwrap();
    assert_eq!(expected.len(), 4, "the first and the last, twice");
    let killed = image(folder.path());
    without_index(killed.path());
    let found = texts(killed.path()).await;
    assert_eq!(found, expected.into_iter().map(|(_, text)| text).collect::<Vec<_>>());
}
