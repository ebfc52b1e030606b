//! Upkeep on real folders: what is verified, backed up, recovered and repaired; each call of the
//! disk failing once.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mail_wire::MaildropId;
use tempfile::TempDir;

use crate::disk::Disk as Calls;
use crate::error::StoreError;
use crate::log::disk::Disk;
use crate::log::header::HEADER_OCTETS;
use crate::log::real::RealDisk;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{closed, contents, deliver, image, open, remove, small, text};
use crate::log::upkeep::{backup_to, repair, restore};
use crate::maildir::scratch::quick;
use crate::store::Store;
use crate::upkeep::{Advance, Recovered, Repaired, Upkeep, Verdict, Watch};
use crate::view::View;

const ONE: MaildropId = MaildropId::new(1);
const OTHER: MaildropId = MaildropId::new(2);

/// Goes on to the end.
struct Patient;

impl Watch for Patient {
    fn goes_on(&self, advance: &Advance) -> bool {
        assert!(advance.done <= advance.all, "{advance:?}");
        true
    }
}

/// Ends it after so many words.
struct Impatient(AtomicUsize);

impl Watch for Impatient {
    fn goes_on(&self, _: &Advance) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) > 1
    }
}

/// Upkeep blocks, and may not do so on a runtime's thread.
fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

fn settings() -> Settings {
    Settings {
        shards: 2,
        segment_octets: 8 << 10,
        big_octets_min: 3000,
        shows_doubtful: false,
        ..small()
    }
}

async fn fill(store: &LogStore, from: usize, to: usize) {
    for number in from..to {
        let size = if number % 5 == 4 { 5000 } else { 700 };
        for outcome in deliver(store, &[ONE, OTHER], &text(number, size)).await.unwrap() {
            outcome.unwrap();
        }
    }
}

type Contents = Vec<Vec<(String, String)>>;

async fn all(store: &LogStore) -> Contents {
    vec![contents(store, ONE).await.unwrap(), contents(store, OTHER).await.unwrap()]
}

fn shut(store: LogStore, root: &Path) {
    aside(|| store.close());
    drop(store);
    closed(root);
}

fn disk(path: &Path) -> RealDisk {
    RealDisk::open(Calls::default(), path).unwrap()
}

fn backed_up(store: &LogStore, to: &Path) -> crate::upkeep::BackedUp {
    aside(|| backup_to(store, &disk(to), &Patient)).unwrap()
}

fn restored(backup: &Path) -> Result<(TempDir, Recovered), StoreError> {
    let folder = quick();
    let recovered = aside(|| restore(&disk(backup), &disk(folder.path()), &Patient))?;
    Ok((folder, recovered))
}

async fn holds(root: &Path) -> Contents {
    let store = open(root, &settings()).unwrap();
    let found = all(&store).await;
    shut(store, root);
    found
}

fn verdict(store: &LogStore) -> Verdict {
    aside(|| store.verify(&Patient)).unwrap()
}

// issue: verify on a running store, consistent; I8, I10, I11
#[tokio::test]
async fn a_sound_store_is_found_sound_while_it_is_used() {
    let folder = quick();
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store, 0, 20).await;
    let gone: Vec<String> = all(&store).await[0].iter().take(12).map(|one| one.0.clone()).collect();
    remove(&store, ONE, &gone).await.unwrap();
    let freed = aside(|| Upkeep::compact(&store, None, &Patient)).unwrap();
    let found = verdict(&store);
    assert_eq!(found.findings, []);
    assert_eq!(found.messages, 28);
    let stats = aside(|| store.stats()).unwrap();
    assert_eq!(stats.shards.iter().map(|one| one.messages).sum::<u64>(), 28);
    assert!(stats.shards.iter().all(|one| one.is_reserve_held && one.live <= one.octets));
    assert_eq!((stats.damaged, stats.quarantined), (0, 0));
    // Whatever was given up, what is left is what was there.
    assert!(freed.copied <= freed.freed || freed.segments == 0);
    assert_eq!(all(&store).await[0].len(), 8);
    // It is ended without harm.
    let ended = aside(|| store.verify(&Impatient(AtomicUsize::new(1))));
    assert!(matches!(ended, Err(StoreError::Interrupted)));
}

// issue: every body CRC, and the index held against the segments
#[tokio::test]
async fn what_is_wrong_is_found() {
    let folder = quick();
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store, 0, 6).await;
    shut(store, folder.path());
    let long =
        walk(folder.path()).into_iter().find(|path| path.extension().is_some_and(|e| e == "msg"));
    for path in
        walk(folder.path()).into_iter().filter(|path| path.extension().is_some_and(|e| e == "log"))
    {
        let octets = fs::read(&path).unwrap();
        if octets.len() < 2000 {
            continue;
        }
        // In the body of the first message, which is behind its head and its recipients.
        let copy = image(folder.path());
        let mut octets = octets;
        octets[HEADER_OCTETS + 64 + 200 + 300] ^= 1;
        fs::write(copy.path().join(path.strip_prefix(folder.path()).unwrap()), octets).unwrap();
        let store = open(copy.path(), &settings()).unwrap();
        let found = verdict(&store);
        assert_eq!(found.findings.len(), 1, "{found:?}");
        assert!(found.findings[0].what.contains("not what was written"), "{found:?}");
        assert!(found.findings[0].uidl.is_some() && found.findings[0].maildrop.is_some());
    }
    let copy = image(folder.path());
    let long = long.unwrap();
    fs::remove_file(copy.path().join(long.strip_prefix(folder.path()).unwrap())).unwrap();
    let store = open(copy.path(), &settings()).unwrap();
    let found = verdict(&store);
    assert!(found.findings.iter().any(|one| one.what.contains("is missing")), "{found:?}");
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

// issue: backup is incremental, consistent, from a running server; I4 across a recovery
#[tokio::test]
async fn a_backup_is_of_one_moment_and_grows_with_the_store() {
    let (folder, backup) = (quick(), quick());
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store, 0, 12).await;
    let first = all(&store).await;
    let done = backed_up(&store, backup.path());
    assert_eq!(done.copied, done.octets);
    let again = backed_up(&store, backup.path());
    assert_eq!((again.copied, again.octets), (0, done.octets), "nothing is new");
    let (root, recovered) = restored(backup.path()).unwrap();
    assert_eq!(holds(root.path()).await, first, "I1, I4: octets and unique-ids");
    assert_ne!(recovered.tag, recovered.earlier);

    // Removed, compacted, grown: the next backup has what is there, and no more.
    let gone: Vec<String> = first[0].iter().take(10).map(|one| one.0.clone()).collect();
    remove(&store, ONE, &gone).await.unwrap();
    let gone: Vec<String> = first[1].iter().take(10).map(|one| one.0.clone()).collect();
    remove(&store, OTHER, &gone).await.unwrap();
    aside(|| Upkeep::compact(&store, None, &Patient)).unwrap();
    fill(&store, 12, 16).await;
    let second = all(&store).await;
    let later = backed_up(&store, backup.path());
    assert!(later.copied < later.octets + done.octets && later.removed > 0, "{later:?}");
    let (root, _) = restored(backup.path()).unwrap();
    assert_eq!(holds(root.path()).await, second);
    // I2: what was removed does not come back with the backup.
    assert!(second[0].iter().all(|(uidl, _)| !gone.contains(uidl)));
}

// FORMAT.md, Backup: what the manifest names is there, whole; what somebody took away or cut meanwhile
// is copied again
#[tokio::test]
async fn what_a_backup_has_lost_is_brought_again() {
    let (folder, backup) = (quick(), quick());
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store, 0, 12).await;
    let held = all(&store).await;
    backed_up(&store, backup.path());
    let is_kept = |path: &Path| path.extension().is_some_and(|e| e == "log" || e == "msg");
    for path in walk(backup.path()).into_iter().filter(|path| is_kept(path)) {
        let octets = fs::read(&path).unwrap();
        for lost in [None, Some(octets.len() / 2)] {
            match lost {
                None => fs::remove_file(&path).unwrap(),
                Some(length) => fs::write(&path, &octets[..length]).unwrap(),
            }
            assert_eq!(backed_up(&store, backup.path()).copied, octets.len() as u64);
            assert_eq!(fs::read(&path).unwrap(), octets);
        }
    }
    let (root, _) = restored(backup.path()).unwrap();
    assert_eq!(holds(root.path()).await, held);
}

// rulings 21, issue: "`recover-from` draws a new UIDL tag and says why"
#[tokio::test]
async fn no_unique_id_of_the_lost_store_is_given_out_again() {
    let (folder, backup) = (quick(), quick());
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store, 0, 3).await;
    backed_up(&store, backup.path());
    let before = all(&store).await;
    fill(&store, 3, 6).await;
    let lost: Vec<String> = all(&store).await.concat().into_iter().map(|one| one.0).collect();
    let (root, recovered) = restored(backup.path()).unwrap();
    let store = open(root.path(), &settings()).unwrap();
    fill(&store, 100, 104).await;
    for (old, now) in before.iter().zip(all(&store).await) {
        assert_eq!(now[..old.len()], old[..], "those in the backup keep theirs");
        for (uidl, _) in &now[old.len()..] {
            assert!(!lost.contains(uidl), "{uidl}");
            assert!(uidl.starts_with(&recovered.tag));
        }
    }
    // Once more: three tags, and each message keeps its own.
    let held = all(&store).await;
    backed_up(&store, quick().path());
    let second = quick();
    backed_up(&store, second.path());
    let (root, recovered_again) = restored(second.path()).unwrap();
    assert_eq!(holds(root.path()).await, held);
    assert_eq!(recovered_again.earlier, recovered.tag);
}

// I1: what came in after the backup that was recovered may only be in a later one, whose files
// have the same names, and may have the same lengths
#[tokio::test]
async fn a_recovered_store_is_backed_up_beside_what_was_lost() {
    let (folder, early, late) = (quick(), quick(), quick());
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store, 0, 3).await;
    backed_up(&store, early.path());
    shut(store, folder.path());
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store, 3, 5).await;
    let lost = all(&store).await;
    backed_up(&store, late.path());
    let (root, _) = restored(early.path()).unwrap();
    let store = open(root.path(), &settings()).unwrap();
    fill(&store, 8, 10).await;
    let found = all(&store).await;
    assert!(found != lost && found[0].len() == lost[0].len());
    let refused = aside(|| backup_to(&store, &disk(late.path()), &Patient));
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    let (root, _) = restored(late.path()).unwrap();
    assert_eq!(holds(root.path()).await, lost);
    let beside = quick();
    backed_up(&store, beside.path());
    let (root, _) = restored(beside.path()).unwrap();
    assert_eq!(holds(root.path()).await, found);
}

// An interrupted recovery is never taken for whole, and can be begun again.
#[tokio::test]
async fn half_a_recovery_is_no_store() {
    let (folder, backup) = (quick(), quick());
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store, 0, 8).await;
    let held = all(&store).await;
    backed_up(&store, backup.path());
    let target = quick();
    let ended = aside(|| {
        restore(&disk(backup.path()), &disk(target.path()), &Impatient(AtomicUsize::new(3)))
    });
    assert!(matches!(ended, Err(StoreError::Interrupted)));
    assert!(LogStore::open(target.path(), &settings()).is_err());
    aside(|| restore(&disk(backup.path()), &disk(target.path()), &Patient)).unwrap();
    assert_eq!(holds(target.path()).await, held);
    // A store is never written over.
    let refused = aside(|| restore(&disk(backup.path()), &disk(target.path()), &Patient));
    assert!(matches!(refused, Err(StoreError::Refused { .. })));
    assert_eq!(holds(target.path()).await, held);
    // Nor is a backup that is not what was written.
    let damaged = image(backup.path());
    let path =
        walk(damaged.path()).into_iter().rfind(|path| path.extension().is_some_and(|e| e == "log"));
    let path = path.unwrap();
    let mut octets = fs::read(&path).unwrap();
    octets[100] ^= 1;
    fs::write(&path, octets).unwrap();
    assert!(matches!(restored(damaged.path()), Err(StoreError::Damaged { .. })));
    // Nor a folder that is something else.
    let other = quick();
    fs::write(other.path().join("letters"), "").unwrap();
    let refused = aside(|| backup_to(&store, &disk(other.path()), &Patient));
    assert!(matches!(refused, Err(StoreError::Refused { .. })));
}

/// Calls of which one fails.
fn failing(at: usize, with: io::ErrorKind) -> (Calls, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let disk = Calls::behind(Arc::new(move |_| {
        let fails = counted.fetch_add(1, Ordering::Relaxed) == at;
        if fails { Err(io::Error::from(with)) } else { Ok(()) }
    }));
    (disk, calls)
}

// issue: every step fails through Disk: an error, never a lie; the last backup stays whole
#[tokio::test]
async fn a_backup_that_fails_anywhere_leaves_the_last_one_whole() {
    let (folder, backup) = (quick(), quick());
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store, 0, 5).await;
    let first = all(&store).await;
    backed_up(&store, backup.path());
    let gone: Vec<String> = first[0].iter().take(4).map(|one| one.0.clone()).collect();
    remove(&store, ONE, &gone).await.unwrap();
    fill(&store, 5, 8).await;
    let second = all(&store).await;
    let mut at = 0;
    loop {
        let copy = image(backup.path());
        let with = if at % 2 == 0 { io::ErrorKind::StorageFull } else { io::ErrorKind::Other };
        let (calls, seen) = failing(at, with);
        let outcome = match RealDisk::open(calls, copy.path()) {
            Ok(target) => aside(|| backup_to(&store, &target, &Patient)),
            Err(fault) => Err(StoreError::disk("open", fault)),
        };
        let (root, _) = restored(copy.path()).unwrap();
        let held = holds(root.path()).await;
        assert!(held == second || (outcome.is_err() && held == first), "call {at}: {outcome:?}");
        // The next one goes on from there.
        backed_up(&store, copy.path());
        let (root, _) = restored(copy.path()).unwrap();
        assert_eq!(holds(root.path()).await, second, "call {at}");
        if seen.load(Ordering::Relaxed) <= at {
            assert!(outcome.is_ok());
            break;
        }
        at += 1;
    }
    assert!(at > 30, "{at}");
}

#[tokio::test]
async fn a_recovery_that_fails_anywhere_is_no_store_or_a_whole_one() {
    let (folder, backup) = (quick(), quick());
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store, 0, 5).await;
    let held = all(&store).await;
    backed_up(&store, backup.path());
    for side in 0..2 {
        let mut at = 0;
        loop {
            let target = quick();
            let (calls, seen) = failing(at, io::ErrorKind::Other);
            let (from, to) =
                if side == 0 { (calls, Calls::default()) } else { (Calls::default(), calls) };
            let outcome = (|| {
                let fault = |fault| StoreError::disk("open", fault);
                let from = RealDisk::open(from, backup.path()).map_err(fault)?;
                let to = RealDisk::open(to, target.path()).map_err(fault)?;
                aside(|| restore(&from, &to, &Patient))
            })();
            if outcome.is_err() {
                match LogStore::open(target.path(), &settings()) {
                    // Before anything was begun, or when FORMAT is there: then all is.
                    Ok(store) => {
                        let found = all(&store).await;
                        assert!(found == held || found.concat().is_empty(), "call {at}");
                        let names = fs::read_dir(target.path()).unwrap().count();
                        assert!(found == held || names > 0, "call {at}");
                        shut(store, target.path());
                    }
                    Err(StoreError::Damaged { .. }) => {
                        aside(|| restore(&disk(backup.path()), &disk(target.path()), &Patient))
                            .unwrap();
                        assert_eq!(holds(target.path()).await, held, "call {at}");
                    }
                    Err(other) => panic!("call {at}: {other}"),
                }
            }
            if seen.load(Ordering::Relaxed) <= at {
                assert!(outcome.is_ok());
                break;
            }
            at += 1;
        }
        assert!(at > 10, "{at}");
    }
}

fn repaired(root: &Path) -> Repaired {
    let disk: Arc<dyn Disk> = Arc::new(disk(root));
    let done = aside(|| repair(&disk, "here", &settings(), &Patient)).unwrap();
    closed(root);
    done
}

// issue: repair gives back everything that is whole, and says exactly what is lost
#[tokio::test]
async fn a_repair_names_what_is_lost_and_opens_the_rest() {
    let folder = quick();
    let store = open(folder.path(), &Settings { shards: 1, ..settings() }).unwrap();
    fill(&store, 0, 4).await;
    let held = all(&store).await;
    shut(store, folder.path());
    let path = walk(folder.path()).into_iter().find(|path| path.ends_with("00000001.log")).unwrap();
    let octets = fs::read(&path).unwrap();
    // The first record is for both maildrops: its head, and its body.
    for (place, has_index) in [(9, true), (9, false), (564, true), (564, false)] {
        let copy = image(folder.path());
        let mut octets = octets.clone();
        octets[HEADER_OCTETS + place] ^= 1;
        fs::write(copy.path().join(path.strip_prefix(folder.path()).unwrap()), octets).unwrap();
        if !has_index {
            fs::remove_file(copy.path().join("s00/index.redb")).unwrap();
            let store = open(copy.path(), &settings()).unwrap();
            assert_eq!(store.open(ONE, View::default()).await.is_err(), place == 9, "P-056");
            shut(store, copy.path());
        }
        let done = repaired(copy.path());
        if has_index || place != 9 {
            let lost: Vec<_> = done.lost.iter().map(|one| one.uidl.clone().unwrap()).collect();
            assert_eq!(lost, [held[0][0].0.clone(), held[1][0].0.clone()], "{place}");
        } else {
            assert_eq!(done.lost, [], "nobody can know");
            assert_eq!(done.stretches.len(), 1);
        }
        assert_eq!(done.messages, 6);
        // Everything else is there, and is shown.
        let found = holds(copy.path()).await;
        assert_eq!(found, [held[0][1..].to_vec(), held[1][1..].to_vec()], "{place}");
        assert!(fs::read_dir(copy.path().join("quarantine")).unwrap().count() > 0);
        // Once more changes nothing, and what was dealt with is no news.
        let again = repaired(copy.path());
        assert_eq!((again.lost.len(), again.stretches.len(), again.messages), (0, 0, 6));
        assert_eq!(holds(copy.path()).await, found);
    }
}

// upkeep.rs, Repaired: what is left of a message that is lost is in quarantine
#[tokio::test]
async fn a_long_message_that_is_damaged_is_kept_for_people() {
    let folder = quick();
    let store = open(folder.path(), &Settings { shards: 1, ..settings() }).unwrap();
    fill(&store, 0, 5).await;
    let held = all(&store).await;
    shut(store, folder.path());
    let is_long = |path: &std::path::PathBuf| path.extension().is_some_and(|e| e == "msg");
    let path = walk(folder.path()).into_iter().find(is_long).unwrap();
    let mut octets = fs::read(&path).unwrap();
    octets[2000] ^= 1;
    fs::write(&path, &octets).unwrap();
    let done = repaired(folder.path());
    assert_eq!(done.lost.len(), 2, "both have it: {done:?}");
    assert_eq!(holds(folder.path()).await, [held[0][..4].to_vec(), held[1][..4].to_vec()]);
    let kept: Vec<_> =
        walk(&folder.path().join("quarantine")).into_iter().filter(is_long).collect();
    assert_eq!(kept.len(), 1);
    assert!(fs::read(&kept[0]).unwrap() == octets, "all that is left of it");
    assert_eq!(repaired(folder.path()).lost, []);
}

// The same of a copy that was begun, on a full disk or before a crash, and not ended.
#[tokio::test]
async fn half_a_copy_in_quarantine_is_none() {
    let folder = quick();
    let store = open(folder.path(), &Settings { shards: 1, ..settings() }).unwrap();
    fill(&store, 0, 2).await;
    shut(store, folder.path());
    let path = folder.path().join("s00/00000001.log");
    let mut octets = fs::read(&path).unwrap();
    octets[HEADER_OCTETS + 564] ^= 1;
    fs::write(&path, &octets).unwrap();
    fs::create_dir(folder.path().join("quarantine")).unwrap();
    let kept = folder.path().join(format!("quarantine/s00-00000001-{HEADER_OCTETS}"));
    fs::write(&kept, &octets[HEADER_OCTETS..HEADER_OCTETS + 100]).unwrap();
    assert_eq!(repaired(folder.path()).lost.len(), 2);
    let whole = fs::read(kept.with_extension("seen")).unwrap();
    assert!(whole.len() > 700 && octets[HEADER_OCTETS..].starts_with(&whole), "{}", whole.len());
}

// The index is derived: whatever became of it, all is given back.
#[tokio::test]
async fn an_index_that_is_made_anew_says_the_same() {
    let folder = quick();
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store, 0, 6).await;
    let held = all(&store).await;
    shut(store, folder.path());
    let stats = aside(|| LogStore::rebuild_index(folder.path(), &settings(), &Patient)).unwrap();
    assert_eq!(stats.shards.iter().map(|shard| shard.messages).sum::<u64>(), 12);
    closed(folder.path());
    assert_eq!(holds(folder.path()).await, held);
    let store = open(folder.path(), &settings()).unwrap();
    assert_eq!(verdict(&store).findings, []);
    let refused = aside(|| LogStore::rebuild_index(folder.path(), &settings(), &Patient));
    assert!(matches!(refused, Err(StoreError::Locked { .. })), "it is open");
}

// A repair that fails anywhere can be done again, and nothing that is whole is lost by it.
#[tokio::test]
async fn a_repair_that_fails_anywhere_loses_nothing() {
    let folder = quick();
    let settings = Settings { shards: 1, ..settings() };
    let store = open(folder.path(), &settings).unwrap();
    fill(&store, 0, 3).await;
    let held = all(&store).await;
    shut(store, folder.path());
    let path = folder.path().join("s00/00000001.log");
    let mut octets = fs::read(&path).unwrap();
    octets[HEADER_OCTETS + 564] ^= 1;
    fs::write(&path, octets).unwrap();
    let mut at = 0;
    loop {
        let copy = image(folder.path());
        let (calls, seen) = failing(at, io::ErrorKind::Other);
        let outcome = RealDisk::open(calls, copy.path())
            .map_err(|fault| StoreError::disk("open", fault))
            .and_then(|disk| {
                let disk: Arc<dyn Disk> = Arc::new(disk);
                aside(|| repair(&disk, "here", &settings, &Patient))
            });
        closed(copy.path());
        repaired(copy.path());
        let found = holds(copy.path()).await;
        assert_eq!(found, [held[0][1..].to_vec(), held[1][1..].to_vec()], "call {at}");
        if seen.load(Ordering::Relaxed) <= at {
            assert!(outcome.is_ok());
            break;
        }
        // A few in between are enough: each takes two openings.
        at += 3;
    }
    assert!(at > 60, "{at}");
}
