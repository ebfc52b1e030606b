//! One connection: a plain or TLS stream, one buffer in, one out, and a deadline on both.
//!
//! Input is read only when the session asks for it, and it asks only when its output is out:
//! a peer that does not read costs one buffer, and is cut when it takes nothing for the write
//! limit (P-161). An idle connection holds no buffer at all.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::guard::nudge::{Nudge, Word};
use crate::net::buffers;
use crate::net::socket::Socket;
use crate::net::tls::{Encrypted, Protocol, Secured, Tls};

/// How long a closed connection stays to see its last line read.
const LINGER: Duration = Duration::from_secs(2);
/// How much is read and thrown away meanwhile.
const LINGER_OCTETS_MAX: usize = 1 << 20;
/// How often a suspected connection whose peer takes nothing is looked at.
const SUSPECT_EVERY: Duration = Duration::from_secs(1);

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    /// What was received and is not taken yet.
    pub(crate) input: Input,
    /// What is to be sent.
    pub(crate) output: Vec<u8>,
    nudge: Arc<Nudge>,
    write_limit: Duration,
}

#[derive(Debug)]
enum Stream {
    Plain(Socket),
    Encrypted(Box<Encrypted>),
    /// A handshake failed.
    Gone,
}

/// What ended a wait for input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// There is more input.
    Octets,
    /// The peer will send no more; over TLS, by its close_notify.
    End,
    /// The deadline came.
    Deadline,
    /// Somebody in the server has something to say.
    Nudge,
}

/// Why output could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("the peer took nothing for {} seconds", .0.as_secs())]
    TimedOut(Duration),
    #[error("the peer is gone, and its account has logged in again")]
    TakenOver,
    #[error(transparent)]
    Broken(#[from] io::Error),
}

impl Connection {
    pub(crate) fn new(socket: Socket, nudge: Arc<Nudge>, write_limit: Duration) -> Self {
        Self {
            stream: Stream::Plain(socket),
            input: Input::default(),
            output: Vec::new(),
            nudge,
            write_limit,
        }
    }

    /// Waits for more input. What is there already stays in front of it.
    pub(crate) async fn fill(&mut self, deadline: Option<Instant>) -> io::Result<Heard> {
        let heard = self.hear(deadline).await;
        if self.nudge.was_said(Word::Suspected) {
            self.socket().into_iter().for_each(Socket::watch_closely);
        }
        heard
    }

    async fn hear(&mut self, deadline: Option<Instant>) -> io::Result<Heard> {
        let Self { stream, input, nudge, .. } = self;
        let nudged = pin!(nudge.heard());
        let read = poll_fn(|cx| input.poll_fill(stream, cx));
        let expired = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            read = read => match read {
                Ok(0) => Ok(Heard::End),
                Ok(_) => Ok(Heard::Octets),
                // TLS closed without close_notify: the end all the same.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Heard::End),
                Err(error) => Err(error),
            },
            () = nudged => Ok(Heard::Nudge),
            () = expired => Ok(Heard::Deadline),
        }
    }

    /// Makes room for output; call it before a session appends to `output`.
    pub(crate) fn borrow_output(&mut self) {
        if self.output.capacity() == 0 {
            self.output = buffers::output();
        }
    }

    /// Writes all output. Progress, however slow, keeps the connection alive (P-020).
    pub(crate) async fn flush(&mut self) -> Result<(), WriteError> {
        if self.output.is_empty() {
            return Ok(());
        }
        let mut written = 0_usize;
        while written < self.output.len() {
            written = written.saturating_add(self.write_some(written).await?);
        }
        if matches!(self.stream, Stream::Encrypted(_)) {
            self.flush_stream().await?;
        }
        self.output.clear();
        Ok(())
    }

    /// Gives the output buffer back; call it before waiting for the peer.
    pub(crate) fn return_output(&mut self) {
        if self.output.is_empty() {
            buffers::recycle_output(std::mem::take(&mut self.output));
        }
    }

    /// Switches to TLS, with exactly what the peer sends next (RFC 2595 §4, P-122).
    pub(crate) async fn secure(
        &mut self,
        tls: &Tls,
        protocol: Protocol,
        limit: Duration,
    ) -> io::Result<Secured> {
        if !self.input.unread().is_empty() {
            let why = "octets came in the clear where TLS has to begin";
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        self.input.release();
        let Stream::Plain(socket) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let (encrypted, secured) =
            timeout(limit, tls.accept(socket, protocol)).await.map_err(|_| {
                io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long")
            })??;
        self.stream = Stream::Encrypted(Box::new(encrypted));
        Ok(secured)
    }

    /// The first octet of a connection that is to begin with a TLS handshake, left in place.
    pub(crate) async fn first_octet(&self) -> io::Result<Option<u8>> {
        match &self.stream {
            Stream::Plain(socket) => socket.first_octet().await,
            Stream::Encrypted(_) | Stream::Gone => Ok(None),
        }
    }

    /// Ends the connection so that the peer reads what was written: close_notify inside TLS
    /// (RFC 8314 §3.4, P-066), then FIN, then what still comes in is thrown away for a
    /// moment, since a socket closed over unread input is reset and takes our last line with it.
    pub(crate) async fn close(mut self) {
        if self.flush().await.is_err() {
            return;
        }
        let shut = match &mut self.stream {
            Stream::Plain(socket) => timeout(LINGER, socket.shutdown()).await,
            Stream::Encrypted(stream) => timeout(LINGER, stream.shutdown()).await,
            Stream::Gone => return,
        };
        if !matches!(shut, Ok(Ok(()))) {
            return;
        }
        self.input.release();
        let _waited = timeout(LINGER, self.throw_away()).await;
    }

    /// Ends the connection so that the peer cannot take what it has for all there is (P-057).
    pub(crate) fn cut(self) {
        if let Some(socket) = self.socket() {
            socket.reset_on_close();
        }
    }

    fn socket(&self) -> Option<&Socket> {
        match &self.stream {
            Stream::Plain(socket) => Some(socket),
            Stream::Encrypted(stream) => Some(stream.get_ref().0),
            Stream::Gone => None,
        }
    }

    async fn throw_away(&mut self) {
        let mut scrap = buffers::input();
        let mut thrown = 0_usize;
        let socket = match &mut self.stream {
            Stream::Plain(socket) => socket,
            Stream::Encrypted(stream) => stream.get_mut().0,
            Stream::Gone => return,
        };
        while thrown < LINGER_OCTETS_MAX {
            let read = poll_fn(|cx| {
                let mut buffer = ReadBuf::new(&mut scrap);
                ready!(Pin::new(&mut *socket).poll_read(cx, &mut buffer))?;
                Poll::Ready(io::Result::Ok(buffer.filled().len()))
            });
            match read.await {
                Ok(0) | Err(_) => break,
                Ok(octets) => thrown = thrown.saturating_add(octets),
            }
        }
        buffers::recycle_input(scrap);
    }

    async fn write_some(&mut self, written: usize) -> Result<usize, WriteError> {
        let started = Instant::now();
        loop {
            let rest = self.output.get(written..).unwrap_or_default();
            let stream = &mut self.stream;
            let write = poll_fn(|cx| stream.poll_write(cx, rest));
            let outcome = wait_for(write, &self.nudge, started, self.write_limit).await;
            match self.judge(outcome, started)? {
                Some(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Some(octets) => return Ok(octets),
                None => {}
            }
        }
    }

    async fn flush_stream(&mut self) -> Result<(), WriteError> {
        let started = Instant::now();
        loop {
            let stream = &mut self.stream;
            let flush = poll_fn(|cx| stream.poll_flush(cx));
            let flushed = wait_for(flush, &self.nudge, started, self.write_limit).await;
            if self.judge(flushed, started)?.is_some() {
                return Ok(());
            }
        }
    }

    /// Decides after a wait for the peer: done, broken, or go on waiting (`None`).
    fn judge<T>(
        &self,
        wrote: Option<io::Result<T>>,
        started: Instant,
    ) -> Result<Option<T>, WriteError> {
        if let Some(wrote) = wrote {
            return Ok(Some(wrote?));
        }
        let stuck = started.elapsed();
        if stuck >= self.write_limit {
            return Err(WriteError::TimedOut(self.write_limit));
        }
        let suspected = self.nudge.was_said(Word::Suspected);
        if suspected {
            self.socket().into_iter().for_each(Socket::watch_closely);
        }
        if suspected && stuck >= SUSPECT_EVERY && self.socket().is_some_and(Socket::peer_is_gone) {
            return Err(WriteError::TakenOver);
        }
        Ok(None)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.input.release();
        buffers::recycle_output(std::mem::take(&mut self.output));
    }
}

impl Stream {
    fn poll_read(
        &mut self,
        cx: &mut std::task::Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_write(
        &mut self,
        cx: &mut std::task::Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, octets),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(&mut self, cx: &mut std::task::Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(cx),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

/// Waits until it is done, or (`None`) until it is time to look at the peer again.
async fn wait_for<T>(
    work: impl Future<Output = io::Result<T>>,
    nudge: &Nudge,
    started: Instant,
    limit: Duration,
) -> Option<io::Result<T>> {
    let suspected = nudge.was_said(Word::Suspected);
    let left = limit.saturating_sub(started.elapsed());
    let pause = if suspected { left.min(SUSPECT_EVERY) } else { left };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = nudge.heard(), if !suspected => None,
        () = sleep(pause) => None,
    }
}

/// Octets that were received, in a buffer that is borrowed while there are any.
#[derive(Debug, Default)]
pub(crate) struct Input {
    octets: Vec<u8>,
    start: usize,
    end: usize,
}

impl Input {
    /// What was not taken yet.
    pub(crate) fn unread(&self) -> &[u8] {
        self.octets.get(self.start..self.end).unwrap_or_default()
    }

    /// So many octets of it are taken.
    pub(crate) fn consume(&mut self, octets: usize) {
        self.start = self.start.saturating_add(octets).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Forgets everything, and gives the buffer back.
    fn release(&mut self) {
        buffers::recycle_input(std::mem::take(&mut self.octets));
        self.start = 0;
        self.end = 0;
    }

    /// Reads more behind what is there. While the peer is silent, only what is unread stays.
    fn poll_fill(
        &mut self,
        stream: &mut Stream,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let kept = self.unread().len();
        let mut fresh = if kept > buffers::OCTETS.div_euclid(2) {
            vec![0; kept.saturating_mul(2)]
        } else {
            buffers::input()
        };
        let Some((front, room)) = fresh.split_at_mut_checked(kept) else {
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        };
        front.copy_from_slice(self.unread());
        let mut buffer = ReadBuf::new(room);
        match stream.poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) => {
                let read = buffer.filled().len();
                self.release();
                self.octets = fresh;
                self.end = kept.saturating_add(read);
                Poll::Ready(Ok(read))
            }
            Poll::Ready(Err(error)) => {
                buffers::recycle_input(fresh);
                Poll::Ready(Err(error))
            }
            Poll::Pending => {
                buffers::recycle_input(fresh);
                self.shrink();
                Poll::Pending
            }
        }
    }

    fn shrink(&mut self) {
        if self.octets.len() == buffers::OCTETS {
            let unread = self.unread().to_vec();
            self.release();
            self.end = unread.len();
            self.octets = unread;
        }
    }
}

#[cfg(test)]
mod tests {
    use socket2::SockRef;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    // `rulings` 4, P-020: the kernel's shorter patience begins when another login asks
    #[tokio::test]
    async fn a_suspected_peer_is_watched_closely() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        let nudge = Arc::new(Nudge::default());
        let limit = Duration::from_mins(2);
        let mut connection = Connection::new(Socket::Tcp(accepted), Arc::clone(&nudge), limit);
        nudge.say(Word::Suspected);
        assert_eq!(connection.fill(None).await.unwrap(), Heard::Nudge);
        let Some(Socket::Tcp(socket)) = connection.socket() else { panic!("it is a TCP socket") };
        let patience = SockRef::from(socket).tcp_user_timeout().unwrap();
        assert_eq!(patience, Some(Duration::from_secs(30)));
    }
}
