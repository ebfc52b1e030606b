//! Replies: all there are, each with its status indicator and its response code.

use mail_wire::{MessageNumber, Octets};

use crate::error::Malformed;
use crate::language::Language;

/// What a first line says. Its status indicator, response code and words follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The greeting.
    Ready {
        /// The server's name.
        hostname: String,
        /// The banner timestamp, where APOP works.
        timestamp: Option<String>,
    },
    /// USER: the same for every name (P-028).
    SendPass,
    /// Logged in, and the maildrop is open.
    Opened {
        /// How many messages it holds.
        messages: usize,
        /// How many octets.
        octets: Octets,
    },
    /// CAPA; a list follows.
    Capabilities,
    /// AUTH alone; a list follows.
    Mechanisms,
    /// LANG alone; a list follows.
    Languages,
    /// LANG: what is spoken from here on.
    LanguageSet(Language),
    /// STLS: the handshake begins.
    BeginTls,
    /// UTF8: UTF-8 mode is on.
    Utf8On,
    /// STAT: without the marked messages.
    Stat {
        /// How many.
        messages: usize,
        /// Their octets.
        octets: Octets,
    },
    /// LIST; a list follows.
    Scans {
        /// How many rows.
        messages: usize,
        /// Their octets.
        octets: Octets,
    },
    /// LIST with a number.
    Scan {
        /// Which message.
        number: MessageNumber,
        /// What RETR will send.
        octets: Octets,
    },
    /// UIDL; a list follows.
    UniqueIds,
    /// UIDL with a number.
    UniqueId {
        /// Which message.
        number: MessageNumber,
        /// Its unique-id.
        uidl: String,
    },
    /// RETR; the message follows.
    Message {
        /// Its size, as LIST says it.
        octets: Octets,
    },
    /// TOP; the top of the message follows.
    Top,
    /// DELE.
    Marked(MessageNumber),
    /// RSET.
    Unmarked {
        /// How many messages there are again.
        messages: usize,
        /// Their octets.
        octets: Octets,
    },
    /// NOOP.
    Nothing,
    /// LAST: the highest number retrieved, 0 for none.
    Last(u32),
    /// XCOMMIT: so many messages are gone, durably.
    Committed(u64),
    /// XDIGEST; a list follows.
    Digests,
    /// XDIGEST with a number.
    Digest {
        /// Which message.
        number: MessageNumber,
        /// The SHA-256 of what RETR sends.
        digest: [u8; 32],
    },
    /// XWAIT is over.
    Waited {
        /// Whether mail has arrived.
        arrived: bool,
    },
    /// QUIT before login.
    Farewell,
    /// QUIT after login: the marked messages are gone.
    Removed {
        /// How many remain.
        left: usize,
    },

    /// The line is no command or no response.
    Malformed(Malformed),
    /// The line is beyond its limit.
    TooLong {
        /// That limit, line end included.
        octets_max: usize,
    },
    /// The command belongs to TRANSACTION.
    NotYet,
    /// The command belongs to AUTHORIZATION.
    NotAnyMore,
    /// PASS without USER before it.
    PassFirst,
    /// No password without TLS (P-039).
    TlsRequired {
        /// Whether STLS would be accepted.
        stls: bool,
    },
    /// STLS with TLS on.
    TlsOn,
    /// STLS where it cannot be carried out.
    TlsUnavailable,
    /// STLS after UTF8 (P-145).
    StlsAfterUtf8,
    /// APOP where the greeting had no timestamp, or after its only use (P-034).
    NoApop,
    /// AUTH was cancelled (P-257).
    Cancelled,
    /// There is no such message.
    NoSuch {
        /// Which was asked for.
        number: MessageNumber,
        /// How many there are.
        messages: usize,
    },
    /// The message is marked as deleted.
    IsMarked(MessageNumber),
    /// DELE in a maildrop that everybody may read.
    ReadOnly,
    /// XCOMMIT removed the message.
    IsGone(MessageNumber),
    /// The message needs UTF-8 mode (P-085).
    NeedsUtf8(MessageNumber),
    /// The message cannot be read (P-057).
    Lost {
        /// Which.
        number: MessageNumber,
        /// Whether another try may succeed.
        temporary: bool,
    },
    /// Not you: one text for all reasons (P-028).
    Credentials,
    /// Another session holds the maildrop (P-080).
    InUse {
        /// Which.
        holder: Option<String>,
    },
    /// Too soon after the last login (P-081).
    LoginDelay {
        /// When another try may succeed.
        seconds: u64,
    },
    /// Too many failed logins from there.
    TooManyFailures {
        /// When another try may succeed.
        seconds: u64,
    },
    /// The directory or the store is down (P-082).
    Temporary,
    /// Somebody has to look at it (P-083).
    Permanent,
    /// QUIT, XCOMMIT: not all marked messages could be removed (P-062).
    NotRemoved,
    /// XREFRESH: the maildrop could not be looked at again.
    NotRefreshed {
        /// Whether another try may succeed.
        temporary: bool,
    },
    /// The last of too many bad commands.
    TooManyBad,
    /// Octets came after STLS that were not TLS (P-122).
    PlaintextAfterStls,
    /// The server is stopping.
    Draining,
    /// The server has no room.
    Crowded,
    /// The account was changed.
    AccountChanged,
    /// The peer speaks HTTP.
    NotHttp,
    /// The peer speaks SSH.
    NotSsh,
    /// The peer speaks TLS where it has not been agreed on.
    NotTls {
        /// Whether STLS would be accepted.
        stls: bool,
    },
}

/// A response code (RFC 2449 §8, RFC 3206 §4, RFC 6856 §5): the registry holds no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The maildrop is locked.
    InUse,
    /// Too soon after the last login.
    LoginDelay,
    /// Another try may succeed.
    SysTemp,
    /// Somebody has to look at it.
    SysPerm,
    /// The credentials are at fault.
    Auth,
    /// The message needs UTF-8 mode.
    Utf8,
}

impl Code {
    /// The code without its brackets.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InUse => "IN-USE",
            Self::LoginDelay => "LOGIN-DELAY",
            Self::SysTemp => "SYS/TEMP",
            Self::SysPerm => "SYS/PERM",
            Self::Auth => "AUTH",
            Self::Utf8 => "UTF8",
        }
    }
}

impl Reply {
    /// Whether this is `+OK`.
    pub const fn is_positive(&self) -> bool {
        matches!(
            self,
            Self::Ready { .. }
                | Self::SendPass
                | Self::Opened { .. }
                | Self::Capabilities
                | Self::Mechanisms
                | Self::Languages
                | Self::LanguageSet(_)
                | Self::BeginTls
                | Self::Utf8On
                | Self::Stat { .. }
                | Self::Scans { .. }
                | Self::Scan { .. }
                | Self::UniqueIds
                | Self::UniqueId { .. }
                | Self::Message { .. }
                | Self::Top
                | Self::Marked(_)
                | Self::Unmarked { .. }
                | Self::Nothing
                | Self::Last(_)
                | Self::Committed(_)
                | Self::Digests
                | Self::Digest { .. }
                | Self::Waited { .. }
                | Self::Farewell
                | Self::Removed { .. }
        )
    }

    /// Its response code.
    pub const fn code(&self) -> Option<Code> {
        match self {
            // RFC 3206 §5, `rulings` 5: that TLS is missing is said at USER too.
            Self::Credentials | Self::TlsRequired { .. } => Some(Code::Auth),
            Self::InUse { .. } => Some(Code::InUse),
            Self::LoginDelay { .. } => Some(Code::LoginDelay),
            Self::TooManyFailures { .. }
            | Self::Temporary
            | Self::NotRemoved
            | Self::Draining
            | Self::Crowded
            | Self::Lost { temporary: true, .. }
            | Self::NotRefreshed { temporary: true } => Some(Code::SysTemp),
            Self::Permanent
            | Self::Lost { temporary: false, .. }
            | Self::NotRefreshed { temporary: false } => Some(Code::SysPerm),
            Self::NeedsUtf8(_) => Some(Code::Utf8),
            _ => None,
        }
    }
}
