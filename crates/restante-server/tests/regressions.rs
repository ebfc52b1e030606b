//! What other servers got wrong, and we must never (`product` §9): one test each, named by it.

use std::time::Duration;

use restante_server::net::service::Service;
use restante_server::session::settings::Pop3Settings;

use crate::house::{ANNAS, House, Plan};
use crate::scripted::{Scene, Script, Scripted};

async fn holding(messages: &[&str]) -> House {
    let house = House::build().await;
    for message in messages {
        house.put(ANNAS, message.as_bytes()).await;
    }
    house
}

// P-057: cut, and no dot, when the disk fails after data began
#[tokio::test]
async fn a_read_error_in_the_middle_of_retr_ended_in_a_dot() {
    let start =
        b"A: b\r\n\r\n".iter().copied().chain(b"0123456789\r\n".repeat(10_000)).collect::<Vec<_>>();
    let octets = 2 * start.len() as u64;
    let body = Script::Broken(start.into());
    let scene = Scene { uidl: "a".to_owned(), octets, utf8: false, body };
    let store = Scripted::with(vec![scene]);
    let house = House::with(Plan { store: store.clone(), ..Plan::default() }).await;
    for command in ["RETR 1", "TOP 1 99999999"] {
        let mut peer = house.anna().await;
        peer.send(format!("DELE 1\r\nRSET\r\n{command}\r\nDELE 1\r\nQUIT\r\n").as_bytes()).await;
        let said = peer.rest().await;
        assert!(!said.windows(5).any(|octets| octets == b"\r\n.\r\n"), "{command}");
        assert!(said.len() < 2 * 120_000);
    }
    assert!(store.removed.lock().unwrap().is_empty());
    assert_eq!(house.number("restante_messages_cut_total"), 2);
}

// P-057: and -ERR before any data when it cannot be read at all; the session goes on
#[tokio::test]
async fn a_message_that_cannot_be_read_is_an_error_before_any_data() {
    let lost = Scene { uidl: "a".to_owned(), octets: 10, utf8: false, body: Script::Lost };
    let short =
        Scene { body: Script::Broken("A: b\r\n".into()), uidl: "b".to_owned(), ..lost.clone() };
    let good = Scene::text("c", b"A: b\r\n\r\n");
    let house =
        House::with(Plan { store: Scripted::with(vec![lost, short, good]), ..Plan::default() })
            .await;
    let mut peer = house.anna().await;
    peer.expect("RETR 1", "-ERR [SYS/TEMP]").await;
    peer.expect("TOP 1 0", "-ERR [SYS/TEMP]").await;
    peer.expect("RETR 3", "+OK 8 octets").await;
    assert_eq!(peer.rows().await, ["A: b", ""]);
    // A store that is wrong about the size is not believed either.
    let wrong = Scene { octets: 1000, ..Scene::text("d", b"A: b\r\n\r\n") };
    let house = House::with(Plan { store: Scripted::with(vec![wrong]), ..Plan::default() }).await;
    let mut peer = house.anna().await;
    peer.send(b"RETR 1\r\n").await;
    assert!(!peer.rest().await.ends_with(b".\r\n"));
}

// P-152
#[tokio::test]
async fn a_first_line_of_one_dot_was_not_stuffed() {
    let house = holding(&[".\r\n\r\n.\r\n..\r\n"]).await;
    let mut peer = house.anna().await;
    peer.expect("RETR 1", "+OK 12 octets").await;
    assert_eq!(peer.rows().await, ["..", "", "..", "..."]);
}

// P-040, S10
#[tokio::test]
async fn list_and_uidl_were_renumbered_after_dele() {
    let house = holding(&["A: 1\r\n\r\n", "A: 2\r\n\r\n", "A: 3\r\n\r\n"]).await;
    let mut peer = house.anna().await;
    peer.expect("UIDL", "+OK").await;
    let before = peer.rows().await;
    peer.expect("DELE 2", "+OK").await;
    peer.expect("LIST", "+OK").await;
    assert_eq!(peer.rows().await, ["1 8", "3 8"]);
    peer.expect("UIDL", "+OK").await;
    assert_eq!(peer.rows().await, [before[0].clone(), before[2].clone()]);
    peer.expect("RETR 3", "+OK").await;
    assert_eq!(peer.rows().await[0], "A: 3");
}

// P-046, S8, S9
#[tokio::test]
async fn deleted_messages_were_still_listed_counted_or_retrievable() {
    let house = holding(&["A: 1\r\n\r\n", "A: 2\r\n\r\n"]).await;
    let mut peer = house.anna().await;
    peer.expect("DELE 1", "+OK").await;
    for command in ["RETR 1", "TOP 1 0", "LIST 1", "UIDL 1", "DELE 1"] {
        peer.expect(command, "-ERR").await;
    }
    peer.expect("STAT", "+OK 1 8").await;
}

// P-049
#[tokio::test]
async fn top_sent_everything_or_counted_header_lines() {
    let house = holding(&["A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n"]).await;
    let mut peer = house.anna().await;
    peer.expect("TOP 1 0", "+OK").await;
    assert_eq!(peer.rows().await, ["A: 1", "B: 2", ""]);
    peer.expect("TOP 1 1", "+OK").await;
    assert_eq!(peer.rows().await, ["A: 1", "B: 2", "", "one"]);
}

// P-044, L18
#[tokio::test]
async fn dele_0_hit_message_1() {
    let house = holding(&["A: 1\r\n\r\n"]).await;
    let mut peer = house.anna().await;
    for number in ["0", "-1", "4294967297", "18446744073709551617", "1x", ""] {
        peer.expect(&format!("DELE {number}"), "-ERR").await;
    }
    peer.expect("STAT", "+OK 1 8").await;
    peer.expect("QUIT", "+OK").await;
    assert_eq!(house.held(ANNAS).await, 1);
}

// P-062, P-063: by the time of the answer it is done, or it is said that it is not
#[tokio::test]
async fn quit_was_answered_before_the_deletions_or_though_they_failed() {
    let house = holding(&["A: 1\r\n\r\n"]).await;
    let mut peer = house.anna().await;
    peer.expect("DELE 1", "+OK").await;
    peer.expect("QUIT", "+OK").await;
    assert_eq!(house.held(ANNAS).await, 0);
    let store = Scripted::with(vec![Scene::text("a", b"A: b\r\n\r\n")]);
    store.faults.lock().unwrap().commit = true;
    let house = House::with(Plan { store, ..Plan::default() }).await;
    let mut peer = house.anna().await;
    peer.expect("DELE 1", "+OK").await;
    peer.expect("QUIT", "-ERR [SYS/TEMP]").await;
}

// P-036: in each state, also with more behind it in the same segment
#[tokio::test]
async fn quit_was_not_answered() {
    let house = holding(&[]).await;
    for before in ["", "USER anna\r\n", "USER anna\r\nPASS geheim\r\n"] {
        let mut peer = house.greeted(Service::Pop3).await;
        peer.send(format!("{before}QUIT\r\nNOOP\r\n").as_bytes()).await;
        let said = String::from_utf8(peer.rest().await).unwrap();
        assert_eq!(said.lines().count(), before.lines().count() + 1, "{said}");
        assert!(said.lines().last().unwrap().starts_with("+OK"));
    }
}

// P-122
#[tokio::test]
async fn plaintext_was_kept_over_stls() {
    let house = holding(&[]).await;
    let mut peer = house.greeted(Service::Pop3).await;
    peer.send(b"STLS\r\nUSER an").await;
    let said = String::from_utf8(peer.rest().await).unwrap();
    assert!(!said.contains("+OK"), "{said}");
}

// P-156
#[tokio::test]
async fn totals_wrapped_at_2_or_4_gib() {
    let large = |uidl: &str, gib: u64| Scene { octets: gib << 30, ..Scene::text(uidl, b"") };
    let store = Scripted::with(vec![large("a", 3), large("b", 5), large("c", 4_000_000)]);
    let house = House::with(Plan { store, ..Plan::default() }).await;
    let mut peer = house.anna().await;
    assert_eq!(peer.ask("STAT").await, "+OK 3 4294975885934592");
    assert_eq!(peer.ask("LIST 2").await, "+OK 2 5368709120");
}

// P-043, P-045
#[tokio::test]
async fn sizes_were_not_what_retr_sends() {
    let messages = ["A: b\r\n\r\n", "\r\n", ".\r\n", "A: b\r\n\r\n.\r\n.x\r\n\r\n", "no end"];
    let house = holding(&messages).await;
    let mut peer = house.anna().await;
    for number in 1..=messages.len() {
        let listed: usize =
            peer.ask(&format!("LIST {number}")).await.rsplit(' ').next().unwrap().parse().unwrap();
        peer.expect(&format!("RETR {number}"), &format!("+OK {listed} octets")).await;
        let rows = peer.rows().await;
        let sent: usize =
            rows.iter().map(|row| row.strip_prefix('.').unwrap_or(row).len() + 2).sum();
        assert_eq!(sent, listed, "message {number}");
    }
}

// P-058: OAuth tokens are many KiB
#[tokio::test]
async fn auth_data_was_capped_under_real_tokens() {
    let house = holding(&[]).await;
    let mut peer = house.greeted(Service::Pop3).await;
    // A token in the place of a password: 8 KiB of it in base64, in one line and in two.
    peer.expect(&format!("AUTH PLAIN {}", "QUFB".repeat(2048)), "-ERR").await;
    peer.expect("AUTH PLAIN", "+ ").await;
    peer.expect(&"QUFB".repeat(2048), "-ERR").await;
    peer.expect("USER anna", "+OK").await;
    peer.expect("PASS geheim", "+OK").await;
}

// P-032
#[tokio::test]
async fn passwords_with_spaces_were_refused() {
    let house = holding(&[]).await;
    let mut peer = house.greeted(Service::Pop3).await;
    peer.expect("USER anna", "+OK").await;
    peer.expect("PASS a b  ", "+OK").await;
}

// P-074, P-075, P-160, P-140: what is announced works
#[tokio::test]
async fn capabilities_were_announced_that_do_nothing() {
    let house = holding(&["A: 1\r\n\r\n"]).await;
    let mut peer = house.greeted(Service::Pop3).await;
    peer.expect("CAPA", "+OK").await;
    let announced = peer.rows().await;
    let tag = |tag: &str| announced.iter().any(|row| row.split(' ').next() == Some(tag));
    assert!(!tag("LOGIN-DELAY"), "none is enforced");
    assert!(announced.contains(&"EXPIRE NEVER".to_owned()), "nothing expires");
    for known in [
        "TOP",
        "UIDL",
        "USER",
        "RESP-CODES",
        "AUTH-RESP-CODE",
        "PIPELINING",
        "UTF8",
        "LANG",
        "SASL",
        "STLS",
    ] {
        assert!(tag(known), "{known}: {announced:?}");
    }
    peer.expect("UTF8", "+OK").await;
    peer.expect("LANG de", "+OK de").await;
    peer.send(b"USER nobody\r\nPASS wrong\r\nUSER anna\r\nPASS geheim\r\nTOP 1 0\r\nUIDL 1\r\n")
        .await;
    assert!(peer.line().await.starts_with("+OK"));
    assert!(peer.line().await.starts_with("-ERR [AUTH] "));
    assert!(peer.line().await.starts_with("+OK"));
    assert!(peer.line().await.starts_with("+OK"));
    assert!(peer.line().await.starts_with("+OK"));
    assert_eq!(peer.rows().await, ["A: 1", ""]);
    assert!(peer.line().await.starts_with("+OK 1 "));
}

// P-071
#[tokio::test]
async fn capa_before_login_hid_uidl_and_top() {
    let house = holding(&[]).await;
    let mut peer = house.greeted(Service::Pop3).await;
    peer.expect("CAPA", "+OK").await;
    let before = peer.rows().await;
    assert!(before.contains(&"UIDL".to_owned()) && before.contains(&"TOP".to_owned()));
    peer.expect("USER anna", "+OK").await;
    peer.expect("PASS geheim", "+OK").await;
    peer.expect("CAPA", "+OK").await;
    let after = peer.rows().await;
    let lost: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
    assert_eq!(lost, ["STLS"]);
}

// P-156: as many as there are
#[tokio::test]
async fn only_the_newest_100_or_250_messages_were_shown() {
    let scenes = (1..=20_000).map(|n| Scene::text(&format!("u{n}"), b"A: b\r\n\r\n")).collect();
    let house = House::with(Plan { store: Scripted::with(scenes), ..Plan::default() }).await;
    let mut peer = house.anna().await;
    peer.expect("STAT", "+OK 20000 160000").await;
    for command in ["LIST", "UIDL"] {
        peer.expect(command, "+OK").await;
        let rows = peer.rows().await;
        assert_eq!(rows.len(), 20_000);
        assert!(rows[0].starts_with("1 ") && rows[19_999].starts_with("20000 "));
    }
    peer.expect("RETR 20000", "+OK").await;
}

// P-001, P-012: every line of ours ends in CRLF, the last one too
#[tokio::test]
async fn the_dot_ended_in_cr_without_lf() {
    let house = holding(&["A: 1\r\n\r\nx", "A: 2\r\n\r\n"]).await;
    let mut peer = house.greeted(Service::Pop3).await;
    peer.send(
        b"CAPA\r\nUSER anna\r\nPASS geheim\r\nLIST\r\nUIDL\r\nRETR 1\r\nTOP 1 0\r\nRETR 2\r\nFOO\r\nQUIT\r\n",
    )
    .await;
    let said = peer.rest().await;
    for (at, octet) in said.iter().enumerate() {
        match octet {
            b'\r' => assert_eq!(said.get(at + 1), Some(&b'\n'), "at {at}"),
            b'\n' => assert_eq!(said[at - 1], b'\r', "at {at}"),
            _ => {}
        }
    }
    assert_eq!(said.windows(5).filter(|octets| octets == b"\r\n.\r\n").count(), 6);
}

// P-019: RFC 1939 §3 asks for ten minutes at least
#[test]
fn idle_limits_of_60_seconds() {
    assert!(Pop3Settings::default().idle >= Duration::from_mins(10));
}
