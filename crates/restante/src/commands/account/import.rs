//! `restante account import FILE`: many accounts, in batches that fit one request.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use mail_wire::Secret;
use restante_directory::{ImportBatch, ImportLine, ImportReport};

use crate::commands::reaching::reach;
use crate::human;
use crate::operations::reach::Reach;
use crate::operations::request::Request;
use crate::output::{Failure, Output, printable};
use crate::settings::locate::ConfigArg;

/// Lines of one batch, which is one transaction: enough that its end costs little.
const LINES_PER_BATCH: usize = 2_000;
/// Octets of one batch. A request may have 1 MiB, and JSON escapes a few.
const OCTETS_PER_BATCH: usize = 400 * 1024;
/// The longest line.
const LINE_OCTETS_MAX: u64 = 64 * 1024;

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
    let mut lines = Lines::new(if from_stdin {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&args.file).map_err(|error| {
            Failure::new(format!("{} cannot be read: {error}", args.file.display()))
        })?;
        Box::new(BufReader::with_capacity(1 << 16, file))
    });
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
    lines: &mut Lines,
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
        let ended = batch.is_empty() && part.lines == 0;
        if !batch.is_empty() {
            let request = Request::AccountImport(ImportBatch { lines: batch, dry_run });
            part.absorb(reach.ask(request).await?);
        }
        if ended {
            return Ok(report);
        }
        // Each is told as it is found; what is kept for the report is bounded.
        part.problems.sort_by_key(|problem| problem.line);
        for problem in &part.problems {
            Progress::clear();
            output.note(format_args!("line {}: {}", problem.line, printable(&problem.why)));
        }
        let told = u64::try_from(part.problems.len()).unwrap_or(u64::MAX);
        if part.refused > told {
            let more = human::count(part.refused.saturating_sub(told), "more line");
            output.note(format_args!("{more} before line {} refused", lines.number));
        }
        report.absorb(part);
        Progress::show(&report);
    }
}

fn told(report: &ImportReport, dry_run: bool) -> String {
    let made = if dry_run { "would be made" } else { "made" };
    let mut parts = vec![format!("{} {made}", human::count(report.added, "account"))];
    for (number, what) in [
        (report.completed, "got further addresses"),
        (report.unchanged, "there already"),
        (report.hashed, "passwords hashed"),
        (report.refused, "refused"),
    ] {
        if number > 0 {
            parts.push(format!("{} {what}", human::grouped(number)));
        }
    }
    format!("{}: {}", human::count(report.lines, "line"), parts.join(", "))
}

/// Lines of a file, without their ends, counted from 1.
struct Lines {
    input: Box<dyn BufRead>,
    number: u64,
    /// A line that did not fit the last batch.
    held: Option<ImportLine>,
}

impl Lines {
    fn new(input: Box<dyn BufRead>) -> Self {
        Self { input, number: 0, held: None }
    }

    /// The next batch. What cannot even be sent is refused here.
    fn batch(&mut self, report: &mut ImportReport) -> io::Result<Vec<ImportLine>> {
        let mut batch: Vec<ImportLine> = Vec::new();
        let mut octets = 0_usize;
        while batch.len() < LINES_PER_BATCH {
            let line = match self.held.take() {
                Some(line) => Ok(line),
                None => match self.line()? {
                    Some(line) => line,
                    None => break,
                },
            };
            match line {
                Err(why) => {
                    report.lines = report.lines.saturating_add(1);
                    report.refuse(self.number, why);
                }
                Ok(line) => {
                    octets = octets.saturating_add(line.text.expose().len());
                    if octets > OCTETS_PER_BATCH && !batch.is_empty() {
                        self.held = Some(line);
                        break;
                    }
                    batch.push(line);
                }
            }
        }
        Ok(batch)
    }

    fn line(&mut self) -> io::Result<Option<Result<ImportLine, &'static str>>> {
        let mut text = Vec::new();
        let mut bounded = self.input.by_ref().take(LINE_OCTETS_MAX);
        if bounded.read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        let whole = text.last() == Some(&b'\n');
        if !whole && u64::try_from(text.len()).is_ok_and(|length| length >= LINE_OCTETS_MAX) {
            self.input.skip_until(b'\n')?;
            return Ok(Some(Err("the line is longer than 64 KiB")));
        }
        if whole {
            text.pop();
        }
        if text.last() == Some(&b'\r') {
            text.pop();
        }
        let number = self.number;
        Ok(Some(match String::from_utf8(text) {
            Ok(text) => Ok(ImportLine { number, text: Secret::new(text) }),
            Err(_) => Err("the line is not UTF-8"),
        }))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(input: Vec<u8>) -> (Vec<Vec<(u64, usize)>>, ImportReport) {
        let mut lines = Lines::new(Box::new(io::Cursor::new(input)));
        let mut report = ImportReport::default();
        let mut batches = Vec::new();
        loop {
            let refused = report.refused;
            let batch = lines.batch(&mut report).unwrap();
            if batch.is_empty() && report.refused == refused {
                return (batches, report);
            }
            let told = |line: &ImportLine| (line.number, line.text.expose().len());
            batches.push(batch.iter().map(told).collect());
        }
    }

    #[test]
    fn lines_are_numbered_from_1_and_lose_their_ends() {
        let (batches, report) = batches(b"a\r\n\nbb".to_vec());
        assert_eq!(batches, [[(1, 1), (2, 0), (3, 2)]]);
        assert_eq!(report, ImportReport::default());
    }

    #[test]
    fn a_line_that_cannot_be_sent_is_refused_with_its_number() {
        let mut input = b"a\n\xff\n".to_vec();
        input.extend(vec![b'x'; 200_000]);
        input.extend(b"\nb\n");
        let (batches, report) = batches(input);
        assert_eq!(batches, [[(1, 1), (4, 1)]]);
        let lines: Vec<_> = report.problems.iter().map(|problem| problem.line).collect();
        assert_eq!((lines, report.refused, report.lines), (vec![2, 3], 2, 2));
    }

    #[test]
    fn batches_are_bounded_and_lose_nothing() {
        let input: Vec<u8> =
            (0..5_000).flat_map(|_| [vec![b'x'; 300], b"\n".to_vec()].concat()).collect();
        let (batches, _) = batches(input);
        assert!(batches.iter().all(|batch| batch.len() <= LINES_PER_BATCH));
        assert!(batches.iter().all(|batch| batch.len() * 300 <= OCTETS_PER_BATCH));
        let numbers: Vec<_> = batches.concat().iter().map(|&(number, _)| number).collect();
        assert_eq!(numbers, (1..=5_000).collect::<Vec<_>>());
    }
}
