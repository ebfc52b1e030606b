//! A snapshot of a maildrop as a command reads it, piece by piece.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::operations::answer::{Piece, Row, Snapshot, Totals};
use crate::operations::reach::Reach;
use crate::operations::request::{Request, Whose};
use crate::output::Failure;

/// Rows that are looked through at a time for a unique-id.
const ROWS: u32 = 10_000;

/// An account, or the number of a maildrop that a removed account left.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "whose", required = true, multiple = false)]
pub(super) struct Which {
    /// The account
    #[arg(group = "whose")]
    account: Option<String>,
    /// What a removed account left, by the maildrop's number
    #[arg(long, value_name = "NUMBER", group = "whose")]
    maildrop: Option<u64>,
}

impl Which {
    /// As a request says it.
    pub(super) fn whose(self) -> Result<Whose, Failure> {
        match (self.account, self.maildrop) {
            (Some(name), _) => Ok(Whose::Account(name)),
            (None, Some(maildrop)) => Ok(Whose::Leftover(maildrop)),
            (None, None) => Err(Failure::new("no account was named")),
        }
    }

    /// An account's.
    pub(super) const fn account(name: String) -> Self {
        Self { account: Some(name), maildrop: None }
    }
}

/// A snapshot that was taken.
#[derive(Debug)]
pub(super) struct Opened {
    snapshot: u64,
    /// Whose; `None` where the account is removed.
    pub(super) account: Option<String>,
    /// The maildrop's number.
    pub(super) maildrop: u64,
    /// What it holds.
    pub(super) totals: Totals,
}

impl Opened {
    /// Takes a snapshot.
    pub(super) async fn take(reach: &Reach, which: Which) -> Result<Self, Failure> {
        let whose = which.whose()?;
        let Snapshot { snapshot, account, maildrop, totals } =
            reach.ask(Request::MaildropOpen(whose)).await?;
        Ok(Self { snapshot, account, maildrop, totals })
    }

    /// Some rows, from this number on; none at the end.
    pub(super) async fn rows(
        &self,
        reach: &Reach,
        from: u32,
        limit: u32,
        arrivals: bool,
    ) -> Result<Vec<Row>, Failure> {
        let snapshot = self.snapshot;
        Ok(reach.ask(Request::MaildropRows { snapshot, from, limit, arrivals }).await?)
    }

    /// The number of a message that is named by its number or its unique-id. A unique-id that
    /// looks like a number is found where no message has that number.
    pub(super) async fn find(&self, reach: &Reach, message: &str) -> Result<u32, Failure> {
        if let Ok(number) = message.parse::<u32>()
            && number > 0
            && u64::from(number) <= self.totals.messages
        {
            return Ok(number);
        }
        let mut from = 1;
        loop {
            let rows = self.rows(reach, from, ROWS, false).await?;
            if let Some(row) = rows.iter().find(|row| row.uidl == message) {
                return Ok(row.number);
            }
            match rows.last() {
                Some(last) => from = last.number.saturating_add(1),
                None => {
                    return Err(Failure::new(format!("there is no message `{message}`"))
                        .hint("`restante maildrop show` lists numbers and unique-ids"));
                }
            }
        }
    }

    /// Reads a message to its end, in text form.
    pub(super) async fn read(
        &self,
        reach: &Reach,
        number: u32,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let snapshot = self.snapshot;
        let mut offset = 0_u64;
        loop {
            let piece: Piece =
                reach.ask(Request::MaildropRead { snapshot, number, offset }).await?;
            let octets = STANDARD.decode(piece.octets).map_err(|error| {
                Failure::new(format!("the server's answer is not understood: {error}"))
            })?;
            take(&octets)?;
            offset = offset.saturating_add(u64::try_from(octets.len()).unwrap_or(u64::MAX));
            if piece.last {
                return Ok(());
            }
        }
    }

    /// Lets go of it.
    pub(super) async fn release(self, reach: &Reach) -> Result<(), Failure> {
        Ok(reach.ask(Request::MaildropClose { snapshot: self.snapshot }).await?)
    }
}
