//! A path that is taken reads the same when it is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmtp_proto::{ForwardPath, ReversePath};

fuzz_target!(|data: &[u8]| {
    for bare in [false, true] {
        if let Ok(path) = ForwardPath::parse(data, bare) {
            let mailbox = path.mailbox();
            assert!(!mailbox.local_part().is_empty() || data.contains(&b'"'));
            assert!(!mailbox.local_part().contains(['\r', '\n', '\0']));
            assert!(!mailbox.domain().is_some_and(|d| d.contains(['\r', '\n', '\0', ' '])));
            // With `bare`: what was taken without a domain must be taken again.
            let again = ForwardPath::parse(format!("<{mailbox}>").as_bytes(), true);
            assert_eq!(again.as_ref(), Ok(&path), "{mailbox}");
        }
        if let Ok(path) = ReversePath::parse(data, bare)
            && let Some(mailbox) = path.mailbox()
        {
            let again = ReversePath::parse(format!("<{mailbox}>").as_bytes(), true);
            assert_eq!(again.as_ref(), Ok(&path), "{mailbox}");
        }
    }
});
