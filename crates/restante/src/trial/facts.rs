//! What there is to know about a trial: as text to copy from, as JSON, as environment.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mail_wire::Secret;
use restante_server::net::service::{Address, Service};
use serde::Serialize;

use crate::output::Failure;
use crate::trial::folder::AUTHORITY;

/// Everything that a client needs.
#[derive(Debug)]
pub(crate) struct Facts {
    pop3: SocketAddr,
    pop3s: SocketAddr,
    /// Where mail is taken in.
    pub(crate) lmtp: SocketAddr,
    smtp: SocketAddr,
    password: Secret<String>,
    ca: PathBuf,
    dir: PathBuf,
}

/// The line of `--json`: these keys and no others, in this order.
#[derive(Serialize)]
pub(crate) struct FactsJson {
    pop3: String,
    pop3s: String,
    lmtp: String,
    smtp: String,
    user: &'static str,
    password: String,
    ca: String,
    dir: String,
    pid: u32,
}

/// The name to log in with.
const USER: &str = "demo";

impl Facts {
    /// The facts of a server with these addresses.
    pub(crate) fn new(
        dir: &Path,
        addresses: &[(Service, Address)],
        password: Secret<String>,
    ) -> Result<Self, Failure> {
        let of = |service: Service| {
            let bound = addresses.iter().find(|(other, _)| *other == service);
            bound
                .and_then(|(_, address)| address.tcp())
                .ok_or_else(|| Failure::new(format!("{service} has no TCP address")))
        };
        Ok(Self {
            pop3: of(Service::Pop3)?,
            pop3s: of(Service::Pop3s)?,
            lmtp: of(Service::Lmtp)?,
            smtp: of(Service::Smtp)?,
            password,
            ca: dir.join(AUTHORITY),
            dir: dir.to_owned(),
        })
    }

    /// For `--json`.
    pub(crate) fn json(&self) -> FactsJson {
        FactsJson {
            pop3: self.pop3.to_string(),
            pop3s: self.pop3s.to_string(),
            lmtp: self.lmtp.to_string(),
            smtp: self.smtp.to_string(),
            user: USER,
            password: self.password.expose().clone(),
            ca: self.ca.display().to_string(),
            dir: self.dir.display().to_string(),
            pid: std::process::id(),
        }
    }

    /// For the command that runs beside it: ours, and those by which other programs learn whom
    /// to trust.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let ca = self.ca.display().to_string();
        vec![
            ("RESTANTE_POP3", self.pop3.to_string()),
            ("RESTANTE_POP3S", self.pop3s.to_string()),
            ("RESTANTE_LMTP", self.lmtp.to_string()),
            ("RESTANTE_SMTP", self.smtp.to_string()),
            ("RESTANTE_USER", USER.to_owned()),
            ("RESTANTE_PASSWORD", self.password.expose().clone()),
            ("RESTANTE_CA", ca.clone()),
            ("SSL_CERT_FILE", ca.clone()),
            ("REQUESTS_CA_BUNDLE", ca.clone()),
            ("NODE_EXTRA_CA_CERTS", ca),
        ]
    }

    /// For people: lines to copy and paste.
    pub(crate) fn instructions(&self) -> String {
        let Self { pop3, pop3s, lmtp, smtp, .. } = self;
        let password = self.password.expose();
        let (ca, dir) = (quoted(&self.ca), quoted(&self.dir));
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\
Restante is ready.

  POP3   {pop3}   with STLS, and on this loopback also without TLS
  POP3S  {pop3s}
  LMTP   {lmtp}
  SMTP   {smtp}

  user      {USER}   (or {USER}@localhost)
  password  {password}
  folder    {dir}

List the messages, then read the first:
  curl --cacert {ca} --user {USER}:{password} pop3s://localhost:{pop3s_port}/
  curl --cacert {ca} --user {USER}:{password} pop3s://localhost:{pop3s_port}/1
  curl --cacert {ca} --ssl-reqd --user {USER}:{password} pop3://localhost:{pop3_port}/

Send one in:
  printf 'Subject: hello\\n\\nA first message.\\n' | curl --crlf --upload-file - \\
    --mail-from me@localhost --mail-rcpt {USER}@localhost smtp://{smtp}

Speak POP3 yourself:
  openssl s_client -quiet -crlf -CAfile {ca} -connect localhost:{pop3s_port}
  openssl s_client -quiet -crlf -CAfile {ca} -starttls pop3 -connect localhost:{pop3_port}

Thunderbird: a new account with the address {USER}@localhost and the password above, set up by
hand: incoming POP3, hostname localhost, port {pop3s_port}, SSL/TLS, normal password. For
certificates see Settings, Privacy & Security: import {ca} as an authority.

Accounts and addresses, in another terminal:
  restante account list --config {config}

Ctrl-C ends it.",
            pop3_port = pop3.port(),
            pop3s_port = pop3s.port(),
            config = quoted(&self.dir.join("restante.toml")),
        );
        text
    }
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
