//! Looking at what guess control remembers, and clearing it.

use std::time::Duration;

use super::entries::{NameKey, Source, Target};
use super::guesses::{Guesses, around};
use super::shown::{Allowed, Shown, Subject};
use super::table::Worth;
use crate::prefix::Prefix;

impl Guesses {
    /// The sources, networks and accounts with failed attempts: those that are blocked first,
    /// then by their number; so many at most.
    pub fn list(&self, most: usize, now: u64) -> Vec<Shown> {
        let inner = self.inner();
        let sources = inner.sources.all(now).filter(|(_, source)| source.failures > 0);
        let sources = sources.map(|(prefix, source)| self.show(*prefix, source, now));
        let targets = inner.targets.all(now).map(|(_, target)| self.show_target(target, now));
        let mut list: Vec<Shown> = sources.chain(targets).collect();
        drop(inner);
        list.sort_by_key(|shown| {
            let order = (shown.blocked_until.is_none(), std::cmp::Reverse(shown.failures));
            (order, shown.account, shown.who.clone())
        });
        list.truncate(most);
        list
    }

    /// Everything that bears on an address, a network or a login name.
    pub fn why(&self, subject: &Subject, now: u64) -> Vec<Shown> {
        let inner = self.inner();
        match subject {
            Subject::Account(name) => {
                let target = inner.targets.find(&NameKey::of(name));
                let target = target.filter(|target| target.worth(now) > 0);
                target.map(|target| self.show_target(target, now)).into_iter().collect()
            }
            Subject::Network(network) => {
                let about = |prefix: &Prefix| {
                    around(network.addr()).contains(prefix) || prefix_within(*prefix, network)
                };
                let sources = inner.sources.all(now).filter(|(_, source)| source.failures > 0);
                let mut list: Vec<Shown> = sources
                    .filter(|(prefix, _)| about(prefix))
                    .map(|(prefix, source)| self.show(*prefix, source, now))
                    .collect();
                list.sort_by(|one, other| one.who.cmp(&other.who));
                list
            }
        }
    }

    /// Forgets what bears on an address, a network or a login name, and that a network is
    /// allowed; answers how many things were forgotten.
    pub fn clear(&self, subject: &Subject, now: u64) -> usize {
        let mut inner = self.inner();
        let cleared = match subject {
            Subject::Account(name) => {
                let key = NameKey::of(name);
                let found = usize::from(inner.targets.find(&key).is_some());
                inner.targets.remove(&key);
                found
            }
            Subject::Network(network) => {
                let about: Vec<Prefix> = inner
                    .sources
                    .all(now)
                    .map(|(prefix, _)| *prefix)
                    .filter(|prefix| {
                        around(network.addr()).contains(prefix) || prefix_within(*prefix, network)
                    })
                    .collect();
                for prefix in &about {
                    inner.sources.remove(prefix);
                }
                let before = inner.allowed.len();
                inner.allowed.retain(|allowed| allowed.network != *network);
                let allowed = before.saturating_sub(inner.allowed.len());
                about.len().saturating_add(allowed)
            }
        };
        inner.changed |= cleared > 0;
        cleared
    }

    /// The networks that commands have allowed, and for how long.
    pub fn allowed(&self, now: u64) -> Vec<Allowed> {
        let seconds = i64::try_from(now.div_euclid(1_000)).unwrap_or(i64::MAX);
        let holds = |allowed: &&Allowed| allowed.until.is_none_or(|until| until > seconds);
        let mut allowed: Vec<Allowed> =
            self.inner().allowed.iter().filter(holds).cloned().collect();
        allowed.sort_by_key(|allowed| allowed.network);
        allowed
    }

    fn show(&self, prefix: Prefix, source: &Source, now: u64) -> Shown {
        Shown {
            who: prefix.to_string(),
            account: false,
            failures: source.failures,
            first: seconds(source.first),
            last: seconds(source.last),
            other: source.last_name.text(),
            blocked_until: until(self.limits().wait(prefix, source, now), now),
        }
    }

    fn show_target(&self, target: &Target, now: u64) -> Shown {
        Shown {
            who: target.name.text(),
            account: true,
            failures: target.failures,
            first: seconds(target.first),
            last: seconds(target.last),
            other: target.last_from.to_string(),
            blocked_until: until(self.limits().account_wait(target, now), now),
        }
    }
}

fn prefix_within(prefix: Prefix, network: &ipnet::IpNet) -> bool {
    network.contains(&prefix.network())
}

fn until(wait: Option<Duration>, now: u64) -> Option<i64> {
    let wait = u64::try_from(wait?.as_millis()).unwrap_or(u64::MAX);
    Some(seconds(now.saturating_add(wait).saturating_add(999)))
}

fn seconds(millis: u64) -> i64 {
    i64::try_from(millis.div_euclid(1_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::guesses::{Attempt, Begun, Outcome, Told};
    use super::super::settings::GuessSettings;
    use super::*;

    const NOW: u64 = 1_800_000_000_000;
    const HOUR: u64 = 3_600_000;

    fn guesses() -> Guesses {
        Guesses::new(GuessSettings { memory: 1 << 20, ..GuessSettings::default() }).unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn begin(guesses: &Guesses, name: &str, password: &str, from: &str, now: u64) -> Begun {
        guesses.begin(name, Some(password.as_bytes()), address(from), Some(0), now)
    }

    fn go(begun: Begun) -> Attempt {
        match begun {
            Begun::Go(attempt) => attempt,
            other => panic!("may not: {other:?}"),
        }
    }

    /// Tries a wrong password; whether it was judged.
    fn wrong(guesses: &Guesses, name: &str, password: &str, from: &str, now: u64) -> bool {
        let Begun::Go(attempt) = begin(guesses, name, password, from, now) else { return false };
        guesses.end(attempt, Outcome::Wrong(Some(0)), now);
        true
    }

    /// How many different wrong passwords are judged, of so many.
    fn judged(guesses: &Guesses, from: &str, tries: usize, now: u64) -> usize {
        (0..tries).filter(|turn| wrong(guesses, "anna", &turn.to_string(), from, now)).count()
    }

    // security §4.2 rule 1: ten a minute; A26: refused right or wrong, elsewhere let in
    #[test]
    fn the_eleventh_is_not_judged_and_somebody_elsewhere_is() {
        let guesses = guesses();
        assert_eq!(judged(&guesses, "192.0.2.7", 50, NOW), 10);
        match begin(&guesses, "bert", "right", "192.0.2.7", NOW) {
            Begun::Blocked(wait) => assert_eq!(wait, Duration::from_secs(6)),
            other => panic!("{other:?}"),
        }
        let elsewhere = go(begin(&guesses, "anna", "right", "192.0.2.8", NOW));
        assert_eq!(guesses.end(elsewhere, Outcome::Right, NOW), []);
    }

    // A27 and rule 5: a block ends by itself, the longest within the hour
    #[test]
    fn a_block_ends_by_itself() {
        let guesses = guesses();
        let (mut now, mut failed) = (NOW, 0_u32);
        let wait = loop {
            match begin(&guesses, "anna", &failed.to_string(), "192.0.2.7", now) {
                Begun::Go(attempt) => {
                    guesses.end(attempt, Outcome::Wrong(Some(0)), now);
                    failed += 1;
                    assert!(failed <= 50, "nothing blocks");
                }
                // The minute's part of it is over: what blocks then is the day's.
                Begun::Blocked(wait) if wait > Duration::from_mins(1) => break wait,
                Begun::Blocked(_) => now += 6_000,
                Begun::Behind => panic!("nothing is being judged"),
            }
        };
        assert_eq!(failed, 50);
        assert!(wait <= Duration::from_hours(1), "{wait:?}");
        let after = now + u64::try_from(wait.as_millis()).unwrap();
        let attempt = go(begin(&guesses, "anna", "right", "192.0.2.7", after));
        assert_eq!(guesses.end(attempt, Outcome::Right, after), []);
    }

    // A23, A24: three times as many of a /24; one /64 is one source
    #[test]
    fn a_network_has_three_times_as_many() {
        let guesses = guesses();
        let all: usize =
            (0..50).map(|host| judged(&guesses, &format!("192.0.2.{host}"), 10, NOW)).sum();
        assert_eq!(all, 30);
        let all: usize =
            (1..50).map(|host| judged(&guesses, &format!("2001:db8::{host:x}"), 10, NOW)).sum();
        assert_eq!(all, 10);
    }

    #[test]
    fn a_region_has_nine_times_as_many() {
        let guesses = guesses();
        let networks = (0..16).flat_map(|net| (1..5).map(move |host| (net, host)));
        let all: usize = networks
            .map(|(net, host)| judged(&guesses, &format!("10.0.{net}.{host}"), 10, NOW))
            .sum();
        assert_eq!(all, 90);
    }

    // A25 and rule 2: an old phone does not lock the office out
    #[test]
    fn the_same_wrong_password_counts_once_an_hour() {
        let guesses = guesses();
        for turn in 0..100 {
            assert!(wrong(&guesses, "anna", "old", "192.0.2.7", NOW), "{turn}");
        }
        assert_eq!(guesses.list(9, NOW)[0].failures, 1);
        assert_eq!(judged(&guesses, "192.0.2.7", 50, NOW), 9);
        // An hour later it is one more.
        assert!(wrong(&guesses, "anna", "old", "192.0.2.7", NOW + HOUR));
        assert_eq!(guesses.why(&Subject::parse("anna"), NOW + HOUR)[0].failures, 11);
    }

    // Rule 2: of another account, or from elsewhere, it is another guess.
    #[test]
    fn one_wrong_password_tried_everywhere_is_many() {
        let guesses = guesses();
        let judged =
            (0..50).filter(|name| wrong(&guesses, &format!("u{name}"), "x", "192.0.2.7", NOW));
        assert_eq!(judged.count(), 10);
    }

    // A32: an account made a second after a failed login for it works: the directory is asked
    #[test]
    fn a_repeat_needs_no_judgement_while_nothing_has_changed() {
        let guesses = guesses();
        assert!(!go(begin(&guesses, "anna", "x", "192.0.2.7", NOW)).still_wrong);
        assert!(wrong(&guesses, "anna", "x", "192.0.2.7", NOW));
        let tried = |version, now| {
            let begun = guesses.begin("anna", Some(b"x"), address("192.0.2.7"), Some(version), now);
            let attempt = go(begun);
            let still_wrong = attempt.still_wrong;
            guesses.end(attempt, Outcome::Undecided, now);
            still_wrong
        };
        assert!(tried(0, NOW + 1));
        assert!(!tried(1, NOW + 1), "the directory has changed");
        assert!(!tried(0, NOW + HOUR), "too long ago");
        assert!(!go(begin(&guesses, "anna", "y", "192.0.2.7", NOW)).still_wrong);
    }

    // Rule 1: success gives it back, and so does an answer that nobody could give
    #[test]
    fn robots_that_log_in_often_are_not_counted() {
        let guesses = guesses();
        for turn in 0..1_000_u64 {
            let attempt = go(begin(&guesses, "robot", "right", "192.0.2.7", NOW + turn));
            let outcome = if turn % 2 == 0 { Outcome::Right } else { Outcome::Undecided };
            assert_eq!(guesses.end(attempt, outcome, NOW + turn), []);
        }
        assert_eq!(judged(&guesses, "192.0.2.7", 50, NOW + 1_000), 10);
    }

    // Rule 1: counted before they are judged, so that many at once are not more
    #[test]
    fn many_at_once_wait_for_each_other() {
        let guesses = guesses();
        let mut under_way: Vec<Attempt> = (0..10)
            .map(|turn| go(begin(&guesses, "anna", &format!("{turn}"), "192.0.2.7", NOW)))
            .collect();
        assert!(matches!(begin(&guesses, "anna", "more", "192.0.2.7", NOW), Begun::Behind));
        // An office behind one address: all of them are right, and all are let in.
        guesses.end(under_way.pop().unwrap(), Outcome::Right, NOW);
        under_way.push(go(begin(&guesses, "anna", "more", "192.0.2.7", NOW)));
        for attempt in under_way {
            guesses.end(attempt, Outcome::Wrong(Some(0)), NOW);
        }
        assert!(matches!(begin(&guesses, "anna", "more", "192.0.2.7", NOW), Begun::Blocked(_)));
    }

    // Rule 3: never locked; a new place waits two seconds, a known one does not
    #[test]
    fn an_account_that_is_guessed_at_is_still_open() {
        let guesses = guesses();
        let home = go(begin(&guesses, "anna", "right", "198.51.100.9", NOW));
        guesses.end(home, Outcome::Right, NOW);
        let mut told = Vec::new();
        for net in 0..12 {
            for turn in 0..10 {
                let from = format!("10.{net}.0.1");
                let attempt = go(begin(&guesses, "anna", &format!("{net} {turn}"), &from, NOW));
                told.extend(guesses.end(attempt, Outcome::Wrong(Some(0)), NOW));
            }
        }
        let flagged =
            |told: &&Told| matches!(told, Told::Flagged { account, .. } if account == "anna");
        assert_eq!(told.iter().filter(flagged).count(), 1, "the operator is told once");
        let pause = |from: &str, now| {
            let attempt = go(begin(&guesses, "anna", "right", from, now));
            let pause = attempt.pause;
            guesses.end(attempt, Outcome::Undecided, now);
            pause
        };
        assert_eq!(pause("203.0.113.1", NOW), Duration::from_secs(2));
        assert_eq!(pause("198.51.100.9", NOW), Duration::ZERO);
        // 30 days later the place is as good as new; by then nobody guesses any more.
        assert_eq!(pause("203.0.113.1", NOW + 2 * HOUR), Duration::ZERO);
        assert!(guesses.why(&Subject::parse("anna"), NOW)[0].blocked_until.is_some());
    }

    // A token names nobody until it is judged: no account of no name is guessed at.
    #[test]
    fn who_names_nobody_is_counted_by_address_alone() {
        let guesses = guesses();
        let told: Vec<Told> = (0..20)
            .flat_map(|net| (0..10).map(move |_| format!("10.{net}.0.1")))
            .flat_map(|from| {
                let begun = guesses.begin("", None, address(&from), Some(0), NOW);
                guesses.end(go(begun), Outcome::Wrong(Some(0)), NOW)
            })
            .collect();
        assert!(told.iter().all(|told| matches!(told, Told::Blocked { .. })), "{told:?}");
        assert!(!told.is_empty());
        assert!(guesses.list(1_000, NOW).iter().all(|shown| !shown.account));
    }

    // Rule 5: allow lists hold for prefixes, and end; proxies and loopback are never blocked
    #[test]
    fn some_networks_are_never_blocked() {
        let settings = GuessSettings {
            never: vec!["203.0.113.0/24".parse().unwrap()],
            ..GuessSettings::default()
        };
        let guesses = Guesses::new(settings).unwrap();
        let network = "192.0.2.0/24".parse().unwrap();
        let until = i64::try_from(NOW / 1_000).unwrap() + 8 * 3_600;
        assert!(guesses.allow(Allowed { network, until: Some(until) }, NOW));
        for from in ["203.0.113.5", "192.0.2.7", "::ffff:192.0.2.7", "127.0.0.1", "::1"] {
            assert_eq!(judged(&guesses, from, 100, NOW), 100, "{from}");
        }
        assert_eq!(guesses.allowed(NOW).len(), 1);
        let later = NOW + 8 * HOUR;
        assert_eq!(judged(&guesses, "192.0.2.7", 100, later), 10);
        assert_eq!(guesses.allowed(later), []);
    }

    #[test]
    fn shows_what_was_blocked_and_why_and_clears_it() {
        let guesses = guesses();
        judged(&guesses, "192.0.2.7", 20, NOW);
        wrong(&guesses, "bert@example.org", "x", "198.51.100.1", NOW);
        let list = guesses.list(100, NOW);
        assert_eq!((list[0].who.as_str(), list[0].failures), ("192.0.2.7", 10));
        let seconds = i64::try_from(NOW / 1_000).unwrap();
        assert_eq!(list[0].blocked_until, Some(seconds + 6));
        assert_eq!((list[0].other.as_str(), list[0].first), ("anna", seconds));
        assert!(list.iter().any(|shown| shown.account && shown.who == "bert@example.org"));
        assert_eq!(guesses.list(1, NOW).len(), 1);
        let why: Vec<String> = guesses
            .why(&Subject::parse("192.0.2.7"), NOW)
            .into_iter()
            .map(|shown| shown.who)
            .collect();
        assert_eq!(why, ["192.0.0.0/20", "192.0.2.0/24", "192.0.2.7"]);
        assert_eq!(guesses.clear(&Subject::parse("192.0.2.7"), NOW), 3);
        assert_eq!(guesses.why(&Subject::parse("192.0.2.7"), NOW), []);
        assert_eq!(judged(&guesses, "192.0.2.7", 1, NOW), 1);
        assert_eq!(guesses.clear(&Subject::parse("anna"), NOW), 1);
        assert_eq!(guesses.clear(&Subject::parse("nobody"), NOW), 0);
    }

    // security §4.2: a fixed amount of memory, whoever calls from wherever
    #[test]
    fn a_botnet_does_not_push_out_who_is_blocked() {
        let guesses = guesses();
        assert_eq!(judged(&guesses, "192.0.2.7", 50, NOW), 10);
        for host in 0..100_000_u32 {
            let from = IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0A00_0000 | host << 4));
            if let Begun::Go(attempt) = guesses.begin("anna", None, from, Some(0), NOW) {
                guesses.end(attempt, Outcome::Wrong(Some(0)), NOW);
            }
        }
        assert!(matches!(begin(&guesses, "anna", "x", "192.0.2.7", NOW), Begun::Blocked(_)));
    }
}
