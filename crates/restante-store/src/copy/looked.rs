//! A maildrop with all that is in it and all that is laid over it.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use mail_wire::dot::Unstuffer;
use mail_wire::{Entry, Form, MaildropId, MessageId, MessageNumber};

use crate::body::{Body, Progress};
use crate::custody::Laid;
use crate::error::StoreError;
use crate::store::{Maildrop, Store};
use crate::view::View;

/// A maildrop as it is now.
pub(super) struct Looked {
    pub(super) maildrop: MaildropId,
    /// As who sees all of it.
    pub(super) own: Box<dyn Maildrop>,
    /// The same for who may not see raw UTF-8, where the store can tell the two apart.
    pub(super) ascii: Option<Box<dyn Maildrop>>,
    laid: HashMap<MessageId, Laid>,
}

/// How much of a message is read at once.
const PIECE_OCTETS: usize = 64 << 10;

impl Looked {
    /// Looks at all of it.
    pub(super) async fn at(store: &dyn Store, maildrop: MaildropId) -> Result<Self, StoreError> {
        let view = |utf8| View { everything: true, utf8, ..View::default() };
        let own = store.open(maildrop, view(true)).await?;
        let has_utf8 = own.listing().iter().any(|entry| entry.utf8);
        let ascii = if store.promises().surrogates && has_utf8 {
            Some(store.open(maildrop, view(false)).await?)
        } else {
            None
        };
        let laid = match store.custody() {
            Some(custody) => custody.laid(maildrop).await?,
            None => Vec::new(),
        };
        let laid = laid.into_iter().map(|(id, laid)| (id, in_millis(laid))).collect();
        Ok(Self { maildrop, own, ascii, laid })
    }

    /// What is laid over a message.
    pub(super) fn laid(&self, id: MessageId) -> Laid {
        self.laid.get(&id).cloned().unwrap_or_default()
    }

    /// How many there are over which something is laid, of each kind: that nobody is listed, and
    /// that some are not.
    pub(super) fn withheld(&self) -> (u64, u64) {
        let count = |wanted: fn(&Laid) -> bool| {
            self.laid.values().filter(|laid| wanted(laid)).count() as u64
        };
        let is_hidden = |laid: &Laid| !laid.is_withheld() && !laid.hidden_from.is_empty();
        (count(Laid::is_withheld), count(is_hidden))
    }

    /// The messages that a store takes over which `keeps` what is laid over them.
    pub(super) fn wanted(&self, keeps: bool) -> Vec<MessageNumber> {
        let entries = self.own.listing().iter();
        let wanted = entries.filter(|entry| keeps || !self.laid(entry.id).is_withheld());
        wanted.map(|entry| entry.number).collect()
    }

    /// The entry of a message.
    pub(super) fn entry(&self, number: MessageNumber) -> Result<Entry<'_>, StoreError> {
        self.own.listing().get(number).ok_or_else(|| StoreError::Absent {
            detail: format!("maildrop {}: message number {number}", self.maildrop),
        })
    }

    /// The same message for who may not see raw UTF-8, where it has a stand-in.
    pub(super) fn stand_in(&self, number: MessageNumber) -> Option<&dyn Maildrop> {
        let (own, ascii) = (self.own.listing().get(number)?, self.ascii.as_ref()?);
        let other = ascii.listing().get(number)?;
        (own.utf8 && !other.utf8).then_some(&**ascii)
    }

    /// What went wrong with a message, and with which.
    pub(super) fn named(&self, number: MessageNumber, fault: StoreError) -> StoreError {
        let is_its_own = matches!(
            fault,
            StoreError::Damaged { .. } | StoreError::Absent { .. } | StoreError::Disk { .. }
        );
        if !is_its_own {
            return fault;
        }
        let uidl = self.entry(number).map_or_else(|_| String::new(), |e| e.uidl.to_string());
        let maildrop = self.maildrop;
        StoreError::Refused { detail: format!("maildrop {maildrop}, message {uidl}: {fault}") }
    }
}

/// The text of a message, piece by piece, without the dots that are added for the way.
pub(super) struct Text {
    body: Body,
    unstuffer: Unstuffer,
    piece: Vec<u8>,
    unstuffed: Vec<u8>,
}

impl Text {
    /// Begins with a message.
    pub(super) async fn of(
        maildrop: &dyn Maildrop,
        number: MessageNumber,
    ) -> Result<Self, StoreError> {
        let body = maildrop.read(number).await?;
        Ok(Self { body, unstuffer: Unstuffer::default(), piece: Vec::new(), unstuffed: Vec::new() })
    }

    /// The next octets; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<&[u8]>, StoreError> {
        self.piece.clear();
        if self.body.read(&mut self.piece, PIECE_OCTETS).await? == Progress::Ended {
            return Ok(None);
        }
        if self.body.form() == Form::Text {
            return Ok(Some(&self.piece));
        }
        self.unstuffed.clear();
        self.unstuffer.unstuff(&mut self.piece.as_slice(), &mut self.unstuffed);
        Ok(Some(&self.unstuffed))
    }
}

/// A time as stores keep it.
pub(super) fn to_millis(at: SystemTime) -> u128 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

fn in_millis(laid: Laid) -> Laid {
    let cut = |at: SystemTime| {
        let millis = u64::try_from(to_millis(at)).unwrap_or(u64::MAX);
        UNIX_EPOCH.checked_add(std::time::Duration::from_millis(millis)).unwrap_or(at)
    };
    Laid { held_until: laid.held_until.map(cut), retrieved: laid.retrieved.map(cut), ..laid }
}
