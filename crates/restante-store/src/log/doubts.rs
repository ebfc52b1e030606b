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
