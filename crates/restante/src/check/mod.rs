//! What no file can say of itself: certificate, folders, ports, and who reads the postmaster's
//! mail.

mod certificate;
mod folders;
mod ports;
mod store;

use std::os::unix::net::UnixStream;

use restante_server::net::service::Service;

use crate::compose::concerns;
use crate::settings::document::Document;
use crate::settings::load::{Settings, read};
use crate::settings::problem::{Problem, Severity};
use crate::settings::reader::Places;
use crate::settings::report::Report;

/// A configuration that was checked.
#[derive(Debug)]
pub(crate) struct Checked<'d> {
    /// The settings, unless there is an error.
    pub(crate) settings: Option<Settings>,
    /// All that is wrong.
    pub(crate) report: Report<'d>,
}

/// All that is wrong with a configuration, in itself and on this machine. Services in
/// `inherited` have their sockets already.
pub(crate) fn check<'d>(document: &'d Document, inherited: &[Service]) -> Checked<'d> {
    let reading = read(document);
    let places = reading.findings.places.clone();
    let mut problems = reading.findings.problems.clone();
    let found = facts(&reading.draft, &places, inherited);
    let errors: Vec<&Problem> = problems.iter().filter(|p| p.severity == Severity::Error).collect();
    // Where there are errors, what was not read is not judged.
    let sound = |fact: &Problem| {
        errors.is_empty()
            || fact.span.as_ref().is_some_and(|place| {
                let inside = |start| place.start <= start && start < place.end;
                !errors.iter().any(|error| error.span.as_ref().is_some_and(|s| inside(s.start)))
            })
    };
    let found: Vec<Problem> = found.into_iter().filter(sound).collect();
    problems.extend(found);
    let settings = reading.settings();
    let report = Report::new(document, problems);
    Checked { settings: settings.filter(|_| !report.has(Severity::Error)), report }
}

/// What the accounts have to say about a configuration, while no server has them open: it says
/// so itself when it starts.
pub(crate) async fn accounts(document: &Document, settings: &Settings) -> Vec<Problem> {
    if is_served(settings) {
        return Vec::new();
    }
    let concerns = match concerns(settings).await {
        Ok(concerns) => concerns,
        Err(failure) => vec![failure.to_string()],
    };
    let places = read(document).findings.places;
    let problem_of = |concern: String| {
        let name = if concern.contains("postmaster") { "intake.postmaster" } else { "state" };
        let place = places.get(name).or_else(|| places.get("domains")).cloned();
        if concern.ends_with("will not start") {
            return Problem::error(concern).at(place).help(crate::keepable::HINT);
        }
        Problem::warning(concern).at(place)
    };
    concerns.into_iter().map(problem_of).collect()
}

/// Whether a server runs on this configuration's state.
fn is_served(settings: &Settings) -> bool {
    settings.site.control_paths().iter().any(|path| UnixStream::connect(path).is_ok())
}

fn facts(settings: &Settings, places: &Places, inherited: &[Service]) -> Vec<Problem> {
    let mut problems = certificate::problems(settings, places);
    problems.extend(folders::problems(settings, places));
    problems.extend(store::problems(settings, places));
    problems.extend(ports::problems(settings, places, inherited, is_served(settings)));
    problems
}
