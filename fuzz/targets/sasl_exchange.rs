//! Each mechanism takes whatever comes; what it makes of PLAIN is what was said.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail_wire::Credentials;
use mail_wire::sasl::{Exchange, Mechanism, Step, base64};

fuzz_target!(|data: &[u8]| {
    if let Ok(decoded) = base64::decode(data) {
        let mut again = Vec::new();
        base64::encode(decoded.expose(), &mut again);
        assert_eq!(again, data, "strict base64 has one form");
    }
    for mechanism in Mechanism::ALL {
        // Lines of the input are the responses; the first may be the initial one.
        for with_initial in [false, true] {
            let mut lines = data.split(|&octet| octet == b'\n');
            let mut exchange = Exchange::new(mechanism);
            let initial = if with_initial { lines.next() } else { None };
            let mut step = exchange.begin(initial);
            let mut last = initial.unwrap_or_default();
            while let Step::Challenge(_) = step {
                let Some(line) = lines.next() else { break };
                last = line;
                step = exchange.respond(line);
            }
            if let Step::Offer(credentials) = step {
                check(mechanism, &credentials, last);
            }
        }
    }
});

/// RFC 4616 §2: message = [authzid] NUL authcid NUL passwd.
fn check(mechanism: Mechanism, credentials: &Credentials, said: &[u8]) {
    let Credentials::Password { authzid, name, password } = credentials else {
        panic!("neither mechanism makes anything but a name and a password");
    };
    assert!(!name.is_empty() && !password.expose().is_empty());
    if mechanism == Mechanism::Plain {
        let mut parts = said.split(|&octet| octet == 0);
        let first = parts.next().unwrap_or_default();
        assert_eq!(parts.next(), Some(name.as_slice()));
        assert_eq!(parts.next(), Some(password.expose().as_slice()));
        assert_eq!(parts.next(), None);
        let expected = (!first.is_empty() && first != name.as_slice()).then_some(first);
        assert_eq!(authzid.as_deref(), expected);
    }
}
