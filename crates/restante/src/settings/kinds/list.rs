//! Lists: `["one", "two"]`, each of one kind.

use serde_spanned::Spanned;
use toml::de::DeValue;

use crate::settings::definition::{Kind, wrong_type};
use crate::settings::problem::Problem;

/// A list; one value may stand without brackets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List<K>(pub(crate) K);

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn describe(&self) -> String {
        format!("a list, each {}", self.0.describe())
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Self::Value, Vec<Problem>> {
        match value.get_ref() {
            DeValue::Array(items) => collect(&self.0, name, items.iter()),
            DeValue::String(_) => collect(&self.0, name, [value]),
            _ => Err(vec![wrong_type(name, value, "a list such as [\"one\", \"two\"]")]),
        }
    }
}

/// All values, or all problems of all of them.
pub(crate) fn collect<'v, 'd: 'v, K: Kind>(
    kind: &K,
    name: &str,
    items: impl IntoIterator<Item = &'v Spanned<DeValue<'d>>>,
) -> Result<Vec<K::Value>, Vec<Problem>> {
    let (mut values, mut problems) = (Vec::new(), Vec::new());
    for item in items {
        match kind.parse(name, item) {
            Ok(value) => values.push(value),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(values) } else { Err(problems) }
}
