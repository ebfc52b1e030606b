//! `[listen]`: where each service is offered.

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::listener::{ListenerSetting, Listeners};
use crate::settings::reader::Reader;

/// Where each service listens.
#[derive(Clone, Debug)]
pub(crate) struct Listen {
    /// POP3 with STLS.
    pub(crate) pop3: Vec<ListenerSetting>,
    /// POP3 inside TLS.
    pub(crate) pop3s: Vec<ListenerSetting>,
    /// LMTP.
    pub(crate) lmtp: Vec<ListenerSetting>,
    /// Receiving SMTP.
    pub(crate) smtp: Vec<ListenerSetting>,
}

impl Listen {
    /// The table.
    pub(crate) const NAME: &'static str = "listen";
    /// What it is about.
    pub(crate) const MEANING: &'static str = "Where each service is offered. `[::]:110` is every address of this machine, IPv4 and \
         IPv6. Sockets that systemd hands over under the names `pop3`, `pop3s`, `lmtp` and \
         `smtp` take the place of what is written here.";

    /// Reads the table.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            pop3: reader.setting(&Listeners, Definition {
                name: "pop3",
                otherwise: Otherwise::Value("\"[::]:110\""),
                meaning: "POP3. A connection becomes private by STLS before a password is taken; \
                          without TLS passwords are taken on loopback only, and from the \
                          networks in `cleartext_from` for accounts that allow it.",
                reloads: false,
            }),
            pop3s: reader.setting(&Listeners, Definition {
                name: "pop3s",
                otherwise: Otherwise::Value("\"[::]:995\""),
                meaning: "POP3 inside TLS from the first octet (RFC 8314), which is what clients \
                          should use.",
                reloads: false,
            }),
            lmtp: reader.setting(&Listeners, Definition {
                name: "lmtp",
                otherwise: Otherwise::Value("\"off\""),
                meaning: "LMTP (RFC 2033), by which a mail server on this machine hands mail \
                          over. A Unix socket is best: its rights say who may.",
                reloads: false,
            }),
            smtp: reader.setting(&Listeners, Definition {
                name: "smtp",
                otherwise: Otherwise::Value("\"off\""),
                meaning: "Receiving SMTP (RFC 5321), for sites with no other mail server in \
                          front. Nothing is relayed.",
                reloads: false,
            }),
        }
    }

    /// All listeners with the name of their setting.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &ListenerSetting)> {
        self.pop3
            .iter()
            .map(|one| ("listen.pop3", one))
            .chain(self.pop3s.iter().map(|one| ("listen.pop3s", one)))
            .chain(self.lmtp.iter().map(|one| ("listen.lmtp", one)))
            .chain(self.smtp.iter().map(|one| ("listen.smtp", one)))
    }
}
