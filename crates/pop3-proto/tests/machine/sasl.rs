//! AUTH: framing of the exchange, PLAIN and LOGIN.

use crate::dialog::Fixture;
use crate::world::{Peer, fixture};
use pop3_proto::server::ask::Reason;

fn over_tls() -> Peer {
    Peer::new(Fixture { tls: true, ..fixture(&["a: b\r\n\r\n"]) })
}

const RIGHT: &str = "AGFubgByaWdodA==";

// P-250
#[test]
fn mechanisms_are_named_in_any_case() {
    for name in ["PLAIN", "plain", "Plain"] {
        assert!(over_tls().says(&format!("auth {name} {RIGHT}")).starts_with("+OK"));
    }
}

// P-251, P-097, P-118, A14, A15: what is not built is refused at once, and costs nothing
#[test]
fn other_mechanisms_are_refused_at_once() {
    let long = "A".repeat(100);
    for name in [
        "NOSUCH",
        "CRAM-MD5",
        "DIGEST-MD5",
        "NTLM",
        "GSSAPI",
        "ANONYMOUS",
        "EXTERNAL",
        "XOAUTH2",
        "SCRAM-SHA-256",
        &long,
        "PLAIN,LOGIN",
        "nosuch AAAA",
    ] {
        let mut peer = over_tls();
        assert_eq!(peer.says(&format!("AUTH {name}")), "-ERR this mechanism is not offered\r\n");
        assert_eq!(peer.session.counters().failures, 0);
        peer.log_in();
    }
    assert!(over_tls().says("AUTH PLAIN\0").starts_with("-ERR control"));
}

// P-252, P-253, P-059, P-092: PLAIN over TLS in two steps; success is `+OK` and no data
#[test]
fn without_an_initial_response_the_challenge_is_plus_space() {
    let mut peer = over_tls();
    assert_eq!(peer.sends(b"AUTH PLAIN\r\n"), [0x2B, 0x20, 0x0D, 0x0A]);
    assert!(peer.says(RIGHT).starts_with("+OK maildrop"));
}

// P-254, A12: `=` is an empty response; PLAIN does not take one
#[test]
fn an_equals_sign_is_an_empty_initial_response() {
    let mut peer = over_tls();
    assert_eq!(peer.says("AUTH PLAIN ="), "-ERR a PLAIN message has exactly two NULs\r\n");
    assert_eq!(peer.says("AUTH LOGIN ="), "-ERR neither name nor password may be empty\r\n");
    peer.log_in();
}

// P-255: strict base64, in the command and in the exchange; the exchange is over
#[test]
fn what_is_not_base64_ends_the_exchange() {
    for wrong in ["AAA=BBB", "=AAA", "AB", "A", "AAAA=", "A-B_", "=", "AA\tA", "AGFubgByaWdodA"] {
        let mut peer = over_tls();
        if !wrong.contains('\t') && wrong != "=" {
            assert_eq!(peer.says(&format!("AUTH PLAIN {wrong}")), "-ERR not base64\r\n", "{wrong}");
        }
        peer.says("AUTH PLAIN");
        assert_eq!(peer.says(wrong), "-ERR not base64\r\n", "{wrong}");
        assert!(peer.says("NOOP").starts_with("-ERR not before"), "it is over");
        peer.log_in();
    }
    let mut peer = over_tls();
    peer.says("AUTH PLAIN");
    assert_eq!(peer.says(" AAAA"), "-ERR not base64\r\n");
}

// P-256: an empty line is an empty response; here it fails for its own reason
#[test]
fn an_empty_line_is_an_empty_response() {
    let mut peer = over_tls();
    peer.says("AUTH PLAIN");
    assert_eq!(peer.says(""), "-ERR a PLAIN message has exactly two NULs\r\n");
}

// P-257: as if AUTH had never come
#[test]
fn a_star_cancels() {
    for command in ["AUTH PLAIN", "AUTH LOGIN", "AUTH LOGIN YW5u"] {
        let mut peer = over_tls();
        assert!(peer.says(command).starts_with("+ "));
        assert_eq!(peer.says("*"), "-ERR authentication cancelled\r\n");
        peer.log_in();
        assert_eq!(peer.session.counters().failures, 0);
    }
}

// P-058, A16: 24 KiB on the AUTH line and in a response; above that -ERR and close; the buffer
// grows only then (`rulings` 2)
#[test]
fn sasl_lines_may_be_long_and_nothing_else_may() {
    let token = |octets: usize| "A".repeat(octets);
    let mut peer = over_tls();
    assert_eq!(peer.session.input_octets_max(), 1024);
    assert!(peer.says(&format!("AUTH PLAIN {}", token(8192))).contains("NUL"));
    assert_eq!(peer.session.input_octets_max(), 1024);
    peer.says("AUTH PLAIN");
    assert_eq!(peer.session.input_octets_max(), 24 * 1024);
    assert!(peer.says(&token(16 * 1024)).contains("NUL"));
    assert_eq!(peer.session.input_octets_max(), 1024);
    assert!(peer.says(&format!("USER {}", token(2000))).contains("too long"));
    assert_eq!(peer.closed, None);

    for start in ["AUTH PLAIN ", "auth plain "] {
        let mut peer = over_tls();
        // The buffer may grow as soon as the line has begun.
        peer.sends(start.as_bytes());
        assert_eq!(peer.session.input_octets_max(), 24 * 1024);
        for _ in 0..1024 {
            peer.sends(&[b'A'; 1024]);
            assert!(peer.held() <= 24 * 1024);
        }
        assert_eq!(peer.says(""), "-ERR line too long, at most 24576 octets\r\n");
        assert_eq!(peer.closed, Some(Reason::SaslTooLong));
    }
    let mut peer = over_tls();
    peer.says("AUTH PLAIN");
    assert!(peer.says(&token(64 * 1024)).starts_with("-ERR line too long"));
    assert_eq!(peer.closed, Some(Reason::SaslTooLong));
}

// `rulings` 2: after a login by AUTH the limit is that of a command again
#[test]
fn a_long_line_after_auth_is_only_too_long() {
    let mut peer = over_tls();
    assert!(peer.says(&format!("AUTH PLAIN {RIGHT}")).starts_with("+OK"));
    assert_eq!(peer.session.input_octets_max(), 1024);
    assert_eq!(peer.says(&"x".repeat(2000)), "-ERR line too long, at most 1024 octets\r\n");
    assert_eq!(peer.closed, None);
}

// A line that is too long and goes on with AUTH is not an AUTH line, wherever it is cut
#[test]
fn auth_in_the_middle_of_a_long_line_is_no_auth() {
    let line = format!("{}AUTH {}\r\n", "x".repeat(1100), "A".repeat(3000));
    for cut in [1, 7, 1024, 1100, 1101, 1105, 5000] {
        let mut peer = over_tls();
        let mut output = Vec::new();
        for piece in line.as_bytes().chunks(cut) {
            output.extend(peer.sends(piece));
        }
        assert_eq!(output, b"-ERR line too long, at most 1024 octets\r\n", "{cut}");
        assert_eq!(peer.closed, None);
    }
}

// P-090: after a success there is no other AUTH, and SASL stays announced
#[test]
fn there_is_no_auth_after_auth() {
    let mut peer = over_tls();
    assert!(peer.says(&format!("AUTH PLAIN {RIGHT}")).starts_with("+OK"));
    assert_eq!(peer.says(&format!("AUTH PLAIN {RIGHT}")), "-ERR not after login\r\n");
    assert!(peer.says("CAPA").contains("\r\nSASL PLAIN LOGIN\r\n"));
}

// P-094, B-15, A13, L25: bare AUTH lists, with a space behind it as well
#[test]
fn bare_auth_lists_the_mechanisms() {
    for line in ["AUTH", "AUTH ", "auth"] {
        let mut peer = over_tls();
        assert_eq!(peer.says(line), "+OK mechanisms follow\r\nPLAIN\r\nLOGIN\r\n.\r\n");
        peer.log_in();
    }
    assert_eq!(Peer::new(fixture(&[])).says("AUTH"), "+OK mechanisms follow\r\nPLAIN\r\n.\r\n");
}

// P-096, P-162: what comes behind AUTH is the response, and then commands again
#[test]
fn octets_behind_auth_are_the_response() {
    let mut peer = over_tls();
    let said = peer.says(&format!("AUTH PLAIN\r\n{RIGHT}\r\nSTAT"));
    assert_eq!(said, "+ \r\n+OK maildrop has 1 message (8 octets)\r\n+OK 1 8\r\n");
    let mut peer = over_tls();
    let said = peer.says("AUTH PLAIN\r\nQUIT\r\nQUIT");
    // "QUIT" is base64.
    assert!(
        said.starts_with("+ \r\n-ERR a PLAIN message") && said.ends_with("+OK signing off\r\n")
    );
}

// P-100, A11
#[test]
fn plain_has_two_nuls_and_nothing_empty() {
    for wrong in
        ["YW5u", "YW5uAHJpZ2h0", "AGFubgByaWdodAA=", "AAAAAA==", "AAByaWdodA==", "AGFubgA="]
    {
        let mut peer = over_tls();
        assert!(peer.says(&format!("AUTH PLAIN {wrong}")).starts_with("-ERR "), "{wrong}");
        assert!(peer.asked.is_empty(), "{wrong}");
    }
}

// P-102
#[test]
fn login_in_its_three_forms() {
    let mut peer = over_tls();
    assert_eq!(peer.says("AUTH LOGIN"), "+ VXNlcm5hbWU6\r\n");
    assert_eq!(peer.says("YW5u"), "+ UGFzc3dvcmQ6\r\n");
    assert!(peer.says("cmlnaHQ=").starts_with("+OK maildrop"));
    let mut peer = over_tls();
    assert_eq!(peer.says("AUTH LOGIN YW5u"), "+ UGFzc3dvcmQ6\r\n");
    assert!(peer.says("cmlnaHQ=").starts_with("+OK maildrop"));
}
