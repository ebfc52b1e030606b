//! Switches: `true` or `false`.

use serde_spanned::Spanned;
use toml::de::DeValue;

use crate::settings::definition::{Kind, wrong_type};
use crate::settings::problem::Problem;

/// `true` or `false`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn describe(&self) -> String {
        "true or false".to_owned()
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<bool, Vec<Problem>> {
        match value.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            DeValue::String(text) => {
                let problem = wrong_type(name, value, "true or false");
                Err(vec![match text.to_lowercase().as_str() {
                    "yes" | "on" | "true" | "1" => problem.help("without quotes: true"),
                    "no" | "off" | "false" | "0" => problem.help("without quotes: false"),
                    _ => problem,
                }])
            }
            _ => Err(vec![wrong_type(name, value, "true or false")]),
        }
    }
}
