//! Deliveries and sessions in a line each, with errors as sentences.

use mail_wire::{Form, MaildropId, MessageNumber};

use crate::body::Progress;
use crate::store::{Incoming, Maildrop, Provenance, Recipient, Store, Stored};
use crate::view::View;

/// The maildrop that most tests use.
pub(crate) const OURS: MaildropId = MaildropId::new(7);

/// One recipient without a prefix.
pub(crate) fn to(maildrop: MaildropId) -> Vec<Recipient> {
    vec![Recipient::new(maildrop, Vec::new())]
}

/// Delivers in these pieces, and demands success for every recipient.
pub(crate) async fn deliver_pieces(
    store: &dyn Store,
    incoming: Incoming,
    pieces: impl IntoIterator<Item = &[u8]> + Send,
) -> Result<Vec<Stored>, String> {
    let recipients = incoming.recipients.len();
    let mut delivery = store.deliver(incoming).await.map_err(|e| format!("deliver: {e}"))?;
    for piece in pieces {
        delivery.write(piece).map_err(|e| format!("write: {e}"))?;
    }
    let outcomes = delivery.commit().await;
    demand(outcomes.len() == recipients, || format!("{} outcomes", outcomes.len()))?;
    outcomes.into_iter().map(|outcome| outcome.map_err(|e| format!("commit: {e}"))).collect()
}

/// Delivers text to one maildrop.
pub(crate) async fn deliver(
    store: &dyn Store,
    maildrop: MaildropId,
    text: &[u8],
) -> Result<Stored, String> {
    let incoming = Incoming {
        recipients: to(maildrop),
        form: Form::Text,
        utf8: false,
        provenance: Provenance::default(),
    };
    let mut stored = deliver_pieces(store, incoming, [text]).await?;
    stored.pop().ok_or_else(|| "no outcome".into())
}

/// Delivers short messages that differ, and answers with their texts.
pub(crate) async fn deliver_some(
    store: &dyn Store,
    maildrop: MaildropId,
    messages: usize,
) -> Result<Vec<Vec<u8>>, String> {
    let mut texts = Vec::with_capacity(messages);
    for number in 0..messages {
        let text = format!("Subject: {number}\r\n\r\nmessage {number}\r\n").into_bytes();
        deliver(store, maildrop, &text).await?;
        texts.push(text);
    }
    Ok(texts)
}

/// Opens a maildrop.
pub(crate) async fn open(
    store: &dyn Store,
    maildrop: MaildropId,
) -> Result<Box<dyn Maildrop>, String> {
    store.open(maildrop, View::default()).await.map_err(|e| format!("open: {e}"))
}

/// Opens a maildrop with this view.
pub(crate) async fn open_as(
    store: &dyn Store,
    maildrop: MaildropId,
    view: View,
) -> Result<Box<dyn Maildrop>, String> {
    store.open(maildrop, view).await.map_err(|e| format!("open: {e}"))
}

/// The numbers that these are.
pub(crate) fn numbers(numbers: &[u32]) -> Vec<MessageNumber> {
    numbers.iter().filter_map(|number| MessageNumber::new(*number)).collect()
}

/// Reads one message, and demands that it has the octets that are listed (P-043).
pub(crate) async fn read(
    maildrop: &dyn Maildrop,
    number: MessageNumber,
) -> Result<Vec<u8>, String> {
    let entry = maildrop.listing().get(number).ok_or("no such number")?;
    let octets = entry.octets.get();
    let mut body = maildrop.read(number).await.map_err(|e| format!("read {number}: {e}"))?;
    let form = body.form();
    let mut text = Vec::new();
    loop {
        match body.read(&mut text, 5000).await.map_err(|e| format!("read {number}: {e}"))? {
            Progress::Octets(_) => {}
            Progress::Ended => break,
            Progress::Cold => return Err("a read that may wait says cold".into()),
        }
    }
    if form == Form::Wire {
        text = unstuffed(&text);
    }
    let length = text.len() as u64;
    demand(length == octets, || format!("{number} has {length} octets, listed are {octets}"))?;
    Ok(text)
}

/// Reads all messages.
pub(crate) async fn read_all(maildrop: &dyn Maildrop) -> Result<Vec<Vec<u8>>, String> {
    let mut texts = Vec::new();
    for index in 0..maildrop.listing().len() {
        let number = MessageNumber::from_index(index).ok_or("too many messages")?;
        texts.push(read(maildrop, number).await?);
    }
    Ok(texts)
}

/// All unique-ids, in order.
pub(crate) fn uidls(maildrop: &dyn Maildrop) -> Vec<String> {
    maildrop.listing().iter().map(|entry| entry.uidl.to_string()).collect()
}

/// What must be so.
pub(crate) fn demand(is_so: bool, seen: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(seen()) }
}

fn unstuffed(wire: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(wire.len());
    let mut at_line_start = true;
    for octet in wire {
        if !at_line_start || *octet != b'.' {
            text.push(*octet);
        }
        at_line_start = *octet == b'\n';
    }
    text
}
