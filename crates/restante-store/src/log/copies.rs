//! Older copies of messages: what is destroyed stays so, whatever copy of it is found again.

use std::fs;
use std::time::Duration;

use mail_wire::MaildropId;

use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{
    closed, contents, deliver, open, remove, segments, small, text, without_index,
};
use crate::maildir::scratch::quick;

const OURS: MaildropId = MaildropId::new(1);

/// Delivers what fills a segment and more, and removes it again.
async fn roll(store: &LogStore) {
    let kept = contents(store, OURS).await.unwrap().len();
    for number in 0..4 {
        deliver(store, &[OURS], &text(100 + number, 2500)).await.unwrap().pop().unwrap().unwrap();
    }
    let all = contents(store, OURS).await.unwrap();
    let fill: Vec<String> = all[kept..].iter().map(|(uidl, _)| uidl.clone()).collect();
    assert_eq!(remove(store, OURS, &fill).await.unwrap(), fill.len());
}

/// Gives back what can be: a segment with damage in it cannot.
async fn compact(store: &LogStore) {
    for _ in 0..4 {
        let _ = store.compact().await;
    }
}

// I2; FORMAT.md, DESTROY: every segment that holds a copy, or may, is named. Here one does that was
// copied twice since, and of whose first copying nothing tells any more: it could not be removed.
#[tokio::test]
async fn a_copy_of_a_copy_brings_nothing_back() {
    let folder = quick();
    let settings = Settings {
        segment_octets: 4096,
        checkpoint_messages: 1,
        journal_keep: Duration::ZERO,
        ..small()
    };
    let store = open(folder.path(), &settings).unwrap();
    deliver(&store, &[OURS], &text(1, 300)).await.unwrap().pop().unwrap().unwrap();
    let ours = contents(&store, OURS).await.unwrap();
    roll(&store).await;
    let first = segments(folder.path())[0].clone();
    let mut octets = fs::read(&first).unwrap();
    for _ in 0..2 {
        let oldest = segments(folder.path())[0].clone();
        compact(&store).await;
        assert!(!oldest.exists());
        roll(&store).await;
    }
    drop(store);
    closed(folder.path());
    // Behind the message the segment is damaged: so it stays, whatever becomes of the others.
    let magics: Vec<usize> = memchr::memmem::find_iter(&octets, b"RsR\xA5").collect();
    octets[magics[1]] ^= 1;
    fs::write(&first, octets).unwrap();
    without_index(folder.path());

    let store = open(folder.path(), &settings).unwrap();
    assert_eq!(contents(&store, OURS).await.unwrap(), ours);
    remove(&store, OURS, &[ours[0].0.clone()]).await.unwrap();
    for _ in 0..3 {
        roll(&store).await;
        compact(&store).await;
    }
    assert!(first.exists());
    drop(store);
    closed(folder.path());
    without_index(folder.path());
    let store = open(folder.path(), &settings).unwrap();
    assert_eq!(contents(&store, OURS).await.unwrap(), []);
}
