//! Shows what is wrong with a configuration: to people like a compiler, to machines as JSON.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use crate::settings::document::{Document, floor_boundary, position};
use crate::settings::problem::{Problem, Severity};

/// All that is wrong with one document.
#[derive(Debug)]
pub(crate) struct Report<'d> {
    document: &'d Document,
    problems: Vec<Problem>,
}

/// A problem as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct ProblemJson {
    severity: &'static str,
    message: String,
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    help: Vec<String>,
}

impl<'d> Report<'d> {
    /// A report in the order of the file.
    pub(crate) fn new(document: &'d Document, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|p| p.span.as_ref().map_or(usize::MAX, |span| span.start));
        Self { document, problems }
    }

    /// With these, too.
    #[must_use]
    pub(crate) fn and(mut self, problems: Vec<Problem>) -> Self {
        self.problems.extend(problems);
        Self::new(self.document, self.problems)
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether there is one so severe.
    pub(crate) fn has(&self, severity: Severity) -> bool {
        self.problems.iter().any(|problem| problem.severity == severity)
    }

    /// `3 errors`, `1 warning`.
    pub(crate) fn count(&self, severity: Severity) -> String {
        let count = self.problems.iter().filter(|p| p.severity == severity).count();
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {}{plural}", severity_name(severity))
    }

    /// Each with its line, like a compiler shows it.
    pub(crate) fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let path = self.document.path.display().to_string();
        let groups: Vec<String> = self
            .problems
            .iter()
            .map(|problem| renderer.render(&self.groups(problem, &path)))
            .collect();
        groups.join("\n\n")
    }

    /// The problems for `--json`.
    pub(crate) fn json(&self) -> Vec<ProblemJson> {
        let one = |problem: &Problem| {
            let place = problem.span.as_ref();
            let place = place.map(|span| position(&self.document.text, span.start)).unzip();
            ProblemJson {
                severity: severity_name(problem.severity),
                message: problem.message.clone(),
                file: self.document.path.display().to_string(),
                line: place.0,
                column: place.1,
                help: problem.help.clone(),
            }
        };
        self.problems.iter().map(one).collect()
    }

    fn groups<'a>(&'a self, problem: &'a Problem, path: &'a str) -> Vec<Group<'a>> {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(problem.message.as_str());
        let place: Element<'a> = match &problem.span {
            None => Origin::path(path).into(),
            Some(span) => {
                let text = self.document.text.as_str();
                // On the boundaries of characters, whoever found the place.
                let start = floor_boundary(text, span.start.min(text.len()));
                let end = floor_boundary(text, span.end.min(text.len())).max(start);
                let mut annotation = AnnotationKind::Primary.span(start..end);
                if let Some(label) = &problem.label {
                    annotation = annotation.label(label.as_str());
                }
                Snippet::source(text).path(path).annotation(annotation).into()
            }
        };
        let helps =
            problem.help.iter().map(|help| Element::from(Level::HELP.message(help.as_str())));
        vec![title.element(place).elements(helps)]
    }
}

const fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
