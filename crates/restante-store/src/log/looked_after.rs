//! What an operator does with a store, through the calls that commands make: counted, given back,
//! backed up, recovered, repaired.

use std::fs;

use mail_wire::MaildropId;

use crate::log::header::HEADER_OCTETS;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{closed, contents, deliver, open, remove, small, text};
use crate::maildir::scratch::quick;
use crate::upkeep::{Advance, Upkeep, Watch};

const OURS: MaildropId = MaildropId::new(1);

/// Goes on to the end.
struct Patient;

impl Watch for Patient {
    fn goes_on(&self, _: &Advance) -> bool {
        true
    }
}

/// Away from the runtime: it waits for writers.
fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

fn settings() -> Settings {
    Settings { segment_octets: 4096, big_octets_min: 3000, ..small() }
}

async fn fill(store: &LogStore) {
    for number in 0..12 {
        let length = if number % 4 == 3 { 4000 } else { 700 };
        deliver(store, &[OURS], &text(number, length)).await.unwrap().pop().unwrap().unwrap();
    }
}

// issue, `store stats`, `store compact`: upkeep.rs says what is counted
#[tokio::test]
async fn what_there_is_is_counted_and_room_is_given_back() {
    let folder = quick();
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store).await;
    let all = contents(&store, OURS).await.unwrap();
    let before = aside(|| store.stats()).unwrap();
    let [shard] = before.shards.as_slice() else { panic!("{before:?}") };
    let files = || {
        let all = fs::read_dir(folder.path().join("s00")).unwrap().map(|entry| entry.unwrap());
        all.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "log"))
            .map(|entry| entry.path())
            .collect::<Vec<_>>()
    };
    assert_eq!((shard.segments, shard.maildrops, shard.messages), (files().len() as u64, 1, 12));
    assert_eq!((shard.long_bodies, shard.is_reserve_held), (3, true));
    assert!(shard.segments > 2 && shard.live > 9 * 700 && shard.live <= shard.octets, "{shard:?}");
    assert!(before.free > 0);
    assert_eq!((before.damaged, before.quarantined), (0, 0));

    let gone: Vec<_> = all[..8].iter().map(|(uidl, _)| uidl.clone()).collect();
    assert_eq!(remove(&store, OURS, &gone).await.unwrap(), 8);
    let first = files().into_iter().min().unwrap();
    let freed = aside(|| Upkeep::compact(&store, None, &Patient)).unwrap();
    assert!(freed.segments > 0 && freed.freed > freed.copied, "{freed:?}");
    assert!(!first.exists());
    assert_eq!(contents(&store, OURS).await.unwrap(), all[8..]);
    let after = aside(|| store.stats()).unwrap();
    assert_eq!((after.shards[0].messages, after.shards[0].long_bodies), (4, 1));
    assert!(after.shards[0].octets < shard.octets, "{after:?}");
}

// issue, `store backup`, `store recover-from`: all that was there at the backup, with the unique-ids
// it had; and a new tag, as nobody knows which were given out since
#[tokio::test]
async fn what_was_backed_up_is_recovered() {
    let (folder, backup, other) = (quick(), quick(), quick());
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store).await;
    let before = contents(&store, OURS).await.unwrap();
    let done = aside(|| store.backup(backup.path(), &Patient)).unwrap();
    assert!(done.files > 3 && done.octets > 9 * 700 + 3 * 4000 && done.copied == done.octets);
    let target = other.path().join("store");
    let settings = settings();
    let recovered =
        aside(|| LogStore::recover_from(backup.path(), &target, &settings, &Patient)).unwrap();
    assert_eq!(
        (recovered.messages, recovered.files, recovered.octets),
        (12, done.files, done.octets)
    );
    assert_ne!(recovered.tag, recovered.earlier);
    closed(&target);
    let again = open(&target, &settings).unwrap();
    assert_eq!(contents(&again, OURS).await.unwrap(), before);
    deliver(&again, &[OURS], &text(50, 10)).await.unwrap().pop().unwrap().unwrap();
    let last = contents(&again, OURS).await.unwrap().pop().unwrap().0;
    assert!(last.starts_with(&recovered.tag) && before[0].0.starts_with(&recovered.earlier));
}

// issue, `store repair`; P-056: what is damaged is told, without opening the store too, until a
// repair has dealt with it
#[tokio::test]
async fn damage_is_told_until_it_is_repaired() {
    let folder = quick();
    let settings = settings();
    let store = open(folder.path(), &settings).unwrap();
    fill(&store).await;
    store.close();
    drop(store);
    closed(folder.path());
    assert_eq!(LogStore::noted_damage(folder.path()).unwrap(), []);
    let path = folder.path().join("s00/00000001.log");
    let mut octets = fs::read(&path).unwrap();
    octets[HEADER_OCTETS + 9] ^= 1;
    fs::write(&path, octets).unwrap();
    fs::remove_file(folder.path().join("s00/index.redb")).unwrap();
    let store = open(folder.path(), &settings).unwrap();
    assert_eq!((Upkeep::damage(&store).len(), aside(|| store.stats()).unwrap().damaged), (1, 1));
    store.close();
    drop(store);
    closed(folder.path());
    assert_eq!(LogStore::noted_damage(folder.path()).unwrap().len(), 1);
    let repaired = aside(|| LogStore::repair(folder.path(), &settings, &Patient)).unwrap();
    assert_eq!((repaired.messages, repaired.stretches.len()), (11, 1));
    closed(folder.path());
    assert_eq!(LogStore::noted_damage(folder.path()).unwrap(), []);
    // Its records are read once more, and what a repair has dealt with is no news.
    fs::remove_file(folder.path().join("s00/index.redb")).unwrap();
    let store = open(folder.path(), &Settings { shows_doubtful: false, ..settings }).unwrap();
    assert_eq!(contents(&store, OURS).await.unwrap().len(), 11);
    let stats = aside(|| store.stats()).unwrap();
    assert_eq!((stats.damaged, stats.quarantined), (0, 1));
}
