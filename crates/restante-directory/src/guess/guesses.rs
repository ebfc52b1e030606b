//! An attempt begins, is judged elsewhere, and ends: right, wrong, or nobody could say.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail_wire::Secret;

use super::entries::{Known, NameKey, PlaceKey, Repeat, RepeatKey, ShortName, Source, Target, cut};
use super::level::{Allowance, Level, millis};
use super::settings::GuessSettings;
use super::shown::Allowed;
use super::table::Table;
use crate::prefix::Prefix;

/// Networks that commands may have allowed at once.
const ALLOWED_MAX: usize = 1_024;
/// How much more the networks around a source may fail than the source (`security` §4.2).
const AROUND: [u32; 3] = [1, 3, 9];

/// Everyone's attempts. All times are milliseconds since 1970.
#[derive(Debug)]
pub struct Guesses {
    pub(super) settings: GuessSettings,
    limits: Limits,
    /// Lives as long as the process: what it hides is not written down.
    key: Secret<[u8; 32]>,
    inner: Mutex<Inner>,
}

/// What is remembered.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) sources: Table<Prefix, Source>,
    pub(super) targets: Table<NameKey, Target>,
    pub(super) repeats: Table<RepeatKey, Repeat>,
    pub(super) places: Table<PlaceKey, Known>,
    pub(super) allowed: Vec<Allowed>,
    /// Something has changed that is written down.
    pub(super) changed: bool,
}

/// The allowances, ready to be asked: by minute and by day for a source and the networks
/// around it, by hour for an account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    around: [Pair; 3],
    hour: Option<Allowance>,
}

#[derive(Clone, Copy, Debug)]
struct Pair {
    minute: Option<Allowance>,
    day: Option<Allowance>,
}

/// Whether an attempt may be judged.
#[derive(Debug)]
pub enum Begun {
    /// It may; it has taken its tokens.
    Go(Attempt),
    /// So many of the same source are being judged that this one could be too many. It may try
    /// again when one of them has ended.
    Behind,
    /// It may not, right or wrong, before so long.
    Blocked(Duration),
}

/// An attempt that is being judged.
#[derive(Debug)]
#[must_use = "an attempt that is not ended keeps its tokens"]
pub struct Attempt {
    address: IpAddr,
    counted: bool,
    name: String,
    key: NameKey,
    repeat: Option<RepeatKey>,
    /// Nothing has changed since this very password was wrong, not long ago: it still is, and
    /// nothing needs to be computed.
    pub still_wrong: bool,
    /// What it waits before it is judged: the account is guessed at, and was not used from
    /// there before.
    pub pause: Duration,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was right.
    Right,
    /// It was wrong; the number is the version of the directory that said so, if it has one.
    Wrong(Option<u64>),
    /// Nobody could say.
    Undecided,
    /// Whoever tried did not wait for the answer: it keeps its tokens.
    Abandoned,
}

/// What the operator is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A source, or a network, has none of its allowance left.
    Blocked {
        /// Which.
        network: String,
        /// Failed attempts that are remembered of it.
        failures: u32,
        /// For how long, if nothing more comes.
        wait: Duration,
    },
    /// An account is guessed at: new places wait.
    Flagged {
        /// Its name, as it was offered.
        account: String,
        /// Failed attempts that are remembered of it.
        failures: u32,
    },
}

impl Guesses {
    /// Nothing is remembered yet. `Err` says why the system has no random octets.
    ///
    /// # Errors
    /// The system has no random octets.
    pub fn new(settings: GuessSettings) -> Result<Self, String> {
        let mut key = [0_u8; 32];
        getrandom::fill(&mut key)
            .map_err(|error| format!("the system has no random octets: {error}"))?;
        let memory = settings.memory;
        let inner = Inner {
            sources: Table::of_octets(memory.div_euclid(2)),
            targets: Table::of_octets(memory.div_euclid(8)),
            repeats: Table::of_octets(memory.div_euclid(8)),
            places: Table::of_octets(memory.div_euclid(4)),
            allowed: Vec::new(),
            changed: false,
        };
        let limits = Limits::of(&settings);
        Ok(Self { settings, limits, key: Secret::new(key), inner: Mutex::new(inner) })
    }

    /// An attempt of `address` to be `name`, in the one spelling of that name. `password` is
    /// what tells repeats of one wrong secret from guesses; `None` where each attempt looks
    /// different. `version` is that of the directory.
    pub fn begin(
        &self,
        name: &str,
        password: Option<&[u8]>,
        address: IpAddr,
        version: Option<u64>,
        now: u64,
    ) -> Begun {
        let key = NameKey::of(name);
        let source = Prefix::of_address(address);
        let repeat = password.map(|password| self.repeat_key(key, source, password));
        let mut inner = self.inner();
        let counted = !self.is_exempt(&inner, address, now);
        if counted && let Some(refused) = inner.refusal(&self.limits, address, now) {
            return refused;
        }
        if counted {
            inner.take(&self.limits, address, now);
        }
        let known = repeat.and_then(|repeat| inner.repeats.find(&repeat));
        let still_wrong = version.is_some()
            && known.is_some_and(|known| {
                known.until > now && known.version == version && known.address == address
            });
        let guessed_at = inner.targets.find(&key).is_some_and(|target| {
            self.limits.hour.is_some_and(|hour| target.hour.wait(hour, now).is_some())
        });
        let is_new = guessed_at
            && inner.places.find(&PlaceKey::of(key, source)).is_none_or(|known| known.0 <= now);
        let pause = if is_new { self.settings.new_place_waits } else { Duration::ZERO };
        Begun::Go(Attempt {
            address,
            counted,
            name: name.to_owned(),
            key,
            repeat,
            still_wrong,
            pause,
        })
    }

    /// The attempt has ended.
    #[expect(clippy::needless_pass_by_value, reason = "an attempt ends once")]
    pub fn end(&self, attempt: Attempt, outcome: Outcome, now: u64) -> Vec<Told> {
        let mut inner = self.inner();
        inner.leave(attempt.address, attempt.counted);
        let is_repeat = attempt
            .repeat
            .and_then(|repeat| inner.repeats.find(&repeat))
            .is_some_and(|known| known.until > now);
        match outcome {
            Outcome::Right => {
                let place = PlaceKey::of(attempt.key, Prefix::of_address(attempt.address));
                inner.remember_place(place, now, millis(self.settings.place_known));
                inner.give_back(&self.limits, &attempt);
                Vec::new()
            }
            Outcome::Undecided => {
                inner.give_back(&self.limits, &attempt);
                Vec::new()
            }
            Outcome::Abandoned => Vec::new(),
            Outcome::Wrong(version) => {
                if let Some(repeat) = attempt.repeat {
                    let until = inner.repeats.find(&repeat).map(|known| known.until);
                    let until = until
                        .filter(|until| *until > now)
                        .unwrap_or_else(|| now.saturating_add(millis(self.settings.repeat)));
                    let address = attempt.address;
                    inner.repeats.put(repeat, Repeat { until, version, address }, now);
                }
                if is_repeat {
                    inner.give_back(&self.limits, &attempt);
                    return Vec::new();
                }
                inner.failed(&self.limits, &attempt, now)
            }
        }
    }

    /// Networks that are not blocked, for a while or for good. `false`: there are too many.
    pub fn allow(&self, allowed: Allowed, now: u64) -> bool {
        let mut inner = self.inner();
        let seconds = i64::try_from(now.div_euclid(1_000)).unwrap_or(i64::MAX);
        inner.allowed.retain(|other| {
            other.network != allowed.network && other.until.is_none_or(|until| until > seconds)
        });
        if inner.allowed.len() >= ALLOWED_MAX {
            return false;
        }
        inner.allowed.push(allowed);
        inner.changed = true;
        true
    }

    /// What was to be written was not: it is to be written yet.
    pub(super) fn changed(&self) {
        self.inner().changed = true;
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether nothing is counted against an address.
    fn is_exempt(&self, inner: &Inner, address: IpAddr, now: u64) -> bool {
        let address = address.to_canonical();
        let seconds = i64::try_from(now.div_euclid(1_000)).unwrap_or(i64::MAX);
        let allows = |allowed: &Allowed| {
            allowed.until.is_none_or(|until| until > seconds) && allowed.network.contains(&address)
        };
        self.settings.exempt_loopback && address.is_loopback()
            || self.settings.never.iter().any(|network| network.contains(&address))
            || inner.allowed.iter().any(allows)
    }

    /// All parts are of fixed length but the last, so no two inputs are one text.
    fn repeat_key(&self, name: NameKey, source: Prefix, password: &[u8]) -> RepeatKey {
        let (v6, length, bits) = source.parts();
        let mut hasher = blake3::Hasher::new_keyed(self.key.expose());
        hasher.update(&name.0).update(&[v6.into(), length]).update(&bits.to_le_bytes());
        hasher.update(password);
        RepeatKey(cut(hasher.finalize()))
    }
}

impl Limits {
    fn of(settings: &GuessSettings) -> Self {
        let (minute, day) = (Duration::from_mins(1), Duration::from_hours(24));
        let allowance = |count: Option<u32>, times: u32, window| {
            count.map(|count| Allowance::new(count.saturating_mul(times), window))
        };
        Self {
            around: AROUND.map(|times| Pair {
                minute: allowance(settings.failures_per_minute, times, minute),
                day: allowance(settings.failures_per_day, times, day),
            }),
            hour: allowance(settings.account_failures_per_hour, 1, Duration::from_hours(1)),
        }
    }

    /// How long a network has to wait; `None`: it is not blocked.
    pub(super) fn wait(&self, prefix: Prefix, source: &Source, now: u64) -> Option<Duration> {
        let index = match prefix.parts() {
            (false, 32, _) | (true, 64, _) => 0,
            (false, 24, _) | (true, 48, _) => 1,
            _ => 2,
        };
        self.around.get(index).and_then(|pair| pair.wait(source, now))
    }

    /// How long until an account is no longer guessed at too often.
    pub(super) fn account_wait(&self, target: &Target, now: u64) -> Option<Duration> {
        target.hour.wait(self.hour?, now)
    }
}

impl Pair {
    fn wait(self, source: &Source, now: u64) -> Option<Duration> {
        let minute = self.minute.and_then(|minute| source.minute.wait(minute, now));
        let day = self.day.and_then(|day| source.day.wait(day, now));
        minute.max(day)
    }

    fn change(self, source: &mut Source, change: impl Fn(&mut Level, Allowance)) {
        if let Some(minute) = self.minute {
            change(&mut source.minute, minute);
        }
        if let Some(day) = self.day {
            change(&mut source.day, day);
        }
    }
}

impl Inner {
    /// Why an attempt of this address may not be judged now.
    fn refusal(&self, limits: &Limits, address: IpAddr, now: u64) -> Option<Begun> {
        let mut longest: Option<Duration> = None;
        let mut behind = true;
        for (prefix, pair) in around(address).into_iter().zip(limits.around) {
            let Some(source) = self.sources.find(&prefix) else { continue };
            let Some(wait) = pair.wait(source, now) else { continue };
            longest = longest.max(Some(wait));
            behind &= source.judged > 0;
        }
        let longest = longest?;
        Some(if behind { Begun::Behind } else { Begun::Blocked(longest) })
    }

    fn take(&mut self, limits: &Limits, address: IpAddr, now: u64) {
        for (prefix, pair) in around(address).into_iter().zip(limits.around) {
            if self.sources.find(&prefix).is_none() {
                self.sources.put(prefix, Source::new(now), now);
            }
            if let Some(source) = self.sources.find_mut(&prefix) {
                source.judged = source.judged.saturating_add(1);
                pair.change(source, |level, of| level.take(of, now));
            }
        }
    }

    /// An attempt is judged no longer.
    fn leave(&mut self, address: IpAddr, counted: bool) {
        for prefix in around(address).into_iter().filter(|_| counted) {
            if let Some(source) = self.sources.find_mut(&prefix) {
                source.judged = source.judged.saturating_sub(1);
            }
        }
    }

    fn give_back(&mut self, limits: &Limits, attempt: &Attempt) {
        for (prefix, pair) in around(attempt.address).into_iter().zip(limits.around) {
            if attempt.counted
                && let Some(source) = self.sources.find_mut(&prefix)
            {
                pair.change(source, Level::give_back);
            }
        }
    }

    fn failed(&mut self, limits: &Limits, attempt: &Attempt, now: u64) -> Vec<Told> {
        self.changed = true;
        let mut told = Vec::new();
        for prefix in around(attempt.address).into_iter().filter(|_| attempt.counted) {
            let Some(source) = self.sources.find_mut(&prefix) else { continue };
            if source.failures == 0 || source.day.until().saturating_sub(now) == 0 {
                source.first = now;
            }
            source.failures = source.failures.saturating_add(1);
            source.last = now;
            source.last_name = ShortName::of(&attempt.name);
            if let Some(wait) = limits.wait(prefix, source, now) {
                let (network, failures) = (prefix.to_string(), source.failures);
                told.push(Told::Blocked { network, failures, wait });
            }
        }
        told.extend(self.failed_for(limits, attempt, now));
        told
    }

    fn failed_for(&mut self, limits: &Limits, attempt: &Attempt, now: u64) -> Option<Told> {
        if attempt.name.is_empty() {
            // A token may name nobody: nobody's account is guessed at.
            return None;
        }
        let from = Prefix::of_address(attempt.address);
        if self.targets.find(&attempt.key).is_none() {
            self.targets.put(attempt.key, Target::new(&attempt.name, from, now), now);
        }
        let target = self.targets.find_mut(&attempt.key)?;
        target.failures = target.failures.saturating_add(1);
        (target.last, target.last_from) = (now, from);
        let hour = limits.hour?;
        let before = target.hour.wait(hour, now);
        target.hour.take(hour, now);
        let after = target.hour.wait(hour, now);
        (before.is_none() && after.is_some())
            .then(|| Told::Flagged { account: attempt.name.clone(), failures: target.failures })
    }

    /// Written down once a day for each place, and not at each login.
    fn remember_place(&mut self, place: PlaceKey, now: u64, known_for: u64) {
        const DAY: u64 = 86_400_000;
        let until = now.saturating_add(known_for);
        let before = self.places.find(&place).map_or(0, |known| known.0);
        if before.saturating_add(DAY) <= until || before > until {
            self.places.put(place, Known(until), now);
            self.changed = true;
        }
    }
}

/// A source and the networks around it.
pub(super) fn around(address: IpAddr) -> [Prefix; 3] {
    [Prefix::of_address(address), Prefix::of_network(address), Prefix::of_region(address)]
}
