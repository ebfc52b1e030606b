//! Robots that share a maildrop: leases, and what becomes of them.

use std::collections::BTreeSet;
use std::time::Duration;

use mail_wire::Keeping;

use crate::crew::{Crew, break_off, fetch, login, pass, quit, uidls};
use crate::house::{ANNAS, House};

const MINUTE: Duration = Duration::from_mins(1);
const LEASED: &str = "restante_messages_leased";
const OFFERED_AGAIN: &str = "restante_messages_offered_again_total";

async fn with_mail(batch: u32, messages: usize) -> House {
    let house = Crew::new(Keeping::default(), batch).house().await;
    for number in 1..=messages {
        house.put(ANNAS, format!("Subject: {number}\r\n\r\n").as_bytes()).await;
    }
    house
}

// `product` §6: up to `batch` messages that no other worker session holds; §4: sessions overlap
#[tokio::test]
async fn two_workers_get_different_messages() {
    let house = with_mail(3, 5).await;
    let mut first = login(&house, "robot-1").await;
    let mut second = login(&house, "robot-2").await;
    let mut third = login(&house, "robot-1").await;
    let (one, two) = (uidls(&mut first).await, uidls(&mut second).await);
    assert_eq!((one.len(), two.len()), (3, 2));
    let both: BTreeSet<&String> = one.iter().chain(&two).collect();
    assert_eq!(both.len(), 5, "none twice");
    third.expect("STAT", "+OK 0 0").await;
    assert_eq!(house.number(LEASED), 5);
    // §3: in the order of delivery, under numbers from 1
    assert_eq!(fetch(&mut first, 1).await[0], "Subject: 1");
    assert_eq!(fetch(&mut second, 1).await[0], "Subject: 4");
}

// `product` §6: DELE and QUIT complete them
#[tokio::test]
async fn what_is_deleted_is_completed() {
    let house = with_mail(2, 3).await;
    let mut first = login(&house, "robot-1").await;
    for number in 1..=2 {
        fetch(&mut first, number).await;
        first.expect(&format!("DELE {number}"), "+OK").await;
    }
    quit(&house, first).await;
    assert_eq!(house.held(ANNAS).await, 1);
    assert_eq!(house.number(LEASED), 0);
    assert_eq!(house.number(OFFERED_AGAIN), 0);
    let mut next = login(&house, "robot-1").await;
    assert_eq!(fetch(&mut next, 1).await[0], "Subject: 3");
}

// `product` §6: ended in another way, offered again after a back-off; killed in the middle of
// a message
#[tokio::test]
async fn the_messages_of_a_dead_worker_come_back_after_a_minute() {
    let house = Crew::new(Keeping::default(), 50).house().await;
    let text: Vec<u8> =
        b"Subject: big\r\n\r\n".iter().copied().chain(b"0123456789\r\n".repeat(2 << 20)).collect();
    house.put(ANNAS, &text).await;
    house.put(ANNAS, b"Subject: small\r\n\r\n").await;
    let mut dying = login(&house, "robot-1").await;
    dying.expect("DELE 2", "+OK").await;
    dying.expect("RETR 1", "+OK").await;
    break_off(&house, dying).await;
    assert_eq!(house.held(ANNAS).await, 2, "nothing is removed without QUIT");
    assert_eq!(house.number(OFFERED_AGAIN), 2);
    let mut early = login(&house, "robot-2").await;
    early.expect("STAT", "+OK 0 0").await;
    quit(&house, early).await;
    pass(MINUTE).await;
    let mut next = login(&house, "robot-2").await;
    next.expect("STAT", "+OK 2 ").await;
    // A second try waits twice as long, and what was never looked at does not.
    next.expect("RETR 1", "+OK").await;
    break_off(&house, next).await;
    pass(MINUTE).await;
    let mut next = login(&house, "robot-2").await;
    assert_eq!(fetch(&mut next, 1).await[0], "Subject: small");
    next.expect("STAT", "+OK 1 ").await;
}

// `product` §6: "in any other way" is also QUIT without DELE
#[tokio::test]
async fn what_a_worker_leaves_is_offered_again() {
    let house = with_mail(50, 3).await;
    let mut first = login(&house, "robot-1").await;
    fetch(&mut first, 2).await;
    first.expect("DELE 2", "+OK").await;
    quit(&house, first).await;
    assert_eq!(house.number(OFFERED_AGAIN), 2);
    let mut second = login(&house, "robot-2").await;
    second.expect("STAT", "+OK 0 0").await;
    house.put(ANNAS, b"Subject: 4\r\n\r\n").await;
    quit(&house, second).await;
    let mut third = login(&house, "robot-2").await;
    assert_eq!(fetch(&mut third, 1).await[0], "Subject: 4", "new mail does not wait");
    pass(MINUTE).await;
    let mut fourth = login(&house, "robot-1").await;
    fourth.expect("STAT", "+OK 2 ").await;
}

// `product` §6: a device sees the maildrop, whatever workers have of it
#[tokio::test]
async fn devices_see_what_workers_have() {
    let house = with_mail(2, 3).await;
    let mut worker = login(&house, "robot-1").await;
    worker.expect("STAT", "+OK 2 ").await;
    let mut device = login(&house, "laptop").await;
    device.expect("STAT", "+OK 3 ").await;
    // §4: what another session removed stays readable in a snapshot that lists it
    device.expect("DELE 1", "+OK").await;
    quit(&house, device).await;
    assert_eq!(fetch(&mut worker, 1).await[0], "Subject: 1");
    worker.expect("DELE 1", "+OK").await;
    worker.expect("DELE 2", "+OK").await;
    quit(&house, worker).await;
    assert_eq!(house.held(ANNAS).await, 1);
}

// many at once: each message is with one worker at a time, and all are done in the end
#[tokio::test]
async fn a_crowd_of_workers_does_each_message_once() {
    let house = with_mail(3, 40).await;
    let mut done = Vec::new();
    while done.len() < 40 {
        let mut crowd = Vec::new();
        for number in 0..4 {
            crowd.push(login(&house, ["robot-1", "robot-2"][number % 2]).await);
        }
        let mut now = BTreeSet::new();
        for peer in &mut crowd {
            for (index, uidl) in uidls(peer).await.into_iter().enumerate() {
                peer.expect(&format!("DELE {}", index + 1), "+OK").await;
                assert!(now.insert(uidl.clone()), "{uidl} is with two workers");
                done.push(uidl);
            }
        }
        for peer in crowd {
            quit(&house, peer).await;
        }
    }
    assert_eq!(done.iter().collect::<BTreeSet<_>>().len(), 40, "none twice");
    assert_eq!(house.held(ANNAS).await, 0);
}

// `product` §7, docs/operating/workers.md: with XCOMMIT a worker finishes what it has marked and
// goes on; with XREFRESH it is given more, up to its batch; numbers stay, those of what is
// finished stay dead
#[tokio::test]
async fn a_worker_commits_and_is_given_more() {
    let house = with_mail(2, 5).await;
    let mut first = login(&house, "robot-1").await;
    let mut second = login(&house, "robot-2").await;
    let (one, two) = (uidls(&mut first).await, uidls(&mut second).await);
    assert_eq!((one.len(), two.len()), (2, 2));
    // Its batch is full: there is a fifth message, and it is not given that.
    first.expect("XREFRESH", "+OK 2 ").await;
    assert_eq!(uidls(&mut first).await, one);
    first.expect("DELE 1", "+OK").await;
    first.expect("XREFRESH", "+OK 1 ").await;
    assert_eq!(first.ask("XCOMMIT").await, "+OK 1 removed");
    assert_eq!(house.held(ANNAS).await, 4, "durably, before it is answered");
    assert_eq!(house.number(LEASED), 3);
    first.expect("XREFRESH", "+OK 2 ").await;
    assert_eq!(house.number(LEASED), 4);
    first.expect("RETR 1", "-ERR").await;
    assert_eq!(fetch(&mut first, 2).await[0], "Subject: 2");
    assert_eq!(fetch(&mut first, 3).await[0], "Subject: 5");
    // Nobody has a message of the other's.
    let mine = uidls(&mut first).await;
    assert!(mine.iter().all(|uidl| !two.contains(uidl)), "{mine:?} and {two:?}");
    // What another has finished is not given again, and what is marked and not committed is not
    // finished.
    second.expect("DELE 1", "+OK").await;
    break_off(&house, second).await;
    assert_eq!(house.held(ANNAS).await, 4);
    for number in [2, 3] {
        first.expect(&format!("DELE {number}"), "+OK").await;
    }
    assert_eq!(first.ask("XCOMMIT").await, "+OK 2 removed");
    first.expect("XREFRESH", "+OK 0 0").await;
    pass(MINUTE).await;
    first.expect("XREFRESH", "+OK 2 ").await;
    assert_eq!(fetch(&mut first, 4).await[0], "Subject: 3");
    assert_eq!(fetch(&mut first, 5).await[0], "Subject: 4");
    quit(&house, first).await;
    assert_eq!(house.held(ANNAS).await, 2);
    assert_eq!(house.number(LEASED), 0);
}

// `product` §7: XWAIT ends when mail has come, also for a worker that was given all there was
#[tokio::test]
async fn a_worker_waits_for_mail() {
    let house = with_mail(3, 1).await;
    let mut worker = login(&house, "robot-1").await;
    worker.expect("STAT", "+OK 1 ").await;
    worker.send(b"XWAIT 1740\r\n").await;
    house.put(ANNAS, b"Subject: 2\r\n\r\n").await;
    assert_eq!(worker.line().await, "+OK new");
    worker.expect("STAT", "+OK 1 ").await;
    worker.expect("XREFRESH", "+OK 2 ").await;
    assert_eq!(fetch(&mut worker, 2).await[0], "Subject: 2");
    // Any input ends it, and is answered.
    worker.send(b"XWAIT 1740\r\nNOOP\r\n").await;
    assert_eq!(worker.line().await, "+OK none");
    worker.expect("NOOP", "+OK").await;
}
