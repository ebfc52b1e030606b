//! `[store]`: where messages are kept.

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::choice::Choice;
use crate::settings::reader::Reader;

/// Where messages are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoreSettings {
    /// Which backend.
    pub(crate) backend: Backend,
}

/// `store.backend`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Backend {
    /// One Maildir a maildrop.
    #[default]
    Maildir,
}

impl StoreSettings {
    /// The table.
    pub(crate) const NAME: &'static str = "store";
    /// What it is about.
    pub(crate) const MEANING: &'static str = "Where messages are kept.";

    /// Reads the table.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        const CHOICE: Choice<Backend> = Choice(&[("maildir", Backend::Maildir)]);
        Self {
            backend: reader.setting(
                &CHOICE,
                Definition {
                    name: "backend",
                    otherwise: Otherwise::Value("\"maildir\""),
                    meaning: "The form of the store, in the folder `mail` of the state folder. \
                          \"maildir\" keeps one file a message, which other programs can read \
                          beside us.",
                    reloads: false,
                },
            ),
        }
    }
}
