//! The story of a message, told by the journal: through compaction, restarts, kills and indexes
//! that are lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mail_wire::{Delete, Form, MaildropId, MessageId, MessageNumber, Views};
use tempfile::TempDir;

use crate::custody::{Aside, Cause, Custody, Happened, JournalEntry, Note, Noted, Offer};
use crate::log::counted::Counted;
use crate::log::disk::Disk;
use crate::log::real::RealDisk;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{
    closed, contents, deliver, image, open, remove, segments, small, text, without_index,
};
use crate::maildir::scratch::quick;
use crate::store::{Incoming, Provenance, Recipient, Store, Stored};
use crate::view::View;

const OURS: MaildropId = MaildropId::new(1);
const OTHER: MaildropId = MaildropId::new(2);

fn settings() -> Settings {
    Settings { segment_octets: 16 << 10, checkpoint_messages: 4, ..small() }
}

const BODY: &str = "Message-ID: <one@example.net>\r\nSubject: x\r\n\r\n.dotted\r\n";

async fn accept(store: &LogStore, form: Form, body: &str) -> Vec<Stored> {
    let recipient = |maildrop, address: &str| Recipient {
        address: address.into(),
        ..Recipient::new(maildrop, format!("Delivered-To: {address}\r\n").into_bytes())
    };
    let incoming = Incoming {
        recipients: vec![recipient(OURS, "ours@example.org"), recipient(OTHER, "o@example.org")],
        form,
        utf8: false,
        provenance: Provenance { peer: "192.0.2.7".into(), sender: "ann@example.net".into() },
    };
    let mut delivery = store.deliver(incoming).await.unwrap();
    for piece in body.as_bytes().chunks(7) {
        delivery.write(piece).unwrap();
    }
    delivery.commit().await.into_iter().map(Result::unwrap).collect()
}

fn note(id: MessageId, what: Noted) -> Note {
    Note { message: Some(id), credential: 3, peer: Some("::1".into()), what }
}

/// The entries about one message, by a word each.
fn story(all: &[JournalEntry], id: MessageId) -> Vec<&'static str> {
    let ours = all.iter().filter(|entry| entry.message == Some(id));
    ours.map(|entry| match &entry.what {
        Happened::Accepted { .. } => "accepted",
        Happened::Noted(Noted::Listed { .. }) => "listed",
        Happened::Noted(Noted::Retrieved { .. }) => "retrieved",
        Happened::Noted(Noted::Leased) => "leased",
        Happened::Destroyed { .. } => "destroyed",
        _ => "something else",
    })
    .collect()
}

/// Fills segments, and gives them up.
async fn churn(store: &LogStore) {
    for number in 0..4 {
        deliver(store, &[OURS, OTHER], &text(number, 3000)).await.unwrap();
    }
    for maildrop in [OURS, OTHER] {
        let all = contents(store, maildrop).await.unwrap();
        let uidls: Vec<_> = all
            .into_iter()
            .filter(|(_, text)| text.contains("line of message"))
            .map(|(uidl, _)| uidl)
            .collect();
        remove(store, maildrop, &uidls).await.unwrap();
    }
    store.compact().await.unwrap();
}

// product §2: accepted (when, from which peer, envelope, octets, digest), retrieved (which
// credential, from where, how many octets, complete or not), destroyed; rulings 17: also of
// destroyed messages, through compaction
#[tokio::test]
async fn the_story_of_a_message_survives_all_that_a_store_does() {
    let mut folder: TempDir = quick();
    let mut store = open(folder.path(), &settings()).unwrap();
    let stored = accept(&store, Form::Text, BODY).await;
    let (id, other) = (stored[0].id, stored[1].id);
    store.write_down(OURS, &note(id, Noted::Retrieved { octets: 77, complete: true }));
    store.write_down(OURS, &note(id, Noted::Leased));
    let mut maildrop = store
        .open(OURS, View { credential: 9, peer: Some("::2".into()), ..View::default() })
        .await
        .unwrap();
    let number = maildrop.listing().iter().find(|entry| entry.id == id).unwrap().number;
    maildrop.commit(&[number]).await.unwrap();
    drop(maildrop);
    let told = store.told(OURS, None).await.unwrap();
    assert_eq!(story(&told, id), ["accepted", "retrieved", "leased", "destroyed"]);
    let Happened::Accepted { sender, recipient, octets, digest, message_id } = &told[0].what else {
        panic!("{told:?}")
    };
    assert_eq!((sender.as_str(), recipient.as_str()), ("ann@example.net", "ours@example.org"));
    assert_eq!(told[0].peer.as_deref(), Some("192.0.2.7"));
    assert_eq!(*octets, stored[0].octets.get());
    assert_eq!(message_id.as_deref(), Some("<one@example.net>"));
    // By another program: printf of the body, piped to sha256sum.
    assert_eq!(hex(&digest.unwrap()), DIGEST);
    assert_eq!(told[1].what, Happened::Noted(Noted::Retrieved { octets: 77, complete: true }));
    assert_eq!((told[1].credential, told[1].peer.as_deref()), (Some(3), Some("::1")));
    assert_eq!(told[3].what, Happened::Destroyed { cause: Cause::Deleted });
    assert_eq!((told[3].credential, told[3].peer.as_deref()), (Some(9), Some("::2")));
    assert!(told.iter().all(|entry| entry.uidl.as_ref() == Some(&stored[0].uidl)), "{told:?}");
    for round in 0..9 {
        churn(&store).await;
        let all = store.told(OURS, None).await.unwrap();
        let ours: Vec<_> = all.into_iter().filter(|entry| entry.message == Some(id)).collect();
        assert_eq!(ours, told, "round {round}");
        let others = store.told(OTHER, None).await.unwrap();
        assert_eq!(story(&others, other), ["accepted"]);
        match round % 3 {
            0 => {
                drop(store);
                closed(folder.path());
            }
            1 => {
                let killed = image(folder.path());
                drop(store);
                folder = killed;
            }
            _ => {
                drop(store);
                closed(folder.path());
                without_index(folder.path());
            }
        }
        store = open(folder.path(), &settings()).unwrap();
        assert_eq!(contents(&store, OURS).await.unwrap(), [], "destroyed never comes back");
        let all = store.told(OURS, None).await.unwrap();
        assert_eq!(story(&all, id), story(&told, id), "opened again, round {round}");
    }
    assert!(!segments(folder.path()).iter().any(|path| path.ends_with("00000001.log")));
}

const DIGEST: &str = "b592e1fc98acea48c372664e700d3d63bfd8412b68081f8991bac196386900f2";

fn hex(digest: &[u8]) -> String {
    use std::fmt::Write;
    digest.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}

// store.rs, Provenance; custody.rs, Accepted: the digest is of the message as RETR sends it,
// however it came in and wherever it is kept
#[tokio::test]
async fn a_digest_is_of_the_text_in_whatever_form_it_came() {
    for big_octets_min in [1 << 20, 40] {
        let folder = quick();
        let store = open(folder.path(), &Settings { big_octets_min, ..settings() }).unwrap();
        accept(&store, Form::Text, BODY).await;
        accept(&store, Form::Wire, &BODY.replace("\r\n.", "\r\n..")).await;
        accept(&store, Form::Text, BODY.trim_end()).await;
        let told = store.told(OURS, None).await.unwrap();
        assert_eq!(told.len(), 3);
        for entry in told {
            let Happened::Accepted { digest, message_id, .. } = entry.what else { panic!() };
            assert_eq!(hex(&digest.unwrap()), DIGEST);
            assert_eq!(message_id.as_deref(), Some("<one@example.net>"));
        }
    }
}

// rulings 17: kept for journal_keep, and then no more
#[tokio::test]
async fn what_is_too_old_is_told_no_more_once_its_room_is_given_back() {
    let folder = quick();
    let settings = Settings { journal_keep: Duration::ZERO, ..settings() };
    let store = open(folder.path(), &settings).unwrap();
    let id = accept(&store, Form::Text, BODY).await[0].id;
    store.write_down(OURS, &note(id, Noted::Leased));
    let uidls: Vec<_> =
        contents(&store, OURS).await.unwrap().into_iter().map(|(uidl, _)| uidl).collect();
    remove(&store, OURS, &uidls).await.unwrap();
    assert_eq!(story(&store.told(OURS, None).await.unwrap(), id).len(), 3);
    // A DESTROY is carried for as long as a copy may be there, and no longer.
    for _ in 0..4 {
        churn(&store).await;
    }
    assert_eq!(story(&store.told(OURS, None).await.unwrap(), id), Vec::<&str>::new());
}

// custody.rs, note: soon, and never at the cost of anybody who waits; it is there at once for
// whoever asks, and for good when the store ends in good order
#[tokio::test]
async fn what_is_noted_is_told_and_survives_a_good_end() {
    let folder = quick();
    let store = open(folder.path(), &settings()).unwrap();
    let listed = Note { message: None, ..note(MessageId::new(1), Noted::Listed { messages: 4 }) };
    for _ in 0..3 {
        store.write_down(OURS, &listed);
    }
    let told = store.told(OURS, None).await.unwrap();
    assert_eq!(told.len(), 3, "as often as it happened");
    assert_eq!(told[0].message, None);
    assert_eq!(store.told(OTHER, None).await.unwrap(), []);
    let late = told[2].at + Duration::from_millis(1);
    assert_eq!(store.told(OURS, Some(told[2].at)).await.unwrap().last(), told.last());
    assert_eq!(store.told(OURS, Some(late)).await.unwrap(), []);
    drop(store);
    closed(folder.path());
    without_index(folder.path());
    let store = open(folder.path(), &settings()).unwrap();
    assert_eq!(store.told(OURS, None).await.unwrap(), told);
    assert_eq!(store.notes_lost(), 0);
}

// FORMAT.md, EVENT: entries are the same event if they have the same number, and no start has the
// numbers of another
#[tokio::test]
async fn what_was_noted_after_another_start_is_another_event() {
    let folder = quick();
    for starts in 1..4 {
        let store = open(folder.path(), &settings()).unwrap();
        store.write_down(OURS, &note(MessageId::new(1), Noted::Leased));
        store.write_down(OURS, &note(MessageId::new(1), Noted::Leased));
        assert_eq!(store.told(OURS, None).await.unwrap().len(), 2 * starts);
        drop(store);
        closed(folder.path());
        if starts == 2 {
            without_index(folder.path());
        }
    }
}

// custody.rs, journal: what happened since then, and at that moment; whichever segment tells it
#[tokio::test]
async fn what_happened_since_is_told_to_the_millisecond() {
    let folder = quick();
    let began = 1_790_000_000_000;
    let now = Arc::new(AtomicU64::new(began));
    let real = RealDisk::open(crate::disk::Disk::default(), folder.path()).unwrap();
    let disk: Arc<dyn Disk> =
        Arc::new(Counted { disk: real, counts: Arc::default(), now: Arc::clone(&now) });
    let store = LogStore::open_on(&disk, "a", &settings()).unwrap();
    // Each message fills a segment; in each moment there are three.
    for number in 0..12_u64 {
        now.store(began + 1000 * (number / 3), Ordering::SeqCst);
        deliver(&store, &[OURS], &text(7, 17_000)).await.unwrap();
    }
    assert!(segments(folder.path()).len() >= 12);
    for since in 0..4_u64 {
        for (more, wanted) in [(0, 12 - 3 * since), (1, 9 - 3 * since)] {
            let since = UNIX_EPOCH + Duration::from_millis(began + 1000 * since + more);
            let told = store.told(OURS, Some(since)).await.unwrap();
            assert_eq!(told.len() as u64, wanted, "{since:?}");
        }
    }
}

// the same: with the next batch, or by itself when nothing else is to be written
#[tokio::test]
async fn what_is_noted_is_written_without_anybody_asking() {
    let folder = quick();
    let store = open(folder.path(), &settings()).unwrap();
    store.write_down(OURS, &note(MessageId::new(1), Noted::Leased));
    let id = accept(&store, Form::Text, BODY).await[0].id;
    let killed = image(folder.path());
    let again = open(killed.path(), &settings()).unwrap();
    assert_eq!(again.told(OURS, None).await.unwrap().len(), 2, "with the message");
    drop(again);
    store.write_down(OURS, &note(id, Noted::Leased));
    // Nothing else is done: at last it is there, in no more than the one batch.
    loop {
        let killed = image(folder.path());
        let again = open(killed.path(), &settings()).unwrap();
        if again.told(OURS, None).await.unwrap().len() == 3 {
            break;
        }
        tokio::task::yield_now().await;
    }
}

// product §2: hidden, held, set aside, restored, destroyed, each with who did it; in the order in
// which it happened, through compaction and without an index
#[tokio::test]
async fn what_is_laid_over_a_message_is_told() {
    let folder = quick();
    let store = open(folder.path(), &settings()).unwrap();
    let id = accept(&store, Form::Text, BODY).await[0].id;
    let peer = Some("192.0.2.9".to_owned());
    let delete = async |delete, views| {
        let view = View {
            credential: 7,
            peer: peer.clone(),
            delete,
            views,
            others: vec![8],
            ..View::default()
        };
        let mut session = store.open(OURS, view).await.unwrap();
        let numbers: Vec<_> = MessageNumber::from_index(0).into_iter().collect();
        assert_eq!(session.commit(&numbers).await.unwrap().messages, 1);
    };
    let restore = async || {
        store.restore(OURS, vec![id], Offer::AsItWas).await.unwrap();
        // The journal tells when to the millisecond; twice in one is told once.
        let restored = SystemTime::now();
        while restored.elapsed().unwrap_or_default() < Duration::from_millis(2) {
            tokio::task::yield_now().await;
        }
    };
    let day = Duration::from_hours(24);
    delete(Delete::Destroy, Views::PerCredential).await;
    restore().await;
    delete(Delete::Hold(day), Views::Shared).await;
    let until = store.withheld(OURS).await.unwrap()[0].held_until.unwrap();
    restore().await;
    for deaths in 1..=2 {
        assert_eq!(store.died(OURS, id).await.unwrap(), deaths);
    }
    store.set_aside(OURS, id, Aside::Deaths).await.unwrap();
    store.set_aside(OURS, id, Aside::NeverFinished).await.unwrap();
    restore().await;
    delete(Delete::Hold(day), Views::Shared).await;
    assert_eq!(store.release(OURS, vec![id]).await.unwrap(), 1);

    let (nobody, session) = ((None, None), (Some(7), peer.clone()));
    let set_aside = |reason| Happened::SetAside { reason };
    let wanted = [
        (session.clone(), Happened::Hidden),
        (nobody.clone(), Happened::Restored),
        (session.clone(), Happened::Held { until }),
        (nobody.clone(), Happened::Restored),
        (nobody.clone(), Happened::Died { deaths: 1 }),
        (nobody.clone(), Happened::Died { deaths: 2 }),
        (nobody.clone(), set_aside(Aside::Deaths)),
        (nobody.clone(), set_aside(Aside::NeverFinished)),
        (nobody.clone(), Happened::Restored),
    ];
    let is_told = async |store: &LogStore| {
        let all = store.told(OURS, None).await.unwrap();
        let ours: Vec<_> = all.into_iter().filter(|entry| entry.message == Some(id)).collect();
        assert!(matches!(ours[0].what, Happened::Accepted { .. }));
        let told: Vec<_> = ours[1..10]
            .iter()
            .map(|entry| ((entry.credential, entry.peer.clone()), entry.what.clone()))
            .collect();
        assert_eq!(told, wanted);
        assert!(matches!(ours[10].what, Happened::Held { .. }));
        assert_eq!(ours[11].what, Happened::Destroyed { cause: Cause::Removed });
        assert_eq!(ours.len(), 12);
    };
    is_told(&store).await;
    churn(&store).await;
    store.compact().await.unwrap();
    is_told(&store).await;
    drop(store);
    closed(folder.path());
    without_index(folder.path());
    let store = open(folder.path(), &settings()).unwrap();
    is_told(&store).await;
}
