//! Counts: whole numbers, and `"unlimited"` where there may be no limit.

use std::ops::RangeInclusive;

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::quantity::{Bounds, UNLIMITED};
use crate::settings::definition::{Kind, wrong_type};
use crate::settings::problem::Problem;

/// A count within these bounds; `None` is unlimited.
#[derive(Clone, Debug)]
pub(crate) struct CountKind(Bounds<u64>);

/// At least and at most so many, or `"unlimited"`.
pub(crate) fn count_or_unlimited(range: RangeInclusive<u64>) -> CountKind {
    CountKind(Bounds { range, unlimited: true })
}

/// At least and at most so many.
pub(crate) fn count(range: RangeInclusive<u64>) -> CountKind {
    CountKind(Bounds { range, unlimited: false })
}

impl Kind for CountKind {
    type Value = Option<u64>;

    fn describe(&self) -> String {
        format!("a number {}", self.0.describe(|n| n))
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Self::Value, Vec<Problem>> {
        let span = value.span();
        let bounded = match value.get_ref() {
            DeValue::String(text) if text == UNLIMITED && self.0.unlimited => return Ok(None),
            DeValue::String(text) if text == UNLIMITED => {
                Err(self.0.no_unlimited(name, span, |n| n))
            }
            DeValue::String(text) if text.parse::<u64>().is_ok() => {
                Err(wrong_type(name, value, "a number").help(format!("without quotes: {text}")))
            }
            DeValue::Integer(number) => {
                match u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()) {
                    Ok(number) => self.0.check(name, number, span, |n| n).map(Some),
                    Err(_) => {
                        Err(Problem::error(format!("`{name}` must be {}", self.0.describe(|n| n)))
                            .at(span)
                            .label("out of range"))
                    }
                }
            }
            _ => Err(wrong_type(name, value, "a number")),
        };
        bounded.map_err(|problem| vec![problem])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<u64>, String> {
        let value = DeValue::parse(text).unwrap();
        count_or_unlimited(1..=10_000)
            .parse("limits.connections", &value)
            .map_err(|problems| format!("{}; {}", problems[0].message, problems[0].help.join("; ")))
    }

    // security §4.1: zero is an error that names the word
    #[test]
    fn zero_says_use_unlimited() {
        assert_eq!(
            parse("0").unwrap_err(),
            "`limits.connections` cannot be zero; for no limit, use \"unlimited\""
        );
        assert_eq!(parse("\"unlimited\""), Ok(None));
        assert_eq!(parse("20"), Ok(Some(20)));
        assert_eq!(parse("1_000"), Ok(Some(1000)));
        assert_eq!(parse("0x10"), Ok(Some(16)));
        assert_eq!(
            parse("\"20\"").unwrap_err(),
            "`limits.connections` takes a number, not a string; without quotes: 20"
        );
        parse("-3").unwrap_err();
        parse("20000").unwrap_err();
        parse("99999999999999999999999").unwrap_err();
    }
}
