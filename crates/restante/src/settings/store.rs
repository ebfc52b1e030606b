//! `[store]`: where messages are kept.

use std::time::Duration;

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::choice::Choice;
use crate::settings::kinds::duration::seconds;
use crate::settings::kinds::optional::Optional;
use crate::settings::reader::Reader;

/// Where messages are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreSettings {
    /// Which backend, where that is said; else `standing` decides.
    pub(crate) backend: Option<Backend>,
    /// How long the log store's journal is kept.
    pub(crate) journal_keep: Duration,
}

/// `store.backend`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Backend {
    /// Logs of our own.
    #[default]
    Log,
    /// One Maildir a maildrop.
    Maildir,
}

impl Backend {
    /// As it is written.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Maildir => "maildir",
        }
    }
}

impl StoreSettings {
    /// The table.
    pub(crate) const NAME: &'static str = "store";
    /// What it is about.
    pub(crate) const MEANING: &'static str = "Where messages are kept.";

    /// Reads the table.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        const CHOICE: Choice<Backend> = Choice(&[
            (Backend::Log.name(), Backend::Log),
            (Backend::Maildir.name(), Backend::Maildir),
        ]);
        Self {
            backend: reader.setting(
                &Optional(CHOICE),
                Definition {
                    name: "backend",
                    otherwise: Otherwise::Nothing("\"log\""),
                    meaning: "The form of the store. \"log\" keeps logs of our own in the folder \
                          `store` of the state folder: fast, and all or nothing at each end of a \
                          session. \"maildir\" keeps one file a message in the folder `mail`, \
                          which other programs can read beside us. Where nothing is said, a \
                          state folder that has a folder `mail` keeps its Maildirs, and any \
                          other has a log. What stands in the state folder is never left behind \
                          for another form.",
                    reloads: false,
                },
            ),
            journal_keep: reader.setting(
                &seconds(86_400..=315_360_000),
                Definition {
                    name: "journal_keep",
                    otherwise: Otherwise::Value("\"400d\""),
                    meaning: "How long the log store remembers what happened to messages, also to \
                              those that are gone.",
                    reloads: false,
                },
            ),
        }
    }
}
