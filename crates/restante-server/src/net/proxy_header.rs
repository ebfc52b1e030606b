//! Reading the PROXY header off a socket: all of it, and not one octet more.

use std::io;
use std::time::Duration;

use mail_wire::proxy_header::{FIRST_OCTETS, Header, NoHeader, Progress, read};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use crate::net::socket::Socket;

/// How long a proxy may take for its header: it has it at hand, and §2 of the protocol asks for
/// three seconds at least, so that one lost packet is made up for.
const HEADER_TIME: Duration = Duration::from_secs(5);

/// Why there was no header.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error(transparent)]
    Malformed(#[from] NoHeader),
    #[error("no whole PROXY header came within {} seconds", HEADER_TIME.as_secs())]
    Late,
    #[error("the connection ended within its PROXY header: {0}")]
    Broken(#[from] io::Error),
}

/// Reads the header that a connection begins with. What follows it stays in the socket (P-234).
pub(crate) async fn read_header(socket: &mut Socket) -> Result<Header, HeaderError> {
    timeout(HEADER_TIME, read_whole(socket)).await.map_err(|_| HeaderError::Late)?
}

async fn read_whole(socket: &mut Socket) -> Result<Header, HeaderError> {
    let mut octets = Vec::with_capacity(FIRST_OCTETS);
    let mut more = FIRST_OCTETS;
    loop {
        let have = octets.len();
        octets.resize(have.saturating_add(more), 0);
        let room = octets.get_mut(have..).unwrap_or_default();
        socket.read_exact(room).await?;
        match read(&octets)? {
            Progress::More(further) => more = further,
            Progress::Whole(header, _) => return Ok(header),
        }
    }
}
