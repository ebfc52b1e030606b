//! Compares one maildrop of two stores: all that a client can see of it, and what is laid over
//! it.

use mail_wire::{MaildropId, MessageNumber};
use sha2::{Digest, Sha256};

use crate::copy::each::{Pair, Teller};
use crate::copy::looked::{Looked, Text, to_millis};
use crate::error::StoreError;
use crate::store::Maildrop;

/// Compares one maildrop. Both are read anew.
///
/// # Errors
/// [`StoreError::Refused`] if they are not alike.
pub(super) async fn compare(
    pair: Pair,
    maildrop: MaildropId,
    teller: Teller,
) -> Result<(), StoreError> {
    let promises = pair.to.promises();
    let source = Looked::at(&*pair.from, maildrop).await?;
    let wanted = source.wanted(promises.custody);
    if wanted.is_empty() && pair.to.usage(maildrop).await?.messages == 0 {
        return Ok(());
    }
    let target = Looked::at(&*pair.to, maildrop).await?;
    let (has, of) = (target.own.listing().len(), wanted.len());
    if has != of {
        return Err(differs(maildrop, &format!("it holds {has} messages, the source {of}")));
    }
    for (place, number) in wanted.iter().enumerate() {
        let copy = MessageNumber::from_index(place).ok_or(StoreError::Unavailable)?;
        let messages = Messages { source: &source, number: *number, target: &target, copy };
        messages.compare(promises.custody, promises.surrogates).await?;
        teller.tell(source.entry(*number)?.octets.get()).await;
    }
    let (has, of) = (pair.to.usage(maildrop).await?, pair.from.usage(maildrop).await?);
    if has != of {
        return Err(differs(maildrop, &format!("it counts {has:?} for its quota, not {of:?}")));
    }
    Ok(())
}

/// A message, and its copy.
struct Messages<'a> {
    source: &'a Looked,
    number: MessageNumber,
    target: &'a Looked,
    copy: MessageNumber,
}

impl Messages<'_> {
    async fn compare(&self, custody: bool, surrogates: bool) -> Result<(), StoreError> {
        let Self { source, number, target, copy } = *self;
        let (of, is) = (source.entry(number)?, target.entry(copy)?);
        let uidl = of.uidl.to_uidl();
        let differs = |what: &str| {
            Err(differs(source.maildrop, &format!("message {}: {what}", uidl.as_str())))
        };
        if *is.uidl.to_uidl().as_str() != *uidl.as_str() {
            return differs("another unique-id is at its place");
        }
        if (is.octets, is.utf8) != (of.octets, of.utf8) {
            return differs("it has another size");
        }
        if digest(source, &*source.own, number).await? != digest(target, &*target.own, copy).await?
        {
            return differs("it has other octets");
        }
        if surrogates {
            let (of, is) = (source.stand_in(number), target.stand_in(copy));
            let of = match of {
                Some(stand_in) => Some(digest(source, stand_in, number).await?),
                None => None,
            };
            let is = match is {
                Some(stand_in) => Some(digest(target, stand_in, copy).await?),
                None => None,
            };
            if of != is {
                return differs("it has another stand-in");
            }
        }
        if custody {
            if source.laid(of.id) != target.laid(is.id) {
                return differs("other things are laid over it");
            }
            let (of, is) = (source.own.origin(number).await?, target.own.origin(copy).await?);
            if of.accepted.is_some() && of.accepted.map(to_millis) != is.accepted.map(to_millis) {
                return differs("it was accepted at another time");
            }
        }
        Ok(())
    }
}

async fn digest(
    looked: &Looked,
    maildrop: &dyn Maildrop,
    number: MessageNumber,
) -> Result<([u8; 32], u64), StoreError> {
    let (mut digest, mut count) = (Sha256::new(), 0_u64);
    let named = |fault| looked.named(number, fault);
    let mut text = Text::of(maildrop, number).await.map_err(named)?;
    while let Some(octets) = text.next().await.map_err(named)? {
        digest.update(octets);
        count = count.saturating_add(octets.len() as u64);
    }
    Ok((digest.finalize().into(), count))
}

fn differs(maildrop: MaildropId, what: &str) -> StoreError {
    StoreError::Refused {
        detail: format!(
            "the copy is not like the source: maildrop {maildrop}: {what}; if mail came into the \
             source or left it meanwhile, do it again"
        ),
    }
}
