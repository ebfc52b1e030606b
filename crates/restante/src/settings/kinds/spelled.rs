//! Rules of keeping, in the words that the commands take too.

use std::marker::PhantomData;

use restante_directory::Spelling;
use serde_spanned::Spanned;
use toml::de::DeValue;

use crate::settings::definition::{Kind, wrong_type};
use crate::settings::problem::Problem;

/// What is written as `T` is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spelled<T>(PhantomData<T>);

/// What is written as `T` is.
pub(crate) const fn spelled<T>() -> Spelled<T> {
    Spelled(PhantomData)
}

impl<T: Spelling + Default> Kind for Spelled<T> {
    type Value = T;

    fn describe(&self) -> String {
        T::TAKES.to_owned()
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<T, Vec<Problem>> {
        let DeValue::String(text) = value.get_ref() else {
            return Err(vec![wrong_type(name, value, T::TAKES)]);
        };
        T::read(text).map_err(|_| {
            let problem = Problem::error(format!("`{name}` takes {}", T::TAKES));
            vec![problem.at(value.span()).label("not one of them")]
        })
    }
}
