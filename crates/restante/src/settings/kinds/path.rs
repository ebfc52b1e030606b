//! Paths of files and folders; a relative one starts at the configuration's own folder.

use std::path::PathBuf;

use serde_spanned::Spanned;
use toml::de::DeValue;

use crate::settings::definition::{Kind, wrong_type};
use crate::settings::problem::Problem;

/// A path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FilePath;

impl Kind for FilePath {
    type Value = PathBuf;

    fn describe(&self) -> String {
        "a path; a relative one starts at the folder of the configuration".to_owned()
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<PathBuf, Vec<Problem>> {
        let DeValue::String(text) = value.get_ref() else {
            return Err(vec![wrong_type(name, value, "a path in quotes")]);
        };
        let problem = if text.is_empty() {
            Problem::error(format!("`{name}` is empty"))
        } else if text.contains('\0') {
            Problem::error(format!("`{name}` holds a NUL, which no path can"))
        } else if text.starts_with("~/") {
            Problem::error(format!("`{name}` starts with ~, which only shells know"))
                .help("write the whole path")
        } else {
            return Ok(PathBuf::from(text.as_ref()));
        };
        Err(vec![problem.at(value.span())])
    }
}
