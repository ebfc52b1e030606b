//! Where accounts come from: `sqlite`, `passwd:/path`, `htpasswd:/path`.

use std::path::PathBuf;

use restante_directory::{FileFormat, Source};
use serde_spanned::Spanned;
use toml::de::DeValue;

use crate::settings::definition::{Kind, wrong_type};
use crate::settings::problem::Problem;

/// One backend of the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneSource;

/// What is made of it.
#[derive(Clone, Debug)]
pub(crate) struct SourceSetting(pub(crate) Source);

impl Default for SourceSetting {
    /// Stands for nothing, where what is written is wrong.
    fn default() -> Self {
        Self(Source::Own)
    }
}

impl Kind for OneSource {
    type Value = SourceSetting;

    fn describe(&self) -> String {
        "\"sqlite\", \"passwd:PATH\" or \"htpasswd:PATH\"".to_owned()
    }

    fn parse(
        &self,
        name: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<SourceSetting, Vec<Problem>> {
        let DeValue::String(text) = value.get_ref() else {
            return Err(vec![wrong_type(name, value, &self.describe())]);
        };
        let source = match text.split_once(':') {
            None if text == "sqlite" => Some(Source::Own),
            Some(("passwd", path)) => file(path, FileFormat::Passwd),
            Some(("htpasswd", path)) => file(path, FileFormat::Htpasswd),
            _ => None,
        };
        source.map(SourceSetting).ok_or_else(|| {
            let problem = Problem::error(format!("`{name}` takes {}", self.describe()));
            vec![problem.at(value.span()).label("not this")]
        })
    }
}

fn file(path: &str, format: FileFormat) -> Option<Source> {
    let good = !path.is_empty() && !path.contains('\0') && !path.starts_with('~');
    good.then(|| Source::File { path: PathBuf::from(path), format })
}
