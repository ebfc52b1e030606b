//! From a document to settings, or to all that is wrong with it.

use std::collections::BTreeSet;
use std::path::Path;

use toml::de::DeTable;

use crate::output::{Failure, Output};
use crate::settings::accounts::AccountSettings;
use crate::settings::document::{Document, position};
use crate::settings::guard::Guard;
use crate::settings::intake::Intake;
use crate::settings::keeping::KeepingSettings;
use crate::settings::limits::LimitSettings;
use crate::settings::listen::Listen;
use crate::settings::log::Log;
use crate::settings::mechanisms::Mechanisms;
use crate::settings::problem::{Problem, Severity};
use crate::settings::reader::{Findings, Reader};
use crate::settings::report::Report;
use crate::settings::site::Site;
use crate::settings::store::{Backend, StoreSettings};
use crate::settings::timeouts::Timeouts;
use crate::settings::tls::Tls;
use crate::settings::workers::Workers;

/// A whole configuration.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The top of the file.
    pub(crate) site: Site,
    /// `[accounts]`.
    pub(crate) accounts: AccountSettings,
    /// `[tls]`.
    pub(crate) tls: Option<Tls>,
    /// `[listen]`.
    pub(crate) listen: Listen,
    /// `[store]`.
    pub(crate) store: StoreSettings,
    /// `[keeping]`.
    pub(crate) keeping: KeepingSettings,
    /// `[limits]`.
    pub(crate) limits: LimitSettings,
    /// `[guard]`.
    pub(crate) guard: Guard,
    /// `[timeouts]`.
    pub(crate) timeouts: Timeouts,
    /// `[mechanisms]`.
    pub(crate) mechanisms: Mechanisms,
    /// `[intake]`.
    pub(crate) intake: Intake,
    /// `[workers]`.
    pub(crate) workers: Workers,
    /// `[log]`.
    pub(crate) log: Log,
}

/// What a document says.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The settings; where there are errors, what is wrong stands for nothing in it.
    pub(crate) draft: Settings,
    /// All that is wrong, all settings there are, and where each was written.
    pub(crate) findings: Findings,
}

impl Reading {
    /// The settings, unless there is an error among the problems.
    pub(crate) fn settings(self) -> Option<Settings> {
        let error = |problem: &Problem| problem.severity == Severity::Error;
        (!self.findings.problems.iter().any(error)).then_some(self.draft)
    }
}

/// Reads what a document says. It never fails: what is wrong is in the findings.
pub(crate) fn read(document: &Document) -> Reading {
    let (table, syntax) = DeTable::parse_recoverable(&document.text);
    let mut reader = Reader::new(table.get_ref(), Site::MEANING);
    let mut settings = Settings {
        site: Site::read(&mut reader),
        accounts: reader.table(
            AccountSettings::NAME,
            AccountSettings::MEANING,
            AccountSettings::read,
        ),
        tls: reader.optional_table(Tls::NAME, Tls::MEANING, Tls::read),
        listen: reader.table(Listen::NAME, Listen::MEANING, Listen::read),
        store: reader.table(StoreSettings::NAME, StoreSettings::MEANING, StoreSettings::read),
        keeping: reader.table(
            KeepingSettings::NAME,
            KeepingSettings::MEANING,
            KeepingSettings::read,
        ),
        limits: reader.table(LimitSettings::NAME, LimitSettings::MEANING, LimitSettings::read),
        guard: reader.table(Guard::NAME, Guard::MEANING, Guard::read),
        timeouts: reader.table(Timeouts::NAME, Timeouts::MEANING, Timeouts::read),
        mechanisms: reader.table(Mechanisms::NAME, Mechanisms::MEANING, Mechanisms::read),
        intake: reader.table(Intake::NAME, Intake::MEANING, Intake::read),
        workers: reader.table(Workers::NAME, Workers::MEANING, Workers::read),
        log: reader.table(Log::NAME, Log::MEANING, Log::read),
    };
    if reader.is_clean() {
        between(&settings, &mut reader);
    }
    let mut findings = reader.finish();
    add_syntax(&mut findings.problems, &document.text, &syntax);
    findings.problems.sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
    let folder = match document.path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    settings.site.resolve(&folder);
    settings.accounts.resolve(&folder);
    if let Some(tls) = &mut settings.tls {
        tls.resolve(&folder);
    }
    Reading { draft: settings, findings }
}

/// The settings of a file, for a command that needs them: what is wrong is shown and is a
/// failure; warnings are for `restante check`.
pub(crate) fn load(path: &Path, output: Output) -> Result<Settings, Failure> {
    let document = Document::read(path)?;
    let reading = read(&document);
    let problems = reading.findings.problems.clone();
    reading.settings().ok_or_else(|| {
        let report = Report::new(&document, problems);
        output.note(report.render(output.colour_of_errors()));
        Failure::new(format!("the configuration has {}", report.count(Severity::Error)))
    })
}

/// What no setting can know alone.
fn between(settings: &Settings, reader: &mut Reader<'_>) {
    if settings.tls.is_none() && !settings.listen.pop3s.is_empty() {
        let problem = Problem::error("POP3S needs a certificate, and there is no [tls]");
        let problem = problem.help("write [tls] with `certificate` and `key`").help(
            "or, for this machine alone, pop3s = \"off\" and pop3 = \"127.0.0.1:110\" in [listen]",
        );
        reader.problem("listen.pop3s", problem);
    }
    if settings.store.backend == Some(Backend::Maildir) && settings.keeping.keeping.needs_custody()
    {
        let problem = Problem::error(
            "Maildirs remember nothing of messages, so they cannot hold what was deleted, ignore \
             deletions, have views or let mail expire",
        );
        let problem = problem.help("write backend = \"log\", or remove these lines of [keeping]");
        reader.problem("store.backend", problem);
    }
    let listen = &settings.listen;
    let silent = listen.pop3.is_empty()
        && listen.pop3s.is_empty()
        && listen.lmtp.is_empty()
        && listen.smtp.is_empty();
    if silent {
        reader.problem("listen.pop3", Problem::error("every service is \"off\""));
    }
    for (name, listeners) in [
        ("listen.pop3s", &listen.pop3s),
        ("listen.lmtp", &listen.lmtp),
        ("listen.smtp", &listen.smtp),
    ] {
        if listeners.iter().any(|listener| !listener.cleartext_from.is_empty()) {
            let problem =
                Problem::warning(format!("`{name}`: `cleartext_from` has no effect here"));
            reader.problem(name, problem.help("it is for POP3 without TLS: `listen.pop3`"));
        }
    }
}

/// After the first slip of a line, what the parser says of the rest of it is guesswork; and a
/// value that holds a slip was not read.
fn add_syntax(problems: &mut Vec<Problem>, text: &str, errors: &[toml::de::Error]) {
    let mut lines = BTreeSet::new();
    let found: Vec<Problem> = errors
        .iter()
        .map(syntax_problem)
        .filter(|problem| {
            let start = problem.span.as_ref().map_or(0, |span| span.start);
            lines.insert(position(text, start).0)
        })
        .collect();
    problems.retain(|problem| {
        let holds = |start: usize| problem.span.as_ref().is_some_and(|span| span.contains(&start));
        !found.iter().any(|slip| slip.span.as_ref().is_some_and(|span| holds(span.start)))
    });
    problems.extend(found);
}

fn syntax_problem(error: &toml::de::Error) -> Problem {
    let problem = Problem::error(error.message().to_owned()).at(error.span());
    match error.message() {
        "duplicate key" => Problem { message: "this name is written twice".to_owned(), ..problem }
            .label("the second")
            .help("keep one of them"),
        _ => problem.help("a line is `name = \"text\"`, `name = 12` or `[table]`"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::settings::kinds::listener::At;
    use crate::settings::log::LogFormat;
    use crate::settings::reference;

    fn document(text: &str) -> Document {
        Document { path: PathBuf::from("/etc/restante/restante.toml"), text: text.to_owned() }
    }

    // rulings 13: "A complete one"
    const COMPLETE: &str = r#"
hostname = "mail.example.org"
domains = ["example.org"]
state = "/var/lib/restante"
[tls]
certificate = "/etc/ssl/mail.pem"
key = "/etc/ssl/mail.key"
[listen]
pop3 = "[::]:110"
pop3s = "[::]:995"
lmtp = "unix:/run/restante/lmtp.sock"
"#;

    #[test]
    fn the_complete_configuration_of_the_rulings_is_read() {
        let reading = read(&document(COMPLETE));
        assert!(reading.findings.problems.is_empty(), "{:?}", reading.findings.problems);
        let settings = reading.settings().unwrap();
        assert_eq!(settings.site.hostname, "mail.example.org");
        assert_eq!(settings.site.domains, ["example.org"]);
        assert_eq!(settings.site.lock_wait, Duration::from_secs(3));
        assert_eq!(settings.tls.unwrap().key, PathBuf::from("/etc/ssl/mail.key"));
        assert_eq!(settings.listen.pop3s[0].at, At::Tcp("[::]:995".parse().unwrap()));
        let lmtp = At::Unix { path: "/run/restante/lmtp.sock".into(), mode: 0o660 };
        assert_eq!(settings.listen.lmtp[0].at, lmtp);
        assert!(settings.listen.smtp.is_empty());
        assert_eq!(settings.timeouts.idle, Duration::from_secs(630));
        assert_eq!(settings.log.format, LogFormat::Auto);
        // The well-known state has the well-known socket; any other has its own.
        let paths = settings.site.control_paths();
        assert_eq!(paths[0], PathBuf::from("/run/restante/control.sock"));
        let elsewhere = COMPLETE.replace("/var/lib/restante", "mail");
        let settings = read(&document(&elsewhere)).settings().unwrap();
        assert_eq!(
            settings.site.control_paths(),
            [PathBuf::from("/etc/restante/mail/control.sock")]
        );
    }

    fn shown(text: &str) {
        let document = document(text);
        let problems = read(&document).findings.problems;
        let report = Report::new(&document, problems);
        let _ = (report.render(true), report.render(false), report.json());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        // C1: whatever the file holds, it is answered, not a panic
        #[test]
        fn any_text_is_answered(text in "\\PC{0,200}|[ -~\n\t\r\u{0}\u{1b}\u{301}\u{202e}é東]{0,200}") {
            shown(&text);
        }

        #[test]
        fn any_octets_that_are_text_are_answered(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            shown(&String::from_utf8_lossy(&octets));
        }

        // A good file with one piece cut out and another put in.
        #[test]
        fn a_damaged_configuration_is_answered(
            at in 0usize..4000,
            cut in 0usize..40,
            put in "[\\[\\]{}=\"'#,.\n 0-9a-zé\u{7f}]{0,8}",
        ) {
            let whole = reference::example().replace("\n#", "\n");
            let start = whole.floor_char_boundary(at.min(whole.len()));
            let end = whole.floor_char_boundary((start + cut).min(whole.len()));
            shown(&format!("{}{put}{}", &whole[..start], &whole[end..]));
        }
    }
}
