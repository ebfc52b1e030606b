//! What a server acknowledged, kept outside of it, and what may be said of it afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// Longer than anything here takes; only a hang meets it.
const PATIENCE: Duration = Duration::from_mins(2);

/// What became of one recipient's copy of a message, as far as the outside was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Sent, and not answered: it may be there, whole, or not.
    Sent,
    /// Acknowledged with 250.
    There,
    /// Deleted in this session, whose QUIT was not answered: with all the others of that
    /// session it is there, or is not.
    Leaving(u64),
    /// Deleted in a session whose QUIT was answered with +OK, or never taken in.
    Gone,
}

#[derive(Clone, Debug)]
struct Copy {
    stage: Stage,
    uidl: Option<String>,
}

/// Everything that was sent, to whom, and what was answered.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Whether a store takes out all that a session deleted, or nothing.
    all_or_none: bool,
    state: Mutex<State>,
    answered: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// For each maildrop: of each message, by its number.
    copies: BTreeMap<usize, BTreeMap<u64, Copy>>,
    /// For each maildrop: the order in which its messages were last listed.
    order: BTreeMap<usize, Vec<u64>>,
    last_message: u64,
    last_session: u64,
    answers: u64,
    violations: Vec<String>,
}

impl Ledger {
    /// An empty one; `all_or_none` is what the store promises of the deletions of a session.
    pub(crate) fn new(all_or_none: bool) -> Self {
        Self { all_or_none, ..Self::default() }
    }

    /// The number of a message that is about to be sent to these maildrops.
    pub(crate) fn send(&self, maildrops: &[usize]) -> u64 {
        let mut state = self.state();
        state.last_message += 1;
        let message = state.last_message;
        for maildrop in maildrops {
            let copy = Copy { stage: Stage::Sent, uidl: None };
            state.copies.entry(*maildrop).or_default().insert(message, copy);
        }
        message
    }

    /// It was answered with 250.
    pub(crate) fn taken(&self, maildrop: usize, message: u64) {
        let mut state = self.state();
        let copy = state.copy(maildrop, message).expect("it was sent");
        // A session may have seen, deleted and removed it before its sender read the answer.
        if copy.stage == Stage::Sent {
            copy.stage = Stage::There;
        }
        self.count(&mut state);
    }

    /// A session reads this message in this maildrop, under this unique-id.
    pub(crate) fn seen(&self, maildrop: usize, message: u64, uidl: &str) {
        let mut state = self.state();
        let Some(copy) = state.copy(maildrop, message) else {
            state.violation(format!("message {message} in maildrop {maildrop} was never sent"));
            return;
        };
        let gone = copy.stage == Stage::Gone;
        let before = copy.uidl.replace(uidl.to_owned());
        // Visible, so durable: it may not go away again.
        if copy.stage == Stage::Sent {
            copy.stage = Stage::There;
        }
        if gone {
            state.violation(format!("message {message} in maildrop {maildrop} came back"));
        }
        if let Some(before) = before
            && before != uidl
        {
            state.violation(format!(
                "message {message} in maildrop {maildrop} was {before} and is {uidl}"
            ));
        }
    }

    /// A session is about to say QUIT, having deleted these.
    pub(crate) fn leaving(&self, maildrop: usize, messages: &[u64]) {
        let mut state = self.state();
        state.last_session += 1;
        let session = state.last_session;
        for message in messages {
            state.copy(maildrop, *message).expect("it was seen").stage = Stage::Leaving(session);
        }
    }

    /// That QUIT was answered with +OK.
    pub(crate) fn left(&self, maildrop: usize, messages: &[u64]) {
        let mut state = self.state();
        for message in messages {
            state.copy(maildrop, *message).expect("it was seen").stage = Stage::Gone;
        }
        self.count(&mut state);
    }

    /// Something is wrong that only who saw it can tell.
    pub(crate) fn violation(&self, what: String) {
        self.state().violation(what);
    }

    /// Waits until so many more answers came.
    pub(crate) fn wait_for(&self, more: u64) {
        let state = self.state();
        let wanted = state.answers + more;
        let waiting = |state: &mut State| state.answers < wanted && state.violations.is_empty();
        let (_state, wait) = self.answered.wait_timeout_while(state, PATIENCE, waiting).unwrap();
        assert!(!wait.timed_out(), "the server answers nothing any more");
    }

    /// All that is in a maildrop, in its order, as somebody sees it while nothing happens: it is
    /// held against what was acknowledged, and from now on it is what is known.
    pub(crate) fn audit(&self, maildrop: usize, listed: &[u64]) {
        let mut guard = self.state();
        let state = &mut *guard;
        let mut found = BTreeSet::new();
        let mut violations = Vec::new();
        for message in listed {
            if !found.insert(*message) {
                violations.push(format!("message {message} in maildrop {maildrop} is there twice"));
            }
        }
        let mut sessions: BTreeMap<u64, BTreeSet<bool>> = BTreeMap::new();
        for (message, copy) in state.copies.entry(maildrop).or_default() {
            let is_there = found.contains(message);
            match copy.stage {
                Stage::There if !is_there => {
                    violations.push(format!("message {message} in maildrop {maildrop} is lost"));
                }
                Stage::Leaving(session) => {
                    sessions.entry(session).or_default().insert(is_there);
                }
                Stage::Sent | Stage::There | Stage::Gone => {}
            }
            copy.stage = if is_there { Stage::There } else { Stage::Gone };
        }
        for (session, fates) in sessions {
            if self.all_or_none && fates.len() > 1 {
                violations.push(format!("of session {session} some deletions were done, some not"));
            }
        }
        let stays = |order: &[u64], other: &BTreeSet<u64>| -> Vec<u64> {
            order.iter().copied().filter(|message| other.contains(message)).collect()
        };
        let before = state.order.insert(maildrop, listed.to_vec()).unwrap_or_default();
        let known: BTreeSet<u64> = before.iter().copied().collect();
        if stays(&before, &found) != stays(listed, &known) {
            violations
                .push(format!("maildrop {maildrop} has another order: {before:?}, {listed:?}"));
        }
        state.violations.append(&mut violations);
    }

    /// What was found wrong, a line each.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    fn count(&self, state: &mut State) {
        state.answers += 1;
        self.answered.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn copy(&mut self, maildrop: usize, message: u64) -> Option<&mut Copy> {
        self.copies.get_mut(&maildrop)?.get_mut(&message)
    }

    fn violation(&mut self, what: String) {
        self.violations.push(what);
    }
}

// A ledger that finds nothing would let everything pass.
#[test]
fn each_wrong_is_found() {
    let judged = |act: fn(&Ledger)| {
        let ledger = Ledger::new(true);
        for _ in 0..3 {
            let message = ledger.send(&[0]);
            ledger.taken(0, message);
            ledger.seen(0, message, &format!("u{message}"));
        }
        ledger.audit(0, &[1, 2, 3]);
        assert_eq!(ledger.violations(), [""; 0]);
        act(&ledger);
        ledger.violations().join("; ")
    };
    assert_eq!(judged(|ledger| ledger.audit(0, &[1, 3])), "message 2 in maildrop 0 is lost");
    assert_eq!(
        judged(|ledger| ledger.audit(0, &[1, 2, 3, 3])),
        "message 3 in maildrop 0 is there twice; \
         maildrop 0 has another order: [1, 2, 3], [1, 2, 3, 3]"
    );
    assert!(judged(|ledger| ledger.audit(0, &[2, 1, 3])).contains("another order"));
    assert_eq!(
        judged(|ledger| ledger.seen(0, 1, "u9")),
        "message 1 in maildrop 0 was u1 and is u9"
    );
    let removed = |ledger: &Ledger| {
        ledger.leaving(0, &[1, 2]);
        ledger.left(0, &[1, 2]);
    };
    assert_eq!(
        judged(|ledger| {
            ledger.leaving(0, &[1, 2]);
            ledger.audit(0, &[2, 3]);
        }),
        "of session 1 some deletions were done, some not"
    );
    let ledger = Ledger::new(true);
    let message = ledger.send(&[0]);
    ledger.taken(0, message);
    ledger.send(&[0]);
    removed(&ledger);
    ledger.audit(0, &[]);
    assert_eq!(ledger.violations(), [""; 0]);
    ledger.seen(0, 1, "u1");
    assert_eq!(ledger.violations(), ["message 1 in maildrop 0 came back"]);
    ledger.seen(0, 7, "u7");
    assert_eq!(ledger.violations()[1], "message 7 in maildrop 0 was never sent");
}
