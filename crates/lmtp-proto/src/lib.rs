//! LMTP (RFC 2033) and receiving SMTP (RFC 5321): two dialects of one machine, with no I/O,
//! no clock and no logger.
//!
//! ```text
//!   octets from the peer                                        octets to the peer
//!          │                                                           ▲
//!       session ── a line ──► command ──► (path, params)             reply
//!          │                     │                                     │
//!          │                     └────► what it means ─────────────────┤
//!          └─── a message ──► data ──► where it ends                   │
//!                                │                                     │
//!          ┌─────────────────────┴───────── ask ───────────────────────┘
//!          ▼
//!   Recipient? Begin. Take these octets. Commit. Abort. Secure.       (the driver)
//! ```
//!
//! A driver that takes everything and keeps it in memory:
//!
//! ```
//! use lmtp_proto::{Answer, Ask, Dialect, Next, Policy, Session};
//!
//! let now = std::time::Instant::now();
//! let mut session = Session::new(Policy::new(Dialect::Lmtp, "mx.example.org"), now);
//! let (mut output, mut message, mut recipients) = (Vec::new(), Vec::new(), 0);
//! session.greet(&mut output);
//!
//! let mut input: &[u8] = b"LHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<ann@example.org>\r\n\
//!     DATA\r\nSubject: hello\r\n.\r\nQUIT\r\n";
//! loop {
//!     let answer = match session.receive(&mut input, &mut output, now) {
//!         Next::Ask(Ask::Recipient(_)) => Answer::Recipient(Ok(())),
//!         Next::Ask(Ask::Begin(envelope)) => {
//!             recipients = envelope.recipients.len();
//!             Answer::Begun(Ok(()))
//!         }
//!         Next::Take(octets) => {
//!             message.extend_from_slice(octets);
//!             continue;
//!         }
//!         Next::Ask(Ask::Commit) => Answer::Committed(vec![Ok(()); recipients]),
//!         Next::Ask(Ask::Abort) => Answer::Dropped,
//!         Next::Ask(Ask::Secure) => unreachable!("the policy does not offer TLS"),
//!         Next::Flush => {
//!             output.clear(); // after writing it
//!             continue;
//!         }
//!         Next::NeedInput | Next::Close(_) => break,
//!     };
//!     session.answer(answer, &mut output, now);
//! }
//! assert_eq!(message, b"Subject: hello\r\n");
//! assert!(output.ends_with(b"250 2.0.0 delivered\r\n221 2.0.0 bye\r\n"));
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod ask;
mod command;
mod content;
mod conversation;
pub mod counters;
mod data;
pub mod error;
mod execute;
pub mod params;
pub mod path;
pub mod policy;
mod reply;
pub mod session;
mod state;

pub use ask::{Answer, Ask, Envelope, Failure, Next, Reason, RecipientRefusal, Tell};
pub use counters::Counters;
pub use path::{ForwardPath, Mailbox, ReversePath};
pub use policy::{BareLineEnds, Dialect, Limits, Policy, Tls};
pub use session::Session;
