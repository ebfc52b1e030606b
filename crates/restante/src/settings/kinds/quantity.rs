//! Numbers with bounds that may also be "unlimited": what durations, sizes and counts share.

use std::fmt::Display;
use std::ops::{Range, RangeInclusive};

use crate::settings::problem::Problem;

/// The word for no limit; zero is never that (security §4.1).
pub(crate) const UNLIMITED: &str = "unlimited";

/// What a quantity may be.
#[derive(Clone, Debug)]
pub(crate) struct Bounds<T> {
    /// From the least to the most.
    pub(crate) range: RangeInclusive<T>,
    /// Whether it may be `"unlimited"`.
    pub(crate) unlimited: bool,
}

impl<T: PartialOrd + Copy + Default> Bounds<T> {
    /// Refuses what is outside; `show` writes a quantity as the file would.
    pub(crate) fn check<S: Display>(
        &self,
        name: &str,
        value: T,
        span: Range<usize>,
        show: impl Fn(T) -> S,
    ) -> Result<T, Problem> {
        if self.range.contains(&value) {
            return Ok(value);
        }
        let (least, most) = (show(*self.range.start()), show(*self.range.end()));
        let zero = value == T::default();
        let problem = if zero {
            Problem::error(format!("`{name}` cannot be zero"))
        } else {
            Problem::error(format!("`{name}` must be from {least} to {most}"))
        };
        let help = match (zero, self.unlimited) {
            (_, true) if zero || value > *self.range.end() => {
                format!("for no limit, use \"{UNLIMITED}\"")
            }
            (true, _) => format!("the least is {least}"),
            _ if value > *self.range.end() => format!("the most is {most}"),
            _ => format!("the least is {least}"),
        };
        Err(problem.at(span).label("out of range").help(help))
    }

    /// `from 1s to 1d, or "unlimited"`.
    pub(crate) fn describe<S: Display>(&self, show: impl Fn(T) -> S) -> String {
        let mut text = format!("from {} to {}", show(*self.range.start()), show(*self.range.end()));
        if self.unlimited {
            text.push_str(", or \"unlimited\"");
        }
        text
    }

    /// The problem of `"unlimited"` where it is not allowed.
    pub(crate) fn no_unlimited<S: Display>(
        &self,
        name: &str,
        span: Range<usize>,
        show: impl Fn(T) -> S,
    ) -> Problem {
        Problem::error(format!("`{name}` cannot be unlimited"))
            .at(span)
            .help(format!("the most is {}", show(*self.range.end())))
    }
}

/// A run of digits and the word after it, the parts of `10m30s` and `50MiB`.
pub(crate) fn parts(text: &str) -> Option<Vec<(u64, &str)>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(digits)?;
        let word = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(word)?;
        parts.push((number.parse().ok()?, unit.trim()));
        rest = next;
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_numbers_and_units() {
        assert_eq!(parts("10m30s"), Some(vec![(10, "m"), (30, "s")]));
        assert_eq!(parts("50 MiB"), Some(vec![(50, "MiB")]));
        assert_eq!(parts("50"), Some(vec![(50, "")]));
        assert_eq!(parts("MiB"), None);
        assert_eq!(parts("99999999999999999999s"), None);
        assert_eq!(parts("-1s"), None);
    }
}
