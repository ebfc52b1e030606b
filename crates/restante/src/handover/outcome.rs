//! What became of each recipient, and which exit code says it.

use std::fmt;

/// One reply: its code, its enhanced code, its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    /// 200 to 599 (RFC 5321 §4.2).
    pub(crate) code: u16,
    /// Lines joined by spaces, the enhanced code in front where there is one.
    pub(crate) text: String,
}

impl Reply {
    /// 2xx.
    pub(crate) const fn is_positive(&self) -> bool {
        self.code >= 200 && self.code < 300
    }

    /// The subject and detail of the enhanced code (RFC 3463), `0.0` where there is none.
    fn enhanced(&self) -> (&str, &str) {
        let mut parts = self.text.split_whitespace().next().unwrap_or_default().splitn(3, '.');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(class), Some(subject), Some(detail))
                if self.code.to_string().starts_with(class) && class.len() == 1 =>
            {
                (subject, detail)
            }
            _ => ("0", "0"),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// As it was given.
    pub(crate) recipient: String,
    /// What became of it.
    pub(crate) fate: Fate,
}

/// The three things that can become of a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The message is in the maildrop, durably.
    Delivered,
    /// Not now; the same may succeed later.
    Temporary(String),
    /// Not ever, with the exit code that says why.
    Refused {
        /// From sysexits.h.
        exit: u8,
        /// The server's words.
        reason: String,
    },
}

/// The exit codes of sysexits.h that an MTA understands.
pub(crate) mod sysexits {
    /// All recipients have the message.
    pub(crate) const OK: u8 = 0;
    /// The command line is wrong.
    pub(crate) const USAGE: u8 = 64;
    /// The message is wrong.
    pub(crate) const DATAERR: u8 = 65;
    /// There is no such recipient.
    pub(crate) const NOUSER: u8 = 67;
    /// Refused for another reason.
    pub(crate) const UNAVAILABLE: u8 = 69;
    /// Try again later.
    pub(crate) const TEMPFAIL: u8 = 75;
    /// Not allowed, or the maildrop is full.
    pub(crate) const NOPERM: u8 = 77;
}

impl Fate {
    /// What a final reply means for a recipient.
    pub(crate) fn from_reply(reply: &Reply) -> Self {
        match reply.code {
            200..=299 => Self::Delivered,
            500..=599 => Self::Refused { exit: exit_of_refusal(reply), reason: reply.to_string() },
            // 3xx has no place here: whatever the server means, the message is not lost by
            // trying again.
            _ => Self::Temporary(reply.to_string()),
        }
    }
}

/// P-218, by RFC 3463's subjects.
fn exit_of_refusal(reply: &Reply) -> u8 {
    match reply.enhanced() {
        ("1", _) => sysexits::NOUSER,
        ("2", "2") | ("7", _) => sysexits::NOPERM,
        ("6", _) => sysexits::DATAERR,
        _ => sysexits::UNAVAILABLE,
    }
}

/// One code for all recipients. Anything temporary wins, so that the MTA keeps the message.
pub(crate) fn exit_code(outcomes: &[Outcome]) -> u8 {
    let mut exit = sysexits::OK;
    for outcome in outcomes {
        match outcome.fate {
            Fate::Temporary(_) => return sysexits::TEMPFAIL,
            Fate::Refused { exit: refused, .. } if exit == sysexits::OK => exit = refused,
            Fate::Refused { .. } | Fate::Delivered => {}
        }
    }
    exit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(code: u16, text: &str) -> Fate {
        Fate::from_reply(&Reply { code, text: text.to_owned() })
    }

    fn exit_for(code: u16, text: &str) -> u8 {
        exit_code(&[Outcome { recipient: "a".to_owned(), fate: fate(code, text) }])
    }

    // P-218
    #[test]
    fn replies_become_sysexits() {
        assert_eq!(exit_for(250, "2.1.5 ok"), 0);
        assert_eq!(exit_for(550, "5.1.1 no such mailbox"), 67);
        assert_eq!(exit_for(450, "4.2.1 disabled"), 75);
        assert_eq!(exit_for(452, "4.2.2 full"), 75);
        assert_eq!(exit_for(552, "5.2.2 full"), 77);
        assert_eq!(exit_for(550, "5.7.1 not ours"), 77);
        assert_eq!(exit_for(552, "5.3.4 too large"), 69);
        assert_eq!(exit_for(550, "5.6.11 bare line ends"), 65);
        assert_eq!(exit_for(550, "no enhanced code"), 69);
        assert_eq!(exit_for(550, "1.2.3 of another class"), 69);
    }

    #[test]
    fn temporary_wins_over_refused_and_refused_over_delivered() {
        let outcome =
            |code, text: &str| Outcome { recipient: "a".to_owned(), fate: fate(code, text) };
        let delivered = outcome(250, "2.1.5 ok");
        let unknown = outcome(550, "5.1.1 unknown");
        let later = outcome(451, "4.3.0 later");
        assert_eq!(exit_code(&[delivered.clone(), unknown.clone()]), 67);
        assert_eq!(exit_code(&[unknown, delivered, later]), 75);
        assert_eq!(exit_code(&[]), 0);
    }
}
