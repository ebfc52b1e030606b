//! `[intake]`: what is taken in, and for whom.

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::choice::Choice;
use crate::settings::kinds::count::count;
use crate::settings::kinds::flag::Flag;
use crate::settings::kinds::name::Mailbox;
use crate::settings::kinds::optional::Optional;
use crate::settings::kinds::size::octets;
use crate::settings::kinds::text::Separator;
use crate::settings::reader::Reader;

/// What is taken in, and for whom.
#[derive(Clone, Debug)]
pub(crate) struct Intake {
    /// The largest message, in octets.
    pub(crate) message_size: u64,
    /// The most recipients of one message.
    pub(crate) recipients: u64,
    /// What becomes of bare CR and LF.
    pub(crate) bare_line_ends: BareLineEndsSetting,
    /// What starts a tag in a local part.
    pub(crate) plus_separator: Option<char>,
    /// Whether `Bob@` and `bob@` are two.
    pub(crate) case_sensitive: bool,
    /// Who reads the postmaster's mail.
    pub(crate) postmaster: Option<String>,
    /// Whether LMTP may listen beyond loopback.
    pub(crate) lmtp_beyond_loopback: bool,
}

/// `intake.bare_line_ends`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BareLineEndsSetting {
    /// The message is refused.
    #[default]
    Refuse,
    /// Each becomes CRLF.
    Repair,
}

impl Intake {
    /// The table.
    pub(crate) const NAME: &'static str = "intake";
    /// What it is about.
    pub(crate) const MEANING: &'static str = "What LMTP and SMTP take in, and for whom.";

    /// Reads the table.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let message_size = reader.setting(
            &octets(64 << 10..=4 << 30),
            Definition {
                name: "message_size",
                otherwise: Otherwise::Value("\"50MiB\""),
                meaning: "The largest message that is taken (RFC 1870).",
                reloads: false,
            },
        );
        // RFC 5321 §4.5.3.1.8: "at least 100 recipients"
        let recipients = reader.setting(
            &count(100..=100_000),
            Definition {
                name: "recipients",
                otherwise: Otherwise::Value("1000"),
                meaning: "The most recipients of one message. RFC 5321 asks for 100 at least.",
                reloads: false,
            },
        );
        Self {
            message_size,
            recipients: recipients.unwrap_or_default(),
            bare_line_ends: bare_line_ends(reader),
            plus_separator: plus_separator(reader),
            case_sensitive: reader.setting(
                &Flag,
                Definition {
                    name: "case_sensitive",
                    otherwise: Otherwise::Value("false"),
                    meaning: "Whether `Anna@example.org` and `anna@example.org` are two addresses.",
                    reloads: false,
                },
            ),
            postmaster: postmaster(reader),
            lmtp_beyond_loopback: reader.setting(
                &Flag,
                Definition {
                    name: "lmtp_beyond_loopback",
                    otherwise: Otherwise::Value("false"),
                    meaning: "Whether LMTP may listen on a TCP address that other machines can \
                          reach. Whoever reaches it can put mail into every maildrop.",
                    reloads: false,
                },
            ),
        }
    }
}

fn bare_line_ends(reader: &mut Reader<'_>) -> BareLineEndsSetting {
    const CHOICE: Choice<BareLineEndsSetting> =
        Choice(&[("refuse", BareLineEndsSetting::Refuse), ("repair", BareLineEndsSetting::Repair)]);
    reader.setting(
        &CHOICE,
        Definition {
            name: "bare_line_ends",
            otherwise: Otherwise::Value("\"refuse\""),
            meaning: "What becomes of a message in which CR or LF stands alone. \"refuse\" refuses \
                  it, since two servers may disagree on where such a message ends; \"repair\" \
                  makes each a CRLF.",
            reloads: false,
        },
    )
}

fn plus_separator(reader: &mut Reader<'_>) -> Option<char> {
    reader.setting(
        &Separator,
        Definition {
            name: "plus_separator",
            otherwise: Otherwise::Value("\"+\""),
            meaning: "What starts a tag in an address: mail for `anna+shop@example.org` goes to \
                  `anna@example.org`. With \"\" there are no tags.",
            reloads: false,
        },
    )
}

fn postmaster(reader: &mut Reader<'_>) -> Option<String> {
    reader.setting(&Optional(Mailbox), Definition {
        name: "postmaster",
        otherwise: Otherwise::Nothing("\"anna@example.org\""),
        meaning: "Who gets mail for a postmaster without an address of its own. RFC 5321 §4.5.1 \
                  asks that somebody does.",
        reloads: false,
    })
}
