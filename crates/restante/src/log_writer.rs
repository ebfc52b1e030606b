//! Writes log lines from a thread of its own, so that whoever reads them slowly, or has stopped
//! to, holds up nobody but the log.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How many lines wait at most; more are dropped and counted.
const LINES_MAX: usize = 4096;
/// How long the end of the program waits for the last lines.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// Takes lines, and never waits.
#[derive(Clone, Debug)]
pub(crate) struct LogWriter {
    queue: SyncSender<Vec<u8>>,
    tally: Arc<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    /// Lines that were taken.
    taken: AtomicU64,
    /// Lines that were dropped, and not reported yet.
    dropped: AtomicU64,
    /// Lines that were handed on.
    written: Mutex<u64>,
    more_written: Condvar,
}

impl LogWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(crate) fn start(to: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, lines) = sync_channel(LINES_MAX);
        let tally = Arc::<Tally>::default();
        let counting = Arc::clone(&tally);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(to, &lines, &counting))?;
        Ok(Self { queue, tally })
    }

    /// Waits until what was said so far is written, but not for long: nobody may be reading.
    pub(crate) fn flush(&self) {
        let taken = self.tally.taken.load(Ordering::Acquire);
        let written = self.tally.written.lock().unwrap_or_else(PoisonError::into_inner);
        let is_behind = |written: &mut u64| *written < taken;
        let _in_time = self.tally.more_written.wait_timeout_while(written, FLUSH_MAX, is_behind);
    }
}

impl Write for &LogWriter {
    /// One call is one line: the formatter writes an event at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let outcome = self.queue.try_send(line.to_vec());
        let count = if outcome.is_ok() { &self.tally.taken } else { &self.tally.dropped };
        count.fetch_add(1, Ordering::AcqRel);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for LogWriter {
    type Writer = &'w Self;

    fn make_writer(&'w self) -> Self::Writer {
        self
    }
}

fn write_all(mut to: impl Write, lines: &Receiver<Vec<u8>>, tally: &Tally) {
    while let Ok(line) = lines.recv() {
        // A full disk takes no line, and there is nowhere else to say so.
        drop(to.write_all(&line));
        let mut written = tally.written.lock().unwrap_or_else(PoisonError::into_inner);
        *written = written.saturating_add(1);
        drop(written);
        tally.more_written.notify_all();
        let lost = tally.dropped.swap(0, Ordering::AcqRel);
        if lost > 0 {
            tracing::warn!(lost, "log lines were dropped: whoever reads the log is too slow");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// Says that a line has come, and takes it only when told to.
    struct Stuck {
        came: Sender<()>,
        go_on: Receiver<()>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stuck {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _told = self.came.send(());
            let _told = self.go_on.recv();
            self.taken.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    // security R12: the log's reader is stuck: nobody waits for it, and what is lost is counted
    #[test]
    fn a_reader_that_is_stuck_holds_up_nobody() {
        let (came, has_come) = channel();
        let (release, go_on) = channel();
        let taken = Arc::<Mutex<Vec<u8>>>::default();
        let log = LogWriter::start(Stuck { came, go_on, taken: Arc::clone(&taken) }).unwrap();
        (&log).write_all(b"x").unwrap();
        has_come.recv().unwrap();
        for _ in 0..LINES_MAX + 10 {
            (&log).write_all(b"x").unwrap();
        }
        assert_eq!(log.tally.dropped.load(Ordering::Relaxed), 10);
        drop(release);
        // What waited is written, though the queue was full when it was asked for.
        let is_written = || taken.lock().unwrap().len() == LINES_MAX + 1;
        while !is_written() {
            log.flush();
        }
        assert_eq!(log.tally.dropped.load(Ordering::Relaxed), 0, "told, and counted anew");
    }
}
