//! The control socket, both sides: a length of four octets, big-endian, then JSON.

use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::net::listen::unix_listener;

/// The largest request.
const REQUEST_OCTETS_MAX: usize = 1 << 20;
/// The largest answer: a listing of many accounts.
const ANSWER_OCTETS_MAX: usize = 256 << 20;
/// How long the rest of a message may take once it has begun.
const MESSAGE_TIME_MAX: Duration = Duration::from_secs(10);

/// How often it is looked whether the caller of something long is still there.
const HANG_UP_LOOK: Duration = Duration::from_millis(200);

/// An answer that is on its way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who asks, as the system says (SO_PEERCRED).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The process.
    pub pid: Option<i32>,
}

/// What answers requests.
pub trait Control: Send + Sync + 'static {
    /// Answers a request, or says in a sentence why not. What takes long tells on the way how far
    /// it has come; it ends when nobody listens any more, and may be dropped then.
    fn call(&self, peer: Peer, request: Value, told: Told) -> Pending<'_, Result<Value, String>>;
}

/// To whom it is told how far something has come.
#[derive(Clone, Debug)]
pub struct Told(Option<watch::Sender<Value>>);

impl Told {
    /// Nobody: it goes on to its end.
    #[must_use]
    pub const fn nobody() -> Self {
        Self(None)
    }

    /// Somebody, for as long as the other end lives. Only the latest is kept.
    #[must_use]
    pub fn channel() -> (Self, watch::Receiver<Value>) {
        let (sender, receiver) = watch::channel(Value::Null);
        (Self(Some(sender)), receiver)
    }

    /// Tells it; answers whether to go on.
    #[must_use]
    pub fn tell(&self, how_far: Value) -> bool {
        self.0.as_ref().is_none_or(|sender| sender.send(how_far).is_ok())
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens on the socket.
    #[error("no server runs there")]
    NotRunning,
    /// The server said no, and why.
    #[error("{0}")]
    Refused(String),
    /// The socket cannot be used, or what came back makes no sense.
    #[error("control socket: {0}")]
    Socket(#[from] io::Error),
}

/// Listens on the socket; the future answers requests for as long as it is polled.
///
/// A stale socket is replaced, a live one is an error. Only root and this process's own user
/// are answered.
///
/// # Errors
/// What the system says; `AddrInUse` where a server is listening already.
#[expect(clippy::unused_async, reason = "binding needs the runtime, and may become slow")]
pub async fn listen(
    path: &Path,
    control: Arc<dyn Control>,
) -> io::Result<impl Future<Output = ()> + Send + use<>> {
    let listener: UnixListener = UnixListener::from_std(unix_listener(path, 0o600)?)?;
    let own = rustix::process::geteuid().as_raw();
    Ok(serve(listener, control, own))
}

/// Asks the server that listens on the socket.
///
/// # Errors
/// [`CallError::NotRunning`] where nobody listens; else what went wrong.
pub async fn call(path: &Path, request: &Value) -> Result<Value, CallError> {
    call_watching(path, request, |_| {}).await
}

/// The same, hearing how far it has come. Dropped, it closes the socket, and what was asked for
/// ends.
///
/// # Errors
/// As [`call`].
pub async fn call_watching(
    path: &Path,
    request: &Value,
    mut heard: impl FnMut(Value),
) -> Result<Value, CallError> {
    let mut stream = UnixStream::connect(path).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => CallError::NotRunning,
        _ => CallError::Socket(error),
    })?;
    write_message(&mut stream, request).await?;
    loop {
        let answer = read_message(&mut stream, ANSWER_OCTETS_MAX)
            .await?
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let Value::Object(mut fields) = answer else {
            return Err(CallError::Socket(invalid("the answer is no object")));
        };
        if let Some(how_far) = fields.remove("progress") {
            heard(how_far);
            continue;
        }
        return match (fields.remove("ok"), fields.remove("error")) {
            (Some(value), None) => Ok(value),
            (None, Some(Value::String(why))) => Err(CallError::Refused(why)),
            _ => Err(CallError::Socket(invalid("neither ok nor error in the answer"))),
        };
    }
}

async fn serve(listener: UnixListener, control: Arc<dyn Control>, own: u32) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let control = Arc::clone(&control);
                // One caller's garbage, or silence, is its own affair.
                tokio::spawn(async move {
                    let _ended = answer_all(stream, control.as_ref(), own).await;
                });
            }
            // Out of file descriptors, most likely: others have to close first.
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn answer_all(mut stream: UnixStream, control: &dyn Control, own: u32) -> io::Result<()> {
    let credentials = stream.peer_cred()?;
    let peer = Peer { uid: credentials.uid(), gid: credentials.gid(), pid: credentials.pid() };
    if peer.uid != 0 && peer.uid != own {
        let refusal = "only root and the server's own user are answered here".to_owned();
        return write_message(&mut stream, &serde_json::json!({ "error": refusal })).await;
    }
    while let Some(request) = read_message(&mut stream, REQUEST_OCTETS_MAX).await? {
        let Some(answer) = answer(&mut stream, control, peer, request).await? else {
            return Ok(());
        };
        write_message(&mut stream, &answer).await?;
    }
    Ok(())
}

/// The answer to one request, with what is told before it; `None` if the caller has hung up.
async fn answer(
    stream: &mut UnixStream,
    control: &dyn Control,
    peer: Peer,
    request: Value,
) -> io::Result<Option<Value>> {
    let (told, mut heard) = Told::channel();
    let mut called = control.call(peer, request, told);
    let mut is_telling = true;
    loop {
        tokio::select! {
            biased;
            changed = heard.changed(), if is_telling => {
                if changed.is_err() {
                    is_telling = false;
                    continue;
                }
                let how_far = heard.borrow_and_update().clone();
                write_message(stream, &serde_json::json!({ "progress": how_far })).await?;
            }
            answer = &mut called => {
                // The last word comes before the answer, also where both came at once.
                if let Some(how_far) = unheard(&mut heard) {
                    write_message(stream, &serde_json::json!({ "progress": how_far })).await?;
                }
                return Ok(Some(match answer {
                    Ok(value) => serde_json::json!({ "ok": value }),
                    Err(why) => serde_json::json!({ "error": why }),
                }));
            }
            () = hang_up(stream) => return Ok(None),
        }
    }
}

/// What was told and not heard yet.
fn unheard(heard: &mut watch::Receiver<Value>) -> Option<Value> {
    let last = heard.borrow_and_update();
    last.has_changed().then(|| last.clone())
}

/// Waits until the caller has gone. One that has only said all that it will say has not.
async fn hang_up(stream: &UnixStream) {
    loop {
        tokio::time::sleep(HANG_UP_LOOK).await;
        let mut look = [PollFd::new(stream, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut look, Some(&now))
            .is_ok_and(|_| look.first().is_some_and(|look| look.revents().contains(PollFlags::HUP)))
        {
            return;
        }
    }
}

/// The next message, or `None` at a clean end. `serde_json` holds the depth to 128.
async fn read_message(stream: &mut UnixStream, octets_max: usize) -> io::Result<Option<Value>> {
    let mut length = [0_u8; 4];
    match stream.read_exact(&mut length).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > octets_max {
        return Err(invalid("the message is too long"));
    }
    // What is not sent is not kept room for.
    let mut octets = Vec::new();
    let mut rest = stream.take(u64::try_from(length).unwrap_or(u64::MAX));
    timeout(MESSAGE_TIME_MAX, rest.read_to_end(&mut octets))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    if octets.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&octets).map(Some).map_err(|_| invalid("the message is no JSON"))
}

async fn write_message(stream: &mut UnixStream, message: &Value) -> io::Result<()> {
    let octets = serde_json::to_vec(message).map_err(|_| invalid("cannot be said in JSON"))?;
    let length = u32::try_from(octets.len()).map_err(|_| invalid("the message is too long"))?;
    let mut framed = Vec::with_capacity(octets.len().saturating_add(4));
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(&octets);
    stream.write_all(&framed).await
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
