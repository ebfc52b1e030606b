//! `MaildirStore`: the folder that holds a Maildir a maildrop.

use std::path::Path;
use std::sync::Arc;

use mail_wire::MaildropId;

use crate::copy::expect_whole;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::maildir::deliver::OnItsWay;
use crate::maildir::drawer::State;
use crate::maildir::folders::names;
use crate::maildir::ground::Ground;
use crate::maildir::removal;
use crate::maildir::settings::Settings;
use crate::maildir::snapshot::Snapshot;
use crate::pending::Pending;
use crate::store::{Delivery, Incoming, Maildrop, Promises, Store, Usage};
use crate::view::View;

/// A store that keeps each maildrop in a Maildir of its own: `<root>/<maildrop id>`.
#[derive(Clone, Debug)]
pub struct MaildirStore {
    ground: Arc<Ground>,
}

impl MaildirStore {
    /// What it promises, wherever it is.
    pub const PROMISES: Promises = Promises {
        durable: true,
        atomic_update: false,
        shared_with_others: true,
        custody: false,
        surrogates: false,
    };

    /// Opens the store in this folder, and makes the folder if it is missing. It stays locked
    /// against other processes until the store and all that came from it are dropped.
    pub fn open(root: &Path, settings: Settings) -> Result<Self, StoreError> {
        expect_whole(root)?;
        Self::open_on(Disk::default(), root, settings)
    }

    /// The same of one that a copy goes into, and that nobody else may open.
    pub fn open_unfinished(root: &Path, settings: Settings) -> Result<Self, StoreError> {
        Self::open_on(Disk::default(), root, settings)
    }

    pub(crate) fn open_on(disk: Disk, root: &Path, settings: Settings) -> Result<Self, StoreError> {
        Ok(Self { ground: Arc::new(Ground::open(disk, root, settings)?) })
    }
}

impl Store for MaildirStore {
    fn promises(&self) -> Promises {
        Self::PROMISES
    }

    fn open(
        &self,
        maildrop: MaildropId,
        _view: View,
    ) -> Pending<'_, Result<Box<dyn Maildrop>, StoreError>> {
        Box::pin(async move {
            let snapshot = Snapshot::open(Arc::clone(&self.ground), maildrop).await?;
            Ok(Box::new(snapshot) as Box<dyn Maildrop>)
        })
    }

    fn deliver(&self, incoming: Incoming) -> Pending<'_, Result<Box<dyn Delivery>, StoreError>> {
        let delivery = OnItsWay::new(Arc::clone(&self.ground), incoming);
        Box::pin(async move { Ok(Box::new(delivery) as Box<dyn Delivery>) })
    }

    fn usage(&self, maildrop: MaildropId) -> Pending<'_, Result<Usage, StoreError>> {
        Box::pin(async move {
            let maildrop = self.open(maildrop, View::default()).await?;
            let listing = maildrop.listing();
            let messages = u64::try_from(listing.len()).unwrap_or(u64::MAX);
            Ok(Usage { messages, octets: listing.total().get() })
        })
    }

    fn maildrops(&self) -> Pending<'_, Result<Vec<MaildropId>, StoreError>> {
        let ground = Arc::clone(&self.ground);
        Box::pin(async move {
            let pool = Arc::clone(&ground);
            let look = move || {
                let names = names(&ground.disk, &ground.root);
                let names = names.map_err(|fault| StoreError::disk("list the Maildirs", fault))?;
                let mut all: Vec<MaildropId> = names.iter().filter_map(|name| of(name)).collect();
                all.sort_unstable();
                Ok(all)
            };
            pool.pool.run(look).await?
        })
    }

    fn remove(&self, maildrop: MaildropId) -> Pending<'_, Result<(), StoreError>> {
        let ground = Arc::clone(&self.ground);
        Box::pin(async move {
            let drawer = ground.drawer(maildrop);
            let mut state = Arc::clone(&drawer.state).lock_owned().await;
            let pool = Arc::clone(&ground);
            pool.pool
                .run(move || {
                    *state = State::default();
                    removal::remove(&ground.disk, &ground.root, maildrop)
                })
                .await?
        })
    }
}

/// The maildrop whose Maildir has this name, if it is one.
fn of(name: &[u8]) -> Option<MaildropId> {
    let number: u64 = str::from_utf8(name).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == name).then(|| MaildropId::new(number))
}
