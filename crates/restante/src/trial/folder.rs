//! The folder of a trial: certificate, configuration, account; and its end.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use mail_wire::Secret;
use restante_directory::{Manage, ManageError, NewAccount};
use restante_server::net::service::{Address, Service};

use crate::output::{Failure, Output};
use crate::settings::load::{Settings, load};
use crate::trial::certificate;

/// Who receives the mail.
pub(crate) const ADDRESS: &str = "demo@localhost";
/// What the configuration is called.
const CONFIG: &str = "restante.toml";
/// What the authority's certificate is called.
pub(crate) const AUTHORITY: &str = "ca.pem";

/// A folder that was made for a trial, or taken up again.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    temporary: Option<tempfile::TempDir>,
    new: bool,
}

impl Folder {
    /// A temporary folder, or this one. One that held a trial before is taken up again, with
    /// its mail; any other that is not empty is refused.
    pub(crate) fn make(dir: Option<&Path>) -> Result<Self, Failure> {
        let cannot = |path: &Path, error: std::io::Error| {
            Failure::new(format!("cannot make the folder {}: {error}", path.display()))
        };
        let (path, temporary) = if let Some(dir) = dir {
            fs::create_dir_all(dir).map_err(|error| cannot(dir, error))?;
            (fs::canonicalize(dir).map_err(|error| cannot(dir, error))?, None)
        } else {
            // Other users may come for the authority's certificate; the key and the state are
            // ours alone.
            let temporary = tempfile::Builder::new()
                .prefix("restante-try-")
                .permissions(Permissions::from_mode(0o755))
                .tempdir()
                .map_err(|error| cannot(&std::env::temp_dir(), error))?;
            (temporary.path().to_owned(), Some(temporary))
        };
        let new = !path.join(CONFIG).exists();
        let folder = Self { path, temporary, new };
        if new {
            folder.furnish()?;
        }
        Ok(folder)
    }

    /// Where it is: an absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it holds no mail yet.
    pub(crate) const fn is_new(&self) -> bool {
        self.new
    }

    /// The settings of the trial: those of the file, on free ports of loopback.
    pub(crate) fn settings(&self, output: Output) -> Result<Settings, Failure> {
        self.write(CONFIG, &configuration(&[]), 0o644)?;
        load(&self.path.join(CONFIG), output)
    }

    /// Writes the ports that were free into the configuration, so that commands, `check` and
    /// `serve` can use it.
    pub(crate) fn write_addresses(&self, addresses: &[(Service, Address)]) -> Result<(), Failure> {
        self.write(CONFIG, &configuration(addresses), 0o644)
    }

    /// Makes the account with a password that was never used before, and gives the password.
    pub(crate) async fn account(&self, manage: &dyn Manage) -> Result<Secret<String>, Failure> {
        let password = password()?;
        let mut account = NewAccount::named(ADDRESS);
        account.password = Some(password.clone());
        let made = match manage.add_account(account).await {
            Err(ManageError::AccountExists { .. }) => {
                manage.set_password(ADDRESS.to_owned(), Some(password.clone())).await
            }
            made => made,
        };
        made.map_err(|error| Failure::new(format!("cannot make the account {ADDRESS}: {error}")))?;
        Ok(password)
    }

    /// Removes it if it is temporary.
    pub(crate) fn remove(self) -> Result<(), Failure> {
        let Some(temporary) = self.temporary else { return Ok(()) };
        temporary.close().map_err(|error| {
            Failure::new(format!("cannot remove {}: {error}", self.path.display()))
        })
    }

    fn furnish(&self) -> Result<(), Failure> {
        let stranger = fs::read_dir(&self.path).ok().and_then(|mut entries| entries.next());
        if stranger.is_some() {
            return Err(Failure::new(format!("{} is not empty", self.path.display()))
                .hint("name a new folder, or one that an earlier trial left"));
        }
        let made = certificate::make(Timestamp::now())?;
        self.write(AUTHORITY, &made.authority, 0o644)?;
        self.write("certificate.pem", &made.chain, 0o644)?;
        self.write("key.pem", &made.key, 0o600)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> Result<(), Failure> {
        let path = self.path.join(name);
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
    }
}

fn configuration(addresses: &[(Service, Address)]) -> String {
    let mut text = String::from(
        "# Written by `restante try`.\n\
         hostname = \"localhost\"\n\
         domains = [\"localhost\"]\n\
         state = \"state\"\n\
         \n\
         [tls]\n\
         certificate = \"certificate.pem\"\n\
         key = \"key.pem\"\n\
         \n\
         [intake]\n\
         postmaster = \"demo\"\n\
         \n\
         [timeouts]\n\
         drain = \"1s\"\n\
         \n\
         [listen]\n",
    );
    for service in Service::ALL {
        let bound = addresses.iter().find(|(other, _)| *other == service);
        let at = bound.map_or_else(|| "127.0.0.1:0".to_owned(), |(_, address)| address.to_string());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{service} = \"{at}\"");
    }
    text
}

/// 20 letters and digits that cannot be mistaken for each other: 98 bits, and nothing that a
/// shell, a URL or a form would need quoted.
fn password() -> Result<Secret<String>, Failure> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0u8; 20];
    getrandom::fill(&mut random)
        .map_err(|error| Failure::new(format!("the system gives no random octets: {error}")))?;
    let letter = |octet: &u8| LETTERS.get(usize::from(octet & 31)).copied().unwrap_or(b'x');
    Ok(Secret::new(random.iter().map(letter).map(char::from).collect()))
}
