//! The servers that are measured, each in a folder of its own, on a socket there.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::ground::{self, Fault};

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Our server with the log.
    Log,
    /// Our server with Maildirs.
    Maildir,
    /// Dovecot with a format of its mail.
    Dovecot(&'static str),
}

/// A server that runs.
pub(crate) struct Server {
    child: Child,
    socket: PathBuf,
}

impl Kind {
    /// All of them; with those that cannot be measured, what is lacking.
    pub(crate) fn all() -> Vec<(Self, Option<&'static str>)> {
        let ours = our_program().is_err().then_some("first: cargo build --release -p restante");
        let dovecot = dovecot().is_none().then_some("first: apt-get install dovecot-lmtpd");
        let peers = ["maildir", "sdbox", "mdbox"].map(|format| (Self::Dovecot(format), dovecot));
        [(Self::Log, ours), (Self::Maildir, ours)].into_iter().chain(peers).collect()
    }

    /// As it is called in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Log => "restante, log",
            Self::Maildir => "restante, Maildir",
            Self::Dovecot("maildir") => "Dovecot, maildir",
            Self::Dovecot("sdbox") => "Dovecot, sdbox",
            Self::Dovecot(_) => "Dovecot, mdbox",
        }
    }

    /// Whether somebody else made it.
    pub(crate) const fn is_peer(self) -> bool {
        matches!(self, Self::Dovecot(_))
    }
}

impl Server {
    /// Starts one with so many accounts, in this folder, and waits until it answers.
    pub(crate) fn start(kind: Kind, folder: &Path, accounts: usize) -> Result<Self, Fault> {
        let mut command = match kind {
            Kind::Log => ours(folder, "log", accounts)?,
            Kind::Maildir => ours(folder, "maildir", accounts)?,
            Kind::Dovecot(format) => dovecots(folder, format)?,
        };
        let socket = folder.join("lmtp");
        let output = fs::File::create(folder.join("output"))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .map_err(|fault| format!("{}: {fault}", kind.name()))?;
        let mut server = Self { child, socket };
        while UnixStream::connect(&server.socket).is_err() {
            if server.child.try_wait()?.is_some() {
                let said = fs::read_to_string(folder.join("output")).unwrap_or_default();
                return Err(format!("{} did not start: {said}", kind.name()).into());
            }
            // Not every server says when it listens.
            std::thread::yield_now();
        }
        Ok(server)
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// How much processor time it and its children had.
    pub(crate) fn processor(&self) -> Result<Duration, Fault> {
        ground::processor_of(self.child.id())
    }

    /// Ends it.
    pub(crate) fn stop(mut self) -> Result<(), Fault> {
        if let Some(pid) =
            i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw)
        {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program beside this one.
fn our_program() -> Result<PathBuf, Fault> {
    let program = std::env::current_exe()?.with_file_name("restante");
    if program.exists() { Ok(program) } else { Err("there is no restante beside bench".into()) }
}

fn ours(folder: &Path, backend: &str, accounts: usize) -> Result<Command, Fault> {
    let (configuration, program) = (folder.join("restante.toml"), our_program()?);
    let socket = folder.join("lmtp");
    fs::write(
        &configuration,
        format!(
            "hostname = \"mail.example.org\"\ndomains = [\"example.org\"]\nstate = \"state\"\n\
             [listen]\npop3 = \"off\"\npop3s = \"off\"\nlmtp = \"unix:{}\"\n\
             [store]\nbackend = \"{backend}\"\n[log]\nlevel = \"warn\"\n",
            socket.display()
        ),
    )?;
    let names = folder.join("accounts");
    let lines: Vec<String> = (0..accounts).map(ground::address).collect();
    fs::write(&names, lines.join(":*\n") + ":*\n")?;
    let with = |command: &mut Command| {
        command.env("RESTANTE_CONFIG", &configuration).current_dir(folder);
    };
    let mut import = Command::new(&program);
    with(&mut import);
    let made = import.args(["account", "import"]).arg(&names).output()?;
    if !made.status.success() {
        return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
    }
    let mut serve = Command::new(&program);
    with(&mut serve);
    serve.arg("serve");
    Ok(serve)
}

/// Where Debian has it.
fn dovecot() -> Option<PathBuf> {
    let program = PathBuf::from("/usr/sbin/dovecot");
    let has_lmtp = Path::new("/usr/lib/dovecot/lmtp").exists();
    (program.exists() && has_lmtp).then_some(program)
}

/// Everything synced before it is answered, as ours: the log of mdbox and the folders too.
fn dovecots(folder: &Path, format: &str) -> Result<Command, Fault> {
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    // Dovecot keeps no mail as root.
    let (mail_user, mail_group) = if user == 0 { (65534, 65534) } else { (user, group) };
    let mail = folder.join("mail");
    fs::create_dir(&mail)?;
    if user == 0 {
        std::os::unix::fs::chown(&mail, Some(mail_user), Some(mail_group))?;
        // It must come through to its mail.
        open_to_all(folder)?;
    }
    let me = name_of(user)?;
    let my_group = group_of(group)?;
    let below = folder.display();
    let configuration = folder.join("dovecot.conf");
    fs::write(
        &configuration,
        format!(
            "base_dir = {below}/run\nstate_dir = {below}/state\ninstance_name = bench\n\
             log_path = {below}/log\nprotocols = lmtp\nlisten = 127.0.0.1\nssl = no\n\
             default_internal_user = {me}\ndefault_login_user = {me}\n\
             default_internal_group = {my_group}\n\
             mail_location = {format}:{below}/mail/%n/mail\nmail_uid = {mail_user}\n\
             mail_gid = {mail_group}\nfirst_valid_uid = 1\nmail_fsync = always\n\
             auth_mechanisms = plain\nprotocol lmtp {{\n  auth_username_format = %n\n}}\n\
             passdb {{\n  driver = static\n  args = nopassword=y\n}}\n\
             userdb {{\n  driver = static\n  args = uid={mail_user} gid={mail_group} \
             home={below}/mail/%n allow_all_users=yes\n}}\n\
             service anvil {{\n  chroot =\n}}\nservice stats {{\n  chroot =\n}}\n\
             service lmtp {{\n  unix_listener {below}/lmtp {{\n    mode = 0600\n  }}\n  \
             process_min_avail = 4\n  service_count = 0\n  process_limit = 100\n}}\n"
        ),
    )?;
    let program = dovecot().ok_or("dovecot is not installed")?;
    let mut command = Command::new(program);
    command.arg("-F").arg("-c").arg(configuration);
    Ok(command)
}

fn open_to_all(folder: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o711))?;
    Ok(())
}

fn name_of(user: u32) -> Result<String, Fault> {
    named("/etc/passwd", user)
}

fn group_of(group: u32) -> Result<String, Fault> {
    named("/etc/group", group)
}

/// The name with this number.
fn named(file: &str, number: u32) -> Result<String, Fault> {
    let lines = fs::read_to_string(file)?;
    let wanted = number.to_string();
    let line = lines.lines().find(|line| line.split(':').nth(2) == Some(wanted.as_str()));
    let name = line.and_then(|line| line.split(':').next());
    name.map(str::to_owned).ok_or_else(|| format!("{file} does not know {number}").into())
}
