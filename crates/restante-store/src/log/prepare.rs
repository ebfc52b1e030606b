//! What jobs come to is decided, one after the other, before they are written together.

use std::collections::BTreeMap;

use crate::error::StoreError;
use crate::log::addition::{Addition, Given};
use crate::log::decide::decide;
use crate::log::queue::Job;
use crate::log::shard::Shard;
use crate::log::snapshots::Doomed;
use crate::store::Usage;

/// Decides what these jobs write. Those that have nothing to write are answered, and left out.
/// Only the writer may ask, and only when all that it wrote is known.
pub(crate) fn prepare(shard: &Shard, jobs: Vec<Job>) -> Vec<Job> {
    let mut room = Room { shard, used: BTreeMap::new() };
    let mut prepared = Vec::with_capacity(jobs.len());
    for job in jobs {
        match job {
            Job::Deed(mut deed, answer) => match decide(shard, &deed) {
                Ok(decided) if decided.is_empty() => drop(answer.send(Ok(decided.answer))),
                Ok(decided) => {
                    deed.decided = decided;
                    prepared.push(Job::Deed(deed, answer));
                }
                Err(fault) => drop(answer.send(Err(fault))),
            },
            Job::Add(mut addition, answer) => {
                let outcome = room.admit(&mut addition).and_then(|()| still(shard, &mut addition));
                let refused = match outcome {
                    Ok(()) if addition.shares.iter().any(|share| !share.is_refused) => {
                        prepared.push(Job::Add(addition, answer));
                        continue;
                    }
                    Ok(()) => Ok(vec![Given::NOTHING; addition.shares.len()]),
                    Err(fault) => Err(fault),
                };
                // No record will ever name it.
                if let Some(file_id) = addition.file_id {
                    shard.snapshots.doom(Doomed::Big(file_id));
                }
                drop(answer.send(refused));
            }
            job => prepared.push(job),
        }
    }
    prepared
}

/// How much room maildrops have, with what goes before into the same batch.
struct Room<'a> {
    shard: &'a Shard,
    used: BTreeMap<u64, Usage>,
}

impl Room<'_> {
    /// Refuses those shares whose maildrops have no room for them.
    fn admit(&mut self, addition: &mut Addition) -> Result<(), StoreError> {
        for share in &mut addition.shares {
            let maildrop = share.maildrop.get();
            let is_limited = share.quota != mail_wire::Quota::default();
            if !is_limited && !self.used.contains_key(&maildrop) {
                continue;
            }
            let used = match self.used.get(&maildrop) {
                Some(used) => *used,
                None => self.shard.usage(maildrop)?,
            };
            share.is_refused = !share.quota.has_room(used.messages, used.octets, share.octets);
            let used = if share.is_refused { used } else { used.plus(share.octets) };
            self.used.insert(maildrop, used);
        }
        Ok(())
    }
}

/// Looks where the message is that is replaced: it may be gone by now.
fn still(shard: &Shard, addition: &mut Addition) -> Result<(), StoreError> {
    let Some(replaced) = &mut addition.replaces else { return Ok(()) };
    for (id, segment) in &mut replaced.copies {
        let entry = shard.index.entry(replaced.maildrop, *id, &shard.overlay)?;
        let gone = || StoreError::Absent { detail: "it was destroyed meanwhile".into() };
        *segment = entry.ok_or_else(gone)?.segment;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::log::settings::Settings;
    use crate::log::trial::{closed, contents, open, segments, small, text};
    use crate::maildir::scratch::quick;
    use crate::store::{Incoming, Provenance, Recipient, Store, Usage};
    use mail_wire::{Form, MaildropId, Quota};

    // issue, quotas; FORMAT.md, Recipients: a recipient that was refused only has a row where the
    // rest was written. Of a message that nobody has room for nothing is kept.
    #[tokio::test]
    async fn nothing_is_kept_of_a_message_that_nobody_has_room_for() {
        let (folder, ours) = (quick(), MaildropId::new(1));
        let settings = Settings { big_octets_min: 1000, ..small() };
        let store = open(folder.path(), &settings).unwrap();
        let send = async |number: usize, quotas: &[Option<u64>]| {
            let recipient = |messages: &Option<u64>| Recipient {
                quota: Quota { messages: *messages, octets: None },
                ..Recipient::new(ours, Vec::new())
            };
            let incoming = Incoming {
                recipients: quotas.iter().map(recipient).collect(),
                form: Form::Text,
                utf8: false,
                provenance: Provenance::default(),
            };
            let mut delivery = store.deliver(incoming).await.unwrap();
            delivery.write(text(number, 2000).as_bytes()).unwrap();
            delivery.commit().await.iter().map(Result::is_ok).collect::<Vec<_>>()
        };
        assert_eq!(send(1, &[Some(1)]).await, [true]);
        let files = || std::fs::read_dir(folder.path().join("s00/big")).unwrap().count();
        let before = store.usage(ours).await.unwrap();
        assert_eq!((before.messages, files()), (1, 1));
        for number in 2..5 {
            assert_eq!(send(number, &[Some(1), Some(1)]).await, [false, false]);
        }
        assert_eq!(store.usage(ours).await.unwrap(), before);
        // Who has no limit is counted all the same for who has one.
        assert_eq!(send(5, &[Some(2), None, Some(3)]).await, [true, true, false]);
        drop(store);
        closed(folder.path());
        assert_eq!(files(), 2);
        let octets = std::fs::read(&segments(folder.path())[0]).unwrap();
        let heads = octets.chunks(16).filter(|octets| octets.starts_with(b"RsR\xA5"));
        assert_eq!(heads.count(), 3, "two messages and the seal");
        let store = open(folder.path(), &settings).unwrap();
        assert_eq!(contents(&store, ours).await.unwrap().len(), 3);
        let octets = before.octets.saturating_add(2 * text(5, 2000).len() as u64);
        assert_eq!(store.usage(ours).await.unwrap(), Usage { messages: 3, octets });
    }
}
