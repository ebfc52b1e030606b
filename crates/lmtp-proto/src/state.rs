//! Where a session stands. A state holds only what is known in it, and each transition
//! consumes it.

use crate::ask::{Failure, Reason};
use crate::command::Chunk;
use crate::data::{ChunkReader, DataReader};
use crate::params::MailParameters;
use crate::path::{ForwardPath, ReversePath};
use crate::reply::Reply;

/// The whole session.
#[derive(Debug)]
pub(crate) enum State {
    /// A command may come.
    Ready(Mail),
    /// The driver was asked something.
    Asked(Asked),
    /// A message is being read, up to CRLF `.` CRLF.
    Data(Message<DataReader>),
    /// A chunk of a message is being read.
    Chunk(Chunking),
    /// A chunk that belongs to no message is being thrown away, to keep in step (P-209).
    Skip(Skip),
    /// Over.
    Closed(Reason),
}

/// The mail transaction.
#[derive(Debug)]
pub(crate) enum Mail {
    /// There is none.
    Idle,
    /// There is none, because MAIL was refused: what was pipelined behind it may follow.
    Refused,
    /// MAIL was accepted.
    Envelope(Transaction),
    /// At least one chunk came, and not the last.
    Chunks(Message<ChunkReader>),
}

/// What MAIL and RCPT gave.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) reverse_path: ReversePath,
    pub(crate) parameters: MailParameters,
    /// Those that were accepted, in order, duplicates too.
    pub(crate) recipients: Vec<ForwardPath>,
}

/// A message on its way.
#[derive(Debug)]
pub(crate) struct Message<Reader> {
    /// How many replies it gets in LMTP (RFC 2033 §4.2).
    pub(crate) recipients: usize,
    pub(crate) reader: Reader,
    pub(crate) fate: Fate,
}

impl<Reader> Message<Reader> {
    /// Whether the driver holds a delivery for it.
    pub(crate) fn has_delivery(&self) -> bool {
        !matches!(self.fate, Fate::Discarded(_))
    }
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The delivery takes its octets.
    Taken,
    /// It is refused, and the delivery has yet to be thrown away.
    Refused(Refused),
    /// There is no delivery (any more); the octets go nowhere.
    Discarded(Refused),
}

/// Why a message is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A bare CR or LF.
    BareLineEnd,
    /// More octets than are taken, or the driver could not take them.
    Failure(Failure),
}

impl Refused {
    /// What each recipient is told.
    pub(crate) const fn reply(self) -> Reply {
        match self {
            Self::BareLineEnd => Reply::BARE_LINE_END,
            Self::Failure(failure) => Reply::failure(failure),
        }
    }
}

/// A chunk being read.
#[derive(Debug)]
pub(crate) struct Chunking {
    pub(crate) message: Message<ChunkReader>,
    /// How many of its octets are still to come.
    pub(crate) left: u64,
    pub(crate) last: bool,
}

/// A chunk being thrown away.
#[derive(Debug)]
pub(crate) struct Skip {
    pub(crate) left: u64,
    /// What is said when it has passed.
    pub(crate) reply: Option<Reply>,
    pub(crate) mail: Mail,
}

/// What the driver was asked, and what goes on after its answer.
#[derive(Debug)]
pub(crate) enum Asked {
    Recipient(Transaction, ForwardPath),
    BeginData { recipients: usize },
    BeginChunk { recipients: usize, chunk: Chunk },
    Commit { recipients: usize, octets: u64 },
    Abort(AfterAbort),
    Secure,
}

/// What goes on when a delivery has been thrown away.
#[derive(Debug)]
pub(crate) enum AfterAbort {
    /// RSET is answered.
    Reset,
    /// LHLO, EHLO or HELO is answered.
    Hello(Hello),
    /// The rest of the message is read.
    Data(Message<DataReader>),
    /// The rest of the chunk is read.
    Chunk(Chunking),
}

/// How the peer introduced itself.
#[derive(Clone, Debug)]
pub(crate) struct Hello {
    /// By LHLO or EHLO, not by HELO.
    pub(crate) extended: bool,
    pub(crate) name: String,
}
