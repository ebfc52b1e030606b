//! The log store on a simulated disk: one seed, one life, every crash point in it.
//!
//! ```text
//!  main ── search ── life ── plan           acts, drawn from a seed
//!             │        ├──── session        what one session saw
//!             │        ├──── flying         what is not answered yet
//!             │        └──── examine        opens what a crash left
//!             │                ├── judge ── model, laid   what was asked and answered
//!             └ shrink         └── disk ─── state ── inode, folder ── persist
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

mod bugs;
mod chance;
mod content;
mod custody;
mod death;
mod digest;
mod disk;
mod examine;
mod exhaustive;
mod failure;
mod faults;
mod flying;
mod folder;
mod inode;
mod judge;
mod laid;
mod life;
mod look;
mod message;
mod model;
mod operations;
mod options;
mod persist;
mod plan;
mod script;
mod search;
mod session;
mod shrink;
mod state;
mod through;
mod watch;

use std::process::ExitCode;

use crate::exhaustive::{Bound, exhaust};
use crate::life::{Effort, Ended};
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
    let bounds = Bounds {
        first: options.seed.unwrap_or(options.first),
        points: if options.seed.is_some() { 1 } else { options.points },
        time: options.time,
        effort: if options.hunt.is_some() { WIDE } else { QUICK },
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
        None if options.seed.is_some() => ExitCode::SUCCESS,
        None => enough(options, searched.lived.points),
        Some((seed, ended)) => {
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
