//! The project's own checks: `cargo xtask help` lists them.
//!
//! ```text
//!   main ── ci ── setup, tools      what the checks need, and the steps in their order
//!     │     ├──── fuzz              short runs of each fuzz target
//!     │     └──── tidy ── lexer     the walls of ARCHITECTURE.md and STYLE.md
//!     ├──── torture           kills and power cuts without number
//!     └──── requirements            which test cites which numbered requirement
//! ```
//! Only the standard library is used here, so that the first run starts within seconds.
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

mod ci;
mod docs;
mod fuzz;
mod requirements;
mod run;
mod setup;
mod sim;
mod tidy;
mod tools;
mod torture;
mod tree;

use std::process::ExitCode;

const HELP: &str = "\
The project's own checks.

  cargo xtask ci [--only STEP]… [--fail-fast]
                           all of them in order; STEP is one of
                           setup fmt clippy tidy deny tests doctests docs fuzz sim
  cargo xtask tidy         the walls: arrows between crates and files, shapes, words
  cargo xtask requirements [--missing | NUMBER]
                           for each number of rfc/requirements.txt, the tests that cite it
  cargo xtask fuzz [TARGET] [--seconds N]
                           run one fuzz target, or each, for so long (10 seconds)
  cargo xtask docs         write the pages of docs/reference that come from definitions
  cargo xtask torture [--kills N]
                           kill the real binary under load, so often (500)
  cargo xtask powercut [--cuts N]
                           cut the power of ext4 and XFS disks under it, so often (25); root only
  cargo xtask sim [--points N] [--seconds S] [--first N] [--seed N]
                           the log store on a simulated disk, at every crash point
  cargo xtask sim --bugs [NAME] [--points N]
                           the same with each seeded bug, or one, until it is caught
  cargo xtask setup        install what the tests need
  cargo xtask help         this text

RESTANTE_CI_OFFLINE=1 makes setup install nothing and say what is missing.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::from(2)
        }
    }
}

/// Runs one command; answers whether all was well.
fn dispatch(arguments: &[String]) -> Result<bool, String> {
    let Some((command, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return Ok(false);
    };
    let root = tree::root()?;
    match command.as_str() {
        "ci" => ci::run(&root, rest),
        "tidy" => no_more(rest).and_then(|()| tidy::run(&root)),
        "requirements" => requirements::run(&root, rest),
        "fuzz" => fuzz::run(&root, rest),
        "docs" => no_more(rest).and_then(|()| docs::run(&root)),
        "torture" => torture::torture(&root, rest),
        "powercut" => torture::powercut(&root, rest),
        "sim" => sim::run(&root, rest),
        "setup" => no_more(rest).and_then(|()| setup::run(&root)),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(true)
        }
        other => Err(format!("there is no command {other:?}; `cargo xtask help` lists them")),
    }
}

fn no_more(rest: &[String]) -> Result<(), String> {
    match rest.first() {
        None => Ok(()),
        Some(extra) => Err(format!("{extra:?} is not understood here")),
    }
}
