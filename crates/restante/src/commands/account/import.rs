//! `restante account import FILE`: many accounts, in batches that fit one request.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use restante_directory::{ImportBatch, ImportLines, ImportReport};

use crate::commands::reaching::reach;
use crate::human;
use crate::operations::reach::Reach;
use crate::operations::request::Request;
use crate::output::{Failure, Output, printable};
use crate::settings::locate::ConfigArg;

/// Which file, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file, one account a line; `-` is standard input
    file: PathBuf,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
    /// The report as one JSON object
    #[arg(long)]
    json: bool,
}

/// Imports. Lines that are refused hinder no other; the exit code is 1 if there was one.
pub(super) async fn run(
    config: &ConfigArg,
    args: Args,
    output: Output,
) -> Result<ExitCode, Failure> {
    let from_stdin = args.file.as_os_str() == "-";
    let input: Box<dyn BufRead> = if from_stdin {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&args.file).map_err(|error| {
            Failure::new(format!("{} cannot be read: {error}", args.file.display()))
        })?;
        Box::new(BufReader::with_capacity(1 << 16, file))
    };
    let mut lines = ImportLines::new(input);
    let reach = reach(config, output).await?;
    let outcome = import(&reach, &mut lines, args.dry_run, output).await;
    Progress::clear();
    let report = outcome?;
    if args.json {
        output.json(&report)?;
    } else {
        output.line(told(&report, args.dry_run))?;
    }
    Ok(if report.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn import(
    reach: &Reach,
    lines: &mut ImportLines<Box<dyn BufRead>>,
    dry_run: bool,
    output: Output,
) -> Result<ImportReport, Failure> {
    let mut report = ImportReport::default();
    loop {
        let mut part = ImportReport::default();
        let batch = lines.batch(&mut part).map_err(|error| {
            Failure::new(format!("the file cannot be read: {error}"))
                .hint("what was imported stays; the same file can be imported again")
        })?;
        let Some(batch) = batch else { return Ok(report) };
        if !batch.is_empty() {
            let request = Request::AccountImport(ImportBatch { lines: batch, dry_run });
            part.absorb(reach.ask(request).await?);
        }
        tell_problems(&mut part, output);
        report.absorb(part);
        Progress::show(&report);
    }
}

/// Each is told as it is found; what is kept for the report is bounded.
fn tell_problems(part: &mut ImportReport, output: Output) {
    part.problems.sort_by_key(|problem| problem.line);
    for problem in &part.problems {
        Progress::clear();
        output.note(format_args!("line {}: {}", problem.line, printable(&problem.why)));
    }
    let told = u64::try_from(part.problems.len()).unwrap_or(u64::MAX);
    if part.refused > told {
        let more = human::count(part.refused.saturating_sub(told), "line");
        output.note(format_args!("and {more} more, refused as those before"));
    }
}

fn told(report: &ImportReport, dry_run: bool) -> String {
    let made = if dry_run { "would be made" } else { "made" };
    let mut parts = vec![format!("{} {made}", human::count(report.added, "account"))];
    for (number, counted, what) in [
        (report.completed, human::grouped(report.completed), "got further addresses"),
        (report.unchanged, human::grouped(report.unchanged), "there already"),
        (report.hashed, human::count(report.hashed, "password"), "hashed"),
        (report.refused, human::grouped(report.refused), "refused"),
    ] {
        if number > 0 {
            parts.push(format!("{counted} {what}"));
        }
    }
    format!("{}: {}", human::count(report.lines, "line"), parts.join(", "))
}

/// One line on the terminal that tells how far it is.
struct Progress;

impl Progress {
    fn show(report: &ImportReport) {
        Self::write(&format!("\r{} … ", human::count(report.lines, "line")));
    }

    fn clear() {
        Self::write("\r\u{1b}[K");
    }

    fn write(text: &str) {
        let mut stderr = io::stderr().lock();
        if stderr.is_terminal() {
            // Progress is for people; that it cannot be shown stops nothing.
            let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
        }
    }
}
