//! A message on its way into the log of one shard.

use bytes::Bytes;
use mail_wire::{MaildropId, Quota};

use crate::error::StoreError;
use crate::log::meta::{Destroyed, RecipientRow, Recipients};
use crate::log::provenance::{self, Known};
use crate::log::record::{FLAG_UTF8, Head, Kind};
use crate::store::{Provenance, Recipient};

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
        recipients: &[&Recipient],
        provenance: &Provenance,
        file_id: Option<u64>,
    ) -> Result<Self, StoreError> {
        let rows: Vec<_> = recipients
            .iter()
            .map(|recipient| RecipientRow {
                id: 0,
                maildrop: recipient.maildrop.get(),
                prefix: &recipient.prefix,
                uidl: &[],
            })
            .collect();
        let extensions = provenance::encode(provenance, recipients, &content.known);
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
        Ok(Self { head, meta, body, ids: Vec::new(), file_id, shares, replaces: None })
    }

    /// How many octets its records have.
    pub(crate) fn size(&self) -> u64 {
        let replaced = self.replaces.as_ref().map_or(0, Destroyed::size);
        self.head.size().saturating_add(replaced)
    }
}
