//! Puts the sample messages into the maildrop by LMTP, the way all mail comes in.

use std::net::{SocketAddr, TcpStream};

use crate::handover::lmtp::{Envelope, hand_over};
use crate::handover::message::Message;
use crate::handover::outcome::Fate;
use crate::handover::path::Path;
use crate::output::Failure;
use crate::trial::samples::samples;

/// More than the largest sample.
const OCTETS_MAX: u64 = 16 << 20;

/// Delivers all samples to an address, in their order.
pub(crate) async fn deliver_samples(lmtp: SocketAddr, recipient: &str) -> Result<(), Failure> {
    let recipient = recipient.to_owned();
    tokio::task::spawn_blocking(move || deliver_all(lmtp, &recipient))
        .await
        .map_err(|error| Failure::new(format!("the sample messages were not delivered: {error}")))?
}

fn deliver_all(lmtp: SocketAddr, recipient: &str) -> Result<(), Failure> {
    for sample in samples() {
        deliver(lmtp, recipient, &sample.octets).map_err(|reason| {
            Failure::new(format!(
                "the sample message `{}` was not delivered: {reason}",
                sample.about
            ))
        })?;
    }
    Ok(())
}

fn deliver(lmtp: SocketAddr, recipient: &str, octets: &[u8]) -> Result<(), String> {
    let message = Message::read(octets, OCTETS_MAX).map_err(|error| error.to_string())?;
    let path = Path::recipient(recipient, None).map_err(|error| error.to_string())?;
    let sender = Path::sender("restante@localhost").map_err(|error| error.to_string())?;
    let recipients = [(recipient.to_owned(), path)];
    let envelope = Envelope { hostname: "localhost", sender: &sender, recipients: &recipients };
    let stream = TcpStream::connect(lmtp).map_err(|error| error.to_string())?;
    match hand_over(stream, &envelope, &message).pop().map(|outcome| outcome.fate) {
        Some(Fate::Delivered) => Ok(()),
        Some(Fate::Temporary(reason) | Fate::Refused { reason, .. }) => Err(reason),
        None => Err("there was no reply".to_owned()),
    }
}
