//! A Maildir that Postfix, mutt and Dovecot can share.

mod settings;
mod store;

pub use settings::Settings;
pub use store::MaildirStore;
