//! `[log]`: what is said, and how.

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::choice::Choice;
use crate::settings::reader::Reader;

/// What is said, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    /// In which form.
    pub(crate) format: LogFormat,
    /// From which level on.
    pub(crate) level: LogLevel,
}

/// `log.format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// To the journal under systemd, else as for people.
    #[default]
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
    /// Fields in the journal.
    Journald,
}

/// `log.level`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogLevel {
    /// What somebody has to look at.
    Error,
    /// What somebody should look at.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// What happened in between.
    Debug,
}

impl Log {
    /// The table.
    pub(crate) const NAME: &'static str = "log";
    /// What it is about.
    pub(crate) const MEANING: &'static str = "What is said on standard error or to the journal. Passwords and the text of messages \
         are never logged, at no level.";

    /// Reads the table.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        const FORMATS: Choice<LogFormat> = Choice(&[
            ("auto", LogFormat::Auto),
            ("text", LogFormat::Text),
            ("json", LogFormat::Json),
            ("journald", LogFormat::Journald),
        ]);
        const LEVELS: Choice<LogLevel> = Choice(&[
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
        ]);
        Self {
            format: reader.setting(
                &FORMATS,
                Definition {
                    name: "format",
                    otherwise: Otherwise::Value("\"auto\""),
                    meaning: "The form of log lines. \"auto\" writes to the journal where systemd \
                          started the server, and lines for people otherwise; \"json\" writes \
                          one object a line.",
                    reloads: false,
                },
            ),
            level: reader.setting(
                &LEVELS,
                Definition {
                    name: "level",
                    otherwise: Otherwise::Value("\"info\""),
                    meaning: "From which level on lines are written.",
                    reloads: true,
                },
            ),
        }
    }
}
