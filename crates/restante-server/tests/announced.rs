//! What CAPA says of LOGIN-DELAY and EXPIRE, before login and after it, and that it holds.

use std::sync::Arc;

use restante_directory::{Rule, Rules};
use restante_server::guard::presence::Sessions;
use restante_server::net::service::Service;
use tokio::net::TcpStream;

use crate::house::{ANNAS, BERTS, House, Peer, Plan};
use crate::scripted::Scripted;

fn rules(rule: Rule, text: &str) -> Rules {
    let mut rules = Rules::default();
    rules.set(rule, text).unwrap();
    rules
}

async fn capability(peer: &mut Peer<TcpStream>, tag: &str) -> Option<String> {
    peer.expect("CAPA", "+OK").await;
    peer.rows().await.into_iter().find(|row| row.starts_with(tag))
}

async fn login(house: &House, name: &str) -> Peer<TcpStream> {
    let mut peer = house.greeted(Service::Pop3).await;
    peer.expect(&format!("USER {name}"), "+OK").await;
    peer.expect("PASS geheim", "+OK").await;
    peer
}

async fn before_and_after(house: &House, tag: &str) -> [Option<String>; 3] {
    let mut stranger = house.greeted(Service::Pop3).await;
    let mut anna = login(house, "anna").await;
    let mut bert = login(house, "bert").await;
    [
        capability(&mut stranger, tag).await,
        capability(&mut anna, tag).await,
        capability(&mut bert, tag).await,
    ]
}

// P-074: user A 60 s, B 900 s: before login `LOGIN-DELAY 900 USER`, as A `LOGIN-DELAY 60`;
// P-081: an early login is refused
#[tokio::test]
async fn login_delays_that_differ_are_announced_so_and_enforced_so() {
    let house = House::with(Plan { sessions: Sessions::Snapshot, ..Plan::default() }).await;
    house.people.keep(ANNAS, rules(Rule::LoginDelay, "60s"));
    house.people.keep(BERTS, rules(Rule::LoginDelay, "900s"));
    let seen = before_and_after(&house, "LOGIN-DELAY").await;
    let said = ["LOGIN-DELAY 900 USER", "LOGIN-DELAY 60", "LOGIN-DELAY 900"];
    assert_eq!(seen.map(Option::unwrap), said);
    for name in ["anna", "bert"] {
        let mut early = house.greeted(Service::Pop3).await;
        early.expect(&format!("USER {name}"), "+OK").await;
        early.expect("PASS geheim", "-ERR [LOGIN-DELAY]").await;
    }
}

// P-074: where one has a delay and the other none, none is 0 and nothing is refused
#[tokio::test]
async fn an_account_without_delay_beside_one_with() {
    let house = House::with(Plan { sessions: Sessions::Snapshot, ..Plan::default() }).await;
    house.people.keep(BERTS, rules(Rule::LoginDelay, "900s"));
    let seen = before_and_after(&house, "LOGIN-DELAY").await;
    let said = ["LOGIN-DELAY 900 USER", "LOGIN-DELAY 0", "LOGIN-DELAY 900"];
    assert_eq!(seen.map(Option::unwrap), said);
    login(&house, "anna").await.expect("QUIT", "+OK").await;
    login(&house, "anna").await.expect("QUIT", "+OK").await;
}

// P-075: policies 7 and 30 days: before `EXPIRE 7 USER`, after `EXPIRE 30`; NEVER where none
#[tokio::test]
async fn expire_is_the_fewest_days_before_login_and_its_own_after() {
    let store = Arc::new(Scripted::default());
    let house = House::with(Plan { store, sessions: Sessions::Snapshot, ..Plan::default() }).await;
    let seen = before_and_after(&house, "EXPIRE").await;
    assert_eq!(seen.map(Option::unwrap), ["EXPIRE NEVER"; 3]);
    house.people.keep(ANNAS, rules(Rule::Retention, "7d after retrieval"));
    let seen = before_and_after(&house, "EXPIRE").await;
    assert_eq!(seen.map(Option::unwrap), ["EXPIRE 7 USER", "EXPIRE 7", "EXPIRE NEVER"]);
    house.people.keep(BERTS, rules(Rule::Retention, "30d after delivery"));
    let seen = before_and_after(&house, "EXPIRE").await;
    assert_eq!(seen.map(Option::unwrap), ["EXPIRE 7 USER", "EXPIRE 7", "EXPIRE 30"]);
    house.people.keep(ANNAS, rules(Rule::Retention, "30d after retrieval"));
    let seen = before_and_after(&house, "EXPIRE").await;
    assert_eq!(seen.map(Option::unwrap), ["EXPIRE 30"; 3]);
}
