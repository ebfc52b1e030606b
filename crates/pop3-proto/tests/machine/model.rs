//! A small model of the state table (§18), written apart from the machine and compared with it.

use pop3_proto::extension::Extensions;
use proptest::collection::vec;
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::world::{Peer, fixture};

const TEXTS: [&str; 5] = [
    "A: 1\r\n\r\none\r\n",
    "B: 2\r\n\r\n.dot\r\ntwo\r\n",
    "\r\n",
    // These arrive while the session lasts.
    "D: 4\r\n\r\n",
    "\r\nfive\r\n",
];
const AT_LOGIN: usize = 3;

/// A command that the model understands.
#[derive(Clone, Debug)]
enum Said {
    User,
    Pass(bool),
    Plain(bool),
    Capa,
    Noop,
    Stat,
    List(Option<u32>),
    Uidl(Option<u32>),
    Retr(u32),
    Top(u32, u32),
    Dele(u32),
    Rset,
    Quit,
    Unknown,
    Xcommit,
    Xrefresh,
    Xdigest(Option<u32>),
    Xwait,
    /// Not said at all: mail arrives.
    Arrives,
}

fn said() -> impl Strategy<Value = Said> {
    let number = 0_u32..7;
    prop_oneof![
        3 => Just(Said::User),
        3 => prop::bool::weighted(0.8).prop_map(Said::Pass),
        1 => any::<bool>().prop_map(Said::Plain),
        1 => Just(Said::Capa),
        1 => Just(Said::Noop),
        2 => Just(Said::Stat),
        2 => prop::option::of(number.clone()).prop_map(Said::List),
        2 => prop::option::of(number.clone()).prop_map(Said::Uidl),
        2 => number.clone().prop_map(Said::Retr),
        2 => (number.clone(), 0_u32..4).prop_map(|(number, lines)| Said::Top(number, lines)),
        3 => number.prop_map(Said::Dele),
        1 => Just(Said::Rset),
        1 => Just(Said::Quit),
        1 => Just(Said::Unknown),
        2 => Just(Said::Xcommit),
        2 => Just(Said::Xrefresh),
        1 => prop::option::of(0_u32..7).prop_map(Said::Xdigest),
        1 => Just(Said::Xwait),
        1 => Just(Said::Arrives),
    ]
}

fn line(said: &Said) -> String {
    let number = |number: &Option<u32>| number.map_or(String::new(), |number| format!(" {number}"));
    match said {
        Said::User => "USER ann".to_owned(),
        Said::Pass(right) => format!("PASS {}", if *right { "right" } else { "wrong" }),
        Said::Plain(true) => "AUTH PLAIN AGFubgByaWdodA==".to_owned(),
        Said::Plain(false) => "AUTH PLAIN AGFubgB3cm9uZw==".to_owned(),
        Said::Capa => "CAPA".to_owned(),
        Said::Noop => "NOOP".to_owned(),
        Said::Stat => "STAT".to_owned(),
        Said::List(n) => format!("LIST{}", number(n)),
        Said::Uidl(n) => format!("UIDL{}", number(n)),
        Said::Retr(n) => format!("RETR {n}"),
        Said::Top(n, lines) => format!("TOP {n} {lines}"),
        Said::Dele(n) => format!("DELE {n}"),
        Said::Rset => "RSET".to_owned(),
        Said::Quit => "QUIT".to_owned(),
        Said::Unknown => "XYZZY".to_owned(),
        Said::Xcommit => "XCOMMIT".to_owned(),
        Said::Xrefresh => "xrefresh".to_owned(),
        Said::Xdigest(n) => format!("XDIGEST{}", number(n)),
        // What comes behind it ends it.
        Said::Xwait => "XWAIT 1740\r\nNOOP".to_owned(),
        Said::Arrives => String::new(),
    }
}

/// What has to come back.
#[derive(Debug, PartialEq)]
enum Back {
    /// `-ERR`, one line.
    Refused,
    /// `+OK`, one line, whatever it says.
    Fine,
    /// Exactly this line.
    Line(String),
    /// `+OK`, then exactly these lines.
    Lines(Vec<String>),
    /// `+OK`, lines, a dot.
    SomeLines,
    /// Exactly this line, then another `+OK`.
    LineAndFine(String),
    /// A line for each of two commands that are refused.
    RefusedTwice,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Nobody,
    Named,
    In,
    Out,
}

struct Model {
    state: State,
    marked: [bool; 5],
    /// What XCOMMIT took out.
    gone: [bool; 5],
    /// How many there are, and how many of them are listed.
    arrived: usize,
    listed: usize,
    removed: Option<Vec<u32>>,
}

impl Model {
    fn hear(&mut self, said: &Said) -> Back {
        match self.state {
            State::In => self.hear_in(said),
            _ => self.hear_before(said),
        }
    }

    fn hear_before(&mut self, said: &Said) -> Back {
        let named = self.state == State::Named;
        match said {
            // CAPA alone leaves USER as it is.
            Said::Capa => return Back::SomeLines,
            Said::User => self.state = State::Named,
            Said::Pass(true) if named => self.state = State::In,
            Said::Plain(true) => self.state = State::In,
            Said::Quit => self.state = State::Out,
            Said::Xwait => {
                self.state = State::Nobody;
                return Back::RefusedTwice;
            }
            _ => {
                self.state = State::Nobody;
                return Back::Refused;
            }
        }
        Back::Fine
    }

    fn hear_in(&mut self, said: &Said) -> Back {
        let listed = u32::try_from(self.listed).expect("few");
        let is_out = |n: u32| self.marked[n as usize - 1] || self.gone[n as usize - 1];
        let there: Vec<u32> = (1..=listed).filter(|n| !is_out(*n)).collect();
        let size = |n: u32| TEXTS[n as usize - 1].len();
        let is_there = |n: u32| there.contains(&n);
        match *said {
            Said::Capa => Back::SomeLines,
            Said::Noop => Back::Fine,
            Said::Stat => {
                let octets: usize = there.iter().map(|n| size(*n)).sum();
                Back::Line(format!("+OK {} {octets}", there.len()))
            }
            Said::List(None) => {
                Back::Lines(there.iter().map(|n| format!("{n} {}", size(*n))).collect())
            }
            Said::Uidl(None) => Back::Lines(there.iter().map(|n| format!("{n} u{n}")).collect()),
            Said::List(Some(n)) if is_there(n) => Back::Line(format!("+OK {n} {}", size(n))),
            Said::Uidl(Some(n)) if is_there(n) => Back::Line(format!("+OK {n} u{n}")),
            Said::Retr(n) if is_there(n) => Back::Lines(body(n, u32::MAX)),
            Said::Top(n, lines) if is_there(n) => Back::Lines(body(n, lines)),
            Said::Dele(n) if is_there(n) => {
                self.marked[n as usize - 1] = true;
                Back::Fine
            }
            Said::Xcommit => Back::Line(format!("+OK {} removed", self.commit())),
            Said::Xrefresh => {
                self.listed = self.arrived;
                self.hear_in(&Said::Stat)
            }
            Said::Xdigest(None) => {
                Back::Lines(there.iter().map(|n| format!("{n} {}", digest(*n))).collect())
            }
            Said::Xdigest(Some(n)) if is_there(n) => Back::Line(format!("+OK {n} {}", digest(n))),
            Said::Xwait => {
                let new = if self.arrived > self.listed { "new" } else { "none" };
                Back::LineAndFine(format!("+OK {new}"))
            }
            Said::Rset => {
                self.marked = [false; 5];
                Back::Fine
            }
            Said::Quit => {
                self.state = State::Out;
                self.commit();
                Back::Fine
            }
            _ => Back::Refused,
        }
    }

    /// The marked ones go, for good; answers how many.
    fn commit(&mut self) -> usize {
        let marked: Vec<u32> = (1..=5).filter(|n| self.marked[*n as usize - 1]).collect();
        for &n in &marked {
            (self.marked[n as usize - 1], self.gone[n as usize - 1]) = (false, true);
        }
        if !marked.is_empty() {
            self.removed.get_or_insert_default().extend(&marked);
        }
        marked.len()
    }
}

fn digest(number: u32) -> String {
    format!("{:x}", Sha256::digest(TEXTS[number as usize - 1]))
}

/// The lines of a message, stuffed; the header, the blank line and so many more.
fn body(number: u32, lines: u32) -> Vec<String> {
    let (mut in_header, mut left, mut body) = (true, lines, Vec::new());
    for line in TEXTS[number as usize - 1].split_terminator("\r\n") {
        if !in_header {
            if left == 0 {
                break;
            }
            left -= 1;
        }
        in_header &= !line.is_empty();
        body.push(if line.starts_with('.') { format!(".{line}") } else { line.to_owned() });
    }
    body
}

fn check(back: &Back, answer: &str, line: &str) {
    let lines: Vec<&str> = answer.strip_suffix("\r\n").expect("a line").split("\r\n").collect();
    match back {
        Back::Refused => {
            assert!(lines.len() == 1 && answer.starts_with("-ERR "), "{line}: {answer}");
        }
        Back::Fine => assert!(lines.len() == 1 && answer.starts_with("+OK "), "{line}: {answer}"),
        Back::Line(exact) => assert_eq!(lines, [exact], "{line}"),
        Back::RefusedTwice => {
            assert!(lines.iter().all(|line| line.starts_with("-ERR ")), "{line}: {answer}");
        }
        Back::LineAndFine(exact) => {
            assert!(lines.len() == 2 && lines[1].starts_with("+OK "), "{line}: {answer}");
            assert_eq!(lines[0], exact, "{line}");
        }
        Back::SomeLines => {
            assert!(lines.len() > 2 && answer.ends_with("\r\n.\r\n"), "{line}: {answer}");
        }
        Back::Lines(rows) => {
            assert!(lines[0].starts_with("+OK "), "{line}: {answer}");
            assert_eq!(&lines[1..lines.len() - 1], rows, "{line}");
            assert_eq!(lines.last(), Some(&"."), "{line}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    // P-009, P-031, P-040 to P-042, P-044 to P-050, P-060, P-061, `rulings` 20 together
    #[test]
    fn the_machine_does_what_the_table_says(script in vec(said(), 0..40)) {
        let mut at_login = fixture(&TEXTS);
        at_login.later = at_login.messages.split_off(AT_LOGIN);
        let mut peer = Peer::with(at_login, |policy| {
            policy.extensions = Extensions::all();
            policy.limits.bad_commands_before_login_max = u32::MAX;
            policy.limits.bad_commands_after_login_max = u32::MAX;
        });
        let mut model = Model {
            state: State::Nobody,
            marked: [false; 5],
            gone: [false; 5],
            arrived: AT_LOGIN,
            listed: AT_LOGIN,
            removed: None,
        };
        for said in &script {
            if matches!(said, Said::Arrives) {
                // What arrives before the login is listed at the login.
                if model.arrived < TEXTS.len() && model.state == State::In {
                    model.arrived += 1;
                    prop_assert_eq!(peer.arrives(), b"", "nobody waits for it");
                }
                continue;
            }
            let line = line(said);
            let answer = peer.says(&line);
            if model.state == State::Out {
                prop_assert_eq!(answer, "");
                continue;
            }
            check(&model.hear(said), &answer, &line);
            prop_assert_eq!(peer.session.is_authenticated(), model.state == State::In);
            prop_assert_eq!(peer.closed.is_some(), model.state == State::Out);
        }
        prop_assert_eq!(peer.removed, model.removed);
    }
}
