//! The promises about removal.

use mail_wire::{Form, MaildropId, MessageNumber, Octets};

use crate::conformance::factory::{Factory, Test};
use crate::conformance::mail::{
    OURS, deliver, deliver_pieces, deliver_some, demand, numbers, open, read_all,
};
use crate::store::Provenance;
use crate::store::{Incoming, Recipient, Removed};

pub(crate) const TESTS: &[Test] = &[
    ("a commit removes what is marked and nothing else", |f| Box::pin(exact(f))),
    ("a commit of nothing removes nothing", |f| Box::pin(nothing(f))),
    ("a commit can be done again", |f| Box::pin(idempotent(f))),
    ("a commit does not touch what came later", |f| Box::pin(later(f))),
    ("a maildrop can be removed as a whole", |f| Box::pin(whole(f))),
];

// P-061
async fn exact(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let texts = deliver_some(&*store, OURS, 5).await?;
    let mut maildrop = open(&*store, OURS).await?;
    // In any order, and one of them twice.
    let removed = maildrop.commit(&numbers(&[4, 2, 4])).await.map_err(|e| e.to_string())?;
    let octets = texts.get(1).into_iter().chain(texts.get(3)).map(Vec::len);
    let octets = octets.fold(Octets::ZERO, Octets::plus_len);
    demand(removed == Removed { messages: 2, octets }, || format!("{removed:?}"))?;
    let left = read_all(&*open(&*store, OURS).await?).await?;
    let expected: Vec<_> = texts.into_iter().step_by(2).collect();
    demand(left == expected, || format!("{} messages are left", left.len()))
}

async fn nothing(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let texts = deliver_some(&*store, OURS, 2).await?;
    let mut maildrop = open(&*store, OURS).await?;
    let removed = maildrop.commit(&[]).await.map_err(|e| e.to_string())?;
    demand(removed.messages == 0, || format!("{removed:?}"))?;
    let left = read_all(&*open(&*store, OURS).await?).await?;
    demand(left == texts, || format!("{} messages are left", left.len()))
}

async fn idempotent(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    deliver_some(&*store, OURS, 3).await?;
    let mut first = open(&*store, OURS).await?;
    let mut second = open(&*store, OURS).await?;
    let mut seen = Vec::new();
    for maildrop in [&mut first, &mut second] {
        for _ in 0..2 {
            let removed = maildrop.commit(&numbers(&[1, 2])).await.map_err(|e| e.to_string())?;
            seen.push(removed);
        }
    }
    let same = |removed: &Removed| removed.messages == 2 && seen.first() == Some(removed);
    demand(seen.iter().all(same), || format!("{seen:?}"))?;
    let left = open(&*store, OURS).await?.listing().len();
    demand(left == 1, || format!("{left} messages are left"))
}

async fn later(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    deliver_some(&*store, OURS, 2).await?;
    let mut maildrop = open(&*store, OURS).await?;
    deliver(&*store, OURS, b"A: b\r\n\r\nlater\r\n").await?;
    maildrop.commit(&numbers(&[1, 2])).await.map_err(|e| e.to_string())?;
    let left = read_all(&*open(&*store, OURS).await?).await?;
    demand(left == [b"A: b\r\n\r\nlater\r\n"], || format!("{left:?}"))
}

async fn whole(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let other = MaildropId::new(9);
    deliver_some(&*store, OURS, 3).await?;
    let texts = deliver_some(&*store, other, 2).await?;
    store.remove(OURS).await.map_err(|e| e.to_string())?;
    store.remove(OURS).await.map_err(|e| format!("again: {e}"))?;
    store.remove(MaildropId::new(10)).await.map_err(|e| format!("never there: {e}"))?;
    let left = open(&*store, OURS).await?.listing().len();
    demand(left == 0, || format!("{left} messages are left"))?;
    let others = read_all(&*open(&*store, other).await?).await?;
    demand(others == texts, || "another maildrop was touched".into())?;
    deliver(&*store, OURS, b"A: b\r\n\r\n").await?;
    let new = open(&*store, OURS).await?.listing().len();
    demand(new == 1, || format!("{new} messages after a delivery"))
}

// P-156
pub(crate) async fn many(factory: &dyn Factory, messages: usize) -> Result<(), String> {
    const TOGETHER: usize = 100;
    let store = factory.fresh();
    let mut left = messages;
    while left > 0 {
        let together = left.min(TOGETHER);
        let copy = || Recipient::new(OURS, Vec::new());
        let recipients = std::iter::repeat_with(copy).take(together).collect();
        let incoming = Incoming {
            recipients,
            form: Form::Text,
            utf8: false,
            provenance: Provenance::default(),
        };
        deliver_pieces(&*store, incoming, [b"A: b\r\n\r\nx\r\n".as_slice()]).await?;
        left = left.saturating_sub(together);
    }
    let mut maildrop = open(&*store, OURS).await?;
    let listed = maildrop.listing().len();
    demand(listed == messages, || format!("{listed} of {messages} are listed"))?;
    let all: Vec<MessageNumber> = maildrop.listing().iter().map(|entry| entry.number).collect();
    let (last, but_last) = all.split_last().ok_or("none are listed")?;
    let last_uidl = maildrop.listing().get(*last).map(|entry| entry.uidl.to_string());
    let removed = maildrop.commit(but_last).await.map_err(|e| e.to_string())?;
    demand(removed.messages == but_last.len(), || format!("{removed:?}"))?;
    let maildrop = open(&*store, OURS).await?;
    let left: Vec<_> = maildrop.listing().iter().map(|entry| entry.uidl.to_string()).collect();
    demand(last_uidl.is_some_and(|last| left == [last]), || format!("{left:?} are left"))
}
