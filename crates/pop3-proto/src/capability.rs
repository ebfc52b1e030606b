//! Capabilities as CAPA lists them (RFC 2449 §6 and the registry).

use std::fmt;

use mail_wire::sasl::Mechanism;

use crate::extension::Extension;

/// One line of a CAPA response. Only registered capabilities are built (P-073); its tag is the
/// command's keyword where there is one (P-072). What no RFC has begins with X.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capability {
    /// TOP works (RFC 2449 §6.1).
    Top,
    /// UIDL works (RFC 2449 §6.8).
    Uidl,
    /// USER and PASS would be accepted now (RFC 2449 §6.2, P-037).
    User,
    /// Texts begin with response codes (RFC 2449 §6.4).
    RespCodes,
    /// Every credential failure says `[AUTH]` (RFC 3206 §6).
    AuthRespCode,
    /// Commands may be sent without waiting (RFC 2449 §6.6).
    Pipelining,
    /// How long messages are kept (RFC 2449 §6.7).
    Expire {
        /// The least number of days; `None` for ever.
        days: Option<u32>,
        /// Whether this varies by user.
        per_user: bool,
    },
    /// UTF8 works (RFC 6856 §2).
    Utf8 {
        /// Whether names and passwords may be UTF-8.
        user: bool,
    },
    /// LANG works (RFC 6856 §3).
    Lang,
    /// STLS would be accepted now (RFC 2595 §4).
    Stls,
    /// The mechanisms of AUTH (RFC 5034 §3).
    Sasl(Vec<Mechanism>),
    /// The least time between logins (RFC 2449 §6.5).
    LoginDelay {
        /// That time.
        seconds: u64,
        /// Whether this varies by user.
        per_user: bool,
    },
    /// A command of our own works.
    Extension(Extension),
    /// Who made the server (RFC 2449 §6.9).
    Implementation(String),
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = |per_user: bool| if per_user { " USER" } else { "" };
        match self {
            Self::Top => f.write_str("TOP"),
            Self::Uidl => f.write_str("UIDL"),
            Self::User => f.write_str("USER"),
            Self::RespCodes => f.write_str("RESP-CODES"),
            Self::AuthRespCode => f.write_str("AUTH-RESP-CODE"),
            Self::Pipelining => f.write_str("PIPELINING"),
            Self::Expire { days: None, per_user } => write!(f, "EXPIRE NEVER{}", user(*per_user)),
            Self::Expire { days: Some(days), per_user } => {
                write!(f, "EXPIRE {days}{}", user(*per_user))
            }
            Self::Utf8 { user: per_user } => write!(f, "UTF8{}", user(*per_user)),
            Self::Lang => f.write_str("LANG"),
            Self::Stls => f.write_str("STLS"),
            Self::Sasl(mechanisms) => {
                f.write_str("SASL")?;
                mechanisms.iter().try_for_each(|mechanism| write!(f, " {mechanism}"))
            }
            Self::LoginDelay { seconds, per_user } => {
                write!(f, "LOGIN-DELAY {seconds}{}", user(*per_user))
            }
            Self::Extension(extension) => f.write_str(extension.keyword()),
            Self::Implementation(name) => write!(f, "IMPLEMENTATION {name}"),
        }
    }
}
