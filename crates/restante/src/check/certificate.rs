//! Whether certificate and key can be read, fit each other, hold, and are kept secret.

use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::Timestamp;
use restante_server::net::tls::{Certificate, TlsError, TlsSettings, inspect};

use crate::settings::kinds::listener::At;
use crate::settings::load::Settings;
use crate::settings::problem::Problem;
use crate::settings::reader::Places;
use crate::settings::tls::Tls;

/// What is wrong with `[tls]`.
pub(super) fn problems(settings: &Settings, places: &Places) -> Vec<Problem> {
    let Some(tls) = &settings.tls else { return without(settings, places) };
    let mut problems: Vec<Problem> = [("tls.certificate", &tls.certificate), ("tls.key", &tls.key)]
        .into_iter()
        .filter_map(|(name, path)| Some(unreadable(path)?.at(places.get(name).cloned())))
        .collect();
    if problems.is_empty() {
        problems = unusable(tls, settings, places);
    }
    problems.extend(exposed(&tls.key, places));
    problems
}

fn unreadable(path: &Path) -> Option<Problem> {
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut [0]));
    let error = read.err()?;
    let shown = path.display();
    let problem = match error.kind() {
        ErrorKind::NotFound => Problem::error(format!("there is no file {shown}")),
        ErrorKind::PermissionDenied => Problem::error(format!("this user may not read {shown}"))
            .help("the user that the server runs as has to, by its group for instance"),
        ErrorKind::IsADirectory => Problem::error(format!("{shown} is a folder, not a file")),
        _ => Problem::error(format!("{shown} cannot be read: {error}")),
    };
    Some(problem)
}

fn unusable(tls: &Tls, settings: &Settings, places: &Places) -> Vec<Problem> {
    let files = TlsSettings { certificate: tls.certificate.clone(), key: tls.key.clone() };
    let error = match inspect(&files) {
        Ok(certificate) => return surprises(&certificate, settings, places),
        Err(error) => error,
    };
    let of_key = matches!(&error, TlsError::Key { .. } | TlsError::Mismatch { .. });
    let name = if of_key { "tls.key" } else { "tls.certificate" };
    let problem = match error {
        TlsError::Certificate { problem, .. } => {
            Problem::error(format!("this is no usable certificate: {problem}"))
                .help("the file begins with -----BEGIN CERTIFICATE-----")
        }
        TlsError::Key { problem, .. } => {
            Problem::error(format!("this is no usable private key: {problem}"))
                .help("the file begins with -----BEGIN PRIVATE KEY-----")
        }
        TlsError::Mismatch { .. } => Problem::error("this key does not belong to the certificate")
            .help("name the key that the certificate was made for"),
        TlsError::File { .. } | TlsError::Absent | TlsError::Setup { .. } => {
            Problem::error(error.to_string())
        }
    };
    vec![problem.at(places.get(name).cloned())]
}

fn surprises(certificate: &Certificate, settings: &Settings, places: &Places) -> Vec<Problem> {
    let place = || places.get("tls.certificate").cloned();
    let mut problems = Vec::new();
    if !certificate.holds_at(Timestamp::now()) {
        let (from, to) = (certificate.not_before, certificate.not_after);
        let problem =
            Problem::warning(format!("the certificate holds from {from} to {to}, not now"));
        problems.push(problem.at(place()).help("clients will refuse it; renew it"));
    }
    let hostname = &settings.site.hostname;
    if !certificate.names.iter().any(|name| is_good_for(name, hostname)) {
        let names = certificate.names.join(", ");
        let problem = Problem::warning(format!("the certificate is not good for `{hostname}`"));
        problems.push(
            problem
                .at(place())
                .help(format!("it is for {names}; clients have to use one of these names")),
        );
    }
    problems
}

/// RFC 6125 §6.4: a wildcard stands for one whole label, the leftmost.
fn is_good_for(name: &str, host: &str) -> bool {
    if name.eq_ignore_ascii_case(host) {
        return true;
    }
    match (name.strip_prefix("*."), host.split_once('.')) {
        (Some(parent), Some((label, rest))) => {
            !label.is_empty() && parent.eq_ignore_ascii_case(rest)
        }
        _ => false,
    }
}

fn exposed(key: &Path, places: &Places) -> Option<Problem> {
    let mode = std::fs::metadata(key).ok()?.permissions().mode();
    (mode & 0o004 != 0).then(|| {
        Problem::error("everybody on this machine can read the private key")
            .at(places.get("tls.key").cloned())
            .help(format!("chmod 0640 {}", key.display()))
    })
}

/// Without a certificate, POP3 beyond loopback lets nobody in.
fn without(settings: &Settings, places: &Places) -> Vec<Problem> {
    let reachable = settings.listen.pop3.iter().any(|listener| {
        matches!(&listener.at, At::Tcp(address) if !address.ip().is_loopback())
            && listener.cleartext_from.is_empty()
    });
    if !reachable {
        return Vec::new();
    }
    let problem = Problem::warning("without [tls], only clients on this machine can log in")
        .at(places.get("listen.pop3").cloned())
        .help("write [tls] with `certificate` and `key`");
    vec![problem]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_one_label() {
        assert!(is_good_for("mail.example.org", "Mail.example.org"));
        assert!(is_good_for("*.example.org", "mail.example.org"));
        assert!(!is_good_for("*.example.org", "example.org"));
        assert!(!is_good_for("*.example.org", "a.b.example.org"));
        assert!(!is_good_for("*.org", ".org"));
    }
}
