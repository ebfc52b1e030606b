//! What may be left out.

use serde_spanned::Spanned;
use toml::de::DeValue;

use crate::settings::definition::Kind;
use crate::settings::problem::Problem;

/// As another kind; `None` where it is not written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Optional<K>(pub(crate) K);

impl<K: Kind> Kind for Optional<K> {
    type Value = Option<K::Value>;

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Self::Value, Vec<Problem>> {
        self.0.parse(name, value).map(Some)
    }
}
