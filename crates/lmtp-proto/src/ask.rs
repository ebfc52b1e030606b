//! What the session asks of the world, and what the world answers.

use mail_wire::Form;

use crate::path::{ForwardPath, ReversePath};

/// What the driver has to do next. Ignoring it stalls the session.
#[must_use = "the session waits until the driver has done this"]
#[derive(Debug)]
pub enum Next<'i> {
    /// Answer this question with `Session::answer`, then call `receive` again.
    Ask(Ask),
    /// Write these octets to the delivery, then call `receive` again (or `Session::failed` if
    /// that cannot be done: the rest of the message is then read and thrown away).
    Take(&'i [u8]),
    /// Write out what there is, then call `receive` again.
    Flush,
    /// Write out what there is, read more octets, then call `receive` again.
    NeedInput,
    /// Write out what there is, then close. The session stays here.
    Close(Reason),
}

/// A question to the world.
#[derive(Debug)]
pub enum Ask {
    /// *Is this one ours?* Answered by [`Answer::Recipient`].
    Recipient(ForwardPath),
    /// *Begin a delivery* to all recipients accepted since MAIL, in this order, duplicates
    /// included. Answered by [`Answer::Begun`].
    Begin(Envelope),
    /// *Make it durable.* Answered by [`Answer::Committed`]. It takes a while: write out what
    /// there is first (RFC 2033 §5, P-196).
    Commit,
    /// *Throw the delivery away*: RSET, or the message was refused. Answered by
    /// [`Answer::Dropped`].
    Abort,
    /// *Switch to TLS.* The output holds the `220` that has to be written first; nothing that
    /// was received before may be kept. Answered by [`Answer::Secured`].
    Secure,
}

/// What holds for the whole mail transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// From MAIL FROM; null for a bounce.
    pub reverse_path: ReversePath,
    /// The recipients that were accepted, in order, duplicates too.
    pub recipients: Vec<ForwardPath>,
    /// In which shape [`Next::Take`] hands the octets over: DATA gives `Wire`, BDAT `Text`.
    pub form: Form,
    /// SIZE's argument, where given (RFC 1870).
    pub declared_octets: Option<u64>,
    /// BODY=8BITMIME was said (RFC 6152).
    pub eight_bit: bool,
    /// SMTPUTF8 was said (RFC 6531).
    pub smtputf8: bool,
    /// What to write after `with` in Received (RFC 3848): `LMTP`, `ESMTPS`, `UTF8LMTP`, …
    pub transport: &'static str,
    /// The name the peer gave with LHLO, EHLO or HELO.
    pub helo: String,
}

/// An answer to an [`Ask`].
#[derive(Debug)]
pub enum Answer {
    /// Whether mail for this path is taken.
    Recipient(Result<(), RecipientRefusal>),
    /// Whether the delivery could begin.
    Begun(Result<(), Failure>),
    /// One outcome a recipient, in the order of the envelope.
    Committed(Vec<Result<(), Failure>>),
    /// The delivery is gone.
    Dropped,
    /// TLS is on, from the first octet after `220`.
    Secured,
}

/// Why a recipient is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientRefusal {
    /// 550 5.1.1: the domain is ours, the mailbox is not.
    Unknown,
    /// 550 5.7.1: the domain is not ours; nothing is relayed.
    Foreign,
    /// 450 4.2.1: disabled; mail for it is not taken now.
    Disabled,
    /// 452 4.2.2: its maildrop is full now.
    Full,
    /// 552 5.2.2: its maildrop is full, and mail for it goes back.
    OverQuota,
    /// 451 4.3.0: the directory cannot say now.
    Temporary,
}

/// Why a delivery failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 452 4.3.1: no room on the disk.
    DiskFull,
    /// 451 4.3.0: try again later.
    Temporary,
    /// 452 4.2.2: this maildrop is full now.
    MaildropFull,
    /// 552 5.2.2: this maildrop is full, and mail for it goes back.
    OverQuota,
    /// 552 5.3.4: more octets than are taken.
    TooLarge,
    /// 554 5.4.6: more than 100 Received lines (RFC 5321 §6.3).
    Loop,
    /// 554 5.4.6: Delivered-To names this recipient, who has had the message already.
    Returned,
    /// 550 5.6.0: the message breaks the grammar, or a limit on its header or lines.
    Message,
}

/// Why the session wants the connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// QUIT.
    Quit,
    /// No command within the limit (RFC 5321 §4.5.3.2.7).
    Idle,
    /// Too many bad commands.
    BadCommands,
    /// Octets came before the TLS handshake that have no place there (RFC 3207 §4.2).
    PlaintextAfterStarttls,
    /// The peer speaks another protocol: HTTP, TLS, SSH.
    WrongProtocol,
    /// The driver said so: drain, pressure.
    Told,
}

/// Why the driver ends a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tell {
    /// The server is being stopped: 421 4.3.2.
    Drain,
    /// There are too many connections: 421 4.3.2.
    Pressure,
}
