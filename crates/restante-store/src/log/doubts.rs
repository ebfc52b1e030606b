//! What is damaged and not repaired: nothing near it is shown, and everything else goes on.

use std::fs;

use mail_wire::MaildropId;

use crate::error::StoreError;
use crate::log::header::HEADER_OCTETS;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{closed, contents, deliver, image, open, small, text, without_index};
use crate::maildir::scratch::quick;
use crate::store::Store;
use crate::upkeep::Upkeep;
use crate::view::View;

/// As a server opens it.
fn strict(shards: u16) -> Settings {
    Settings { shards, shows_doubtful: false, ..small() }
}

/// Two maildrops that are in different shards.
const ONE: MaildropId = MaildropId::new(1);
const OTHER: MaildropId = MaildropId::new(2);

async fn is_doubtful(store: &LogStore, maildrop: MaildropId) -> bool {
    match store.open(maildrop, View::default()).await {
        Ok(_) => false,
        Err(fault @ StoreError::Doubtful { .. }) => {
            assert!(fault.is_temporary(), "P-056: [SYS/TEMP]");
            true
        }
        Err(other) => panic!("{other}"),
    }
}

// P-056: a maildrop that may lack messages is not shown, now and at every later start; one of
// another shard is, and mail comes in to both.
#[tokio::test]
async fn only_the_shard_that_is_damaged_is_not_shown() {
    let folder = quick();
    let store = open(folder.path(), &strict(2)).unwrap();
    let shard = |maildrop| store.front().shard_number(maildrop);
    assert_ne!(shard(ONE), shard(OTHER));
    let hurt = format!("s{:02x}", shard(ONE));
    for number in 0..3 {
        for maildrop in [ONE, OTHER] {
            deliver(&store, &[maildrop], &text(number, 40)).await.unwrap().pop().unwrap().unwrap();
        }
    }
    store.close();
    drop(store);
    closed(folder.path());
    without_index(folder.path());
    let path = folder.path().join(&hurt).join("00000001.log");
    let mut octets = fs::read(&path).unwrap();
    octets[HEADER_OCTETS + 9] ^= 1;
    fs::write(path, octets).unwrap();

    for start in 1..=3 {
        let store = open(folder.path(), &strict(2)).unwrap();
        assert_eq!(Upkeep::damage(&store).len(), 1, "start {start}");
        assert!(store.damage()[0].path.starts_with(&hurt));
        assert!(is_doubtful(&store, ONE).await, "start {start}");
        assert!(!is_doubtful(&store, OTHER).await, "start {start}");
        deliver(&store, &[ONE, OTHER], &text(9, 40)).await.unwrap().pop().unwrap().unwrap();
        store.close();
        drop(store);
        closed(folder.path());
    }
    // Whoever saves what there is sees it: two of three, and what came in later.
    let store = open(folder.path(), &Settings { shards: 2, ..small() }).unwrap();
    assert_eq!(contents(&store, ONE).await.unwrap().len(), 5);
    assert_eq!(contents(&store, OTHER).await.unwrap().len(), 6);
}

// A store that was closed takes nothing more, and its next start has nothing to replay.
#[tokio::test]
async fn what_is_closed_is_in_good_order() {
    let folder = quick();
    let store = open(folder.path(), &strict(1)).unwrap();
    deliver(&store, &[ONE], &text(0, 40)).await.unwrap().pop().unwrap().unwrap();
    store.close();
    let late = deliver(&store, &[ONE], &text(1, 40)).await;
    assert!(late.is_ok_and(|outcomes| outcomes.iter().all(Result::is_err)));
    let copy = image(folder.path());
    let store = open(copy.path(), &strict(1)).unwrap();
    assert_eq!(store.front().shards[0].overlay.read().unwrap().changes(), 0);
    assert_eq!(contents(&store, ONE).await.unwrap().len(), 1);
}

// FORMAT.md, Recovery 4: in a segment that is not the last, what is not right is damage, also when no
// right record stands behind it; only zeros up to its end are none. A false answer would be that
// nothing is missing.
#[tokio::test]
async fn a_sealed_segment_that_has_lost_its_end_is_damaged() {
    let folder = quick();
    let settings = Settings { segment_octets: 4096, ..small() };
    let store = open(folder.path(), &settings).unwrap();
    for number in 0..8 {
        deliver(&store, &[ONE], &text(number, 1000)).await.unwrap().pop().unwrap().unwrap();
    }
    let before = contents(&store, ONE).await.unwrap();
    store.close();
    drop(store);
    closed(folder.path());
    let path = folder.path().join("s00/00000001.log");
    let mut octets = fs::read(&path).unwrap();
    let heads: Vec<_> = memchr::memmem::find_iter(&octets, b"RsR\xA5").collect();
    // The last message and the seal; the message before it is whole.
    let lost = heads[heads.len() - 2];
    for head in &heads[heads.len() - 2..] {
        octets[head + 9] ^= 1;
    }
    let end = octets.len() as u64;
    fs::write(&path, octets).unwrap();
    for _ in 0..2 {
        without_index(folder.path());
        let store = open(folder.path(), &settings).unwrap();
        let damage = store.damage();
        assert_eq!(damage.len(), 1, "{damage:?}");
        assert_eq!((damage[0].from, damage[0].to), (lost as u64, end));
        let after = contents(&store, ONE).await.unwrap();
        assert_eq!((after.len(), &after[..heads.len() - 2]), (7, &before[..heads.len() - 2]));
        drop(store);
        closed(folder.path());
        let copy = folder.path().join(format!("quarantine/s00-00000001-{lost}"));
        assert_eq!(fs::read(copy).unwrap(), fs::read(&path).unwrap()[lost..]);
    }
}
