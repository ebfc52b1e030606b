//! Durations: `"10m30s"`, always with a unit.

use std::fmt::Write;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_spanned::Spanned;
use toml::de::DeValue;

use super::quantity::{Bounds, UNLIMITED, parts};
use crate::settings::definition::{Kind, wrong_type};
use crate::settings::problem::Problem;

/// Milliseconds to the unit, largest first, and what people write for it.
const UNITS: [(&str, u64, &[&str]); 5] = [
    ("d", 86_400_000, &["day", "days", "D"]),
    ("h", 3_600_000, &["hour", "hours", "hr", "hrs", "H"]),
    ("m", 60_000, &["min", "mins", "minute", "minutes", "M"]),
    ("s", 1_000, &["sec", "secs", "second", "seconds", "S"]),
    ("ms", 1, &["msec", "msecs", "millis", "millisecond", "milliseconds"]),
];

/// A duration within these bounds.
#[derive(Clone, Debug)]
pub(crate) struct DurationKind(Bounds<Duration>);

/// A duration of so many seconds at least and at most.
pub(crate) fn seconds(range: RangeInclusive<u64>) -> DurationKind {
    let (least, most) = (Duration::from_secs(*range.start()), Duration::from_secs(*range.end()));
    DurationKind(Bounds { range: least..=most, unlimited: false })
}

impl Kind for DurationKind {
    type Value = Duration;

    fn describe(&self) -> String {
        format!("a duration {}", self.0.describe(show))
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Duration, Vec<Problem>> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(number) if number.as_str() == "0" => "0s",
            DeValue::Integer(number) => {
                let help =
                    format!("with its unit: \"{number}s\" for seconds, \"{number}m\" for minutes");
                return Err(vec![
                    wrong_type(name, value, "a duration such as \"10m30s\"").help(help),
                ]);
            }
            _ => return Err(vec![wrong_type(name, value, "a duration such as \"10m30s\"")]),
        };
        let bounded = if text == UNLIMITED {
            Err(self.0.no_unlimited(name, value.span(), show))
        } else {
            parse_text(name, text)
                .map_err(|problem| problem.at(value.span()))
                .and_then(|duration| self.0.check(name, duration, value.span(), show))
        };
        bounded.map_err(|problem| vec![problem])
    }
}

fn parse_text(name: &str, text: &str) -> Result<Duration, Problem> {
    let no_duration = || {
        Problem::error(format!("`{name}` takes a duration such as \"10m30s\""))
            .label("no duration")
            .help("the units are d, h, m, s and ms, larger ones first")
    };
    let parts = parts(text).filter(|parts| !parts.is_empty()).ok_or_else(no_duration)?;
    let mut total = 0u64;
    let mut smaller_than = u64::MAX;
    for (number, unit) in parts {
        if unit.is_empty() {
            if number == 0 {
                continue;
            }
            return Err(Problem::error(format!("`{name}` lacks a unit"))
                .label("unit missing")
                .help(format!(
                    "\"{text}s\" for seconds, \"{text}m\" for minutes, \"{text}h\" for hours"
                )));
        }
        let Some((_, millis, _)) = UNITS.iter().find(|(word, ..)| *word == unit) else {
            let meant = UNITS.iter().find(|(.., others)| others.contains(&unit));
            let problem = Problem::error(format!("`{name}` has an unknown unit `{unit}`"))
                .label("no unit of time");
            return Err(match meant {
                Some((word, ..)) => problem.help(format!("did you mean \"{number}{word}\"?")),
                None => problem.help("the units are d, h, m, s and ms"),
            });
        };
        if *millis >= smaller_than {
            return Err(no_duration());
        }
        smaller_than = *millis;
        total = total.saturating_add(number.saturating_mul(*millis));
    }
    Ok(Duration::from_millis(total))
}

/// A duration as the file writes it.
pub(crate) fn show(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, millis, _) in UNITS {
        let whole = rest.checked_div(millis).unwrap_or(0);
        if whole > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "{whole}{unit}");
            rest = rest.saturating_sub(whole.saturating_mul(millis));
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Duration, String> {
        let value = DeValue::parse(text).unwrap();
        seconds(1..=86_400).parse("idle", &value).map_err(|problems| {
            let problem = &problems[0];
            format!("{}; {}", problem.message, problem.help.join("; "))
        })
    }

    // rulings 13: durations are strings with units
    #[test]
    fn durations_have_units() {
        assert_eq!(parse("\"10m30s\""), Ok(Duration::from_secs(630)));
        assert_eq!(parse("\"1d\""), Ok(Duration::from_hours(24)));
        assert_eq!(parse("\"1500ms\""), Ok(Duration::from_millis(1500)));
        assert_eq!(
            parse("\"10\"").unwrap_err(),
            "`idle` lacks a unit; \"10s\" for seconds, \"10m\" for minutes, \"10h\" for hours"
        );
        assert_eq!(
            parse("10").unwrap_err(),
            "`idle` takes a duration such as \"10m30s\", not a number; \
             with its unit: \"10s\" for seconds, \"10m\" for minutes"
        );
        assert_eq!(
            parse("\"10 minutes\"").unwrap_err(),
            "`idle` has an unknown unit `minutes`; did you mean \"10m\"?"
        );
    }

    #[test]
    fn zero_and_too_much_are_errors() {
        for zero in ["0", "\"0\"", "\"0s\""] {
            assert_eq!(parse(zero).unwrap_err(), "`idle` cannot be zero; the least is 1s");
        }
        assert_eq!(parse("\"2d\"").unwrap_err(), "`idle` must be from 1s to 1d; the most is 1d");
        assert!(parse("\"unlimited\"").unwrap_err().starts_with("`idle` cannot be unlimited"));
        for bad in ["\"\"", "\"s\"", "\"30s10m\"", "\"1s1s\"", "\"-1s\"", "\"1.5h\"", "true", "[]"]
        {
            parse(bad).unwrap_err();
        }
    }

    #[test]
    fn what_is_shown_is_what_is_read() {
        for text in ["10m30s", "1d", "1d1ms", "3s", "1h"] {
            assert_eq!(show(parse_text("x", text).unwrap()), text);
        }
    }
}
