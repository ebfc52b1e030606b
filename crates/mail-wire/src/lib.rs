//! What both ends of a mail connection agree on, with no I/O, no clock and no logger.
//!
//! ```text
//!   octets from a socket                                     octets to a socket
//!          │                                                        ▲
//!       line ── one bounded line at a time          dot ── stuffed, cut and ended
//!          │                                                        │
//!          └──► pop3-proto, lmtp-proto ──► maildrop, uidl, octets ──┘
//!                       │
//!               sasl, credentials, secret, prepared
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

pub mod credentials;
pub mod dot;
pub mod keeping;
pub mod line;
pub mod maildrop;
pub mod naming;
pub mod octets;
pub mod prepared;
pub mod proxy_header;
pub mod sasl;
pub mod secret;
pub mod uidl;

pub use credentials::{Credentials, DigestMethod};
pub use keeping::{After, Delete, Keeping, Quota, Retention, Views};
pub use maildrop::{Entry, Listing, ListingBuilder, MaildropId, MessageId, MessageNumber};
pub use naming::{ListedUidl, Naming};
pub use octets::{Form, Octets};
pub use secret::Secret;
pub use uidl::{Uidl, UidlError};
