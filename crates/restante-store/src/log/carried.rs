//! What a segment that is given up leaves behind in others, as FORMAT.md says it.

use std::fs;
use std::path::Path;

use mail_wire::{MaildropId, MessageNumber, Views};

use crate::error::StoreError;
use crate::log::header::HEADER_OCTETS;
use crate::log::real::RealDisk;
use crate::log::record::{FLAG_BIG, FLAG_CONTINUES, Head, Kind, pad, place};
use crate::log::scan::Scan;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{
    closed, contents, deliver, open, remove, seed, segments, small, text, without_index,
};
use crate::maildir::scratch::quick;
use crate::store::Store;
use crate::view::View;

const OURS: MaildropId = MaildropId::new(1);

fn tiny() -> Settings {
    Settings { segment_octets: 4096, big_octets_min: 3000, checkpoint_messages: 1, ..small() }
}

async fn add(store: &LogStore, number: usize, length: usize) {
    deliver(store, &[OURS], &text(number, length)).await.unwrap().pop().unwrap().unwrap();
}

/// Delivers what fills segments and removes it again, so that all that is older can be given up.
async fn roll(store: &LogStore) {
    let kept = contents(store, OURS).await.unwrap().len();
    for number in 0..4 {
        add(store, 100 + number, 2500).await;
    }
    let all = contents(store, OURS).await.unwrap();
    let fill: Vec<String> = all[kept..].iter().map(|(uidl, _)| uidl.clone()).collect();
    assert_eq!(remove(store, OURS, &fill).await.unwrap(), fill.len());
}

/// Delivers a message that is removed at once: so there is room to be given back.
async fn waste(store: &LogStore) {
    add(store, 50, 1500).await;
    let uidl = contents(store, OURS).await.unwrap().pop().unwrap().0;
    assert_eq!(remove(store, OURS, &[uidl]).await.unwrap(), 1);
}

/// Rolls and compacts until this segment is gone.
async fn give_up(store: &LogStore, segment: &Path) {
    for _ in 0..20 {
        roll(store).await;
        store.compact().await.unwrap();
        if !segment.exists() {
            return;
        }
    }
    panic!("{} stays", segment.display());
}

/// The heads of all records of the first shard, and their metas.
fn records(root: &Path) -> Vec<(Head, Vec<u8>)> {
    let calls = crate::disk::Disk::default();
    let disk = RealDisk::open(calls, root).unwrap();
    let mut found = Vec::new();
    for path in segments(root) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let number = crate::log::header::number(name).unwrap();
        let inside = format!("s00/{name}");
        let file = crate::log::disk::Disk::open(&disk, &inside, crate::disk::Existence::Old);
        let (file, end) = (file.unwrap(), fs::metadata(&path).unwrap().len());
        let scan = Scan { file: &*file, number, seed: seed(root), end };
        let mut at = HEADER_OCTETS as u64;
        while let Some(record) = scan.record(at).unwrap() {
            at = record.end();
            found.push((record.head, record.meta));
        }
    }
    found
}

/// Writes a record of this kind behind the last one: a later version may have done so.
fn write_behind(root: &Path, kind: u8, meta: &[u8], body: &[u8]) {
    let path = segments(root).pop().unwrap();
    let mut octets = fs::read(&path).unwrap();
    let at = place(octets.len() as u64).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let head = Head {
        kind,
        segment: crate::log::header::number(name).unwrap(),
        place: at,
        batch: at,
        meta_length: u32::try_from(meta.len()).unwrap(),
        meta_crc: crc32c::crc32c(meta),
        body_length: body.len() as u64,
        body_crc: crc32c::crc32c(body),
        ..Head::plain(Kind::Seal, 1_790_000_000_000)
    };
    octets.extend(head.encode(seed(root)));
    octets.extend(meta);
    pad(&mut octets);
    octets.extend(body);
    pad(&mut octets);
    fs::write(path, octets).unwrap();
}

// FORMAT.md, Records: kinds from 128 up are passed over by who does not know them; Compaction:
// every optional record has been written again before its segment goes
#[tokio::test]
async fn an_optional_record_is_passed_over_and_carried_on_whole() {
    let folder = quick();
    let store = open(folder.path(), &tiny()).unwrap();
    add(&store, 1, 300).await;
    let ours = contents(&store, OURS).await.unwrap();
    waste(&store).await;
    drop(store);
    closed(folder.path());
    let (meta, body) = (b"what a later version says", b"and all that it has to say of it");
    write_behind(folder.path(), 200, meta, body);
    without_index(folder.path());
    let first = segments(folder.path()).pop().unwrap();

    let store = open(folder.path(), &tiny()).unwrap();
    assert_eq!(store.damage(), []);
    assert_eq!(contents(&store, OURS).await.unwrap(), ours);
    give_up(&store, &first).await;
    assert_eq!(contents(&store, OURS).await.unwrap(), ours);
    drop(store);
    closed(folder.path());
    let kept: Vec<_> =
        records(folder.path()).into_iter().filter(|(head, _)| head.kind == 200).collect();
    assert!(!kept.is_empty());
    for (head, kept) in kept {
        assert_eq!(kept, meta);
        assert_eq!((head.time, head.body_crc), (1_790_000_000_000, crc32c::crc32c(body)));
    }
}

// FORMAT.md, Records: who does not know a kind below 128 must refuse the store; Versions: and
// says what it needs
#[tokio::test]
async fn a_record_that_must_be_known_and_is_not_refuses_the_store() {
    for kind in [9, 31, 127] {
        let folder = quick();
        let store = open(folder.path(), &tiny()).unwrap();
        add(&store, 1, 300).await;
        drop(store);
        closed(folder.path());
        write_behind(folder.path(), kind, b"", b"");
        without_index(folder.path());
        let refused = open(folder.path(), &tiny()).unwrap_err();
        let StoreError::Damaged { detail } = refused else { panic!("{refused:?}") };
        assert!(detail.contains(&format!("kind {kind}")), "{detail}");
        assert!(detail.contains("newer"), "{detail}");
    }
}

// FORMAT.md, Groups: what is carried forward has the flag no more; its first is still there, and
// what comes behind it in the new segment is none of its group
#[tokio::test]
async fn what_is_carried_on_is_in_no_group() {
    let folder = quick();
    let store = open(folder.path(), &tiny()).unwrap();
    waste(&store).await;
    for number in 0..3 {
        add(&store, number, 20).await;
    }
    let delete = async |credential: u64, others: Vec<u64>, which: &[u32]| {
        let views = Views::PerCredential;
        let view = View { credential, views, others, ..View::default() };
        let mut maildrop = store.open(OURS, view).await.unwrap();
        let numbers: Vec<_> = which.iter().filter_map(|n| MessageNumber::new(*n)).collect();
        maildrop.commit(&numbers).await.unwrap();
    };
    delete(2, vec![1], &[1]).await;
    // The first is destroyed by this, the second hidden: one group.
    delete(1, vec![2], &[1, 2]).await;
    let in_groups = |records: Vec<(Head, Vec<u8>)>| {
        records.into_iter().filter(|(head, _)| head.flags & FLAG_CONTINUES != 0).count()
    };
    assert_eq!(in_groups(records(folder.path())), 1);
    let first = segments(folder.path())[0].clone();
    give_up(&store, &first).await;
    drop(store);
    closed(folder.path());
    let records = records(folder.path());
    assert!(records.iter().any(|(head, _)| head.kind == Kind::Mark.number()));
    assert_eq!(in_groups(records), 0);
}

// FORMAT.md, Records: flags 1 and 2 of a MOVE, also of one that copies a MOVE
#[tokio::test]
async fn a_long_message_that_is_moved_twice_keeps_its_file_and_its_flags() {
    let folder = quick();
    let store = open(folder.path(), &tiny()).unwrap();
    let to = crate::store::Recipient::new(OURS, Vec::new());
    let incoming = crate::store::Incoming {
        recipients: vec![to],
        form: mail_wire::Form::Text,
        utf8: true,
        provenance: crate::store::Provenance::default(),
    };
    let mut delivery = store.deliver(incoming).await.unwrap();
    delivery.write(text(1, 4000).as_bytes()).unwrap();
    delivery.commit().await.pop().unwrap().unwrap();
    let ours = contents(&store, OURS).await.unwrap();
    for _ in 0..2 {
        let oldest = segments(folder.path())[0].clone();
        give_up(&store, &oldest).await;
        assert_eq!(contents(&store, OURS).await.unwrap(), ours);
    }
    drop(store);
    closed(folder.path());
    without_index(folder.path());
    let flags =
        |(head, _): (Head, Vec<u8>)| (head.kind == Kind::Move.number()).then_some(head.flags);
    let moved: Vec<u8> = records(folder.path()).into_iter().filter_map(flags).collect();
    assert!(!moved.is_empty() && moved.iter().all(|flags| *flags == FLAG_BIG | 1), "{moved:?}");
    let store = open(folder.path(), &tiny()).unwrap();
    assert_eq!(contents(&store, OURS).await.unwrap(), ours);
}

// FORMAT.md, DESTROY: each segment that holds a copy is named, also where a message is destroyed by
// what takes its place; else it would come back (I2)
#[tokio::test]
async fn what_is_offered_as_new_is_destroyed_where_it_stands() {
    let folder = quick();
    let store = open(folder.path(), &tiny()).unwrap();
    add(&store, 1, 300).await;
    waste(&store).await;
    let first = segments(folder.path())[0].clone();
    give_up(&store, &first).await;
    let session = store.open(OURS, View::default()).await.unwrap();
    let number = MessageNumber::from_index(0).unwrap();
    let id = session.listing().get(number).unwrap().id;
    drop(session);
    let moved = records(folder.path());
    let moved = moved.iter().rfind(|(head, _)| head.kind == Kind::Move.number());
    let stands = moved.unwrap().0.segment;
    let custody = store.custody().unwrap();
    custody.set_aside(OURS, id, crate::custody::Aside::Asked).await.unwrap();
    custody.restore(OURS, vec![id], crate::custody::Offer::AsNew).await.unwrap();
    let (_, last) = records(folder.path()).pop().unwrap();
    let destroyed = crate::log::meta::Destroyed::decode(&last).unwrap();
    let copies: Vec<_> = destroyed.copies.iter().filter(|(gone, _)| *gone == id.get()).collect();
    assert!(copies.contains(&&(id.get(), stands)), "{copies:?}, it stands in {stands}");
}

// FORMAT.md, MARK: what counts is carried forward before its segment goes, for as long as the journal
// is kept and after that, also where it takes something away; I13
#[tokio::test]
async fn what_is_laid_over_messages_is_carried_on() {
    for journal_keep in [std::time::Duration::from_hours(24), std::time::Duration::ZERO] {
        let folder = quick();
        let settings = Settings { journal_keep, ..tiny() };
        let store = open(folder.path(), &settings).unwrap();
        waste(&store).await;
        for number in 0..3 {
            add(&store, number, 20).await;
        }
        let all = contents(&store, OURS).await.unwrap();
        let a_day = std::time::Duration::from_hours(24);
        let view = View { delete: mail_wire::Delete::Hold(a_day), ..View::default() };
        let mut maildrop = store.open(OURS, view).await.unwrap();
        let both = [1, 2].map(|number| MessageNumber::new(number).unwrap());
        maildrop.commit(&both).await.unwrap();
        drop(maildrop);
        let custody = store.custody().unwrap();
        let held = custody.withheld(OURS).await.unwrap();
        let offer = crate::custody::Offer::AsItWas;
        custody.restore(OURS, vec![held[1].id], offer).await.unwrap();
        let laid = async |store: &LogStore| {
            let mut told = store.told(OURS, None).await.unwrap();
            told.retain(|entry| held.iter().any(|one| entry.message == Some(one.id)));
            told
        };
        let before = laid(&store).await;
        let first = segments(folder.path())[0].clone();
        give_up(&store, &first).await;
        if !journal_keep.is_zero() {
            assert_eq!(laid(&store).await, before, "all that happened is told");
        }
        drop(store);
        closed(folder.path());
        without_index(folder.path());
        let store = open(folder.path(), &settings).unwrap();
        assert_eq!(contents(&store, OURS).await.unwrap(), all[1..], "{journal_keep:?}");
        let withheld = store.custody().unwrap().withheld(OURS).await.unwrap();
        assert_eq!(withheld, held[..1], "{journal_keep:?}");
    }
}

// FORMAT.md, MARK, Index: what is laid over a message that is present counts, wherever that stands by now
#[tokio::test]
async fn what_is_laid_over_a_message_stays_when_that_moves() {
    let folder = quick();
    let settings = Settings { journal_keep: std::time::Duration::ZERO, ..tiny() };
    let store = open(folder.path(), &settings).unwrap();
    waste(&store).await;
    add(&store, 1, 300).await;
    let first = segments(folder.path())[0].clone();
    let session = store.open(OURS, View::default()).await.unwrap();
    let id = session.listing().get(MessageNumber::from_index(0).unwrap()).unwrap().id;
    drop(session);
    // It is said in another segment than the message stands in.
    roll(&store).await;
    let custody = store.custody().unwrap();
    custody.set_aside(OURS, id, crate::custody::Aside::Asked).await.unwrap();
    let withheld = custody.withheld(OURS).await.unwrap();
    assert_eq!(withheld.len(), 1);
    give_up(&store, &first).await;
    assert_eq!(custody.withheld(OURS).await.unwrap(), withheld);
    assert_eq!(contents(&store, OURS).await.unwrap(), []);
    drop(store);
    closed(folder.path());
    let store = open(folder.path(), &settings).unwrap();
    assert_eq!(store.custody().unwrap().withheld(OURS).await.unwrap(), withheld);
}
