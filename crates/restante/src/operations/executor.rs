//! `Executor`: does what a `Request` asks, over the directory and the store.

use std::path::Path;
use std::sync::Arc;

use mail_wire::MaildropId;
use restante_directory::{AccountRecord, Manage};
use restante_server::Handle;
use restante_server::control::Told;
use restante_server::ledger::stats::Stats;
use restante_store::{Store, Upkeep};
use serde::Serialize;
use serde_json::Value;

use crate::operations::answer::{AccountRemoved, CustodyNumbers, Listening, Status};
use crate::operations::custody::Custodies;
use crate::operations::guarding::Guarding;
use crate::operations::keeping_order::KeepingOrder;
use crate::operations::maildrops::Maildrops;
use crate::operations::refusal::Refusal;
use crate::operations::request::{AccountAdd, Name, Request};

/// Makes an existing Maildir the maildrop of this number, where the backend can do that. It may be
/// taken from one of these maildrops, which removed accounts left; the answer says from which.
pub(crate) type BindMaildir =
    Arc<dyn Fn(MaildropId, &Path, &[u64]) -> Result<Option<u64>, String> + Send + Sync>;

/// Does what requests ask. The same in a running server and, over locked files, in a command.
pub(crate) struct Executor {
    manage: Arc<dyn Manage>,
    store: Arc<dyn Store>,
    maildrops: Maildrops,
    order: KeepingOrder,
    custodies: Custodies,
    guarding: Guarding,
    bind: Option<BindMaildir>,
    running: Option<Running>,
}

/// What only a running server has.
pub(crate) struct Running {
    /// Its handle.
    pub(crate) handle: Handle,
    /// Where it listens.
    pub(crate) listeners: Vec<Listening>,
    /// Since when it runs: seconds since 1970.
    pub(crate) since: i64,
}

impl Executor {
    /// Over a directory and a store.
    pub(crate) fn new(
        manage: Arc<dyn Manage>,
        store: Arc<dyn Store>,
        guarding: Guarding,
        bind: Option<BindMaildir>,
    ) -> Self {
        let maildrops = Maildrops::new(Arc::clone(&manage), Arc::clone(&store));
        let order = KeepingOrder::new(Arc::clone(&store));
        let custodies = Custodies::new(Arc::clone(&manage), Arc::clone(&store));
        Self { manage, store, maildrops, order, custodies, guarding, bind, running: None }
    }

    /// Inside a running server: sessions learn of changes, and the server can be asked how it is.
    #[must_use]
    pub(crate) fn inside(mut self, running: Running) -> Self {
        self.running = Some(running);
        self
    }

    /// Does what is asked. When it answers, the change is durable and in effect.
    // tidy: long because it is a table: one arm a request
    pub(crate) async fn execute(&self, request: Request, told: Told) -> Result<Value, Refusal> {
        match request {
            Request::Status => value(self.status()?),
            Request::Sessions => value(self.running()?.handle.sessions()),
            Request::Metrics => value(self.running()?.handle.metrics()),
            Request::AccountAdd(add) => value(self.account_add(add).await?),
            Request::AccountList(filter) => value(self.manage.accounts(filter).await?),
            Request::AccountShow(Name { name }) => value(self.manage.account(name).await?),
            Request::AccountChange { name, change } => {
                value(self.changed(self.manage.change_account(name, change).await?))
            }
            Request::AccountPassword(set) => {
                value(self.changed(self.manage.set_password(set.name, set.password).await?))
            }
            Request::AccountRemove { name, delete_mail } => {
                value(self.account_remove(name, delete_mail).await?)
            }
            Request::AccountImport(batch) => value(self.manage.import(batch).await?),
            Request::AppPasswordAdd(new) => value(self.manage.add_app_password(new).await?),
            Request::AppPasswordList(Name { name }) => {
                value(self.manage.app_passwords(name).await?)
            }
            Request::AppPasswordRevoke { account, which } => {
                let revoked = self.manage.revoke_app_password(account, which).await?;
                self.account_changed(revoked.account_id);
                value(revoked)
            }
            Request::AddressAdd(new) => value(self.manage.add_address(new).await?),
            Request::AddressList(filter) => value(self.manage.addresses(filter).await?),
            Request::AddressRemove { address } => value(self.manage.remove_address(address).await?),
            Request::MaildropTotals(filter) => value(self.maildrops.totals(filter).await?),
            Request::MaildropLeftovers => value(self.maildrops.leftovers().await?),
            Request::MaildropOpen(whose) => value(self.maildrops.open(whose).await?),
            Request::MaildropRows { snapshot, from, limit, arrivals } => {
                value(self.maildrops.rows(snapshot, from, limit, arrivals).await?)
            }
            Request::MaildropRead { snapshot, number, offset } => {
                value(self.maildrops.read(snapshot, number, offset).await?)
            }
            Request::MaildropClose { snapshot } => {
                self.maildrops.close(snapshot);
                value(())
            }
            Request::Trace(question) => value(self.custodies.trace(question).await?),
            Request::HoldList(Name { name }) => value(self.custodies.withheld(name).await?),
            Request::HoldRelease { account, uidls } => {
                value(self.custodies.release(account, uidls).await?)
            }
            Request::GuardList => value(self.guarding.list()),
            Request::GuardWhy { subject } => value(self.guarding.why(&subject)),
            Request::GuardAllow(allowed) => value(self.guarding.allow(allowed)?),
            Request::GuardClear { subject } => value(self.guarding.clear(&subject)?),
            Request::Restore { account, uidls, as_new } => {
                value(self.custodies.restore(account, uidls, as_new).await?)
            }
            Request::MaildropVerify(whose) => {
                let maildrop = self.maildrops.whose(whose).await?;
                value(self.order.verify_maildrop(maildrop, told).await?)
            }
            Request::MaildropCompact { whose } => {
                let maildrop = match whose {
                    Some(whose) => Some(self.maildrops.whose(whose).await?),
                    None => None,
                };
                value(self.order.compact(maildrop, told).await?)
            }
            Request::MaildropPurge(whose) => {
                let maildrop = self.maildrops.whose(whose).await?;
                value(self.order.purge(maildrop).await?)
            }
            Request::StoreStats => value(self.order.stats().await?),
            Request::StoreVerify => value(self.order.verify(told).await?),
            Request::StoreBackup { to } => value(self.order.backup(to, told).await?),
            Request::MaildropDestroy { maildrop } => value(self.maildrops.destroy(maildrop).await?),
        }
    }

    fn status(&self) -> Result<Status, Refusal> {
        let running = self.running()?;
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            since: running.since,
            sessions: running.handle.sessions().len(),
            custody: custody_numbers(running.handle.stats()),
            listeners: running.listeners.clone(),
            damage: self.damage(),
        })
    }

    /// What is damaged in the store, a sentence each.
    fn damage(&self) -> Vec<String> {
        let damage = self.store.upkeep().map(Upkeep::damage).unwrap_or_default();
        damage.iter().map(ToString::to_string).collect()
    }

    fn running(&self) -> Result<&Running, Refusal> {
        self.running.as_ref().ok_or(Refusal::Stopped)
    }

    async fn account_add(&self, add: AccountAdd) -> Result<AccountRecord, Refusal> {
        let bind = match (&add.maildir, &self.bind) {
            (None, _) => None,
            (Some(maildir), Some(bind)) => Some((maildir, bind)),
            (Some(_), None) => {
                let why = "this store keeps no Maildirs, so an existing one cannot become a \
                           maildrop; leave out --maildir";
                return Err(Refusal::Request { why: why.to_owned() });
            }
        };
        let leftovers = self.manage.removed_maildrops().await?;
        let record = self.manage.add_account(add.account).await?;
        let Some((maildir, bind)) = bind else { return Ok(record) };
        match bind(MaildropId::new(record.maildrop), maildir, &leftovers) {
            Ok(None) => {}
            // Its mail has an owner again: nothing is left to be destroyed.
            Ok(Some(leftover)) => self.manage.maildrop_destroyed(leftover).await?,
            Err(why) => {
                // The Maildir is not ours: the account goes, the mail is not touched.
                let removed = self.manage.remove_account(record.name).await?;
                self.manage.maildrop_destroyed(removed.maildrop).await?;
                return Err(Refusal::Request { why });
            }
        }
        Ok(record)
    }

    async fn account_remove(
        &self,
        name: String,
        delete_mail: bool,
    ) -> Result<AccountRemoved, Refusal> {
        let removed = self.manage.remove_account(name).await?;
        self.account_changed(removed.id);
        if delete_mail {
            self.maildrops.destroy(removed.maildrop).await?;
        }
        Ok(AccountRemoved {
            name: removed.name,
            maildrop: removed.maildrop,
            mail_deleted: delete_mail,
        })
    }

    fn changed(&self, account: AccountRecord) -> AccountRecord {
        self.account_changed(account.id);
        account
    }

    /// Sessions that may not go on end at their next command.
    fn account_changed(&self, account_id: i64) {
        if let Some(running) = &self.running {
            running.handle.account_changed(account_id);
        }
    }
}

impl Drop for Executor {
    /// A command that opened the files leaves them in good order. A server does that itself,
    /// when its sessions have ended.
    fn drop(&mut self) {
        if self.running.is_none()
            && let Some(upkeep) = self.store.upkeep()
        {
            upkeep.close();
        }
    }
}

fn custody_numbers(stats: &Stats) -> CustodyNumbers {
    CustodyNumbers {
        leased: stats.messages_leased.value(),
        offered_again: stats.messages_offered_again.value(),
        deaths: stats.sessions_died_at_messages.value(),
        suspected: stats.messages_suspected.value(),
        set_aside: stats.messages_set_aside.value(),
        expired: stats.messages_expired.value(),
    }
}

fn value(answer: impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(answer).map_err(|error| Refusal::Request {
        why: format!("the answer cannot be written as JSON: {error}"),
    })
}
