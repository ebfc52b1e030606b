//! Makes the stores of one test of the conformance suite, on disks of which calls fail.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use restante_store::conformance::Factory;
use restante_store::log::Settings;
use restante_store::log::simulation::{Disk, Stepped};
use restante_store::memory::MemoryStore;
use restante_store::{Store, StoreError};

use crate::disk::SimDisk;
use crate::examine::step_all;
use crate::faults::{Among, Failure, Fault};
use crate::noted::{Noted, Records};
use crate::recorder::Recorder;
use crate::state::State;

/// Which call fails, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failing {
    /// So many calls are done before.
    pub(crate) after: u64,
    /// All behind it fail too, until a store could not be opened.
    pub(crate) is_lasting: bool,
    pub(crate) failure: Failure,
}

/// One store that a test had.
pub(crate) struct Had {
    pub(crate) disk: SimDisk,
    pub(crate) records: Records,
    pub(crate) stepped: Option<Stepped>,
}

/// The stores of one test.
pub(crate) struct World {
    failing: Option<Failing>,
    had: RefCell<Vec<Had>>,
    is_healed: Cell<bool>,
    /// What went wrong where a test cannot be told.
    fault: RefCell<Option<String>>,
}

impl fmt::Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, is_lasting, failure } = self;
        let lasts = if *is_lasting { ", and all behind it" } else { "" };
        write!(f, "{failure:?} at call {after}{lasts}")
    }
}

/// Segments of some records, an index that is brought up to date now and then, long bodies in
/// their own files.
pub(crate) fn settings() -> Settings {
    Settings {
        shards: 1,
        segment_octets: 16 << 10,
        ahead_octets: 4 << 10,
        reserve_octets: 4 << 10,
        big_octets_min: 30_000,
        checkpoint_messages: 7,
        index_cache_octets: 1 << 20,
        ..Settings::default()
    }
}

fn open(disk: &SimDisk) -> Result<Stepped, StoreError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Stepped::open(&disk, &settings())
}

impl World {
    pub(crate) fn new(failing: Option<Failing>) -> Self {
        let (had, is_healed) = (RefCell::default(), Cell::default());
        Self { failing, had, is_healed, fault: RefCell::default() }
    }

    /// How many calls all its disks saw.
    pub(crate) fn calls(&self) -> u64 {
        self.had.borrow().iter().map(|had| had.disk.calls()).sum()
    }

    /// What was wrong beside all that a test saw.
    pub(crate) fn fault(&self) -> Option<String> {
        self.fault.borrow().clone()
    }

    /// Whether any call failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.had.borrow().iter().any(|had| had.disk.struck() > 0)
    }

    /// Whether what was asked was answered, and something refused: a test may wait for what never
    /// comes then.
    pub(crate) fn is_refused(&self) -> bool {
        let had = self.had.borrow();
        let is_quiet = had.iter().all(|had| had.records.noted().is_quiet());
        is_quiet && had.iter().any(|had| had.records.noted().has_refused())
    }

    /// Whether a store told this.
    pub(crate) fn has_told(&self, seen: &str) -> bool {
        let had = self.had.borrow();
        had.iter().any(|had| had.records.noted().told.iter().any(|told| seen.contains(told)))
    }

    /// Whether a store counts notes that it could not write.
    pub(crate) fn has_lost_notes(&self) -> bool {
        let had = self.had.borrow();
        let stores = had.iter().filter_map(|had| had.stepped.as_ref());
        stores.into_iter().any(|stepped| stepped.store().notes_lost() > 0)
    }

    /// Its disks, and what was noted of the stores on them.
    pub(crate) fn noted(&self) -> Vec<(SimDisk, Noted)> {
        let had = self.had.borrow();
        had.iter().map(|had| (had.disk.clone(), had.records.noted().clone())).collect()
    }

    /// All that waits is done.
    pub(crate) fn step(&self) {
        for had in &mut *self.had.borrow_mut() {
            had.stepped.iter_mut().for_each(step_all);
        }
    }

    /// The stores, when the test is over.
    pub(crate) fn into_stores(self) -> Vec<Had> {
        self.had.into_inner()
    }

    /// The faults that a disk gets whose predecessors saw so many calls.
    fn faults(&self, calls: u64) -> Option<Fault> {
        let failing = self.failing?;
        if self.is_healed.get() || (calls > failing.after && !failing.is_lasting) {
            return None;
        }
        Some(Fault {
            after: failing.after.saturating_sub(calls),
            times: if failing.is_lasting { u64::MAX } else { 1 },
            failure: failing.failure,
            among: Among::All,
        })
    }

    /// Opens a store, if need be once the disk works again.
    fn open(&self, disk: &SimDisk) -> Option<Stepped> {
        let outcome = open(disk).or_else(|first| {
            if disk.struck() == 0 {
                return Err(first);
            }
            disk.set_fault(None);
            self.is_healed.set(true);
            open(disk)
        });
        outcome.map_err(|fault| self.complain(format!("a store cannot be opened: {fault}"))).ok()
    }

    fn complain(&self, fault: String) {
        self.fault.borrow_mut().get_or_insert(fault);
    }

    fn store(&self, disk: &SimDisk, records: &Records) -> (Option<Stepped>, Arc<dyn Store>) {
        let stepped = self.open(disk).or_else(|| {
            // The test goes on with a store of its own, and what was wrong is told.
            open(&SimDisk::new(State::empty(), 9)).ok()
        });
        let store = stepped.as_ref().map(|stepped| stepped.store().clone());
        match store {
            Some(store) => (stepped, Arc::new(Recorder { store, records: records.clone() })),
            None => (stepped, Arc::new(MemoryStore::new())),
        }
    }
}

impl Factory for World {
    fn fresh(&self) -> Arc<dyn Store> {
        let disk = SimDisk::new(State::empty(), 9);
        disk.set_fault(self.faults(self.calls()));
        if self.failing.is_none() {
            disk.keep_moments(1);
        }
        let records = Records::new(disk.clone());
        let (stepped, store) = self.store(&disk, &records);
        self.had.borrow_mut().push(Had { disk, records, stepped });
        store
    }

    fn again(&self) -> Arc<dyn Store> {
        let last = self.had.borrow_mut().pop();
        let Some(Had { disk, records, stepped }) = last else { return self.fresh() };
        if let Some(stepped) = stepped {
            stepped.end();
        }
        let (stepped, store) = self.store(&disk, &records);
        self.had.borrow_mut().push(Had { disk, records, stepped });
        store
    }

    fn octets_long(&self) -> usize {
        40_000
    }
}
