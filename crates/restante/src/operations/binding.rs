//! Lets an existing Maildir become an account's maildrop: a symbolic link in the store's folder.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mail_wire::MaildropId;

use crate::operations::executor::BindMaildir;

/// Links from `<root>/<id>`, as the Maildir store has it.
pub(crate) fn into_store(root: PathBuf) -> BindMaildir {
    Arc::new(move |id, maildir, leftovers| bind(&root, id, maildir, leftovers))
}

fn bind(
    root: &Path,
    id: MaildropId,
    maildir: &Path,
    leftovers: &[u64],
) -> Result<Option<u64>, String> {
    let shown = maildir.display();
    for folder in ["cur", "new", "tmp"] {
        let path = maildir.join(folder);
        // What the server's user may do there is what counts, and this runs as that user.
        rustix::fs::access(&path, rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK)
            .map_err(|error| {
                format!(
                    "{shown} cannot be a maildrop: `{folder}` in it cannot be read and written by \
                     the user that the server runs as: {error}"
                )
            })?;
        if !path.is_dir() {
            return Err(format!("{shown} is no Maildir: `{folder}` in it is no folder"));
        }
    }
    let target = fs::canonicalize(maildir).map_err(|error| format!("{shown}: {error}"))?;
    let link = root.join(id.to_string());
    let unlinked = |error| format!("{shown} cannot be linked into the store: {error}");
    match bound_already(root, &target).map_err(unlinked)? {
        None => symlink(&target, link).map(|()| None).map_err(unlinked),
        Some(other) => match other.parse() {
            // The account that had it is gone, and left the mail.
            Ok(number) if leftovers.contains(&number) => {
                fs::rename(root.join(other), link).map(|()| Some(number)).map_err(unlinked)
            }
            // Two maildrops over one folder would give its messages two lists of unique-ids.
            _ => Err(format!("{shown} is maildrop {other} already")),
        },
    }
}

fn bound_already(root: &Path, target: &Path) -> io::Result<Option<String>> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if entry.file_type()?.is_symlink()
            && fs::canonicalize(entry.path()).is_ok_and(|other| other == target)
        {
            return Ok(Some(entry.file_name().to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maildir_is_linked_once_and_only_if_it_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let (root, maildir) = (folder.path().join("mail"), folder.path().join("anna"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&maildir).unwrap();
        let bind = into_store(root.clone());
        assert!(bind(MaildropId::new(1), &maildir, &[]).unwrap_err().contains("`cur`"));
        for part in ["cur", "new", "tmp"] {
            fs::create_dir(maildir.join(part)).unwrap();
        }
        assert_eq!(bind(MaildropId::new(1), &maildir, &[]), Ok(None));
        assert_eq!(fs::read_link(root.join("1")).unwrap(), maildir.canonicalize().unwrap());
        let again = bind(MaildropId::new(2), &folder.path().join("mail/1"), &[7]);
        assert!(again.unwrap_err().ends_with("is maildrop 1 already"));
        assert_eq!(bind(MaildropId::new(2), &maildir, &[1]), Ok(Some(1)));
        assert!(!root.join("1").exists() && root.join("2/new").exists());
    }
}
