//! Guess control in a running server, and the commands that show it and let people in again.

use crate::site::Site;

/// One failure, and the next is judged a minute later.
const STRICT: &str = "[limits]\nexempt_loopback = false\n[guard]\nfailures_per_minute = 1\n";

/// What is answered to a password, and everything after it.
fn login(site: &Site, password: &str) -> String {
    let pass = format!("PASS {password}");
    let answers = site.pop3_dialogue(&["USER anna@example.org", &pass, "QUIT"]);
    answers.split_once("\r\n").unwrap().1.split_once("\r\n").unwrap().1.to_owned()
}

// security §4.2 rule 1, A26: out of tokens, right or wrong is not judged; it says how long, and
// closes. Rule 5: `guard list`, `why`, `allow`, `clear`. A29: blocks survive a restart.
#[test]
fn a_guesser_is_blocked_for_a_while_and_can_be_let_in() {
    let mut site = Site::stopped_with(STRICT);
    site.account("anna");
    site.start();
    assert!(login(&site, "tanstaaf").starts_with("+OK"));
    assert!(site.run(&["guard", "list"]).err.contains("no failed logins"));
    assert!(login(&site, "wrong").starts_with("-ERR [AUTH]"));
    let said = login(&site, "tanstaaf");
    assert!(said.starts_with("-ERR [SYS/TEMP] ") && said.contains("seconds"), "{said}");
    assert_eq!(said.lines().count(), 1, "it closes: {said}");
    let list = site.ok(&["guard", "list"]);
    let row = list.lines().find(|row| row.starts_with("127.0.0.1 ")).unwrap();
    assert!(
        row.contains("blocked, for ")
            && row.contains(" s more")
            && row.contains("anna@example.org"),
        "{row}"
    );
    assert!(site.ok(&["guard", "list", "--nftables"]).contains("127.0.0.1 timeout "));
    let json = site.ok(&["guard", "why", "127.0.0.1", "--json"]);
    assert!(json.contains("\"failures\":1") && json.contains("127.0.0.0/24"), "{json}");
    assert!(site.ok(&["status", "--metrics"]).contains("restante_logins_blocked_total 1"));

    site.stop();
    assert!(site.ok(&["guard", "list"]).contains("blocked"), "also when no server runs");
    site.start();
    assert!(login(&site, "tanstaaf").starts_with("-ERR [SYS/TEMP] "));

    assert!(site.ok(&["guard", "allow", "127.0.0.1", "--for", "8h"]).contains("allowed, until"));
    assert!(login(&site, "tanstaaf").starts_with("+OK"));
    assert!(site.ok(&["guard", "clear", "127.0.0.1"]).contains("forgotten"));
    assert!(login(&site, "tanstaaf").starts_with("+OK"));
    assert!(login(&site, "other").starts_with("-ERR [AUTH]"));
    assert!(login(&site, "tanstaaf").starts_with("-ERR [SYS/TEMP] "));
    assert!(site.ok(&["guard", "clear", "anna@example.org"]).contains("forgotten"));
    assert!(login(&site, "tanstaaf").starts_with("-ERR [SYS/TEMP] "), "the address is, still");
}

// Bad input says what would be right.
#[test]
fn mistakes_are_told() {
    let site = Site::stopped();
    let said = site.run(&["guard", "allow", "anna"]);
    assert!(said.code == 64 && said.err.contains("accounts are never locked"), "{said:?}");
    let said = site.run(&["guard", "allow", "192.0.2.7", "--for", "8"]);
    assert!(said.code == 64 && said.err.contains("`12h`"), "{said:?}");
    let said = site.run(&["guard", "clear", "192.0.2.7"]);
    assert!(said.code == 0 && said.err.contains("nothing was remembered"), "{said:?}");
}
