//! Accounts of passwd files, with the real binary: logins over a socket, and what commands say.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use crate::site::Site;

/// Made by doveadm, htpasswd, mkpasswd and openssl; all but the last column are
/// `password TAB hash`.
const GOLDEN: &str = include_str!("../../../restante-directory/tests/fixtures/hashes/golden.txt");

/// One hash of each scheme, of the password `tanstaaf`.
fn schemes() -> Vec<&'static str> {
    let mut seen = std::collections::BTreeSet::new();
    GOLDEN
        .lines()
        .filter_map(|line| line.strip_prefix("tanstaaf\t")?.split('\t').next())
        .filter(|hash| {
            let end = hash.find('}').or_else(|| hash[1..].find('$').map(|at| at + 1));
            seen.insert(&hash[..end.unwrap_or(1)])
        })
        .collect()
}

/// Puts the file in place whole.
fn write(site: &Site, text: &str) {
    let (new, path) = (site.path().join("new"), site.path().join("users"));
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o640)).unwrap();
    fs::rename(new, path).unwrap();
}

/// What PASS is answered.
fn login(site: &Site, name: &str, password: &str) -> String {
    let mut stream = BufReader::new(UnixStream::connect(site.pop3_socket()).unwrap());
    let mut ask = |line: &str| {
        stream.get_mut().write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    };
    assert!(ask("").starts_with("+OK"));
    assert!(ask(&format!("USER {name}\r\n")).starts_with("+OK"));
    let answer = ask(&format!("PASS {password}\r\n"));
    if answer.starts_with("+OK") {
        assert!(ask("QUIT\r\n").starts_with("+OK"));
    }
    answer
}

// issue 4, "passwd files chained in configured order (Dovecot's and htpasswd's formats, with
// every scheme that an operator brings"; P-028, P-082, P-084
#[test]
fn a_site_over_a_file_that_others_keep() {
    let state = tempfile::tempdir().unwrap();
    let chain = "[accounts]\nchain = [\"sqlite\", \"passwd:users\"]\n";
    let mut site = Site::local(&state.path().join("state"), chain);
    let mut text = String::from("# kept by somebody else\nlocked:*\n");
    let schemes = schemes();
    assert!(schemes.len() > 30, "{schemes:?}");
    for (number, hash) in schemes.iter().enumerate() {
        writeln!(text, "u{number}@example.net:{hash}:1000:1000::/home/u::").unwrap();
    }
    write(&site, &text);
    site.start();
    for (number, hash) in schemes.iter().enumerate() {
        let answer = login(&site, &format!("u{number}@example.net"), "tanstaaf");
        assert!(answer.starts_with("+OK"), "{hash}: {answer}");
    }
    let refused = login(&site, "u0@example.net", "wrong");
    assert!(refused.starts_with("-ERR [AUTH]"), "{refused}");
    for name in ["locked@example.org", "nobody@example.org", "u7@example.net"] {
        assert_eq!(login(&site, name, "wrong"), refused, "{name}");
    }

    // Commands say where an account is from, and where to change what is not ours.
    let shown = site.ok(&["account", "show", "u0@example.net"]);
    assert!(shown.contains("users, line 3"), "{shown}");
    assert!(site.ok(&["account", "list"]).contains("users, line 2"));
    let said = site.run_with(&["account", "passwd", "u0@example.net", "--password-stdin"], b"x\n");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("users, line 3; edit it there"), "{said:?}");
    site.ok(&["account", "disable", "u0@example.net"]);
    assert_eq!(login(&site, "u0@example.net", "tanstaaf"), refused);
    site.ok(&["account", "change", "u1@example.net", "--main-password", "refuse"]);
    assert_eq!(login(&site, "u1@example.net", "tanstaaf"), refused);

    // A broken file keeps what the old one said; a good one counts at once.
    write(&site, "u2@example.net:{PLAIN}new\nu3@example.net:{NTLM}0123\n");
    assert!(login(&site, "u2@example.net", "tanstaaf").starts_with("+OK"));
    write(&site, "u2@example.net:{PLAIN}new\n");
    assert_eq!(login(&site, "u2@example.net", "tanstaaf"), refused);
    assert!(login(&site, "u2@example.net", "new").starts_with("+OK"));
    assert_eq!(login(&site, "u3@example.net", "tanstaaf"), refused);
    assert!(site.ok(&["account", "show", "u3@example.net"]).contains("gone"));

    // One that cannot be asked is "not now".
    fs::rename(site.path().join("users"), site.path().join("away")).unwrap();
    for name in ["u2@example.net", "nobody@example.org"] {
        let answer = login(&site, name, "new");
        assert!(answer.starts_with("-ERR [SYS/TEMP]"), "{name}: {answer}");
    }
}

#[test]
fn a_chain_that_makes_no_sense_is_found_before_the_start() {
    for (chain, says) in [
        ("[\"sqlit\"]", "passwd:PATH"),
        ("[]", "nobody could log in"),
        ("[\"sqlite\", \"sqlite\"]", "twice"),
        ("[\"passwd:~/users\"]", "passwd:PATH"),
        ("[\"passwd:/nonexistent/users\"]", "/nonexistent/users"),
    ] {
        let site = Site::stopped_with(&format!("[accounts]\nchain = {chain}\n"));
        let said = site.run(&["account", "list"]);
        assert!(said.code != 0, "{chain}: {said:?}");
        assert!(said.err.contains(says), "{chain}: {said:?}");
    }
    let site = Site::stopped_with("[accounts]\nchain = [\"passwd:users\"]\n");
    write(&site, "anna:{PLAIN}x\nbert:{PLAIN}secret::::::nopassword\n");
    let said = site.run(&["account", "list"]);
    assert!(said.err.contains("users:2: the extra field `nopassword`"), "{said:?}");
    assert!(!said.err.contains("secret"), "{said:?}");
}
