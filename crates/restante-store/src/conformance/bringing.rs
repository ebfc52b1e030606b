//! The promises about what a message brings along: a unique-id, a stand-in for its header.

use mail_wire::{Form, MaildropId, Uidl};

use crate::conformance::corpus;
use crate::conformance::factory::{Factory, Test};
use crate::conformance::mail::{
    OURS, deliver, deliver_pieces, demand, numbers, open, read_all, uidls,
};
use crate::store::{Incoming, Provenance, Recipient, Store, Stored, Surrogate};
use crate::view::View;

pub(crate) const TESTS: &[Test] = &[
    ("a unique-id that was brought along is kept", |f| Box::pin(kept(f))),
    ("a unique-id that is taken is replaced", |f| Box::pin(replaced(f))),
    ("a stand-in is shown to who may not see raw UTF-8", |f| Box::pin(stand_ins(f))),
];

async fn bring(
    store: &dyn Store,
    recipients: &[(MaildropId, &str)],
) -> Result<Vec<Stored>, String> {
    let mut all = Vec::new();
    for (maildrop, uidl) in recipients {
        let uidl = Uidl::new(uidl.as_bytes()).map_err(|e| e.to_string())?;
        all.push(Recipient { uidl: Some(uidl), ..Recipient::new(*maildrop, Vec::new()) });
    }
    let provenance = Provenance::default();
    let incoming = Incoming { recipients: all, form: Form::Text, utf8: false, provenance };
    deliver_pieces(store, incoming, [b"A: b\r\n\r\nx\r\n".as_slice()]).await
}

// P-228, rulings 8: imported unique-ids stay byte for byte
async fn kept(factory: &dyn Factory) -> Result<(), String> {
    let mut store = factory.fresh();
    let other = MaildropId::new(8);
    let longest = "~".repeat(70);
    let mut wanted = Vec::new();
    for uidl in ["!", "UID1234-1100000000", "k7qx0000000000000", &longest, "a%20b/c:2,S"] {
        // A native one between them, and the same unique-id for somebody else.
        wanted.push(deliver(&*store, OURS, b"A: b\r\n\r\n").await?.uidl.to_string());
        let stored = bring(&*store, &[(OURS, uidl), (other, uidl)]).await?;
        for stored in stored {
            demand(stored.uidl.as_str() == uidl, || format!("{} for {uidl}", stored.uidl))?;
        }
        wanted.push(uidl.to_owned());
    }
    for _ in 0..2 {
        let seen = uidls(&*open(&*store, OURS).await?);
        demand(seen == wanted, || format!("{seen:?}, not {wanted:?}"))?;
        let seen = uidls(&*open(&*store, other).await?);
        demand(wanted.iter().skip(1).step_by(2).eq(&seen), || format!("{seen:?}"))?;
        if store.promises().durable {
            drop(store);
            store = factory.again();
        }
    }
    Ok(())
}

// product §3: when a source holds duplicates, the second gets a new one, for good
async fn replaced(factory: &dyn Factory) -> Result<(), String> {
    let store = factory.fresh();
    let native = deliver(&*store, OURS, b"A: b\r\n\r\n").await?.uidl.to_string();
    let mut seen = vec![native.clone()];
    // Of one delivery, of another one, and one that this store has made itself.
    let twice = bring(&*store, &[(OURS, "old"), (OURS, "old")]).await?;
    seen.extend(twice.iter().map(|stored| stored.uidl.to_string()));
    for again in ["old", native.as_str()] {
        let stored = bring(&*store, &[(OURS, again)]).await?;
        seen.extend(stored.iter().map(|stored| stored.uidl.to_string()));
    }
    demand(seen.get(1).is_some_and(|first| first == "old"), || format!("{seen:?}"))?;
    let mut distinct = seen.clone();
    distinct.sort();
    distinct.dedup();
    demand(distinct.len() == 5, || format!("{seen:?}"))?;
    let mut maildrop = open(&*store, OURS).await?;
    let listed = uidls(&*maildrop);
    demand(listed == seen, || format!("{listed:?} listed, {seen:?} answered"))?;
    // What is taken is what is there.
    maildrop.commit(&numbers(&[2])).await.map_err(|e| e.to_string())?;
    drop(maildrop);
    let stored = bring(&*store, &[(OURS, "old")]).await?;
    let after = uidls(&*open(&*store, OURS).await?);
    let last = stored.first().map(|stored| stored.uidl.to_string());
    demand(after.last() == last.as_ref() && after.len() == 5, || format!("{after:?}"))
}

// rulings 7; RFC 6856 §2.1, RFC 6858: the size that is listed is exactly what is sent
async fn stand_ins(factory: &dyn Factory) -> Result<(), String> {
    let mut store = factory.fresh();
    if !store.promises().surrogates {
        return Ok(());
    }
    let header = "Subject: gr\u{fc}n\r\n.odd: \u{fc}\r\n\r\n".as_bytes();
    let long = corpus::lines(b"long line\r\n", factory.octets_long());
    let bodies = [b"".to_vec(), b".x\r\ny\r\n".to_vec(), long];
    let surrogate = |lines: &[u8]| Surrogate {
        header: lines.to_vec(),
        prefixes: vec![b"To: stand-in\r\n".to_vec(), b"X: other\r\n".to_vec()],
    };
    let (mut own, mut ascii) = (Vec::new(), Vec::new());
    for form in [Form::Text, Form::Wire] {
        for body in &bodies {
            let stand_in = b"Subject: g\r\n.odd: =\r\nMore: 1\r\n\r\n".as_slice();
            let text = [header, body].concat();
            let octets = if form == Form::Wire { corpus::wire(&text) } else { text.clone() };
            let prefix = "To: \u{e9}\r\n".as_bytes().to_vec();
            let recipients = vec![
                Recipient::new(MaildropId::new(8), Vec::new()),
                Recipient::new(OURS, prefix.clone()),
            ];
            let provenance = Provenance::default();
            let incoming = Incoming { recipients, form, utf8: true, provenance };
            let mut delivery =
                store.deliver(incoming).await.map_err(|e| format!("deliver: {e}"))?;
            for piece in octets.chunks(70_000) {
                delivery.write(piece).map_err(|e| format!("write: {e}"))?;
            }
            delivery.surrogate(surrogate(stand_in)).map_err(|e| format!("write: {e}"))?;
            for outcome in delivery.commit().await {
                outcome.map_err(|e| format!("commit: {e}"))?;
            }
            own.push([prefix.as_slice(), &text].concat());
            ascii.push([b"X: other\r\n".as_slice(), stand_in, body].concat());
            // One that needs none, between.
            deliver(&*store, OURS, b"A: b\r\n\r\n").await?;
            own.push(b"A: b\r\n\r\n".to_vec());
            ascii.push(b"A: b\r\n\r\n".to_vec());
        }
    }
    for _ in 0..2 {
        for (utf8, wanted) in [(true, &own), (false, &ascii)] {
            let view = View { utf8, ..View::default() };
            let mut maildrop = store.open(OURS, view).await.map_err(|e| format!("open: {e}"))?;
            let read = read_all(&*maildrop).await?;
            demand(read == *wanted, || format!("utf8 {utf8}: other octets"))?;
            let flags = maildrop.listing().iter().map(|entry| entry.utf8);
            let expected = (0..wanted.len()).map(|place| utf8 && place % 2 == 0);
            demand(flags.eq(expected), || format!("utf8 {utf8}: other flags"))?;
            let added = maildrop.refresh().await.map_err(|e| format!("open: {e}"))?;
            demand(added == 0, || format!("utf8 {utf8}: {added} added"))?;
        }
        if store.promises().durable {
            drop(store);
            store = factory.again();
        }
    }
    Ok(())
}
