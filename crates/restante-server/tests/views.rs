//! A view for each device, holds, deletions that are ignored, and what is set aside.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use mail_wire::{After, Delete, Keeping, MessageId, Retention, Views};
use restante_server::guard::leases::LeaseSettings;
use restante_store::custody::{Aside, Custody, Offer, WithheldMessage};

use crate::crew::{Crew, break_off, fetch, login, pass, quit, uidls};
use crate::house::{ANNAS, House, Plan, until};

const PER_CREDENTIAL: Keeping = Keeping {
    delete: Delete::Destroy,
    views: Views::PerCredential,
    retention: None,
    quota: mail_wire::Quota { messages: None, octets: None },
};

async fn with_mail(keeping: Keeping, messages: usize) -> House {
    let house = Crew::new(keeping, 50).house().await;
    for number in 1..=messages {
        house.put(ANNAS, format!("Subject: {number}\r\n\r\n").as_bytes()).await;
    }
    house
}

fn custody(house: &House) -> &dyn Custody {
    house.store.custody().expect("the store keeps custody")
}

async fn withheld(house: &House) -> Vec<WithheldMessage> {
    custody(house).withheld(ANNAS).await.unwrap()
}

// `product` §5: the laptop no longer steals the phone's mail; gone when both have deleted it
#[tokio::test]
async fn laptop_and_phone_do_not_steal_from_each_other() {
    let house = with_mail(PER_CREDENTIAL, 2).await;
    let mut laptop = login(&house, "laptop").await;
    fetch(&mut laptop, 1).await;
    laptop.expect("DELE 1", "+OK").await;
    quit(&house, laptop).await;
    login(&house, "laptop").await.expect("STAT", "+OK 1 ").await;
    let mut phone = login(&house, "phone").await;
    assert_eq!(fetch(&mut phone, 1).await[0], "Subject: 1");
    assert_eq!(withheld(&house).await[0].hidden_from, [1]);
    phone.expect("DELE 1", "+OK").await;
    quit(&house, phone).await;
    assert!(withheld(&house).await.is_empty());
    assert_eq!(house.held(ANNAS).await, 1);
}

// `product` §4, P-022: views of their own imply that sessions overlap; a message that two have
// marked is removed once, and one that another removed stays readable in an older snapshot
#[tokio::test]
async fn sessions_overlap_over_their_own_snapshots() {
    let house = with_mail(PER_CREDENTIAL, 2).await;
    let mut laptop = login(&house, "laptop").await;
    let mut phone = login(&house, "phone").await;
    let mut again = login(&house, "phone").await;
    for peer in [&mut laptop, &mut phone] {
        peer.expect("DELE 1", "+OK").await;
    }
    quit(&house, laptop).await;
    quit(&house, phone).await;
    assert_eq!(house.held(ANNAS).await, 1, "it is gone");
    assert_eq!(fetch(&mut again, 1).await[0], "Subject: 1");
    again.expect("DELE 1", "+OK").await;
    again.expect("QUIT", "+OK").await;
    assert_eq!(house.held(ANNAS).await, 1);
}

// `product` §5: held out of every listing, and restorable, with its old unique-id or a new one
#[tokio::test]
async fn what_is_held_can_be_restored() {
    let delete = Delete::Hold(Duration::from_hours(24 * 30));
    let house = with_mail(Keeping { delete, ..Keeping::default() }, 2).await;
    let mut peer = login(&house, "laptop").await;
    let before = uidls(&mut peer).await;
    peer.expect("DELE 1", "+OK").await;
    peer.expect("DELE 2", "+OK").await;
    quit(&house, peer).await;
    let held = withheld(&house).await;
    assert_eq!(held.len(), 2);
    assert!(held.iter().all(|message| message.held_until.unwrap() > SystemTime::now()));
    let restore = |message: MessageId, offer| custody(&house).restore(ANNAS, vec![message], offer);
    let old = restore(held[0].id, Offer::AsItWas).await.unwrap();
    let new = restore(held[1].id, Offer::AsNew).await.unwrap();
    assert_eq!(old[0].as_str(), before[0]);
    assert_ne!(new[0].as_str(), before[1]);
    let mut peer = login(&house, "laptop").await;
    assert_eq!(uidls(&mut peer).await, [old[0].as_str(), new[0].as_str()]);
    assert_eq!(fetch(&mut peer, 2).await[0], "Subject: 2");
}

// `product` §5: delete = "ignore"
#[tokio::test]
async fn deletions_can_be_ignored() {
    let house = with_mail(Keeping { delete: Delete::Ignore, ..Keeping::default() }, 1).await;
    let mut peer = login(&house, "laptop").await;
    peer.expect("DELE 1", "+OK").await;
    quit(&house, peer).await;
    login(&house, "laptop").await.expect("STAT", "+OK 1 ").await;
    // A worker's deletion puts it off, so that the queue does not turn on the spot.
    let mut worker = login(&house, "robot-1").await;
    worker.expect("DELE 1", "+OK").await;
    quit(&house, worker).await;
    login(&house, "robot-1").await.expect("STAT", "+OK 0 0").await;
    pass(LeaseSettings::default().back_off_max).await;
    login(&house, "robot-1").await.expect("STAT", "+OK 1 ").await;
}

// `product` §6: k times running for a worker: set aside, kept, restorable
#[tokio::test]
async fn a_message_that_workers_die_at_is_set_aside() {
    let house = with_mail(Keeping::default(), 2).await;
    for deaths in 1..=5_u32 {
        let mut worker = login(&house, "robot-1").await;
        fetch(&mut worker, 1).await;
        break_off(&house, worker).await;
        assert_eq!(house.number("restante_sessions_died_at_messages_total"), u64::from(deaths));
        pass(LeaseSettings::default().back_off_max).await;
    }
    assert_eq!(house.number("restante_messages_set_aside_total"), 1);
    let aside = withheld(&house).await;
    assert_eq!((aside[0].set_aside, aside[0].deaths), (Some(Aside::Deaths), 5));
    for password in ["robot-2", "laptop"] {
        let mut peer = login(&house, password).await;
        peer.expect("STAT", "+OK 1 ").await;
        assert_eq!(fetch(&mut peer, 1).await[0], "Subject: 2");
        quit(&house, peer).await;
    }
    custody(&house).restore(ANNAS, vec![aside[0].id], Offer::AsItWas).await.unwrap();
    login(&house, "laptop").await.expect("STAT", "+OK 2 ").await;
}

// `product` §6: for devices it only reports
#[tokio::test]
async fn a_device_sets_nothing_aside() {
    let house = with_mail(Keeping::default(), 1).await;
    for _ in 0..7 {
        let mut device = login(&house, "laptop").await;
        fetch(&mut device, 1).await;
        break_off(&house, device).await;
    }
    assert_eq!(house.number("restante_messages_suspected_total"), 3);
    assert_eq!(house.number("restante_messages_set_aside_total"), 0);
    login(&house, "laptop").await.expect("STAT", "+OK 1 ").await;
}

// `product` §6: retrieved again and again and never deleted by a worker
#[tokio::test]
async fn a_message_that_workers_never_finish_is_set_aside() {
    let house = with_mail(Keeping::default(), 2).await;
    for _ in 0..5 {
        let mut worker = login(&house, "robot-1").await;
        fetch(&mut worker, 1).await;
        quit(&house, worker).await;
        pass(LeaseSettings::default().back_off_max).await;
    }
    let aside = withheld(&house).await;
    assert_eq!(aside.len(), 1, "the other was never retrieved");
    assert_eq!((aside[0].set_aside, aside[0].deaths), (Some(Aside::NeverFinished), 0));
    assert_eq!(house.number("restante_sessions_died_at_messages_total"), 0);
}

// `product` §6: two programs with views of their own each get every message
#[tokio::test]
async fn workers_with_views_of_their_own_each_get_all() {
    let house = with_mail(PER_CREDENTIAL, 1).await;
    let mut first = login(&house, "robot-1").await;
    first.expect("DELE 1", "+OK").await;
    login(&house, "robot-2").await.expect("STAT", "+OK 0 0").await;
    quit(&house, first).await;
    login(&house, "robot-1").await.expect("STAT", "+OK 0 0").await;
    login(&house, "robot-2").await.expect("STAT", "+OK 1 ").await;
    login(&house, "laptop").await.expect("STAT", "+OK 1 ").await;
}

// `product` §5: retention, by a running server; §4: sessions do not wait for it
#[tokio::test]
async fn what_is_over_goes_while_the_server_runs() {
    let retention = Some(Retention { days: 0, after: After::Delivery });
    let store = std::sync::Arc::new(restante_store::memory::MemoryStore::new());
    let crew = Crew::new(Keeping { retention, ..Keeping::default() }, 50);
    crate::house::put(store.as_ref(), ANNAS, b"Subject: old\r\n\r\n").await;
    let house = crew.house_with(Plan { store, ..Plan::default() }).await;
    until(|| house.number("restante_messages_expired_total") == 1).await;
    // And every hour or so.
    house.put(ANNAS, b"Subject: new\r\n\r\n").await;
    // The first pass may be in its pause still, and begin its hour only then.
    for _ in 0..3 {
        pass(Duration::from_hours(2)).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    until(|| house.number("restante_messages_expired_total") == 2).await;
    // §4: a message that a session lists stays readable there.
    house.put(ANNAS, b"Subject: newer\r\n\r\n").await;
    let mut peer = login(&house, "laptop").await;
    assert_eq!(custody(&house).expire(ANNAS, retention).await.unwrap(), 1);
    assert_eq!(fetch(&mut peer, 1).await[0], "Subject: newer");
    quit(&house, peer).await;
    login(&house, "phone").await.expect("STAT", "+OK 0 0").await;
}

// each credential is told apart: nothing of one view shows in another's numbers
#[tokio::test]
async fn unique_ids_are_the_same_in_every_view() {
    let house = with_mail(PER_CREDENTIAL, 3).await;
    let mut laptop = login(&house, "laptop").await;
    let all = uidls(&mut laptop).await;
    laptop.expect("DELE 2", "+OK").await;
    quit(&house, laptop).await;
    let theirs = uidls(&mut login(&house, "phone").await).await;
    assert_eq!(theirs, all);
    let ours: BTreeSet<String> =
        uidls(&mut login(&house, "laptop").await).await.into_iter().collect();
    assert_eq!(ours, BTreeSet::from([all[0].clone(), all[2].clone()]));
}
