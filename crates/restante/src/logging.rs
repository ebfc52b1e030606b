//! Where log lines go and what they look like: a terminal, the journal, or JSON.

use std::io::{self, IsTerminal};
use std::os::unix::fs::MetadataExt;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use crate::log_writer::LogWriter;
use crate::output::Failure;
use crate::settings::log::{LogFormat, LogLevel};

/// Changes the level while the server runs; dropped, it sees the last lines written.
#[derive(Debug)]
pub(crate) struct LevelHandle {
    filter: reload::Handle<LevelFilter, Registry>,
    writer: LogWriter,
}

impl LevelHandle {
    /// From now on this level.
    pub(crate) fn set(&self, level: LogLevel) {
        // The subscriber lives as long as the process, so there is one to change.
        let _ = self.filter.reload(filter(level));
    }
}

impl Drop for LevelHandle {
    fn drop(&mut self) {
        self.writer.flush();
    }
}

/// Starts logging; called once, before there is anything to say.
pub(crate) fn start(format: LogFormat, level: LogLevel) -> Result<LevelHandle, Failure> {
    let (filter, handle) = reload::Layer::new(filter(level));
    let cannot =
        |error: &dyn std::fmt::Display| Failure::new(format!("logging cannot start: {error}"));
    let writer = LogWriter::start(io::stderr()).map_err(|error| cannot(&error))?;
    let registry = tracing_subscriber::registry().with(filter);
    let to_journal = match format {
        LogFormat::Journald => true,
        LogFormat::Auto => stderr_is_the_journal(),
        LogFormat::Text | LogFormat::Json => false,
    };
    let started = if to_journal {
        match tracing_journald::layer() {
            Ok(journal) => {
                registry.with(journal.with_syslog_identifier("restante".to_owned())).try_init()
            }
            Err(error) if format == LogFormat::Journald => {
                return Err(Failure::new(format!("the journal cannot be reached: {error}"))
                    .hint("log.format = \"auto\" uses it only where it is there"));
            }
            Err(_) => registry.with(text(writer.clone())).try_init(),
        }
    } else if format == LogFormat::Json {
        let json = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_target(false)
            .with_writer(writer.clone());
        registry.with(json).try_init()
    } else {
        registry.with(text(writer.clone())).try_init()
    };
    started.map_err(|error| cannot(&error))?;
    Ok(LevelHandle { filter: handle, writer })
}

fn text<S>(writer: LogWriter) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    let colour = io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt::layer().with_target(false).with_ansi(colour).with_writer(writer)
}

/// systemd.exec(5): `JOURNAL_STREAM` holds the device and inode of the stream to the journal;
/// where standard error was redirected since, it is another file.
fn stderr_is_the_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(stderr) = std::fs::metadata("/proc/self/fd/2") else { return false };
    stream == format!("{}:{}", stderr.dev(), stderr.ino())
}

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    }
}
