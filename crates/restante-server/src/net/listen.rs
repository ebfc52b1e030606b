//! Listeners: what to bind, and binding it, with every problem told at once.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use tokio::net::{TcpListener, UnixListener};

use crate::net::owner;
use crate::net::service::{Address, Service};
use crate::net::socket::prepare_listener;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// One place to listen at.
#[derive(Debug)]
pub struct Listener {
    /// What is spoken there.
    pub service: Service,
    /// Where.
    pub at: Bind,
    /// From which networks a password may come without TLS, where the account allows it too.
    /// Loopback always may.
    pub cleartext_from: Vec<IpNet>,
    /// The proxies that connect there. Where some are named, nobody else may, and each
    /// connection begins with a PROXY header (P-230).
    pub proxy_from: Vec<IpNet>,
}

/// Where to listen.
#[derive(Debug)]
pub enum Bind {
    /// A TCP address; `[::]` takes IPv4 connections too.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix {
        /// Where it is made. A stale one that nobody listens on is replaced.
        path: PathBuf,
        /// Its permissions, such as `0o660`.
        mode: u32,
    },
    /// A listening socket that was opened by someone else, such as systemd.
    Inherited(OwnedFd),
}

/// A socket that is open.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix { path, .. } => write!(f, "unix:{}", path.display()),
            Self::Inherited(_) => f.write_str("an inherited socket"),
        }
    }
}

/// Opens one listener; the error says what is wrong in a sentence.
pub(crate) fn open(
    service: Service,
    at: Bind,
    lmtp_beyond_loopback: bool,
) -> Result<(Socket, Address), String> {
    if let Bind::Tcp(address) = &at {
        permit(service, *address, lmtp_beyond_loopback)?;
    }
    let (socket, address) = bind(at)?;
    if let Address::Tcp(address) = &address {
        permit(service, *address, lmtp_beyond_loopback)?;
    }
    Ok((socket, address))
}

fn bind(at: Bind) -> Result<(Socket, Address), String> {
    match at {
        Bind::Tcp(address) => {
            let listener = tcp_listener(address).map_err(|error| tcp_problem(address, &error))?;
            let real = listener.local_addr().map_err(|error| error.to_string())?;
            let listener = TcpListener::from_std(listener).map_err(|error| error.to_string())?;
            Ok((Socket::Tcp(listener), Address::Tcp(real)))
        }
        Bind::Unix { path, mode } => {
            let listener = unix_listener(&path, mode).map_err(|error| error.to_string())?;
            let listener = UnixListener::from_std(listener).map_err(|error| error.to_string())?;
            Ok((Socket::Unix(listener), Address::Unix(path)))
        }
        Bind::Inherited(socket) => inherited(socket).map_err(|error| error.to_string()),
    }
}

/// Some addresses are not to be listened on, whatever the system would allow.
fn permit(service: Service, address: SocketAddr, lmtp_beyond_loopback: bool) -> Result<(), String> {
    if service != Service::Lmtp {
        return Ok(());
    }
    // RFC 2033 §5: "LMTP MUST NOT be used on TCP port 25". P-190
    if address.port() == 25 {
        return Err(
            "LMTP may not be spoken on port 25 (RFC 2033 §5); use port 24 or a Unix socket"
                .to_owned(),
        );
    }
    // D23
    if !address.ip().to_canonical().is_loopback() && !lmtp_beyond_loopback {
        return Err("others could put mail into every maildrop there; use a Unix socket or \
                    127.0.0.1, or allow it in so many words"
            .to_owned());
    }
    Ok(())
}

/// A Unix socket with this mode; a stale one is replaced.
pub(crate) fn unix_listener(
    path: &Path,
    mode: u32,
) -> io::Result<std::os::unix::net::UnixListener> {
    if let Ok(found) = std::fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!(
                    "{} exists and is no socket; remove it, or name another path",
                    path.display()
                ),
            ));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("another server listens on {}", path.display()),
            ));
        }
        std::fs::remove_file(path)?;
    }
    // Bound under a name of its own, given its mode, then put in place: at no moment may
    // somebody connect who must not.
    let staging = path.with_extension(format!("new{}", std::process::id()));
    let _absent = std::fs::remove_file(&staging);
    let listener = std::os::unix::net::UnixListener::bind(&staging)?;
    std::fs::set_permissions(&staging, std::fs::Permissions::from_mode(mode))?;
    std::fs::rename(&staging, path)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn tcp_listener(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // "[::]:110" takes IPv4 too, whatever the system's default is.
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    prepare_listener(&socket);
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn inherited(descriptor: OwnedFd) -> io::Result<(Socket, Address)> {
    let socket = socket2::Socket::from(descriptor);
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    if let Some(address) = address.as_socket() {
        prepare_listener(&socket);
        let listener = TcpListener::from_std(socket.into())?;
        return Ok((Socket::Tcp(listener), Address::Tcp(address)));
    }
    let path = address.as_pathname().map(Path::to_path_buf).unwrap_or_default();
    let listener = UnixListener::from_std(OwnedFd::from(socket).into())?;
    Ok((Socket::Unix(listener), Address::Unix(path)))
}

fn tcp_problem(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => match owner::of_port(address.port()) {
            Some(owner) => format!("port {} is in use by {owner}", address.port()),
            None => format!("port {} is in use by another program", address.port()),
        },
        io::ErrorKind::PermissionDenied => format!(
            "not permitted: ports below 1024 need root, CAP_NET_BIND_SERVICE, or a socket from \
             systemd ({error})"
        ),
        io::ErrorKind::AddrNotAvailable => {
            format!("{} is no address of this machine", address.ip())
        }
        _ => error.to_string(),
    }
}
