//! The log store on a simulated disk: `sim`, in the optimised build.

use std::path::Path;

use crate::run::{Run, cargo};

/// What `cargo xtask ci` asks of it: enough crash points, within the time that it has; on a slow
/// machine it says that there were fewer, and fails where there were too few to prove anything.
pub(crate) const IN_CI: &[&str] = &["--points", "200000", "--seconds", "300", "--floor", "50000"];

/// Each seeded bug on the seed that catches it.
pub(crate) const CAUGHT: &[&str] = &["--caught"];

/// The conformance suite with each call failing, in one of four ways; all four are the task.
pub(crate) const CALLS: &[&str] = &["--calls", "--in-turn"];

/// Runs it with these arguments; it says itself what it does not understand.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<bool, String> {
    Run::new(cargo(), root)
        .args(["run", "--locked", "--quiet", "--release", "-p", "sim", "--"])
        .args(arguments)
        .done()
        .map(|()| true)
}
