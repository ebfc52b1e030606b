//! The requests about mail: how much there is, and its octets, piece by piece.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_wire::dot::Unstuffer;
use mail_wire::{Form, MaildropId, MessageNumber};
use restante_directory::{AccountRecord, Filter, Manage, Page};
use restante_store::{Body, Maildrop, Pending, Progress, Store, StoreError, View};

use crate::operations::answer::{MaildropTotals, Piece, Row, Snapshot, Totals};
use crate::operations::arrival::{Arrival, HEADER_OCTETS_MAX};
use crate::operations::refusal::Refusal;
use crate::operations::request::Whose;
use crate::operations::snapshots::{Reader, Reading, Snapshots};

/// Each maildrop of a page is opened, so that a page is short.
const TOTALS_PER_PAGE_MAX: u32 = 200;
/// Rows without a look into the messages.
const ROWS_MAX: usize = 10_000;
/// Rows with a look into each message.
const ROWS_WITH_ARRIVALS_MAX: usize = 200;
/// The octets of one piece of a message.
const PIECE_OCTETS: usize = 512 * 1024;

/// Answers requests about mail.
pub(super) struct Maildrops {
    manage: Arc<dyn Manage>,
    store: Arc<dyn Store>,
    snapshots: Snapshots,
}

impl Maildrops {
    pub(super) fn new(manage: Arc<dyn Manage>, store: Arc<dyn Store>) -> Self {
        Self { manage, store, snapshots: Snapshots::default() }
    }

    pub(super) async fn totals(&self, filter: Filter) -> Result<Page<MaildropTotals>, Refusal> {
        let limit = filter.limit.min(TOTALS_PER_PAGE_MAX);
        let page = self.manage.accounts(Filter { limit, ..filter }).await?;
        let mut records = Vec::with_capacity(page.records.len());
        for AccountRecord { name, maildrop, .. } in page.records {
            records.push(self.total(Some(name), maildrop).await);
        }
        Ok(Page { records, next: page.next })
    }

    pub(super) async fn leftovers(&self) -> Result<Vec<MaildropTotals>, Refusal> {
        let mut totals = Vec::new();
        for maildrop in self.manage.removed_maildrops().await? {
            totals.push(self.total(None, maildrop).await);
        }
        Ok(totals)
    }

    /// One maildrop that cannot be read is said to be so, and hinders no other.
    async fn total(&self, account: Option<String>, maildrop: u64) -> MaildropTotals {
        match self.store.open(MaildropId::new(maildrop), View::default()).await {
            Ok(opened) => {
                let totals = Some(totals(opened.as_ref()));
                MaildropTotals { account, maildrop, totals, problem: None }
            }
            Err(error) => {
                let problem = Some(error.to_string());
                MaildropTotals { account, maildrop, totals: None, problem }
            }
        }
    }

    /// The maildrop that is meant.
    pub(super) async fn whose(&self, whose: Whose) -> Result<MaildropId, Refusal> {
        Ok(MaildropId::new(self.named(whose).await?.1))
    }

    async fn named(&self, whose: Whose) -> Result<(Option<String>, u64), Refusal> {
        match whose {
            Whose::Account(name) => {
                let record = self.manage.account(name).await?;
                Ok((Some(record.name), record.maildrop))
            }
            Whose::Leftover(maildrop) => {
                self.expect_leftover(maildrop).await?;
                Ok((None, maildrop))
            }
        }
    }

    pub(super) async fn open(&self, whose: Whose) -> Result<Snapshot, Refusal> {
        let (account, maildrop) = self.named(whose).await?;
        let opened = self.store.open(MaildropId::new(maildrop), View::default()).await?;
        let totals = totals(opened.as_ref());
        Ok(Snapshot { snapshot: self.snapshots.hold(opened), account, maildrop, totals })
    }

    pub(super) async fn rows(
        &self,
        snapshot: u64,
        from: u32,
        limit: u32,
        arrivals: bool,
    ) -> Result<Vec<Row>, Refusal> {
        let reader = self.snapshots.reader(snapshot).ok_or_else(let_go)?;
        let reader = reader.lock().await;
        let at_most = if arrivals { ROWS_WITH_ARRIVALS_MAX } else { ROWS_MAX };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX).min(at_most);
        let listing = Arc::clone(reader.maildrop.listing());
        let numbers = (from.max(1)..=u32::MAX).map_while(MessageNumber::new);
        let mut rows = Vec::new();
        for entry in numbers.map_while(|number| listing.get(number)).take(limit) {
            let arrival = if arrivals {
                let reading = reader.maildrop.read(entry.number);
                arrival(reading).await?
            } else {
                Arrival::default()
            };
            rows.push(Row {
                number: entry.number.get(),
                octets: entry.octets.get(),
                uidl: entry.uidl.to_string(),
                arrived: arrival.at,
                sender: arrival.sender,
            });
        }
        Ok(rows)
    }

    pub(super) async fn read(
        &self,
        snapshot: u64,
        number: u32,
        offset: u64,
    ) -> Result<Piece, Refusal> {
        let reader = self.snapshots.reader(snapshot).ok_or_else(let_go)?;
        let mut reader = reader.lock().await;
        let mut reading = begin_or_go_on(&mut reader, number, offset).await?;
        let mut text = Vec::with_capacity(PIECE_OCTETS);
        let ended = reading.fill(&mut text).await?;
        reading.offset = offset.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        if !ended {
            reader.reading = Some(reading);
        }
        Ok(Piece { octets: STANDARD.encode(&text), last: ended })
    }

    pub(super) fn close(&self, snapshot: u64) {
        self.snapshots.release(snapshot);
    }

    pub(super) async fn destroy(&self, maildrop: u64) -> Result<(), Refusal> {
        self.expect_leftover(maildrop).await?;
        self.store.remove(MaildropId::new(maildrop)).await?;
        Ok(self.manage.maildrop_destroyed(maildrop).await?)
    }

    async fn expect_leftover(&self, maildrop: u64) -> Result<(), Refusal> {
        if self.manage.removed_maildrops().await?.contains(&maildrop) {
            return Ok(());
        }
        let what = format!("no removed account left a maildrop {maildrop}");
        Err(Refusal::Absent { what })
    }
}

impl Reading {
    /// Appends text up to a piece, and says whether the message has ended.
    async fn fill(&mut self, text: &mut Vec<u8>) -> Result<bool, Refusal> {
        let mut stored = Vec::new();
        while text.len() < PIECE_OCTETS {
            stored.clear();
            let room = PIECE_OCTETS.saturating_sub(text.len());
            if self.body.read(&mut stored, room).await? == Progress::Ended {
                return Ok(true);
            }
            match self.body.form() {
                Form::Text => text.extend_from_slice(&stored),
                // The body in wire form holds no end, so that all of it is taken.
                Form::Wire => {
                    let mut wire = stored.as_slice();
                    self.unstuffer.unstuff(&mut wire, text);
                }
            }
        }
        Ok(false)
    }
}

async fn begin_or_go_on(reader: &mut Reader, number: u32, offset: u64) -> Result<Reading, Refusal> {
    match reader.reading.take() {
        Some(reading) if reading.number == number && reading.offset == offset && offset > 0 => {
            Ok(reading)
        }
        _ if offset == 0 => {
            let body = match MessageNumber::new(number) {
                Some(number) if reader.maildrop.listing().get(number).is_some() => {
                    let reading = reader.maildrop.read(number);
                    reading.await?
                }
                _ => return Err(Refusal::Absent { what: format!("there is no message {number}") }),
            };
            Ok(Reading { number, offset: 0, body, unstuffer: Unstuffer::default() })
        }
        _ => {
            let why = "a message is read from its beginning, piece by piece".to_owned();
            Err(Refusal::Request { why })
        }
    }
}

async fn arrival(reading: Pending<'_, Result<Body, StoreError>>) -> Result<Arrival, Refusal> {
    let mut body = match reading.await {
        Ok(body) => body,
        // Another program took it away: it is listed all the same, as the session saw it.
        Err(StoreError::Absent { .. }) => return Ok(Arrival::default()),
        Err(error) => return Err(error.into()),
    };
    // A stuffed dot begins no header line, so that the form makes no difference.
    let mut beginning = Vec::new();
    while beginning.len() < HEADER_OCTETS_MAX
        && memchr::memmem::find(&beginning, b"\r\n\r\n").is_none()
        && body.read(&mut beginning, 4096).await? != Progress::Ended
    {}
    Ok(Arrival::of(&beginning))
}

fn totals(maildrop: &dyn Maildrop) -> Totals {
    let listing = maildrop.listing();
    Totals {
        messages: u64::try_from(listing.len()).unwrap_or(u64::MAX),
        octets: listing.total().get(),
    }
}

fn let_go() -> Refusal {
    Refusal::Absent { what: "the snapshot was let go, as it was not used for a while".to_owned() }
}
