//! A small POP3 client for tests: what it reads is compared octet for octet.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

/// A session that has logged in.
pub(crate) struct Pop3 {
    stream: BufReader<TcpStream>,
}

impl Pop3 {
    /// Logs in without TLS.
    pub(crate) fn log_in(address: &str, user: &str, password: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        let mut session = Self { stream: BufReader::new(stream) };
        session.positive();
        session.ask(&format!("USER {user}"));
        session.ask(&format!("PASS {password}"));
        session
    }

    /// How many messages STAT counts.
    pub(crate) fn messages(&mut self) -> usize {
        let reply = self.ask("STAT");
        reply.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// What LIST says of a message.
    pub(crate) fn size(&mut self, number: usize) -> usize {
        let reply = self.ask(&format!("LIST {number}"));
        reply.split(' ').nth(2).unwrap().parse().unwrap()
    }

    /// A whole message, unstuffed.
    pub(crate) fn retrieve(&mut self, number: usize) -> Vec<u8> {
        self.ask(&format!("RETR {number}"));
        let mut message = Vec::new();
        loop {
            let mut line = Vec::new();
            self.stream.read_until(b'\n', &mut line).unwrap();
            assert!(line.ends_with(b"\r\n"), "a line ends in CRLF");
            match line.strip_prefix(b".") {
                Some(b"\r\n") => return message,
                Some(rest) => message.extend_from_slice(rest),
                None => message.extend_from_slice(&line),
            }
        }
    }

    /// Marks a message.
    pub(crate) fn delete(&mut self, number: usize) {
        self.ask(&format!("DELE {number}"));
    }

    /// Ends the session.
    pub(crate) fn quit(mut self) {
        self.ask("QUIT");
    }

    fn ask(&mut self, command: &str) -> String {
        self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
        self.positive()
    }

    fn positive(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("+OK"), "{line}");
        line.trim_end().to_owned()
    }
}
