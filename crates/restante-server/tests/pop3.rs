//! POP3 sessions, from greeting to goodbye.

use restante_directory::{LoginDelay, Rules};
use restante_server::net::service::Service;
use restante_server::session::settings::Pop3Settings;

use crate::house::{ANNAS, House, People, Plan};
use crate::scripted::{Scene, Script, Scripted, Temporary};

// The whole way, thinly: in by LMTP, out by POP3
#[tokio::test]
async fn a_message_goes_in_by_lmtp_and_out_by_pop3() {
    let house = House::build().await;
    let mut lmtp = house.greeted(Service::Lmtp).await;
    lmtp.send(b"LHLO relay.example.com\r\n").await;
    while !lmtp.line().await.starts_with("250 ") {}
    lmtp.expect("MAIL FROM:<bob@example.com>", "250").await;
    lmtp.expect("RCPT TO:<anna@example.org>", "250").await;
    lmtp.expect("DATA", "354").await;
    lmtp.expect("Subject: hello\r\n\r\n..stuffed\r\n.", "250").await;
    lmtp.expect("QUIT", "221").await;
    lmtp.ends().await;

    let mut pop3 = house.anna().await;
    let listed = pop3.ask("LIST 1").await;
    let octets: usize = listed.rsplit(' ').next().unwrap().parse().unwrap();
    pop3.expect("RETR 1", &format!("+OK {octets} octets")).await;
    let rows = pop3.rows().await;
    assert_eq!(rows[0], "Return-Path: <bob@example.com>");
    assert_eq!(rows[1], "Delivered-To: anna@example.org");
    assert!(rows[2].starts_with("Received: from relay.example.com ([127.0.0.1])"));
    assert_eq!(&rows[rows.len() - 3..], ["Subject: hello", "", "..stuffed"]);
    let unstuffed: usize =
        rows.iter().map(|row| row.strip_prefix('.').unwrap_or(row).len() + 2).sum();
    assert_eq!(unstuffed, octets);
    pop3.expect("DELE 1", "+OK").await;
    pop3.expect("QUIT", "+OK").await;
    pop3.ends().await;
    assert_eq!(house.held(ANNAS).await, 0);
}

// P-017: the greeting is one +OK line; P-018: no angle bracket where APOP does not work
#[tokio::test]
async fn the_greeting_is_one_line_without_timestamp() {
    let house = House::build().await;
    let mut peer = house.connect(Service::Pop3).await;
    let greeting = peer.line().await;
    assert!(greeting.starts_with("+OK ") && !greeting.contains(['<', '>']), "{greeting}");
    peer.expect("QUIT", "+OK").await;
    peer.ends().await;
}

const SCRIPT: &str = "CAPA\r\nUSER anna\r\nPASS geheim\r\nSTAT\r\nLIST\r\nUIDL 1\r\nNOOP\r\n\
                      TOP 1 0\r\nRETR 2\r\nDELE 2\r\nLIST 2\r\nRSET\r\nXTND\r\n\r\nQUIT\r\n";

// P-016, P-160: one octet a segment, or all in one, the answers are the same
#[tokio::test]
async fn however_the_input_is_cut_the_answers_are_the_same() {
    let house = House::build().await;
    house.put(ANNAS, b"Subject: 1\r\n\r\n.\r\nbody\r\n").await;
    house.put(ANNAS, b"Subject: 2\r\n\r\n").await;
    let mut whole = house.greeted(Service::Pop3).await;
    whole.send(SCRIPT.as_bytes()).await;
    let whole = String::from_utf8(whole.rest().await).unwrap();
    let mut bitten = house.greeted(Service::Pop3).await;
    for octet in SCRIPT.as_bytes() {
        bitten.send(&[*octet]).await;
    }
    assert_eq!(String::from_utf8(bitten.rest().await).unwrap(), whole);
    assert!(whole.contains("+OK 2 ") && whole.ends_with("\r\n"), "{whole}");
}

// P-160: 10,000 commands at once, none lost, in order
#[tokio::test]
async fn ten_thousand_pipelined_commands_get_ten_thousand_answers() {
    let house = House::build().await;
    house.put(ANNAS, b"A: b\r\n\r\n").await;
    let mut peer = house.anna().await;
    let (mut reader, mut writer) = tokio::io::split(peer.stream);
    let writing = tokio::spawn(async move {
        let commands = "NOOP\r\nUIDL 1\r\n".repeat(5_000) + "QUIT\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut writer, commands.as_bytes()).await.unwrap();
        writer
    });
    let mut answers = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut reader, &mut answers).await.unwrap();
    let answers = String::from_utf8(answers).unwrap();
    assert_eq!(answers.lines().count(), 10_001);
    assert_eq!(answers.lines().filter(|line| line.starts_with("+OK 1 ")).count(), 5_000);
    peer = crate::house::Peer::new(reader.unsplit(writing.await.unwrap()));
    drop(peer);
}

// P-161: a client that asks for everything before it reads anything
#[tokio::test]
async fn a_client_that_writes_without_reading_stops_nothing_and_loses_nothing() {
    let house = House::build().await;
    let line = [b'x'; 998];
    let mut text = b"A: b\r\n\r\n".to_vec();
    for _ in 0..1000 {
        text.extend_from_slice(&line);
        text.extend_from_slice(b"\r\n");
    }
    for _ in 0..20 {
        house.put(ANNAS, &text).await;
    }
    let mut peer = house.anna().await;
    for number in 1..=20 {
        peer.send(format!("RETR {number}\r\n").as_bytes()).await;
    }
    peer.send(b"QUIT\r\n").await;
    for _ in 0..20 {
        assert_eq!(peer.line().await, format!("+OK {} octets", text.len()));
        assert_eq!(peer.rows().await.len(), 1002);
    }
    assert!(peer.line().await.starts_with("+OK"));
    peer.ends().await;
}

// P-162: what follows a failed PASS is judged in AUTHORIZATION
#[tokio::test]
async fn nothing_is_queued_past_a_failed_login() {
    let house = House::build().await;
    let mut peer = house.greeted(Service::Pop3).await;
    peer.send(b"USER anna\r\nPASS wrong\r\nSTAT\r\nUSER anna\r\nPASS geheim\r\nSTAT\r\n").await;
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(peer.line().await);
    }
    let signs: Vec<&str> = answers.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(signs, ["+OK", "-ERR", "-ERR", "+OK", "+OK", "+OK"], "{answers:?}");
    assert!(answers[1].starts_with("-ERR [AUTH] "));
    assert_eq!(answers[5], "+OK 0 0");
}

// P-163: nothing after QUIT is processed
#[tokio::test]
async fn nothing_after_quit_is_processed() {
    let house = House::build().await;
    house.put(ANNAS, b"A: b\r\n\r\n").await;
    let mut peer = house.anna().await;
    peer.send(b"QUIT\r\nDELE 1\r\nQUIT\r\n").await;
    let rest = String::from_utf8(peer.rest().await).unwrap();
    assert_eq!(rest.lines().count(), 1, "{rest}");
    assert_eq!(house.held(ANNAS).await, 1);
}

// P-027, P-028: unknown name and wrong password are the same to the peer
#[tokio::test]
async fn unknown_name_and_wrong_password_get_the_same_octets() {
    let house = House::build().await;
    house.people.disable("bert");
    let mut answers = Vec::new();
    for (name, password) in [("anna", "wrong"), ("nobody", "geheim"), ("bert", "geheim")] {
        let mut peer = house.greeted(Service::Pop3).await;
        answers.push((
            peer.ask(&format!("USER {name}")).await,
            peer.ask(&format!("PASS {password}")).await,
        ));
        peer.expect("USER anna", "+OK").await;
        if name == "anna" {
            peer.expect("PASS geheim", "+OK").await;
        }
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(house.number("restante_logins_refused_total"), 3);
}

// P-026: too many different failures close the connection, after their [AUTH]
#[tokio::test]
async fn five_different_failures_close_the_connection() {
    let house = House::build().await;
    let mut peer = house.greeted(Service::Pop3).await;
    for number in 1..=5 {
        // Another name each time, so that the delay does not grow.
        peer.expect(&format!("USER nobody{number}"), "+OK").await;
        peer.expect(&format!("PASS wrong{number}"), "-ERR [AUTH]").await;
    }
    peer.ends().await;
}

// P-082: the directory is down: [SYS/TEMP], never [AUTH]
#[tokio::test]
async fn a_broken_directory_is_no_wrong_password() {
    let house = House::build().await;
    house.people.break_down(true);
    let mut peer = house.greeted(Service::Pop3).await;
    peer.expect("USER anna", "+OK").await;
    peer.expect("PASS geheim", "-ERR [SYS/TEMP]").await;
    house.people.break_down(false);
    peer.expect("USER anna", "+OK").await;
    peer.expect("PASS geheim", "+OK").await;
}

// P-074, P-081: LOGIN-DELAY is announced and enforced
#[tokio::test]
async fn login_delay_is_enforced() {
    let house = House::build().await;
    let login_delay = LoginDelay(Some(std::time::Duration::from_mins(10)));
    house.people.keep(ANNAS, Rules { login_delay, ..Rules::default() });
    let mut first = house.anna().await;
    first.expect("CAPA", "+OK").await;
    assert!(first.rows().await.contains(&"LOGIN-DELAY 600".to_owned()));
    first.expect("QUIT", "+OK").await;
    let mut second = house.greeted(Service::Pop3).await;
    second.expect("USER anna", "+OK").await;
    second.expect("PASS geheim", "-ERR [LOGIN-DELAY]").await;
    second.expect("USER bert", "+OK").await;
    second.expect("PASS geheim", "+OK").await;
}

// P-019, P-021, S14: on expiry nothing is said and nothing removed, before login or after
#[tokio::test]
async fn the_autologout_timer_ends_without_a_word_and_without_update() {
    let idle = std::time::Duration::from_millis(300);
    let pop3 = Pop3Settings { idle, ..Pop3Settings::default() };
    let house = House::with(Plan { pop3, ..Plan::default() }).await;
    house.put(ANNAS, b"A: b\r\n\r\n").await;
    let mut stranger = house.greeted(Service::Pop3).await;
    let mut anna = house.anna().await;
    anna.expect("DELE 1", "+OK").await;
    anna.ends().await;
    stranger.ends().await;
    assert_eq!(house.held(ANNAS).await, 1);
    assert_eq!(house.number("restante_sessions_idle_ended_total{service=\"pop3\"}"), 2);
}

// P-056: a maildrop that cannot be read fails the login; it is never shown empty.
// P-023: and the lock is free again.
#[tokio::test]
async fn an_unreadable_maildrop_fails_the_login_and_frees_the_lock() {
    let store = Scripted::with(vec![Scene::text("a", b"A: b\r\n\r\n")]);
    let house = House::with(Plan { store: store.clone(), ..Plan::default() }).await;
    for (temporary, code) in [(true, "-ERR [SYS/TEMP]"), (false, "-ERR [SYS/PERM]")] {
        store.faults.lock().unwrap().open = Some(Temporary(temporary));
        let mut peer = house.greeted(Service::Pop3).await;
        peer.expect("USER anna", "+OK").await;
        peer.expect("PASS geheim", code).await;
    }
    store.faults.lock().unwrap().open = None;
    house.anna().await.expect("STAT", "+OK 1 8").await;
}

// One session's panic is one session's
#[tokio::test]
async fn a_panic_ends_its_own_session_and_frees_its_lock() {
    let store = Scripted::with(vec![Scene::text("a", b"A: b\r\n\r\n")]);
    store.faults.lock().unwrap().panic_in_read = true;
    let house = House::with(Plan { store: store.clone(), ..Plan::default() }).await;
    let mut other = house.greeted(Service::Pop3).await;
    let mut peer = house.anna().await;
    peer.send(b"RETR 1\r\n").await;
    assert_eq!(peer.rest().await, b"");
    other.expect("USER anna", "+OK").await;
    other.expect("PASS geheim", "+OK").await;
    assert_eq!(house.number("restante_sessions_panicked_total"), 1);
}

// S17, S18: disabled, or with another password: ended at the next command
#[tokio::test]
async fn a_changed_account_ends_its_sessions_at_their_next_command() {
    for change in [People::disable, People::change_password] {
        let house = House::build().await;
        house.put(ANNAS, b"A: b\r\n\r\n").await;
        let mut peer = house.anna().await;
        peer.expect("DELE 1", "+OK").await;
        change(&house.people, "anna");
        house.handle.account_changed(1);
        peer.expect("QUIT", "-ERR").await;
        peer.ends().await;
        assert_eq!(house.held(ANNAS).await, 1);
    }
}

// Wire form passes unstuffed; TOP cuts it at the same place
#[tokio::test]
async fn a_body_in_wire_form_is_sent_as_it_is() {
    let wire = Script::Wire("A: b\r\n\r\n..\r\nx\r\n".into());
    let scene = Scene { uidl: "a".to_owned(), octets: 14, utf8: false, body: wire };
    let house = House::with(Plan { store: Scripted::with(vec![scene]), ..Plan::default() }).await;
    let mut peer = house.anna().await;
    peer.expect("RETR 1", "+OK 14 octets").await;
    assert_eq!(peer.rows().await, ["A: b", "", "..", "x"]);
    peer.expect("TOP 1 1", "+OK").await;
    assert_eq!(peer.rows().await, ["A: b", "", ".."]);
}

// P-049: TOP with more lines than there are is RETR
#[tokio::test]
async fn top_of_more_lines_than_there_are_is_the_whole_message() {
    let house = House::build().await;
    house.put(ANNAS, b"A: b\r\n\r\n1\r\n.2\r\n3\r\n").await;
    let mut peer = house.anna().await;
    peer.expect("RETR 1", "+OK").await;
    let whole = peer.rows().await;
    for (lines, rows) in
        [("0", 2), ("1", 3), ("3", 5), ("4", 5), ("99999999", 5), ("4294967296", 5)]
    {
        peer.expect(&format!("TOP 1 {lines}"), "+OK").await;
        assert_eq!(peer.rows().await, whole[..rows], "{lines}");
    }
}

// The operator's view
#[tokio::test]
async fn the_roll_says_who_is_here() {
    let house = House::build().await;
    let _anna = house.anna().await;
    let sessions = serde_json::to_value(house.handle.sessions()).unwrap();
    assert_eq!(sessions[0]["account"], "anna");
    assert_eq!(sessions[0]["service"], "pop3");
    assert_eq!(sessions[0]["doing"], "in a maildrop");
}

// B-14: the last line is for a peer that still sends, too: what it sends meanwhile is taken and
// thrown away, for a socket closed over unread input is reset and takes its last line with it
#[tokio::test]
async fn a_peer_that_still_sends_is_not_reset() {
    let house = House::build().await;
    let mut peer = house.greeted(Service::Pop3).await;
    peer.send(b"GET / HTTP/1.0\r\n").await;
    let said = peer.rest().await;
    assert!(said.starts_with(b"-ERR "), "{:?}", String::from_utf8_lossy(&said));
    for _ in 0..10 {
        peer.send(&[b'x'; 1024]).await;
    }
}
