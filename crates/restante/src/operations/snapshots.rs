//! The snapshots that requests read from, one piece a request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use restante_store::{Body, Maildrop};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

/// So many are held at a time; a further one takes the place of the one unused for longest.
const SNAPSHOTS_MAX: usize = 16;
/// A snapshot that was not used for so long is let go.
const UNUSED_MAX: Duration = Duration::from_mins(1);

/// All snapshots, by number.
#[derive(Default)]
pub(super) struct Snapshots {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    last: u64,
    readers: BTreeMap<u64, (Instant, Arc<AsyncMutex<Reader>>)>,
}

/// A snapshot, and the message that is being read from it.
pub(super) struct Reader {
    /// The snapshot.
    pub(super) maildrop: Box<dyn Maildrop>,
    /// The message that is being read.
    pub(super) reading: Option<Reading>,
}

/// A message that is being read.
pub(super) struct Reading {
    /// Its number.
    pub(super) number: u32,
    /// How many octets were handed out, in text form.
    pub(super) offset: u64,
    /// The rest of it.
    pub(super) body: Body,
    /// Turns wire form into text.
    pub(super) unstuffer: mail_wire::dot::Unstuffer,
}

impl Snapshots {
    /// Holds a snapshot and gives its number.
    pub(super) fn hold(&self, maildrop: Box<dyn Maildrop>) -> u64 {
        let now = Instant::now();
        let mut held = self.lock();
        held.readers.retain(|_, (used, _)| now.duration_since(*used) < UNUSED_MAX);
        if held.readers.len() >= SNAPSHOTS_MAX {
            let oldest = held.readers.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(number) = oldest.map(|(&number, _)| number) {
                held.readers.remove(&number);
            }
        }
        let number = held.last.wrapping_add(1);
        held.last = number;
        let reader = Reader { maildrop, reading: None };
        held.readers.insert(number, (now, Arc::new(AsyncMutex::new(reader))));
        number
    }

    /// The snapshot with this number, if it is still held.
    pub(super) fn reader(&self, number: u64) -> Option<Arc<AsyncMutex<Reader>>> {
        let mut held = self.lock();
        let (used, reader) = held.readers.get_mut(&number)?;
        *used = Instant::now();
        Some(Arc::clone(reader))
    }

    /// Lets go of a snapshot.
    pub(super) fn release(&self, number: u64) {
        self.lock().readers.remove(&number);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        // Nothing that is done under the lock can be left half done.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
