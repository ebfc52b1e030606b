//! An index that says something else than the log: each kind of it is found, and mended.

use std::path::Path;

use mail_wire::{Delete, Form, MaildropId, MessageNumber, Uidl};
use redb::{Database, Key, ReadableTable as _, TableDefinition, Value};

use crate::custody::{Aside, Custody};
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::tables::{CHUNK, DUE, JOURNAL, MARK, NAME, SURROGATE, UIDL};
use crate::log::trial::{closed, image, open, small};
use crate::maildir::scratch::quick;
use crate::store::{Incoming, Provenance, Recipient, Store, Surrogate};
use crate::upkeep::{Advance, Finding, Upkeep, Watch};
use crate::view::View;

const OURS: MaildropId = MaildropId::new(1);

struct Patient;

impl Watch for Patient {
    fn goes_on(&self, _: &Advance) -> bool {
        true
    }
}

fn settings() -> Settings {
    Settings { shows_doubtful: false, ..small() }
}

/// Upkeep blocks, and may not do so on a runtime's thread.
fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// A store with a bit of everything: named, with a stand-in, held, set aside, hidden.
async fn fill(store: &LogStore) {
    for number in 0..5 {
        let uidl = Some(Uidl::new(format!("old{number}").as_bytes()).unwrap());
        let recipient = Recipient { uidl, ..Recipient::new(OURS, Vec::new()) };
        let provenance = Provenance::default();
        let incoming =
            Incoming { recipients: vec![recipient], form: Form::Text, utf8: true, provenance };
        let mut delivery = store.deliver(incoming).await.unwrap();
        delivery.write("A: \u{e9}\r\n\r\nbody\r\n".as_bytes()).unwrap();
        let header = b"A: =?utf-8?Q?=C3=A9?=\r\n\r\n".to_vec();
        delivery.surrogate(Surrogate { header, prefixes: vec![Vec::new()] }).unwrap();
        delivery.commit().await.pop().unwrap().unwrap();
    }
    let delete = Delete::Hold(std::time::Duration::from_hours(1000));
    let mut session = store.open(OURS, View { delete, ..View::default() }).await.unwrap();
    let aside = session.listing().iter().nth(1).unwrap().id;
    session.commit(&[MessageNumber::new(1).unwrap()]).await.unwrap();
    store.set_aside(OURS, aside, Aside::Asked).await.unwrap();
}

fn shut(store: LogStore, root: &Path) {
    aside(|| store.close());
    drop(store);
    closed(root);
}

fn findings(root: &Path) -> Vec<Finding> {
    let store = open(root, &settings()).unwrap();
    let verdict = aside(|| store.verify(&Patient));
    shut(store, root);
    verdict.unwrap().findings
}

/// Changes the first row of a table, or takes it away.
fn turn<K: Key + 'static, V: Value + 'static>(
    database: &Database,
    table: TableDefinition<'_, K, V>,
    other: impl for<'a> Fn(V::SelfType<'a>) -> Option<Vec<u8>>,
) {
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(table).unwrap();
        let (key, value) = {
            let (key, value) = table.first().unwrap().expect("a row");
            (K::as_bytes(&key.value()).as_ref().to_vec(), other(value.value()))
        };
        let key = K::from_bytes(&key);
        match value {
            Some(value) => drop(table.insert(key, V::from_bytes(&value)).unwrap()),
            None => drop(table.remove(key).unwrap()),
        }
    }
    transaction.commit().unwrap();
}

/// A kind of change to an index, and what has to be found.
type Case = (&'static str, fn(&Database), &'static str);

const CASES: [Case; 10] = [
    ("a mark is gone", |d| turn(d, MARK, |_| None), "what is laid over it"),
    (
        "a mark says another time",
        |d| turn(d, MARK, |said| Some(numbers(&[said.0, 7]))),
        "laid over",
    ),
    (
        "a mark has another stamp",
        |d| turn(d, MARK, |said| Some(numbers(&[said.0 + 1, said.1]))),
        "laid over",
    ),
    ("what is held is never due", |d| turn(d, DUE, |()| None), "until when it is held"),
    ("a stand-in is gone", |d| turn(d, SURROGATE, |_| None), "with the stand-in"),
    (
        "a stand-in has another size",
        |d| turn(d, SURROGATE, |octets| Some(numbers(&[octets + 1]))),
        "with the stand-in",
    ),
    ("a unique-id is not found", |d| turn(d, NAME, |_| None), "by its unique-id"),
    ("a unique-id finds another", |d| turn(d, NAME, |id| Some(numbers(&[id + 1]))), "unique-id"),
    ("a unique-id is another", |d| turn(d, UIDL, |_| Some(b"new".to_vec())), "unique-id"),
    (
        "the journal begins later",
        |d| turn(d, JOURNAL, |place| Some(later(place))),
        "lead to what happened",
    ),
];

fn numbers(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn later(place: u32) -> Vec<u8> {
    (place + 1000).to_le_bytes().to_vec()
}

// issue: `store verify`; I8: the index is what the segments say, all of it
#[tokio::test]
async fn an_index_that_says_otherwise_is_found_and_mended() {
    let folder = quick();
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store).await;
    shut(store, folder.path());
    assert_eq!(findings(folder.path()), [], "it is sound");
    for (case, change, wanted) in CASES {
        for by_repair in [false, true] {
            let copy = image(folder.path());
            let root = copy.path();
            change(&Database::open(root.join("s00/index.redb")).unwrap());
            let found = findings(root);
            let is_wanted = |one: &Finding| one.what.contains(wanted) && one.maildrop == Some(OURS);
            assert!(found.iter().any(is_wanted), "{case}: {found:?}");
            if by_repair {
                let repaired = aside(|| LogStore::repair(root, &settings(), &Patient)).unwrap();
                assert_eq!((repaired.lost.len(), repaired.messages), (0, 5), "{case}");
            } else {
                aside(|| LogStore::rebuild_index(root, &settings(), &Patient)).unwrap();
            }
            closed(root);
            assert_eq!(findings(root), [], "{case}");
        }
    }
}

// I8, too: what a listing says of a message
#[tokio::test]
async fn flags_and_days_are_held_against_the_log() {
    let folder = quick();
    let store = open(folder.path(), &settings()).unwrap();
    fill(&store).await;
    shut(store, folder.path());
    // FORMAT.md, The index: where the flags and the day of an entry stand
    for at in [28, 29] {
        let copy = image(folder.path());
        let database = Database::open(copy.path().join("s00/index.redb")).unwrap();
        turn(&database, CHUNK, |chunk| {
            let mut octets = chunk.to_vec();
            octets[at] ^= 1;
            Some(octets)
        });
        drop(database);
        let found = findings(copy.path());
        assert!(found.iter().any(|one| one.what.contains("not where the index says")), "{found:?}");
    }
}
