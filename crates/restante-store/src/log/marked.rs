//! What is laid over messages, against the store in memory, which does it in the plainest way;
//! torn at every octet; and when its time is over.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mail_wire::{After, Delete, MaildropId, MessageId, MessageNumber, Retention, Views};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::custody::{Aside, Cause, Custody, Happened, Offer, WithheldMessage};
use crate::disk;
use crate::log::counted::Counted;
use crate::log::disk::Disk;
use crate::log::real::RealDisk;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{
    closed, contents, deliver, image, open, segments, small, text, without_index,
};
use crate::maildir::scratch::quick;
use crate::memory::MemoryStore;
use crate::store::{Incoming, Provenance, Recipient, Store};
use crate::view::View;

const OURS: MaildropId = MaildropId::new(1);
const NOBODY: MaildropId = MaildropId::new(9);
/// Who is told of nothing by then is never told.
const HANGS_AFTER: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_hours(24);

#[derive(Clone, Debug)]
enum Act {
    Deliver(usize),
    /// As this credential, of three; what it sees and whose bit is set.
    Delete(u64, How, u16),
    Restore(Offer, u16),
    Release(u16),
    SetAside(usize),
    Died(usize),
    Survived(usize),
    Expire,
    Compact,
    Restart,
    Kill,
    KillWithoutIndex,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Destroy,
    Hold,
    HoldForNoTime,
    ForOne,
    ForOneAndHold,
}

impl How {
    fn view(self, credential: u64) -> View {
        let others: Vec<u64> = (0..3).filter(|other| *other != credential).collect();
        let (delete, views) = match self {
            Self::Destroy => (Delete::Destroy, Views::Shared),
            Self::Hold => (Delete::Hold(DAY), Views::Shared),
            Self::HoldForNoTime => (Delete::Hold(Duration::ZERO), Views::Shared),
            Self::ForOne => (Delete::Destroy, Views::PerCredential),
            Self::ForOneAndHold => (Delete::Hold(DAY), Views::PerCredential),
        };
        View { credential, delete, views, others, ..View::default() }
    }
}

fn act() -> impl Strategy<Value = Act> {
    let how = prop_oneof![
        1 => Just(How::Destroy),
        2 => Just(How::Hold),
        1 => Just(How::HoldForNoTime),
        5 => Just(How::ForOne),
        1 => Just(How::ForOneAndHold),
    ];
    let offer = prop_oneof![Just(Offer::AsItWas), Just(Offer::AsNew)];
    prop_oneof![
        8 => prop_oneof![3 => 0_usize..300, 1 => 2500_usize..4000].prop_map(Act::Deliver),
        8 => (0_u64..3, how, any::<u16>()).prop_map(|(who, how, which)| Act::Delete(who, how, which)),
        2 => (offer, any::<u16>()).prop_map(|(offer, which)| Act::Restore(offer, which)),
        1 => any::<u16>().prop_map(Act::Release),
        1 => (0_usize..8).prop_map(Act::SetAside),
        2 => (0_usize..8).prop_map(Act::Died),
        1 => (0_usize..8).prop_map(Act::Survived),
        1 => Just(Act::Expire),
        3 => Just(Act::Compact),
        1 => Just(Act::Restart),
        2 => Just(Act::Kill),
        1 => Just(Act::KillWithoutIndex),
    ]
}

/// A credential that nobody hides anything from.
const WATCHER: u64 = 99;

/// Size, held, set aside, hidden from, deaths.
type Plain = (u64, bool, Option<Aside>, Vec<u64>, u32);

/// What a store shows, but for what differs between two: ids, unique-ids and times.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    listings: Vec<Vec<u64>>,
    withheld: Vec<Plain>,
    usage: crate::store::Usage,
}

/// All messages of a store that are there, in order: id and size.
async fn all(store: &dyn Store) -> Vec<(MessageId, u64)> {
    let listed = listing(store, WATCHER).await;
    let hidden = store.custody().unwrap().withheld(OURS).await.unwrap();
    let mut all = listed;
    all.extend(hidden.iter().map(|one| (one.id, one.octets.get())));
    all.sort();
    all.dedup();
    all
}

async fn listing(store: &dyn Store, credential: u64) -> Vec<(MessageId, u64)> {
    let view = View { credential, ..View::default() };
    let maildrop = store.open(OURS, view).await.unwrap();
    maildrop.listing().iter().map(|entry| (entry.id, entry.octets.get())).collect()
}

async fn seen(store: &dyn Store) -> Seen {
    let mut listings = Vec::new();
    for credential in [0, 1, 2, WATCHER] {
        let listed = listing(store, credential).await;
        listings.push(listed.into_iter().map(|(_, octets)| octets).collect());
    }
    let withheld = store.custody().unwrap().withheld(OURS).await.unwrap();
    let plain = |one: WithheldMessage| {
        let is_held = one.held_until.is_some();
        (one.octets.get(), is_held, one.set_aside, one.hidden_from, one.deaths)
    };
    let usage = store.usage(OURS).await.unwrap();
    Seen { listings, withheld: withheld.into_iter().map(plain).collect(), usage }
}

/// Does it, and answers with what was answered.
async fn perform(store: &dyn Store, act: &Act, delivered: usize) -> String {
    let custody = store.custody().unwrap();
    let every = all(store).await;
    let marked = |which: u16| -> Vec<MessageId> {
        let is_marked = |place: usize| which >> (place % 16) & 1 == 1;
        every
            .iter()
            .enumerate()
            .filter(|(place, _)| is_marked(*place))
            .map(|(_, one)| one.0)
            .collect()
    };
    let one = |place: usize| every.get(place).map_or(MessageId::new(0), |one| one.0);
    match act {
        Act::Deliver(length) => {
            let recipients = vec![Recipient::new(OURS, Vec::new())];
            let incoming = Incoming {
                recipients,
                form: mail_wire::Form::Text,
                utf8: false,
                provenance: Provenance::default(),
            };
            let mut delivery = store.deliver(incoming).await.unwrap();
            // Of a length that no other has.
            let line = "x".repeat(delivered + 1) + "\r\n";
            delivery.write((text(delivered, *length) + &line).as_bytes()).unwrap();
            delivery.commit().await.pop().unwrap().unwrap();
            String::new()
        }
        Act::Delete(credential, how, which) => {
            let mut maildrop = store.open(OURS, how.view(*credential)).await.unwrap();
            let chosen = marked(*which);
            let numbers: Vec<MessageNumber> = maildrop
                .listing()
                .iter()
                .filter(|entry| chosen.contains(&entry.id))
                .map(|entry| entry.number)
                .collect();
            format!("{:?}", maildrop.commit(&numbers).await.unwrap())
        }
        Act::Restore(offer, which) => {
            let restored = custody.restore(OURS, marked(*which), *offer).await;
            restored.unwrap().len().to_string()
        }
        Act::Release(which) => custody.release(OURS, marked(*which)).await.unwrap().to_string(),
        Act::SetAside(place) => {
            custody.set_aside(OURS, one(*place), Aside::Deaths).await.is_ok().to_string()
        }
        Act::Died(place) => format!("{:?}", custody.died(OURS, one(*place)).await.ok()),
        Act::Survived(place) => custody.survived(OURS, one(*place)).await.is_ok().to_string(),
        Act::Expire => {
            // What was held for no time may have gone by itself.
            custody.expire(OURS, None).await.unwrap();
            String::new()
        }
        Act::Compact | Act::Restart | Act::Kill | Act::KillWithoutIndex => String::new(),
    }
}

/// Another process on the same disk: after an end in good order, or after a kill.
async fn between(
    folder: &mut TempDir,
    store: LogStore,
    settings: &Settings,
    act: &Act,
) -> LogStore {
    match act {
        Act::Compact => {
            store.compact().await.unwrap();
            return store;
        }
        Act::Restart => {
            drop(store);
            closed(folder.path());
        }
        Act::Kill | Act::KillWithoutIndex => {
            let killed = image(folder.path());
            drop(store);
            *folder = killed;
            if matches!(act, Act::KillWithoutIndex) {
                without_index(folder.path());
            }
        }
        _ => return store,
    }
    open(folder.path(), settings).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    // I1, I2, I4, I8, I11; product §§5, 6
    #[test]
    fn the_log_does_what_memory_does(
        segment_octets in prop_oneof![Just(2048_u64), Just(128 << 10)],
        checkpoint_messages in 1_usize..12,
        acts in proptest::collection::vec(act(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let settings =
                Settings { segment_octets, checkpoint_messages, big_octets_min: 2000, ..small() };
            let mut folder = quick();
            let mut store = open(folder.path(), &settings).unwrap();
            let memory = MemoryStore::new();
            for (number, act) in acts.iter().enumerate() {
                let answers = [
                    perform(&store, act, number).await,
                    perform(&memory, act, number).await,
                ];
                assert_eq!(answers[0], answers[1], "{act:?}");
                store = between(&mut folder, store, &settings, act).await;
                // What has no time left may go by itself, in the one earlier than in the other.
                for one in [&store as &dyn Store, &memory] {
                    one.custody().unwrap().expire(OURS, None).await.unwrap();
                }
                assert_eq!(seen(&store).await, seen(&memory).await, "{act:?}");
            }
            assert_eq!(store.damage(), []);
        });
    }
}

async fn delete(store: &LogStore, view: View, which: &[u32]) {
    let mut maildrop = store.open(OURS, view).await.unwrap();
    let numbers: Vec<_> = which.iter().filter_map(|number| MessageNumber::new(*number)).collect();
    maildrop.commit(&numbers).await.unwrap();
}

async fn ids(store: &LogStore) -> Vec<MessageId> {
    listing(store, WATCHER).await.into_iter().map(|(id, _)| id).collect()
}

async fn torn_everywhere(prepare: impl AsyncFn(&LogStore), last: impl AsyncFn(&LogStore)) {
    let folder = quick();
    let store = open(folder.path(), &small()).unwrap();
    for number in 0..4 {
        deliver(&store, &[OURS], &text(number, 40 * number)).await.unwrap().pop().unwrap().unwrap();
    }
    prepare(&store).await;
    let before = (seen(&store).await, contents(&store, OURS).await.unwrap());
    let start = end_of(folder.path());
    last(&store).await;
    let after = (seen(&store).await, contents(&store, OURS).await.unwrap());
    assert!(before != after);
    let whole = image(folder.path());
    let end = end_of(whole.path());
    let path = segments(whole.path()).pop().unwrap();
    let octets = fs::read(&path).unwrap();
    for at in start..=end {
        let mut torn = octets.clone();
        torn[at..].fill(0);
        fs::write(&path, torn).unwrap();
        for is_rebuilt in [false, true] {
            let copy = image(whole.path());
            if is_rebuilt {
                without_index(copy.path());
            }
            let store = open(copy.path(), &small()).unwrap();
            let found = (seen(&store).await, contents(&store, OURS).await.unwrap());
            let is_whole = octets[at..].iter().all(|octet| *octet == 0);
            assert!(found == if is_whole { after.clone() } else { before.clone() }, "{at}");
            assert_eq!(store.damage(), []);
        }
    }
}

/// Where the records of the last segment end.
fn end_of(root: &Path) -> usize {
    let octets = fs::read(segments(root).pop().unwrap()).unwrap();
    octets.iter().rposition(|octet| *octet != 0).unwrap() + 1
}

// I3; FORMAT.md, Groups
#[tokio::test]
async fn an_update_that_destroys_and_hides_is_whole_or_not_there() {
    let laptop = How::ForOne.view(0);
    let prepare = async |store: &LogStore| {
        delete(store, How::ForOne.view(1), &[1, 2]).await;
        delete(store, How::ForOne.view(2), &[1]).await;
    };
    let last = async |store: &LogStore| delete(store, laptop.clone(), &[1, 2, 3]).await;
    torn_everywhere(prepare, last).await;
}

// FORMAT.md, Groups: neither lost nor there twice
#[tokio::test]
async fn a_message_is_offered_as_new_or_as_it_was() {
    let prepare = async |store: &LogStore| delete(store, How::Hold.view(0), &[2]).await;
    let last = async |store: &LogStore| {
        let held = store.withheld(OURS).await.unwrap().remove(0).id;
        store.restore(OURS, vec![held], Offer::AsNew).await.unwrap();
    };
    torn_everywhere(prepare, last).await;
}

// FORMAT.md, Groups; custody.rs, restore: of what is laid over a message nothing stays half
#[tokio::test]
async fn what_is_restored_is_as_it_was_or_not_there() {
    let prepare = async |store: &LogStore| {
        delete(store, How::ForOne.view(1), &[1, 2]).await;
        delete(store, How::Hold.view(0), &[1, 2]).await;
    };
    let last = async |store: &LogStore| {
        let held = store.withheld(OURS).await.unwrap().into_iter().map(|one| one.id).collect();
        store.restore(OURS, held, Offer::AsItWas).await.unwrap();
    };
    torn_everywhere(prepare, last).await;
}

// store.rs, arrival: told when something may have arrived; what was withheld and is listed again has
#[tokio::test]
async fn who_waits_is_told_of_what_is_restored() {
    let folder = quick();
    let store = open(folder.path(), &small()).unwrap();
    let id = deliver(&store, &[OURS], &text(1, 10)).await.unwrap().pop().unwrap().unwrap().id;
    for offer in [Offer::AsItWas, Offer::AsNew] {
        let id = all(&store).await.last().map_or(id, |one| one.0);
        store.set_aside(OURS, id, Aside::Asked).await.unwrap();
        let mut session = store.open(OURS, View::default()).await.unwrap();
        assert_eq!(session.listing().len(), 0);
        {
            let mut arrival = session.arrival();
            tokio::select! {
                biased;
                () = &mut arrival => panic!("nothing has arrived"),
                () = std::future::ready(()) => {}
            }
            store.restore(OURS, vec![id], offer).await.unwrap();
            let told = tokio::time::timeout(HANGS_AFTER, arrival).await;
            assert!(told.is_ok(), "{offer:?}: never told");
        }
        assert_eq!(session.refresh().await.unwrap(), 1);
    }
}

/// A store under a clock that a test sets: so many days after it began.
struct Days(Arc<AtomicU64>);

impl Days {
    fn are(&self, days: u64) {
        let day = u64::try_from(DAY.as_millis()).unwrap();
        self.0.store(BEGAN + days * day, Ordering::SeqCst);
    }
}

/// When it began, in milliseconds since 1970.
const BEGAN: u64 = 1_790_000_000_000;

fn later(folder: &Path) -> (Days, LogStore) {
    let disk = RealDisk::open(disk::Disk::default(), folder).unwrap();
    let now = Arc::new(AtomicU64::new(BEGAN));
    let disk: Arc<dyn Disk> =
        Arc::new(Counted { disk, counts: Arc::default(), now: Arc::clone(&now) });
    (Days(now), LogStore::open_on(&disk, "later", &small()).unwrap())
}

// RFC 2449 §6.7: never before the days are over that were announced
#[tokio::test]
async fn messages_go_after_their_days_and_not_before() {
    let folder = quick();
    let (days_since, store) = later(folder.path());
    let expire = async |days| {
        let retention = Some(Retention { days, after: After::Delivery });
        store.expire(OURS, retention).await.unwrap()
    };
    deliver(&store, &[OURS], &text(1, 10)).await.unwrap();
    days_since.are(3);
    deliver(&store, &[OURS], &text(2, 10)).await.unwrap();
    assert_eq!(expire(3).await, 0, "it may be a moment less than three days");
    days_since.are(4);
    assert_eq!(expire(3).await, 1);
    assert_eq!(contents(&store, OURS).await.unwrap().len(), 1);
    let journal = store.told(OURS, None).await.unwrap();
    let expired = Happened::Destroyed { cause: Cause::Expired };
    assert_eq!(journal.iter().filter(|entry| entry.what == expired).count(), 1);
}

// product §5: what is held is destroyed when its days are over, without anybody's asking
#[tokio::test]
async fn what_was_held_goes_by_itself() {
    let folder = quick();
    let (days_since, store) = later(folder.path());
    for number in 0..3 {
        deliver(&store, &[OURS], &text(number, 10)).await.unwrap();
    }
    let hold = |days| View { delete: Delete::Hold(DAY * days), ..View::default() };
    delete(&store, hold(2), &[1]).await;
    delete(&store, hold(5), &[1]).await;
    let left = async || store.withheld(OURS).await.unwrap().len();
    let look = async || {
        // The writer looks around with each job; a second one comes behind that.
        store.remove(NOBODY).await.unwrap();
        store.remove(NOBODY).await.unwrap();
    };
    look().await;
    assert_eq!(left().await, 2);
    days_since.are(3);
    look().await;
    assert_eq!(left().await, 1);
    drop(store);
    closed(folder.path());
    let (days_since, store) = later(folder.path());
    days_since.are(6);
    store.remove(NOBODY).await.unwrap();
    store.remove(NOBODY).await.unwrap();
    assert_eq!(store.withheld(OURS).await.unwrap(), []);
    assert_eq!(ids(&store).await.len(), 1);
}
