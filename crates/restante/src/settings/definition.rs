//! One definition of a setting: its name, its default, what it means, and what it takes.

use serde_spanned::Spanned;
use toml::de::DeValue;

use crate::settings::problem::Problem;

/// A setting as it stands in the reference. The place where it is defined is the place where
/// it is read, so parser, reference, example and error text cannot differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Definition {
    /// Its name within its table.
    pub(crate) name: &'static str,
    /// What holds where it is not written.
    pub(crate) otherwise: Otherwise,
    /// What it means, in sentences; the first is the summary.
    pub(crate) meaning: &'static str,
    /// Whether a reload (SIGHUP) is enough for a change to take effect.
    pub(crate) reloads: bool,
}

/// What holds where a setting is not written. All texts are TOML values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Otherwise {
    /// It must be written, for instance so.
    Required(&'static str),
    /// Nothing; it may be written so.
    Nothing(&'static str),
    /// This.
    Value(&'static str),
}

impl Otherwise {
    /// A value that may stand there: the default, or an example.
    pub(crate) const fn sample(self) -> &'static str {
        match self {
            Self::Required(text) | Self::Nothing(text) | Self::Value(text) => text,
        }
    }
}

/// What a setting takes.
pub(crate) trait Kind {
    /// What is made of it.
    type Value: Default;

    /// In the words of the reference: `a duration from 1s to 1d`.
    fn describe(&self) -> String;

    /// Takes a value, or says all that is wrong with it; `name` is the whole dotted name.
    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Self::Value, Vec<Problem>>;
}

/// The problem of a value of another type.
pub(crate) fn wrong_type(name: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> Problem {
    let found = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Problem::error(format!("`{name}` takes {wanted}, not {found}"))
        .at(value.span())
        .label(format!("{found} here"))
}
