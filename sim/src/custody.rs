//! What is asked of a store's custody, and as whom a device looks.

use std::time::Duration;

use mail_wire::{Delete, MaildropId, MessageId, Views};
use restante_store::custody::{Aside, Custody, Note, Noted, Offer};
use restante_store::log::LogStore;
use restante_store::{StoreError, View};

use crate::flying::Answer;
use crate::laid::{DEVICES, Effect, How};

/// Asks for this, of these messages; what is destroyed by its time is for the store to know.
pub(crate) async fn ask(
    store: LogStore,
    of: MaildropId,
    effect: Effect,
    ids: Vec<MessageId>,
) -> Answer {
    Answer::Done(match (effect, ids.first()) {
        (Effect::Restore, _) => present(store.restore(of, ids, Offer::AsItWas).await.map(drop)),
        (Effect::SetAside, Some(id)) => present(store.set_aside(of, *id, Aside::Asked).await),
        (Effect::Release, _) => store.release(of, ids).await.map(drop),
        _ => store.expire(of, None).await.map(drop),
    })
}

/// Something is noted, which the journal may lose.
pub(crate) fn note(store: &LogStore, of: u64, messages: u64) {
    let what = Noted::Listed { messages };
    let note = Note { message: None, credential: 1, peer: None, what };
    store.note(MaildropId::new(of), note);
}

/// As whom a device looks, whose deletions do this.
pub(crate) fn view(device: u64, how: How) -> View {
    // A century: the clock of a life does not go so far, and what is held stays so.
    let hold = Delete::Hold(Duration::from_hours(876_000));
    let others = DEVICES.iter().copied().filter(|other| *other != device).collect();
    let (delete, views) = match how {
        How::Hold => (hold, Views::Shared),
        How::Hide => (Delete::Destroy, Views::PerCredential),
        How::HideThenHold => (hold, Views::PerCredential),
    };
    View { credential: device, delete, views, others, ..View::default() }
}

/// Of messages that are gone the rest was done.
fn present(outcome: Result<(), StoreError>) -> Result<(), StoreError> {
    match outcome {
        Err(StoreError::Absent { .. }) => Ok(()),
        outcome => outcome,
    }
}
