//! File names in a Maildir: the unique part, what is made from it, and new ones.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use mail_wire::{MessageId, Octets, Uidl, UidlError};

/// The part of a file name that stays for as long as the message lives: what stands before the
/// info (`:2,` and flags) and before fields like `,S=` that a program may add later.
pub(crate) fn unique_part(name: &[u8]) -> &[u8] {
    let length = name.iter().position(|octet| matches!(octet, b':' | b','));
    match name.split_at_checked(length.unwrap_or(name.len())) {
        Some((unique, _)) if !unique.is_empty() => unique,
        _ => name,
    }
}

/// Which message: the unique part of its name, and which of several files that share it.
///
/// Unique-id and handle are made from it, so that they are the same when everything but the
/// messages is lost (P-053).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Identity(Arc<[u8]>);

impl Identity {
    /// The file number `copy`, counted from 0, of those with this unique part. More than one
    /// is nothing that a Maildir should hold, but nothing to lose a message over.
    pub(crate) fn new(unique: &[u8], copy: u32) -> Self {
        if copy == 0 {
            return Self(unique.into());
        }
        // No file name holds a slash.
        let mut octets = unique.to_vec();
        octets.extend_from_slice(format!("/{copy}").as_bytes());
        Self(octets.into())
    }

    /// The one that was written down.
    pub(crate) fn written(octets: &[u8]) -> Self {
        Self(octets.into())
    }

    /// To write it down.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The handle.
    pub(crate) fn id(&self) -> MessageId {
        let hash = blake3::hash(&self.0);
        let end = hash.as_bytes().last_chunk::<8>();
        MessageId::new(end.map_or(0, |end| u64::from_be_bytes(*end)))
    }

    /// The unique-id: 100 bits of a hash, in 20 of the digits and letters that survive case
    /// folding (P-055).
    pub(crate) fn uidl(&self) -> Result<Uidl, UidlError> {
        const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let hash = blake3::hash(&self.0);
        let mut text = Vec::with_capacity(20);
        // Eight letters hold five octets.
        for five in hash.as_bytes().chunks_exact(5) {
            let bits = five.iter().fold(0_u64, |bits, octet| (bits << 8) | u64::from(*octet));
            for shift in [35_u32, 30, 25, 20, 15, 10, 5, 0] {
                let place = usize::try_from((bits >> shift) & 31).unwrap_or_default();
                text.extend(LETTERS.get(place));
            }
        }
        text.truncate(20);
        Uidl::new(&text)
    }

    /// Whether we gave it the mark of a message whose header holds raw UTF-8.
    pub(crate) fn is_utf8(&self) -> bool {
        let middle = self.0.split(|octet| *octet == b'.').nth(1).unwrap_or_default();
        middle.starts_with(b"M") && middle.ends_with(UTF8_MARK.as_bytes())
    }

    /// By what files are ordered that are seen for the first time together: seconds, then
    /// microseconds and the process's counter where the name has them.
    pub(crate) fn order(&self) -> (u64, u64, u64) {
        let mut parts = self.0.split(|octet| *octet == b'.');
        let seconds = digits(parts.next().unwrap_or_default());
        let middle = parts.next().unwrap_or_default();
        let field = |letter: u8| {
            let place = middle.iter().position(|octet| *octet == letter)?;
            middle.get(place.checked_add(1)?..).map(digits)
        };
        (seconds, field(b'M').unwrap_or_default(), field(b'Q').unwrap_or_default())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.0.escape_ascii())
    }
}

/// The number that octets begin with, held at the largest there is.
fn digits(octets: &[u8]) -> u64 {
    let digits = octets.iter().take_while(|octet| octet.is_ascii_digit());
    digits.fold(0, |number: u64, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit.saturating_sub(b'0')))
    })
}

/// At the end of the middle part of our own names: the header holds raw UTF-8 (RFC 6531). It
/// stands in the name because the name is what no other program loses.
const UTF8_MARK: &str = "U1";

/// Makes names that nobody has made before.
#[derive(Debug)]
pub(crate) struct Namer {
    host: String,
    process: u32,
    /// Microseconds since 1970 in the last name.
    last: AtomicU64,
    count: AtomicU64,
}

impl Namer {
    /// For this host and process.
    pub(crate) fn new(host: &str) -> Self {
        // A name may hold neither `/` (it is a file), nor `:` or `,` (they end the unique
        // part); white space and the rest is trouble for scripts.
        let plain =
            |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' };
        let host: String = host.chars().map(plain).take(64).collect();
        let host = if host.is_empty() { "localhost".into() } else { host };
        let (process, last, count) = (std::process::id(), AtomicU64::new(0), AtomicU64::new(0));
        Self { host, process, last, count }
    }

    /// The next unique part: `seconds.MmicrosecondsPprocessQcount.host` (maildir(5), P-220).
    ///
    /// Time never goes backwards in these names, whatever the clock does: they are the order
    /// of delivery.
    pub(crate) fn next(&self, now: SystemTime, utf8: bool) -> String {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let later = |last: u64| now.max(last.saturating_add(1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |l| Some(later(l)));
        let micros = later(last.unwrap_or_else(|last| last));
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!(
            "{}.M{:06}P{}Q{count}{}.{}",
            micros / 1_000_000,
            micros % 1_000_000,
            self.process,
            if utf8 { UTF8_MARK } else { "" },
            self.host
        )
    }
}

/// The name in `new`: with the file's size and the size in CRLF form, for programs that
/// believe them (P-224).
pub(crate) fn delivered(unique: &str, size: u64, octets: Octets) -> String {
    format!("{unique},S={size},W={octets}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    // P-222, M10: as Postfix, Dovecot, mutt, Courier and Python write them
    #[test]
    fn flags_and_sizes_are_no_part_of_the_unique_part() {
        for (name, unique) in [
            ("1700000000.Vfd01I4b8dM123456.mx", "1700000000.Vfd01I4b8dM123456.mx"),
            ("1331735137.M1P2.host,S=10,W=12:2,S", "1331735137.M1P2.host"),
            ("1331735137.M1P2.host:2,", "1331735137.M1P2.host"),
            ("1331735137.M1P2.host:2,ST", "1331735137.M1P2.host"),
            ("1700000000.M5P6Q7.host;2,S", "1700000000.M5P6Q7.host;2"),
            (":2,S", ":2,S"),
            (",S=1", ",S=1"),
        ] {
            assert_eq!(unique_part(name.as_bytes()).escape_ascii().to_string(), unique);
        }
    }

    // P-053: these never change, in no version
    #[test]
    fn the_unique_id_of_a_name_is_for_good() {
        let identity = Identity::new(b"1700000000.M5P6Q7.host", 0);
        assert_eq!(identity.uidl().unwrap().as_str(), "jsn1jhb4yben7p8axms3");
        let second = Identity::new(b"1700000000.M5P6Q7.host", 1);
        assert_ne!(second.uidl().unwrap(), identity.uidl().unwrap());
        assert_ne!(second.id(), identity.id());
    }

    // P-220: no name twice, and the names are in order though the clock goes back
    #[test]
    fn new_names_differ_and_are_in_order() {
        let namer = Namer::new("mx.example.org");
        let start = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let times = [0, 5, 5, 4, 0, 9, 9].map(|late| start + Duration::from_secs(late));
        let unique: Vec<String> = times.iter().map(|now| namer.next(*now, false)).collect();
        let orders: Vec<_> =
            unique.iter().map(|n| Identity::new(n.as_bytes(), 0).order()).collect();
        assert!(orders.is_sorted_by(|a, b| a < b), "{unique:?}");
        assert!(
            unique[0].starts_with("1700000000.M000000P") && unique[0].ends_with(".mx.example.org")
        );
    }

    #[test]
    fn the_utf8_mark_is_ours_alone() {
        let namer = Namer::new("mx.U1");
        let identity = |utf8| Identity::new(namer.next(SystemTime::now(), utf8).as_bytes(), 0);
        assert!(identity(true).is_utf8());
        assert!(!identity(false).is_utf8());
        assert!(!Identity::new(b"1700000000.Vfd01I4b8dM123456.mx", 0).is_utf8());
    }

    #[test]
    fn a_host_cannot_break_a_name() {
        let name = Namer::new("a/b:c,d e\n").next(SystemTime::now(), false);
        assert!(name.ends_with(".a_b_c_d_e_"), "{name}");
    }

    proptest! {
        // P-055
        #[test]
        fn unique_ids_keep_to_the_safe_alphabet(
            unique in proptest::collection::vec(any::<u8>(), 1..80), copy in 0_u32..3,
        ) {
            let uidl = Identity::new(&unique, copy).uidl().unwrap();
            prop_assert!(uidl.as_str().len() <= 40);
            let safe = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
            prop_assert!(uidl.as_str().bytes().all(safe));
        }

        #[test]
        fn names_of_any_kind_have_a_part_that_flags_do_not_change(
            name in proptest::collection::vec(any::<u8>(), 1..80),
            flags in "[DFPRSTa-z]{0,6}",
        ) {
            let unique = unique_part(&name).to_vec();
            prop_assume!(unique != name || !matches!(name[0], b':' | b','));
            let flagged = [unique.as_slice(), b":2,", flags.as_bytes()].concat();
            prop_assert_eq!(unique_part(&flagged), unique.as_slice());
        }
    }
}
