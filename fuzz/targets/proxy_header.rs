//! A PROXY header is read exactly: what is asked for is there, and nothing behind it is taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail_wire::proxy_header::{FIRST_OCTETS, Progress, read};

fuzz_target!(|data: &[u8]| {
    // As a socket is read: so much as is surely the header's, and then so much more.
    let mut wanted = FIRST_OCTETS;
    let taken = loop {
        let Some(octets) = data.get(..wanted) else { return };
        match read(octets) {
            Err(_) => return,
            Ok(Progress::More(more)) => {
                assert!(more > 0, "progress");
                wanted += more;
            }
            Ok(Progress::Whole(header, taken)) => break (header, taken),
        }
    };
    assert_eq!(taken.1, wanted, "not one octet too many was asked for");
    let whole = read(data).expect("what follows a header does not concern it");
    assert_eq!(whole, Progress::Whole(taken.0, taken.1));
});
