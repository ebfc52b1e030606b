//! Sizes: `"50MiB"`, always with a unit.

use std::ops::RangeInclusive;

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::quantity::{Bounds, UNLIMITED, parts};
use crate::settings::definition::{Kind, wrong_type};
use crate::settings::problem::Problem;

/// Octets to the unit, and what people write for it.
const UNITS: [(&str, u64, &[&str]); 5] = [
    ("TiB", 1 << 40, &["t", "tb", "tib"]),
    ("GiB", 1 << 30, &["g", "gb", "gib"]),
    ("MiB", 1 << 20, &["m", "mb", "mib"]),
    ("KiB", 1 << 10, &["k", "kb", "kib"]),
    ("B", 1, &["b", "byte", "bytes", "octets"]),
];

/// A size within these bounds.
#[derive(Clone, Debug)]
pub(crate) struct SizeKind(Bounds<u64>);

/// So many octets at least and at most.
pub(crate) fn octets(range: RangeInclusive<u64>) -> SizeKind {
    SizeKind(Bounds { range, unlimited: false })
}

impl Kind for SizeKind {
    type Value = u64;

    fn describe(&self) -> String {
        format!("a size {}", self.0.describe(show))
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<u64, Vec<Problem>> {
        let wanted = "a size such as \"50MiB\"";
        let text = match value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(number) if number.as_str() == "0" => "0B",
            DeValue::Integer(number) => {
                let help = format!("with its unit: \"{number}B\", or \"{number}MiB\"");
                return Err(vec![wrong_type(name, value, wanted).help(help)]);
            }
            _ => return Err(vec![wrong_type(name, value, wanted)]),
        };
        let bounded = if text == UNLIMITED {
            Err(self.0.no_unlimited(name, value.span(), show))
        } else {
            parse_text(name, text)
                .map_err(|problem| problem.at(value.span()))
                .and_then(|octets| self.0.check(name, octets, value.span(), show))
        };
        bounded.map_err(|problem| vec![problem])
    }
}

fn parse_text(name: &str, text: &str) -> Result<u64, Problem> {
    let no_size = || {
        Problem::error(format!("`{name}` takes a size such as \"50MiB\""))
            .label("no size")
            .help("the units are B, KiB, MiB, GiB and TiB")
    };
    let parts = parts(text).ok_or_else(no_size)?;
    let [(number, unit)] = parts.as_slice() else { return Err(no_size()) };
    if unit.is_empty() && *number > 0 {
        return Err(Problem::error(format!("`{name}` lacks a unit"))
            .label("unit missing")
            .help(format!("\"{text}B\", or \"{text}MiB\"")));
    }
    let word = if unit.is_empty() { "B" } else { unit };
    let Some((_, factor, _)) = UNITS.iter().find(|(known, ..)| *known == word) else {
        let lower = word.to_lowercase();
        let meant = UNITS.iter().find(|(.., others)| others.contains(&lower.as_str()));
        let problem = Problem::error(format!("`{name}` has an unknown unit `{word}`"))
            .label("no unit of size");
        return Err(match meant {
            Some((known, ..)) => problem.help(format!("did you mean \"{number}{known}\"?")),
            None => problem.help("the units are B, KiB, MiB, GiB and TiB"),
        });
    };
    Ok(number.saturating_mul(*factor))
}

/// A size as the file writes it.
pub(crate) fn show(octets: u64) -> String {
    let unit = UNITS.iter().find(|(_, factor, _)| octets.is_multiple_of(*factor) && octets > 0);
    match unit {
        Some((word, factor, _)) => format!("{}{word}", octets.checked_div(*factor).unwrap_or(0)),
        None => format!("{octets}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<u64, String> {
        let value = DeValue::parse(text).unwrap();
        octets(1024..=1 << 40)
            .parse("intake.message_size", &value)
            .map_err(|problems| format!("{}; {}", problems[0].message, problems[0].help.join("; ")))
    }

    // rulings 13: sizes are strings with units
    #[test]
    fn sizes_have_units() {
        assert_eq!(parse("\"50MiB\""), Ok(50 << 20));
        assert_eq!(parse("\"2048B\""), Ok(2048));
        assert_eq!(
            parse("\"50\"").unwrap_err(),
            "`intake.message_size` lacks a unit; \"50B\", or \"50MiB\""
        );
        assert_eq!(
            parse("\"50MB\"").unwrap_err(),
            "`intake.message_size` has an unknown unit `MB`; did you mean \"50MiB\"?"
        );
        assert_eq!(
            parse("0").unwrap_err(),
            "`intake.message_size` cannot be zero; the least is 1KiB"
        );
        for bad in ["\"\"", "\"MiB\"", "\"1GiB1MiB\"", "\"-5MiB\"", "\"999999999TiB\"", "1.5"] {
            parse(bad).unwrap_err();
        }
    }

    #[test]
    fn what_is_shown_is_what_is_read() {
        for text in ["1TiB", "1536B", "50MiB", "1025B", "0B"] {
            assert_eq!(show(parse_text("x", text).unwrap()), text);
        }
    }
}
