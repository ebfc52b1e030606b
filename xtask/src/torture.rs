//! Kills of the real binary without number, and power cuts on disks of their own.
//!
//! The test that does the work is `torture` of the crate `restante`: it keeps a ledger of what
//! was acknowledged and holds every life's remains against it. Here is said how often, on what,
//! and how the lights go out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{Run, cargo};

/// How often the server is killed where nothing is said.
const KILLS: u32 = 500;
/// How often the power is cut on each file system.
const CUTS: u32 = 25;
/// How large a disk is.
const DISK_OCTETS: u64 = 512 << 20;

/// What makes a server's syncs do nothing, and say that they did.
const WITHOUT_SYNC: &str =
    "strace -f -qq -o /dev/null -e trace=fdatasync,fsync -e inject=fdatasync,fsync:retval=0";

/// Kills the server as often as asked.
pub(crate) fn torture(root: &Path, arguments: &[String]) -> Result<bool, String> {
    let kills = count(arguments, "--kills", KILLS)?;
    the_test(root).env("RESTANTE_TORTURE_KILLS", kills.to_string()).done()?;
    println!("torture: {kills} kills, nothing lost");
    Ok(true)
}

/// Cuts the power of ext4 and XFS as often as asked, and once without syncs, to see that mail
/// would be lost.
pub(crate) fn powercut(root: &Path, arguments: &[String]) -> Result<bool, String> {
    let cuts = count(arguments, "--cuts", CUTS)?;
    if let Some(missing) = missing() {
        println!("powercut: SKIPPED, nothing was shown: {missing}");
        return Ok(true);
    }
    for system in ["ext4", "xfs"] {
        let disk = Disk::make(system)?;
        disk.lives(root, cuts, None)?;
        println!("powercut: {system}: {cuts} cuts, nothing lost");
    }
    for system in ["ext4", "xfs"] {
        let disk = Disk::make(system)?;
        // One of these must fail, or the cuts cut nothing.
        if disk.lives(root, cuts, Some(WITHOUT_SYNC)).is_ok() {
            println!("powercut: {system}: without syncs nothing was lost: the cuts prove nothing");
            return Ok(false);
        }
        println!("powercut: {system}: without syncs mail was lost, as it must be");
    }
    Ok(true)
}

fn the_test(root: &Path) -> Run {
    let name = "torture::nothing_acknowledged_is_lost_however_often_it_is_killed";
    Run::new(cargo(), root)
        .args(["test", "--locked", "--package", "restante", "--test", "commands", "--"])
        .args(["--exact", name, "--nocapture"])
}

fn count(arguments: &[String], option: &str, otherwise: u32) -> Result<u32, String> {
    match arguments {
        [] => Ok(otherwise),
        [name, number] if name == option => {
            number.parse().map_err(|_| format!("{option} needs a whole number"))
        }
        _ => Err(format!("only {option} N is known here")),
    }
}

/// What this machine lacks, as a sentence.
fn missing() -> Option<String> {
    let is_root = fs::metadata("/proc/self")
        .is_ok_and(|status| std::os::unix::fs::MetadataExt::uid(&status) == 0);
    if !is_root {
        return Some("disks can be mounted by root only".to_owned());
    }
    for (program, package) in [
        ("mkfs.ext4", "e2fsprogs"),
        ("mkfs.xfs", "xfsprogs"),
        ("xfs_io", "xfsprogs"),
        ("mount", "mount"),
        ("strace", "strace"),
    ] {
        let is_there = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
            .iter()
            .any(|folder| Path::new(folder).join(program).exists());
        if !is_there {
            return Some(format!("there is no {program}: install Debian's package {package}"));
        }
    }
    if !Path::new("/dev/loop-control").exists() {
        return Some("this kernel has no loop devices".to_owned());
    }
    None
}

/// A file system in a file, mounted as long as this lives.
struct Disk {
    folder: PathBuf,
}

impl Disk {
    fn make(system: &str) -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("powercut-{}-{system}", std::process::id()));
        let disk = Self { folder };
        let fault = |error| format!("cannot make {}: {error}", disk.folder.display());
        fs::create_dir_all(disk.mount()).map_err(fault)?;
        let image = fs::File::create(disk.image()).map_err(fault)?;
        image.set_len(DISK_OCTETS).map_err(fault)?;
        done(Command::new(format!("mkfs.{system}")).arg("-q").arg(disk.image()))?;
        // What was not synced is dropped: the log of the file system is not flushed.
        disk.script("cut", "exec xfs_io -x -c shutdown \"$disk/mount\"\n")?;
        disk.script(
            "mend",
            "umount \"$disk/mount\"\nexec mount -o loop \"$disk/image\" \"$disk/mount\"\n",
        )?;
        done(Command::new("mount").args(["-o", "loop"]).arg(disk.image()).arg(disk.mount()))?;
        Ok(disk)
    }

    /// So many lives on it, each ended by a power cut.
    fn lives(&self, root: &Path, cuts: u32, under: Option<&str>) -> Result<(), String> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let mut run = the_test(root)
            .env("RESTANTE_TORTURE_KILLS", cuts.to_string())
            .env("RESTANTE_TORTURE_STATE", text(self.mount().join("state")))
            .env("RESTANTE_TORTURE_CUT", text(self.folder.join("cut")))
            .env("RESTANTE_TORTURE_MEND", text(self.folder.join("mend")));
        if let Some(under) = under {
            run = run.env("RESTANTE_TORTURE_UNDER", under);
        }
        run.done()
    }

    fn script(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.folder.join(name);
        let text = format!("#!/bin/sh\nset -e\ndisk='{}'\n{text}", self.folder.display());
        fs::write(&path, text)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    fn mount(&self) -> PathBuf {
        self.folder.join("mount")
    }

    fn image(&self) -> PathBuf {
        self.folder.join("image")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if done(Command::new("umount").arg(self.mount())).is_ok() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn done(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn a_number_may_be_said() {
        let said = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            count(&words, "--kills", 7)
        };
        assert_eq!(said(&[]), Ok(7));
        assert_eq!(said(&["--kills", "3"]), Ok(3));
        assert!(said(&["--kills", "many"]).is_err());
        assert!(said(&["--cuts", "3"]).is_err());
    }
}
