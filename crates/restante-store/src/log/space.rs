//! How much room the log takes beyond the octets of the messages.

use mail_wire::{Form, MaildropId};

use crate::log::settings::Settings;
use crate::log::trial::{closed, open, segments, small};
use crate::maildir::scratch::quick;
use crate::store::{Incoming, Provenance, Recipient, Store};

const MESSAGES: usize = 200;

/// A message of 20 KB as they are on the way from one large provider to another.
fn text(number: usize) -> String {
    let start = format!(
        "Received: from mail-ed1-f41.example.net (mail-ed1-f41.example.net [192.0.2.41])\r\n\
         \tby mx.example.org with ESMTPS id 4Qf2{number:04}z; Wed, 25 Nov 2026 12:00:00 +0000\r\n\
         Message-ID: <CAF8f9K2vQpWm7yX{number:012}=Zt4kKx0g@mail.example.net>\r\n\
         From: Ann Example <ann.example@example.net>\r\nTo: bob@example.org\r\n\
         Subject: message {number}\r\n\r\n"
    );
    let line = format!("{number:06} {}\r\n", "x".repeat(68));
    let lines = (20_480 - start.len()) / line.len();
    start + &line.repeat(lines)
}

// issue: space over the raw octets <= 1 % at 20 KB, with all that the journal keeps of a message
#[tokio::test]
async fn a_message_takes_a_hundredth_more_than_its_octets() {
    let settings = Settings { segment_octets: 64 << 20, ..small() };
    let folder = quick();
    let store = open(folder.path(), &settings).unwrap();
    let mut raw = 0;
    for number in 0..MESSAGES {
        let prefix = format!(
            "Return-Path: <ann.example@example.net>\r\nDelivered-To: bob@example.org\r\n\
             Received: from mail-ed1-f41.example.net ([192.0.2.41])\r\n\
             \tby mail.example.org with LMTP id {number:08};\r\n\
             \tWed, 25 Nov 2026 12:00:00 +0000\r\n"
        );
        let to = Recipient::new(MaildropId::new(1), prefix.into_bytes());
        let incoming = Incoming {
            recipients: vec![Recipient { address: "bob@example.org".into(), ..to }],
            form: Form::Text,
            utf8: false,
            provenance: Provenance {
                peer: "192.0.2.41".into(),
                sender: "ann.example@example.net".into(),
            },
        };
        let mut delivery = store.deliver(incoming).await.unwrap();
        delivery.write(text(number).as_bytes()).unwrap();
        raw += delivery.commit().await.pop().unwrap().unwrap().octets.get();
    }
    drop(store);
    closed(folder.path());
    let files: u64 =
        segments(folder.path()).iter().map(|path| path.metadata().unwrap().len()).sum();
    let over = files - raw;
    println!("{over} octets over {raw} of {MESSAGES} messages");
    assert!(over * 100 <= raw, "{over} over {raw}");
}
