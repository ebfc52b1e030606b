//! `restante check`: all that is wrong with a configuration, at once.

use std::process::ExitCode;

use serde::Serialize;

use crate::check::{Checked, accounts, check};
use crate::output::{Failure, Output};
use crate::runtime;
use crate::settings::document::Document;
use crate::settings::locate::{ConfigArg, absent};
use crate::settings::problem::Severity;
use crate::settings::report::ProblemJson;

/// What to check.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Exit with 2 where there are warnings
    #[arg(long)]
    strict: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Verdict {
    ok: bool,
    problems: Vec<ProblemJson>,
}

/// Exits with 0 where nothing starts wrong, 1 where there are errors, and 2 where there are
/// only warnings and `--strict` asks.
pub(crate) fn run(args: &Args, output: Output) -> Result<ExitCode, Failure> {
    let path = args.config.path();
    if !path.exists() {
        return Err(absent(&path));
    }
    let document = Document::read(&path)?;
    let Checked { settings, mut report } = check(&document, &[]);
    if let Some(settings) = settings {
        report = report.and(runtime::block_on(accounts(&document, &settings))?);
    }
    let errors = report.has(Severity::Error);
    let warnings = report.has(Severity::Warning);
    if args.json {
        output.json(&Verdict { ok: !errors, problems: report.json() })?;
    } else if report.is_empty() {
        output.line(format_args!("{}: nothing is wrong", path.display()))?;
    } else {
        output.line(report.render(output.colour()))?;
        let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
        output.line(format_args!("\n{}: {errors}, {warnings}", path.display()))?;
    }
    Ok(match (errors, warnings && args.strict) {
        (true, _) => ExitCode::from(1),
        (false, true) => ExitCode::from(2),
        (false, false) => ExitCode::SUCCESS,
    })
}
