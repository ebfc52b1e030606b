//! Looks at a store: what each maildrop holds, octet by octet.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use mail_wire::{Form, MaildropId, MessageNumber};
use restante_store::custody::WithheldMessage;
use restante_store::{Body, Maildrop, Progress, Store, StoreError, View};

use crate::laid::Laid;
use crate::message::{plain, unstuffed};

/// One message as it is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: u64,
    pub(crate) uidl: String,
    /// As it is listed.
    pub(crate) octets: u64,
    /// As text; or why it could not be read.
    pub(crate) text: Result<Vec<u8>, String>,
    /// The same, listed and read, for who may not see raw UTF-8, if that was looked at.
    pub(crate) plain: Option<(u64, Result<Vec<u8>, String>)>,
}

/// One message that is not listed for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Withheld {
    pub(crate) id: u64,
    pub(crate) uidl: String,
    pub(crate) octets: u64,
    pub(crate) laid: Laid,
}

/// The answer of something that never has to wait here.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

/// Opens a maildrop in this view.
pub(crate) fn open(
    store: &dyn Store,
    maildrop: u64,
    view: View,
) -> Result<Box<dyn Maildrop>, StoreError> {
    let opening = store.open(MaildropId::new(maildrop), view);
    at_once(opening).unwrap_or(Err(StoreError::Unavailable))
}

/// All that a maildrop holds.
pub(crate) fn all(store: &dyn Store, number: u64) -> Result<Vec<Seen>, StoreError> {
    let maildrop = open(store, number, View::default())?;
    let mut seen = Vec::with_capacity(maildrop.listing().len());
    for entry in maildrop.listing().iter() {
        seen.push(Seen {
            id: entry.id.get(),
            uidl: entry.uidl.to_string(),
            octets: entry.octets.get(),
            text: read(&*maildrop, entry.number).map_err(|fault| fault.to_string()),
            plain: None,
        });
    }
    let has_stand_in = |one: &Seen| one.text.as_ref().is_ok_and(|text| plain(text) != *text);
    if seen.iter().any(has_stand_in) {
        let maildrop = open(store, number, View { utf8: false, ..View::default() })?;
        for (seen, entry) in seen.iter_mut().zip(maildrop.listing().iter()) {
            let text = read(&*maildrop, entry.number).map_err(|fault| fault.to_string());
            seen.plain = Some((entry.octets.get(), text));
        }
    }
    Ok(seen)
}

/// All that a maildrop withholds from somebody.
pub(crate) fn withheld(store: &dyn Store, maildrop: u64) -> Result<Vec<Withheld>, StoreError> {
    let Some(custody) = store.custody() else { return Ok(Vec::new()) };
    let all = at_once(custody.withheld(MaildropId::new(maildrop)));
    let all = all.unwrap_or(Err(StoreError::Unavailable))?;
    Ok(all.iter().map(of).collect())
}

fn of(message: &WithheldMessage) -> Withheld {
    let laid = Laid {
        is_gone: false,
        is_held: message.held_until.is_some(),
        is_aside: message.set_aside.is_some(),
        hidden: message.hidden_from.iter().copied().collect(),
    };
    let (id, octets) = (message.id.get(), message.octets.get());
    Withheld { id, uidl: message.uidl.to_string(), octets, laid }
}

/// One message, as text.
pub(crate) fn read(maildrop: &dyn Maildrop, number: MessageNumber) -> Result<Vec<u8>, StoreError> {
    let mut body = begin(maildrop, number)?;
    let mut octets = Vec::new();
    while piece(&mut body, &mut octets, 4000)? {}
    Ok(text_of(&body, octets))
}

/// The body of a message.
pub(crate) fn begin(maildrop: &dyn Maildrop, number: MessageNumber) -> Result<Body, StoreError> {
    at_once(maildrop.read(number)).unwrap_or(Err(StoreError::Unavailable))
}

/// The next piece of a body; answers whether there was one.
pub(crate) fn piece(
    body: &mut Body,
    octets: &mut Vec<u8>,
    octets_max: usize,
) -> Result<bool, StoreError> {
    match body.try_read(octets, octets_max)? {
        Progress::Octets(_) => Ok(true),
        Progress::Ended => Ok(false),
        Progress::Cold => Err(StoreError::Unavailable),
    }
}

/// What was read, as text.
pub(crate) fn text_of(body: &Body, octets: Vec<u8>) -> Vec<u8> {
    if body.form() == Form::Wire { unstuffed(&octets) } else { octets }
}
