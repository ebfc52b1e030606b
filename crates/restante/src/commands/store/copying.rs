//! `restante store copy`: any store to any other.

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use restante_store::copy::{Beyond, Survey};
use serde_json::json;

use crate::commands::store::stopped::{expect_stopped, watched};
use crate::compose::{self, Copied};
use crate::human;
use crate::output::{Failure, Output};
use crate::settings::load::Settings;
use crate::settings::store::Backend;
use crate::shown::Shown;
use crate::standing::{Place, folder};

/// `log`, `maildir`, or one of them with a folder: which store is meant.
#[derive(Clone, Debug)]
pub(super) struct Which {
    backend: Backend,
    folder: Option<PathBuf>,
}

impl FromStr for Which {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let (name, folder) = match word.split_once(':') {
            Some((name, folder)) => (name, Some(folder)),
            None => (word, None),
        };
        let all = [Backend::Log, Backend::Maildir];
        let backend = all.into_iter().find(|backend| backend.name() == name);
        match (backend, folder) {
            (Some(backend), None) => Ok(Self { backend, folder: None }),
            (Some(backend), Some(folder)) if !folder.is_empty() => {
                Ok(Self { backend, folder: Some(folder.into()) })
            }
            _ => {
                Err("say `log` or `maildir`, the site's own, or `log:DIR` or `maildir:DIR`".into())
            }
        }
    }
}

impl Which {
    fn place(self, settings: &Settings) -> Result<Place, Failure> {
        let Self { backend, folder: named } = self;
        let path = match named {
            None => folder(&settings.site.state, backend),
            Some(named) => std::path::absolute(&named)
                .map_err(|error| Failure::new(format!("{}: {error}", named.display())))?,
        };
        Ok(Place { backend, path })
    }
}

/// Copies, compares, and says what was done.
pub(super) fn copy(
    settings: &Settings,
    (from, to): (Which, Which),
    leave_out: bool,
    json: bool,
    output: Output,
) -> Result<ExitCode, Failure> {
    let (from, to) = (from.place(settings)?, to.place(settings)?);
    let state = &settings.site.state;
    if [&from, &to].into_iter().any(|place| place.path.starts_with(state)) {
        expect_stopped(settings, "copy")?;
    }
    let shown = Shown::new(output, json);
    let copied = watched(&shown, || compose::copy(settings, (&from, &to), leave_out, &shown))?;
    let Copied { survey, there_before, goes_on } = copied;
    let Survey { holding, messages, octets, beyond, .. } = survey;
    let Beyond { withheld, hidden, stand_ins } = beyond;
    if json {
        output.json(&json!({
            "maildrops": holding,
            "messages": messages,
            "octets": octets,
            "there_before": there_before,
            "left_out": { "withheld": withheld, "hidden": hidden, "stand_ins": stand_ins },
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output.line(format_args!(
        "{}: {} in {}, {} octets, are as they are in {}: unique-ids, order and every octet were \
         compared",
        to.path.display(),
        human::count(messages, "message"),
        human::count(holding, "maildrop"),
        human::grouped(octets),
        from.path.display(),
    ))?;
    if goes_on {
        let before = human::count(there_before, "message");
        output.note(format_args!("an earlier copy was interrupted; {before} were there already"));
    }
    if beyond != Beyond::default() {
        output.note(format_args!("left out, as a {} cannot keep it: {beyond}", to.backend.name()));
    }
    output.note(format_args!(
        "what happened to messages before is told by {} alone: its journal stays there",
        from.path.display()
    ));
    if to.path == folder(state, to.backend) {
        let name = to.backend.name();
        output.note(format_args!("`backend = \"{name}\"` in [store] puts it into use"));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    // `restante store copy --help`
    #[test]
    fn stores_are_named_as_the_help_says() {
        let read = |word: &str| word.parse::<Which>().map(|which| (which.backend, which.folder));
        assert_eq!(read("log"), Ok((Backend::Log, None)));
        assert_eq!(read("maildir"), Ok((Backend::Maildir, None)));
        assert_eq!(read("log:/srv/a:b"), Ok((Backend::Log, Some("/srv/a:b".into()))));
        for wrong in ["", "mbox", "log:", "Maildir", "/srv/mail"] {
            assert!(read(wrong).unwrap_err().contains("maildir:DIR"), "{wrong}");
        }
    }
}
