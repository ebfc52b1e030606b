//! TRANSACTION (RFC 1939 §5): pure functions of the listing and the deletion marks.

use std::sync::Arc;

use mail_wire::{Entry, Listing, MessageNumber, Octets};

use super::ask::Verified;
use super::connection::Connection;
use super::marks::Marks;
use super::verdict::Verdict;
use crate::command::Command;
use crate::reply::Reply;
use crate::write;

/// The state after login.
#[derive(Debug)]
pub(super) struct Transaction {
    listing: Arc<Listing>,
    marks: Marks,
    /// What XCOMMIT removed: it stays listed nowhere, and its numbers are never used again.
    gone: Marks,
    /// LAST: the highest number that RETR sent (RFC 1460 §5), 0 for none.
    highest: u32,
    /// What holds for the account.
    pub(super) verified: Verified,
    rows: Option<Rows>,
}

/// A list that is being written in pieces.
#[derive(Clone, Copy, Debug)]
struct Rows {
    what: What,
    next: usize,
    /// Whether anything of it has been said.
    begun: bool,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Scans,
    UniqueIds,
    Digests,
}

impl Transaction {
    pub(super) fn new(listing: Arc<Listing>, verified: Verified) -> Self {
        Self {
            listing,
            marks: Marks::default(),
            gone: Marks::default(),
            highest: 0,
            verified,
            rows: None,
        }
    }

    /// The reply to the login.
    pub(super) fn opened(&self) -> Reply {
        Reply::Opened { messages: self.listing.len(), octets: self.listing.total() }
    }

    /// Takes a command.
    pub(super) fn take(&mut self, command: &Command<'_>, connection: &Connection) -> Verdict {
        match *command {
            Command::Stat => Verdict::Say(self.stat()),
            Command::List(None) => {
                self.begin(What::Scans);
                let (messages, octets) = self.unmarked();
                Verdict::Say(Reply::Scans { messages, octets })
            }
            Command::Uidl(None) => {
                self.begin(What::UniqueIds);
                Verdict::Say(Reply::UniqueIds)
            }
            Command::List(Some(number)) => Verdict::Say(self.scan(number, connection)),
            Command::Uidl(Some(number)) => Verdict::Say(self.unique_id(number)),
            Command::Retr(number) => self.retrieve(number, None, connection),
            Command::Top(number, lines) => self.retrieve(number, Some(lines), connection),
            Command::Dele(_) if self.verified.read_only => Verdict::Say(Reply::ReadOnly),
            Command::Dele(number) => Verdict::Say(self.mark(number)),
            Command::Noop => Verdict::Say(Reply::Nothing),
            Command::Rset => Verdict::Say(self.reset()),
            Command::Last => Verdict::Say(Reply::Last(self.highest)),
            Command::Xcommit => Verdict::Commit,
            Command::Xrefresh => Verdict::Refresh,
            Command::Xdigest(None) => {
                self.begin(What::Digests);
                Verdict::Nothing
            }
            Command::Xdigest(Some(number)) => match self.readable(number, connection) {
                Ok(_) => Verdict::Digest(number),
                Err(refusal) => Verdict::Say(refusal),
            },
            Command::Xwait(time) => Verdict::Wait(time),
            Command::Quit => Verdict::Leave,
            // RFC 1939 §3, P-009, P-090, P-120.
            _ => Verdict::Bad(Reply::NotAnyMore),
        }
    }

    /// The message is there and will be sent: the reply before it.
    pub(super) fn found(&mut self, number: MessageNumber, lines: Option<u64>) -> Reply {
        match (self.listing.get(number), lines) {
            (Some(entry), None) => {
                self.highest = self.highest.max(number.get());
                Reply::Message { octets: entry.octets }
            }
            _ => Reply::Top,
        }
    }

    /// The size of a message, as LIST says it.
    pub(super) fn octets(&self, number: MessageNumber) -> u64 {
        self.listing.get(number).map_or(0, |entry| entry.octets.get())
    }

    /// The marked messages, in ascending order.
    pub(super) fn marked(&self) -> Vec<MessageNumber> {
        self.marks.numbers()
    }

    /// How many messages are there and not marked.
    pub(super) fn left(&self) -> usize {
        self.unmarked().0
    }

    /// How many messages are there and not marked, and their octets.
    pub(super) fn stat(&self) -> Reply {
        let (messages, octets) = self.unmarked();
        Reply::Stat { messages, octets }
    }

    /// The marked messages have been removed, for good: RSET does not bring them back.
    pub(super) fn bury(&mut self) {
        let marks = std::mem::take(&mut self.marks);
        if self.gone.count() == 0 {
            self.gone = marks;
            return;
        }
        for number in marks.numbers() {
            if let Some(entry) = self.listing.get(number) {
                self.gone.set(&entry);
            }
        }
    }

    /// Takes a listing that goes on where this one ends; answers whether it can.
    pub(super) fn relist(&mut self, listing: Arc<Listing>) -> bool {
        let goes_on = listing.len() >= self.listing.len();
        if goes_on {
            self.listing = listing;
        }
        goes_on
    }

    /// Whether a list is being written that needs nothing but the listing.
    pub(super) const fn is_listing(&self) -> bool {
        matches!(self.rows, Some(Rows { what: What::Scans | What::UniqueIds, .. }))
    }

    /// Whether a list of digests is being written.
    pub(super) const fn is_digesting(&self) -> bool {
        matches!(self.rows, Some(Rows { what: What::Digests, .. }))
    }

    /// The next message of the list of digests; `None` at its end. Left out are the marked ones,
    /// and those that RETR refuses for want of UTF-8 mode.
    pub(super) fn next_digest(&self, connection: &Connection) -> Option<MessageNumber> {
        let Rows { next, .. } = self.rows?;
        let mut rest = (next..self.listing.len()).filter_map(MessageNumber::from_index);
        rest.find(|&number| self.readable(number, connection).is_ok())
    }

    /// The row of this message is written; answers whether it is the first of its list.
    pub(super) fn digested(&mut self, number: MessageNumber) -> bool {
        let Some(rows) = &mut self.rows else { return false };
        rows.next = number.index().saturating_add(1);
        !std::mem::replace(&mut rows.begun, true)
    }

    /// The list of digests ends here, complete or not; answers whether nothing of it has been
    /// said.
    pub(super) fn abandon_digests(&mut self) -> bool {
        self.rows.take().is_some_and(|rows| !rows.begun)
    }

    /// Writes rows of the list under way until the output is as large as that, or the list is
    /// complete: a million rows cost one buffer.
    pub(super) fn write_rows(&mut self, octets_max: usize, output: &mut Vec<u8>) {
        let Some(Rows { what, mut next, begun }) = self.rows else { return };
        while output.len() < octets_max {
            let number = MessageNumber::from_index(next);
            let Some(entry) = number.and_then(|number| self.listing.get(number)) else {
                output.extend_from_slice(mail_wire::dot::TERMINATION);
                self.rows = None;
                return;
            };
            // P-042: those that are marked are not listed.
            if !self.is_left_out(entry.number) {
                row(what, &entry, output);
            }
            next = next.saturating_add(1);
        }
        self.rows = Some(Rows { what, next, begun });
    }

    fn begin(&mut self, what: What) {
        self.rows = Some(Rows { what, next: 0, begun: false });
    }

    fn is_left_out(&self, number: MessageNumber) -> bool {
        self.marks.has(number) || self.gone.has(number)
    }

    fn unmarked(&self) -> (usize, Octets) {
        let out = self.marks.count().saturating_add(self.gone.count());
        let octets_out = self.marks.octets().saturating_add(self.gone.octets());
        let messages = self.listing.len().saturating_sub(out);
        (messages, Octets::new(self.listing.total().get().saturating_sub(octets_out)))
    }

    fn entry(&self, number: MessageNumber) -> Result<Entry<'_>, Reply> {
        let messages = self.listing.len();
        let entry = self.listing.get(number).ok_or(Reply::NoSuch { number, messages })?;
        // RFC 1939 §5, P-046: "Any future reference to the message-number associated with the
        // message in a POP3 command generates an error."
        if self.marks.has(number) {
            Err(Reply::IsMarked(number))
        } else if self.gone.has(number) {
            Err(Reply::IsGone(number))
        } else {
            Ok(entry)
        }
    }

    fn readable(&self, number: MessageNumber, connection: &Connection) -> Result<Entry<'_>, Reply> {
        let entry = self.entry(number)?;
        // RFC 6856 §5, P-085: [UTF8] belongs to LIST, TOP and RETR.
        if entry.utf8 && connection.refuses_utf8() {
            return Err(Reply::NeedsUtf8(number));
        }
        Ok(entry)
    }

    fn scan(&self, number: MessageNumber, connection: &Connection) -> Reply {
        match self.readable(number, connection) {
            Ok(entry) => Reply::Scan { number, octets: entry.octets },
            Err(refusal) => refusal,
        }
    }

    fn unique_id(&self, number: MessageNumber) -> Reply {
        match self.entry(number) {
            Ok(entry) => Reply::UniqueId { number, uidl: entry.uidl.to_string() },
            Err(refusal) => refusal,
        }
    }

    fn retrieve(
        &self,
        number: MessageNumber,
        lines: Option<u64>,
        connection: &Connection,
    ) -> Verdict {
        match self.readable(number, connection) {
            Ok(_) => Verdict::Retrieve(number, lines),
            Err(refusal) => Verdict::Say(refusal),
        }
    }

    fn mark(&mut self, number: MessageNumber) -> Reply {
        if let Err(refusal) = self.entry(number) {
            return refusal;
        }
        if let Some(entry) = self.listing.get(number) {
            self.marks.set(&entry);
        }
        Reply::Marked(number)
    }

    /// RFC 1939 §5, P-047; RFC 1460 §5: LAST begins anew as well. What XCOMMIT removed is gone.
    fn reset(&mut self) -> Reply {
        self.marks = Marks::default();
        self.highest = 0;
        let (messages, octets) = self.unmarked();
        Reply::Unmarked { messages, octets }
    }
}

fn row(what: What, entry: &Entry<'_>, output: &mut Vec<u8>) {
    match what {
        What::Scans => write::write_scan(entry.number, entry.octets, output),
        What::UniqueIds => write::write_unique_id(entry.number, &entry.uidl, output),
        // Written one by one, as they are known.
        What::Digests => {}
    }
}
