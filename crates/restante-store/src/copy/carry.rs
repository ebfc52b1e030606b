//! Carries one maildrop from one store to another: its messages in their order, then what is
//! laid over them.

use mail_wire::dot::TopCut;
use mail_wire::{Form, MaildropId, MessageId, MessageNumber};

use crate::copy::each::{Pair, Teller};
use crate::copy::looked::{Looked, Text};
use crate::custody::Laid;
use crate::error::StoreError;
use crate::store::{Incoming, Maildrop, Origin, Recipient, Store, Surrogate};

/// Who hands copied messages over, for the journal, where nothing is known of who did at first.
const PEER: &str = "copy";

/// Carries one maildrop. Answers how many of its messages were there already.
pub(super) async fn carry(
    pair: Pair,
    maildrop: MaildropId,
    teller: Teller,
) -> Result<u64, StoreError> {
    let promises = pair.to.promises();
    let source = Looked::at(&*pair.from, maildrop).await?;
    let wanted = source.wanted(promises.custody);
    if wanted.is_empty() && pair.to.usage(maildrop).await?.messages == 0 {
        return Ok(0);
    }
    let mut there = ids_there(&*pair.to, &source, &wanted).await?;
    let before = there.len();
    for number in wanted.iter().take(before) {
        teller.tell(source.entry(*number)?.octets.get()).await;
    }
    for number in wanted.iter().skip(before) {
        let id = message(&pair, &source, *number, &teller).await;
        there.push(id.map_err(|fault| source.named(*number, fault))?);
    }
    if let Some(custody) = pair.to.custody() {
        let mut laid = Vec::new();
        for (number, id) in wanted.iter().zip(&there) {
            let over = source.laid(source.entry(*number)?.id);
            if over != Laid::default() {
                laid.push((*id, over));
            }
        }
        custody.lay(maildrop, laid).await?;
    }
    Ok(before as u64)
}

/// The messages that an interrupted copy brought to the target; none, and an empty maildrop, if
/// what is there is not how the source's begins.
async fn ids_there(
    to: &dyn Store,
    source: &Looked,
    wanted: &[MessageNumber],
) -> Result<Vec<MessageId>, StoreError> {
    let target = Looked::at(to, source.maildrop).await?;
    let mut ids = Vec::with_capacity(wanted.len());
    let mut is_alike = target.own.listing().len() <= wanted.len();
    for (entry, number) in target.own.listing().iter().zip(wanted) {
        let wanted = source.entry(*number)?;
        let laid = target.laid(entry.id);
        is_alike &= *entry.uidl.to_uidl().as_str() == *wanted.uidl.to_uidl().as_str()
            && (entry.octets, entry.utf8) == (wanted.octets, wanted.utf8)
            && (laid == Laid::default() || laid == source.laid(wanted.id));
        ids.push(entry.id);
    }
    if !is_alike {
        drop(target);
        to.remove(source.maildrop).await?;
        ids.clear();
    }
    Ok(ids)
}

/// Carries one message. Answers which it is in the target.
async fn message(
    pair: &Pair,
    source: &Looked,
    number: MessageNumber,
    teller: &Teller,
) -> Result<MessageId, StoreError> {
    let entry = source.entry(number)?;
    let uidl = entry.uidl.to_uidl();
    let Origin { accepted, mut provenance, address } = source.own.origin(number).await?;
    if provenance.peer.is_empty() {
        PEER.clone_into(&mut provenance.peer);
    }
    let whole = Recipient::new(source.maildrop, Vec::new());
    let recipient = Recipient { address, uidl: Some(uidl.clone()), ..whole };
    let incoming =
        Incoming { recipients: vec![recipient], form: Form::Text, utf8: entry.utf8, provenance };
    let mut delivery = pair.to.deliver(incoming).await?;
    if let Some(at) = accepted {
        delivery.accepted(at);
    }
    let mut text = Text::of(&*source.own, number).await?;
    while let Some(octets) = text.next().await? {
        delivery.write(octets)?;
        teller.tell(octets.len() as u64).await;
    }
    if let Some(ascii) = source.stand_in(number) {
        let header = header_of(ascii, number).await?;
        delivery.surrogate(Surrogate { header, prefixes: vec![Vec::new()] })?;
    }
    let outcome = delivery.commit().await.pop().unwrap_or(Err(StoreError::Unavailable));
    let stored = outcome?;
    let (octets, wanted) = (stored.octets.get(), entry.octets.get());
    if stored.uidl == uidl && octets == wanted {
        return Ok(stored.id);
    }
    Err(StoreError::Damaged {
        detail: format!(
            "it has {wanted} octets and became {} with {octets} in the target",
            stored.uidl
        ),
    })
}

/// A header as text, with the blank line.
async fn header_of(maildrop: &dyn Maildrop, number: MessageNumber) -> Result<Vec<u8>, StoreError> {
    let (mut cut, mut header) = (TopCut::new(0), Vec::new());
    let mut text = Text::of(maildrop, number).await?;
    while !cut.is_done()
        && let Some(octets) = text.next().await?
    {
        let wanted = cut.wanted(octets);
        header.extend_from_slice(octets.get(..wanted).unwrap_or_default());
    }
    Ok(header)
}
