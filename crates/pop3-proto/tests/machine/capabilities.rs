//! CAPA, UTF8 and LANG.

use std::time::Duration;

use crate::dialog::Fixture;
use crate::world::{Peer, fixture};
use pop3_proto::server::ask::Expire;
use pop3_proto::server::policy::Announced;

fn rows(peer: &mut Peer) -> Vec<String> {
    let said = peer.says("CAPA");
    let rows = said.strip_prefix("+OK capability list follows\r\n").expect("a list");
    let rows = rows.strip_suffix(".\r\n").expect("its end");
    rows.split_terminator("\r\n").map(str::to_owned).collect()
}

fn everything() -> Fixture {
    Fixture { stls: true, login_delay: Some(900), expire: Some(60), ..fixture(&[]) }
}

// P-078, `rulings` 8: the order, before login and after it; P-071, P-120: only STLS goes
#[test]
fn what_is_announced_before_login_is_announced_after_it() {
    let mut peer = Peer::new(everything());
    let before = rows(&mut peer);
    assert_eq!(
        before,
        [
            "TOP",
            "UIDL",
            "USER",
            "RESP-CODES",
            "AUTH-RESP-CODE",
            "PIPELINING",
            "EXPIRE 60",
            "UTF8 USER",
            "LANG",
            "STLS",
            "SASL PLAIN",
            "LOGIN-DELAY 900",
            "IMPLEMENTATION Restante",
        ]
    );
    peer.log_in();
    let after = rows(&mut peer);
    let expected: Vec<_> = before.into_iter().filter(|row| row != "STLS").collect();
    assert_eq!(after, expected);
}

// P-072, P-073, P-078: tags from the registry, ASCII, no empty line, no space at the end
#[test]
fn every_row_is_a_registered_tag() {
    let registry = [
        "TOP",
        "USER",
        "SASL",
        "RESP-CODES",
        "LOGIN-DELAY",
        "PIPELINING",
        "EXPIRE",
        "UIDL",
        "IMPLEMENTATION",
        "STLS",
        "AUTH-RESP-CODE",
        "UTF8",
        "LANG",
    ];
    let mut peer = Peer::new(everything());
    for row in rows(&mut peer) {
        let tag = row.split(' ').next().unwrap_or_default();
        assert!(registry.contains(&tag), "{row}");
        assert!(
            row.is_ascii() && row.trim() == row && !row.is_empty() && row.len() <= 510,
            "{row}"
        );
    }
}

// P-037, P-038, P-091: before TLS nothing that reveals a password, after it all of it
#[test]
fn passwords_are_announced_where_they_would_be_taken() {
    let mut peer = Peer::new(Fixture { cleartext: false, ..everything() });
    let before = rows(&mut peer);
    assert!(!before.iter().any(|row| row == "USER" || row.starts_with("SASL")), "{before:?}");
    peer.says("STLS");
    let after = rows(&mut peer);
    assert!(after.contains(&"USER".to_owned()) && after.contains(&"SASL PLAIN LOGIN".to_owned()));
    assert!(!after.contains(&"STLS".to_owned()));
}

// P-074: the largest and ` USER` before login, the account's own after it
#[test]
fn login_delay_before_and_after_login() {
    for (own, row) in [(Some(60), "LOGIN-DELAY 60"), (None, "LOGIN-DELAY 0")] {
        let mut peer = Peer::with(fixture(&[]), |policy| {
            policy.login_delay = Some(Announced { value: Duration::from_mins(15), per_user: true });
        });
        assert!(rows(&mut peer).contains(&"LOGIN-DELAY 900 USER".to_owned()));
        peer.verified.login_delay = own.map(Duration::from_secs);
        peer.log_in();
        assert!(rows(&mut peer).contains(&row.to_owned()), "{row}");
    }
}

// P-075: the smallest and ` USER` before login, the account's own after it
#[test]
fn expire_before_and_after_login() {
    for (own, row) in [
        (Some(Expire::Days(30)), "EXPIRE 30"),
        (None, "EXPIRE 7"),
        (Some(Expire::Never), "EXPIRE NEVER"),
    ] {
        let mut peer = Peer::with(fixture(&[]), |policy| {
            policy.expire = Some(Announced { value: Expire::Days(7), per_user: true });
        });
        assert!(rows(&mut peer).contains(&"EXPIRE 7 USER".to_owned()));
        peer.verified.expire = own;
        peer.log_in();
        assert!(rows(&mut peer).contains(&row.to_owned()), "{row}");
    }
    let mut peer = Peer::with(fixture(&[]), |policy| {
        policy.expire = Some(Announced { value: Expire::Never, per_user: false });
    });
    assert!(rows(&mut peer).contains(&"EXPIRE NEVER".to_owned()));
    assert!(!rows(&mut Peer::new(fixture(&[]))).iter().any(|row| row.starts_with("EXPIRE")));
}

// P-076: IMPLEMENTATION may be left out; where it stands it is last
#[test]
fn implementation_is_last_or_not_there() {
    assert_eq!(
        rows(&mut Peer::new(fixture(&[]))).pop().as_deref(),
        Some("IMPLEMENTATION Restante")
    );
    let mut peer = Peer::with(fixture(&[]), |policy| policy.implementation = None);
    assert!(!rows(&mut peer).iter().any(|row| row.starts_with("IMPLEMENTATION")));
}

fn utf8_drop() -> Fixture {
    let mut fixture = fixture(&["Subject: a\r\n\r\na\r\n", "Subject: gr\u{fc}n\r\n\r\nb\r\n"]);
    fixture.messages[1].utf8 = true;
    fixture
}

// P-085, P-140, P-142, P-144: refused for LIST n, RETR and TOP, not for UIDL and DELE
#[test]
fn utf8_headers_need_utf8_mode() {
    for utf8_first in [false, true] {
        let mut peer = Peer::new(utf8_drop());
        if utf8_first {
            assert_eq!(peer.says("UTF8"), "+OK UTF-8 mode is on\r\n");
        }
        peer.log_in();
        for line in ["LIST 2", "RETR 2", "TOP 2 0"] {
            let said = peer.says(line);
            assert_eq!(said.starts_with("+OK"), utf8_first, "{line}: {said}");
            assert!(utf8_first || said.starts_with("-ERR [UTF8] "), "{line}: {said}");
        }
        assert_eq!(peer.says("UIDL 2"), "+OK 2 u2\r\n");
        assert!(peer.says("RETR 1").starts_with("+OK"));
        assert_eq!(peer.says("STAT"), "+OK 2 38\r\n");
        assert!(peer.says("DELE 2").starts_with("+OK"));
    }
}

// B-02, P-140: after login too; and as it is where the site says so
#[test]
fn utf8_after_login_and_raw() {
    let mut peer = Peer::new(utf8_drop());
    peer.log_in();
    assert!(peer.says("UTF8\r\nRETR 2").contains("gr\u{fc}n"));
    let mut peer = Peer::new(Fixture { utf8_raw: true, ..utf8_drop() });
    peer.log_in();
    assert!(peer.says("RETR 2").contains("gr\u{fc}n"));
}

// P-145, P-122: STLS after UTF8 is refused
#[test]
fn stls_comes_before_utf8() {
    let mut peer = Peer::new(everything());
    peer.says("UTF8");
    assert_eq!(peer.says("STLS"), "-ERR STLS comes before UTF8\r\n");
}

// P-146: `UTF8 USER` is announced, so names may be UTF-8 at once, and have to be
#[test]
fn names_may_be_utf8_and_have_to_be() {
    let mut fixture = fixture(&[]);
    fixture.accounts[0].0 = "j\u{fc}rgen".to_owned();
    let mut peer = Peer::new(fixture);
    for wrong in [
        &b"USER \xC0\xAF\r\n"[..],
        b"USER \xED\xA0\x80\r\n",
        b"USER j\xFCrgen\r\n",
        b"USER \xF4\x90\x80\x80\r\n",
    ] {
        assert_eq!(peer.sends(wrong), b"-ERR not UTF-8\r\n");
    }
    assert!(peer.says("USER j\u{fc}rgen\r\nPASS right").contains("+OK maildrop"));
    // A client that has said UTF8 sends UTF-8 passwords.
    let mut peer = Peer::new(Fixture { ..crate::world::fixture(&[]) });
    let output = peer.sends(b"UTF8\r\nUSER ann\r\nPASS caf\xE9\r\n");
    assert!(output.ends_with(b"-ERR not UTF-8\r\n"));
    assert!(peer.asked.is_empty());
}

// P-148: before login `*` says the same, whoever is named
#[test]
fn the_preferred_language_gives_nobody_away() {
    for name in ["ann", "nobody"] {
        let mut peer = Peer::new(fixture(&[]));
        peer.says(&format!("USER {name}"));
        assert_eq!(peer.says("LANG *"), "+OK en language changed\r\n");
    }
}

// P-141: undeclared 8-bit and 8-bit bodies are sent as they are, in both modes
#[test]
fn undeclared_eight_bit_mail_goes_out_as_it_is() {
    for utf8 in ["NOOP", "UTF8"] {
        let mut fixture = fixture(&["Subject: x\r\n\r\n"]);
        let text = b"Subject: gr\xFCn\r\n\r\nst\xE4rker\r\n";
        fixture.messages[0].text = text.to_vec();
        let mut peer = Peer::new(fixture);
        peer.log_in();
        peer.says(utf8);
        let output = peer.sends(b"RETR 1\r\n");
        assert_eq!(output, [&b"+OK 26 octets\r\n"[..], text, b".\r\n"].concat());
    }
}

// P-147, P-149
#[test]
fn languages() {
    let mut peer = Peer::logged_in(&[]);
    assert_eq!(peer.says("LANG"), "+OK languages follow\r\nen English\r\nde Deutsch\r\n.\r\n");
    assert!(peer.says("LANG MUL").starts_with("-ERR this language"));
    assert_eq!(peer.says("LANG de"), "+OK de Sprache gewechselt\r\n");
    assert_eq!(peer.says("RETR 0"), "-ERR Nachrichtennummern beginnen bei 1\r\n");
    assert!(peer.says("LANG MUL").starts_with("-ERR diese Sprache"));
    assert_eq!(peer.says("STAT"), "+OK 0 0\r\n");
    assert_eq!(peer.says("lang EN"), "+OK en language changed\r\n");
    assert_eq!(peer.says("LANG *"), "+OK en language changed\r\n");
}

// P-149: response codes are never translated
#[test]
fn codes_are_the_same_in_german() {
    let mut peer = Peer::new(fixture(&[]));
    peer.says("LANG de");
    let said = peer.says("USER ann\r\nPASS wrong");
    assert!(said.contains("\r\n-ERR [AUTH] Name oder Kennwort"), "{said}");
}
