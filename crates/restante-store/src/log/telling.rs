//! What a record tells of one maildrop, as entries of its journal.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mail_wire::{MessageId, Uidl};

use crate::custody::{Cause, Happened, JournalEntry};
use crate::log::actor::Actor;
use crate::log::disk::read_exact_at;
use crate::log::event::{self, ACCEPTED, AcceptedOnce, DESTROYED, Event};
use crate::log::extensions::Extensions;
use crate::log::identity::Tags;
use crate::log::mark::{ASIDE, DEATHS, HELD, HIDDEN, Mark, Said, reason_of};
use crate::log::meta::{Destroyed, RecipientRow, message};
use crate::log::provenance::{self, MESSAGE_ID_OCTETS_MAX, MessageIdAt, Origin};
use crate::log::record::Kind;
use crate::log::scan::{Record, Scan};

/// One entry, and what makes it the same as another: copies of it may stand in several places.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) same: Same,
    pub(crate) entry: JournalEntry,
}

/// What happens once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Same {
    /// The message was accepted.
    Accepted(u64),
    /// The message was destroyed.
    Destroyed(u64),
    /// The note with this number.
    Noted(u64),
    /// The mark of a message with this stamp.
    Marked(u64, u64),
    /// The message was restored at this time.
    Restored(u64, u64),
}

/// Adds what a record tells of this maildrop.
pub(crate) fn tell(
    scan: &Scan<'_>,
    record: &Record,
    maildrop: u64,
    tags: &Tags,
    told: &mut Vec<Told>,
) {
    let Record { head, meta, .. } = record;
    match Kind::of(head.kind) {
        Some(Kind::Message | Kind::Big | Kind::Move) => {
            let Some(message) = message(head, meta) else { return };
            for (number, row) in message.rows.iter().enumerate() {
                if row.maildrop == maildrop && row.id != 0 {
                    let origin = origin(scan, record, message.extensions, &message.rows, number);
                    let octets = head.body_octets.saturating_add(row.prefix.len() as u64);
                    told.push(accepted(tags, row.id, row.uidl, head.time, octets, origin));
                }
            }
        }
        Some(Kind::Destroy) => {
            let Some(destroyed) = Destroyed::decode(meta) else { return };
            if destroyed.maildrop == maildrop {
                let actor = Extensions::decode(&destroyed.extensions).and_then(Actor::told);
                let ids = destroyed.copies.iter().map(|(id, _)| *id);
                told.extend(ids.map(|id| gone(id, head.time, actor.clone())));
            }
        }
        Some(Kind::Event) => tell_events(meta, maildrop, tags, told),
        Some(Kind::Mark) => {
            if let Some(mark) = Mark::decode(meta).filter(|mark| mark.maildrop == maildrop) {
                tell_mark(&mark, head.time, told);
            }
        }
        Some(Kind::Epoch | Kind::Seal) | None => {}
    }
}

/// Adds what the entries of an EVENT tell of this maildrop.
pub(crate) fn tell_events(meta: &[u8], maildrop: u64, tags: &Tags, told: &mut Vec<Told>) {
    let ours = event::all(meta).filter(|event| event.maildrop == maildrop);
    told.extend(ours.filter_map(|event| tell_event(&event, tags)));
}

fn tell_event(event: &Event<'_>, tags: &Tags) -> Option<Told> {
    match event.what {
        ACCEPTED => {
            let AcceptedOnce { octets, uidl, extensions } = AcceptedOnce::decode(event.octets)?;
            let origin = provenance::decode(Extensions::decode(extensions)?, &[], 0);
            Some(accepted(tags, event.id, uidl, event.time, octets, origin))
        }
        DESTROYED => Some(gone(event.id, event.time, Actor::decode(event.octets))),
        _ => {
            let said = event::said(event)?;
            Some(Told {
                same: Same::Noted(said.number),
                entry: JournalEntry {
                    at: time(event.time),
                    message: Some(event.id).filter(|id| *id != 0).map(MessageId::new),
                    uidl: None,
                    credential: Some(said.credential),
                    peer: said.peer,
                    what: Happened::Noted(said.what),
                },
            })
        }
    }
}

/// From where one recipient's copy came, its Message-ID written out.
pub(crate) fn origin(
    scan: &Scan<'_>,
    record: &Record,
    extensions: Extensions<'_>,
    rows: &[RecipientRow<'_>],
    recipient: usize,
) -> Origin {
    let mut origin = provenance::decode(extensions, rows, recipient);
    if let Some(MessageIdAt::Body(offset, length)) = origin.known.message_id {
        let text = message_id(scan, record, u64::from(offset), usize::from(length));
        origin.known.message_id = text.map(MessageIdAt::Text);
    }
    origin
}

/// The body is not checked for that: what is no Message-ID is left out.
fn message_id(scan: &Scan<'_>, record: &Record, offset: u64, length: usize) -> Option<Vec<u8>> {
    let head = &record.head;
    let is_inside = offset.checked_add(length as u64)? <= head.body_length && !head.is_big();
    if !is_inside || length > MESSAGE_ID_OCTETS_MAX {
        return None;
    }
    let mut text = vec![0; length];
    let at = record.at.checked_add(head.body_at())?.checked_add(offset)?;
    read_exact_at(scan.file, &mut text, at).ok()?;
    text.iter().all(u8::is_ascii_graphic).then_some(text)
}

fn accepted(tags: &Tags, id: u64, uidl: &[u8], at: u64, octets: u64, origin: Origin) -> Told {
    let Origin { peer, sender, address, known } = origin;
    let message_id = match known.message_id {
        Some(MessageIdAt::Text(text)) => Some(String::from_utf8_lossy(&text).into_owned()),
        Some(MessageIdAt::Body(..)) | None => None,
    };
    let brought = if uidl.is_empty() { None } else { Uidl::new(uidl).ok() };
    Told {
        same: Same::Accepted(id),
        entry: JournalEntry {
            at: time(at),
            message: Some(MessageId::new(id)),
            uidl: Some(brought.unwrap_or_else(|| tags.of(id).uidl(id))),
            credential: None,
            peer: Some(peer).filter(|peer| !peer.is_empty()),
            what: Happened::Accepted {
                sender,
                recipient: address,
                octets,
                digest: known.digest,
                message_id,
            },
        },
    }
}

fn gone(id: u64, at: u64, actor: Option<Actor>) -> Told {
    let Actor { credential, cause, peer } = actor.unwrap_or_default();
    Told {
        same: Same::Destroyed(id),
        entry: JournalEntry {
            at: time(at),
            message: Some(MessageId::new(id)),
            uidl: None,
            credential,
            peer,
            what: Happened::Destroyed { cause: cause.unwrap_or(Cause::Unknown) },
        },
    }
}

/// What is told of a mark that is of interest to people.
fn tell_mark(mark: &Mark, at: u64, told: &mut Vec<Told>) {
    let Said { stamp, value } = mark.said;
    let what = match (mark.aspect, value) {
        (HIDDEN | HELD | ASIDE, 0) => Happened::Restored,
        (HIDDEN, _) => Happened::Hidden,
        (HELD, until) => Happened::Held { until: time(until) },
        (ASIDE, reason) => Happened::SetAside { reason: reason_of(reason) },
        (DEATHS, deaths) if deaths > 0 => {
            Happened::Died { deaths: u32::try_from(deaths).unwrap_or(u32::MAX) }
        }
        _ => return,
    };
    let actor = Extensions::decode(&mark.extensions).and_then(Actor::told).unwrap_or_default();
    for id in &mark.ids {
        // One act takes away all that is laid over a message.
        let same = match what {
            Happened::Restored => Same::Restored(*id, at),
            _ => Same::Marked(*id, stamp),
        };
        let entry = JournalEntry {
            at: time(at),
            message: Some(MessageId::new(*id)),
            uidl: None,
            credential: actor.credential,
            peer: actor.peer.clone(),
            what: what.clone(),
        };
        told.push(Told { same, entry });
    }
}

/// A time in milliseconds since 1970; one that no clock can say is the beginning.
pub(crate) fn time(millis: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis)).unwrap_or(UNIX_EPOCH)
}
