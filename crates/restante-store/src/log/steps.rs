//! Room is given back in steps: nobody waits for a whole segment, and what ends half way is found
//! again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mail_wire::{After, Delete, MaildropId, MessageNumber, Retention};
use tempfile::TempDir;

use crate::custody::{Aside, Offer};
use crate::error::StoreError;
use crate::log::counted::{Counted, Counts};
use crate::log::disk::Disk;
use crate::log::queue::Job;
use crate::log::real::RealDisk;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{contents, deliver, open, remove, segments, small, text, without_index};
use crate::log::writer::Writer;
use crate::maildir::scratch::quick;
use crate::pool::Pool;
use crate::store::Store;
use crate::view::View;

const OURS: MaildropId = MaildropId::new(1);

fn settings() -> Settings {
    Settings {
        segment_octets: 20 << 20,
        compacts_by_itself: true,
        checkpoint_messages: 1,
        ..small()
    }
}

/// A store whose writer does what it is told to, when it is told to.
struct Still {
    store: LogStore,
    writer: Writer,
    counts: Arc<Counts>,
    /// Milliseconds since 1970.
    now: Arc<AtomicU64>,
}

impl Still {
    fn open(folder: &TempDir) -> Self {
        Self::open_with(folder, &settings())
    }

    fn open_with(folder: &TempDir, settings: &Settings) -> Self {
        let counts = Arc::new(Counts::default());
        let real = RealDisk::open(crate::disk::Disk::default(), folder.path()).unwrap();
        let now = Arc::new(AtomicU64::new(1_790_000_000_000));
        let disk: Arc<dyn Disk> =
            Arc::new(Counted { disk: real, counts: Arc::clone(&counts), now: Arc::clone(&now) });
        let pool = Pool::new(1, 1);
        let (store, mut writers) = LogStore::assemble(&disk, "a", settings, pool).unwrap();
        let mut writer = writers.pop().unwrap();
        writer.begin();
        Self { store, writer, counts, now }
    }

    /// One turn of the writer; answers how much it wrote to the log.
    fn turn(&mut self) -> u64 {
        let before = self.counts.log.load(Ordering::SeqCst);
        let jobs = self.writer.shard().queue.take(Some(Duration::ZERO)).unwrap();
        self.writer.work(jobs);
        self.counts.log.load(Ordering::SeqCst) - before
    }

    /// Turns until this is done.
    async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                outcome = &mut work => return outcome,
                () = tokio::task::yield_now() => drop(self.turn()),
            }
        }
    }

    /// A message of about 900,000 octets.
    async fn deliver(&mut self, number: usize) {
        let store = self.store.clone();
        let work = async move { deliver(&store, &[OURS], &text(number, 900_000)).await };
        self.during(work).await.unwrap().pop().unwrap().unwrap();
    }

    /// Removes all messages but each third.
    async fn thin_out(&mut self) -> Vec<(String, String)> {
        let store = self.store.clone();
        let work = async move {
            let all = contents(&store, OURS).await.unwrap();
            let gone = all.iter().enumerate().filter(|(place, _)| place % 3 != 0);
            let uidls: Vec<_> = gone.map(|(_, (uidl, _))| uidl.clone()).collect();
            remove(&store, OURS, &uidls).await.unwrap();
            all.into_iter().step_by(3).collect()
        };
        self.during(work).await
    }

    async fn contents(&mut self) -> Vec<(String, String)> {
        let store = self.store.clone();
        self.during(async move { contents(&store, OURS).await.unwrap() }).await
    }
}

/// A segment of which a third is live, and the messages.
async fn thinned(still: &mut Still) -> Vec<(String, String)> {
    for number in 0..26 {
        still.deliver(number).await;
    }
    still.thin_out().await
}

// design §3, rulings: compaction goes on between commits
#[tokio::test]
async fn a_step_copies_a_few_mebibytes_at_most() {
    let folder = quick();
    let mut still = Still::open(&folder);
    let kept = thinned(&mut still).await;
    let first = segments(folder.path())[0].clone();
    let mut steps = 0;
    for _ in 0..50 {
        let written = still.turn();
        assert!(written <= (5 << 20), "{written} in one step");
        steps += usize::from(written > 0);
    }
    assert!(!first.exists() && steps >= 2, "{steps}");
    assert_eq!(still.contents().await, kept);
}

// FORMAT.md, Compaction: what was begun and not ended is found again, copies nothing twice, and
// brings nothing back
#[tokio::test]
async fn what_ends_half_way_is_found_again() {
    for is_rebuilt in [false, true] {
        let folder = quick();
        let mut still = Still::open(&folder);
        let mut kept = thinned(&mut still).await;
        let first = segments(folder.path())[0].clone();
        // The first step or so, and then it ends as it stands.
        assert!(first.exists());
        if still.turn() == 0 {
            still.turn();
        }
        assert!(first.exists(), "it was given up in one step");
        // One that was copied by then is removed, and so is one that was not.
        let gone = [kept.remove(0), kept.pop().unwrap()].map(|(uidl, _)| uidl);
        {
            // The writer must not go on meanwhile: the removal is a job of its own.
            let store = still.store.clone();
            let work = async move { remove(&store, OURS, &gone).await.unwrap() };
            assert_eq!(still.during(work).await, 2);
        }
        drop(still);
        if is_rebuilt {
            without_index(folder.path());
        }
        let mut still = Still::open(&folder);
        assert_eq!(still.contents().await, kept);
        for _ in 0..20 {
            still.turn();
        }
        assert!(!first.exists(), "found again");
        assert_eq!(still.contents().await, kept);
        drop(still);
        without_index(folder.path());
        let mut still = Still::open(&folder);
        assert_eq!(still.contents().await, kept, "rebuilt: {is_rebuilt}");
    }
}

// FORMAT.md, MARK: the value with the highest stamp counts, in whatever order they are read
#[tokio::test]
async fn a_mark_that_is_carried_on_undoes_no_later_one() {
    let folder = quick();
    let mut still = Still::open(&folder);
    still.deliver(0).await;
    let store = still.store.clone();
    let withhold = async move {
        let view = View { delete: Delete::Hold(Duration::from_secs(1)), ..View::default() };
        let mut session = store.open(OURS, view).await.unwrap();
        session.commit(&[MessageNumber::from_index(0).unwrap()]).await.unwrap();
        store.custody().unwrap().withheld(OURS).await.unwrap()[0].id
    };
    let held = still.during(withhold).await;
    for number in 1..26 {
        still.deliver(number).await;
    }
    let store = still.store.clone();
    let restore = async move {
        store.custody().unwrap().restore(OURS, vec![held], Offer::AsItWas).await.unwrap();
    };
    still.during(restore).await;
    let kept = still.thin_out().await;
    let first = segments(folder.path())[0].clone();
    still.now.fetch_add(60_000, Ordering::SeqCst);
    for turn in 0..50 {
        still.turn();
        // Without the writer: at every moment.
        assert_eq!(contents(&still.store, OURS).await.unwrap().len(), kept.len(), "{turn}");
        assert_eq!(still.store.custody().unwrap().withheld(OURS).await.unwrap(), [], "{turn}");
    }
    assert!(!first.exists());
}

/// So many messages, small ones, of one delivery.
async fn deliver_many(still: &mut Still, count: usize) {
    let store = still.store.clone();
    let work = async move { deliver(&store, &vec![OURS; count], &text(1, 10)).await.unwrap() };
    assert!(still.during(work).await.iter().all(Result::is_ok));
}

// performance.md: who delivers waits for no expiry of a whole maildrop
#[tokio::test]
async fn an_expiry_goes_on_between_commits() {
    let folder = quick();
    let mut still = Still::open(&folder);
    deliver_many(&mut still, 5000).await;
    let store = still.store.clone();
    let retention = Some(Retention { days: 0, after: After::Delivery });
    let mut work =
        std::pin::pin!(
            async move { store.custody().unwrap().expire(OURS, retention).await.unwrap() }
        );
    let mut left = 5000;
    let expired = loop {
        tokio::select! {
            biased;
            expired = &mut work => break expired,
            () = tokio::task::yield_now() => drop(still.turn()),
        }
        let now = still.writer.shard().entries(OURS.get()).unwrap().len();
        assert!(left - now <= 2000, "{left} to {now}");
        left = now;
    };
    assert_eq!((expired, left), (5000, 0));
}

// custody.rs: what was held is destroyed when its time is over, however much that is
#[tokio::test]
async fn all_that_is_due_goes_look_by_look() {
    let folder = quick();
    let mut still =
        Still::open_with(&folder, &Settings { checkpoint_messages: 25_000, ..settings() });
    deliver_many(&mut still, 20_001).await;
    let store = still.store.clone();
    let work = async move {
        let view = View { delete: Delete::Hold(Duration::from_secs(1)), ..View::default() };
        let mut session = store.open(OURS, view).await.unwrap();
        let all: Vec<_> = session.listing().iter().map(|entry| entry.number).collect();
        session.commit(&all).await.unwrap();
    };
    still.during(work).await;
    let left = |still: &Still| still.writer.shard().entries(OURS.get()).unwrap().len();
    for wanted in [10_001, 1, 0] {
        still.now.fetch_add(10 * 60_000, Ordering::SeqCst);
        still.turn();
        assert_eq!(left(&still), wanted);
    }
}

// store.rs, usage: cheap; it is not counted again for what changes nothing of it
#[tokio::test]
async fn what_a_maildrop_holds_stays_known() {
    let folder = quick();
    let mut still = Still::open(&folder);
    deliver_many(&mut still, 3).await;
    let store = still.store.clone();
    let usage = store.usage(OURS).await.unwrap();
    let id = store.open(OURS, View::default()).await.unwrap().listing().iter().next().unwrap().id;
    let known = |still: &Still| still.writer.shard().usages.peek(OURS.get());
    let custody = store.custody().unwrap();
    still.during(custody.died(OURS, id)).await.unwrap();
    assert_eq!(known(&still), Some(usage));
    still.during(custody.set_aside(OURS, id, Aside::Asked)).await.unwrap();
    assert_eq!(known(&still), None);
    assert_eq!(store.usage(OURS).await.unwrap().messages, 2);
    still.during(custody.restore(OURS, vec![id], Offer::AsItWas)).await.unwrap();
    assert_eq!(store.usage(OURS).await.unwrap(), usage);
}

// custody.rs, restore: an error if one of them was destroyed, also a moment ago
#[tokio::test]
async fn what_is_destroyed_meanwhile_is_not_said_to_be_restored() {
    let folder = quick();
    let mut still = Still::open_with(&folder, &small());
    deliver_many(&mut still, 2).await;
    let store = still.store.clone();
    let session = store.open(OURS, View::default()).await.unwrap();
    let ids: Vec<_> = session.listing().iter().map(|entry| entry.id).collect();
    let view = View { delete: Delete::Hold(Duration::from_hours(24)), ..View::default() };
    let mut session = store.open(OURS, view).await.unwrap();
    let both = [1, 2].map(|number| MessageNumber::new(number).unwrap());
    still.during(session.commit(&both)).await.unwrap();
    let queue = &Arc::clone(still.writer.shard()).queue;
    let custody = store.custody().unwrap();
    // It has looked and waits for its turn, behind what destroys the first.
    let mut released = custody.release(OURS, vec![ids[0]]);
    let mut restored = custody.restore(OURS, ids.clone(), Offer::AsItWas);
    for (waiting, which) in [(1, 0), (2, 1)] {
        while queue.waiting() < waiting {
            tokio::select! {
                biased;
                _ = &mut released, if which == 0 => panic!("nobody does anything"),
                _ = &mut restored, if which == 1 => panic!("nobody does anything"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    let restored = still.during(restored).await;
    assert!(matches!(restored, Err(StoreError::Absent { .. })), "{restored:?}");
    assert_eq!(still.during(released).await.unwrap(), 1);
    let session = store.open(OURS, View::default()).await.unwrap();
    assert_eq!(session.listing().iter().map(|entry| entry.id).collect::<Vec<_>>(), [ids[1]]);
}

// store.rs, compact: answered when the segment was given up, also if nobody asks for anything meanwhile and
// it takes several steps
#[tokio::test]
async fn who_asks_for_room_need_not_wait_for_others() {
    let folder = quick();
    let store = open(folder.path(), &Settings { compacts_by_itself: false, ..settings() }).unwrap();
    for number in 0..26 {
        deliver(&store, &[OURS], &text(number, 900_000)).await.unwrap().pop().unwrap().unwrap();
    }
    let all = contents(&store, OURS).await.unwrap();
    let gone = all.iter().enumerate().filter(|(place, _)| place % 3 != 0);
    let uidls: Vec<_> = gone.map(|(_, (uidl, _))| uidl.clone()).collect();
    remove(&store, OURS, &uidls).await.unwrap();
    let compacted = store.compact().await.unwrap();
    assert!(compacted.segments == 1 && compacted.copied > 4 << 20, "{compacted:?}");
}

// store.rs, deliver: nothing is refused for the sake of an index that can be brought up to date
#[tokio::test]
async fn no_message_is_refused_while_the_index_follows() {
    let folder = quick();
    let store = open(folder.path(), &Settings { checkpoint_messages: 1, ..small() }).unwrap();
    for number in 0..100 {
        deliver(&store, &[OURS], &text(number, 10)).await.unwrap().pop().unwrap().unwrap();
    }
    assert_eq!(contents(&store, OURS).await.unwrap().len(), 100);
}

// A segment that a session kept goes when that ends: whoever began to look meanwhile has no use
// for it.
#[tokio::test]
async fn what_was_given_up_before_is_missed_by_nobody() {
    let folder = quick();
    let mut still = Still::open(&folder);
    for number in 0..26 {
        still.deliver(number).await;
    }
    let session = still.store.open(OURS, View::default()).await.unwrap();
    let kept = still.thin_out().await;
    for _ in 0..50 {
        still.turn();
    }
    let first = segments(folder.path())[0].clone();
    let shard = Arc::clone(still.writer.shard());
    let at = shard.snapshots.begin();
    let (answer, answered) = tokio::sync::oneshot::channel();
    shard.queue.push(Job::Still(answer)).unwrap();
    still.turn();
    let moment = answered.await.unwrap().unwrap();
    drop(session);
    still.turn();
    assert!(!first.exists());
    for number in moment.segments.keys() {
        assert!(shard.segments.file(*number).is_ok(), "{number}");
    }
    shard.snapshots.end(at);
    assert_eq!(still.contents().await, kept);
}
