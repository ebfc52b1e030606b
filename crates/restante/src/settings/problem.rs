//! What is wrong with a configuration, and where.

use std::ops::Range;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Nothing starts with it.
    Error,
    /// It starts, and somebody may be surprised.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// How bad.
    pub(crate) severity: Severity,
    /// What happened: lower case, no full stop.
    pub(crate) message: String,
    /// Where, in octets of the file; `None` where no place of the file is to blame.
    pub(crate) span: Option<Range<usize>>,
    /// A few words beside the place.
    pub(crate) label: Option<String>,
    /// What to do.
    pub(crate) help: Vec<String>,
}

impl Problem {
    /// Nothing starts with this.
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span: None,
            label: None,
            help: Vec::new(),
        }
    }

    /// It starts all the same.
    pub(crate) fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// At this place.
    #[must_use]
    pub(crate) fn at(mut self, span: impl Into<Option<Range<usize>>>) -> Self {
        self.span = span.into();
        self
    }

    /// With these words beside the place.
    #[must_use]
    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// With what to do.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}
