//! Finds the running server or, when none runs, opens its files.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::compose;
use crate::operations::reach::Reach;
use crate::output::{Failure, Output};
use crate::settings::load::Settings;
use crate::settings::locate::ConfigArg;

/// How the accounts and the mail of a configuration are reached.
///
/// No command opens the files of a running server (`rulings` 14): while the control socket
/// answers they are not looked at, and while they are locked they cannot be opened.
pub(crate) async fn reach(config: &ConfigArg, output: Output) -> Result<Reach, Failure> {
    let settings = config.load(output)?;
    match running(&settings)? {
        Some(socket) => Ok(Reach::Running(socket, output)),
        None => Ok(Reach::Stopped(Box::new(compose::executor(&settings).await?))),
    }
}

/// The control socket of the running server, if one runs.
pub(crate) fn running(settings: &Settings) -> Result<Option<PathBuf>, Failure> {
    for path in settings.site.control_paths() {
        if answers(&path)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn answers(path: &Path) -> Result<bool, Failure> {
    match UnixStream::connect(path) {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::NotADirectory => Ok(false),
            io::ErrorKind::PermissionDenied => {
                let path = path.display();
                Err(Failure::new(format!("the control socket {path} may not be used: {error}"))
                    .hint("this needs root, or the user that the server runs as"))
            }
            _ => {
                let path = path.display();
                Err(Failure::new(format!("the control socket {path} cannot be used: {error}")))
            }
        },
    }
}
