//! What of each change outlives a power cut, told change by change: so that all the ways there
//! are can be gone through.

use std::cell::RefCell;
use std::rc::Rc;

/// Answers questions with so many possible answers each, as it was told, and notes what was
/// asked. Clones are the same script.
#[derive(Clone, Debug)]
pub(crate) struct Script(Rc<RefCell<Told>>);

#[derive(Debug)]
struct Told {
    answers: Answers,
    /// Of each question that was asked, how many answers there are.
    asked: Vec<u64>,
}

/// What a script says.
#[derive(Clone, Debug)]
pub(crate) enum Answers {
    /// These, and 0 to all questions behind them.
    These(Vec<u64>),
    /// As much of every change as there is, but for the questions from the first number up to,
    /// not with, the second: of those so much.
    All { but: (usize, usize), answer: u64 },
    /// Nothing of any change, but for these questions.
    Nothing { but: (usize, usize), answer: u64 },
}

impl Script {
    pub(crate) fn new(answers: Answers) -> Self {
        Self(Rc::new(RefCell::new(Told { answers, asked: Vec::new() })))
    }

    /// One of `count` answers, 0 the first.
    pub(crate) fn answer(&self, count: u64) -> u64 {
        let mut told = self.0.borrow_mut();
        let place = told.asked.len();
        told.asked.push(count);
        let last = count.saturating_sub(1);
        let answer = match &told.answers {
            Answers::These(answers) => answers.get(place).copied().unwrap_or_default(),
            Answers::All { but, answer } => {
                if (but.0..but.1).contains(&place) {
                    *answer
                } else {
                    last
                }
            }
            Answers::Nothing { but, answer } => {
                if (but.0..but.1).contains(&place) {
                    *answer
                } else {
                    0
                }
            }
        };
        answer.min(last)
    }

    /// How many answers each question had.
    pub(crate) fn asked(&self) -> Vec<u64> {
        self.0.borrow().asked.clone()
    }
}

/// The answers that come behind these, where the questions had so many; `None` behind the last.
pub(crate) fn next(answers: &[u64], asked: &[u64]) -> Option<Vec<u64>> {
    let all = asked.iter().enumerate();
    let all = all.map(|(place, count)| (answers.get(place).copied().unwrap_or_default(), *count));
    let all: Vec<(u64, u64)> = all.collect();
    let place = all.iter().rposition(|(answer, count)| answer.saturating_add(1) < *count)?;
    let mut next: Vec<u64> = all.iter().take(place).map(|(answer, _)| *answer).collect();
    next.push(all.get(place).map_or(0, |(answer, _)| answer.saturating_add(1)));
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    // the second question is asked only if the first was answered with 1
    #[test]
    fn all_ways_are_gone_through_once() {
        let mut seen = Vec::new();
        let mut answers = Some(Vec::new());
        while let Some(these) = answers {
            let script = Script::new(Answers::These(these.clone()));
            let first = script.answer(2);
            let second = if first == 1 { script.answer(3) } else { 9 };
            seen.push((first, second, script.answer(2)));
            answers = next(&these, &script.asked());
        }
        let all = [
            (0, 9, 0),
            (0, 9, 1),
            (1, 0, 0),
            (1, 0, 1),
            (1, 1, 0),
            (1, 1, 1),
            (1, 2, 0),
            (1, 2, 1),
        ];
        assert_eq!(seen, all);
    }
}
