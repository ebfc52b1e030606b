//! A few characters of text.

use serde_spanned::Spanned;
use toml::de::DeValue;

use crate::settings::definition::{Kind, wrong_type};
use crate::settings::problem::Problem;

/// One ASCII punctuation mark, or the empty string for none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Separator;

impl Kind for Separator {
    type Value = Option<char>;

    fn describe(&self) -> String {
        "one of + - = _ # or \"\" for none".to_owned()
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Self::Value, Vec<Problem>> {
        let DeValue::String(text) = value.get_ref() else {
            return Err(vec![wrong_type(name, value, "one character in quotes")]);
        };
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (None, _) => Ok(None),
            (Some(mark @ ('+' | '-' | '=' | '_' | '#')), None) => Ok(Some(mark)),
            _ => Err(vec![
                Problem::error(format!("`{name}` takes {}", self.describe())).at(value.span()),
            ]),
        }
    }
}
