//! A small blocking LMTP client (RFC 2033): one mail transaction, then QUIT.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};

use mail_wire::dot::Stuffer;

use crate::handover::message::Message;
use crate::handover::outcome::{Fate, Outcome, Reply};
use crate::handover::path::Path;

/// A reply line is never longer than this (RFC 5321 §4.5.3.1.5 asks for 512).
const LINE_OCTETS_MAX: u64 = 4096;
/// A reply never has more lines than this.
const LINES_MAX: usize = 100;
/// How much text is stuffed at a time.
const CHUNK_OCTETS: usize = 64 * 1024;

/// What is handed over.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    /// The name to say LHLO with.
    pub(crate) hostname: &'a str,
    /// From whom.
    pub(crate) sender: &'a Path,
    /// To whom: as it was given, and as a path.
    pub(crate) recipients: &'a [(String, Path)],
}

/// Why the conversation ended before each recipient had its reply.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the connection broke: {0}")]
    Connection(#[from] io::Error),
    #[error("the server said what is no LMTP: {0}")]
    Grammar(String),
    #[error("{0}")]
    Refused(Reply),
}

/// Hands one message over and answers with one outcome a recipient, in their order.
///
/// Where the connection breaks before a recipient had its final reply, that recipient's outcome
/// is temporary (RFC 2033 §4.2: the client keeps the responsibility until then).
pub(crate) fn hand_over<S: Read + Write>(
    stream: S,
    envelope: &Envelope<'_>,
    message: &Message,
) -> Vec<Outcome> {
    let mut conversation = Conversation { stream: BufReader::new(stream) };
    let mut fates: Vec<Option<Fate>> = vec![None; envelope.recipients.len()];
    let ended = conversation.transact(envelope, message, &mut fates);
    let missing = match ended {
        Ok(()) => Fate::Temporary("the server gave no reply for this recipient".to_owned()),
        Err(Broken::Refused(reply)) => Fate::from_reply(&reply),
        Err(broken) => Fate::Temporary(broken.to_string()),
    };
    let fates = fates.into_iter().map(|fate| fate.unwrap_or_else(|| missing.clone()));
    envelope
        .recipients
        .iter()
        .zip(fates)
        .map(|((recipient, _), fate)| Outcome { recipient: recipient.clone(), fate })
        .collect()
}

struct Conversation<S> {
    stream: BufReader<S>,
}

impl<S: Read + Write> Conversation<S> {
    fn transact(
        &mut self,
        envelope: &Envelope<'_>,
        message: &Message,
        fates: &mut [Option<Fate>],
    ) -> Result<(), Broken> {
        self.expect_positive()?;
        let extensions = self.greet(envelope.hostname)?;
        self.mail(envelope, message, &extensions)?;
        let mut accepted = Vec::new();
        for ((_, path), fate) in envelope.recipients.iter().zip(fates) {
            let reply = self.ask(&format!("RCPT TO:<{path}>"))?;
            if reply.is_positive() {
                accepted.push(fate);
            } else {
                *fate = Some(Fate::from_reply(&reply));
            }
        }
        if !accepted.is_empty() {
            let reply = self.ask("DATA")?;
            if reply.code != 354 {
                return Err(refused(reply));
            }
            self.send_text(message)?;
            // RFC 2033 §4.2: one reply for each accepted RCPT, in their order.
            for fate in accepted {
                *fate = Some(Fate::from_reply(&self.reply()?));
            }
        }
        // Each recipient has its reply; nothing that happens to QUIT changes it.
        let _ = self.ask("QUIT");
        Ok(())
    }

    fn greet(&mut self, hostname: &str) -> Result<Extensions, Broken> {
        self.send(&format!("LHLO {hostname}"))?;
        let lines = self.reply_lines()?;
        let reply = joined(&lines)?;
        if !reply.is_positive() {
            return Err(refused(reply));
        }
        Ok(Extensions(lines.into_iter().map(|line| line.text.to_ascii_uppercase()).collect()))
    }

    fn mail(
        &mut self,
        envelope: &Envelope<'_>,
        message: &Message,
        extensions: &Extensions,
    ) -> Result<(), Broken> {
        let mut command = format!("MAIL FROM:<{}>", envelope.sender);
        if extensions.has("SIZE") {
            // RFC 1870 §6: line ends count as CRLF, stuffing does not count.
            // Writing to a String cannot fail.
            let _ = write!(command, " SIZE={}", message.text().len());
        }
        if extensions.has("8BITMIME") && message.is_eight_bit() {
            command.push_str(" BODY=8BITMIME");
        }
        // Only the addresses decide. A header with raw octets beyond ASCII that came by a pipe
        // was not declared as internationalised, and goes out to clients as it is.
        let internationalised = envelope.sender.is_internationalised()
            || envelope.recipients.iter().any(|(_, path)| path.is_internationalised());
        if internationalised && extensions.has("SMTPUTF8") {
            command.push_str(" SMTPUTF8");
        }
        self.send(&command)?;
        self.expect_positive()
    }

    fn send_text(&mut self, message: &Message) -> Result<(), Broken> {
        let mut stuffer = Stuffer::default();
        let mut wire = Vec::with_capacity(CHUNK_OCTETS);
        for chunk in message.text().chunks(CHUNK_OCTETS) {
            wire.clear();
            stuffer.stuff(chunk, &mut wire);
            self.stream.get_mut().write_all(&wire)?;
        }
        wire.clear();
        stuffer.finish(&mut wire);
        self.stream.get_mut().write_all(&wire)?;
        Ok(self.stream.get_mut().flush()?)
    }

    fn ask(&mut self, command: &str) -> Result<Reply, Broken> {
        self.send(command)?;
        self.reply()
    }

    fn send(&mut self, command: &str) -> Result<(), Broken> {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        Ok(stream.flush()?)
    }

    fn expect_positive(&mut self) -> Result<(), Broken> {
        let reply = self.reply()?;
        if reply.is_positive() { Ok(()) } else { Err(refused(reply)) }
    }

    fn reply(&mut self) -> Result<Reply, Broken> {
        joined(&self.reply_lines()?)
    }

    /// RFC 5321 §4.2.1: `250-` goes on, `250 ` ends.
    fn reply_lines(&mut self) -> Result<Vec<Reply>, Broken> {
        let mut lines = Vec::new();
        while lines.len() < LINES_MAX {
            let line = self.line()?;
            let bad = || Broken::Grammar(line.escape_default().to_string());
            let code = line.get(..3).and_then(|code| code.parse().ok()).ok_or_else(bad)?;
            let text = line.get(4..).unwrap_or_default().to_owned();
            let goes_on = match line.as_bytes().get(3) {
                Some(b'-') => true,
                Some(b' ') | None => false,
                Some(_) => return Err(bad()),
            };
            lines.push(Reply { code, text });
            if !goes_on {
                return Ok(lines);
            }
        }
        Err(Broken::Grammar(format!("a reply of more than {LINES_MAX} lines")))
    }

    fn line(&mut self) -> Result<String, Broken> {
        let mut line = Vec::new();
        self.stream.by_ref().take(LINE_OCTETS_MAX).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(if line.is_empty() {
                io::Error::from(io::ErrorKind::UnexpectedEof).into()
            } else {
                Broken::Grammar("a line without an end".to_owned())
            });
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
    }
}

/// The lines of the reply to LHLO, in capitals.
struct Extensions(Vec<String>);

impl Extensions {
    fn has(&self, keyword: &str) -> bool {
        self.0.iter().skip(1).any(|line| line.split_whitespace().next() == Some(keyword))
    }
}

fn joined(lines: &[Reply]) -> Result<Reply, Broken> {
    let code = lines.first().map(|line| line.code).unwrap_or_default();
    if !(200..=599).contains(&code) || lines.iter().any(|line| line.code != code) {
        return Err(Broken::Grammar(format!("reply code {code}")));
    }
    let text = lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join(" ");
    Ok(Reply { code, text })
}

/// A reply that ends the mail transaction. A positive one where none was asked for must never be
/// taken for a delivery.
fn refused(reply: Reply) -> Broken {
    if reply.is_positive() {
        Broken::Grammar(format!("{reply} out of place"))
    } else {
        Broken::Refused(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says what was prepared, whatever it hears, and remembers that.
    struct Script {
        says: io::Cursor<Vec<u8>>,
        heard: Vec<u8>,
    }

    impl Read for &mut Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.says.read(buffer)
        }
    }

    impl Write for &mut Script {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.heard.write(octets)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn play(says: &str, recipients: &[&str], text: &[u8]) -> (Vec<Fate>, String) {
        let mut script = Script {
            says: io::Cursor::new(says.replace('\n', "\r\n").into_bytes()),
            heard: Vec::new(),
        };
        let sender = Path::sender("a@example.org").unwrap();
        let recipients: Vec<_> = recipients
            .iter()
            .map(|&address| (address.to_owned(), Path::recipient(address, None).unwrap()))
            .collect();
        let envelope =
            Envelope { hostname: "mx.example.org", sender: &sender, recipients: &recipients };
        let message = Message::read(text, 1 << 20).unwrap();
        let outcomes = hand_over(&mut script, &envelope, &message);
        let fates = outcomes.into_iter().map(|outcome| outcome.fate).collect();
        (fates, String::from_utf8(script.heard).unwrap())
    }

    const HELLO: &str = "220 hi\n250-mx\n250-SIZE 100000\n250-8BITMIME\n250 SMTPUTF8\n";

    // RFC 2033 §4.2, P-193
    #[test]
    fn each_recipient_has_the_outcome_of_its_own_reply() {
        let says = format!(
            "{HELLO}250 2.1.0 ok\n250 2.1.5 ok\n550 5.1.1 unknown\n250 2.1.5 ok\n354 go\n\
             250 2.1.5 stored\n452-4.2.2 maildrop\n452 4.2.2 full\n221 bye\n"
        );
        let (fates, heard) = play(&says, &["b@x", "c@x", "d@x"], b"A: b\n\n.dot\n.");
        assert_eq!(
            fates,
            [
                Fate::Delivered,
                Fate::Refused { exit: 67, reason: "550 5.1.1 unknown".to_owned() },
                Fate::Temporary("452 4.2.2 maildrop 4.2.2 full".to_owned()),
            ]
        );
        assert_eq!(
            heard,
            "LHLO mx.example.org\r\nMAIL FROM:<a@example.org> SIZE=17\r\nRCPT TO:<b@x>\r\n\
             RCPT TO:<c@x>\r\nRCPT TO:<d@x>\r\nDATA\r\nA: b\r\n\r\n..dot\r\n..\r\n.\r\nQUIT\r\n"
        );
    }

    // P-192: DATA is not said when nobody was accepted
    #[test]
    fn nothing_is_sent_when_nobody_is_accepted() {
        let says = format!("{HELLO}250 ok\n550 5.1.1 unknown\n221 bye\n");
        let (fates, heard) = play(&says, &["b@x"], b"A: b\n\n");
        assert!(matches!(&fates[..], [Fate::Refused { exit: 67, .. }]));
        assert!(heard.ends_with("RCPT TO:<b@x>\r\nQUIT\r\n"), "{heard}");
    }

    // P-217: what has no reply is not delivered
    #[test]
    fn a_connection_that_breaks_is_temporary_for_those_without_a_reply() {
        let says = format!("{HELLO}250 ok\n250 ok\n250 ok\n354 go\n250 2.1.5 stored\n");
        let (fates, _) = play(&says, &["b@x", "c@x"], b"A: b\n\n");
        assert_eq!(fates[0], Fate::Delivered);
        assert!(matches!(fates[1], Fate::Temporary(_)));
        for cut in 0..says.len() - 1 {
            let (fates, _) = play(&says[..cut], &["b@x", "c@x"], b"A: b\n\n");
            assert!(fates.iter().all(|fate| matches!(fate, Fate::Temporary(_))), "{cut} {fates:?}");
        }
    }

    #[test]
    fn a_refusal_of_the_transaction_holds_for_all() {
        let says = format!("{HELLO}552 5.3.4 too large\n");
        let (fates, _) = play(&says, &["b@x", "c@x"], b"A: b\n\n");
        assert!(fates.iter().all(|fate| matches!(fate, Fate::Refused { exit: 69, .. })));
        let (fates, _) = play("421 4.3.2 going down\n", &["b@x"], b"A: b\n\n");
        assert_eq!(fates, [Fate::Temporary("421 4.3.2 going down".to_owned())]);
    }

    #[test]
    fn eight_bit_and_utf8_are_declared_where_they_are() {
        let says = format!("{HELLO}250 ok\n250 ok\n354 go\n250 ok\n221 bye\n");
        let (_, heard) = play(&says, &["δ@x"], "A: b\n\nü\n".as_bytes());
        assert!(heard.contains("SIZE=12 BODY=8BITMIME SMTPUTF8\r\n"), "{heard}");
        let (_, heard) = play(&says, &["d@x"], "A: b\n\nü\n".as_bytes());
        assert!(heard.contains("SIZE=12 BODY=8BITMIME\r\n"), "{heard}");
    }

    // The regressions: never a false answer
    #[test]
    fn a_positive_reply_to_data_is_no_delivery() {
        let says = format!("{HELLO}250 ok\n250 ok\n250 2.1.5 stored\n250 2.1.5 stored\n");
        let (fates, _) = play(&says, &["b@x"], b"A: b\n\n");
        assert!(matches!(&fates[..], [Fate::Temporary(_)]), "{fates:?}");
    }

    #[test]
    fn what_is_no_lmtp_is_temporary() {
        for says in ["HTTP/1.1 400 Bad\n", "220x\n", "22\n", "999 x\n", "220-a\n221 b\n"] {
            let (fates, _) = play(says, &["b@x"], b"A: b\n\n");
            assert!(matches!(&fates[..], [Fate::Temporary(_)]), "{says} {fates:?}");
        }
        let endless = "x".repeat(10_000);
        let (fates, _) = play(&endless, &["b@x"], b"A: b\n\n");
        assert!(matches!(&fates[..], [Fate::Temporary(_)]));
    }
}
