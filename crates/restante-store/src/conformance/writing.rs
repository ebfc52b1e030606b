//! The promises about deliveries.

use std::collections::HashSet;
use std::sync::Arc;

use mail_wire::{Form, MaildropId, Octets};

use crate::conformance::corpus::{self, Chance};
use crate::conformance::factory::{Factory, Test};
use crate::conformance::mail::{
    OURS, deliver, deliver_pieces, deliver_some, demand, open, read_all, to,
};
use crate::store::{Incoming, Provenance, Recipient};

pub(crate) const TESTS: &[Test] = &[
    ("what comes out is what went in", |f| Box::pin(round_trip(f))),
    ("sizes are true whatever the octets", |f| Box::pin(true_sizes(f))),
    ("a last line without end is completed", |f| Box::pin(completed(f))),
    ("messages are listed in delivery order", |f| Box::pin(order(f))),
    ("each recipient gets a copy with its own prefix", |f| Box::pin(recipients(f))),
    ("what is delivered is listed as it was answered", |f| Box::pin(answered(f))),
    ("unique-ids are unique, safe and short", |f| Box::pin(unique_ids(f))),
    ("a message is known to hold UTF-8 headers", |f| Box::pin(utf8(f))),
    ("a dropped delivery leaves nothing", |f| Box::pin(dropped(f))),
    ("deliveries at once are all there, once", |f| Box::pin(at_once(f))),
    ("maildrops are apart", |f| Box::pin(apart(f))),
];

// P-150: in both forms, and however the octets were cut
async fn round_trip(factory: &dyn Factory) -> Result<(), String> {
    let mut chance = Chance::new(3);
    for form in [Form::Text, Form::Wire] {
        let store = factory.fresh();
        let texts = corpus::clean(factory.octets_long());
        for text in &texts {
            let octets = if form == Form::Wire { corpus::wire(text) } else { text.clone() };
            let mut pieces = Vec::new();
            let mut rest = octets.as_slice();
            while let Some((piece, behind)) = rest.split_at_checked(
                chance
                    .below(if rest.len() > 5000 { 100_000 } else { 9 })
                    .clamp(1, rest.len().max(1)),
            ) {
                pieces.push(piece);
                rest = behind;
            }
            let incoming = Incoming {
                recipients: to(OURS),
                form,
                utf8: false,
                provenance: Provenance::default(),
            };
            deliver_pieces(&*store, incoming, pieces).await?;
        }
        let read = read_all(&*open(&*store, OURS).await?).await?;
        demand(read.len() == texts.len(), || format!("{} messages", read.len()))?;
        for (read, text) in read.iter().zip(&texts) {
            let show = |octets: &[u8]| {
                octets.get(..octets.len().min(300)).unwrap_or_default().escape_ascii().to_string()
            };
            demand(read == text, || format!("{form:?}: {} from {}", show(read), show(text)))?;
        }
    }
    Ok(())
}

// P-043: `read_all` compares with the listing
async fn true_sizes(factory: &dyn Factory) -> Result<(), String> {
    for form in [Form::Text, Form::Wire] {
        let store = factory.fresh();
        let mut sizes = Vec::new();
        for text in corpus::unclean() {
            let octets = if form == Form::Wire { corpus::wire(&text) } else { text };
            let incoming = Incoming {
                recipients: to(OURS),
                form,
                utf8: false,
                provenance: Provenance::default(),
            };
            let stored = deliver_pieces(&*store, incoming, [octets.as_slice()]).await?;
            sizes.extend(stored.iter().map(|stored| stored.octets));
        }
        let maildrop = open(&*store, OURS).await?;
        read_all(&*maildrop).await?;
        let listed: Vec<Octets> = maildrop.listing().iter().map(|entry| entry.octets).collect();
        demand(listed == sizes, || format!("{listed:?} listed, {sizes:?} answered"))?;
    }
    Ok(())
}

async fn completed(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    deliver(&*store, OURS, b"A: b\r\n\r\nno end").await?;
    let read = read_all(&*open(&*store, OURS).await?).await?;
    demand(read == [b"A: b\r\n\r\nno end\r\n"], || format!("{read:?}"))
}

// P-040
async fn order(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let mut texts = deliver_some(&*store, OURS, 20).await?;
    let read = read_all(&*open(&*store, OURS).await?).await?;
    demand(read == texts, || "the first twenty are not in order".into())?;
    texts.extend(deliver_some(&*store, OURS, 20).await?);
    let read = read_all(&*open(&*store, OURS).await?).await?;
    demand(read == texts, || "later ones are not at the end".into())
}

async fn recipients(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let other = MaildropId::new(8);
    let prefixes = [
        (OURS, b"Delivered-To: a\r\n".as_slice()),
        (other, b"Return-Path: <x@y>\r\nDelivered-To: bb\r\n"),
        (OURS, b""),
    ];
    let recipients = prefixes.map(|(maildrop, prefix)| Recipient::new(maildrop, prefix.into()));
    let body = b"Subject: x\r\n\r\n.dot\r\n".as_slice();
    let wire = corpus::wire(body);
    let incoming = Incoming {
        recipients: recipients.into(),
        form: Form::Wire,
        utf8: false,
        provenance: Provenance::default(),
    };
    let stored = deliver_pieces(&*store, incoming, [wire.as_slice()]).await?;
    for ((_, prefix), stored) in prefixes.iter().zip(&stored) {
        let expected = Octets::ZERO.plus_len(prefix.len()).plus_len(body.len());
        demand(stored.octets == expected, || format!("{} for {expected}", stored.octets))?;
    }
    for maildrop in [OURS, other] {
        let mine = prefixes.iter().filter(|(id, _)| *id == maildrop);
        let mut expected: Vec<_> = mine.map(|(_, prefix)| [prefix, body].concat()).collect();
        let mut read = read_all(&*open(&*store, maildrop).await?).await?;
        expected.sort();
        read.sort();
        demand(read == expected, || format!("{maildrop}: {read:?}"))?;
    }
    Ok(())
}

async fn answered(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    for text in [b"A: b\r\n\r\n".as_slice(), b"A: b\r\n\r\nbody\r\n"] {
        let stored = deliver(&*store, OURS, text).await?;
        let maildrop = open(&*store, OURS).await?;
        let last = maildrop.listing().iter().last().ok_or("an empty listing")?;
        demand(
            last.id == stored.id
                && last.uidl == stored.uidl.as_str()
                && last.octets == stored.octets,
            || format!("{last:?} listed, {stored:?} answered"),
        )?;
    }
    Ok(())
}

// P-052, P-054, P-055
async fn unique_ids(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let mut seen = HashSet::new();
    for _ in 0..50 {
        let stored = deliver(&*store, OURS, b"A: b\r\n\r\nidentical\r\n").await?;
        let uidl = stored.uidl.as_str();
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        demand(uidl.chars().all(safe) && uidl.len() <= 40, || format!("unique-id {uidl}"))?;
        demand(seen.insert(uidl.to_lowercase()), || format!("{uidl} twice"))?;
    }
    Ok(())
}

// RFC 6856 §2.1
async fn utf8(factory: &dyn Factory) -> Result<(), String> {
    let mut store = factory.fresh();
    for utf8 in [false, true, false] {
        let incoming = Incoming {
            recipients: to(OURS),
            form: Form::Text,
            utf8,
            provenance: Provenance::default(),
        };
        deliver_pieces(&*store, incoming, [b"A: b\r\n\r\n".as_slice()]).await?;
    }
    for _ in 0..2 {
        let maildrop = open(&*store, OURS).await?;
        let flags: Vec<bool> = maildrop.listing().iter().map(|entry| entry.utf8).collect();
        demand(flags == [false, true, false], || format!("{flags:?}"))?;
        drop(maildrop);
        if store.promises().durable {
            drop(store);
            store = factory.again();
        }
    }
    Ok(())
}

async fn dropped(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    deliver(&*store, OURS, b"A: b\r\n\r\n").await?;
    let long = corpus::lines(b"A: b\r\n\r\n", factory.octets_long());
    for octets in [b"".as_slice(), b"A: b\r\n\r\nx", &long] {
        let incoming = Incoming {
            recipients: to(OURS),
            form: Form::Text,
            utf8: false,
            provenance: Provenance::default(),
        };
        let mut delivery = store.deliver(incoming).await.map_err(|e| e.to_string())?;
        delivery.write(octets).map_err(|e| e.to_string())?;
        drop(delivery);
    }
    let messages = open(&*store, OURS).await?.listing().len();
    demand(messages == 1, || format!("{messages} messages"))
}

async fn at_once(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let deliverers: Vec<_> = (0..8)
        .map(|deliverer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut stored = Vec::new();
                for number in 0..25 {
                    let text = format!("A: b\r\n\r\n{deliverer} {number}\r\n");
                    let one = deliver(&*store, OURS, text.as_bytes()).await?;
                    stored.push((one.uidl.to_string(), text.into_bytes()));
                    // Sessions come and go meanwhile.
                    drop(open(&*store, OURS).await?);
                }
                Ok::<_, String>(stored)
            })
        })
        .collect();
    let mut expected = Vec::new();
    for deliverer in deliverers {
        expected.extend(deliverer.await.map_err(|e| e.to_string())??);
    }
    let maildrop = open(&*store, OURS).await?;
    let texts = read_all(&*maildrop).await?;
    let mut seen: Vec<_> =
        maildrop.listing().iter().map(|entry| entry.uidl.to_string()).zip(texts).collect();
    expected.sort();
    seen.sort();
    demand(seen == expected, || format!("{} of {} messages", seen.len(), expected.len()))
}

async fn apart(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let ids = [0, 1, u64::MAX].map(MaildropId::new);
    for id in ids {
        deliver(&*store, id, format!("A: {id}\r\n\r\n").as_bytes()).await?;
    }
    for id in ids {
        let read = read_all(&*open(&*store, id).await?).await?;
        demand(read == [format!("A: {id}\r\n\r\n").into_bytes()], || format!("{id}: {read:?}"))?;
    }
    Ok(())
}
