//! What systemd and we tell each other: states (sd_notify(3)) and sockets (sd_listen_fds(3)).

use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use listenfd::ListenFd;
use restante_server::net::service::Service;
use rustix::time::{ClockId, clock_gettime};

use crate::output::Failure;

/// A state of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Every socket is open.
    Ready,
    /// A reload is under way; [`State::Ready`] ends it.
    Reloading,
    /// No new connections; the present ones end.
    Stopping,
}

/// Tells the service manager, if there is one. Nobody needs to know if it does not listen.
pub(crate) fn notify(state: State) {
    let text = match state {
        State::Ready => "READY=1".to_owned(),
        // Type=notify-reload asks for the time at which the reload began.
        State::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic().as_micros()),
        State::Stopping => "STOPPING=1".to_owned(),
    };
    let _ = send(&text);
}

/// The sockets that systemd opened for us, each with its service: `FileDescriptorName=pop3`, or
/// a unit whose name ends in it, such as `restante-pop3.socket`.
pub(crate) fn inherited() -> Result<Vec<(Service, OwnedFd)>, Failure> {
    let mut sockets = ListenFd::from_env();
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut inherited = Vec::new();
    for index in 0..sockets.len() {
        let name = names.next().unwrap_or_default();
        let Some(service) = service(name) else {
            return Err(Failure::new(format!(
                "systemd hands over a socket under the name `{name}`"
            ))
            .hint("FileDescriptorName= is one of pop3, pop3s, lmtp and smtp"));
        };
        let socket = take(&mut sockets, index).ok_or_else(|| {
            Failure::new(format!("the socket `{name}` from systemd is no listening stream socket"))
                .hint("ListenStream= opens one")
        })?;
        inherited.push((service, socket));
    }
    Ok(inherited)
}

fn take(sockets: &mut ListenFd, index: usize) -> Option<OwnedFd> {
    if let Ok(Some(listener)) = sockets.take_tcp_listener(index) {
        return Some(listener.into());
    }
    sockets.take_unix_listener(index).ok().flatten().map(Into::into)
}

fn service(name: &str) -> Option<Service> {
    let name = name.strip_suffix(".socket").unwrap_or(name);
    let last = name.rsplit('-').next().unwrap_or(name);
    Service::ALL.into_iter().find(|service| service.name() == last)
}

fn send(text: &str) -> std::io::Result<()> {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let address = match path.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(&path)?,
    };
    UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address).map(|_| ())
}

fn monotonic() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_known_by_their_names() {
        assert_eq!(service("pop3"), Some(Service::Pop3));
        assert_eq!(service("restante-pop3s.socket"), Some(Service::Pop3s));
        assert_eq!(service("lmtp.socket"), Some(Service::Lmtp));
        assert_eq!(service("imap"), None);
        assert_eq!(service(""), None);
    }
}
