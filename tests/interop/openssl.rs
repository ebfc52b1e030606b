//! `openssl s_client`: the certificate, the versions of TLS, and STLS by hand.

use crate::program::{program, run_with};
use crate::trial::Trial;

const DIALOGUE: &[u8] = b"CAPA\r\nQUIT\r\n";

#[test]
fn s_client_verifies_the_certificate_and_speaks_over_stls() {
    let trial = Trial::start();
    let ran = run_with(
        program("openssl", "openssl")
            .args(["s_client", "-quiet", "-verify_return_error", "-verify_hostname", "localhost"])
            .args(["-starttls", "pop3", "-connect", &trial.pop3.to_string(), "-CAfile"])
            .arg(&trial.ca),
        DIALOGUE,
    );
    let text = ran.expect_success("s_client").text();
    assert!(text.contains("\r\nUIDL\r\n") && text.contains("\r\n.\r\n"), "{text}");
    assert!(!text.contains("STLS"), "{text}");
}

// P-120: TLS 1.2 and 1.3, nothing older; RFC 8314 with ALPN `pop3`
#[test]
fn s_client_gets_tls_1_2_and_1_3_and_alpn() {
    let trial = Trial::start();
    let connect = |more: &[&str]| {
        run_with(
            program("openssl", "openssl")
                .args([
                    "s_client",
                    "-brief",
                    "-ign_eof",
                    "-connect",
                    &trial.pop3s.to_string(),
                    "-CAfile",
                ])
                .arg(&trial.ca)
                .args(more),
            DIALOGUE,
        )
    };
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let ran = connect(&[version, "-alpn", "pop3"]).expect_success(name);
        let told = format!("{}{}", ran.text(), ran.err);
        assert!(told.contains(name) && told.contains("+OK"), "{told}");
    }
    assert_ne!(connect(&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]).code, Some(0));
}
