//! How rules of keeping are written: one definition for the configuration, the commands and the
//! database.

use std::time::Duration;

use mail_wire::{After, Delete, Retention, Views};

/// The longest time that anything is kept for: a hundred years.
const DAYS_MAX: u32 = 36_500;

/// A rule that is written in words.
pub trait Spelling: Sized {
    /// What may be written, for the reference and for error texts.
    const TAKES: &'static str;

    /// Reads it.
    ///
    /// # Errors
    /// What would be right.
    fn read(text: &str) -> Result<Self, String>;

    /// As [`Spelling::read`] takes it, always the same for the same rule.
    fn written(&self) -> String;
}

/// Whether sessions of one maildrop exclude each other (`product` §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sessions {
    /// RFC 1939 §4: one at a time.
    #[default]
    Exclusive,
    /// They overlap, each over its own snapshot.
    Snapshot,
}

/// What mail for a full maildrop is answered (P-208).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OverQuota {
    /// 452 4.2.2: the sender keeps it and tries again.
    #[default]
    Defer,
    /// 552 5.2.2: it goes back to whoever sent it.
    Refuse,
}

/// The most messages of a maildrop; `None`: any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct MessagesMax(pub Option<u64>);

/// The most octets of a maildrop; `None`: any number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct OctetsMax(pub Option<u64>);

/// The least time between two logins (RFC 2449 §6.5); `None`: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LoginDelay(pub Option<Duration>);

/// How many messages a worker is given at once (`product` §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Batch(pub u32);

impl Default for Batch {
    fn default() -> Self {
        Self(50)
    }
}

impl Spelling for Delete {
    const TAKES: &'static str = "\"destroy\", \"ignore\", or \"hold:30d\" for so many days";

    fn read(text: &str) -> Result<Self, String> {
        match text {
            "destroy" => Ok(Self::Destroy),
            "ignore" => Ok(Self::Ignore),
            _ => text
                .strip_prefix("hold:")
                .and_then(days)
                .map(|days| Self::Hold(Duration::from_hours(u64::from(days).saturating_mul(24))))
                .ok_or_else(|| wanted::<Self>(text)),
        }
    }

    fn written(&self) -> String {
        match self {
            Self::Destroy => "destroy".to_owned(),
            Self::Ignore => "ignore".to_owned(),
            Self::Hold(time) => {
                format!("hold:{}d", time.as_secs().checked_div(86_400).unwrap_or_default())
            }
        }
    }
}

impl Spelling for Views {
    const TAKES: &'static str = "\"shared\" or \"per-credential\"";

    fn read(text: &str) -> Result<Self, String> {
        choose(text, [("shared", Self::Shared), ("per-credential", Self::PerCredential)])
    }

    fn written(&self) -> String {
        match self {
            Self::Shared => "shared".to_owned(),
            Self::PerCredential => "per-credential".to_owned(),
        }
    }
}

impl Spelling for Option<Retention> {
    const TAKES: &'static str =
        "\"never\", \"30d after delivery\" or \"7d after retrieval\", with any number of days";

    fn read(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(None);
        }
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let [time, "after", event] = words.as_slice() else { return Err(wanted::<Self>(text)) };
        let after = match *event {
            "delivery" => After::Delivery,
            "retrieval" => After::Retrieval,
            _ => return Err(wanted::<Self>(text)),
        };
        let days = days(time).ok_or_else(|| wanted::<Self>(text))?;
        Ok(Some(Retention { days, after }))
    }

    fn written(&self) -> String {
        match self {
            None => "never".to_owned(),
            Some(Retention { days, after: After::Delivery }) => format!("{days}d after delivery"),
            Some(Retention { days, after: After::Retrieval }) => {
                format!("{days}d after retrieval")
            }
        }
    }
}

impl Spelling for Sessions {
    const TAKES: &'static str = "\"exclusive\" or \"snapshot\"";

    fn read(text: &str) -> Result<Self, String> {
        choose(text, [("exclusive", Self::Exclusive), ("snapshot", Self::Snapshot)])
    }

    fn written(&self) -> String {
        match self {
            Self::Exclusive => "exclusive".to_owned(),
            Self::Snapshot => "snapshot".to_owned(),
        }
    }
}

impl Spelling for OverQuota {
    const TAKES: &'static str = "\"defer\" or \"refuse\"";

    fn read(text: &str) -> Result<Self, String> {
        choose(text, [("defer", Self::Defer), ("refuse", Self::Refuse)])
    }

    fn written(&self) -> String {
        match self {
            Self::Defer => "defer".to_owned(),
            Self::Refuse => "refuse".to_owned(),
        }
    }
}

impl Spelling for MessagesMax {
    const TAKES: &'static str = "a number of messages from 1, or \"unlimited\"";

    fn read(text: &str) -> Result<Self, String> {
        limit(text, |text| text.parse().ok(), Self)
    }

    fn written(&self) -> String {
        self.0.map_or_else(|| UNLIMITED.to_owned(), |messages| messages.to_string())
    }
}

impl Spelling for OctetsMax {
    const TAKES: &'static str =
        "a size such as \"500MiB\" (B, KiB, MiB, GiB, TiB), or \"unlimited\"";

    fn read(text: &str) -> Result<Self, String> {
        limit(text, octets, Self)
    }

    fn written(&self) -> String {
        let Some(octets) = self.0 else { return UNLIMITED.to_owned() };
        let unit = SIZES.iter().find(|(_, factor)| octets.is_multiple_of(*factor));
        let (word, factor) = unit.unwrap_or(&("B", 1));
        format!("{}{word}", octets.checked_div(*factor).unwrap_or(octets))
    }
}

impl Spelling for LoginDelay {
    const TAKES: &'static str = "\"none\", or a duration from 1s to 1d such as \"90s\" or \"15m\"";

    fn read(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        seconds(text)
            .filter(|seconds| (1..=86_400).contains(seconds))
            .map(|seconds| Self(Some(Duration::from_secs(seconds))))
            .ok_or_else(|| wanted::<Self>(text))
    }

    fn written(&self) -> String {
        let Some(delay) = self.0 else { return "none".to_owned() };
        let seconds = delay.as_secs();
        let unit = TIMES.iter().find(|(_, factor)| seconds.is_multiple_of(*factor));
        let (word, factor) = unit.unwrap_or(&("s", 1));
        format!("{}{word}", seconds.checked_div(*factor).unwrap_or(seconds))
    }
}

impl Spelling for Batch {
    const TAKES: &'static str = "a number of messages from 1 to 100000";

    fn read(text: &str) -> Result<Self, String> {
        let batch = text.parse().ok().filter(|batch| (1..=100_000).contains(batch));
        batch.map(Self).ok_or_else(|| wanted::<Self>(text))
    }

    fn written(&self) -> String {
        self.0.to_string()
    }
}

const UNLIMITED: &str = "unlimited";
const SIZES: [(&str, u64); 5] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const TIMES: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

fn wanted<T: Spelling>(text: &str) -> String {
    format!("it takes {}, not `{}`", T::TAKES, crate::address::shown(text))
}

fn choose<T: Spelling, const N: usize>(text: &str, words: [(&str, T); N]) -> Result<T, String> {
    let found = words.into_iter().find(|(word, _)| *word == text);
    found.map(|(_, choice)| choice).ok_or_else(|| wanted::<T>(text))
}

/// `30d`. Nothing is kept for no time at all.
fn days(text: &str) -> Option<u32> {
    text.strip_suffix('d')?.parse().ok().filter(|days| (1..=DAYS_MAX).contains(days))
}

/// A limit or none; zero is a limit that nobody could want.
fn limit<T: Spelling>(
    text: &str,
    read: impl Fn(&str) -> Option<u64>,
    limit: impl Fn(Option<u64>) -> T,
) -> Result<T, String> {
    if text == UNLIMITED {
        return Ok(limit(None));
    }
    let most = read(text).filter(|most| *most > 0).ok_or_else(|| wanted::<T>(text))?;
    Ok(limit(Some(most)))
}

fn octets(text: &str) -> Option<u64> {
    SIZES.iter().find_map(|(word, factor)| {
        text.strip_suffix(word)?.parse::<u64>().ok()?.checked_mul(*factor)
    })
}

fn seconds(text: &str) -> Option<u64> {
    TIMES.iter().find_map(|(word, factor)| {
        text.strip_suffix(word)?.parse::<u64>().ok()?.checked_mul(*factor)
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    fn reads<T: Spelling + PartialEq + Debug>(text: &str, value: T) {
        assert_eq!(T::read(text), Ok(value), "{text}");
        assert_eq!(T::read(text).unwrap().written(), text);
    }

    fn refuses<T: Spelling + Debug>(texts: &[&str]) {
        for text in texts {
            let why = T::read(text).unwrap_err();
            assert!(why.contains(T::TAKES), "{text}: {why}");
        }
    }

    const DAY: Duration = Duration::from_hours(24);

    // product §5: the words of the document, and what reads aloud
    #[test]
    fn rules_are_written_as_they_are_read() {
        reads("destroy", Delete::Destroy);
        reads("hold:30d", Delete::Hold(30 * DAY));
        reads("ignore", Delete::Ignore);
        reads("shared", Views::Shared);
        reads("per-credential", Views::PerCredential);
        reads("never", None::<Retention>);
        reads("30d after delivery", Some(Retention { days: 30, after: After::Delivery }));
        reads("7d after retrieval", Some(Retention { days: 7, after: After::Retrieval }));
        reads("exclusive", Sessions::Exclusive);
        reads("snapshot", Sessions::Snapshot);
        reads("defer", OverQuota::Defer);
        reads("refuse", OverQuota::Refuse);
        reads("unlimited", MessagesMax(None));
        reads("1000", MessagesMax(Some(1000)));
        reads("unlimited", OctetsMax(None));
        reads("500MiB", OctetsMax(Some(500 << 20)));
        reads("1025B", OctetsMax(Some(1025)));
        reads("none", LoginDelay(None));
        reads("90s", LoginDelay(Some(Duration::from_secs(90))));
        reads("15m", LoginDelay(Some(Duration::from_mins(15))));
        reads("50", Batch(50));
        assert_eq!(LoginDelay::read("900s").unwrap().written(), "15m");
    }

    #[test]
    fn what_is_wrong_is_answered_with_what_would_be_right() {
        refuses::<Delete>(&["", "hold", "hold:", "hold:0d", "hold:30", "hold:-1d", "keep"]);
        refuses::<Views>(&["", "Shared", "per credential"]);
        let bad = ["", "30d", "30 after delivery", "0d after delivery", "30d after reading"];
        refuses::<Option<Retention>>(&bad);
        refuses::<Option<Retention>>(&["99999d after delivery", "30d before delivery"]);
        refuses::<MessagesMax>(&["", "0", "-1", "none", "1k"]);
        refuses::<OctetsMax>(&["", "0B", "100", "1MB", "99999999999999TiB"]);
        refuses::<LoginDelay>(&["", "0s", "90", "2d", "-1s"]);
        refuses::<Batch>(&["", "0", "100001"]);
    }
}
