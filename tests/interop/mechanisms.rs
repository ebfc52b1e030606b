//! Mechanisms as other people's libraries speak them: GNU SASL in mpop, Cyrus SASL in mutt,
//! curl's own.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::program::{program, run, script};
use crate::readers::mutt;
use crate::trial::Trial;

fn app_password(trial: &Trial) -> String {
    let add = ["app-password", "add", &trial.user, "laptop"];
    run(&mut trial.restante(&add)).expect_success("app-password add").text().trim().to_owned()
}

// P-104, P-112: GNU SASL, over TLS
#[test]
fn mpop_logs_in_by_scram() {
    let trial = Trial::start();
    let secret = trial.folder().join("secret");
    fs::write(&secret, app_password(&trial)).expect("written");
    let mpop = |mechanism: &str, secret: &str| {
        run(program("mpop", "mpop")
            .args(["--file=/dev/null", "--host=localhost", "--status-only", "--debug"])
            .arg(format!("--port={}", trial.pop3s.port()))
            .arg(format!("--user={}", trial.user))
            .arg(format!("--auth={mechanism}"))
            .arg(format!("--passwordeval={secret}"))
            .args(["--tls=on", "--tls-starttls=off", "--keep=on"])
            .arg(format!("--tls-trust-file={}", trial.ca.display()))
            .arg(format!("--uidls-file={}", trial.folder().join("uidls").display()))
            .arg(format!("--delivery=maildir,{}", trial.folder().display()))
            .env("HOME", trial.folder()))
    };
    for mechanism in ["scram-sha-1", "scram-sha-256"] {
        let ran = mpop(mechanism, &format!("cat {}", secret.display())).expect_success(mechanism);
        let said = format!("AUTH {}", mechanism.to_uppercase());
        assert!(ran.text().contains(&said) && ran.text().contains("+OK maildrop has 7"), "{ran}");
    }
    let ran = mpop("scram-sha-256", "echo rst1-00000000000000000000000000");
    assert_ne!(ran.code, Some(0), "{ran}");
    assert!(ran.text().contains("-ERR [AUTH] the name or the password is wrong"), "{ran}");
}

// P-104, P-109, P-112: OpenSSL's channel, GNU SASL's proof bound to it, TLS 1.3
#[test]
fn gsasl_binds_to_the_channel_of_openssl() {
    let trial = Trial::start();
    let _ = (program("gsasl", "gsasl"), program("openssl", "openssl"));
    let port = trial.pop3s.port().to_string();
    let plus = |secret: &str| {
        run(script("scram_plus.py").arg(&port).arg(&trial.ca).args([&trial.user, secret]))
            .expect_success("scram_plus.py")
            .text()
    };
    let said = plus(&app_password(&trial));
    assert!(said.starts_with("+OK maildrop has 7"), "{said}");
    let said = plus("rst1-00000000000000000000000000");
    assert_eq!(said.trim(), "-ERR [AUTH] the name or the password is wrong");
}

// P-104, P-112: Cyrus SASL, over STLS
#[test]
fn mutt_reads_by_scram() {
    let trial = Trial::start();
    let (mbox, ran) = mutt(
        &trial,
        &app_password(&trial),
        "set pop_authenticators = \"scram-sha-256\"\n",
        |mbox| format!("<first-entry><copy-message>{mbox}<enter><quit>"),
    );
    assert!(mbox.exists(), "mutt needs Debian's package libsasl2-modules for SCRAM: {ran}");
}

/// `restante serve` over the folder of a trial, with app passwords that can be read back.
struct Readable {
    server: Child,
    port: u16,
    secret: String,
    home: tempfile::TempDir,
}

impl Readable {
    fn start() -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let config = home.path().join("site/restante.toml");
        let binary = env!("CARGO_BIN_EXE_restante");
        let dir = home.path().join("site");
        run(Command::new(binary).args(["try", "--dir"]).arg(&dir).args(["--", "true"]))
            .expect_success("try");
        let text = fs::read_to_string(&config).expect("there");
        let (head, _) = text.split_once("[listen]").expect("a table");
        let more = "[listen]\npop3 = \"127.0.0.1:0\"\npop3s = \"off\"\n\
                    [mechanisms]\nrecoverable_app_passwords = true\n";
        fs::write(&config, format!("{head}{more}")).expect("written");
        let secret = run(Command::new(binary)
            .args(["app-password", "add", "demo@localhost", "scanner"])
            .env("RESTANTE_CONFIG", &config))
        .expect_success("app-password add");
        // A socket of the test's own, as a service manager hands it over: its port is known.
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let script = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=pop3 \
                      exec \"$0\" serve --config \"$1\" 3<&0 0</dev/null";
        let log = fs::File::create(Self::log_of(&home)).expect("a log");
        let server = Command::new("sh")
            .args(["-c", script, binary])
            .arg(&config)
            .env_remove("RESTANTE_CONFIG")
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stderr(log)
            .spawn()
            .expect("it starts");
        let secret = secret.text().trim().to_owned();
        Self { server, port, secret, home }
    }

    fn log_of(home: &tempfile::TempDir) -> PathBuf {
        home.path().join("log")
    }

    fn curl(&self, options: &str, secret: &str) -> Command {
        let mut command = program("curl", "curl");
        command.args(["--silent", "--show-error", "--disable", "--verbose"]);
        command.arg("--user").arg(format!("demo@localhost:{secret}"));
        command.args(["--login-options", options]);
        command.arg(format!("pop3://127.0.0.1:{}/1", self.port));
        command
    }
}

impl Drop for Readable {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.server);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.server.wait();
    }
}

// P-033, P-035, P-103: curl's APOP and CRAM-MD5, where app passwords can be read back; and the
// start says that they can
#[test]
fn curl_logs_in_by_digests() {
    let site = Readable::start();
    for (options, said) in
        [("AUTH=+APOP", "> APOP demo@localhost"), ("AUTH=CRAM-MD5", "> AUTH CRAM-MD5")]
    {
        let ran = run(&mut site.curl(options, &site.secret)).expect_success(options);
        assert!(ran.err.contains(said), "{ran}");
        assert!(!ran.out.is_empty());
        let wrong = run(&mut site.curl(options, "rst1-00000000000000000000000000"));
        assert_eq!(wrong.code, Some(67), "{wrong}");
        assert!(wrong.err.contains("-ERR [AUTH] the name or the password is wrong"), "{wrong}");
    }
    let log = fs::read_to_string(Readable::log_of(&site.home)).expect("there");
    assert!(log.contains("recoverable_app_passwords"), "{log}");
}
