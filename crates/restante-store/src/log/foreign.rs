//! What stands in a store and is not what it should be: of another version, store or shard, or an
//! index that knows more than the log.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use mail_wire::MaildropId;

use crate::disk::Existence;
use crate::error::StoreError;
use crate::log::disk::Disk;
use crate::log::format::Format;
use crate::log::header::{HEADER_OCTETS, Header};
use crate::log::real::RealDisk;
use crate::log::store::LogStore;
use crate::log::trial::{
    closed, contents, deliver, image, open, segments, small, text, without_index,
};
use crate::maildir::scratch::quick;
use crate::upkeep::Upkeep;

const OURS: MaildropId = MaildropId::new(1);

async fn filled(folder: &Path, messages: usize) -> Vec<(String, String)> {
    let store = open(folder, &small()).unwrap();
    add(&store, messages).await;
    let all = contents(&store, OURS).await.unwrap();
    store.close();
    drop(store);
    closed(folder);
    all
}

async fn add(store: &LogStore, messages: usize) {
    for number in 0..messages {
        deliver(store, &[OURS], &text(number, 100)).await.unwrap().pop().unwrap().unwrap();
    }
}

/// The header of the first segment, changed.
fn rewrite(root: &Path, change: impl Fn(&mut Header)) {
    let path = segments(root)[0].clone();
    let mut octets = fs::read(&path).unwrap();
    let mut header = Header::decode(&octets).unwrap();
    change(&mut header);
    octets[..HEADER_OCTETS].copy_from_slice(&header.encode());
    fs::write(path, octets).unwrap();
}

// FORMAT.md, Versions: an older program refuses a newer store and says which version it needs
#[tokio::test]
async fn a_segment_of_a_newer_version_refuses_the_store() {
    let folder = quick();
    filled(folder.path(), 2).await;
    rewrite(folder.path(), |header| header.version = 2);
    let before = fs::read(&segments(folder.path())[0]).unwrap();
    let refused = open(folder.path(), &small()).unwrap_err();
    let StoreError::Damaged { detail } = refused else { panic!("{refused:?}") };
    assert!(detail.contains("version 2") && detail.contains("newer"), "{detail}");
    assert_eq!(fs::read(&segments(folder.path())[0]).unwrap(), before);
}

// FORMAT.md, Segment header: of which store, shard and number it is. One of another is damage, and is
// told (P-056); what is in it that is right is there.
#[tokio::test]
async fn a_segment_of_another_store_is_told() {
    let changes: [fn(&mut Header); 3] =
        [|header| header.store[3] ^= 1, |header| header.shard = 1, |header| header.number = 7];
    for (number, change) in changes.into_iter().enumerate() {
        let folder = quick();
        let all = filled(folder.path(), 2).await;
        rewrite(folder.path(), change);
        without_index(folder.path());
        let store = open(folder.path(), &small()).unwrap();
        let damage = store.damage();
        assert_eq!(damage.len(), 1, "{number}: {damage:?}");
        assert_eq!((damage[0].from, damage[0].to), (0, HEADER_OCTETS as u64), "{number}");
        assert_eq!(contents(&store, OURS).await.unwrap(), all, "{number}");
    }
}

// FORMAT.md, Recovery 3: an index that names a place that does not exist is moved aside and made new
#[tokio::test]
async fn an_index_that_is_ahead_of_the_log_is_made_new() {
    let folder = quick();
    let early = filled(folder.path(), 2).await;
    let copy = image(folder.path());
    filled(folder.path(), 40).await;
    fs::copy(folder.path().join("s00/index.redb"), copy.path().join("s00/index.redb")).unwrap();
    let store = open(copy.path(), &small()).unwrap();
    assert_eq!(contents(&store, OURS).await.unwrap(), early);
    add(&store, 1).await;
    assert_eq!(contents(&store, OURS).await.unwrap()[..2], early);
}

// FORMAT.md, Segment header: the epoch in which it was made; Ids: the epoch is the upper half of them
#[tokio::test]
async fn a_segment_says_the_epoch_of_its_ids() {
    let folder = quick();
    for _ in 0..2 {
        filled(folder.path(), 1).await;
    }
    let text = fs::read_to_string(folder.path().join("FORMAT")).unwrap();
    let last: u32 =
        text.lines().find_map(|line| line.strip_prefix("epoch ")).unwrap().parse().unwrap();
    let header = |path| Header::decode(&fs::read(path).unwrap()).unwrap();
    let epochs: Vec<u32> =
        segments(folder.path()).into_iter().map(|path| header(path).epoch).collect();
    assert_eq!(epochs.last(), Some(&last), "{text}");
    assert!(epochs.is_sorted() && epochs[0] > 1_700_000_000 && epochs[0] < last, "{epochs:?}");
}

/// The folder through calls of which one kind fails.
fn failing(folder: &Path, call: &'static str) -> RealDisk {
    let calls = crate::disk::Disk::behind(Arc::new(move |called| {
        if called == call { Err(io::Error::from(rustix::io::Errno::IO)) } else { Ok(()) }
    }));
    RealDisk::open(calls, folder).unwrap()
}

// FORMAT.md: a store without FORMAT but with shard folders is damaged, not new. One whose FORMAT
// cannot be read is neither: nobody knows (P-056).
#[test]
fn a_format_that_cannot_be_read_is_not_missing() {
    let folder = quick();
    let disk = failing(folder.path(), "open a file to write");
    let outcome = Format::load(&disk);
    assert!(matches!(outcome, Err(StoreError::Disk { .. })), "{outcome:?}");
}

// I1: what could not be made durable is not acknowledged; so every call says that it failed
#[test]
fn a_call_that_failed_is_told() {
    let folder = quick();
    let sound = RealDisk::open(crate::disk::Disk::default(), folder.path()).unwrap();
    sound.open("file", Existence::Either).unwrap();
    let disk = failing(folder.path(), "sync");
    assert!(disk.sync_dir(".").is_err());
    assert!(disk.open("file", Existence::Old).unwrap().sync().is_err());
    assert!(failing(folder.path(), "rename a file").rename("file", "other").is_err());
    assert!(failing(folder.path(), "remove a file").unlink("file").is_err());
    assert!(failing(folder.path(), "make a folder").mkdir("folder").is_err());
    assert!(failing(folder.path(), "list a folder").list(".").is_err());
    assert!(failing(folder.path(), "look at the free room").free_space().is_err());
    assert!(failing(folder.path(), "lock a file").lock("LOCK").is_err());
    assert_eq!(sound.list(".").unwrap(), ["file"]);
    assert!(sound.free_space().unwrap() > 1);
}
