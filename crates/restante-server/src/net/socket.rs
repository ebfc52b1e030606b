//! One accepted socket, TCP or Unix, behind one face.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A peer that says nothing is asked after this long whether it is still there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
/// And again after this.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
/// So often, and then it is gone: a peer that vanished while it was idle is given up after 60 s.
const KEEPALIVE_PROBES: u32 = 3;
/// Once another login wants what a connection holds, a peer that acknowledges nothing for this
/// long is gone (`rulings` 4). Not before: to the kernel a receive window that stays shut counts
/// as silence, too (tcp(7)), and who reads slowly is not gone (P-020).
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(30);

/// Sets what every TCP connection of ours has: on the listener, from which the accepted sockets
/// inherit it, so that no connection pays for it. A socket that cannot be set is usable all the
/// same.
pub(crate) fn prepare_listener(listener: &socket2::Socket) {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_PROBES);
    let _nodelay = listener.set_tcp_nodelay(true);
    let _keepalive = listener.set_tcp_keepalive(&keepalive);
}

/// An accepted socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Sends a line as far as that goes without waiting.
    pub(crate) fn say_now(&self, line: &[u8]) {
        let _sent = match self {
            Self::Tcp(stream) => SockRef::from(stream).send(line),
            Self::Unix(stream) => SockRef::from(stream).send(line),
        };
    }

    /// Makes the coming close a reset: what was sent is not to be taken for all there is.
    pub(crate) fn reset_on_close(&self) {
        if let Self::Tcp(stream) = self {
            let _linger = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// Somebody else wants what this connection holds: the kernel gives up a peer that
    /// acknowledges nothing sooner than it would otherwise.
    pub(crate) fn watch_closely(&self) {
        if let Self::Tcp(stream) = self {
            let _timeout = SockRef::from(stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX));
        }
    }

    /// Whether the peer has closed its side, or the connection is broken.
    pub(crate) fn peer_is_gone(&self) -> bool {
        let flags = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        let mut descriptors = [PollFd::new(self, flags)];
        let now = rustix::event::Timespec::default();
        poll(&mut descriptors, Some(&now)).is_ok_and(|ready| ready > 0)
    }

    /// The first octet, left where it is; `None` at the end. On a Unix socket this is not
    /// looked at: a TLS handshake begins with 0x16.
    pub(crate) async fn first_octet(&self) -> io::Result<Option<u8>> {
        match self {
            Self::Tcp(stream) => {
                let mut octet = [0];
                let read = stream.peek(&mut octet).await?;
                let [octet] = octet;
                Ok((read > 0).then_some(octet))
            }
            Self::Unix(_) => Ok(Some(0x16)),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, octets),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, octets),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    // `rulings` 4, `performance` §6.7
    #[test]
    fn accepted_sockets_inherit_what_their_listener_has() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        prepare_listener(&SockRef::from(&listener));
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let socket = SockRef::from(&accepted);
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_AFTER);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_EVERY);
        // P-020: who reads slowly is cut by the write limit alone.
        assert_eq!(socket.tcp_user_timeout().unwrap(), None);
    }
}
