//! Sizes and times as people read them, and as programs do.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use serde::Serialize;
use serde_json::Value;

/// `0 B`, `999 B`, `1.0 kB`, `12 MB`: two digits are enough to compare.
pub(crate) fn size(octets: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut unit = 0_usize;
    let mut tenths = u128::from(octets).saturating_mul(10);
    while tenths >= 9_995 && unit < 6 {
        tenths = tenths.saturating_add(500).saturating_div(1000);
        unit = unit.saturating_add(1);
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit > 0 && tenths < 100 {
        format!("{}.{} {name}", tenths.div_euclid(10), tenths.rem_euclid(10))
    } else {
        format!("{} {name}", tenths.saturating_add(5).div_euclid(10))
    }
}

/// `1 message`, `2 messages`, `12,000 messages`.
pub(crate) fn count(number: u64, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {what}{ending}", grouped(number))
}

/// `12,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len().saturating_mul(2));
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().saturating_sub(index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `just now`, `5 min ago`, `3 h ago`, `12 days ago`, `in 3 days`, and the day itself beyond
/// that.
pub(crate) fn relative(seconds: i64, now: Timestamp) -> String {
    let age = now.as_second().saturating_sub(seconds);
    let text = match age.unsigned_abs() {
        0..=59 => return "just now".to_owned(),
        age @ 60..=3_599 => format!("{} min", age.div_euclid(60)),
        age @ 3_600..=172_799 => format!("{} h", age.div_euclid(3_600)),
        age @ 172_800..=2_591_999 => format!("{} days", age.div_euclid(86_400)),
        _ => return day(seconds),
    };
    if age > 0 { format!("{text} ago") } else { format!("in {text}") }
}

/// `2026-11-25` in the local time zone.
pub(crate) fn day(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|time| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d").to_string())
        .unwrap_or_default()
}

/// `2026-11-25 14:02:11` in the local time zone.
pub(crate) fn clock(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|time| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}

/// RFC 3339, UTC.
pub(crate) fn iso(seconds: i64) -> String {
    Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

/// A record for `--json`: its times, which travel as seconds, as RFC 3339.
pub(crate) fn with_iso_times(record: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    rewrite_times(&mut value);
    value
}

fn rewrite_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match (name.as_str(), field.as_i64()) {
                    (
                        "created" | "at" | "expires" | "arrived" | "since" | "until" | "held_until",
                        Some(seconds),
                    ) => {
                        *field = Value::String(iso(seconds));
                    }
                    _ => rewrite_times(field),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(rewrite_times),
        _ => {}
    }
}

/// A time to come: `90d`, `12h`, a day (`2027-01-31`: the whole of it) or an RFC 3339 time.
pub(crate) fn time_to_come(text: &str, now: &Zoned) -> Result<i64, String> {
    let wrong = || {
        format!(
            "`{text}` is no time to come; write how long (`90d`, `12h`), a day (`2027-01-31`) or \
             an RFC 3339 time"
        )
    };
    let then = if let Ok(time) = text.parse::<Timestamp>() {
        time
    } else if let Ok(day) = text.parse::<jiff::civil::Date>() {
        let morning =
            day.tomorrow().ok().and_then(|day| day.to_zoned(now.time_zone().clone()).ok());
        morning.ok_or_else(wrong)?.timestamp()
    } else {
        let span = text.parse::<Span>().map_err(|_| wrong())?;
        now.checked_add(span).map_err(|_| wrong())?.timestamp()
    };
    if then <= now.timestamp() {
        return Err(format!("`{text}` is in the past"));
    }
    Ok(then.as_second())
}

/// A time that has been: how long ago (`2d`, `12h`), a day (`2026-11-25`: from its morning on) or
/// an RFC 3339 time.
pub(crate) fn time_past(text: &str, now: &Zoned) -> Result<i64, String> {
    let wrong = || {
        format!(
            "`{text}` is no time that has been; write how long ago (`2d`, `12h`), a day \
             (`2026-11-25`) or an RFC 3339 time"
        )
    };
    let then = if let Ok(time) = text.parse::<Timestamp>() {
        time
    } else if let Ok(day) = text.parse::<jiff::civil::Date>() {
        day.to_zoned(now.time_zone().clone()).map_err(|_| wrong())?.timestamp()
    } else {
        let span = text.parse::<Span>().map_err(|_| wrong())?;
        now.checked_sub(span).map_err(|_| wrong())?.timestamp()
    };
    if then > now.timestamp() {
        return Err(format!("`{text}` is still to come"));
    }
    Ok(then.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_digits() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (4_949, "4.9 kB"),
            (9_999, "10 kB"),
            (52_428_800, "52 MB"),
            (999_600, "1.0 MB"),
            (u64::MAX, "18 EB"),
        ];
        for (octets, text) in cases {
            assert_eq!(size(octets), text, "{octets}");
        }
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(1, "message"), "1 message");
        assert_eq!(count(0, "message"), "0 messages");
        assert_eq!(count(1_234_567, "message"), "1,234,567 messages");
        assert_eq!(grouped(999), "999");
    }

    #[test]
    fn times_are_told_as_people_tell_them() {
        let now = Timestamp::from_second(100_000_000).unwrap();
        let cases = [
            (0, "just now"),
            (-59, "just now"),
            (-90, "1 min ago"),
            (-7_200, "2 h ago"),
            (-864_000, "10 days ago"),
            (864_000, "in 10 days"),
        ];
        for (offset, text) in cases {
            assert_eq!(relative(100_000_000 + offset, now), text);
        }
    }

    #[test]
    fn a_time_to_come_has_three_spellings() {
        let noon: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let now = noon.to_zoned(TimeZone::UTC);
        let iso_of = |text| time_to_come(text, &now).map(iso);
        assert_eq!(iso_of("90d").unwrap(), "2027-02-23T12:00:00Z");
        assert_eq!(iso_of("2027-01-31").unwrap(), "2027-02-01T00:00:00Z");
        assert_eq!(iso_of("2027-01-31T10:00:00Z").unwrap(), "2027-01-31T10:00:00Z");
        assert!(iso_of("2020-01-01").unwrap_err().contains("past"));
        assert!(iso_of("soon").unwrap_err().contains("90d"));
    }

    #[test]
    fn a_time_that_has_been_has_three_spellings() {
        let noon: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
        let now = noon.to_zoned(TimeZone::UTC);
        let iso_of = |text| time_past(text, &now).map(iso);
        assert_eq!(iso_of("2d").unwrap(), "2026-11-23T12:00:00Z");
        assert_eq!(iso_of("2026-11-25").unwrap(), "2026-11-25T00:00:00Z");
        assert_eq!(iso_of("2026-11-01T10:00:00Z").unwrap(), "2026-11-01T10:00:00Z");
        assert!(iso_of("2027-01-01").unwrap_err().contains("to come"));
        assert!(iso_of("lately").unwrap_err().contains("12h"));
    }

    #[test]
    fn json_has_its_times_in_iso() {
        let record = serde_json::json!({"created": 0, "id": 7, "last_use": {"at": 60}});
        assert_eq!(
            with_iso_times(&record),
            serde_json::json!({
                "created": "1970-01-01T00:00:00Z", "id": 7,
                "last_use": {"at": "1970-01-01T00:01:00Z"},
            })
        );
    }
}
