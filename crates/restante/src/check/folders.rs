//! Whether the state folder and the folders of sockets are there and are ours.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::settings::kinds::listener::At;
use crate::settings::load::Settings;
use crate::settings::problem::Problem;
use crate::settings::reader::Places;

/// The longest path of a Unix socket (unix(7)), its NUL left out.
const UNIX_PATH_OCTETS_MAX: usize = 107;

/// What is wrong with folders.
pub(super) fn problems(settings: &Settings, places: &Places) -> Vec<Problem> {
    let state = places.get("state").cloned();
    let mut problems: Vec<Problem> =
        state_problems(&settings.site.state).into_iter().map(|one| one.at(state.clone())).collect();
    for path in settings.site.control_paths() {
        if path.as_os_str().len() > UNIX_PATH_OCTETS_MAX {
            let name = if settings.site.control.is_some() { "control" } else { "state" };
            problems.push(
                Problem::error(format!(
                    "the path of the control socket, {}, is longer than {UNIX_PATH_OCTETS_MAX} octets",
                    path.display()
                ))
                .at(places.get(name).cloned())
                .help("`control` names another place"),
            );
        }
    }
    for (name, listener) in settings.listen.all() {
        if let At::Unix { path, .. } = &listener.at
            && let Some(problem) = socket_folder(path)
        {
            problems.push(problem.at(places.get(name).cloned()));
        }
    }
    problems
}

fn state_problems(state: &Path) -> Vec<Problem> {
    let shown = state.display();
    let Ok(metadata) = fs::metadata(state) else {
        // It is made at the first start, if it can be.
        let parent = state.parent().unwrap_or(Path::new("/"));
        return if access(parent, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
            Vec::new()
        } else {
            vec![
                Problem::error(format!("there is no state folder {shown}, and it cannot be made"))
                    .help(format!("make it: install -d -m 0700 -o restante {shown}")),
            ]
        };
    };
    if !metadata.is_dir() {
        return vec![Problem::error(format!("the state folder {shown} is no folder"))];
    }
    let mut problems = Vec::new();
    match access(state, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => {}
        Err(Errno::ROFS) => problems.push(Problem::error(format!(
            "the state folder {shown} is on a file system that is mounted read-only"
        ))),
        Err(_) => problems.push(
            Problem::error(format!("the state folder {shown} cannot be written by this user"))
                .help("run this as the user that owns it, or as root"),
        ),
    }
    if metadata.permissions().mode() & 0o007 != 0 {
        problems.push(
            Problem::warning(format!("everybody on this machine can look into {shown}"))
                .help(format!("chmod o= {shown}")),
        );
    }
    problems
}

fn socket_folder(socket: &Path) -> Option<Problem> {
    let folder = socket.parent()?;
    let shown = folder.display();
    match fs::metadata(folder) {
        Err(_) => {
            let grandparent = folder.parent().unwrap_or(Path::new("/"));
            let can_be_made = access(grandparent, Access::WRITE_OK | Access::EXEC_OK).is_ok();
            (!can_be_made).then(|| {
                Problem::error(format!("there is no folder {shown} for the socket"))
                    .help("RuntimeDirectory=restante in the unit makes /run/restante")
            })
        }
        Ok(metadata) if !metadata.is_dir() => Some(Problem::error(format!("{shown} is no folder"))),
        Ok(metadata) => {
            let sticky = metadata.mode() & 0o1000 != 0;
            (metadata.mode() & 0o002 != 0 && !sticky).then(|| {
                Problem::warning(format!("everybody can put another socket into {shown}"))
                    .help(format!("chmod o-w {shown}"))
            })
        }
    }
}
