//! `restante account`, `app-password` and `address` as a person uses them, with the server
//! stopped and running.

use crate::site::Site;
use std::io::{BufRead, BufReader, Read, Write};

use serde_json::Value;

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn an_account_is_made_listed_shown_and_removed() {
    for site in Site::both() {
        let made = site.ok_with(
            &[
                "account",
                "add",
                "anna@example.org",
                "--password-stdin",
                "--address",
                "a.b@example.net",
            ],
            b"tanstaaf\n",
        );
        assert_eq!(made, "account anna@example.org is made\na.b@example.net leads to it\n");
        let table = site.ok(&["account", "list"]);
        assert!(table.starts_with("ACCOUNT"), "{table}");
        assert!(table.contains("anna@example.org  enabled"), "{table}");
        let listed = json_lines(&site.ok(&["account", "list", "--json"]));
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0]["name"], "anna@example.org");
        assert!(listed[0]["created"].as_str().unwrap().ends_with('Z'), "{listed:?}");
        let shown = site.ok(&["account", "show", "anna"]);
        assert!(shown.contains("a.b@example.net"), "{shown}");
        assert!(shown.contains("0 messages"), "{shown}");
        let removed = site.ok(&["account", "remove", "anna", "--yes"]);
        assert!(removed.starts_with("account anna@example.org is removed"), "{removed}");
        assert_eq!(site.run(&["account", "list"]).out, "");
        assert_eq!(site.run(&["account", "show", "anna"]).code, 1);
    }
}

#[test]
fn what_is_misspelt_is_met_with_what_was_meant() {
    let site = Site::stopped();
    site.account("anna@example.org");
    let said = site.run(&["account", "show", "annna@example.org"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("did you mean `anna@example.org`?"), "{said:?}");
    let said = site.run_with(&["account", "add", "anna@example.org", "--password-stdin"], b"x\n");
    assert!(said.err.contains("there is already an account"), "{said:?}");
}

// No password is read from the command line, and none is asked for where nobody sits.
#[test]
fn a_password_comes_from_standard_input_or_a_terminal_only() {
    let site = Site::stopped();
    let said = site.run_with(&["account", "add", "anna"], b"tanstaaf\n");
    assert_eq!(said.code, 1);
    assert!(said.err.contains("--password-stdin"), "{said:?}");
    let said = site.run_with(&["account", "add", "anna@example.org", "--password-stdin"], b"");
    assert_eq!(said.code, 1);
    assert_eq!(site.ok(&["account", "list"]), "");
    let said = site.run(&["account", "add", "anna@example.org", "--no-password"]);
    assert_eq!(said.code, 0);
    assert!(said.err.contains("app-password add"), "{said:?}");
}

#[test]
fn removing_asks_and_needs_yes_where_nobody_can_answer() {
    for site in Site::both() {
        site.account("anna");
        let said = site.run(&["account", "remove", "anna"]);
        assert_eq!(said.code, 1);
        assert!(said.err.contains("--yes"), "{said:?}");
        assert!(site.ok(&["account", "list"]).contains("anna@example.org"));
    }
}

// rulings 14: changes take effect at once, caches included
#[test]
fn a_changed_password_and_a_disabled_account_count_at_once() {
    let site = Site::running();
    site.account("anna");
    let login = |password: &str| {
        let pass = format!("PASS {password}");
        site.pop3_dialogue(&["USER anna@example.org", &pass, "QUIT"])
    };
    assert!(!login("tanstaaf").contains("-ERR"));
    // Now the password is among those that were verified.
    assert!(!login("tanstaaf").contains("-ERR"));
    site.ok_with(&["account", "passwd", "anna", "--password-stdin"], b"second\n");
    assert!(login("tanstaaf").contains("-ERR [AUTH]"));
    assert!(!login("second").contains("-ERR"));
    assert_eq!(site.ok(&["account", "disable", "anna"]), "account anna@example.org is disabled\n");
    assert!(login("second").contains("-ERR [AUTH]"));
    site.ok(&["account", "enable", "anna"]);
    assert!(!login("second").contains("-ERR"));
    site.ok(&["account", "remove", "anna", "--yes", "--delete-mail"]);
    assert!(login("second").contains("-ERR [AUTH]"));
    assert!(!site.log().contains("tanstaaf") && !site.log().contains("second"));
}

// `product` §1: networks, and the main password over POP3, by account and at once
#[test]
fn what_an_account_may_do_can_be_changed() {
    let site = Site::running();
    site.account("anna");
    let refused = || {
        let said = site.pop3_dialogue(&["USER anna@example.org", "PASS tanstaaf", "QUIT"]);
        said.contains("-ERR [AUTH]")
    };
    assert!(!refused());
    let said = site.ok(&["account", "change", "anna", "--network", "192.0.2.0/24"]);
    assert!(said.starts_with("account anna@example.org is changed\n"), "{said}");
    assert!(said.contains("192.0.2.0/24"), "{said}");
    assert!(refused());
    site.ok(&["account", "change", "anna", "--any-network"]);
    assert!(!refused());
    site.ok(&["account", "change", "anna", "--main-password", "refuse"]);
    assert!(refused());
    assert!(site.ok(&["account", "show", "anna"]).contains("refused"));
    site.ok(&["account", "change", "anna", "--main-password", "site"]);
    assert!(!refused());
    assert!(site.ok(&["account", "change", "anna", "--clear-text", "allow"]).contains("allowed"));
    assert_eq!(site.run(&["account", "change", "anna"]).code, 2, "nothing to change");
    let wrong = site.run(&["account", "change", "anna", "--network", "192.0.2.0/240"]);
    assert_ne!(wrong.code, 0, "{wrong:?}");
}

// rulings 10: generated, shown once, good for a login until it is revoked
#[test]
fn an_app_password_is_shown_once_and_works_until_it_is_revoked() {
    let site = Site::running();
    site.account("anna");
    let said = site.run(&["app-password", "add", "anna", "laptop", "--expires", "90d"]);
    assert_eq!(said.code, 0, "{said:?}");
    let secret = said.out.trim();
    assert!(secret.starts_with("rst1-") && secret.len() == 31, "{secret}");
    assert!(!said.err.contains(secret));
    let pass = format!("PASS {secret}");
    let login = || site.pop3_dialogue(&["USER anna@example.org", &pass, "QUIT"]);
    assert!(!login().contains("-ERR"));
    let listed = json_lines(&site.ok(&["app-password", "list", "anna", "--json"]));
    assert_eq!(listed[0]["label"], "laptop");
    assert!(listed[0]["expires"].as_str().unwrap().ends_with('Z'));
    assert!(!site.ok(&["app-password", "list", "anna"]).contains(secret));
    site.ok(&["app-password", "revoke", "anna", "laptop"]);
    assert!(login().contains("-ERR [AUTH]"));
    assert!(!site.log().contains(secret));
    let said = site.run(&["app-password", "revoke", "anna", "laptop"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("has no app password `laptop`"), "{said:?}");
}

#[test]
fn an_address_leads_to_accounts_until_it_is_removed() {
    for site in Site::both() {
        site.account("anna");
        site.account("bob");
        let added = site.ok(&["address", "add", "sales@example.org", "anna", "bob"]);
        assert!(added.starts_with("sales@example.org leads to anna@example.org"), "{added}");
        site.ok(&["address", "add", "@example.net", "bob"]);
        let listed = json_lines(&site.ok(&["address", "list", "--json"]));
        let addresses: Vec<_> = listed.iter().map(|one| one["address"].as_str().unwrap()).collect();
        assert!(addresses.contains(&"@example.net") && addresses.contains(&"sales@example.org"));
        assert!(site.ok(&["address", "list"]).contains("catch-all"));
        site.ok(&["address", "remove", "sales@example.org"]);
        let said = site.run(&["address", "remove", "sales@example.org"]);
        assert_eq!(said.code, 1);
        let said = site.run(&["address", "remove", "anna@example.org"]);
        assert!(said.err.contains("account's own name"), "{said:?}");
    }
}

#[test]
fn an_import_takes_good_lines_and_names_the_bad_ones() {
    const FILE: &str = "# name:hash:addresses\n\
        anna@example.org:{PLAIN}tanstaaf:a@example.org,b@example.org\n\
        \n\
        nobody@elsewhere.example:{PLAIN}x\n\
        bob@example.org:{PLAIN}secret two\n";
    for site in Site::both() {
        let file = site.path().join("accounts.txt");
        std::fs::write(&file, FILE).unwrap();
        let file = file.to_str().unwrap();
        let said = site.run(&["account", "import", "--dry-run", file]);
        assert_eq!(said.code, 1, "{said:?}");
        assert!(said.out.contains("would be made"), "{said:?}");
        assert_eq!(site.ok(&["account", "list"]), "");
        let said = site.run(&["account", "import", file]);
        assert_eq!(said.code, 1);
        assert!(said.err.contains("line 4: "), "{said:?}");
        assert!(said.out.contains("2 accounts made") && said.out.contains("1 refused"), "{said:?}");
        let again = site.run_with(&["account", "import", "-", "--json"], FILE.as_bytes());
        let report: Value = serde_json::from_str(&again.out).unwrap();
        assert_eq!((&report["added"], &report["unchanged"]), (&0.into(), &2.into()), "{report}");
        assert_eq!(json_lines(&site.ok(&["account", "list", "--json"])).len(), 2);
    }
}

// security W8
#[test]
fn escapes_in_what_is_asked_for_are_shown_not_obeyed() {
    let site = Site::stopped();
    let said = site.run(&["account", "show", "\u{1b}[31mred"]);
    assert_eq!(said.code, 1);
    assert!(!said.err.contains('\u{1b}'), "{said:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let site = Site::stopped();
    for number in 0..50 {
        site.ok(&["account", "add", &format!("user{number}@example.org"), "--no-password"]);
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_restante"))
        .args(["account", "list", "--config"])
        .arg(site.path().join("restante.toml"))
        .stdout(writer)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    assert!(ended.status.success());
}

// rulings 14: no command opens the database of a running server
#[test]
fn a_command_that_cannot_reach_the_server_opens_nothing() {
    let site = Site::running();
    site.account("anna");
    // The server runs, but its control socket is out of reach.
    std::fs::rename(site.state().join("control.sock"), site.state().join("away")).unwrap();
    let said = site.run(&["account", "list"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("in use"), "{said:?}");
}

// rulings 14: a session of an account that is disabled ends at its next command
#[test]
fn a_session_ends_when_its_account_is_disabled() {
    let site = Site::running();
    site.account("anna");
    let mut session = std::net::TcpStream::connect(site.pop3()).unwrap();
    session.write_all(b"USER anna@example.org\r\nPASS tanstaaf\r\nNOOP\r\n").unwrap();
    let mut answers = BufReader::new(session.try_clone().unwrap());
    for _ in 0..4 {
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        assert!(line.starts_with("+OK"), "{line}");
    }
    site.ok(&["account", "disable", "anna"]);
    // The server may have closed already.
    let _ = session.write_all(b"NOOP\r\n");
    let mut rest = String::new();
    let _ = answers.read_to_string(&mut rest);
    assert!(!rest.contains("+OK"), "{rest}");
}

#[test]
fn on_a_terminal_the_password_is_asked_for_twice_and_the_name_before_a_removal() {
    let site = Site::stopped();
    let on_terminal = |arguments: &[&str], typed: &[&str]| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/commands/type_on_terminal.py");
        let output = std::process::Command::new("python3")
            .arg(script)
            .arg(typed.join("\n"))
            .arg(env!("CARGO_BIN_EXE_restante"))
            .args(arguments)
            .env("RESTANTE_CONFIG", site.path().join("restante.toml"))
            .output()
            .expect(
                "python3 is missing: install Debian's package python3, or run `cargo xtask ci`",
            );
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let add = ["account", "add", "anna@example.org"];
    let (code, shown) = on_terminal(&add, &["one", "another"]);
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("the two passwords differ"), "{shown}");
    for (typed, code, why) in [
        ("", 1, "no password was typed"),
        ("\u{3}", 130, "interrupted; nothing was changed"),
        ("tanst\u{3}", 130, "interrupted; nothing was changed"),
        ("\u{1a}", 1, "a control character was typed"),
    ] {
        let (ended, shown) = on_terminal(&add, &[typed, typed]);
        assert_eq!(ended, Some(code), "{shown}");
        assert!(shown.contains(why) && !shown.contains("tanst"), "{shown}");
    }
    let (code, shown) = on_terminal(&add, &["tanstaaf", "tanstaaf"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains("tanstaaf"), "a password is not echoed: {shown}");
    let remove = ["account", "remove", "anna"];
    let (code, shown) = on_terminal(&remove, &["anne@example.org"]);
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("nothing was changed"), "{shown}");
    let (code, shown) = on_terminal(&remove, &["anna@example.org"]);
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(site.ok(&["account", "list"]), "");
}

// docs/reference/control-socket.md
#[test]
fn the_control_socket_speaks_as_the_reference_says() {
    let site = Site::running();
    site.account("anna");
    let mut socket = std::os::unix::net::UnixStream::connect(site.state().join("control.sock"))
        .expect("it listens");
    let mut ask = |request: &str| -> Value {
        let length = u32::try_from(request.len()).unwrap();
        socket.write_all(&length.to_be_bytes()).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut length = [0; 4];
        socket.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        socket.read_exact(&mut answer).unwrap();
        serde_json::from_slice(&answer).unwrap()
    };
    let answer = ask(r#"{"do": "account-show", "with": {"name": "anna@example.org"}}"#);
    assert_eq!(answer["ok"]["done"]["name"], "anna@example.org", "{answer}");
    let answer = ask(r#"{"do": "account-show", "with": {"name": "annna@example.org"}}"#);
    let refused = &answer["ok"]["refused"]["accounts"]["no-such-account"];
    assert_eq!(refused["near"], "anna@example.org", "{answer}");
    assert!(ask(r#"{"do": "no-such-thing"}"#)["error"].is_string());
    assert!(ask(r#"{"do": "metrics"}"#)["ok"]["done"].as_str().unwrap().contains("# EOF"));
    let answer = ask(r#"{"do": "maildrop-open", "with": {"account": "anna"}}"#);
    let snapshot = answer["ok"]["done"]["snapshot"].as_u64().unwrap();
    let close = format!(r#"{{"do": "maildrop-close", "with": {{"snapshot": {snapshot}}}}}"#);
    assert!(ask(&close)["ok"]["done"].is_null());
    let read = format!(
        r#"{{"do": "maildrop-read", "with": {{"snapshot": {snapshot}, "number": 1, "offset": 0}}}}"#
    );
    assert!(ask(&read)["ok"]["refused"]["absent"].is_object());
}

#[test]
fn status_tells_of_the_running_server_or_that_there_is_none() {
    let site = Site::stopped();
    let said = site.run(&["status"]);
    assert_eq!(said.code, 3, "{said:?}");
    let site = Site::running();
    let told = site.ok(&["status"]);
    assert!(told.contains("lmtp.sock") && told.contains("0 sessions"), "{told}");
    assert!(site.ok(&["status", "--metrics"]).contains("# TYPE"));
}
