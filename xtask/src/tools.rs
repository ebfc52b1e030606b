//! The two cargo tools of the checks: found, or fetched into `target/tools`.
//!
//! Building them takes minutes, so the ready wheel that PyPI carries is taken first; it is
//! named with its version and digest, and nothing else is accepted.

use std::path::{Path, PathBuf};

use crate::run::{Run, answers, cargo};

/// A tool and where it comes from.
struct Tool {
    /// The program, and the crate that builds it.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// The wheel's SHA-256, for x86-64 Linux; elsewhere the crate is built.
    sha256: &'static str,
}

const NEXTEST: Tool = Tool {
    name: "cargo-nextest",
    version: "0.9.148",
    sha256: "76d7faec7ba7e1f15f888268761bb1449309b1eb801ec5cbe9c04a5685f42968",
};

const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    sha256: "ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee",
};

/// cargo-nextest: the one on the PATH, or ours.
pub(crate) fn nextest(root: &Path) -> Result<PathBuf, String> {
    obtain(root, &NEXTEST)
}

/// cargo-deny: the one on the PATH, or ours.
pub(crate) fn deny(root: &Path) -> Result<PathBuf, String> {
    obtain(root, &DENY)
}

fn obtain(root: &Path, tool: &Tool) -> Result<PathBuf, String> {
    if let Some(program) = find(root, tool) {
        return Ok(program);
    }
    if std::env::var_os("RESTANTE_CI_OFFLINE").is_some() {
        return Err(format!(
            "{} is missing; `cargo install --locked {}` brings it",
            tool.name, tool.name
        ));
    }
    println!("setup: fetching {} {} into target/tools", tool.name, tool.version);
    if let Err(problem) = from_wheel(root, tool) {
        println!("setup: no wheel ({problem}); building it takes many minutes");
        Run::new(cargo(), root)
            .args(["install", "--quiet", "--locked", "--version", tool.version, tool.name])
            .args(["--root".as_ref(), folder(root).as_os_str()])
            .done()?;
    }
    find(root, tool).ok_or_else(|| {
        format!("{} was fetched into {} but does not run", tool.name, folder(root).display())
    })
}

/// The one on the PATH, or ours. Debian's Python puts programs under `local`.
fn find(root: &Path, tool: &Tool) -> Option<PathBuf> {
    let subcommand = tool.name.trim_start_matches("cargo-");
    let ours = ["bin", "local/bin"].map(|inside| folder(root).join(inside).join(tool.name));
    std::iter::once(PathBuf::from(tool.name))
        .chain(ours)
        .find(|program| answers(program, &[subcommand, "--version"]))
}

fn from_wheel(root: &Path, tool: &Tool) -> Result<(), String> {
    let tools = folder(root);
    std::fs::create_dir_all(&tools).map_err(|error| error.to_string())?;
    let wanted = tools.join(format!("{}.txt", tool.name));
    let line = format!(
        "astral-dev-toolchain-{}=={} --hash=sha256:{}\n",
        tool.name, tool.version, tool.sha256
    );
    std::fs::write(&wanted, line).map_err(|error| error.to_string())?;
    Run::new("python3", root)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--root-user-action=ignore", "--no-deps", "--only-binary=:all:"])
        .args(["--ignore-installed", "--require-hashes"])
        .args(["--prefix".as_ref(), tools.as_os_str(), "-r".as_ref(), wanted.as_os_str()])
        .done()
}

/// `target/tools`, beside whatever folder cargo builds in.
fn folder(root: &Path) -> PathBuf {
    root.join("target").join("tools")
}
