//! Listeners: `"[::]:110"`, `"unix:/run/restante/lmtp.sock"`, `"off"`, a list of them, or
//! tables that also say from where and with which rights.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde_spanned::Spanned;
use toml::de::DeValue;

use super::list::{List, collect};
use super::network::Network;
use crate::settings::definition::{Kind, wrong_type};
use crate::settings::near::nearest;
use crate::settings::problem::Problem;

/// The longest path of a Unix socket (unix(7)), its NUL left out.
const UNIX_PATH_OCTETS_MAX: usize = 107;
/// Who may connect to a Unix socket where nothing is said: its owner and group.
const UNIX_MODE: u32 = 0o660;

/// One place to listen at, as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenerSetting {
    /// Where.
    pub(crate) at: At,
    /// Networks from which passwords may come in clear text.
    pub(crate) cleartext_from: Vec<IpNet>,
    /// The proxies that connect there, each connection with a PROXY header; nobody else may.
    pub(crate) proxy_from: Vec<IpNet>,
}

impl ListenerSetting {
    const fn plain(at: At) -> Self {
        Self { at, cleartext_from: Vec::new(), proxy_from: Vec::new() }
    }
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// A TCP address; `[::]` takes IPv4 as well.
    Tcp(SocketAddr),
    /// A Unix socket with these rights.
    Unix {
        /// Its absolute path.
        path: PathBuf,
        /// Its rights, as chmod counts them.
        mode: u32,
    },
}

/// None, one or several listeners.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listeners;

impl Kind for Listeners {
    type Value = Vec<ListenerSetting>;

    fn describe(&self) -> String {
        "\"address:port\", \"unix:/path\", \"off\", or a list of them; in place of each string a \
         table { at = \"…\", cleartext_from = [\"192.168.7.0/24\"], proxy_from = [\"10.0.0.5/32\"] } or \
         { at = \"unix:…\", mode = \"0660\" }"
            .to_owned()
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Self::Value, Vec<Problem>> {
        match value.get_ref() {
            DeValue::String(text) if text == "off" => return Ok(Vec::new()),
            DeValue::Array(items) => collect(&OneListener, name, items.iter()),
            _ => collect(&OneListener, name, [value]),
        }
        .map(|listeners| listeners.into_iter().flatten().collect())
    }
}

struct OneListener;

impl Kind for OneListener {
    type Value = Option<ListenerSetting>;

    fn describe(&self) -> String {
        String::new()
    }

    fn parse(&self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Self::Value, Vec<Problem>> {
        match value.get_ref() {
            DeValue::String(text) => match at(name, text) {
                Ok(at) => Ok(Some(ListenerSetting::plain(at))),
                Err(problem) => Err(vec![problem.at(value.span())]),
            },
            DeValue::Table(_) => table(name, value).map(Some),
            _ => Err(vec![
                wrong_type(name, value, "an address such as \"[::]:110\"")
                    .help("every address of this machine, IPv4 too: \"[::]:PORT\""),
            ]),
        }
    }
}

fn table(name: &str, value: &Spanned<DeValue<'_>>) -> Result<ListenerSetting, Vec<Problem>> {
    let DeValue::Table(fields) = value.get_ref() else {
        return Err(vec![wrong_type(name, value, "a table")]);
    };
    let mut problems = Vec::new();
    let (mut place, mut mode) = (None, None);
    let (mut cleartext_from, mut proxy_from) = (Vec::new(), Vec::new());
    for (key, field) in fields {
        let field_name = format!("{name}.{}", key.get_ref());
        match (key.get_ref().as_ref(), field.get_ref()) {
            ("at", DeValue::String(text)) => match at(&field_name, text) {
                Ok(found) => place = Some(found),
                Err(problem) => problems.push(problem.at(field.span())),
            },
            ("at", _) => problems.push(wrong_type(&field_name, field, "an address in quotes")),
            ("cleartext_from", _) => match List(Network).parse(&field_name, field) {
                Ok(networks) => cleartext_from = networks,
                Err(found) => problems.extend(found),
            },
            ("proxy_from", _) => match List(Network).parse(&field_name, field) {
                Ok(networks) => proxy_from = networks,
                Err(found) => problems.extend(found),
            },
            ("mode", _) => match parse_mode(&field_name, field) {
                Ok(found) => mode = Some((found, key.span())),
                Err(problem) => problems.push(problem),
            },
            (other, _) => {
                let problem =
                    Problem::error(format!("`{field_name}` is no setting")).at(key.span());
                problems.push(
                    match nearest(other, ["at", "cleartext_from", "proxy_from", "mode"]) {
                        Some(near) => problem.help(format!("did you mean `{near}`?")),
                        None => problem
                            .help("a listener has `at`, `cleartext_from`, `proxy_from` and `mode`"),
                    },
                );
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    match (place, mode) {
        (None, _) => Err(vec![
            Problem::error(format!("`{name}` does not say where to listen"))
                .at(value.span())
                .help("at = \"[::]:110\""),
        ]),
        (Some(At::Tcp(_)), Some((_, span))) => {
            Err(vec![Problem::error(format!("`{name}.mode` is for Unix sockets")).at(span)])
        }
        (Some(At::Unix { .. }), _) if !proxy_from.is_empty() => Err(vec![
            Problem::error(format!("`{name}.proxy_from` is for TCP"))
                .at(value.span())
                .help("at = \"[::]:995\""),
        ]),
        (Some(At::Unix { path, .. }), Some((mode, _))) => {
            Ok(ListenerSetting { at: At::Unix { path, mode }, cleartext_from, proxy_from })
        }
        (Some(at), None) => Ok(ListenerSetting { at, cleartext_from, proxy_from }),
    }
}

fn parse_mode(name: &str, value: &Spanned<DeValue<'_>>) -> Result<u32, Problem> {
    let DeValue::String(text) = value.get_ref() else {
        return Err(wrong_type(name, value, "rights in quotes, such as \"0660\""));
    };
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 && !text.starts_with('+') => Ok(mode),
        _ => {
            Err(Problem::error(format!("`{name}` takes rights such as \"0660\"")).at(value.span()))
        }
    }
}

fn at(name: &str, text: &str) -> Result<At, Problem> {
    if let Some(path) = text.strip_prefix("unix:") {
        return if !path.starts_with('/') {
            Err(Problem::error(format!("`{name}` needs the whole path of the socket"))
                .help("unix:/run/restante/lmtp.sock"))
        } else if path.len() > UNIX_PATH_OCTETS_MAX || path.contains('\0') {
            Err(Problem::error(format!(
                "`{name}`: the path of a Unix socket has at most {UNIX_PATH_OCTETS_MAX} octets"
            )))
        } else {
            Ok(At::Unix { path: PathBuf::from(path), mode: UNIX_MODE })
        };
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(At::Tcp(address));
    }
    let problem = Problem::error(format!("`{name}` takes an address such as \"[::]:110\""));
    Err(match meant(text) {
        Some(meant) => problem.help(format!("did you mean \"{meant}\"?")),
        None => problem.help("ADDRESS:PORT, [IPv6-ADDRESS]:PORT, or unix:/PATH"),
    })
}

/// What somebody meant who wrote `110`, `*:110`, `:110`, `localhost:110`, `::1:110`, `/run/x`.
fn meant(text: &str) -> Option<String> {
    if text.starts_with('/') {
        return Some(format!("unix:{text}"));
    }
    if text.parse::<u16>().is_ok() {
        return Some(format!("[::]:{text}"));
    }
    let (host, port) = text.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    match host {
        "" | "*" => Some(format!("[::]:{port}")),
        "localhost" => Some(format!("127.0.0.1:{port}")),
        _ => match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => Some(format!("[{address}]:{port}")),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<ListenerSetting>, String> {
        let value = DeValue::parse(text).unwrap();
        Listeners.parse("listen.pop3", &value).map_err(|problems| {
            let lines = problems.iter().map(|p| format!("{}; {}", p.message, p.help.join("; ")));
            lines.collect::<Vec<_>>().join("\n")
        })
    }

    fn tcp(text: &str) -> ListenerSetting {
        ListenerSetting::plain(At::Tcp(text.parse().unwrap()))
    }

    #[test]
    fn a_listener_is_a_string_a_list_or_a_table() {
        assert_eq!(parse("\"[::]:110\""), Ok(vec![tcp("[::]:110")]));
        assert_eq!(parse("\"off\""), Ok(vec![]));
        assert_eq!(
            parse("[\"127.0.0.1:110\", { at = \"[::1]:110\" }]"),
            Ok(vec![tcp("127.0.0.1:110"), tcp("[::1]:110")])
        );
        let lan = parse("{ at = \"0.0.0.0:110\", cleartext_from = [\"192.168.7.0/24\"] }").unwrap();
        assert_eq!(lan[0].cleartext_from, ["192.168.7.0/24".parse().unwrap()]);
        let proxied = parse("{ at = \"[::]:995\", proxy_from = [\"10.0.0.5/32\"] }").unwrap();
        assert_eq!(proxied[0].proxy_from, ["10.0.0.5/32".parse().unwrap()]);
        let unix = parse("{ at = \"unix:/run/r/lmtp.sock\", mode = \"0666\" }").unwrap();
        assert_eq!(unix[0].at, At::Unix { path: "/run/r/lmtp.sock".into(), mode: 0o666 });
    }

    #[test]
    fn what_was_meant_is_said() {
        for (written, meant) in [
            ("110", "[::]:110"),
            ("\"110\"", "did you mean \"[::]:110\"?"),
            ("\"*:110\"", "did you mean \"[::]:110\"?"),
            ("\"localhost:110\"", "did you mean \"127.0.0.1:110\"?"),
            ("\"::1:110\"", "did you mean \"[::1]:110\"?"),
            ("\"/run/lmtp.sock\"", "did you mean \"unix:/run/lmtp.sock\"?"),
            ("\"unix:lmtp.sock\"", "whole path"),
            ("{ at = \"[::]:110\", cleartext_form = [] }", "did you mean `cleartext_from`?"),
            ("{ at = \"[::]:110\", cleartext_from = \"10.0.0.1\" }", "\"10.0.0.1/32\""),
            ("{ at = \"[::]:110\", cleartext_from = \"10.0.0.1/8\" }", "\"10.0.0.0/8\""),
            ("{ at = \"[::]:110\", cleartext_from = \"0.0.0.0/0\" }", "names everybody"),
            ("{ at = \"[::]:110\", proxy_form = [] }", "did you mean `proxy_from`?"),
            ("{ at = \"unix:/run/l.sock\", proxy_from = [\"10.0.0.0/8\"] }", "is for TCP"),
            ("{ mode = \"0660\" }", "does not say where"),
            ("{ at = \"[::]:110\", mode = \"0660\" }", "is for Unix sockets"),
        ] {
            let said = parse(written).unwrap_err();
            assert!(said.contains(meant) || written == "110", "{written}: {said}");
        }
        assert_eq!(parse("[\"a\", \"b\"]").unwrap_err().lines().count(), 2);
    }
}
