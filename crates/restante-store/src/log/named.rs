//! Unique-ids that messages brought along: kept octet by octet, through all that a store does.

use std::time::Duration;

use crate::custody::{Aside, Custody, Note, Noted, Offer};
use crate::log::batch::Batch;
use crate::log::meta::{RecipientRow, Recipients};
use crate::log::record::{Head, Kind};
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{
    closed, contents, deliver, image, open, remove, seed, segments, small, text, without_index,
};
use crate::maildir::scratch::quick;
use crate::store::{Incoming, Provenance, Recipient, Store, Stored, Surrogate};
use crate::upkeep::{Advance, Upkeep, Watch};
use crate::view::View;
use mail_wire::{Form, MaildropId, Uidl};

const OURS: MaildropId = MaildropId::new(1);

/// Nothing in memory for long; or nothing in the index before the end.
fn either() -> [Settings; 2] {
    [1, 1000].map(|checkpoint_messages| Settings { checkpoint_messages, ..small() })
}

/// A message that brings this unique-id along, and a stand-in for its header.
async fn bring(store: &LogStore, uidl: &str) -> Stored {
    let uidl = Some(Uidl::new(uidl.as_bytes()).unwrap());
    let recipient = Recipient { uidl, ..Recipient::new(OURS, Vec::new()) };
    let provenance = Provenance::default();
    let incoming =
        Incoming { recipients: vec![recipient], form: Form::Text, utf8: true, provenance };
    let mut delivery = store.deliver(incoming).await.unwrap();
    delivery.write("A: \u{e9}\r\n\r\nx\r\n".as_bytes()).unwrap();
    let header = b"A: ?\r\n\r\n".to_vec();
    delivery.surrogate(Surrogate { header, prefixes: vec![Vec::new()] }).unwrap();
    delivery.commit().await.pop().unwrap().unwrap()
}

async fn listed(store: &LogStore) -> Vec<String> {
    let session = store.open(OURS, View::default()).await.unwrap();
    session.listing().iter().map(|entry| entry.uidl.to_string()).collect()
}

struct Patient;

impl Watch for Patient {
    fn goes_on(&self, _: &Advance) -> bool {
        true
    }
}

/// I8: the index is what the segments say.
fn is_sound(store: &LogStore) {
    let verdict = std::thread::scope(|scope| scope.spawn(|| store.verify(&Patient)).join());
    assert_eq!(verdict.unwrap().unwrap().findings, []);
}

// custody.rs: what is withheld has its unique-id, and keeps it when it is restored as it was; the
// journal tells it; P-228, rulings 8
#[tokio::test]
async fn a_unique_id_that_was_brought_along_is_told_everywhere() {
    for settings in either() {
        let folder = quick();
        let store = open(folder.path(), &settings).unwrap();
        let wanted = ["one~", "two~", "three~"];
        let mut ids = Vec::new();
        for uidl in wanted {
            let stored = bring(&store, uidl).await;
            assert_eq!(stored.uidl.as_str(), uidl);
            ids.push(stored.id);
        }
        let since = store.told(OURS, None).await.unwrap()[2].at + Duration::from_millis(1);
        store.set_aside(OURS, ids[1], Aside::Asked).await.unwrap();
        assert_eq!(listed(&store).await, [wanted[0], wanted[2]]);
        let withheld = store.withheld(OURS).await.unwrap();
        let named: Vec<_> = withheld.iter().map(|one| (one.id, one.uidl.as_str())).collect();
        assert_eq!(named, [(ids[1], wanted[1])]);
        let restored = store.restore(OURS, vec![ids[1]], Offer::AsItWas).await.unwrap();
        assert_eq!(restored.iter().map(Uidl::as_str).collect::<Vec<_>>(), [wanted[1]]);
        assert_eq!(listed(&store).await, wanted);
        // Told of what was accepted long before: it has its name all the same.
        loop {
            let note =
                Note { message: Some(ids[0]), credential: 1, peer: None, what: Noted::Leased };
            store.write_down(OURS, &note);
            let told = store.told(OURS, Some(since)).await.unwrap();
            if let Some(noted) = told.iter().find(|entry| entry.message == Some(ids[0])) {
                assert_eq!(noted.uidl.as_ref().map(Uidl::as_str), Some(wanted[0]));
                break;
            }
        }
        let told = store.told(OURS, None).await.unwrap();
        for (id, uidl) in ids.iter().zip(wanted) {
            let mut ours = told.iter().filter(|entry| entry.message == Some(*id));
            assert!(ours.all(|entry| entry.uidl.as_ref().map(Uidl::as_str) == Some(uidl)));
        }
        is_sound(&store);
    }
}

// store.rs, Recipient: one that the maildrop has is replaced, wherever it is known; and one that was
// destroyed leaves nothing behind (I8), so that its unique-id can be brought along again
#[tokio::test]
async fn a_unique_id_is_taken_for_as_long_as_its_message_is_there() {
    for settings in either() {
        let folder = quick();
        let store = open(folder.path(), &settings).unwrap();
        bring(&store, "one~").await;
        bring(&store, "two~").await;
        let replaced = bring(&store, "one~").await.uidl.to_string();
        assert_ne!(replaced, "one~");
        assert_eq!(listed(&store).await, ["one~", "two~", &replaced]);
        is_sound(&store);
        for uidl in ["one~", &replaced] {
            assert_eq!(remove(&store, OURS, &[uidl.to_owned()]).await.unwrap(), 1);
        }
        is_sound(&store);
        assert_eq!(bring(&store, "one~").await.uidl.as_str(), "one~");
        is_sound(&store);
        drop(store);
        closed(folder.path());
        let store = open(folder.path(), &settings).unwrap();
        assert_eq!(listed(&store).await, ["two~", "one~"]);
        assert_ne!(bring(&store, "one~").await.uidl.as_str(), "one~");
        is_sound(&store);
    }
}

// rulings 8, P-228: imported ones stay byte for byte. Nothing imports yet: the record is made here.
#[tokio::test]
async fn a_unique_id_that_was_brought_along_stays() {
    let ours = MaildropId::new(1);
    let settings = Settings { checkpoint_messages: 1, ..small() };
    let folder = quick();
    let store = open(folder.path(), &settings).unwrap();
    deliver(&store, &[ours], &text(1, 10)).await.unwrap().pop().unwrap().unwrap();
    let killed = image(folder.path());
    let path = segments(killed.path()).pop().unwrap();
    let mut octets = std::fs::read(&path).unwrap();
    // In place of the only record, as an import would have written it.
    let mut batch = Batch::new(1, 64, seed(killed.path()), 0);
    let body = b"A: b\r\n\r\nx\r\n";
    let row = RecipientRow { id: 7 << 32, maildrop: 1, prefix: b"", uidl: b"old~UIDL=" };
    let meta = Recipients::new(None, &[row], b"").unwrap().octets;
    let length = body.len() as u64;
    let head = Head {
        kind: Kind::Message.number(),
        flags: 0,
        segment: 0,
        place: 0,
        batch: 0,
        meta_length: 0,
        body_length: length,
        body_octets: length,
        time: 0,
        header_length: 8,
        meta_crc: 0,
        body_crc: crc32c::crc32c(body),
    };
    batch.push(&head, &meta, body).unwrap();
    octets[64..].fill(0);
    octets[64..64 + batch.octets().len()].copy_from_slice(batch.octets());
    std::fs::write(&path, octets).unwrap();
    without_index(killed.path());
    let wanted = ("old~UIDL=".to_owned(), "A: b\r\n\r\nx\r\n".to_owned());
    for start in 0..4 {
        let store = open(killed.path(), &settings).unwrap();
        assert_eq!(contents(&store, ours).await.unwrap()[0], wanted, "{start}");
        if start == 1 {
            // What fills the segment up is removed, and the message moves on.
            for number in 0..3 {
                deliver(&store, &[ours], &text(number, 60_000))
                    .await
                    .unwrap()
                    .pop()
                    .unwrap()
                    .unwrap();
            }
            let all = contents(&store, ours).await.unwrap();
            let others: Vec<_> = all[1..].iter().map(|(uidl, _)| uidl.clone()).collect();
            remove(&store, ours, &others).await.unwrap();
        }
        let compacted = store.compact().await.unwrap();
        assert_eq!(compacted.segments > 0, start == 1, "{start}: {compacted:?}");
        let all = contents(&store, ours).await.unwrap();
        assert_eq!(all.as_slice(), std::slice::from_ref(&wanted), "{start}");
        drop(store);
        closed(killed.path());
        if start == 2 {
            without_index(killed.path());
        }
    }
}
