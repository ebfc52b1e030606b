//! All checks in their order, and a table of how each ended and how long it took.

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::run::{Run, cargo};
use crate::{fuzz, setup, sim, tidy, tools};

/// A step: its name, and what it does.
type Step = (&'static str, fn(&Path) -> Result<(), String>);

/// In this order: what is quick to say no comes first.
const STEPS: &[Step] = &[
    ("setup", |root| setup::run(root).map(|_| ())),
    ("fmt", fmt),
    ("tidy", |root| whole(tidy::run(root), "tidy has findings")),
    ("deny", deny),
    ("clippy", clippy),
    ("docs", docs),
    ("fuzz", |root| whole(fuzz::run(root, &[]), "a fuzz target failed")),
    ("sim", simulation),
    ("doctests", doctests),
    // Last, so that the test runner's own summary is the last one of its kind.
    ("tests", tests),
];

/// How a step ended.
struct Ended {
    name: &'static str,
    result: Result<(), String>,
    took: Duration,
}

/// Runs the steps asked for, all of them by default.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<bool, String> {
    let (only, fail_fast) = options(arguments)?;
    let mut ended: Vec<Ended> = Vec::new();
    for &(name, step) in STEPS {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == name) {
            continue;
        }
        println!("\n=== {name}");
        let start = SystemTime::now();
        let result = step(root);
        // A clock set back in between gives no duration, which is no reason to fail.
        let took = start.elapsed().unwrap_or_default();
        if let Err(problem) = &result {
            println!("{name}: {problem}");
        }
        let failed = result.is_err();
        ended.push(Ended { name, result, took });
        if failed && fail_fast {
            break;
        }
    }
    Ok(summary(&ended))
}

fn options(arguments: &[String]) -> Result<(Vec<String>, bool), String> {
    let mut only = Vec::new();
    let mut fail_fast = false;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--fail-fast" => fail_fast = true,
            "--only" => {
                let name = rest.next().ok_or("--only needs the name of a step")?;
                if !STEPS.iter().any(|(step, _)| step == name) {
                    let names: Vec<&str> = STEPS.iter().map(|&(step, _)| step).collect();
                    return Err(format!("no step {name:?}; there are {}", names.join(", ")));
                }
                only.push(name.clone());
            }
            other => return Err(format!("ci does not know {other:?}")),
        }
    }
    Ok((only, fail_fast))
}

fn summary(ended: &[Ended]) -> bool {
    println!("\n=== summary");
    for step in ended {
        let how = if step.result.is_ok() { "ok" } else { "FAILED" };
        println!("{:<10}{how:<8}{:>6.1} s", step.name, step.took.as_secs_f64());
    }
    for step in ended {
        if let Err(problem) = &step.result {
            println!("{}: {problem}", step.name);
        }
    }
    let failed = ended.iter().filter(|step| step.result.is_err()).count();
    let took: Duration = ended.iter().map(|step| step.took).sum();
    println!("ci: {} steps, {failed} failed, {:.1} s", ended.len(), took.as_secs_f64());
    failed == 0
}

fn whole(result: Result<bool, String>, otherwise: &str) -> Result<(), String> {
    match result {
        Ok(true) => Ok(()),
        Ok(false) => Err(otherwise.to_owned()),
        Err(problem) => Err(problem),
    }
}

fn fmt(root: &Path) -> Result<(), String> {
    Run::new(cargo(), root).args(["fmt", "--all", "--check"]).done()?;
    // A workspace of its own, so it is asked for by name.
    Run::new(cargo(), &root.join("fuzz")).args(["fmt", "--check"]).done()
}

fn clippy(root: &Path) -> Result<(), String> {
    Run::new(cargo(), root)
        .args(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])
        .done()
}

fn deny(root: &Path) -> Result<(), String> {
    let program = tools::deny(root)?;
    Run::new(program, root)
        .args(["--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"])
        .done()
}

fn docs(root: &Path) -> Result<(), String> {
    Run::new(cargo(), root)
        .args(["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"])
        .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links")
        .done()
}

fn simulation(root: &Path) -> Result<(), String> {
    let run = |arguments: &[&str]| {
        let arguments: Vec<String> = arguments.iter().map(|&one| one.to_owned()).collect();
        sim::run(root, &arguments)
    };
    // A simulator that does not see these would see nothing.
    whole(run(sim::CAUGHT), "a seeded bug was not caught")?;
    whole(run(sim::CALLS), "a call that failed broke a promise")?;
    whole(run(sim::IN_CI), "the simulator broke a promise")
}

fn doctests(root: &Path) -> Result<(), String> {
    Run::new(cargo(), root).args(["test", "--locked", "--workspace", "--doc", "--quiet"]).done()
}

fn tests(root: &Path) -> Result<(), String> {
    let nextest = tools::nextest(root)?;
    Run::new(nextest, root)
        .args(["nextest", "run", "--locked", "--workspace", "--profile", "ci"])
        .done()
}
