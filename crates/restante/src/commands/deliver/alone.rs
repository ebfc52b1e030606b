//! Delivery while no server runs: the same intake as the server's, for one message.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use restante_server::Server;
use restante_server::net::listen::{Bind, Listener};
use restante_server::net::service::Service;

use crate::compose::{Backends, server_settings};
use crate::output::Failure;
use crate::settings::load::Settings;

/// Opens the files, listens for LMTP in a folder that only this user can enter, and gives the
/// stream to who hands over. Filter, headers and durability are those of the server, as it is
/// the server.
///
/// It fails where the files are locked: a server, or another delivery, is at work.
pub(super) fn with_intake<T>(
    settings: &Settings,
    hand_over: impl FnOnce(UnixStream) -> T,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let backends = runtime.block_on(Backends::open(settings))?;
    // Nobody else can enter it, and it goes with us.
    let folder = tempfile::Builder::new()
        .prefix("restante-deliver-")
        .tempdir()
        .map_err(|error| Failure::new(format!("cannot make a temporary folder: {error}")))?;
    let path = folder.path().join("lmtp");
    let at = Bind::Unix { path: path.clone(), mode: 0o600 };
    let listener =
        Listener { service: Service::Lmtp, at, cleartext_from: Vec::new(), proxy_from: Vec::new() };
    let settings = restante_server::Settings {
        listeners: vec![listener],
        tls: None,
        drain: Duration::from_secs(1),
        ..server_settings(settings, Vec::new())
    };
    let server = runtime
        .block_on(Server::bind(settings, backends.services()))
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let handle = server.handle();
    let running = runtime.spawn(server.run());
    let outcome = UnixStream::connect(&path)
        .map(hand_over)
        .map_err(|error| Failure::new(format!("cannot hand over: {error}")));
    handle.drain();
    // Whether it ended well changes nothing: each recipient has had its reply.
    let _ = runtime.block_on(running);
    backends.close();
    outcome
}
