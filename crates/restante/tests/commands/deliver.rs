//! `restante deliver`, the way Postfix, Exim and fetchmail run it (P-218, security D20 to D22).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;

use crate::site::Site;

const MESSAGE: &[u8] = b"Subject: one\n\nbody\n.\n..two\n";

/// The only message of an account, without the lines that the intake put on top.
fn body_of(site: &Site, account: &str) -> String {
    let message = site.ok(&["maildrop", "show", account, "--message", "1"]);
    let at = message.find("Subject: ").expect("a subject");
    assert!(message.starts_with("Return-Path: <"), "{message}");
    message[at..].to_owned()
}

fn messages(site: &Site, account: &str) -> u64 {
    let listed = site.ok(&["maildrop", "list", account, "--json"]);
    let row: serde_json::Value = serde_json::from_str(&listed).unwrap();
    row["totals"]["messages"].as_u64().unwrap()
}

#[test]
fn a_message_is_delivered_whether_the_server_runs_or_not() {
    for site in Site::both() {
        site.account("anna");
        let said =
            site.run_with(&["deliver", "-f", "bob@example.com", "anna@example.org"], MESSAGE);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
        assert_eq!(body_of(&site, "anna"), "Subject: one\r\n\r\nbody\r\n.\r\n..two\r\n");
        let message = site.ok(&["maildrop", "show", "anna", "--message", "1"]);
        assert!(message.starts_with("Return-Path: <bob@example.com>\r\n"), "{message}");
    }
}

// P-218: LF or CRLF; P-158: the From_ line is never served
#[test]
fn line_ends_and_a_from_line_are_taken_as_pipes_have_them() {
    let site = Site::running();
    site.account("anna");
    let input = b"From bob@example.com Thu Jan  1 00:00:00 1970\r\nSubject: one\r\n\nbody";
    site.ok_with(&["deliver", "anna@example.org"], input);
    assert_eq!(body_of(&site, "anna"), "Subject: one\r\n\r\nbody\r\n");
    let message = site.ok(&["maildrop", "show", "anna", "--message", "1"]);
    assert!(message.starts_with("Return-Path: <>\r\n"), "{message}");
}

// P-218
#[test]
fn the_exit_code_says_what_became_of_it() {
    for site in Site::both() {
        site.account("anna");
        site.account("bob");
        site.ok(&["account", "disable", "bob"]);
        let deliver = |recipients: &[&str], input: &[u8]| {
            site.run_with(&[&["deliver", "-f", "x@example.com", "--"], recipients].concat(), input)
        };
        assert_eq!(deliver(&["nobody@example.org"], MESSAGE).code, 67);
        assert_eq!(deliver(&["anna@elsewhere.example"], MESSAGE).code, 77);
        assert_eq!(deliver(&["bob@example.org"], MESSAGE).code, 75);
        assert_eq!(deliver(&["anna@example.org"], b"").code, 65);
        assert_eq!(messages(&site, "anna"), 0);
        // Some have it, some not yet: the MTA tries again, and is told who has it.
        let said = deliver(&["anna@example.org", "bob@example.org", "nobody@example.org"], MESSAGE);
        assert_eq!(said.code, 75, "{said:?}");
        assert!(said.err.contains("anna@example.org: delivered"), "{said:?}");
        assert!(said.err.contains("bob@example.org: not now"), "{said:?}");
        assert!(said.err.contains("nobody@example.org: refused"), "{said:?}");
        assert_eq!(messages(&site, "anna"), 1);
    }
}

// security D20: nothing in a recipient is special, and nothing but a delivery is a success
#[test]
fn strange_recipients_are_names_like_others() {
    let site = Site::running();
    for recipient in ["-x", "--help", ";id", "$(id)", "a b", "-x@example.org", "a\r\nDATA"] {
        let said = site.run_with(&["deliver", "-f", "x@example.com", "--", recipient], MESSAGE);
        assert_eq!(said.code, 67, "{recipient:?} {said:?}");
    }
    for arguments in [&["deliver", "--help"][..], &["deliver", "-x"], &["deliver"]] {
        assert_eq!(site.run_with(arguments, MESSAGE).code, 64, "{arguments:?}");
    }
}

#[test]
fn a_name_without_domain_belongs_to_the_first_domain() {
    let site = Site::running();
    site.account("anna@example.org");
    site.ok_with(&["deliver", "anna"], MESSAGE);
    assert_eq!(messages(&site, "anna@example.org"), 1);
}

// A configuration that is wrong today must not send mail back to its sender.
#[test]
fn a_wrong_configuration_is_temporary() {
    let site = Site::stopped();
    let file = site.path().join("restante.toml");
    let configuration = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, configuration.replace("hostname", "hostnam")).unwrap();
    assert_eq!(site.run_with(&["deliver", "anna@example.org"], MESSAGE).code, 75);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(site.run_with(&["deliver", "anna@example.org"], MESSAGE).code, 75);
}

// rulings 14: it opens the store itself only if it gets its lock; otherwise exit 75
#[test]
fn a_server_that_cannot_be_reached_is_temporary() {
    let site = Site::running();
    site.account("anna");
    std::fs::rename(site.path().join("lmtp.sock"), site.path().join("away")).unwrap();
    let said = site.run_with(&["deliver", "anna@example.org"], MESSAGE);
    assert_eq!(said.code, 75, "{said:?}");
    std::fs::rename(site.state().join("control.sock"), site.state().join("away")).unwrap();
    let said = site.run_with(&["deliver", "anna@example.org"], MESSAGE);
    assert_eq!(said.code, 75, "{said:?}");
    assert!(said.err.contains("in use"), "{said:?}");
}

// P-217, P-218: no room on the disk is no refusal; the MTA keeps the message
#[test]
fn a_full_disk_is_temporary() {
    let site = Site::stopped();
    let listener = UnixListener::bind(site.path().join("lmtp.sock")).unwrap();
    let full = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(b"220 mail.example.org LMTP\r\n").unwrap();
        let mut lines = BufReader::new(socket.try_clone().unwrap()).lines().map(Result::unwrap);
        while let Some(line) = lines.next() {
            let reply = match line.get(..4) {
                Some("DATA") => {
                    socket.write_all(b"354 go on\r\n").unwrap();
                    assert!(lines.any(|line| line == "."));
                    "452 4.3.1 no room for the message, try later"
                }
                Some("QUIT") => "221 2.0.0 bye",
                _ => "250 2.0.0 ok",
            };
            socket.write_all(format!("{reply}\r\n").as_bytes()).unwrap();
        }
    });
    let said = site.run_with(&["deliver", "anna@example.org"], MESSAGE);
    assert_eq!(said.code, 75, "{said:?}");
    assert!(said.err.contains("anna@example.org: not now: 452 4.3.1 no room"), "{said:?}");
    full.join().unwrap();
}

// security D5, D22
#[test]
fn a_message_over_the_limit_is_refused_and_nothing_is_kept() {
    let mut site = Site::stopped();
    let file = site.path().join("restante.toml");
    let mut configuration = std::fs::read_to_string(&file).unwrap();
    configuration.push_str("[intake]\nmessage_size = \"64KiB\"\n");
    std::fs::write(&file, configuration).unwrap();
    site.start();
    site.account("anna");
    let long = [b"Subject: long\n\n".to_vec(), b"0123456789\n".repeat(10_000)].concat();
    let said = site.run_with(&["deliver", "anna@example.org"], &long);
    assert_eq!(said.code, 69, "{said:?}");
    assert_eq!(messages(&site, "anna"), 0);
}

// P-218, P-194: mail that was delivered is there after the server was killed
#[test]
fn what_was_delivered_is_there_for_the_next_server() {
    let mut site = Site::stopped();
    site.account("anna");
    site.ok_with(&["deliver", "anna@example.org"], MESSAGE);
    site.start();
    let answers =
        site.pop3_dialogue(&["USER anna@example.org", "PASS tanstaaf", "STAT", "DELE 1", "QUIT"]);
    assert!(answers.contains("\r\n+OK 1 "), "{answers}");
    assert_eq!(messages(&site, "anna"), 0);
}

// P-218: killed mid-way, nothing is visible
#[test]
fn a_delivery_that_is_killed_leaves_nothing() {
    for site in Site::both() {
        site.account("anna");
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_restante"))
            .args(["deliver", "anna@example.org"])
            .env("RESTANTE_CONFIG", site.path().join("restante.toml"))
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.as_mut().unwrap().write_all(MESSAGE).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(messages(&site, "anna"), 0);
    }
}
