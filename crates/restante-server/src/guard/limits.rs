//! How many connections there may be, in total and from one address, before login and after.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use restante_directory::Prefix;
use tokio::time::Instant;

use crate::guard::nudge::{Nudge, Word};

/// How long a connection without a login is left alone, whatever the pressure: time for a
/// handshake and a login.
const UNTOUCHED: Duration = Duration::from_secs(10);
/// Where the system does not say how many files may be open.
const CONNECTIONS_FALLBACK: usize = 800;

/// The counts and times that hold for connections.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections in all; `None`: four fifths of what the system lets this process open.
    pub connections_max: Option<usize>,
    /// Connections of one address (an IPv4 address, an IPv6 /64), logged in or not.
    pub connections_per_address_max: usize,
    /// Connections without a login in all; `None`: half of `connections_max`.
    pub unauthenticated_max: Option<usize>,
    /// Connections of one address without a login.
    pub unauthenticated_per_address_max: usize,
    /// Connections without a login of one network (an IPv4 /24, an IPv6 /48).
    pub unauthenticated_per_network_max: usize,
    /// Sessions of one account.
    pub sessions_per_account_max: usize,
    /// Whether the limits by address do not hold for this machine itself.
    pub exempt_loopback: bool,
    /// How long a TLS handshake may take.
    pub tls_handshake: Duration,
    /// How long it may take under pressure.
    pub tls_handshake_under_pressure: Duration,
    /// How long a peer may take no octet of an answer.
    pub write: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: None,
            connections_per_address_max: 200,
            unauthenticated_max: None,
            unauthenticated_per_address_max: 20,
            unauthenticated_per_network_max: 60,
            sessions_per_account_max: 8,
            exempt_loopback: true,
            tls_handshake: Duration::from_secs(30),
            tls_handshake_under_pressure: Duration::from_secs(10),
            write: Duration::from_mins(2),
        }
    }
}

/// Why a connection is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The server is full.
    Full,
    /// This address has too many.
    Address,
}

impl Refused {
    /// What to tell the peer, after its code.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Full => "service unavailable: too many connections, try again later",
            Self::Address => {
                "service unavailable: too many connections from your network, close some first"
            }
        }
    }
}

/// The one door all connections come through.
#[derive(Debug)]
pub(crate) struct Gate {
    limits: Limits,
    connections_max: usize,
    unauthenticated_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connections: usize,
    next: u64,
    unauthenticated: HashMap<u64, Waiting>,
    by_address: HashMap<Prefix, usize>,
    unauthenticated_by_address: HashMap<Prefix, usize>,
    unauthenticated_by_network: HashMap<Prefix, usize>,
    by_account: HashMap<i64, usize>,
}

#[derive(Debug)]
struct Waiting {
    nudge: Arc<Nudge>,
    active: Instant,
    displaced: bool,
}

/// A connection's place; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Admission {
    gate: Arc<Gate>,
    number: u64,
    address: Option<(Prefix, Prefix)>,
    unauthenticated: bool,
    account: Option<i64>,
}

impl Gate {
    pub(crate) fn new(limits: Limits) -> Self {
        let connections_max = limits.connections_max.unwrap_or_else(connections_possible);
        let unauthenticated_max =
            limits.unauthenticated_max.unwrap_or(connections_max.div_euclid(2)).max(1);
        Self { limits, connections_max, unauthenticated_max, state: Mutex::default() }
    }

    /// Lets a connection in, or says why not. `trusted` is for LMTP, which has no login: it
    /// counts into the total alone.
    pub(crate) fn admit(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        trusted: bool,
        nudge: &Arc<Nudge>,
        now: Instant,
    ) -> Result<Admission, Refused> {
        let address = address
            .filter(|address| !(trusted || self.limits.exempt_loopback && address.is_loopback()))
            .map(|address| (Prefix::of_address(address), Prefix::of_network(address)));
        let mut state = self.state();
        if state.connections >= self.connections_max {
            return Err(Refused::Full);
        }
        if address.is_some_and(|prefixes| state.is_full(prefixes, &self.limits)) {
            return Err(Refused::Address);
        }
        if !trusted && state.unauthenticated.len() >= self.unauthenticated_max {
            state.make_room(now);
            return Err(Refused::Full);
        }
        if let Some(prefixes) = address {
            state.enter(prefixes, &self.limits)?;
        }
        state.connections = state.connections.saturating_add(1);
        state.next = state.next.saturating_add(1);
        let number = state.next;
        if !trusted {
            let waiting = Waiting { nudge: Arc::clone(nudge), active: now, displaced: false };
            state.unauthenticated.insert(number, waiting);
            // P-021: ten minutes before login hold as long as there is room.
            if self.is_pressed(&state) {
                state.make_room(now);
            }
        }
        drop(state);
        Ok(Admission {
            gate: Arc::clone(self),
            number,
            address,
            unauthenticated: !trusted,
            account: None,
        })
    }

    /// Whether over half of the places for connections without a login are taken.
    pub(crate) fn is_under_pressure(&self) -> bool {
        self.is_pressed(&self.state())
    }

    fn is_pressed(&self, state: &State) -> bool {
        state.unauthenticated.len() > self.unauthenticated_max.div_euclid(2)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether an address, or its network, has all the connections it may have.
    fn is_full(&self, (source, network): (Prefix, Prefix), limits: &Limits) -> bool {
        count(&self.by_address, &source) >= limits.connections_per_address_max
            || count(&self.unauthenticated_by_address, &source)
                >= limits.unauthenticated_per_address_max
            || count(&self.unauthenticated_by_network, &network)
                >= limits.unauthenticated_per_network_max
    }

    /// Counts a connection of an address that has not logged in.
    fn enter(&mut self, prefixes: (Prefix, Prefix), limits: &Limits) -> Result<(), Refused> {
        if self.is_full(prefixes, limits) {
            return Err(Refused::Address);
        }
        let (source, network) = prefixes;
        raise(&mut self.by_address, source);
        raise(&mut self.unauthenticated_by_address, source);
        raise(&mut self.unauthenticated_by_network, network);
        Ok(())
    }

    /// Tells the connection that was idle longest to go.
    fn make_room(&mut self, now: Instant) {
        let oldest = self
            .unauthenticated
            .values_mut()
            .filter(|waiting| !waiting.displaced)
            .filter(|waiting| now.saturating_duration_since(waiting.active) >= UNTOUCHED)
            .min_by_key(|waiting| waiting.active);
        if let Some(waiting) = oldest {
            waiting.displaced = true;
            waiting.nudge.say(Word::MakeRoom);
        }
    }
}

impl Admission {
    /// Where the connection comes from, of which only the proxy was known before: the limits by
    /// address hold for that.
    ///
    /// # Errors
    /// Why it is turned away after all.
    pub(crate) fn comes_from(&mut self, address: IpAddr) -> Result<(), Refused> {
        if !self.unauthenticated || self.gate.limits.exempt_loopback && address.is_loopback() {
            return Ok(());
        }
        let prefixes = (Prefix::of_address(address), Prefix::of_network(address));
        let mut state = self.gate.state();
        state.enter(prefixes, &self.gate.limits)?;
        drop(state);
        self.address = Some(prefixes);
        Ok(())
    }

    /// The peer has said something.
    pub(crate) fn active(&self, now: Instant) {
        if self.unauthenticated
            && let Some(waiting) = self.gate.state().unauthenticated.get_mut(&self.number)
        {
            waiting.active = now;
        }
    }

    /// Takes a seat for a session of this account; `false` where it has all it may have.
    pub(crate) fn take_seat(&mut self, account: i64) -> bool {
        self.leave_seat();
        let mut state = self.gate.state();
        if count(&state.by_account, &account) >= self.gate.limits.sessions_per_account_max {
            return false;
        }
        raise(&mut state.by_account, account);
        self.account = Some(account);
        true
    }

    /// Gives the seat back: the login came to nothing.
    pub(crate) fn leave_seat(&mut self) {
        if let Some(account) = self.account.take() {
            lower(&mut self.gate.state().by_account, account);
        }
    }

    /// Somebody has logged in: the limits for those who have not hold no longer.
    pub(crate) fn logged_in(&mut self) {
        self.leave_unauthenticated();
    }

    fn leave_unauthenticated(&mut self) {
        if !std::mem::take(&mut self.unauthenticated) {
            return;
        }
        let mut state = self.gate.state();
        state.unauthenticated.remove(&self.number);
        if let Some((source, network)) = self.address {
            lower(&mut state.unauthenticated_by_address, source);
            lower(&mut state.unauthenticated_by_network, network);
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.leave_seat();
        self.leave_unauthenticated();
        let mut state = self.gate.state();
        state.connections = state.connections.saturating_sub(1);
        if let Some((source, _)) = self.address {
            lower(&mut state.by_address, source);
        }
    }
}

fn count<K: Eq + Hash>(counts: &HashMap<K, usize>, key: &K) -> usize {
    counts.get(key).copied().unwrap_or(0)
}

fn raise<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

/// Whoever has none left is forgotten: the maps hold only who is here.
fn lower<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
    if let std::collections::hash_map::Entry::Occupied(mut entry) = counts.entry(key) {
        *entry.get_mut() = entry.get().saturating_sub(1);
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

/// Four fifths of the files this process may open: the rest is for messages and the index.
fn connections_possible() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit
        .and_then(|limit| usize::try_from(limit).ok())
        .map_or(CONNECTIONS_FALLBACK, |limit| limit.saturating_mul(4).div_euclid(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(limits: Limits) -> Arc<Gate> {
        Arc::new(Gate::new(limits))
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    // R2: 20 connections from one address: the 21st is refused
    #[test]
    fn an_address_has_so_many_places_before_login_and_gets_them_back() {
        let gate = gate(Limits::default());
        let now = Instant::now();
        let admit = |from| gate.admit(Some(address(from)), false, &Arc::default(), now);
        let mut held: Vec<_> = (0..20).map(|_| admit("192.0.2.7").unwrap()).collect();
        assert_eq!(admit("192.0.2.7").unwrap_err(), Refused::Address);
        assert!(admit("192.0.2.8").is_ok());
        assert!(held[0].take_seat(1));
        held[0].logged_in();
        assert!(admit("192.0.2.7").is_ok());
        held.pop();
        assert!(admit("192.0.2.7").is_ok());
        drop(held);
        let state = gate.state();
        assert_eq!(state.connections, 0);
        assert!(state.by_address.is_empty() && state.unauthenticated_by_network.is_empty());
        assert!(state.by_account.is_empty() && state.unauthenticated.is_empty());
    }

    #[test]
    fn a_network_has_so_many_places_before_login() {
        let gate = gate(Limits { unauthenticated_per_network_max: 2, ..Limits::default() });
        let now = Instant::now();
        let admit = |from| gate.admit(Some(address(from)), false, &Arc::default(), now);
        let _held = (admit("2001:db8:0:1::1").unwrap(), admit("2001:db8:0:2::1").unwrap());
        assert_eq!(admit("2001:db8:0:3::1").unwrap_err(), Refused::Address);
        assert!(admit("2001:db8:1:3::1").is_ok());
    }

    // `rulings` 2: per-address limits exempt loopback unless configured otherwise
    #[test]
    fn loopback_is_exempt_unless_configured() {
        let strict = Limits { unauthenticated_per_address_max: 1, ..Limits::default() };
        for (exempt_loopback, second) in [(true, true), (false, false)] {
            let gate = gate(Limits { exempt_loopback, ..strict.clone() });
            let now = Instant::now();
            let admit = || gate.admit(Some(address("127.0.0.1")), false, &Arc::default(), now);
            let _first = admit().unwrap();
            assert_eq!(admit().is_ok(), second);
        }
    }

    // P-021: over half of the places taken: the oldest idle ones without a login go first
    #[test]
    fn under_pressure_the_oldest_idle_one_goes_first() {
        let limits = Limits { unauthenticated_max: Some(4), ..Limits::default() };
        let gate = gate(limits);
        let start = Instant::now();
        let nudges: Vec<Arc<Nudge>> = (0..4).map(|_| Arc::default()).collect();
        let admit = |index: usize, seconds| {
            let now = start + Duration::from_secs(seconds);
            gate.admit(Some(address("127.0.0.1")), false, &nudges[index], now).unwrap()
        };
        let told = || nudges.iter().map(|n| n.was_said(Word::MakeRoom)).collect::<Vec<_>>();
        let first = admit(0, 0);
        let _second = admit(1, 1);
        assert!(!gate.is_under_pressure());
        first.active(start + Duration::from_secs(15));
        let _third = admit(2, 20);
        assert!(gate.is_under_pressure());
        assert_eq!(told(), [false, true, false, false]);
        let _fourth = admit(3, 24);
        assert_eq!(told(), [false, true, false, false], "busy less than ten seconds ago");
    }

    // S21: 8 sessions, then a ninth
    #[test]
    fn an_account_has_so_many_sessions() {
        let gate = gate(Limits::default());
        let now = Instant::now();
        let mut held: Vec<_> = (0..9)
            .map(|_| gate.admit(Some(address("127.0.0.1")), false, &Arc::default(), now).unwrap())
            .collect();
        let let_in: Vec<_> = held.iter_mut().map(|place| place.take_seat(1)).collect();
        assert_eq!(let_in.iter().filter(|&&yes| yes).count(), 8);
        held.remove(0);
        assert!(held[7].take_seat(1));
    }

    #[test]
    fn a_full_server_turns_everyone_away() {
        let gate = gate(Limits { connections_max: Some(1), ..Limits::default() });
        let now = Instant::now();
        let held = gate.admit(None, true, &Arc::default(), now).unwrap();
        assert_eq!(gate.admit(None, true, &Arc::default(), now).unwrap_err(), Refused::Full);
        drop(held);
        assert!(gate.admit(None, true, &Arc::default(), now).is_ok());
    }
}
