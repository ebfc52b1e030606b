//! What the driver was asked before login, and what its answers lead to.

use super::ask::{Answer, Verified};
use super::authorization::{Authorization, refusal_reply};
use super::failures::Fingerprint;
use super::verdict::Verdict;

/// A question that is out, or queued.
#[derive(Debug)]
pub(super) enum Asked {
    /// `Ask::Salt`.
    Salt,
    /// `Ask::Verify`.
    Verify(Fingerprint),
    /// `Ask::Open`.
    Open(Fingerprint, Verified),
}

impl Asked {
    /// Takes the answer; `None`: it answers another question.
    pub(super) fn answered(
        self,
        answer: Answer,
        authorization: &mut Authorization,
    ) -> Option<Verdict> {
        Some(match (self, answer) {
            (Self::Salt, Answer::Salted(salt)) => authorization.salted(&salt),
            // Nothing was offered yet that could be counted.
            (Self::Salt, Answer::Refused(refusal)) => {
                authorization.forget();
                Verdict::Say(refusal_reply(refusal))
            }
            (Self::Verify(fingerprint), Answer::Verified(verified)) => {
                authorization.accepted(fingerprint, verified)
            }
            (Self::Verify(fingerprint), Answer::Refused(refusal)) => {
                authorization.refused(fingerprint, refusal)
            }
            (Self::Open(fingerprint, _), Answer::Refused(refusal)) => {
                Verdict::Refuse(fingerprint, refusal)
            }
            (Self::Open(_, verified), Answer::Opened(listing)) => Verdict::Enter(listing, verified),
            _ => return None,
        })
    }
}
