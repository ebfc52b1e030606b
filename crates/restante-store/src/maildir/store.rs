//! `MaildirStore`: the folder that holds a Maildir a maildrop.

use std::path::{Path, PathBuf};

use mail_wire::MaildropId;

use crate::error::StoreError;
use crate::maildir::settings::Settings;
use crate::store::{Delivery, Incoming, Maildrop, Pending, Promises, Store};

/// A store that keeps each maildrop in a Maildir of its own.
#[derive(Clone)]
pub struct MaildirStore {
    root: PathBuf,
    settings: Settings,
}

impl MaildirStore {
    /// Opens the store in this folder, and makes the folder if it is missing.
    pub fn open(root: &Path, settings: Settings) -> Result<Self, StoreError> {
        std::fs::create_dir_all(root)
            .map_err(|fault| StoreError::disk(format!("make {}", root.display()), fault))?;
        Ok(Self { root: root.to_owned(), settings })
    }
}

impl Store for MaildirStore {
    fn promises(&self) -> Promises {
        Promises { durable: true, atomic_update: false, shared_with_others: true }
    }

    fn open(&self, _: MaildropId) -> Pending<'_, Result<Box<dyn Maildrop>, StoreError>> {
        let _ = (&self.root, &self.settings);
        Box::pin(async { Err(StoreError::Unavailable) })
    }

    fn deliver(&self, _: Incoming) -> Pending<'_, Result<Box<dyn Delivery>, StoreError>> {
        Box::pin(async { Err(StoreError::Unavailable) })
    }

    fn remove(&self, _: MaildropId) -> Pending<'_, Result<(), StoreError>> {
        Box::pin(async { Err(StoreError::Unavailable) })
    }
}
