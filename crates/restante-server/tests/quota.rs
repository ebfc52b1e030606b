//! Quotas on the wire (P-208): what a full maildrop answers, when, and to whom.

use restante_directory::{OverQuota, Rule, Rules};
use restante_server::net::service::Service;
use tokio::net::TcpStream;

use crate::house::{ANNAS, BERTS, House, Peer};

fn rules(of: &[(Rule, &str)]) -> Rules {
    let mut rules = Rules::default();
    for (rule, text) in of {
        rules.set(*rule, text).unwrap();
    }
    rules
}

async fn hello(house: &House, service: Service) -> Peer<TcpStream> {
    let mut peer = house.greeted(service).await;
    let verb = if service == Service::Smtp { "EHLO" } else { "LHLO" };
    peer.send(format!("{verb} relay.example.com\r\n").as_bytes()).await;
    while !peer.line().await.starts_with("250 ") {}
    peer
}

// P-208, D3: a full maildrop is refused at RCPT, for now or for good; the others are taken
#[tokio::test]
async fn a_full_maildrop_is_refused_at_rcpt() {
    let house = House::build().await;
    house.put(ANNAS, b"A: b\r\n\r\n").await;
    for (over_quota, code) in [("defer", "452 4.2.2"), ("refuse", "552 5.2.2")] {
        let full = rules(&[(Rule::QuotaMessages, "1"), (Rule::OverQuota, over_quota)]);
        house.people.keep(ANNAS, full);
        for service in [Service::Lmtp, Service::Smtp] {
            let mut peer = hello(&house, service).await;
            peer.expect("MAIL FROM:<bob@example.com>", "250").await;
            peer.expect("RCPT TO:<anna@example.org>", code).await;
            // an alias that leads to her and another: neither gets what would come twice
            peer.expect("RCPT TO:<both@example.org>", code).await;
            peer.expect("RCPT TO:<bert@example.org>", "250").await;
            peer.expect("DATA", "354").await;
            peer.expect("A: b\r\n\r\nx\r\n.", "250").await;
        }
    }
    assert_eq!((house.held(ANNAS).await, house.held(BERTS).await), (1, 4));
    // M21: login and deletion work, and then there is room
    let mut anna = house.anna().await;
    anna.expect("DELE 1", "+OK").await;
    anna.expect("QUIT", "+OK").await;
    let mut peer = hello(&house, Service::Lmtp).await;
    peer.expect("MAIL FROM:<bob@example.com>", "250").await;
    peer.expect("RCPT TO:<anna@example.org>", "250").await;
}

// P-208: SIZE is counted in
#[tokio::test]
async fn what_size_announces_must_fit() {
    let house = House::build().await;
    house.put(ANNAS, b"A: b\r\n\r\n").await;
    house.people.keep(ANNAS, rules(&[(Rule::QuotaOctets, "1000B")]));
    let mut peer = hello(&house, Service::Smtp).await;
    for (size, code) in [("SIZE=993", "452 4.2.2"), ("SIZE=992", "250"), ("", "250")] {
        peer.expect(&format!("MAIL FROM:<bob@example.com> {size}"), "250").await;
        peer.expect("RCPT TO:<anna@example.org>", code).await;
        peer.expect("RSET", "250").await;
    }
}

// RFC 5321 §4.2: one reply stands for all. It is true of all: nobody has the message, so that
// nobody has it twice when it comes again.
#[tokio::test]
async fn with_one_reply_for_several_all_have_room_or_nobody_gets_it() {
    let house = House::build().await;
    for (over_quota, code) in [("defer", "452 4.2.2"), ("refuse", "552 5.2.2")] {
        house
            .people
            .keep(ANNAS, rules(&[(Rule::QuotaOctets, "4KiB"), (Rule::OverQuota, over_quota)]));
        for bdat in [false, true] {
            let mut peer = hello(&house, Service::Smtp).await;
            peer.expect("MAIL FROM:<bob@example.com>", "250").await;
            peer.expect("RCPT TO:<bert@example.org>", "250").await;
            peer.expect("RCPT TO:<anna@example.org>", "250").await;
            let body = "0123456789\r\n".repeat(400);
            let text = format!("A: b\r\n\r\n{body}");
            if bdat {
                peer.send(format!("BDAT {} LAST\r\n", text.len()).as_bytes()).await;
                peer.send(text.as_bytes()).await;
                assert!(peer.line().await.starts_with(code));
            } else {
                peer.expect("DATA", "354").await;
                peer.expect(&format!("{text}."), code).await;
            }
            assert_eq!((house.held(ANNAS).await, house.held(BERTS).await), (0, 0));
        }
    }
    let mut peer = hello(&house, Service::Smtp).await;
    peer.expect("MAIL FROM:<bob@example.com>", "250").await;
    peer.expect("RCPT TO:<bert@example.org>", "250").await;
    peer.expect("RCPT TO:<anna@example.org>", "250").await;
    peer.expect("DATA", "354").await;
    peer.expect("A: b\r\n\r\nx\r\n.", "250").await;
    assert_eq!((house.held(ANNAS).await, house.held(BERTS).await), (1, 1));
}

// issue: what is asked together is asked to the octet, as LIST counts them
#[tokio::test]
async fn dots_that_were_stuffed_take_no_room() {
    let house = House::build().await;
    let text = "A: b\r\n\r\n..\r\n...x\r\n";
    let send = async |house: &House, code: &str| {
        let mut peer = hello(house, Service::Smtp).await;
        peer.expect("MAIL FROM:<bob@example.com>", "250").await;
        peer.expect("RCPT TO:<anna@example.org>", "250").await;
        peer.expect("RCPT TO:<bert@example.org>", "250").await;
        peer.expect("DATA", "354").await;
        peer.expect(&format!("{text}."), code).await;
    };
    send(&house, "250").await;
    let mut anna = house.anna().await;
    let listed = anna.ask("LIST 1").await;
    let octets: u64 = listed.rsplit(' ').next().unwrap().parse().unwrap();
    anna.expect("QUIT", "+OK").await;
    for (most, code) in [(2 * octets - 1, "452 4.2.2"), (2 * octets, "250")] {
        house.people.keep(ANNAS, rules(&[(Rule::QuotaOctets, &format!("{most}B"))]));
        send(&house, code).await;
    }
    assert_eq!(rules(&[]).over_quota, OverQuota::Defer);
}

// P-193, P-208: LMTP has a reply for each: who has room gets it, to the octet, whatever SIZE said
#[tokio::test]
async fn at_the_end_of_data_each_recipient_has_its_own_reply() {
    let house = House::build().await;
    for (over_quota, code) in [("defer", "452 4.2.2"), ("refuse", "552 5.2.2")] {
        let small = rules(&[(Rule::QuotaOctets, "1KiB"), (Rule::OverQuota, over_quota)]);
        house.people.keep(ANNAS, small);
        let mut peer = hello(&house, Service::Lmtp).await;
        peer.expect("MAIL FROM:<bob@example.com> SIZE=1", "250").await;
        peer.expect("RCPT TO:<anna@example.org>", "250").await;
        peer.expect("RCPT TO:<bert@example.org>", "250").await;
        peer.expect("DATA", "354").await;
        peer.expect(&format!("A: b\r\n\r\n{}.", "0123456789\r\n".repeat(100)), code).await;
        assert!(peer.line().await.starts_with("250 "));
    }
    assert_eq!((house.held(ANNAS).await, house.held(BERTS).await), (0, 2));
}
