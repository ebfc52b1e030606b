//! Short runs of the fuzz targets, on the stable toolchain.
//!
//! libFuzzer needs coverage counters in the code, which rustc writes when LLVM's pass for
//! them is asked for by name; the sanitizers, which need a nightly compiler, are left out:
//! there is no `unsafe` in this house for them to watch.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run::{Run, cargo};

/// What cargo-fuzz passes too, less the sanitizer.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Ccodegen-units=1",
    "-Cdebug-assertions=yes",
    "-Coverflow-checks=yes",
    "--cfg=fuzzing",
];

/// How long each target runs where nothing else is said.
const SECONDS: u32 = 10;

/// Runs one target, or each.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<bool, String> {
    let (wanted, seconds) = options(arguments)?;
    let fuzz = root.join("fuzz");
    let known = targets(&fuzz)?;
    let chosen: Vec<&String> =
        known.iter().filter(|name| wanted.as_ref().is_none_or(|w| w == *name)).collect();
    if chosen.is_empty() {
        return Err(format!("no such target; there are {}", known.join(", ")));
    }
    let built = build(&fuzz)?;
    let mut failed = Vec::new();
    for name in chosen {
        if let Err(problem) = run_one(&fuzz, &built, name, seconds) {
            println!("{problem}");
            failed.push(name.as_str());
        }
    }
    if failed.is_empty() {
        return Ok(true);
    }
    println!("fuzz: failed: {}; the inputs lie in fuzz/artifacts", failed.join(", "));
    Ok(false)
}

fn options(arguments: &[String]) -> Result<(Option<String>, u32), String> {
    let mut wanted = None;
    let mut seconds = SECONDS;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--seconds" {
            let number = rest.next().and_then(|text| text.parse().ok());
            seconds = number.ok_or("--seconds needs a whole number")?;
        } else if argument.starts_with('-') || wanted.is_some() {
            return Err(format!("fuzz does not know {argument:?}"));
        } else {
            wanted = Some(argument.clone());
        }
    }
    Ok((wanted, seconds))
}

/// The targets: one a file of `fuzz/targets`.
fn targets(fuzz: &Path) -> Result<Vec<String>, String> {
    let folder = fuzz.join("targets");
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.strip_suffix(".rs").map(str::to_owned)
        })
        .collect();
    names.sort();
    Ok(names)
}

/// Builds all targets; answers the folder they lie in.
fn build(fuzz: &Path) -> Result<PathBuf, String> {
    let triple = host()?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| fuzz.join("target"), |folder| PathBuf::from(folder).join("fuzz"));
    Run::new(cargo(), fuzz)
        // Naming the target keeps the flags away from build scripts, which have no fuzzer.
        .args(["build", "--quiet", "--locked", "--release", "--bins", "--target", &triple])
        .env("RUSTFLAGS", FLAGS.join(" "))
        .env("CARGO_TARGET_DIR", &target)
        .done()?;
    Ok(target.join(triple).join("release"))
}

fn host() -> Result<String, String> {
    let output = Command::new("rustc").arg("-vV").output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc does not say for what it builds".to_owned())
}

fn run_one(fuzz: &Path, built: &Path, name: &str, seconds: u32) -> Result<(), String> {
    let artifacts = fuzz.join("artifacts").join(name);
    // What a run finds goes to the first folder; the kept corpus stays as it is.
    let grown = built.join("corpus").join(name);
    let kept = fuzz.join("corpus").join(name);
    for folder in [&artifacts, &grown, &kept] {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    let mut command = Command::new(built.join(name));
    command
        .current_dir(fuzz)
        .args([format!("-max_total_time={seconds}"), "-timeout=10".to_owned()])
        .args(["-rss_limit_mb=1024", "-max_len=4096", "-print_final_stats=1", "-verbosity=0"])
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .stdin(Stdio::null());
    let dictionary = fuzz.join("dictionaries").join(format!("{name}.dict"));
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let output = command
        .args([grown, kept])
        .output()
        .map_err(|error| format!("{name} cannot be started: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("{said}\nfuzz: {name}: {}", output.status));
    }
    let inputs = said
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .map_or("?", str::trim);
    println!("fuzz: {name}: {inputs} inputs in {seconds} s, none of them bad");
    Ok(())
}
