//! A message on its way in: into the log of each shard that has a recipient.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use mail_wire::{MessageId, Octets};
use tokio::sync::oneshot;

use crate::custody::Cause;
use crate::error::StoreError;
use crate::log::actor::Actor;
use crate::log::addition::{Addition, Content, Given};
use crate::log::front::Front;
use crate::log::intake::{BigFile, Intake};
use crate::log::laid::millis;
use crate::log::meta::Destroyed;
use crate::log::queue::Job;
use crate::log::shard::Shard;
use crate::pending::Pending;
use crate::store::{Delivery, Incoming, Provenance, Recipient, Stored, Surrogate};

/// A message on its way in.
#[derive(Debug)]
pub(crate) struct OnItsWay {
    front: Arc<Front>,
    recipients: Vec<Recipient>,
    /// The shards, and which of the recipients are there.
    shards: Vec<Arc<Shard>>,
    shares: Vec<Vec<usize>>,
    utf8: bool,
    provenance: Provenance,
    surrogate: Option<Surrogate>,
    /// When it was accepted, if that was not now: milliseconds since 1970.
    accepted: Option<u64>,
    intake: Intake,
    /// The message of the first recipient that is gone when this one is there.
    replaces: Option<u64>,
}

impl OnItsWay {
    pub(crate) fn new(front: Arc<Front>, incoming: Incoming) -> Result<Self, StoreError> {
        let Incoming { recipients, form, utf8, provenance } = incoming;
        let mut by_shard: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, recipient) in recipients.iter().enumerate() {
            by_shard.entry(front.shard_number(recipient.maildrop)).or_default().push(place);
        }
        let used: Option<Vec<_>> =
            by_shard.keys().map(|shard| front.shards.get(*shard).cloned()).collect();
        let shards: Vec<Arc<Shard>> = used.ok_or(StoreError::Unavailable)?;
        let big_octets_min =
            shards.first().map_or(usize::MAX, |shard| shard.settings.big_octets_min);
        let intake = Intake::new(form, big_octets_min);
        let by_shard = by_shard.into_values().collect();
        Ok(Self {
            front,
            recipients,
            shards,
            shares: by_shard,
            utf8,
            provenance,
            surrogate: None,
            accepted: None,
            intake,
            replaces: None,
        })
    }

    /// With the commit this message of the same maildrop is gone, or nothing happens at all.
    pub(crate) fn in_place_of(self, message: u64) -> Self {
        Self { replaces: Some(message), ..self }
    }

    async fn into_log(self) -> Result<Vec<Result<Stored, StoreError>>, StoreError> {
        let Self {
            front,
            recipients,
            shards,
            shares,
            utf8,
            provenance,
            surrogate,
            accepted,
            intake,
            replaces,
        } = self;
        let now = || shards.first().map_or(0, |shard| shard.time());
        let time = accepted.unwrap_or_else(now);
        let (content, files) = finished(&front, intake, &shards, (utf8, time)).await?;
        let mut files = files.into_iter();
        let mut answers = Vec::with_capacity(shards.len());
        for (shard, share) in shards.iter().zip(&shares) {
            let file = files.next();
            let file_id = file.as_ref().map(|file| file.file_id);
            let owners = owners(&recipients, share);
            let made = Addition::new(&content, &owners, &provenance, surrogate.as_ref(), file_id);
            let queued = made.and_then(|mut addition| {
                // Where it stands is looked up by the writer.
                addition.replaces = replaces.zip(owners.first()).map(|(id, (_, owner))| {
                    let destroyed = Destroyed::new(owner.maildrop.get(), vec![(id, 0)]);
                    destroyed.by(&Actor::nobody(Cause::Renewed))
                });
                let (answer, answered) = oneshot::channel();
                // From here on a record may name the file.
                file.into_iter().for_each(BigFile::keep);
                shard.queue.push(Job::Add(Box::new(addition), answer))?;
                Ok(answered)
            });
            answers.push(queued);
        }
        let mut outcomes: Vec<_> =
            recipients.iter().map(|_| Err(StoreError::Unavailable)).collect();
        for ((shard, share), answer) in shards.iter().zip(&shares).zip(answers) {
            let given = match answer {
                Ok(answered) => answered.await.map_err(|_| StoreError::Unavailable).flatten(),
                Err(refused) => Err(refused),
            };
            for (nth, place) in share.iter().enumerate() {
                let (Some(outcome), Some(recipient)) =
                    (outcomes.get_mut(*place), recipients.get(*place))
                else {
                    continue;
                };
                *outcome = match &given {
                    Ok(given) => stored(shard, recipient, given.get(nth), content.octets),
                    Err(fault) => Err(fault.again()),
                };
            }
        }
        Ok(outcomes)
    }
}

/// A body that is complete, and its files, which are durable.
async fn finished(
    front: &Front,
    intake: Intake,
    shards: &[Arc<Shard>],
    (utf8, time): (bool, u64),
) -> Result<(Content, Vec<BigFile>), StoreError> {
    if !intake.is_long() {
        return intake.finish(shards, utf8, time);
    }
    let shards = shards.to_vec();
    let finish = move || {
        let (content, files) = intake.finish(&shards, utf8, time)?;
        // Durable before a record says that they are there.
        let synced: io::Result<()> = files.iter().try_for_each(BigFile::sync);
        synced.map_err(|fault| StoreError::disk("sync a long message", fault))?;
        Ok::<_, StoreError>((content, files))
    };
    front.pool.run(finish).await?
}

/// The recipients at these places.
fn owners<'a>(recipients: &'a [Recipient], share: &[usize]) -> Vec<(usize, &'a Recipient)> {
    share.iter().filter_map(|place| Some((*place, recipients.get(*place)?))).collect()
}

/// What became of one recipient's copy of a body of so many octets.
fn stored(
    shard: &Shard,
    recipient: &Recipient,
    given: Option<&Given>,
    octets: u64,
) -> Result<Stored, StoreError> {
    match given {
        None => Err(StoreError::Unavailable),
        Some(Given { id: 0, .. }) => {
            let detail = format!("maildrop {}: its quota", recipient.maildrop);
            Err(StoreError::Full { detail, quota: true })
        }
        Some(Given { id, keeps_uidl }) => Ok(Stored {
            id: MessageId::new(*id),
            uidl: match &recipient.uidl {
                Some(uidl) if *keeps_uidl => uidl.clone(),
                _ => shard.native_uidl(*id),
            },
            octets: Octets::new(octets).plus_len(recipient.prefix.len()),
        }),
    }
}

impl Delivery for OnItsWay {
    fn write(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        self.intake.write(octets, &self.shards)
    }

    fn surrogate(&mut self, surrogate: Surrogate) -> Result<(), StoreError> {
        self.surrogate = Some(surrogate);
        Ok(())
    }

    fn accepted(&mut self, at: SystemTime) {
        self.accepted = Some(millis(at));
    }

    fn commit(self: Box<Self>) -> Pending<'static, Vec<Result<Stored, StoreError>>> {
        Box::pin(async move {
            let recipients = self.recipients.len();
            match self.into_log().await {
                Ok(outcomes) => outcomes,
                Err(fault) => (0..recipients).map(|_| Err(fault.again())).collect(),
            }
        })
    }
}
