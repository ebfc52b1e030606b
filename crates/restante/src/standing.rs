//! Which store a site has: what its configuration says, held against what stands in its state
//! folder. A site never changes from one to the other without being told (`rulings` 18).

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use restante_store::copy::is_unfinished;

use crate::output::Failure;
use crate::settings::load::Settings;
use crate::settings::store::Backend;

/// The folder of the log store in the state folder.
const STORE: &str = "store";
/// The folder of the Maildirs.
const MAIL: &str = "mail";
/// Says that the log store was made: where it is missing now, its disk is.
const MADE: &str = "store.made";

/// A store: of which backend, and in which folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which backend it has.
    pub(crate) backend: Backend,
    /// Its folder.
    pub(crate) path: PathBuf,
}

/// The store of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Which backend it has.
    pub(crate) backend: Backend,
    /// Its folder.
    pub(crate) path: PathBuf,
    /// Whether it has that one only because it always had it: a new site has another.
    pub(crate) is_old_default: bool,
}

impl Standing {
    /// What the operator should know of it.
    pub(crate) fn word(&self) -> Option<String> {
        self.is_old_default.then(|| {
            format!(
                "the mail stays in Maildirs, in {}, as it was before there was a log store; \
                 `backend = \"maildir\"` in [store] says that this is meant",
                self.path.display()
            )
        })
    }
}

/// The folder of this backend's store.
pub(crate) fn folder(state: &Path, backend: Backend) -> PathBuf {
    state.join(match backend {
        Backend::Log => STORE,
        Backend::Maildir => MAIL,
    })
}

/// The store that the settings mean. Changes nothing.
///
/// # Errors
/// What they say is not what stands there, or there is doubt.
pub(crate) fn standing(settings: &Settings) -> Result<Standing, Failure> {
    let state = &settings.site.state;
    let unseen = |error: io::Error| {
        Failure::new(format!("cannot look into the state folder {}: {error}", state.display()))
            .hint("this needs root, or the user that the server runs as")
    };
    let (mail, store) = (folder(state, Backend::Maildir), folder(state, Backend::Log));
    // Half a copy is no store; the one it is copied from is still the site's.
    let has_mail = exists(&mail).map_err(unseen)? && !is_unfinished(&mail);
    let has_log = is_log(&store).map_err(unseen)?;
    let of = |backend, is_old_default| Standing {
        backend,
        path: folder(state, backend),
        is_old_default,
    };
    let stands = match (settings.store.backend, has_mail, has_log) {
        (None, true, true) => {
            return Err(Failure::new(format!(
                "there is a store in {} and another in {}",
                store.display(),
                mail.display()
            ))
            .hint("write which of them is in use: backend = \"log\" or \"maildir\" in [store]"));
        }
        (Some(Backend::Log), true, false) if has_maildrops(&mail).map_err(unseen)? => {
            return Err(elsewhere(Backend::Maildir, Backend::Log, &mail));
        }
        (Some(Backend::Maildir), false, true) => {
            return Err(elsewhere(Backend::Log, Backend::Maildir, &store));
        }
        (None, true, false) => of(Backend::Maildir, true),
        (None, false, _) => of(Backend::Log, false),
        (Some(backend), ..) => of(backend, false),
    };
    if stands.backend == Backend::Log && !has_log && exists(&state.join(MADE)).map_err(unseen)? {
        let (path, made) = (store.display(), state.join(MADE));
        return Err(Failure::new(format!("the mail of this site was in {path}, and is not there"))
            .hint(format!(
                "is its disk mounted? remove {} if it is meant to begin with no mail at all",
                made.display()
            )));
    }
    Ok(stands)
}

/// Notes, durably, that the log store was made. To be called when it was opened.
pub(crate) fn made(settings: &Settings) -> Result<(), Failure> {
    let path = settings.site.state.join(MADE);
    let write = || {
        let mut file = File::create(&path)?;
        file.write_all(
            b"The mail is in the folder `store`. Where that is missing, nothing starts.\n",
        )?;
        file.sync_all()?;
        File::open(&settings.site.state)?.sync_all()
    };
    if exists(&path).unwrap_or(false) {
        return Ok(());
    }
    write().map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}

fn elsewhere(stands: Backend, wanted: Backend, path: &Path) -> Failure {
    let (stands, wanted) = (stands.name(), wanted.name());
    Failure::new(format!(
        "the configuration says backend = \"{wanted}\", but the mail of this site is in {} \
         (\"{stands}\")",
        path.display()
    ))
    .hint(format!("write backend = \"{stands}\" in [store] to keep it there"))
}

fn is_log(store: &Path) -> io::Result<bool> {
    if is_unfinished(store) {
        return Ok(false);
    }
    // Without FORMAT it is a damaged one; it says so itself.
    Ok(exists(&store.join("FORMAT"))? || exists(&store.join("s00"))?)
}

fn has_maildrops(mail: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(mail)? {
        let name = entry?.file_name();
        if name.to_str().is_some_and(|name| name.parse::<u64>().is_ok()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn exists(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::document::Document;
    use crate::settings::load::read;

    /// A state folder with these in it, and what is written of the backend.
    fn judged(inside: &[&str], written: &str) -> Result<Backend, String> {
        let state = tempfile::tempdir().unwrap();
        for path in inside {
            fs::create_dir_all(state.path().join(path)).unwrap();
        }
        let text = format!(
            "hostname = \"mail.example.org\"\ndomains = [\"example.org\"]\nstate = \"{}\"\n\
             [listen]\npop3s = \"off\"\n[store]\n{written}\n",
            state.path().display()
        );
        let document = Document { path: PathBuf::from("/etc/restante/restante.toml"), text };
        let settings = read(&document).settings().expect("no problems");
        standing(&settings).map(|stands| stands.backend).map_err(|failure| failure.to_string())
    }

    // rulings 18: "A site's backend is never switched implicitly"
    #[test]
    fn what_stands_is_never_left_behind() {
        const LOG: &str = "backend = \"log\"";
        const MAILDIR: &str = "backend = \"maildir\"";
        for (inside, written, wanted) in [
            (&[][..], "", Ok(Backend::Log)),
            (&[], LOG, Ok(Backend::Log)),
            (&[], MAILDIR, Ok(Backend::Maildir)),
            (&["store/FORMAT"], "", Ok(Backend::Log)),
            (&["store/FORMAT"], LOG, Ok(Backend::Log)),
            (&["store/s00"], "", Ok(Backend::Log)),
            (&["mail/1"], "", Ok(Backend::Maildir)),
            // A folder that its disk is not mounted on looks like that.
            (&["mail"], "", Ok(Backend::Maildir)),
            (&["mail"], LOG, Ok(Backend::Log)),
            (&["mail/1"], MAILDIR, Ok(Backend::Maildir)),
            (&["mail/1"], LOG, Err("but the mail of this site is in")),
            (&["store/FORMAT"], MAILDIR, Err("but the mail of this site is in")),
            (&["mail/1", "store/FORMAT"], "", Err("and another in")),
            (&["mail/1", "store/FORMAT"], LOG, Ok(Backend::Log)),
            (&["mail/1", "store/FORMAT"], MAILDIR, Ok(Backend::Maildir)),
            // P-056: a disk that is not mounted is no empty store.
            (&["store.made", "store"], "", Err("is not there")),
            (&["store.made"], LOG, Err("is not there")),
            (&["store.made", "store/FORMAT"], "", Ok(Backend::Log)),
            // What was copied half way is none yet.
            (&["mail/1", "store/UNFINISHED", "store/FORMAT"], "", Ok(Backend::Maildir)),
            (&["mail/1", "store/UNFINISHED", "store/FORMAT"], LOG, Err("but the mail of")),
            (&["mail/UNFINISHED", "mail/1", "store/FORMAT"], "", Ok(Backend::Log)),
            (&["mail/UNFINISHED", "mail/1", "store/FORMAT"], MAILDIR, Err("but the mail of")),
        ] {
            match (judged(inside, written), wanted) {
                (Ok(backend), Ok(wanted)) => assert_eq!(backend, wanted, "{inside:?} {written}"),
                (Err(said), Err(wanted)) => assert!(said.contains(wanted), "{said}"),
                (judged, wanted) => panic!("{inside:?} {written}: {judged:?}, not {wanted:?}"),
            }
        }
    }
}
