//! A message on its way into the log of one shard.

use bytes::Bytes;
use mail_wire::{MaildropId, Quota, Uidl};

use crate::error::StoreError;
use crate::log::meta::{Destroyed, RecipientRow, Recipients};
use crate::log::provenance::{self, Known};
use crate::log::record::{FLAG_UTF8, Head, Kind};
use crate::log::surrogate;
use crate::store::{Provenance, Recipient, Surrogate};

/// A body in wire form, complete, and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// The octets; none if they are in a file.
    pub(crate) wire: Bytes,
    /// How many octets it has as stored.
    pub(crate) length: u64,
    /// How many it has un-stuffed.
    pub(crate) octets: u64,
    /// Up to and with the blank line.
    pub(crate) header_length: u64,
    /// The same un-stuffed.
    pub(crate) header_octets: u64,
    pub(crate) crc: u32,
    pub(crate) utf8: bool,
    /// What it is known by.
    pub(crate) known: Known,
    /// When it was accepted, milliseconds since 1970.
    pub(crate) time: u64,
}

/// A message for some maildrops of one shard: a record but for its ids and its place.
#[derive(Debug)]
pub(crate) struct Addition {
    pub(crate) head: Head,
    pub(crate) meta: Recipients,
    pub(crate) body: Bytes,
    /// The ids it was given last; 0 for a recipient who has no room for it.
    pub(crate) ids: Vec<u64>,
    /// The file of the body, if it has one.
    pub(crate) file_id: Option<u64>,
    /// What it adds, in the order of the recipients.
    pub(crate) shares: Vec<Share>,
    /// What is gone when it is there: of the same maildrop.
    pub(crate) replaces: Option<Destroyed>,
    /// The unique-ids that were brought along, each with the number of its recipient; without
    /// those that could not be kept.
    pub(crate) brought: Vec<(usize, Uidl)>,
}

/// What a recipient's copy was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) id: u64,
    /// Whether it has the unique-id that it brought along.
    pub(crate) keeps_uidl: bool,
}

impl Given {
    /// There was no room for it.
    pub(crate) const NOTHING: Self = Self { id: 0, keeps_uidl: false };
}

/// A copy for one recipient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) maildrop: MaildropId,
    /// As LIST will say it.
    pub(crate) octets: u64,
    /// What the maildrop may hold.
    pub(crate) quota: Quota,
    /// There was no room for it.
    pub(crate) is_refused: bool,
}

impl Addition {
    /// A message for these, from there; its body is in the file with this number, if there is
    /// one.
    pub(crate) fn new(
        content: &Content,
        placed: &[(usize, &Recipient)],
        provenance: &Provenance,
        surrogate: Option<&Surrogate>,
        file_id: Option<u64>,
    ) -> Result<Self, StoreError> {
        let recipients: Vec<&Recipient> = placed.iter().map(|(_, recipient)| *recipient).collect();
        let recipients = recipients.as_slice();
        let uidl = |recipient: &Recipient| recipient.uidl.clone();
        let brought: Vec<_> = recipients.iter().map(|recipient| uidl(recipient)).collect();
        let rows: Vec<_> = recipients
            .iter()
            .zip(&brought)
            .map(|(recipient, uidl)| RecipientRow {
                id: 0,
                maildrop: recipient.maildrop.get(),
                prefix: &recipient.prefix,
                uidl: uidl.as_ref().map_or(&[], |uidl| uidl.as_str().as_bytes()),
            })
            .collect();
        let mut extensions = provenance::encode(provenance, recipients, &content.known);
        if let Some(surrogate) = surrogate.filter(|_| content.utf8) {
            surrogate::encode(&mut extensions, surrogate, content.header_octets, placed);
        }
        let meta = Recipients::new(file_id, &rows, &extensions)
            .ok_or(StoreError::TooLarge { octets_max: u64::from(u32::MAX) })?;
        let kind = if file_id.is_some() { Kind::Big } else { Kind::Message };
        let head = Head {
            kind: kind.number(),
            flags: if content.utf8 { FLAG_UTF8 } else { 0 },
            segment: 0,
            place: 0,
            batch: 0,
            meta_length: u32::try_from(meta.octets.len()).unwrap_or(u32::MAX),
            body_length: content.length,
            body_octets: content.octets,
            time: content.time,
            header_length: u32::try_from(content.header_length).unwrap_or(u32::MAX),
            meta_crc: 0,
            body_crc: content.crc,
        };
        let share = |recipient: &&Recipient| Share {
            maildrop: recipient.maildrop,
            octets: content.octets.saturating_add(recipient.prefix.len() as u64),
            quota: recipient.quota,
            is_refused: false,
        };
        let (body, shares) = (content.wire.clone(), recipients.iter().map(share).collect());
        let brought = brought.into_iter().enumerate();
        let brought = brought.filter_map(|(number, uidl)| Some((number, uidl?))).collect();
        Ok(Self { head, meta, body, ids: Vec::new(), file_id, shares, replaces: None, brought })
    }

    /// Its unique-ids, but for those that are taken already: they are native then.
    pub(crate) fn keep_uidls<E>(
        &mut self,
        mut is_taken: impl FnMut(MaildropId, &Uidl) -> Result<bool, E>,
    ) -> Result<(), E> {
        let mut kept = Vec::with_capacity(self.brought.len());
        for (number, uidl) in std::mem::take(&mut self.brought) {
            let maildrop = self.shares.get(number).map(|share| share.maildrop);
            match maildrop.map(|maildrop| is_taken(maildrop, &uidl)).transpose()? {
                Some(false) => kept.push((number, uidl)),
                _ => self.meta.unname(number),
            }
        }
        self.brought = kept;
        Ok(())
    }

    /// What its copies were given, in the order of the recipients.
    pub(crate) fn given(&self) -> Vec<Given> {
        let keeps = |wanted| self.brought.iter().any(|(number, _)| *number == wanted);
        let ids = self.ids.iter().enumerate();
        ids.map(|(number, id)| Given { id: *id, keeps_uidl: keeps(number) }).collect()
    }

    /// How many octets its records have.
    pub(crate) fn size(&self) -> u64 {
        let replaced = self.replaces.as_ref().map_or(0, Destroyed::size);
        self.head.size().saturating_add(replaced)
    }
}
