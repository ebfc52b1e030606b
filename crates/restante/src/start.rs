//! Starts a server with its control socket: what `serve` and `try` have in common.

use std::fs::DirBuilder;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use restante_server::control;
use restante_server::net::listen::Bind;
use restante_server::net::service::{Address, Service};
use restante_server::{Handle, Server};

use crate::compose::{Backends, server_settings};
use crate::operations::answer::Listening;
use crate::operations::{ControlService, Running};
use crate::output::Failure;
use crate::settings::load::Settings;

/// A server that is bound; nothing is answered until [`Started::run`].
pub(crate) struct Started {
    /// The accounts and the mail.
    pub(crate) backends: Backends,
    /// A way to reach the server.
    pub(crate) handle: Handle,
    /// Where it listens.
    pub(crate) addresses: Vec<(Service, Address)>,
    /// Where its control socket is.
    pub(crate) control: PathBuf,
    server: Server,
    answers: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Opens the files, binds every listener and the control socket.
pub(crate) async fn start(
    settings: &Settings,
    inherited: Vec<(Service, OwnedFd)>,
    bare_local_parts: bool,
) -> Result<Started, Failure> {
    let backends = Backends::open(settings).await?;
    backends.expect_keeping().await?;
    for word in backends.words() {
        tracing::warn!("{word}");
    }
    let mut composed = server_settings(settings, inherited);
    composed.intake.bare_local_parts = bare_local_parts;
    for listener in &composed.listeners {
        if let Bind::Unix { path, .. } = &listener.at {
            make_folder(path);
        }
    }
    let server = Server::bind(composed, backends.services())
        .await
        .map_err(|error| Failure::new(format!("cannot start:\n{error}")))?;
    let handle = server.handle();
    let addresses = server.addresses().to_vec();
    let executor = backends.executor().inside(Running {
        handle: handle.clone(),
        listeners: addresses.iter().map(listening).collect(),
        since: jiff::Timestamp::now().as_second(),
    });
    let service = Arc::new(ControlService::new(Arc::new(executor)));
    let (control, answers) = listen(settings.site.control_paths(), service).await?;
    Ok(Started { backends, handle, addresses, control, server, answers })
}

impl Started {
    /// Serves until it is drained. The control socket goes with it.
    pub(crate) async fn run(self) {
        let answers = tokio::spawn(self.answers);
        self.server.run().await;
        answers.abort();
        self.backends.close();
        // A socket that nobody listens on is replaced by the next server; tidiness only.
        let _ = std::fs::remove_file(&self.control);
    }
}

type Answers = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Listens on the first path that can be used.
async fn listen(
    paths: Vec<PathBuf>,
    service: Arc<ControlService>,
) -> Result<(PathBuf, Answers), Failure> {
    let mut refusals = Vec::new();
    for path in paths {
        make_folder(&path);
        let service: Arc<dyn control::Control> = Arc::clone(&service) as _;
        match control::listen(&path, service).await {
            Ok(answers) => return Ok((path, Box::pin(answers))),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(Failure::new(format!("{error}"))
                    .hint("stop it first, or give this one a `state` of its own"));
            }
            Err(error) => refusals.push(format!("{}: {error}", path.display())),
        }
    }
    let problems = refusals.join("; ");
    Err(Failure::new(format!("cannot make the control socket: {problems}"))
        .hint("`control` in the configuration says where it is made"))
}

/// The folder in `/run` is gone after each start of the machine.
fn make_folder(socket: &Path) {
    if let Some(folder) = socket.parent() {
        // Where this fails, listening fails, and says why.
        let _ = DirBuilder::new().mode(0o755).create(folder);
    }
}

fn listening((service, address): &(Service, Address)) -> Listening {
    Listening { service: service.name().to_owned(), at: address.to_string() }
}
