//! Whether each port may be listened on, and is free, or who has it.

use std::io;
use std::net::SocketAddr;

use restante_server::net::service::Service;

use crate::settings::kinds::listener::At;
use crate::settings::load::Settings;
use crate::settings::problem::Problem;
use crate::settings::reader::Places;

/// What is wrong with listeners. While our own server runs, it has the ports.
pub(super) fn problems(
    settings: &Settings,
    places: &Places,
    inherited: &[Service],
    running: bool,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen: Vec<(SocketAddr, &str)> = Vec::new();
    for (name, listener) in settings.listen.all() {
        let service = name.rsplit('.').next().unwrap_or(name);
        let ours_already = inherited.iter().any(|one| one.name() == service);
        let At::Tcp(address) = listener.at else { continue };
        if ours_already {
            continue;
        }
        let found = twice(address, name, &seen)
            .or_else(|| lmtp(name, settings, address))
            .or_else(|| (!running).then(|| taken(address)).flatten());
        problems.extend(found.map(|problem| problem.at(places.get(name).cloned())));
        seen.push((address, name));
    }
    problems
}

fn twice(address: SocketAddr, name: &str, seen: &[(SocketAddr, &str)]) -> Option<Problem> {
    let (_, other) = seen.iter().find(|(other, _)| *other == address && address.port() != 0)?;
    Some(Problem::error(format!("`{name}` and `{other}` both want {address}")))
}

fn lmtp(name: &str, settings: &Settings, address: SocketAddr) -> Option<Problem> {
    if name != "listen.lmtp" {
        return None;
    }
    // RFC 2033 §5: "The LMTP protocol MUST NOT be used on the TCP port 25."
    if address.port() == 25 {
        return Some(
            Problem::error("LMTP must not be used on TCP port 25 (RFC 2033 §5)")
                .help("lmtp = \"unix:/run/restante/lmtp.sock\", or port 24"),
        );
    }
    let exposed = !address.ip().is_loopback() && !settings.intake.lmtp_beyond_loopback;
    exposed.then(|| {
        Problem::error("whoever reaches LMTP there can put mail into every maildrop")
            .help("listen on a Unix socket or 127.0.0.1")
            .help("or, where a firewall keeps others out, lmtp_beyond_loopback = true in [intake]")
    })
}

fn taken(address: SocketAddr) -> Option<Problem> {
    let error = probe(address).err()?;
    Some(match error.kind() {
        io::ErrorKind::AddrInUse => {
            let owner = restante_server::net::owner::of_port(address.port());
            let owner = owner.unwrap_or_else(|| "another program".to_owned());
            Problem::error(format!("port {} is in use by {owner}", address.port()))
        }
        io::ErrorKind::PermissionDenied => {
            Problem::error(format!("this user may not listen on port {}", address.port()))
                .help("ports below 1024 need root, CAP_NET_BIND_SERVICE, or a socket from systemd")
        }
        io::ErrorKind::AddrNotAvailable => {
            Problem::error(format!("{} is no address of this machine", address.ip()))
        }
        _ => Problem::error(format!("cannot listen on {address}: {error}")),
    })
}

/// Binds as the server would, and lets go at once.
fn probe(address: SocketAddr) -> io::Result<()> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.bind(&address.into())?;
    socket.listen(1)
}
