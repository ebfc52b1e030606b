//! One message on its way out: read in slices, stuffed, cut, and ended — or not ended at all.
//!
//! A message that cannot be read to its end is never closed with a dot: the client would take
//! what it has for the whole, and delete the only copy (P-057).

use mail_wire::dot::{Stuffer, TopCut};
use mail_wire::{Form, MessageNumber};
use restante_store::{Body, Maildrop, Progress, StoreError};

use crate::net::buffers;
use crate::net::conn::{Connection, WriteError};

/// How much is read at a time, and how much output is gathered before it is written.
const SLICE_OCTETS: usize = 64 * 1024;

/// A message that was found, and its first slice.
pub(crate) struct Message {
    body: Body,
    slice: Vec<u8>,
    ended: bool,
    octets: u64,
}

/// Why a message was not sent to its end.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The store could not read on.
    Store(StoreError),
    /// It ended, but not where the listing said.
    Length { octets: u64 },
    /// The peer could not be written to.
    Peer(WriteError),
}

impl Message {
    /// Finds the message and reads its first slice, so that what cannot be read at all is
    /// answered with `-ERR` before any data.
    pub(crate) async fn open(
        maildrop: &mut dyn Maildrop,
        number: MessageNumber,
    ) -> Result<Self, StoreError> {
        let octets = maildrop.listing().get(number).map_or(0, |entry| entry.octets.get());
        let mut body = maildrop.read(number).await?;
        let mut slice = buffers::output();
        let ended = body.read(&mut slice, SLICE_OCTETS).await? == Progress::Ended;
        Ok(Self { body, slice, ended, octets })
    }

    /// Sends it: all of it, or (TOP) its header, the blank line and so many lines. Counts the
    /// octets that it was sent from as it goes, and answers whether these were all.
    pub(crate) async fn send(
        mut self,
        lines: Option<u64>,
        connection: &mut Connection,
        read: &mut u64,
    ) -> Result<bool, Broken> {
        let mut cut = lines.map(TopCut::new);
        let mut stuffer = Stuffer::default();
        while !self.ended {
            *read = read.saturating_add(u64::try_from(self.slice.len()).unwrap_or(u64::MAX));
            let wanted = cut.as_mut().map_or(self.slice.len(), |cut| cut.wanted(&self.slice));
            let wanted = self.slice.get(..wanted).unwrap_or_default();
            match self.body.form() {
                Form::Text => stuffer.stuff(wanted, &mut connection.output),
                Form::Wire => {
                    stuffer.pass(wanted);
                    connection.output.extend_from_slice(wanted);
                }
            }
            if cut.as_ref().is_some_and(TopCut::is_done) {
                break;
            }
            // Few messages are larger than a slice: the small ones of a pipelining client go
            // out together.
            if connection.output.len() >= SLICE_OCTETS {
                connection.flush().await.map_err(Broken::Peer)?;
            }
            self.slice.clear();
            let progress = self.body.read(&mut self.slice, SLICE_OCTETS).await;
            self.ended = progress.map_err(Broken::Store)? == Progress::Ended;
        }
        let whole = self.ended && lines.is_none() && self.body.form() == Form::Text;
        // A store completes a last line without CRLF, in the listing if not in the body.
        if whole && !(*read..=read.saturating_add(2)).contains(&self.octets) {
            return Err(Broken::Length { octets: *read });
        }
        stuffer.finish(&mut connection.output);
        Ok(self.ended && !cut.is_some_and(|cut| cut.is_done()))
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        buffers::recycle_output(std::mem::take(&mut self.slice));
    }
}
