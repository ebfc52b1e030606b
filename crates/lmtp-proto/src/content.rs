//! A message being received: octets go to the delivery until the end, or until it is refused.

use crate::ask::{Ask, Failure, Next};
use crate::command::Chunk;
use crate::conversation::Conversation;
use crate::data::{ChunkReader, DataReader, Piece};
use crate::reply::Reply;
use crate::state::{AfterAbort, Asked, Chunking, Fate, Mail, Message, Refused, Skip, State};

/// Where the session goes, and what the driver has to do on the way.
type Step<'i> = (State, Option<Next<'i>>);

/// The driver has said whether the delivery could begin: DATA is answered.
pub(crate) fn begun_data(
    conversation: &Conversation,
    recipients: usize,
    answer: Result<(), Failure>,
    output: &mut Vec<u8>,
) -> State {
    match answer {
        Ok(()) => {
            Reply::SEND_MESSAGE.write(output);
            let reader = DataReader::new(conversation.policy.bare_line_ends);
            State::Data(Message { recipients, reader, fate: Fate::Taken })
        }
        // One reply, to DATA itself: no message follows.
        Err(failure) => {
            Reply::failure(failure).write(output);
            State::Ready(Mail::Idle)
        }
    }
}

/// The driver has said whether the delivery could begin: the first chunk follows anyway.
pub(crate) fn begun_chunk(
    conversation: &Conversation,
    recipients: usize,
    chunk: Chunk,
    answer: Result<(), Failure>,
) -> State {
    let fate = match answer {
        Ok(()) => Fate::Taken,
        Err(failure) => Fate::Discarded(Refused::Failure(failure)),
    };
    let reader = ChunkReader::new(conversation.policy.bare_line_ends);
    let message = Message { recipients, reader, fate };
    State::Chunk(Chunking { message, left: chunk.octets, last: chunk.last })
}

/// Takes octets of a message up to CRLF `.` CRLF.
pub(crate) fn data<'i>(
    conversation: &mut Conversation,
    mut message: Message<DataReader>,
    input: &mut &'i [u8],
    output: &mut Vec<u8>,
) -> Step<'i> {
    loop {
        if let Fate::Refused(why) = message.fate {
            message.fate = Fate::Discarded(why);
            return abort(AfterAbort::Data(message));
        }
        match message.reader.next(input) {
            Piece::More => return (State::Data(message), Some(Next::NeedInput)),
            Piece::BareLineEnd => message.refuse(Refused::BareLineEnd),
            Piece::Octets(octets) => {
                let count = message.reader.octets();
                if message.takes(count, conversation.policy.limits.message_octets_max) {
                    return (State::Data(message), Some(Next::Take(octets)));
                }
            }
            Piece::End => {
                let octets = message.reader.octets();
                return ended(conversation, message.recipients, message.fate, octets, output);
            }
        }
    }
}

/// Takes octets of a chunk.
pub(crate) fn chunk<'i>(
    conversation: &mut Conversation,
    mut chunking: Chunking,
    input: &mut &'i [u8],
    output: &mut Vec<u8>,
) -> Step<'i> {
    loop {
        let message = &mut chunking.message;
        if let Fate::Refused(why) = message.fate {
            message.fate = Fate::Discarded(why);
            return abort(AfterAbort::Chunk(chunking));
        }
        let mut piece = message.reader.next(&mut chunking.left, input);
        if piece == Piece::End && chunking.last {
            piece = message.reader.finish();
        }
        match piece {
            Piece::More => return (State::Chunk(chunking), Some(Next::NeedInput)),
            Piece::BareLineEnd => message.refuse(Refused::BareLineEnd),
            Piece::Octets(octets) => {
                let count = message.reader.octets();
                if message.takes(count, conversation.policy.limits.message_octets_max) {
                    return (State::Chunk(chunking), Some(Next::Take(octets)));
                }
            }
            Piece::End if chunking.last => {
                let octets = message.reader.octets();
                return ended(conversation, message.recipients, message.fate, octets, output);
            }
            Piece::End => {
                // RFC 3030 §2: 250 to each chunk that was taken; after one that was not, each
                // further one is refused too, and its octets are gone.
                match message.fate {
                    Fate::Taken => Reply::CHUNK_OK,
                    Fate::Refused(why) | Fate::Discarded(why) => why.reply(),
                }
                .write(output);
                return (State::Ready(Mail::Chunks(chunking.message)), None);
            }
        }
    }
}

/// Throws a chunk away that belongs to no message.
pub(crate) fn skip<'i>(mut skip: Skip, input: &mut &'i [u8], output: &mut Vec<u8>) -> Step<'i> {
    let length = usize::try_from(skip.left).map_or(input.len(), |left| left.min(input.len()));
    *input = input.get(length..).unwrap_or_default();
    skip.left = skip.left.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX));
    if skip.left > 0 {
        return (State::Skip(skip), Some(Next::NeedInput));
    }
    if let Some(reply) = skip.reply {
        reply.write(output);
    }
    (State::Ready(skip.mail), None)
}

/// The message is complete.
fn ended<'i>(
    conversation: &mut Conversation,
    recipients: usize,
    fate: Fate,
    octets: u64,
    output: &mut Vec<u8>,
) -> Step<'i> {
    match fate {
        Fate::Taken => {
            (State::Asked(Asked::Commit { recipients, octets }), Some(Next::Ask(Ask::Commit)))
        }
        Fate::Refused(why) | Fate::Discarded(why) => {
            conversation.refused(recipients, why, output);
            (State::Ready(Mail::Idle), None)
        }
    }
}

fn abort<'i>(after: AfterAbort) -> Step<'i> {
    (State::Asked(Asked::Abort(after)), Some(Next::Ask(Ask::Abort)))
}

impl<Reader> Message<Reader> {
    fn refuse(&mut self, why: Refused) {
        if self.fate == Fate::Taken {
            self.fate = Fate::Refused(why);
        }
    }

    /// Whether the delivery gets the next octets, `count` of the message being read by now
    /// (RFC 1870 §6.3, P-208: what was declared is not believed).
    fn takes(&mut self, count: u64, octets_max: u64) -> bool {
        if count > octets_max {
            self.refuse(Refused::Failure(Failure::TooLarge));
        }
        self.fate == Fate::Taken
    }
}
