//! A process is killed: nothing that it held does anything any more.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::disk::SimDisk;

/// The process that uses this disk is killed, with all of this.
///
/// What is dropped in good order writes down how far it came, or would if the disk took it: a
/// third of all the time. It does not where it is dropped because somebody panicked; so that is
/// what it is told. No hook runs, and nobody else sees it.
pub(crate) fn kill<T>(disk: &SimDisk, held: T) {
    disk.kill();
    let outcome = catch_unwind(AssertUnwindSafe(move || {
        let _held = held;
        resume_unwind(Box::new(()));
    }));
    drop(outcome);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::state::State;

    struct Told<'a>(&'a Cell<bool>);

    impl Drop for Told<'_> {
        fn drop(&mut self) {
            self.0.set(std::thread::panicking());
        }
    }

    #[test]
    fn what_a_killed_process_held_is_told_of_a_panic() {
        let told = Cell::new(false);
        let disk = SimDisk::new(State::empty(), 1);
        kill(&disk, Told(&told));
        assert!(told.get() && !std::thread::panicking());
        assert!(disk.state().list(".").is_ok());
    }
}
