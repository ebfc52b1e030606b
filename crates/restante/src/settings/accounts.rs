//! `[accounts]`: where accounts come from.

use std::path::Path;

use restante_directory::Source;

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::list::List;
use crate::settings::kinds::source::{OneSource, SourceSetting};
use crate::settings::problem::Problem;
use crate::settings::reader::Reader;

/// Where accounts come from.
#[derive(Clone, Debug)]
pub(crate) struct AccountSettings {
    /// The backends in the order in which they are asked.
    pub(crate) chain: Vec<Source>,
}

impl AccountSettings {
    /// The table.
    pub(crate) const NAME: &'static str = "accounts";
    /// What it is about.
    pub(crate) const MEANING: &'static str = "Where accounts come from.";

    /// Reads the table.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let chain: Vec<SourceSetting> = reader.setting(
            &List(OneSource),
            Definition {
                name: "chain",
                otherwise: Otherwise::Value("[\"sqlite\"]"),
                meaning: "Who knows the accounts, in the order in which they are asked: the first \
                          that knows a name decides, and one that cannot be asked is \
                          `[SYS/TEMP]`, never the next one's turn. \"sqlite\" are the accounts \
                          that `restante account` makes. \"passwd:/etc/restante/users\" is a \
                          file in Dovecot's form, \"htpasswd:/etc/restante/users\" one in \
                          Apache's; names without a domain are in the first of `domains`. A \
                          file is read again when it changes, and is never written.",
                reloads: false,
            },
        );
        let chain: Vec<Source> = chain.into_iter().map(|one| one.0).collect();
        if reader.is_written("accounts.chain") && reader.is_clean() {
            if chain.is_empty() {
                let problem = Problem::error("`accounts.chain` is empty: nobody could log in");
                reader.problem("accounts.chain", problem.help("write chain = [\"sqlite\"]"));
            }
            let twice = chain.iter().enumerate().any(|(at, one)| {
                chain.iter().skip(at.saturating_add(1)).any(|other| same(one, other))
            });
            if twice {
                reader.problem(
                    "accounts.chain",
                    Problem::error("`accounts.chain` names one backend twice"),
                );
            }
        }
        Self { chain }
    }

    /// Relative paths start at the folder of the configuration.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        for source in &mut self.chain {
            if let Source::File { path, .. } = source {
                *path = folder.join(&path);
            }
        }
    }
}

fn same(one: &Source, other: &Source) -> bool {
    match (one, other) {
        (Source::File { path: one, .. }, Source::File { path: other, .. }) => one == other,
        (one, other) => one == other,
    }
}
