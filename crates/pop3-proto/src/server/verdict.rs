//! What a state makes of a command: what should happen, not how it looks on the wire.

use std::sync::Arc;
use std::time::Duration;

use mail_wire::sasl::scram::SaltQuestion;
use mail_wire::{Credentials, Listing, MessageNumber};

use super::ask::{Refusal, Verified};
use super::failures::Fingerprint;
use crate::reply::Reply;

/// What should happen. The session carries it out.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nothing yet: a list has begun that says so itself.
    Nothing,
    /// Say this. A refusal here is nobody's mistake: the message is gone, the mail needs UTF8.
    Say(Reply),
    /// Say this, and count a bad command.
    Bad(Reply),
    /// Say this, then these rows.
    Rows(Reply, Vec<String>),
    /// Send this challenge; the next line is the response.
    Challenge(Vec<u8>),
    /// Ask whether these are right.
    Verify(Credentials),
    /// Ask for a salt.
    Salt(SaltQuestion),
    /// They were right, and the client knows what it has to: go on.
    Admit(Fingerprint, Verified),
    /// The maildrop is open: into TRANSACTION.
    Enter(Arc<Listing>, Verified),
    /// They were wrong, and the client knows what it has to: say so.
    Refuse(Fingerprint, Refusal),
    /// Go over to TLS.
    Secure,
    /// Ask for this message; all of it, or this many lines of its body.
    Retrieve(MessageNumber, Option<u64>),
    /// XCOMMIT.
    Commit,
    /// XREFRESH.
    Refresh,
    /// XDIGEST of this message.
    Digest(MessageNumber),
    /// XWAIT, for so long.
    Wait(Duration),
    /// QUIT.
    Leave,
}
