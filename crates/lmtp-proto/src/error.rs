//! Why a command line is refused: one variant a reason, each with its reply in `reply.rs`.

/// Why octets are no path (RFC 5321 §4.1.2, §4.5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// There are no angle brackets around it.
    #[error("the path is not enclosed in <>")]
    Brackets,
    /// The forward-path is null.
    #[error("a recipient cannot be <>")]
    Null,
    /// The part before the `@` breaks the grammar.
    #[error("the local part is neither a dot-string nor a quoted string")]
    LocalPart,
    /// The domain is missing.
    #[error("the domain is missing")]
    DomainMissing,
    /// The domain, address literal or source route breaks the grammar.
    #[error("the domain is neither a name nor an address literal")]
    Domain,
    /// The octets are not UTF-8.
    #[error("the path is not UTF-8")]
    Utf8,
    /// RFC 5321 §4.5.3.1.1: 64 octets.
    #[error("the local part is longer than 64 octets")]
    LocalPartTooLong,
    /// RFC 5321 §4.5.3.1.2: 255 octets.
    #[error("the domain is longer than 255 octets")]
    DomainTooLong,
    /// RFC 5321 §4.5.3.1.3: 256 octets, with the angle brackets.
    #[error("the path is longer than 256 octets")]
    TooLong,
}

/// Why the parameters behind a path are refused (RFC 5321 §4.1.1.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// A parameter, or a value of one, that is not offered here: 555 5.5.4.
    #[error("a parameter is not known here")]
    Unknown,
    /// A known parameter with a value that breaks its grammar, or given twice: 501 5.5.4.
    #[error("a parameter's value breaks the grammar")]
    Value,
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandError {
    /// Not a verb of this dialect: 500 5.5.1.
    Unknown,
    /// HELO or EHLO where LHLO is spoken (RFC 2033 §4.1): 500 5.5.1.
    LhloOnly,
    /// LHLO where SMTP is spoken: 500 5.5.1.
    EhloOnly,
    /// A known verb that is not carried out here: 502 5.5.1.
    NotImplemented,
    /// An octet that may not stand in a command: 500 5.5.2.
    Octets,
    /// A verb that takes an argument came without, or the other way round, or the argument
    /// breaks its grammar: 501 5.5.4.
    Argument,
    /// MAIL's path: 501 5.1.7.
    ReversePath(PathError),
    /// RCPT's path: 501 5.1.3.
    ForwardPath(PathError),
    /// The parameters of MAIL or RCPT.
    Parameter(ParameterError),
    /// BDAT with a size that cannot be read: what follows cannot be told from commands.
    ChunkSize,
    /// BDAT with a readable size and something wrong behind it: so many octets follow.
    Chunk(u64),
    /// A request of HTTP, or the banner of SSH.
    OtherProtocol,
}
