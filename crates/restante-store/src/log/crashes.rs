//! Tails torn at every octet, and flipped bits: what was acknowledged is there or is told.

use std::fs;
use std::path::Path;

use mail_wire::{Form, MaildropId, MessageNumber};
use tempfile::TempDir;

use crate::custody::{Happened, Note, Noted};
use crate::error::StoreError;
use crate::log::batch::Batch;
use crate::log::header::HEADER_OCTETS;
use crate::log::meta::Destroyed;
use crate::log::record::{FLAG_CONTINUES, HEAD_OCTETS, Kind};
use crate::log::scan::Scan;
use crate::log::store::LogStore;
use crate::log::trial::{
    closed, contents, deliver, image, open, read, remove, seed, segments, small, text,
    without_index,
};
use crate::maildir::scratch::quick;
use crate::store::Provenance;
use crate::store::{Incoming, Recipient, Store};
use crate::view::View;

const OURS: MaildropId = MaildropId::new(1);

/// A store that is killed after so many short messages, each acknowledged, and its messages.
async fn killed(messages: usize) -> (TempDir, Vec<(String, String)>) {
    let folder = quick();
    let store = open(folder.path(), &small()).unwrap();
    for number in 0..messages {
        for outcome in deliver(&store, &[OURS], &text(number, 40)).await.unwrap() {
            outcome.unwrap();
        }
    }
    let all = contents(&store, OURS).await.unwrap();
    assert_eq!(all.len(), messages);
    (image(folder.path()), all)
}

/// Where the records of the only segment begin, and where the last one ends.
pub(crate) fn bounds(root: &Path) -> Vec<u64> {
    let path = segments(root).pop().unwrap();
    let disk = crate::log::real::RealDisk::open(crate::disk::Disk::default(), root).unwrap();
    let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    let file = crate::log::disk::Disk::open(&disk, &path, crate::disk::Existence::Old).unwrap();
    let end = file.len().unwrap();
    let scan = Scan { file: &*file, number: 1, seed: seed(root), end };
    let mut at = HEADER_OCTETS as u64;
    let mut bounds = vec![at];
    while let Some(record) = scan.record(at).unwrap() {
        at = record.end();
        bounds.push(at);
    }
    bounds
}

async fn reopened(root: &Path) -> (LogStore, Vec<(String, String)>) {
    let store = open(root, &small()).unwrap();
    let all = contents(&store, OURS).await.unwrap();
    (store, all)
}

// FORMAT.md, Recovery 4: a torn tail is no damage, and what was torn does not come back
#[tokio::test]
async fn a_tail_torn_at_any_octet_takes_only_what_was_not_acknowledged() {
    let (folder, all) = killed(3).await;
    let bounds = bounds(folder.path());
    let [.., start, end] = bounds[..] else { panic!("{bounds:?}") };
    let but_last = &all[..2];
    for cut in start..end {
        for filling in [None, Some(0), Some(0xA5)] {
            let copy = image(folder.path());
            let path = segments(copy.path()).pop().unwrap();
            let mut octets = fs::read(&path).unwrap();
            let place = usize::try_from(cut).unwrap();
            match filling {
                None => octets.truncate(place),
                Some(octet) => octets[place..].fill(octet),
            }
            let is_whole = octets.len() as u64 >= end
                && octets[..usize::try_from(end).unwrap()]
                    == fs::read(&segments(folder.path())[0]).unwrap()
                        [..usize::try_from(end).unwrap()];
            fs::write(&path, octets).unwrap();
            let (store, found) = reopened(copy.path()).await;
            assert_eq!(store.damage(), [], "{cut} {filling:?}");
            // The padding of the last record may be torn: then both are right.
            let expected = if is_whole { &all[..] } else { but_last };
            if found != expected {
                assert_eq!((found.as_slice(), filling), (&all[..], Some(0xA5)), "{cut}");
            }
            // A new message goes behind it, and the torn one never comes back.
            deliver(&store, &[OURS], &text(9, 10)).await.unwrap().pop().unwrap().unwrap();
            let with_new = contents(&store, OURS).await.unwrap();
            assert_eq!(with_new[..found.len()], found[..]);
            let killed_again = image(copy.path());
            drop(store);
            if filling.is_some() {
                continue;
            }
            for root in [copy.path(), killed_again.path()] {
                assert_eq!(reopened(root).await.1, with_new, "{cut} {filling:?}");
                closed(root);
                without_index(root);
                assert_eq!(reopened(root).await.1, with_new, "rebuilt, {cut} {filling:?}");
            }
        }
    }
}

// product §2, custody.rs: what was noted is there after a crash or is not, never half; and it
// takes no message with it
#[tokio::test]
async fn what_was_noted_is_there_or_not() {
    let (folder, all) = {
        let folder = quick();
        let store = open(folder.path(), &small()).unwrap();
        deliver(&store, &[OURS], &text(0, 40)).await.unwrap().pop().unwrap().unwrap();
        for messages in 0..3 {
            let what = Noted::Listed { messages };
            let note = Note { message: None, credential: 1, peer: Some("::1".into()), what };
            store.write_down(OURS, &note);
        }
        deliver(&store, &[OURS], &text(1, 40)).await.unwrap().pop().unwrap().unwrap();
        let all = contents(&store, OURS).await.unwrap();
        (image(folder.path()), all)
    };
    let bounds = bounds(folder.path());
    let [_, first, event, last] = bounds[..] else { panic!("{bounds:?}") };
    for cut in first..=last {
        let copy = image(folder.path());
        let path = &segments(copy.path())[0];
        let mut octets = fs::read(path).unwrap();
        octets.truncate(usize::try_from(cut).unwrap());
        fs::write(path, octets).unwrap();
        let (store, found) = reopened(copy.path()).await;
        assert_eq!(store.damage(), []);
        assert!(found == all[..1] || (found == all && cut > event), "{cut}");
        let told = store.told(OURS, None).await.unwrap();
        let noted = told.iter().filter(|entry| matches!(entry.what, Happened::Noted(_))).count();
        // The padding of the record may be torn: then both are right.
        assert!(noted == 0 || (noted == 3 && cut > event - 16), "{cut}: {noted}");
        assert!(noted == 3 || cut < event, "{cut}: {noted}");
    }
}

// FORMAT.md, Records: what was written together may be there in part, the later part too. None
// of it was acknowledged. What was written afterwards was; then the rest is damage.
#[tokio::test]
async fn a_batch_of_which_only_the_end_is_there_never_happened() {
    let (folder, all) = killed(2).await;
    let end = tail(folder.path());
    let id = {
        let copy = image(folder.path());
        let store = open(copy.path(), &small()).unwrap();
        let maildrop = store.open(OURS, View::default()).await.unwrap();
        maildrop.listing().get(MessageNumber::new(1).unwrap()).unwrap().id.get()
    };
    let gone = Destroyed::new(OURS.get(), vec![(id, 1)]).encode().unwrap();
    for is_later in [false, true] {
        let copy = image(folder.path());
        let mut batch = Batch::new(1, end, seed(copy.path()), 0);
        batch.push_plain(Kind::Event, b"torn").unwrap();
        let mut octets = batch.octets().to_vec();
        octets[HEAD_OCTETS] ^= 1;
        if is_later {
            let mut later = Batch::new(1, batch.end(), seed(copy.path()), 0);
            later.push_plain(Kind::Destroy, &gone).unwrap();
            octets.extend_from_slice(later.octets());
        } else {
            batch.push_plain(Kind::Destroy, &gone).unwrap();
            octets.extend_from_slice(&batch.octets()[octets.len()..]);
        }
        let path = &segments(copy.path())[0];
        let mut whole = fs::read(path).unwrap();
        let place = usize::try_from(end).unwrap();
        whole[place..place + octets.len()].copy_from_slice(&octets);
        fs::write(path, whole).unwrap();
        let (store, found) = reopened(copy.path()).await;
        let expected = if is_later { &all[1..] } else { &all[..] };
        assert_eq!((store.damage().len(), &found[..]), (usize::from(is_later), expected));
    }
}

// A message may hold what looks like a record, at its right place, but for the seed.
#[tokio::test]
async fn a_record_in_a_message_is_none() {
    let folder = quick();
    let store = open(folder.path(), &small()).unwrap();
    let right = seed(folder.path());
    deliver(&store, &[OURS], &text(0, 10)).await.unwrap().pop().unwrap().unwrap();
    // Count, one recipient, the digest, and 8 octets of padding.
    let head_and_meta = HEAD_OCTETS as u64 + 8 + 24 + 40 + 8;
    for (seed, is_found) in [(0, false), (right ^ 1, false), (right, true)] {
        // Behind the header of the message, which has 16 octets.
        let start = tail(folder.path()) + head_and_meta;
        let mut batch = Batch::new(1, start + 16, seed, 0);
        batch.push_plain(Kind::Epoch, &1_u32.to_le_bytes()).unwrap();
        let message = [b"A: 8901234\r\n\r\n  ".as_slice(), batch.octets(), b"\r\n"].concat();
        let recipients = vec![Recipient::new(OURS, Vec::new())];
        let incoming = Incoming {
            recipients,
            form: Form::Wire,
            utf8: false,
            provenance: Provenance::default(),
        };
        let mut delivery = store.deliver(incoming).await.unwrap();
        delivery.write(&message).unwrap();
        delivery.commit().await.pop().unwrap().unwrap();
        // One more, so that it is damage and no torn tail.
        deliver(&store, &[OURS], &text(1, 10)).await.unwrap().pop().unwrap().unwrap();
        let copy = image(folder.path());
        flip(&segments(copy.path())[0], start - head_and_meta + 9, 1);
        let store = open(copy.path(), &small()).unwrap();
        let damage = store.damage().first().unwrap();
        assert_eq!(damage.to == start + 16, is_found, "{damage:?}");
    }
}

fn tail(root: &Path) -> u64 {
    *bounds(root).last().unwrap()
}

// FORMAT.md, Recovery 4: damage is told, and everything else is still there
#[tokio::test]
async fn a_flipped_bit_in_the_middle_is_damage_and_the_rest_is_there() {
    let (folder, all) = killed(3).await;
    let bounds = bounds(folder.path());
    let (start, end) = (bounds[1], bounds[2]);
    let without = [all[0].clone(), all[2].clone()];
    let (mut told, mut unreadable) = (0, 0);
    for at in start..end {
        for bit in if at < start + HEAD_OCTETS as u64 { 0..8 } else { 3..4 } {
            let copy = image(folder.path());
            flip(&segments(copy.path())[0], at, bit);
            let store = open(copy.path(), &small()).unwrap();
            let maildrop = store.open(OURS, View::default()).await.unwrap();
            match store.damage() {
                [] => {
                    // The body, or padding: it is listed still, and never given out as whole.
                    assert_eq!(maildrop.listing().len(), 3, "{at}");
                    match read(&*maildrop, MessageNumber::new(2).unwrap()).await {
                        Ok(text) => assert_eq!(text, all[1].1, "{at}"),
                        Err(StoreError::Damaged { .. }) => unreadable += 1,
                        Err(other) => panic!("{at}: {other}"),
                    }
                    for number in [1, 3] {
                        let text =
                            read(&*maildrop, MessageNumber::new(number).unwrap()).await.unwrap();
                        assert_eq!(text, all[number as usize - 1].1);
                    }
                }
                [damage] => {
                    assert_eq!((damage.from, damage.to), (start, end));
                    assert_eq!(contents(&store, OURS).await.unwrap(), without, "{at}");
                    let kept = fs::read_dir(copy.path().join("quarantine")).unwrap().count();
                    assert_eq!(kept, 1);
                    told += 1;
                }
                more => panic!("{at}: {more:?}"),
            }
        }
    }
    assert!(told >= 64 * 8, "every bit of the head: {told}");
    assert!(unreadable > 40, "every octet of the body: {unreadable}");
}

// After an end in good order even the last record is known to have been whole.
#[tokio::test]
async fn damage_of_the_last_record_is_told_where_the_segment_was_sealed() {
    let folder = quick();
    let store = open(folder.path(), &small()).unwrap();
    deliver(&store, &[OURS], &text(1, 40)).await.unwrap().pop().unwrap().unwrap();
    drop(store);
    closed(folder.path());
    without_index(folder.path());
    flip(&segments(folder.path())[0], HEADER_OCTETS as u64 + 9, 1);
    let store = open(folder.path(), &small()).unwrap();
    assert_eq!(store.damage().len(), 1);
}

// FORMAT.md, Recovery 2: a header that is not right loses no record
#[tokio::test]
async fn a_damaged_segment_header_is_told_and_loses_nothing() {
    let (folder, all) = killed(2).await;
    for at in 0..60 {
        let copy = image(folder.path());
        flip(&segments(copy.path())[0], at, 5);
        let (store, found) = reopened(copy.path()).await;
        assert_eq!((store.damage().len(), found), (1, all.clone()), "{at}");
    }
}

// A segment that was being made when all ended
#[tokio::test]
async fn a_segment_without_a_whole_header_is_removed() {
    let (folder, all) = killed(2).await;
    for octets in [vec![], vec![0; 4096], b"RSTSEG\r\n\x01".to_vec()] {
        let copy = image(folder.path());
        fs::write(copy.path().join("s00/00000002.log"), octets).unwrap();
        let (store, found) = reopened(copy.path()).await;
        assert_eq!((store.damage(), found), ([].as_slice(), all.clone()));
        deliver(&store, &[OURS], &text(5, 10)).await.unwrap().pop().unwrap().unwrap();
        assert_eq!(contents(&store, OURS).await.unwrap().len(), 3);
    }
}

// P-057: a long message that is damaged ends in an error, never in its end
#[tokio::test]
async fn a_damaged_long_body_is_never_given_out_whole() {
    for big_octets_min in [50_000, 1 << 20] {
        let settings =
            crate::log::settings::Settings { big_octets_min, segment_octets: 1 << 20, ..small() };
        let folder = quick();
        let store = open(folder.path(), &settings).unwrap();
        let long = text(1, 300_000);
        deliver(&store, &[OURS], &long).await.unwrap().pop().unwrap().unwrap();
        let path = match fs::read_dir(folder.path().join("s00/big")).unwrap().next() {
            Some(file) => file.unwrap().path(),
            None => segments(folder.path())[0].clone(),
        };
        let maildrop = store.open(OURS, View::default()).await.unwrap();
        let first = MessageNumber::new(1).unwrap();
        assert!(read(&*maildrop, first).await.unwrap().ends_with(&long));
        for at in [1000, 150_000, 299_990] {
            flip(&path, at, 0);
            let mut body = maildrop.read(first).await.unwrap();
            let (mut wire, mut last) = (Vec::new(), None);
            for _ in 0..200 {
                last = Some(body.read(&mut wire, 10_000).await);
                if matches!(last, Some(Err(_) | Ok(crate::body::Progress::Ended))) {
                    break;
                }
            }
            assert!(matches!(last, Some(Err(StoreError::Damaged { .. }))), "{last:?}");
            let whole = long.len() + long.matches("\n.").count();
            assert!(wire.len() < whole, "{} of {whole}", wire.len());
            assert!(body.read(&mut wire, 10_000).await.is_err(), "an error stays one");
            flip(&path, at, 0);
        }
        // A file that is too short, or gone.
        if big_octets_min == 50_000 {
            fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(200_000).unwrap();
            assert!(read(&*maildrop, first).await.is_err());
            fs::remove_file(&path).unwrap();
            assert!(maildrop.read(first).await.is_err());
        }
    }
}

// rulings 18: what a snapshot lists stays readable, also when the index and the files moved on
#[tokio::test]
async fn a_long_message_stays_readable_while_a_snapshot_lists_it() {
    let settings =
        crate::log::settings::Settings { big_octets_min: 500, checkpoint_messages: 1, ..small() };
    let folder = quick();
    let store = open(folder.path(), &settings).unwrap();
    deliver(&store, &[OURS, OURS], &text(1, 2000)).await.unwrap().pop().unwrap().unwrap();
    let reader = store.open(OURS, View::default()).await.unwrap();
    let uidls: Vec<_> = reader.listing().iter().map(|entry| entry.uidl.to_string()).collect();
    let files = || fs::read_dir(folder.path().join("s00/big")).unwrap().count();
    assert_eq!((uidls.len(), files()), (2, 1), "one body for both");
    remove(&store, OURS, &uidls[..1]).await.unwrap();
    remove(&store, OURS, &uidls[1..]).await.unwrap();
    assert_eq!(contents(&store, OURS).await.unwrap(), []);
    assert_eq!(crate::log::trial::read_all(&*reader).await.unwrap().len(), 2);
    drop(reader);
    drop(store);
    closed(folder.path());
    assert_eq!(files(), 0, "nobody has it any more");
    // What a crash left of a delivery is swept at the next start.
    fs::write(folder.path().join("s00/big/0123456789abcdef.msg"), "x").unwrap();
    drop(open(folder.path(), &settings).unwrap());
    assert_eq!(files(), 0);
}

/// A store that was killed and went on: its first segment has no SEAL, and another follows it.
/// What it holds then.
async fn went_on(root: &Path) -> Vec<(String, String)> {
    let store = open(root, &small()).unwrap();
    deliver(&store, &[OURS], &text(7, 40)).await.unwrap().pop().unwrap().unwrap();
    let all = contents(&store, OURS).await.unwrap();
    drop(store);
    closed(root);
    assert_eq!(segments(root).len(), 2);
    without_index(root);
    all
}

// FORMAT.md, Recovery 4: only the last segment has a torn tail. One that another follows stays as it
// is: a body in it that is not right is told to who reads it (P-057), and its message is listed.
#[tokio::test]
async fn a_flipped_body_at_the_end_of_a_segment_is_no_torn_tail() {
    let (folder, _) = killed(2).await;
    let all = went_on(folder.path()).await;
    let path = &segments(folder.path())[0];
    let octets = fs::read(path).unwrap();
    let last = octets.windows(6).rposition(|some| some == b"dotted").unwrap();
    flip(path, last as u64, 1);
    let flipped = fs::read(path).unwrap();
    for _ in 0..2 {
        let store = open(folder.path(), &small()).unwrap();
        let maildrop = store.open(OURS, View::default()).await.unwrap();
        assert_eq!((store.damage(), maildrop.listing().len()), ([].as_slice(), 3));
        for (number, (_, text)) in (1..).zip(&all) {
            match read(&*maildrop, MessageNumber::new(number).unwrap()).await {
                Ok(read) => assert_eq!((number != 2, &read), (true, text)),
                Err(fault) => assert!(matches!(fault, StoreError::Damaged { .. }) && number == 2),
            }
        }
        assert_eq!(fs::read(path).unwrap(), flipped);
        drop((maildrop, store));
        closed(folder.path());
        without_index(folder.path());
    }
}

// FORMAT.md, Recovery 4: the stretch up to the next right record is damage, whatever its batch, and
// reading goes on there; 5: a group of which a part is damaged was written, all of it
#[tokio::test]
async fn what_was_written_together_with_what_is_damaged_still_counts() {
    // Before what destroys the first message, and behind it, as the end of its group.
    for is_first in [true, false] {
        let (folder, _) = killed(2).await;
        let (end, seed) = (tail(folder.path()), seed(folder.path()));
        let store = open(image(folder.path()).path(), &small()).unwrap();
        let maildrop = store.open(OURS, View::default()).await.unwrap();
        let id = maildrop.listing().get(MessageNumber::new(1).unwrap()).unwrap().id.get();
        let gone = Destroyed::new(OURS.get(), vec![(id, 1)]).encode().unwrap();
        let mut batch = Batch::new(1, end, seed, 0);
        let flipped = if is_first {
            batch.push_plain(Kind::Event, b"an event").unwrap();
            batch.push_plain(Kind::Destroy, &gone).unwrap();
            end
        } else {
            batch.push_flagged(Kind::Destroy, FLAG_CONTINUES, &gone).unwrap();
            let end = batch.end();
            batch.push_plain(Kind::Event, b"an event").unwrap();
            end
        };
        let path = &segments(folder.path())[0];
        let mut octets = fs::read(path).unwrap();
        let place = usize::try_from(end).unwrap();
        octets[place..place + batch.octets().len()].copy_from_slice(batch.octets());
        fs::write(path, octets).unwrap();
        let all = went_on(folder.path()).await;
        assert_eq!(all.len(), 2, "the first is gone");
        flip(path, flipped + HEAD_OCTETS as u64, 0);
        let (store, found) = reopened(folder.path()).await;
        assert_eq!((store.damage().len(), found), (1, all), "{is_first}");
    }
}

fn flip(path: &Path, at: u64, bit: u32) {
    let mut octets = fs::read(path).unwrap();
    octets[usize::try_from(at).unwrap()] ^= 1 << bit;
    fs::write(path, octets).unwrap();
}
