//! One copy of a message into one Maildir: tmp, sync, rename to new, sync (P-220).

use std::io;
use std::sync::Arc;

use mail_wire::{MaildropId, Octets, Quota, Uidl};
use tokio::task::{JoinError, JoinHandle};

use crate::disk::Status;
use crate::error::StoreError;
use crate::maildir::content::{Content, prefix_in_file};
use crate::maildir::drawer::{Drawer, State};
use crate::maildir::folders::Folders;
use crate::maildir::ground::Ground;
use crate::maildir::measure::Measured;
use crate::maildir::names::{Identity, delivered};
use crate::maildir::snapshot::Snapshot;
use crate::maildir::uidlist::Record;
use crate::pending::Pending;
use crate::pool::Pool;
use crate::store::{Delivery, Incoming, Maildrop, Recipient, Stored};

/// A message on its way into some maildrops.
#[derive(Debug)]
pub(crate) struct OnItsWay {
    ground: Arc<Ground>,
    recipients: Vec<Recipient>,
    utf8: bool,
    content: Content,
}

impl OnItsWay {
    pub(crate) fn new(ground: Arc<Ground>, incoming: Incoming) -> Self {
        let Incoming { recipients, form, utf8, .. } = incoming;
        let content = Content::new(form, ground.settings.spool_octets_min);
        Self { ground, recipients, utf8, content }
    }
}

impl Delivery for OnItsWay {
    fn write(&mut self, octets: &[u8]) -> Result<(), StoreError> {
        let Ground { disk, root, .. } = &*self.ground;
        self.content
            .write(disk, root, octets)
            .map_err(|fault| StoreError::disk("spool a message", fault))
    }

    fn commit(self: Box<Self>) -> Pending<'static, Vec<Result<Stored, StoreError>>> {
        let Self { ground, recipients, utf8, mut content } = *self;
        content.finish();
        let content = Arc::new(content);
        Box::pin(async move {
            // All recipients at once: each copy waits for the disk on its own. But who must keep
            // to a quota is in turn.
            let mut copies = Vec::with_capacity(recipients.len());
            for recipient in recipients {
                let (ground, content) = (Arc::clone(&ground), Arc::clone(&content));
                let drawer = ground.drawer(recipient.maildrop);
                let is_limited = recipient.quota != Quota::default();
                let mut turn = None;
                if is_limited {
                    turn = Some(Arc::clone(&drawer.turn).lock_owned().await);
                    if let Err(full) = look_for_room(&ground, &recipient, &content).await {
                        copies.push(Copy::Done(Ok(Err(full))));
                        continue;
                    }
                }
                // Those that bring unique-ids along in their order. Not on a thread of the pool:
                // who has the list may wait for one of those.
                let mut state = match recipient.uidl {
                    Some(_) => Some(Arc::clone(&drawer.state).lock_owned().await),
                    None => None,
                };
                let copy = tokio::spawn(async move {
                    let pool: &Pool = &ground.pool;
                    let ground = Arc::clone(&ground);
                    let put = move || {
                        let list = state.as_deref_mut();
                        put(&ground, &drawer, &recipient, &content, utf8, list)
                    };
                    pool.run(put).await.flatten()
                });
                copies.push(if is_limited { Copy::Done(copy.await) } else { Copy::Begun(copy) });
                drop(turn);
            }
            let mut outcomes = Vec::with_capacity(copies.len());
            for copy in copies {
                let outcome = match copy {
                    Copy::Done(outcome) => outcome,
                    Copy::Begun(copy) => copy.await,
                };
                let fault = |fault| StoreError::disk("deliver", io::Error::other(fault));
                outcomes.push(outcome.map_err(fault).flatten());
            }
            outcomes
        })
    }
}

/// A copy for one recipient.
enum Copy {
    Begun(JoinHandle<Result<Stored, StoreError>>),
    Done(Result<Result<Stored, StoreError>, JoinError>),
}

/// Whether the maildrop may take it, with what is there now. What others put into the folder
/// meanwhile is not known.
async fn look_for_room(
    ground: &Arc<Ground>,
    recipient: &Recipient,
    content: &Content,
) -> Result<(), StoreError> {
    let Recipient { maildrop, prefix, quota, .. } = recipient;
    let octets = content.octets_behind(&prefix_in_file(prefix));
    let snapshot = Snapshot::open(Arc::clone(ground), *maildrop).await?;
    let (messages, held) = (snapshot.listing().len() as u64, snapshot.listing().total().get());
    if quota.has_room(messages, held, octets) {
        return Ok(());
    }
    Err(StoreError::Full { detail: format!("maildrop {maildrop}: its quota"), quota: true })
}

/// How often another name is tried when one is taken. Names are never made twice here; this is
/// for a host that has the name and the process number of another.
const NAMES_TRIED_MAX: usize = 4;

fn put(
    ground: &Ground,
    drawer: &Drawer,
    recipient: &Recipient,
    content: &Content,
    utf8: bool,
    list: Option<&mut State>,
) -> Result<Stored, StoreError> {
    let id = recipient.maildrop;
    let disk = &ground.disk;
    let folders = Folders::open(disk, &ground.root, id)?;
    let prefix = prefix_in_file(&recipient.prefix);
    let octets = Octets::new(content.octets_behind(&prefix));
    let tmp = ground.namer.next(disk.now(), utf8);
    let tmp = tmp.as_bytes();
    let written = write(ground, &folders, tmp, &prefix, content);
    let put = written.map_err(|fault| failed(id, fault)).and_then(|status| {
        let measured = Measured { octets, stamp: status.into() };
        let mut brought = recipient.uidl.as_ref().zip(list);
        let mut name = |identity: Identity| match &mut brought {
            Some((uidl, list)) => {
                let record = Record::brought(identity, Uidl::clone(uidl), measured);
                list.name(drawer, disk, &folders, ground.settings.tmp_age_max, record)
            }
            None => Ok(false),
        };
        let (identity, keeps) =
            make_visible(ground, &folders, tmp, (status, octets), utf8, &mut name)?;
        Ok((identity, keeps, measured))
    });
    match put {
        Ok((identity, keeps, measured)) => {
            let uidl = match &recipient.uidl {
                Some(uidl) if keeps => uidl.clone(),
                _ => {
                    let uidl = identity.uidl();
                    uidl.map_err(|wrong| StoreError::Damaged { detail: wrong.to_string() })?
                }
            };
            let stored = Stored { id: identity.id(), uidl, octets };
            if !keeps {
                drawer.delivered(identity, measured);
            }
            ground.arrivals.announce([id]);
            Ok(stored)
        }
        Err(fault) => {
            let _ = disk.unlink(&folders.tmp, tmp);
            Err(fault)
        }
    }
}

/// Writes the file and makes it durable. After a failed sync the file is given up: the system
/// may say of it later that all is well when it is not.
fn write(
    ground: &Ground,
    folders: &Folders,
    tmp: &[u8],
    prefix: &[u8],
    content: &Content,
) -> io::Result<Status> {
    let disk = &ground.disk;
    let file = disk.create(&folders.tmp, tmp)?;
    if !prefix.is_empty() {
        disk.write(&file, prefix)?;
    }
    content.copy_to(disk, &file)?;
    disk.sync(&file)?;
    let status = disk.status_of(&file)?;
    if status.size != content.size().saturating_add(prefix.len() as u64) {
        return Err(io::Error::other("the file has not the size of what was written to it"));
    }
    Ok(status)
}

/// Renames the file to `new`, makes that durable, and answers with which message it is, and what
/// `name` said of it before it could be seen.
fn make_visible(
    ground: &Ground,
    folders: &Folders,
    tmp: &[u8],
    (status, octets): (Status, Octets),
    utf8: bool,
    name: &mut dyn FnMut(Identity) -> Result<bool, StoreError>,
) -> Result<(Identity, bool), StoreError> {
    let disk = &ground.disk;
    let fault = |fault| StoreError::disk("deliver", fault);
    let mut tries = 0_usize;
    loop {
        tries = tries.saturating_add(1);
        // A name of this moment: names are the order in which messages became visible.
        let unique = ground.namer.next(disk.now(), utf8);
        let file = delivered(&unique, status.size, octets);
        let identity = Identity::new(unique.as_bytes(), 0);
        let named = name(identity.clone())?;
        match disk.rename_new((&folders.tmp, tmp), (&folders.new, file.as_bytes())) {
            Ok(()) => {}
            Err(taken)
                if taken.kind() == io::ErrorKind::AlreadyExists && tries < NAMES_TRIED_MAX =>
            {
                continue;
            }
            Err(refused) => return Err(fault(refused)),
        }
        if let Err(unsynced) = disk.sync(&folders.new) {
            // It will be delivered again, so it must not stay.
            let _ = disk.unlink(&folders.new, file.as_bytes());
            return Err(fault(unsynced));
        }
        return Ok((identity, named));
    }
}

fn failed(id: MaildropId, fault: io::Error) -> StoreError {
    StoreError::disk(format!("maildrop {id}: deliver"), fault)
}
