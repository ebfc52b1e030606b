//! Unique-ids that messages brought along: kept octet by octet, through all that a store does.

use crate::log::batch::Batch;
use crate::log::meta::{RecipientRow, Recipients};
use crate::log::record::{Head, Kind};
use crate::log::settings::Settings;
use crate::log::trial::{
    closed, contents, deliver, image, open, seed, segments, small, text, without_index,
};
use crate::maildir::scratch::quick;
use mail_wire::MaildropId;

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
            crate::log::trial::remove(&store, ours, &others).await.unwrap();
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
