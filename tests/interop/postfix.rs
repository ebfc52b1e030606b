//! Debian's Postfix, in folders of its own, delivers by LMTP and by a pipe to `restante deliver`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::delivery::{count, stored};
use crate::expected::{assert_same, samples};
use crate::program::{program, run, script};
use crate::trial::Trial;

/// How a Postfix hands over.
enum Transport {
    Lmtp,
    Pipe,
}

/// A Postfix of the test's own: configuration, queue and data in one folder.
struct Postfix {
    folder: PathBuf,
    port: u16,
    master: Child,
    log: BufReader<ChildStdout>,
    logged: String,
}

impl Postfix {
    fn start(trial: &Trial, transport: &Transport) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "Postfix starts only as root; run this test as root, or with `sudo`"
        );
        let folder = trial.folder().join("postfix");
        let (etc, queue, data) = (folder.join("etc"), folder.join("queue"), folder.join("data"));
        for made in [&etc, &queue, &data] {
            fs::create_dir_all(made).expect("made");
        }
        // Postfix's own user passes through these.
        open_way(trial.folder());
        open_way(&folder);
        run(Command::new("/bin/chown").arg("postfix").arg(&data)).expect_success("chown");
        let port = free_port();
        fs::write(etc.join("main.cf"), main_cf(trial, &folder, transport)).expect("written");
        fs::write(etc.join("master.cf"), master_cf(trial, port)).expect("written");
        let ran = run(program("postfix", "postfix").arg("-c").arg(&etc).args(["check"]));
        assert_eq!(ran.code, Some(0), "postfix check: {ran}");
        let mut master = program("postfix", "postfix")
            .arg("-c")
            .arg(&etc)
            .arg("start-fg")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("postfix starts");
        let log = BufReader::new(master.stdout.take().expect("piped"));
        let mut postfix = Self { folder, port, master, log, logged: String::new() };
        postfix.wait_for("daemon started", 1);
        postfix
    }

    /// Reads the log until this was said so often.
    fn wait_for(&mut self, what: &str, times: usize) {
        let mut seen = 0;
        while seen < times {
            let start = self.logged.len();
            let octets = self.log.read_line(&mut self.logged).expect("the log is text");
            let line = &self.logged[start..];
            let failed = ["status=deferred", "status=bounced", "fatal: "];
            let is_failure = octets == 0 || failed.iter().any(|word| line.contains(word));
            assert!(!is_failure, "waiting for `{what}`:\n{}", self.logged);
            seen += usize::from(line.contains(what));
        }
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        let etc = self.folder.join("etc");
        let _ = program("postfix", "postfix").arg("-c").arg(etc).arg("stop").output();
        let _ = self.master.wait();
    }
}

fn main_cf(trial: &Trial, folder: &Path, transport: &Transport) -> String {
    let transport = match transport {
        Transport::Lmtp => format!("lmtp:inet:{}", trial.lmtp),
        Transport::Pipe => "restante:".to_owned(),
    };
    let folder = folder.display();
    format!(
        "compatibility_level = 3.6\n\
         queue_directory = {folder}/queue\n\
         data_directory = {folder}/data\n\
         maillog_file = /dev/stdout\n\
         myhostname = mx.localhost\n\
         mydestination =\n\
         inet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\n\
         mynetworks = 127.0.0.0/8\n\
         virtual_mailbox_domains = localhost\n\
         virtual_mailbox_maps =\n\
         virtual_transport = {transport}\n\
         restante_destination_recipient_limit = 1\n\
         smtpd_recipient_restrictions = permit_mynetworks, reject\n\
         smtp_host_lookup = native\n\
         lmtp_host_lookup = native\n\
         message_size_limit = 20000000\n\
         alias_maps =\n\
         alias_database =\n"
    )
}

fn master_cf(trial: &Trial, port: u16) -> String {
    // A copy: whoever the pipe runs as may not be able to reach the folder it was built in.
    let copy = trial.folder().join("restante");
    fs::copy(env!("CARGO_BIN_EXE_restante"), &copy).expect("copied");
    open_way(&copy);
    let (restante, configuration) = (copy.display(), trial.configuration());
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd\n\
         pickup unix n - n 60 1 pickup\n\
         cleanup unix n - n - 0 cleanup\n\
         qmgr unix n - n 300 1 qmgr\n\
         tlsmgr unix - - n 1000? 1 tlsmgr\n\
         rewrite unix - - n - - trivial-rewrite\n\
         bounce unix - - n - 0 bounce\n\
         defer unix - - n - 0 bounce\n\
         trace unix - - n - 0 bounce\n\
         verify unix - - n - 1 verify\n\
         proxymap unix - - n - - proxymap\n\
         proxywrite unix - - n - 1 proxymap\n\
         anvil unix - - n - 1 anvil\n\
         scache unix - - n - 1 scache\n\
         postlog unix-dgram n - n - 1 postlogd\n\
         showq unix n - n - - showq\n\
         error unix - - n - - error\n\
         retry unix - - n - - error\n\
         lmtp unix - - n - - lmtp\n\
         restante unix - n n - 4 pipe\n  \
         flags=hu user=nobody null_sender=\n  \
         argv={restante} deliver --config {} -f ${{sender}} -- ${{recipient}}\n",
        configuration.display()
    )
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

fn open_way(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("opened");
}

/// Sends all samples through Postfix, waits until it says of each that it is done, and compares.
fn through(transport: &Transport) {
    let (trial, samples) = (Trial::start(), samples());
    let mut postfix = Postfix::start(&trial, transport);
    let mut command = script("send.py");
    command.args(["smtp", "127.0.0.1", &postfix.port.to_string()]);
    command.arg(&trial.ca).args(["--relay", "bob@example.com", "demo@localhost"]);
    for (number, sample) in (1..).zip(&samples) {
        let file = trial.folder().join(format!("{number}.eml"));
        fs::write(&file, sample).expect("written");
        command.arg(file);
    }
    run(&mut command).expect_success("send.py");
    postfix.wait_for(": removed", samples.len());
    assert_eq!(count(&trial, "demo"), 14, "{}", postfix.logged);
    // Postfix delivers several at a time, so that their order is its own.
    let got: Vec<Vec<u8>> = (8..=14).map(|number| stored(&trial, "demo", number)).collect();
    for sample in &samples {
        let ending = text_of(sample);
        let found = got.iter().find(|message| text_of(message) == ending);
        let closest = got.iter().min_by_key(|message| message.len().abs_diff(sample.len()));
        let message = found.or(closest).expect("messages");
        assert_same(text_of(message), ending, "through Postfix");
        assert!(message.starts_with(b"Return-Path: <bob@example.com>\r\n"));
    }
}

/// What follows the header: Postfix puts lines of its own on top, but changes no text.
fn text_of(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").expect("a header's end");
    &message[end..]
}

#[test]
fn postfix_delivers_by_lmtp() {
    through(&Transport::Lmtp);
}

#[test]
fn postfix_delivers_by_a_pipe() {
    through(&Transport::Pipe);
}
