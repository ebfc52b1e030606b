//! The least that an LMTP client can be.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::ground::Fault;

/// One connection.
pub(crate) struct Client {
    stream: UnixStream,
    heard: Vec<u8>,
}

impl Client {
    /// Connects, and says LHLO.
    pub(crate) async fn connect(socket: &Path) -> Result<Self, Fault> {
        let mut client = Self { stream: UnixStream::connect(socket).await?, heard: Vec::new() };
        client.reply("220").await?;
        client.stream.write_all(b"LHLO bench.example.org\r\n").await?;
        client.reply("250").await?;
        Ok(client)
    }

    /// Delivers one message, whose lines do not begin with a dot, to one recipient, and waits for
    /// the word that it is safe. Commands are pipelined, as servers that hand mail on do it.
    pub(crate) async fn deliver(&mut self, recipient: &str, text: &[u8]) -> Result<(), Fault> {
        let commands =
            format!("MAIL FROM:<sender@example.org>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n");
        self.stream.write_all(commands.as_bytes()).await?;
        for wanted in ["250", "250", "354"] {
            self.reply(wanted).await?;
        }
        let message = [text, b".\r\n"].concat();
        self.stream.write_all(&message).await?;
        self.reply("250").await
    }

    /// Says goodbye.
    pub(crate) async fn quit(&mut self) -> Result<(), Fault> {
        self.stream.write_all(b"QUIT\r\n").await?;
        self.reply("221").await
    }

    /// Reads one reply, which must have this code.
    async fn reply(&mut self, wanted: &str) -> Result<(), Fault> {
        loop {
            let line = self.line().await?;
            if !line.starts_with(wanted) {
                return Err(format!("{wanted} was expected, this came: {line}").into());
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(());
            }
        }
    }

    async fn line(&mut self) -> Result<String, Fault> {
        loop {
            if let Some(end) = self.heard.iter().position(|octet| *octet == b'\n') {
                let line = self.heard.drain(..=end).collect();
                return Ok(String::from_utf8(line)?.trim_end().to_owned());
            }
            if self.stream.read_buf(&mut self.heard).await? == 0 {
                return Err("the server closed the connection".into());
            }
        }
    }
}
