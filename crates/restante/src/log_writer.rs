//! Writes log lines from a thread of its own, so that whoever reads them slowly, or has stopped
//! to, holds up nobody but the log.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How many lines wait at most; more are dropped and counted.
const LINES_MAX: usize = 4096;
/// How long the end of the program waits for the last lines.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// Takes lines, and never waits.
#[derive(Clone, Debug)]
pub(crate) struct LogWriter {
    queue: SyncSender<Item>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Item {
    Line(Vec<u8>),
    /// All before it is written: say so.
    Mark(SyncSender<()>),
}

impl LogWriter {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(crate) fn start(to: impl Write + Send + 'static) -> io::Result<Self> {
        let (queue, items) = sync_channel(LINES_MAX);
        let dropped = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&dropped);
        std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_all(to, &items, &counted))?;
        Ok(Self { queue, dropped })
    }

    /// Waits until what was said so far is written, but not for long: nobody may be reading.
    pub(crate) fn flush(&self) {
        let (done, is_done) = sync_channel(1);
        if self.queue.try_send(Item::Mark(done)).is_ok() {
            let _in_time = is_done.recv_timeout(FLUSH_MAX);
        }
    }
}

impl Write for &LogWriter {
    /// One call is one line: the formatter writes an event at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.queue.try_send(Item::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
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

fn write_all(mut to: impl Write, items: &Receiver<Item>, dropped: &AtomicU64) {
    while let Ok(item) = items.recv() {
        match item {
            // A full disk takes no line, and there is nowhere else to say so.
            Item::Line(line) => drop(to.write_all(&line)),
            Item::Mark(done) => drop(done.try_send(())),
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "log lines were dropped: whoever reads the log is too slow");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
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
        assert_eq!(log.dropped.load(Ordering::Relaxed), 10);
        drop(release);
        log.flush();
        while log.dropped.load(Ordering::Relaxed) > 0 {
            log.flush();
        }
        log.flush();
        assert_eq!(taken.lock().unwrap().len(), LINES_MAX + 1);
    }
}
