//! A sync of an index fails, the process is restarted and the machine is not, and later the power
//! fails: what only memory held is not built upon.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use mail_wire::MaildropId;
use restante_store::Store;
use restante_store::log::Settings;
use restante_store::log::simulation::Stepped;

use crate::death;
use crate::disk::SimDisk;
use crate::examine::{deliver, look, open, open_on, step_all, wrongs};
use crate::failure::Broken;
use crate::faults::{Among, Failure, Fault};
use crate::inode::Inode;
use crate::persist::Choice;
use crate::state::State;
use crate::world::settings;

/// What a process does that is not hindered: messages come and go, and segments with them.
fn work(stepped: &mut Stepped, rounds: u64) -> Result<(), Broken> {
    for round in 0..rounds {
        deliver(stepped, round % 3, format!("A: {round}\r\n\r\n").repeat(20).as_bytes())?;
        deliver(stepped, 100 + round, b"B: c\r\n\r\nd\r\n")?;
        if round % 5 == 4 {
            stepped.checkpoint(0);
        }
    }
    Ok(())
}

fn during<T>(stepped: &mut Stepped, work: impl Future<Output = T>) -> T {
    let mut work = Box::pin(work);
    loop {
        if let Poll::Ready(answer) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return answer;
        }
        step_all(stepped);
    }
}

/// The sync with this number fails; `None`: there were not so many. Answers whether it was one of
/// the index, and all is judged.
fn life(settings: &Settings, at: u64, seed: u64, orderly: bool) -> Result<Option<bool>, Broken> {
    let disk = SimDisk::new(State::empty(), seed);
    let fault = Fault { after: at, times: 1, failure: Failure::Io, among: Among::Syncs };
    disk.set_fault(Some(fault));
    let Ok(mut stepped) = open_on(&disk, settings) else { return Ok(Some(false)) };
    let outcome = work(&mut stepped, 11);
    let is_index = |state: &State| {
        let index = state.find("s00/index.redb").and_then(|index| state.file(index));
        index.is_ok_and(Inode::has_lied)
    };
    if orderly {
        stepped.end();
    } else {
        death::kill(&disk, stepped);
    }
    if disk.struck() == 0 {
        return Ok(None);
    }
    if outcome.is_err() || !is_index(&disk.state()) {
        return Ok(Some(false));
    }
    let disk = SimDisk::new(disk.state(), seed + 1);
    let mut stepped = open_on(&disk, settings)?;
    let store = stepped.store().clone();
    let removed = during(&mut stepped, store.remove(MaildropId::new(1)));
    removed.map_err(|fault| Broken::new(0, fault.to_string()))?;
    work(&mut stepped, 11)?;
    let compacted = during(&mut stepped, store.compact());
    compacted.map_err(|fault| Broken::new(0, fault.to_string()))?;
    let wanted = look(&store)?;
    wrongs(&disk)?;
    for choice in [Choice::Synced, Choice::Random(1)] {
        let opened = open(disk.state().crashed(choice), settings, 5)?;
        if look(opened.stepped.store())? != wanted {
            return Err(Broken::new(1, "another listing"));
        }
        opened.kill();
    }
    death::kill(&disk, (store, stepped));
    Ok(Some(true))
}

// I1, I2: acknowledged is acknowledged, also where a sync has failed, and a restart came between
#[test]
fn an_index_whose_sync_failed_is_not_believed() {
    let settings = Settings { compacts_by_itself: false, ..settings() };
    let mut judged = 0;
    let mut found = Vec::new();
    for (seed, orderly) in [(1, false), (2, true)] {
        for at in 0.. {
            match life(&settings, at, seed, orderly) {
                Ok(None) => break,
                Ok(Some(is_index)) => judged += u64::from(is_index),
                Err(broken) => found.push(format!("{at}, {seed}, {orderly}: {broken}")),
            }
        }
    }
    assert!(judged > 10, "only {judged}");
    assert_eq!(found, Vec::<String>::new(), "{judged} were right");
}
