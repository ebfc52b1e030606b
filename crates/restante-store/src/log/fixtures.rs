//! Stores of every version of the format, kept for ever: they are read as they were written.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use mail_wire::{Delete, MaildropId, MessageId, MessageNumber, Views};

use crate::custody::{
    Aside, Cause, Custody, Happened, JournalEntry, Note, Noted, Offer, WithheldMessage,
};
use crate::damage::Damage;
use crate::log::header::HEADER_OCTETS;
use crate::log::settings::Settings;
use crate::log::trial::{closed, contents, deliver, image, open, remove, small, text};
use crate::maildir::scratch::quick;
use crate::store::Store;
use crate::view::View;

const MAILDROPS: [u64; 3] = [1, 2, u64::MAX];

fn stores(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/stores").join(version.to_string())
}

/// What a store holds, as the fixture `expected` says it.
async fn described(root: &Path) -> String {
    let store = open(root, &small()).unwrap();
    let mut lines = String::new();
    for maildrop in MAILDROPS {
        for (uidl, text) in contents(&store, MaildropId::new(maildrop)).await.unwrap() {
            let crc = crc32c::crc32c(text.as_bytes());
            writeln!(lines, "{maildrop} {uidl} {} {crc:08x}", text.len()).unwrap();
        }
    }
    for maildrop in MAILDROPS {
        for one in store.withheld(MaildropId::new(maildrop)).await.unwrap() {
            let WithheldMessage { uidl, held_until, set_aside, hidden_from, deaths, .. } = one;
            let is_held = held_until.is_some();
            let said = format!("held {is_held} aside {set_aside:?} hidden {hidden_from:?}");
            writeln!(lines, "{maildrop} {uidl} withheld {said} deaths {deaths}").unwrap();
        }
    }
    for damage in store.damage() {
        let Damage { path, from, to, what } = damage;
        writeln!(lines, "damage {path} {from}-{to} {what}").unwrap();
    }
    lines
}

#[tokio::test]
async fn version_1_is_read() {
    is_read(&stores(1)).await;
}

async fn is_read(stores: &Path) {
    let mut seen = 0;
    for entry in fs::read_dir(stores).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let copy = image(&path);
            let expected = fs::read_to_string(path.join("expected")).unwrap();
            assert_eq!(described(copy.path()).await, expected, "{}", path.display());
            closed(copy.path());
            // The first time the index was made; now it is there. What is damaged is told again.
            let again = described(copy.path()).await;
            let place = |line: &str| line.split(' ').take(3).collect::<Vec<_>>().join(" ");
            assert!(again.lines().map(place).eq(expected.lines().map(place)), "{again}");
            if let Ok(expected) = fs::read_to_string(path.join("journal")) {
                assert_eq!(journal(copy.path()).await, expected, "{}", path.display());
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 6);
}

// The stores of this version in tests/stores were made by this, once, and stay as they are.
#[tokio::test]
async fn what_is_written_today_is_read() {
    let folder = quick();
    make(folder.path()).await;
    make_events(folder.path()).await;
    is_read(folder.path()).await;
}

async fn make(to: &Path) {
    let settings = Settings { shards: 2, big_octets_min: 3000, ahead_octets: 0, ..small() };
    let folder = quick();
    let store = open(folder.path(), &settings).unwrap();
    let all = |numbers: &[u64]| numbers.iter().copied().map(MaildropId::new).collect::<Vec<_>>();
    deliver(&store, &all(&MAILDROPS), &text(1, 100)).await.unwrap();
    deliver(&store, &all(&[1, 1]), &text(2, 5000)).await.unwrap();
    deliver(&store, &all(&[2]), &text(3, 300)).await.unwrap();
    let first = contents(&store, MaildropId::new(1)).await.unwrap().remove(0).0;
    remove(&store, MaildropId::new(1), &[first]).await.unwrap();
    marked(to).await;
    keep(to, "killed", folder.path()).await;
    drop(store);
    closed(folder.path());
    let store = open(folder.path(), &settings).unwrap();
    for number in 4..7 {
        deliver(&store, &all(&[1]), &text(number, 50)).await.unwrap();
    }
    let torn = image(folder.path());
    drop(store);
    closed(folder.path());
    keep(to, "sound", folder.path()).await;
    let shard = if torn.path().join("s00/00000002.log").exists() { "s00" } else { "s01" };
    let path = torn.path().join(shard).join("00000002.log");
    let octets = fs::read(&path).unwrap();
    // In the middle of the last record, which has nothing but zeros behind it.
    let end = octets.iter().rposition(|octet| *octet != 0).unwrap();
    fs::write(&path, &octets[..end - 40]).unwrap();
    keep(to, "torn", torn.path()).await;
    let mut octets = octets;
    octets[HEADER_OCTETS + 9] ^= 1;
    fs::write(&path, octets).unwrap();
    keep(to, "damaged", torn.path()).await;
}

/// A store of which segments were given up: what happened to what was in them is told.
async fn make_events(to: &Path) {
    let settings = Settings { shards: 2, segment_octets: 4096, ahead_octets: 0, ..small() };
    let folder = quick();
    let store = open(folder.path(), &settings).unwrap();
    let note = |what| {
        let note = Note { message: None, credential: 7, peer: Some("192.0.2.7".into()), what };
        for maildrop in MAILDROPS {
            store.write_down(MaildropId::new(maildrop), &note);
        }
    };
    for number in 0..6 {
        note(Noted::Listed { messages: number });
        let all = MAILDROPS.map(MaildropId::new);
        deliver(&store, &all, &text(usize::try_from(number).unwrap(), 900)).await.unwrap();
        note(Noted::Retrieved { octets: 900 + number, complete: number % 2 == 0 });
        if number > 2 {
            for maildrop in all {
                let first = contents(&store, maildrop).await.unwrap().remove(0).0;
                remove(&store, maildrop, &[first]).await.unwrap();
            }
            store.compact().await.unwrap();
        }
    }
    drop(store);
    closed(folder.path());
    keep(to, "events", folder.path()).await;
    let copy = image(&to.join("events"));
    fs::write(to.join("events").join("journal"), journal(copy.path()).await).unwrap();
}

/// What a store tells, as the fixture `journal` says it.
async fn journal(root: &Path) -> String {
    let store = open(root, &small()).unwrap();
    let mut lines = String::new();
    for maildrop in MAILDROPS {
        for entry in store.told(MaildropId::new(maildrop), None).await.unwrap() {
            let JournalEntry { at, message, uidl, credential, peer, what } = entry;
            let millis = at.duration_since(UNIX_EPOCH).unwrap().as_millis();
            let id = message.map_or(0, MessageId::get);
            let uidl = uidl.map(|uidl| uidl.to_string()).unwrap_or_default();
            let (credential, peer) = (credential.unwrap_or(u64::MAX), peer.unwrap_or_default());
            let what = word(&what);
            writeln!(lines, "{maildrop} {millis} {id:x} {uidl} {credential} {peer} {what}")
                .unwrap();
        }
    }
    drop(store);
    closed(root);
    lines
}

fn word(what: &Happened) -> String {
    match what {
        Happened::Accepted { sender, recipient, octets, digest, message_id } => {
            let digest = u32::from_be_bytes(*digest.unwrap().first_chunk().unwrap());
            format!("accepted {sender} {recipient} {octets} {digest:08x} {message_id:?}")
        }
        Happened::Noted(Noted::Listed { messages }) => format!("listed {messages}"),
        Happened::Noted(Noted::Retrieved { octets, complete }) => {
            format!("retrieved {octets} {complete}")
        }
        Happened::Destroyed { cause: Cause::Deleted } => "deleted".into(),
        other => panic!("{other:?}"),
    }
}

/// What is laid over messages: said, taken back, moved on, and of one that is gone.
async fn marked(to: &Path) {
    let folder = quick();
    let settings = Settings { segment_octets: 2048, checkpoint_messages: 1, ..small() };
    let store = open(folder.path(), &settings).unwrap();
    let ours = MaildropId::new(1);
    for number in 0..8 {
        deliver(&store, &[ours], &text(number, 200)).await.unwrap().pop().unwrap().unwrap();
    }
    let a_century = Delete::Hold(Duration::from_hours(24 * 36_500));
    let hold = View { delete: a_century, ..View::default() };
    let hide =
        View { credential: 3, views: Views::PerCredential, others: vec![4], ..View::default() };
    let delete = async |view: &View, which: &[u32]| {
        let mut maildrop = store.open(ours, view.clone()).await.unwrap();
        let numbers: Vec<_> = which.iter().filter_map(|n| MessageNumber::new(*n)).collect();
        maildrop.commit(&numbers).await.unwrap();
    };
    delete(&hold, &[1, 3]).await;
    delete(&hide, &[1, 2]).await;
    let withheld = store.withheld(ours).await.unwrap();
    store.restore(ours, vec![withheld[0].id], Offer::AsItWas).await.unwrap();
    store.set_aside(ours, withheld[2].id, Aside::Asked).await.unwrap();
    store.died(ours, withheld[2].id).await.unwrap();
    delete(&View::default(), &[2, 4]).await;
    store.compact().await.unwrap();
    drop(store);
    closed(folder.path());
    keep(to, "marked", folder.path()).await;
}

async fn keep(stores: &Path, name: &str, root: &Path) {
    let to = stores.join(name);
    let copy = image(root);
    for entry in walk(copy.path()) {
        let inside = entry.strip_prefix(copy.path()).unwrap();
        let is_kept = !inside.ends_with("index.redb") && !inside.ends_with("LOCK");
        if is_kept {
            fs::create_dir_all(to.join(inside).parent().unwrap()).unwrap();
            fs::copy(&entry, to.join(inside)).unwrap();
        }
    }
    let copy = image(&to);
    fs::write(to.join("expected"), described(copy.path()).await).unwrap();
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}
