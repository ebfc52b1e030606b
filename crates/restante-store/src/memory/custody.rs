//! What the store in memory remembers of messages.

use std::time::SystemTime;

use mail_wire::{MaildropId, MessageId, Retention, Uidl};

use crate::custody::{
    Aside, Cause, Custody, Happened, JournalEntry, Laid, Note, Noted, Offer, WithheldMessage,
};
use crate::error::StoreError;
use crate::memory::maildrops::Actor;
use crate::memory::store::MemoryStore;
use crate::pending::Pending;

impl Custody for MemoryStore {
    fn withheld(
        &self,
        maildrop: MaildropId,
    ) -> Pending<'_, Result<Vec<WithheldMessage>, StoreError>> {
        Box::pin(async move { Ok(self.shared.with(|all| all.withheld(maildrop))) })
    }

    fn laid(
        &self,
        maildrop: MaildropId,
    ) -> Pending<'_, Result<Vec<(MessageId, Laid)>, StoreError>> {
        Box::pin(async move { Ok(self.shared.with(|all| all.laid(maildrop))) })
    }

    fn lay(
        &self,
        maildrop: MaildropId,
        laid: Vec<(MessageId, Laid)>,
    ) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.shared.with(|all| {
                for (message, laid) in laid {
                    all.lay(maildrop, message, laid);
                }
            });
            Ok(())
        })
    }

    fn restore(
        &self,
        maildrop: MaildropId,
        messages: Vec<MessageId>,
        offer: Offer,
    ) -> Pending<'_, Result<Vec<Uidl>, StoreError>> {
        Box::pin(async move {
            let restored = self.shared.with(|all| {
                let one = |id| match offer {
                    Offer::AsItWas => Ok(all.restore(maildrop, id)),
                    Offer::AsNew => all.renew(maildrop, id),
                };
                messages.into_iter().map(one).collect::<Result<Vec<_>, _>>()
            })?;
            self.shared.arrivals.announce([maildrop]);
            restored.into_iter().collect::<Option<Vec<_>>>().ok_or_else(absent)
        })
    }

    fn release(
        &self,
        maildrop: MaildropId,
        messages: Vec<MessageId>,
    ) -> Pending<'_, Result<usize, StoreError>> {
        Box::pin(async move {
            Ok(self.shared.with(|all| {
                let held = all.held(maildrop, &messages);
                for id in &held {
                    all.destroy(maildrop, *id, &Actor::default(), Cause::Removed);
                }
                held.len()
            }))
        })
    }

    fn set_aside(
        &self,
        maildrop: MaildropId,
        message: MessageId,
        reason: Aside,
    ) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let is_there = self.shared.with(|all| all.set_aside(maildrop, message, reason));
            if is_there { Ok(()) } else { Err(absent()) }
        })
    }

    fn died(
        &self,
        maildrop: MaildropId,
        message: MessageId,
    ) -> Pending<'_, Result<u32, StoreError>> {
        Box::pin(
            async move { self.shared.with(|all| all.died(maildrop, message)).ok_or_else(absent) },
        )
    }

    fn survived(
        &self,
        maildrop: MaildropId,
        message: MessageId,
    ) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.shared.with(|all| all.survived(maildrop, message));
            Ok(())
        })
    }

    fn note(&self, maildrop: MaildropId, note: Note) {
        let Note { message, credential, peer, what } = note;
        self.shared.with(|all| {
            if let (Some(id), Noted::Retrieved { complete: true, .. }) = (message, what) {
                all.retrieved(maildrop, id);
            }
            let actor = Actor { credential: Some(credential), peer };
            all.note(maildrop, message, &actor, Happened::Noted(what));
        });
    }

    fn expire(
        &self,
        maildrop: MaildropId,
        retention: Option<Retention>,
    ) -> Pending<'_, Result<usize, StoreError>> {
        Box::pin(async move { Ok(self.shared.with(|all| all.expire(maildrop, retention))) })
    }

    fn journal(
        &self,
        maildrop: MaildropId,
        since: Option<SystemTime>,
    ) -> Pending<'_, Result<Vec<JournalEntry>, StoreError>> {
        Box::pin(async move { Ok(self.shared.with(|all| all.journal(maildrop, since))) })
    }
}

fn absent() -> StoreError {
    StoreError::Absent { detail: "it was destroyed, or never there".into() }
}
