//! The settings at the top of the file: who we are, where things are, how sessions behave.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pop3_proto::extension::Extension;

use crate::settings::definition::{Definition, Otherwise};
use crate::settings::kinds::choice::Choice;
use crate::settings::kinds::duration::seconds;
use crate::settings::kinds::flag::Flag;
use crate::settings::kinds::list::List;
use crate::settings::kinds::name::DomainName;
use crate::settings::kinds::optional::Optional;
use crate::settings::kinds::path::FilePath;
use crate::settings::problem::Problem;
use crate::settings::reader::Reader;

/// Where state is kept where nothing else is said.
pub(crate) const STATE: &str = "/var/lib/restante";
/// Where the control socket of that state is.
const CONTROL: &str = "/run/restante/control.sock";

/// What stands at the top of the file.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// This host's name, in A-labels.
    pub(crate) hostname: String,
    /// Our domains, in A-labels; the first is the main one.
    pub(crate) domains: Vec<String>,
    /// The folder for accounts and mail.
    pub(crate) state: PathBuf,
    /// Where the control socket is, where that is said.
    pub(crate) control: Option<PathBuf>,
    /// Whether sessions of one maildrop exclude each other.
    pub(crate) sessions: SessionsSetting,
    /// How long a second login waits for the first session to end.
    pub(crate) lock_wait: Duration,
    /// The least time between two logins of an account.
    pub(crate) login_delay: Option<Duration>,
    /// Whether LAST is answered.
    pub(crate) last: bool,
    /// Which of our own commands are answered.
    pub(crate) extensions: Vec<ExtensionSetting>,
    /// What mail with UTF-8 headers is to a client that did not say UTF8.
    pub(crate) utf8_legacy: Utf8LegacySetting,
    /// Whether main passwords are good for POP3.
    pub(crate) main_password_over_pop3: bool,
}

/// `sessions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SessionsSetting {
    /// RFC 1939 §4.
    #[default]
    Exclusive,
    /// Each over its own snapshot.
    Snapshot,
}

/// `utf8_legacy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Utf8LegacySetting {
    /// By its stand-in; `-ERR [UTF8]` where there is none.
    #[default]
    Downgrade,
    /// `-ERR [UTF8]`.
    Refuse,
    /// As it is.
    Raw,
}

/// One of `extensions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtensionSetting(pub(crate) Extension);

impl Default for ExtensionSetting {
    /// Stands for nothing, where what is written is wrong.
    fn default() -> Self {
        Self(Extension::Commit)
    }
}

impl Site {
    /// What this table is about.
    pub(crate) const MEANING: &'static str =
        "These stand at the top of the file, above the first `[table]`.";

    /// Reads the top of the file.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let site = Self {
            hostname: hostname(reader),
            domains: domains(reader),
            state: state(reader),
            control: control(reader),
            sessions: sessions(reader),
            lock_wait: lock_wait(reader),
            login_delay: login_delay(reader),
            last: last(reader),
            extensions: extensions(reader),
            utf8_legacy: utf8_legacy(reader),
            main_password_over_pop3: main_password_over_pop3(reader),
        };
        if reader.is_written("domains") && site.domains.is_empty() && reader.is_clean() {
            let problem = Problem::error("`domains` is empty")
                .help("name the domains whose mail is taken in: domains = [\"example.org\"]");
            reader.problem("domains", problem);
        }
        if reader.is_written("lock_wait") && site.sessions == SessionsSetting::Snapshot {
            let problem =
                Problem::warning("`lock_wait` has no effect: sessions = \"snapshot\" has no lock");
            reader.problem("lock_wait", problem.help("remove this line"));
        }
        site
    }

    /// Where the control socket is. The well-known place belongs to the well-known state
    /// alone: two servers on one machine must never be taken for each other.
    pub(crate) fn control_paths(&self) -> Vec<PathBuf> {
        if let Some(path) = &self.control {
            return vec![path.clone()];
        }
        let beside = self.state.join("control.sock");
        if self.state == Path::new(STATE) {
            vec![PathBuf::from(CONTROL), beside]
        } else {
            vec![beside]
        }
    }

    /// Relative paths start at the folder of the configuration.
    pub(crate) fn resolve(&mut self, folder: &Path) {
        self.state = folder.join(&self.state);
        self.control = self.control.take().map(|path| folder.join(path));
    }
}

fn hostname(reader: &mut Reader<'_>) -> String {
    reader.setting(&DomainName, Definition {
        name: "hostname",
        otherwise: Otherwise::Required("\"mail.example.org\""),
        meaning: "The name of this host, as clients and other mail servers call it. It stands in \
                  the greeting and in the Received lines.",
        reloads: false,
    })
}

fn domains(reader: &mut Reader<'_>) -> Vec<String> {
    reader.setting(
        &List(DomainName),
        Definition {
            name: "domains",
            otherwise: Otherwise::Required("[\"example.org\"]"),
            meaning: "The domains whose mail is taken in. Where there is one only, accounts \
                  may be made without naming it; a login without a domain is good where one \
                  account alone is meant.",
            reloads: false,
        },
    )
}

fn state(reader: &mut Reader<'_>) -> PathBuf {
    reader.setting(&FilePath, Definition {
        name: "state",
        otherwise: Otherwise::Value("\"/var/lib/restante\""),
        meaning: "The folder for accounts and mail. It belongs to the user that the server runs \
                  as, and nobody else may read it.",
        reloads: false,
    })
}

fn control(reader: &mut Reader<'_>) -> Option<PathBuf> {
    reader.setting(
        &Optional(FilePath),
        Definition {
            name: "control",
            otherwise: Otherwise::Nothing("\"/run/restante/control.sock\""),
            meaning: "The socket through which commands reach the running server. Where nothing is \
                  said it is `/run/restante/control.sock` for the state in `/var/lib/restante`, \
                  if that folder can be written, and `control.sock` in the state folder \
                  otherwise.",
            reloads: false,
        },
    )
}

fn sessions(reader: &mut Reader<'_>) -> SessionsSetting {
    const CHOICE: Choice<SessionsSetting> = Choice(&[
        ("exclusive", SessionsSetting::Exclusive),
        ("snapshot", SessionsSetting::Snapshot),
    ]);
    reader.setting(
        &CHOICE,
        Definition {
            name: "sessions",
            otherwise: Otherwise::Value("\"exclusive\""),
            meaning: "Whether several clients may be logged in to one maildrop at a time. With \
                  \"exclusive\" one session holds the maildrop (RFC 1939 §4), and a second login \
                  is refused with `[IN-USE]`. With \"snapshot\" sessions overlap, and each sees \
                  the maildrop as it was at its login.",
            reloads: false,
        },
    )
}

fn lock_wait(reader: &mut Reader<'_>) -> Duration {
    reader.setting(
        &seconds(1..=60),
        Definition {
            name: "lock_wait",
            otherwise: Otherwise::Value("\"3s\""),
            meaning: "How long a second login waits for the first session to end before it is \
                  refused. Some robots give up after 4 seconds.",
            reloads: false,
        },
    )
}

fn login_delay(reader: &mut Reader<'_>) -> Option<Duration> {
    reader.setting(
        &Optional(seconds(1..=86_400)),
        Definition {
            name: "login_delay",
            otherwise: Otherwise::Nothing("\"1m\""),
            meaning: "The least time between two logins of one account (RFC 2449 §6.5). It is \
                  announced and enforced. Where nothing is said there is none.",
            reloads: false,
        },
    )
}

fn last(reader: &mut Reader<'_>) -> bool {
    reader.setting(
        &Flag,
        Definition {
            name: "last",
            otherwise: Otherwise::Value("false"),
            meaning: "Whether the command LAST of RFC 1460 is answered, for very old clients.",
            reloads: false,
        },
    )
}

fn extensions(reader: &mut Reader<'_>) -> Vec<ExtensionSetting> {
    const CHOICE: Choice<ExtensionSetting> = Choice(&[
        (Extension::Commit.keyword(), ExtensionSetting(Extension::Commit)),
        (Extension::Refresh.keyword(), ExtensionSetting(Extension::Refresh)),
        (Extension::Digest.keyword(), ExtensionSetting(Extension::Digest)),
        (Extension::Wait.keyword(), ExtensionSetting(Extension::Wait)),
    ]);
    reader.setting(
        &List(CHOICE),
        Definition {
            name: "extensions",
            otherwise: Otherwise::Value("[\"XCOMMIT\", \"XREFRESH\", \"XDIGEST\", \"XWAIT\"]"),
            meaning: "Which commands of our own are announced and answered. Clients that do not \
                  know them never say them. What is not in the list is an unknown command; `[]` \
                  turns all of them off.",
            reloads: false,
        },
    )
}

fn utf8_legacy(reader: &mut Reader<'_>) -> Utf8LegacySetting {
    const CHOICE: Choice<Utf8LegacySetting> = Choice(&[
        ("downgrade", Utf8LegacySetting::Downgrade),
        ("refuse", Utf8LegacySetting::Refuse),
        ("raw", Utf8LegacySetting::Raw),
    ]);
    reader.setting(&CHOICE, Definition {
        name: "utf8_legacy",
        otherwise: Otherwise::Value("\"downgrade\""),
        meaning: "What a message that came in with SMTPUTF8 and has UTF-8 in its header is to a \
                  client that did not say UTF8 (RFC 6856). \"downgrade\" shows a stand-in whose \
                  header is ASCII (RFC 6858), made when the message came; where the store keeps \
                  none, as a Maildir, it is \"refuse\". \"refuse\" answers `-ERR [UTF8]` for \
                  that message; \"raw\" sends it as it is. Mail with undeclared 8-bit text always \
                  goes out as it is.",
        reloads: false,
    })
}

fn main_password_over_pop3(reader: &mut Reader<'_>) -> bool {
    reader.setting(
        &Flag,
        Definition {
            name: "main_password_over_pop3",
            otherwise: Otherwise::Value("true"),
            meaning: "Whether an account's main password is good for POP3. With false, POP3 takes \
                  app passwords only, unless an account says otherwise.",
            reloads: false,
        },
    )
}
