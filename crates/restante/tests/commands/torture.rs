//! The server is killed, or the power cut, at any moment under load: nothing that it
//! acknowledged is lost, nothing comes back, nothing changes its unique-id (promise 1).
//!
//! `cargo xtask torture` and `cargo xtask powercut` run this longer and on disks of their own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::ledger::Ledger;
use crate::load::{Chance, account, audit, deliver, fetch};
use crate::site::Site;

const MAILDROPS: usize = 3;
const DELIVERERS: usize = 4;

/// How often it is ended; 50 where nothing is said.
const KILLS: &str = "RESTANTE_TORTURE_KILLS";
/// Where the state is; a temporary folder where nothing is said.
const STATE: &str = "RESTANTE_TORTURE_STATE";
/// A program that cuts the power of the disk that the state is on.
const CUT: &str = "RESTANTE_TORTURE_CUT";
/// A program that makes that disk usable again.
const MEND: &str = "RESTANTE_TORTURE_MEND";
/// What the server is run under.
const UNDER: &str = "RESTANTE_TORTURE_UNDER";
/// Which store; the log where nothing is said.
const BACKEND: &str = "RESTANTE_TORTURE_BACKEND";

#[test]
fn nothing_acknowledged_is_lost_however_often_it_is_killed() {
    let word = |name: &str| std::env::var(name).ok();
    let kills = word(KILLS).map_or(50, |text| text.parse().expect("a number of kills"));
    let folder = tempfile::tempdir().unwrap();
    let state = word(STATE).map_or_else(|| folder.path().join("state"), PathBuf::from);
    let backend = word(BACKEND).unwrap_or_else(|| "log".to_owned());
    let mut site = Site::local(&state, &format!("[store]\nbackend = \"{backend}\"\n"));
    site.run_under(word(UNDER).iter().flat_map(|text| text.split(' ')));
    for maildrop in 0..MAILDROPS {
        site.account(&account(maildrop));
    }
    // A Maildir promises no atomic UPDATE (rulings 18).
    let ledger = Ledger::new(backend == "log");
    let mut chance = Chance::new(kills);
    for kill in 0..kills {
        site.start();
        look_at_all(&site, &ledger, kill);
        live(&mut site, &ledger, &mut chance, kill);
        if let Some(mend) = word(MEND) {
            run(&mend);
        }
    }
    site.start();
    look_at_all(&site, &ledger, kills);
    println!("{kills} ends, nothing lost");
}

/// One life under load, and its end.
fn live(site: &mut Site, ledger: &Ledger, chance: &mut Chance, kill: u64) {
    let (lmtp, pop3) = (site.lmtp_socket(), site.pop3_socket());
    let answers = 1 + chance.below(300);
    thread::scope(|scope| {
        for deliverer in 0..DELIVERERS {
            let lmtp = &lmtp;
            let mut chance = Chance::new(kill * 100 + deliverer as u64);
            scope.spawn(move || deliver(lmtp, MAILDROPS, ledger, &mut chance));
        }
        for maildrop in 0..MAILDROPS {
            let pop3 = &pop3;
            let mut chance = Chance::new(kill * 100 + 50 + maildrop as u64);
            scope.spawn(move || fetch(pop3, maildrop, ledger, &mut chance));
        }
        ledger.wait_for(answers);
        if let Ok(cut) = std::env::var(CUT) {
            // Without power nobody says another word; a file system that is only shut down
            // may call a sync done that was not.
            site.freeze();
            run(&cut);
        }
        site.kill();
    });
}

fn look_at_all(site: &Site, ledger: &Ledger, kill: u64) {
    for maildrop in 0..MAILDROPS {
        let seen = audit(&site.pop3_socket(), maildrop, ledger);
        seen.unwrap_or_else(|error| panic!("after end {kill}: {error}\n{}", site.log()));
    }
    let violations = ledger.violations();
    assert!(violations.is_empty(), "after end {kill}: {}", violations.join("; "));
}

fn run(program: &str) {
    let done = Command::new(Path::new(program)).status().expect("it runs");
    assert!(done.success(), "{program}: {done}");
}
