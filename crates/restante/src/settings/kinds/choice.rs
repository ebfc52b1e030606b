//! Choices: one of a few words.

use serde_spanned::Spanned;
use toml::de::DeValue;

use crate::settings::definition::{Kind, wrong_type};
use crate::settings::near::nearest;
use crate::settings::problem::Problem;

/// One of these words, each with what it stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<T: 'static>(pub(crate) &'static [(&'static str, T)]);

impl<T: Copy + Default> Kind for Choice<T> {
    type Value = T;

    fn describe(&self) -> String {
        let words: Vec<String> = self.0.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        match words.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        }
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<T, Vec<Problem>> {
        let DeValue::String(text) = value.get_ref() else {
            return Err(vec![wrong_type(name, value, &self.describe())]);
        };
        if let Some((_, choice)) = self.0.iter().find(|(word, _)| word == text) {
            return Ok(*choice);
        }
        let problem = Problem::error(format!("`{name}` takes {}", self.describe()))
            .at(value.span())
            .label("not one of them");
        Err(vec![match nearest(text, self.0.iter().map(|(word, _)| *word)) {
            Some(word) => problem.help(format!("did you mean \"{word}\"?")),
            None => problem,
        }])
    }
}
