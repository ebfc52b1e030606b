//! A month of mail under a simulated clock: how much is written for what was received.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mail_wire::{Form, MaildropId, MessageId};

use crate::log::counted::{Counted, Counts};
use crate::log::disk::Disk;
use crate::log::real::RealDisk;
use crate::log::settings::Settings;
use crate::log::store::LogStore;
use crate::log::trial::{closed, small};
use crate::maildir::scratch::quick;
use crate::store::{Incoming, Provenance, Recipient, Store};
use crate::view::View;

/// How much mail there is, and the store for it.
struct Plan {
    a_day: u64,
    maildrops: u64,
    settings: Settings,
}

/// What came of a month, in octets.
#[derive(Debug)]
struct Month {
    received: u64,
    live: u64,
    log: u64,
    index: u64,
    files: u64,
}

impl Month {
    /// What was written for what was received, in thousandths.
    fn amplification(&self) -> u64 {
        (self.log + self.index) * 1000 / self.received
    }
}

const TICK_MINUTES: u64 = 10;
const TICKS_A_DAY: u64 = 24 * 60 / TICK_MINUTES;
const DAYS: u64 = 30;

async fn month(plan: &Plan) -> Month {
    let folder = quick();
    let (counts, now) = (Arc::new(Counts::default()), Arc::new(AtomicU64::new(1_790_000_000_000)));
    let real = RealDisk::open(crate::disk::Disk::default(), folder.path()).unwrap();
    let disk: Arc<dyn Disk> =
        Arc::new(Counted { disk: real, counts: Arc::clone(&counts), now: Arc::clone(&now) });
    let store = LogStore::open_on(&disk, "a month", &plan.settings).unwrap();
    let mut due: BTreeMap<u64, BTreeMap<u64, Vec<MessageId>>> = BTreeMap::new();
    let (mut chance, mut received, mut delivered) = (7_u64, 0, 0);
    let mut below = |bound: u64| {
        // Knuth's MMIX; its higher bits.
        chance =
            chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % bound
    };
    for tick in 0..DAYS * TICKS_A_DAY {
        now.fetch_add(TICK_MINUTES * 60_000, Ordering::SeqCst);
        while delivered * TICKS_A_DAY < (tick + 1) * plan.a_day {
            let maildrop = below(plan.maildrops);
            let stored = deliver(&store, maildrop, delivered).await;
            received += stored.1;
            delivered += 1;
            // Of twenty: sixteen go within the hour, three within a week, one stays.
            let goes = match below(20) {
                0..16 => tick + 1 + below(6),
                16..19 => tick + TICKS_A_DAY * (1 + below(7)),
                _ => continue,
            };
            due.entry(goes).or_default().entry(maildrop).or_default().push(stored.0);
        }
        for (maildrop, ids) in due.remove(&tick).unwrap_or_default() {
            let id = MaildropId::new(maildrop);
            let mut maildrop = store.open(id, View::default()).await.unwrap();
            let numbers: Vec<_> = maildrop
                .listing()
                .iter()
                .filter(|entry| ids.contains(&entry.id))
                .map(|entry| entry.number)
                .collect();
            assert_eq!(maildrop.commit(&numbers).await.unwrap().messages, ids.len());
        }
    }
    let mut live = 0;
    for maildrop in 0..plan.maildrops {
        live += store.usage(MaildropId::new(maildrop)).await.unwrap().octets;
    }
    drop(store);
    closed(folder.path());
    let files = std::fs::read_dir(folder.path().join("s00"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"))
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    let count = |count: &AtomicU64| count.load(Ordering::SeqCst);
    Month { received, live, log: count(&counts.log), index: count(&counts.index), files }
}

async fn deliver(store: &LogStore, maildrop: u64, number: u64) -> (MessageId, u64) {
    let prefix = "Return-Path: <ann@example.net>\r\nDelivered-To: bob@example.org\r\n";
    let incoming = Incoming {
        recipients: vec![Recipient {
            address: "bob@example.org".into(),
            ..Recipient::new(MaildropId::new(maildrop), prefix.into())
        }],
        form: Form::Wire,
        utf8: false,
        provenance: Provenance { peer: "192.0.2.7".into(), sender: "ann@example.net".into() },
    };
    let mut delivery = store.deliver(incoming).await.unwrap();
    let header = format!("Message-ID: <{number:024}@mail.example.net>\r\nSubject: x\r\n\r\n");
    delivery.write(header.as_bytes()).unwrap();
    delivery
        .write(
            "a line of a message that has seventy octets, and so on and on\r\n"
                .repeat(300)
                .as_bytes(),
        )
        .unwrap();
    let stored = delivery.commit().await.pop().unwrap().unwrap();
    (stored.id, stored.octets.get())
}

async fn both(plan: Plan) {
    let Plan { a_day, maildrops, settings } = plan;
    let plan = |compacts_by_itself| Plan {
        a_day,
        maildrops,
        settings: Settings { compacts_by_itself, ..settings.clone() },
    };
    let before = month(&plan(false)).await;
    println!("without compaction {} thousandths: {before:?}", before.amplification());
    assert!(before.amplification() <= 1050, "{before:?}");
    let after = month(&plan(true)).await;
    println!("with compaction {} thousandths: {after:?}", after.amplification());
    assert!(after.amplification() <= 2000, "{after:?}");
    assert!(after.files < before.files / 3, "room was given back");
    // Segments under a threshold are given up: of the others at least half is live; and what is
    // written now, and what happened, takes a bit too.
    let room = after.live * 2 + settings.segment_octets * 3 + after.received / 50;
    assert!(after.files <= room, "{after:?}");
}

// issue: write amplification <= 1.05 before compaction, <= 2.0 with it, in a simulated month of
// mixed lifetimes
//
// With RESTANTE_MONTH=20 twenty times as much of everything: some gigabytes, in a folder in memory.
#[tokio::test]
async fn a_month_is_written_less_than_twice() {
    let times = std::env::var("RESTANTE_MONTH").ok().and_then(|times| times.parse().ok());
    let times: u64 = times.unwrap_or(1);
    let settings = Settings {
        segment_octets: times * (4 << 20),
        checkpoint_octets: times * (2 << 20),
        ahead_octets: 0,
        ..small()
    };
    both(Plan { a_day: times * 100, maildrops: times * 20, settings }).await;
}
