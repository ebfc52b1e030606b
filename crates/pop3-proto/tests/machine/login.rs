//! Greeting and login: USER and PASS, APOP, refusals, and what they give away.

use std::time::Duration;

use crate::dialog::{Fault, Fixture};
use crate::world::{Peer, fixture};
use pop3_proto::server::Stage;
use pop3_proto::server::ask::{Answer, Ask, Next, Reason, Refusal};

const WRONG: &str = "-ERR [AUTH] the name or the password is wrong\r\n";
const NO_TLS: &str = "-ERR [AUTH] TLS required, use STLS or port 995\r\n";

// P-017, P-018
#[test]
fn the_greeting_is_one_line_and_has_a_timestamp_only_where_apop_works() {
    let (_, greeting) = Peer::greeted(fixture(&[]), |_| {});
    assert_eq!(greeting, "+OK Restante ready on mail.example.org\r\n");
    let mut with_apop = fixture(&[]);
    with_apop.apop = Some("<1896.697170952@mail.example.org>".to_owned());
    let (_, greeting) = Peer::greeted(with_apop, |_| {});
    assert_eq!(greeting, "+OK Restante ready <1896.697170952@mail.example.org>\r\n");
}

// P-018: the same for an address literal and for a hostile setting
#[test]
fn the_greeting_never_begins_with_a_bracket_and_never_breaks() {
    for hostname in ["[192.0.2.1]", "[IPv6:2001:db8::1]", "a<b@c>d", "a\r\n+OK", "caf\u{e9}"] {
        let (_, greeting) =
            Peer::greeted(fixture(&[]), |policy| policy.hostname = hostname.to_owned());
        assert!(greeting.starts_with("+OK Restante ready on "), "{greeting:?}");
        assert!(greeting.is_ascii() && !greeting.contains(['<', '>']), "{greeting:?}");
        assert_eq!(greeting.matches(['\r', '\n']).count(), 2, "{greeting:?}");
    }
}

// P-028, P-030, P-084, P-095, A1, A2: unknown name and wrong password are the same
#[test]
fn nobody_learns_which_names_exist() {
    for (name, password) in
        [("ann", "wrong"), ("nobody", "right"), ("nobody", "wrong"), ("ANN", "right")]
    {
        let mut peer = Peer::new(fixture(&[]));
        assert_eq!(peer.says(&format!("USER {name}")), "+OK send PASS\r\n");
        assert_eq!(peer.says(&format!("PASS {password}")), WRONG);
    }
    for response in ["AGFubgB3cm9uZw==", "AG5vYm9keQByaWdodA=="] {
        assert_eq!(Peer::new(fixture(&[])).says(&format!("AUTH PLAIN {response}")), WRONG);
    }
}

// P-027, S6: after a failure from the start, by any means
#[test]
fn after_a_failure_everything_may_be_tried_again() {
    let mut peer = Peer::new(fixture(&[]));
    assert!(peer.says("USER ann\r\nPASS wrong").ends_with(WRONG));
    assert!(peer.says("PASS right").starts_with("-ERR USER"), "USER is needed again");
    assert!(peer.says("AUTH PLAIN AGFubgByaWdodA==").starts_with("+OK maildrop"));
}

// P-026, A22: five different failures, and the refusal comes before the close (B-14)
#[test]
fn five_different_failures_close_the_connection() {
    let mut peer = Peer::new(fixture(&[]));
    for count in 1..=5 {
        assert_eq!(peer.closed, None);
        let said = peer.says(&format!("USER ann\r\nPASS wrong{count}"));
        assert!(said.ends_with(WRONG), "{said}");
    }
    assert_eq!(peer.closed, Some(Reason::Failures));
    assert_eq!(peer.session.counters().failures, 5);
}

// P-026: the same name and password by several mechanisms count once; mechanisms that are not
// offered are no failed passwords
#[test]
fn one_wrong_password_tried_in_many_ways_is_one_failure() {
    let mut tls = fixture(&[]);
    tls.tls = true;
    let mut peer = Peer::new(tls);
    for line in [
        "USER ann\r\nPASS wrong",
        "AUTH PLAIN AGFubgB3cm9uZw==",
        "AUTH PLAIN\r\nAGFubgB3cm9uZw==",
        "AUTH LOGIN\r\nYW5u\r\nd3Jvbmc=",
        "AUTH LOGIN YW5u\r\nd3Jvbmc=",
        "AUTH NTLM",
        "AUTH CRAM-MD5",
        "AUTH SCRAM-SHA-256 AAAA",
        "USER ann\r\nPASS wrong",
    ] {
        assert!(peer.says(line).contains("-ERR "), "{line}");
    }
    assert_eq!(peer.session.counters().failures, 1);
    peer.log_in();
}

// P-026, `rulings` 2: the same wrong password is one failure, and still not for ever: as often
// as any bad command
#[test]
fn one_wrong_password_repeated_closes_the_connection_in_the_end() {
    for login in ["USER ann\r\nPASS wrong", "AUTH PLAIN AGFubgB3cm9uZw=="] {
        let mut peer = Peer::new(fixture(&[]));
        for count in 1..=20 {
            assert_eq!(peer.closed, None, "{count}");
            assert!(peer.says(login).ends_with(WRONG));
        }
        assert_eq!(peer.closed, Some(Reason::Failures));
        assert_eq!(peer.session.counters().failures, 1);
    }
}

// A name and a password that run into each other are two different pairs
#[test]
fn failures_are_told_apart() {
    let mut peer = Peer::new(fixture(&[]));
    peer.says("USER ab\r\nPASS c\r\nUSER a\r\nPASS bc");
    assert_eq!(peer.session.counters().failures, 2);
}

// P-032: everything after `PASS ` is the password
#[test]
fn a_password_keeps_its_spaces() {
    for (password, good) in [("a b  ", true), ("a b ", false), ("a b", false), (" a b  ", false)] {
        let mut fixture = fixture(&[]);
        fixture.accounts[0].1 = "a b  ".to_owned();
        let mut peer = Peer::new(fixture);
        peer.says("USER ann");
        assert_eq!(peer.says(&format!("PASS {password}")).starts_with("+OK"), good, "{password:?}");
    }
}

// P-011: 8-bit passwords go through as they came; A8: so do odd characters
#[test]
fn passwords_are_octets() {
    let mut peer = Peer::new(fixture(&[]));
    peer.sends(b"USER ann\r\nPASS caf\xE9\r\n");
    assert_eq!(peer.asked, ["verify"]);
    for password in [r"a:b%s\q", "\"a\"", "%n%n"] {
        let mut fixture = fixture(&[]);
        fixture.accounts[0].1 = password.to_owned();
        let mut peer = Peer::new(fixture);
        peer.says("USER ann");
        assert!(peer.says(&format!("PASS {password}")).starts_with("+OK"), "{password}");
    }
}

// A4, A5, A6: empty, long, too long
#[test]
fn names_and_passwords_of_odd_lengths() {
    let mut peer = Peer::new(fixture(&[]));
    assert!(peer.says("USER").starts_with("-ERR an argument"));
    assert!(peer.says("USER ann\r\nPASS").contains("-ERR an argument"));
    assert!(peer.says(&format!("USER {}\r\nPASS x", "n".repeat(1000))).ends_with(WRONG));
    let right = "p".repeat(512);
    let mut fixture = fixture(&[]);
    fixture.accounts[0].1.clone_from(&right);
    let mut peer = Peer::new(fixture);
    assert!(peer.says(&format!("USER ann\r\nPASS {right}p")).ends_with(WRONG));
    assert!(peer.asked.is_empty(), "a password of 513 octets costs no hash");
    assert!(peer.says(&format!("USER ann\r\nPASS {right}")).contains("+OK maildrop"));
}

// P-033, P-034, A21: APOP once, and only with a timestamp
#[test]
fn apop_works_once() {
    let good = "APOP ann 73fc7a08d8c7b3c3a4ad4ea35b3fe09c";
    let mut with_apop = fixture(&[]);
    with_apop.apop = Some("<1.2@mail.example.org>".to_owned());
    let digest = pop3_proto::apop::ApopDigest::of("<1.2@mail.example.org>", b"right").octets();
    let hex = format!("{:032x}", u128::from_be_bytes(digest));
    let mut peer = Peer::new(with_apop.clone());
    assert!(peer.says(&format!("APOP ann {hex}")).starts_with("+OK maildrop"));
    let mut peer = Peer::new(with_apop.clone());
    assert_eq!(peer.says(good), WRONG);
    assert!(
        peer.says(&format!("APOP ann {hex}")).starts_with("-ERR APOP"),
        "the second is too late"
    );
    peer.log_in();
    assert!(Peer::new(fixture(&[])).says(good).starts_with("-ERR APOP"));
    // RFC 2595 §4, P-123: what was said before TLS is forgotten, the timestamp too.
    with_apop.stls = true;
    let mut peer = Peer::new(with_apop);
    peer.says("STLS");
    assert!(peer.says(&format!("APOP ann {hex}")).starts_with("-ERR APOP"));
}

// P-029, P-037 to P-039, A31: no password in clear, whatever the name; LOGIN never
#[test]
fn without_tls_no_password_is_taken() {
    let mut plain = fixture(&[]);
    (plain.cleartext, plain.stls) = (false, true);
    let mut peer = Peer::new(plain.clone());
    for line in [
        "USER ann",
        "PASS right",
        "USER nobody",
        "PASS wrong",
        "AUTH PLAIN",
        "AUTH LOGIN",
        "AUTH PLAIN AGFubgByaWdodA==",
        "AUTH PLAIN AGFubgB3cm9uZw==",
        "AUTH",
    ] {
        assert_eq!(peer.says(line), NO_TLS, "{line}");
    }
    assert!(peer.asked.is_empty());
    assert!(!peer.says("CAPA").contains("\r\nUSER\r\n"));
    // `rulings` 5: LOGIN is under TLS only, even where clear text is allowed.
    assert_eq!(Peer::new(Fixture { stls: true, ..fixture(&[]) }).says("AUTH LOGIN"), NO_TLS);
    // P-125: without a certificate STLS is not named.
    plain.stls = false;
    let mut peer = Peer::new(plain);
    assert_eq!(peer.says("USER ann"), "-ERR [AUTH] TLS required, use port 995\r\n");
    assert_eq!(peer.says("STLS"), "-ERR TLS is not available on this connection\r\n");
}

// P-077, P-080, P-081, P-082, P-083: each refusal has its code, and only wrong credentials say
// [AUTH]
#[test]
fn each_refusal_has_its_code() {
    for (fault, code) in [
        (Fault::Directory, "-ERR [SYS/TEMP] "),
        (Fault::InUse, "-ERR [IN-USE] "),
        (Fault::LoginDelay, "-ERR [LOGIN-DELAY] "),
        (Fault::Maildrop, "-ERR [SYS/PERM] "),
    ] {
        for login in ["USER ann\r\nPASS right", "AUTH PLAIN AGFubgByaWdodA=="] {
            let mut fixture = fixture(&[]);
            fixture.faults.push(fault);
            let mut peer = Peer::new(fixture);
            let said = peer.says(login);
            assert!(said.lines().last().is_some_and(|line| line.starts_with(code)), "{said}");
            assert_eq!(peer.session.stage(), Stage::Authorization);
            assert_eq!(peer.session.counters().failures, 0);
            // P-023, P-027: the session goes on, and the fault may pass.
            peer.fixture.faults.clear();
            peer.log_in();
        }
    }
}

// P-023: Verified and then refused: nothing of the login remains
#[test]
fn a_login_that_fails_at_its_second_step_is_no_login() {
    let mut fixture = fixture(&["a: b\r\n\r\n"]);
    fixture.faults.push(Fault::InUse);
    let mut peer = Peer::new(fixture);
    peer.says("USER ann\r\nPASS right");
    assert!(!peer.session.is_authenticated());
    assert!(peer.says("STAT").starts_with("-ERR"));
    assert!(peer.says("PASS right").starts_with("-ERR USER"));
}

// Too many failures from the peer's network: [SYS/TEMP], and the connection closes
#[test]
fn too_many_failures_from_there_close_the_connection() {
    let mut peer = Peer::new(fixture(&[]));
    let mut output = Vec::new();
    let mut input = &b"USER ann\r\nPASS right\r\n"[..];
    let next = peer.session.receive(&mut input, &mut output, peer.now);
    assert!(matches!(next, Next::Ask(Ask::Verify(_))));
    let wait = Duration::from_secs(47);
    let answer = Answer::Refused(Refusal::TooManyFailures { wait });
    peer.session.answer(answer, &mut output, peer.now);
    let next = peer.session.receive(&mut input, &mut output, peer.now);
    assert!(matches!(next, Next::Close(Reason::Failures)));
    let said = String::from_utf8(output).expect("UTF-8");
    assert!(
        said.contains("\r\n-ERR [SYS/TEMP] service unavailable") && said.contains("47 seconds")
    );
}

// P-036, S13
#[test]
fn quit_before_login_updates_nothing() {
    let mut peer = Peer::new(fixture(&["a: b\r\n\r\n"]));
    assert_eq!(peer.says("QUIT"), "+OK signing off\r\n");
    assert_eq!(peer.closed, Some(Reason::Quit));
    assert!(peer.asked.is_empty());
}

// P-101: an authorization identity goes to the directory, which decides
#[test]
fn another_authorization_identity_is_for_the_directory_to_judge() {
    let mut peer = Peer::new(fixture(&[]));
    // bob NUL ann NUL right
    assert_eq!(peer.says("AUTH PLAIN Ym9iAGFubgByaWdodA=="), WRONG);
    // ann NUL ann NUL right
    assert!(peer.says("AUTH PLAIN YW5uAGFubgByaWdodA==").starts_with("+OK"));
}
