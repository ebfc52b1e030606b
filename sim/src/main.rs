//! The log store on a simulated disk: one seed, one life, every crash point in it.
//!
//! ```text
//!  main ── search ── life ── plan ── hard ── motifs     acts, drawn from a seed
//!             │        ├──── process        asks: session, flying; answers
//!             │        ├──── journal        what must be told
//!             │        └──── points ── examine     opens what a crash left
//!             │                ├── judge ── model, laid   what was asked and answered
//!             └ shrink         └── disk ─── state ── inode, folder ── persist
//!
//!  main ── calls ──── world ── recorder ── noted ── fate
//!             └────── judged ── verdict    the conformance suite, with each call failing
//!
//!  main ── exhaustive ── operations       all short sequences
//!             │   └───── life, examine    as above
//!             └───────── script           says what a power cut keeps, change by change
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod act;
mod answers;
#[cfg(test)]
mod believed;
mod bugs;
mod calls;
mod chance;
mod content;
mod custody;
mod death;
mod digest;
mod disk;
mod drawing;
mod examine;
mod exhaustive;
mod failure;
mod fate;
mod faults;
mod flying;
mod folder;
mod hard;
mod history;
mod inode;
mod journal;
mod judge;
mod judged;
mod laid;
mod life;
mod lived;
mod look;
mod message;
mod model;
mod motifs;
mod noted;
mod operations;
mod options;
mod persist;
mod plan;
mod points;
mod process;
mod recorder;
mod script;
mod search;
mod session;
mod shrink;
mod state;
mod through;
mod verdict;
mod watch;
mod world;

use std::process::ExitCode;

use crate::exhaustive::{Bound, exhaust};
use crate::history::History;
use crate::lived::{Effort, Ended};
use crate::options::{HELP, Options};
use crate::plan::Plan;
use crate::search::{Bounds, search};

/// Enough for a search: what one life does not show, the next may.
const QUICK: Effort = Effort { every: 1, random: 2 };

/// Enough for a bug: rather more lives than all points of one, as most of its points are alike.
const WIDE: Effort = Effort { every: 6, random: 2 };

fn main() -> ExitCode {
    // A panic in redb over a damaged index is caught in the engine; one that is not is told.
    std::panic::set_hook(Box::new(|_| {}));
    match Options::read(std::env::args().skip(1)) {
        Ok(Some(options)) => run(&options),
        Ok(None) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> ExitCode {
    if let Some(length) = options.exhaustive {
        return go_through(length);
    }
    if options.calls {
        return fail_calls(options.bug.as_deref(), options.in_turn);
    }
    if let Some(seed) = options.seed {
        return live_once(seed, options.trace);
    }
    let usual = if options.hunt.is_some() { WIDE } else { QUICK };
    let bounds = Bounds {
        first: options.first,
        points: options.points,
        time: options.time,
        alike: options.alike,
        effort: Effort { every: options.every.unwrap_or(usual.every), ..usual },
    };
    if let Some(hunt) = options.hunt {
        return match bugs::chosen(options.bug.as_deref(), hunt) {
            Ok(chosen) if bugs::hunt(&chosen, hunt, bounds) => ExitCode::SUCCESS,
            Ok(_) => ExitCode::FAILURE,
            Err(problem) => {
                eprintln!("{problem}");
                ExitCode::from(2)
            }
        };
    }
    let searched = search(bounds);
    println!(
        "{} crash points, before {} calls of {} lives, in {:.1} s",
        searched.lived.points,
        searched.lived.moments,
        searched.lives,
        searched.took.as_secs_f64()
    );
    match searched.found {
        None => enough(options, searched.lived.points),
        Some((seed, ended)) => {
            tell(seed, &ended);
            ExitCode::FAILURE
        }
    }
}

/// One life, and the number of all that happened in it.
fn live_once(seed: u64, is_told: bool) -> ExitCode {
    let plan = Plan::drawn(seed);
    let history = Some(History::new(is_told));
    match search::caught(&plan, || life::remember(&plan, QUICK, history)) {
        Ok((lived, history)) => {
            let end = history.unwrap_or_default().end();
            println!(
                "{} crash points, before {} calls; history {end:016x}",
                lived.points, lived.moments
            );
            ExitCode::SUCCESS
        }
        Err(ended) => {
            tell(seed, &ended);
            ExitCode::FAILURE
        }
    }
}

/// Every crash point of every short sequence.
fn go_through(length: usize) -> ExitCode {
    let start = std::time::SystemTime::now();
    let bound = Bound { length, ..exhaustive::WHOLE };
    let gone = exhaust(bound, |done, of| {
        let seconds = start.elapsed().unwrap_or_default().as_secs();
        eprintln!("{done} of {of} sequences, {seconds} s");
    });
    let seconds = start.elapsed().unwrap_or_default().as_secs_f64();
    println!("{} in {seconds:.1} s", gone.counted);
    match gone.found {
        None => ExitCode::SUCCESS,
        Some((sequence, ended)) => {
            println!("{sequence:?}");
            println!("  crash: {}", ended.call);
            println!("  {}", ended.broken);
            ExitCode::FAILURE
        }
    }
}

/// The conformance suite, with each call failing; or only promises with this in their names.
fn fail_calls(promise: Option<&str>, in_turn: bool) -> ExitCode {
    let start = std::time::SystemTime::now();
    let failed = calls::fail_each(promise.unwrap_or_default(), in_turn, |told| eprintln!("{told}"));
    let seconds = start.elapsed().unwrap_or_default().as_secs_f64();
    println!("{} in {seconds:.1} s", failed.counted);
    for found in failed.found.iter().take(100) {
        println!("{found}");
    }
    if failed.found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether a search that found nothing saw enough for that to say something.
fn enough(options: &Options, points: u64) -> ExitCode {
    let Options { points: wanted, floor, .. } = options;
    if points >= *wanted {
        return ExitCode::SUCCESS;
    }
    eprintln!("TIME IS OVER: only {points} of {wanted} crash points were judged");
    if points >= (*floor).min(*wanted) {
        return ExitCode::SUCCESS;
    }
    eprintln!("that is less than {floor}, and proves nothing: give it more --seconds");
    ExitCode::FAILURE
}

/// A broken promise: the seed, what was broken, and the shortest life that breaks it.
fn tell(seed: u64, ended: &Ended) {
    println!("seed {seed}: {}", ended.broken);
    let (plan, shortest) = shrink::shrink(&Plan::drawn(seed), ended, QUICK);
    println!("{:?}", plan.settings);
    for (number, act) in &plan.acts {
        println!("  {number:>3} {act:?}");
    }
    if !shortest.call.is_empty() {
        println!("  crash: {}", shortest.call);
    }
    println!("  {}", shortest.broken);
    println!("again: cargo run -p sim --release -- --seed {seed}");
}
