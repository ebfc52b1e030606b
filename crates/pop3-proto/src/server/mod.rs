//! The server's machine: octets in, octets out, and few questions to the world.
//!
//! A driver reads into a buffer, hands it to [`Session::receive`], and does what [`ask::Next`]
//! says. This one serves a maildrop that is always empty:
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Instant;
//!
//! use mail_wire::Secret;
//! use mail_wire::sasl::Channel;
//! use pop3_proto::extension::Extensions;
//! use pop3_proto::server::Session;
//! use pop3_proto::server::ask::{Answer, Ask, Next, Verified};
//! use pop3_proto::server::policy::{Limits, Policy, Usable, Utf8Legacy};
//!
//! # fn main() {
//! let policy = Policy {
//!     hostname: "mail.example.org".to_owned(),
//!     implementation: None,
//!     implicit_tls: true,
//!     stls: false,
//!     cleartext: false,
//!     apop: None,
//!     usable: Usable::default(),
//!     channel: Channel::default(),
//!     chance: Secret::new([0; 32]), // from the system's generator, not from a page
//!     last: false,
//!     extensions: Extensions::default(),
//!     login_delay: None,
//!     expire: None,
//!     utf8_legacy: Utf8Legacy::Refuse,
//!     limits: Limits::default(),
//! };
//! # #[expect(clippy::disallowed_methods, reason = "an example has no driver")]
//! let now = Instant::now();
//! let mut session = Session::new(policy, now);
//! let (mut input, mut output) = (&b"USER ann\r\nPASS secret\r\nSTAT\r\nQUIT\r\n"[..], Vec::new());
//! session.greet(&mut output);
//! loop {
//!     let answer = match session.receive(&mut input, &mut output, now) {
//!         Next::Ask(Ask::Verify(_)) => Answer::Verified(Verified::default()),
//!         Next::Ask(Ask::Open) => Answer::Opened(Arc::default()),
//!         Next::Ask(other) => panic!("nothing to ask about an empty maildrop: {other:?}"),
//!         // Here a driver would write `output` out, clear it, and read or close.
//!         Next::Flush | Next::NeedInput | Next::Wait | Next::Send(_) => continue,
//!         Next::Close(_) => break,
//!     };
//!     session.answer(answer, &mut output, now);
//! }
//! assert!(output.ends_with(b"+OK 0 0\r\n+OK signing off (maildrop empty)\r\n"));
//! # }
//! ```

pub mod ask;
mod asked;
mod authorization;
mod connection;
mod errand;
mod failures;
mod marks;
pub mod policy;
mod progress;
pub mod session;
mod state;
mod stranger;
mod transaction;
mod verdict;

pub use progress::{Counters, Stage};
pub use session::Session;
