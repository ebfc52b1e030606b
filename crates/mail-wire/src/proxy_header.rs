//! The PROXY header (HAProxy's `proxy-protocol.txt`, versions 1 and 2): who really calls, told
//! by a proxy in front.
//!
//! Read exactly: [`read`] says how many octets more surely belong to the header, so that
//! whoever reads takes not one octet of what follows it (P-234). It is never detected: a
//! listener has it or has not (P-230).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The octets that a reader begins with: no header is shorter.
pub const FIRST_OCTETS: usize = 12;
/// The longest header of version 2 that is read. The largest part that is known, a client's
/// certificate, fits; 64 KiB of whatever would be memory before login.
pub const OCTETS_MAX: usize = 16 * 1024;
/// The longest header of version 1, its CRLF with it (§2.1).
const LINE_OCTETS_MAX: usize = 107;
/// How version 2 begins (§2.2).
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The signature, version and command, family, length.
const FIXED_OCTETS: usize = 16;
const TYPE_AUTHORITY: u8 = 0x02;
const TYPE_CRC32C: u8 = 0x03;
const TYPE_SSL: u8 = 0x20;
const SUBTYPE_SSL_VERSION: u8 = 0x21;
const SUBTYPE_SSL_CN: u8 = 0x22;
/// Names in parts are text of at most so many octets; longer ones are cut off.
const TEXT_OCTETS_MAX: usize = 256;

/// How far the reading has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// At least so many octets more belong to the header.
    More(usize),
    /// This is it; it took so many octets.
    Whole(Header, usize),
}

/// What a proxy says of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Where the caller is, and where it called; `None`: the proxy itself calls, or does not
    /// know, and the real peer counts.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// The name that the caller asked for, as SNI has it.
    pub authority: Option<String>,
    /// The caller speaks TLS with the proxy.
    pub tls: Option<ProxiedTls>,
}

/// TLS that ends at the proxy (§2.2.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxiedTls {
    /// Its version, as the proxy writes it: `TLSv1.3`.
    pub version: Option<String>,
    /// The common name of the caller's certificate, only where the proxy says that the
    /// certificate was verified.
    pub common_name: Option<String>,
}

/// Octets that are no PROXY header: the connection is closed, nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoHeader {
    /// They begin like none.
    #[error("no PROXY header came")]
    Absent,
    /// A line that is not as version 1 has it.
    #[error("the PROXY line is malformed: {0}")]
    Line(&'static str),
    /// Version 2, but not as it should be.
    #[error("the PROXY header of version 2 is malformed: {0}")]
    Binary(&'static str),
}

/// Reads a header from the front of `octets`.
///
/// # Errors
/// What is wrong: nothing more needs to be read.
pub fn read(octets: &[u8]) -> Result<Progress, NoHeader> {
    let common = octets.len().min(SIGNATURE.len());
    if octets.get(..common) == SIGNATURE.get(..common) && common > 0 {
        return binary(octets);
    }
    let expected = b"PROXY ";
    let common = octets.len().min(expected.len());
    if octets.get(..common) != expected.get(..common) {
        return Err(NoHeader::Absent);
    }
    if octets.len() < FIRST_OCTETS {
        return Ok(Progress::More(FIRST_OCTETS.saturating_sub(octets.len())));
    }
    line(octets)
}

/// Version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 110` CRLF (P-231).
fn line(octets: &[u8]) -> Result<Progress, NoHeader> {
    // The CR of the longest is the last octet but one.
    let within = octets.get(..octets.len().min(LINE_OCTETS_MAX.saturating_sub(1)));
    let within = within.unwrap_or_default();
    let Some(end) = memchr::memchr2(b'\r', b'\n', within) else {
        return if octets.len() < LINE_OCTETS_MAX.saturating_sub(1) {
            Ok(Progress::More(1))
        } else {
            Err(NoHeader::Line("it is longer than 107 octets"))
        };
    };
    match octets.get(end..) {
        Some([b'\r']) => return Ok(Progress::More(1)),
        Some([b'\r', b'\n', ..]) => {}
        _ => return Err(NoHeader::Line("it does not end in CRLF")),
    }
    let text = octets.get(..end).and_then(|line| std::str::from_utf8(line).ok());
    let text = text.ok_or(NoHeader::Line("it is not ASCII"))?;
    let addresses = line_addresses(text)?;
    let header = Header { addresses, ..Header::default() };
    Ok(Progress::Whole(header, end.saturating_add(2)))
}

fn line_addresses(text: &str) -> Result<Option<(SocketAddr, SocketAddr)>, NoHeader> {
    let mut words = text.split(' ').skip(1);
    let family = words.next().unwrap_or_default();
    if family == "UNKNOWN" {
        // §2.1: what follows is to be ignored.
        return Ok(None);
    }
    let words: Vec<&str> = words.collect();
    let [from, to, from_port, to_port] = words[..] else {
        return Err(NoHeader::Line("it has not six words with a space between"));
    };
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (Some(from), Some(to)) = (address(from), address(to)) else {
        return Err(NoHeader::Line("an address is not of the family that it names"));
    };
    let (Some(from_port), Some(to_port)) = (port(from_port), port(to_port)) else {
        return Err(NoHeader::Line("a port is not a number of 0 to 65535 as it is written"));
    };
    Ok(Some((SocketAddr::new(from, from_port), SocketAddr::new(to, to_port))))
}

/// No sign, no leading zero.
fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|octet| octet.is_ascii_digit());
    let leading = text.len() > 1 && text.starts_with('0');
    text.parse().ok().filter(|_| plain && !leading)
}

/// Version 2 (P-232).
fn binary(octets: &[u8]) -> Result<Progress, NoHeader> {
    let Some((fixed, rest)) = octets.split_first_chunk::<FIXED_OCTETS>() else {
        return Ok(Progress::More(FIXED_OCTETS.saturating_sub(octets.len())));
    };
    let [.., command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let is_proxied = match command {
        0x20 => false,
        0x21 => true,
        _ if command >> 4 != 2 => return Err(NoHeader::Binary("it is not of version 2")),
        _ => return Err(NoHeader::Binary("its command is neither LOCAL nor PROXY")),
    };
    if !matches!(family, 0x00 | 0x11 | 0x21 | 0x31) {
        return Err(NoHeader::Binary("its family is none of a stream's"));
    }
    let whole = FIXED_OCTETS.saturating_add(length);
    if whole > OCTETS_MAX {
        return Err(NoHeader::Binary("it is longer than 16 KiB"));
    }
    let Some(body) = rest.get(..length) else {
        return Ok(Progress::More(length.saturating_sub(rest.len())));
    };
    if !is_proxied {
        // §2.2: the proxy's own connection, a health check; whatever else it says is skipped.
        return Ok(Progress::Whole(Header::default(), whole));
    }
    let (addresses, parts) = binary_addresses(family, body)
        .ok_or(NoHeader::Binary("it is too short for its addresses"))?;
    let mut header = Header { addresses, ..Header::default() };
    let header_octets = octets.get(..whole).unwrap_or_default();
    each_part(parts, |tag, value, at| {
        match tag {
            TYPE_AUTHORITY => header.authority = text(value),
            TYPE_SSL => header.tls = proxied_tls(value)?,
            TYPE_CRC32C => {
                let start = whole.saturating_sub(parts.len()).saturating_add(at);
                check_sum(header_octets, start, value)?;
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(Progress::Whole(header, whole))
}

type Addresses = Option<(SocketAddr, SocketAddr)>;

fn binary_addresses(family: u8, body: &[u8]) -> Option<(Addresses, &[u8])> {
    match family {
        0x11 => {
            let (from, rest) = body.split_first_chunk::<4>()?;
            let (to, rest) = rest.split_first_chunk::<4>()?;
            Some((Some(with_ports(*from, *to, rest)?), rest.get(4..)?))
        }
        0x21 => {
            let (from, rest) = body.split_first_chunk::<16>()?;
            let (to, rest) = rest.split_first_chunk::<16>()?;
            Some((Some(with_ports(*from, *to, rest)?), rest.get(4..)?))
        }
        // Unix sockets: two names of 108 octets, which say nothing here.
        0x31 => Some((None, body.get(216..)?)),
        _ => Some((None, body)),
    }
}

fn with_ports<A: Into<IpAddr>>(from: A, to: A, ports: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let [from_high, from_low, to_high, to_low] = *ports.first_chunk::<4>()?;
    let from = SocketAddr::new(from.into(), u16::from_be_bytes([from_high, from_low]));
    let to = SocketAddr::new(to.into(), u16::from_be_bytes([to_high, to_low]));
    Some((from, to))
}

/// Type, length, value (§2.2): each one, with where its value begins.
fn each_part(
    parts: &[u8],
    mut each: impl FnMut(u8, &[u8], usize) -> Result<(), NoHeader>,
) -> Result<(), NoHeader> {
    let mut rest = parts;
    while let Some(([tag, high, low], behind)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, next) = behind
            .split_at_checked(length)
            .ok_or(NoHeader::Binary("a part of it is longer than the whole"))?;
        each(*tag, value, parts.len().saturating_sub(behind.len()))?;
        rest = next;
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(NoHeader::Binary("octets are left over behind its parts"))
    }
}

/// PP2_TYPE_SSL: what the client has, whether its certificate was verified, and parts.
fn proxied_tls(value: &[u8]) -> Result<Option<ProxiedTls>, NoHeader> {
    let Some(([client, v1, v2, v3, v4], parts)) = value.split_first_chunk::<5>() else {
        return Err(NoHeader::Binary("its TLS part is too short"));
    };
    // PP2_CLIENT_SSL; PP2_CLIENT_CERT_CONN or _SESS; verify is zero where it held.
    let (speaks_tls, has_certificate) = (client & 1 != 0, client & 6 != 0);
    let is_verified = has_certificate && [*v1, *v2, *v3, *v4] == [0; 4];
    let mut tls = ProxiedTls::default();
    each_part(parts, |tag, value, _| {
        match tag {
            SUBTYPE_SSL_VERSION => tls.version = text(value),
            SUBTYPE_SSL_CN if is_verified => tls.common_name = text(value),
            _ => {}
        }
        Ok(())
    })?;
    Ok(speaks_tls.then_some(tls))
}

/// The sum over the header with the sum's own octets at zero.
fn check_sum(header: &[u8], at: usize, value: &[u8]) -> Result<(), NoHeader> {
    let Ok(value) = <[u8; 4]>::try_from(value) else {
        return Err(NoHeader::Binary("its checksum is not of four octets"));
    };
    let end = at.saturating_add(4);
    let (before, behind) = (header.get(..at), header.get(end..));
    let octets = before.into_iter().flatten().chain(&[0; 4]).chain(behind.into_iter().flatten());
    if crc32c(octets) == u32::from_be_bytes(value) {
        Ok(())
    } else {
        Err(NoHeader::Binary("its checksum is wrong"))
    }
}

/// CRC-32C (RFC 3720 appendix B.4), bit by bit: a header is short, and few carry one.
fn crc32c<'a>(octets: impl Iterator<Item = &'a u8>) -> u32 {
    let sum = octets.fold(u32::MAX, |sum, octet| {
        (0..8).fold(sum ^ u32::from(*octet), |sum, _| {
            if sum & 1 == 1 { (sum >> 1) ^ 0x82F6_3B78 } else { sum >> 1 }
        })
    });
    !sum
}

/// Text that may be shown; `None` where it is none.
fn text(value: &[u8]) -> Option<String> {
    let value = value.get(..value.len().min(TEXT_OCTETS_MAX))?;
    let text = std::str::from_utf8(value).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(octets: &[u8]) -> (Header, usize) {
        match read(octets) {
            Ok(Progress::Whole(header, taken)) => (header, taken),
            other => panic!("{other:?} of {octets:02x?}"),
        }
    }

    /// A header of version 2.
    fn made(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut header = SIGNATURE.to_vec();
        header.extend_from_slice(&[command, family]);
        header.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        header.extend_from_slice(body);
        header
    }

    fn v4() -> Vec<u8> {
        [[203, 0, 113, 9], [192, 0, 2, 1], [0xDC, 0x04, 0x00, 0x6E]].concat()
    }

    fn part(tag: u8, value: &[u8]) -> Vec<u8> {
        let mut part = vec![tag];
        part.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        part.extend_from_slice(value);
        part
    }

    fn from(header: &Header) -> String {
        header.addresses.unwrap().0.to_string()
    }

    // P-231: the examples of §2.1
    #[test]
    fn a_line_of_version_1() {
        let (header, taken) = whole(b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n");
        assert_eq!((from(&header).as_str(), taken), ("255.255.255.255:65535", 56));
        let line = b"PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n";
        assert!(read(line).is_err());
        let (header, _) = whole(b"PROXY TCP6 2001:db8::1 ::1 56324 995\r\n");
        assert_eq!(from(&header), "[2001:db8::1]:56324");
        assert_eq!(header.addresses.unwrap().1.port(), 995);
        assert_eq!(whole(b"PROXY UNKNOWN\r\n"), (Header::default(), 15));
        let longest = b"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff \
            ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
        assert_eq!(longest.len(), 107);
        assert_eq!(whole(longest), (Header::default(), 107));
    }

    // P-231: the malformed ones
    #[test]
    fn what_is_no_line_is_refused() {
        for bad in [
            "PROXY TCP4 203.0.113.9 192.0.2.1 56324 110\n",
            "PROXY TCP4 203.0.113.9 192.0.2.1 56324 110\rX",
            "PROXY TCP4 203.0.113.9 192.0.2.1 56324\r\n",
            "PROXY TCP4 203.0.113.9 192.0.2.1 56324 110 \r\n",
            "PROXY TCP4  203.0.113.9 192.0.2.1 56324 110\r\n",
            "PROXY TCP4 203.0.113.9 192.0.2.1 056324 110\r\n",
            "PROXY TCP4 203.0.113.9 192.0.2.1 56324 0110\r\n",
            "PROXY TCP4 203.0.113.9 192.0.2.1 +5632 110\r\n",
            "PROXY TCP4 203.0.113.9 192.0.2.1 65536 110\r\n",
            "PROXY TCP4 203.0.113.009 192.0.2.1 56324 110\r\n",
            "PROXY TCP4 203.0.113 192.0.2.1 56324 110\r\n",
            "PROXY TCP4 2001:db8::1 ::1 56324 110\r\n",
            "PROXY TCP6 203.0.113.9 192.0.2.1 56324 110\r\n",
            "PROXY UDP4 203.0.113.9 192.0.2.1 56324 110\r\n",
            "PROXY tcp4 203.0.113.9 192.0.2.1 56324 110\r\n",
            "PROXY TCP4 203.0.113.9\t192.0.2.1 56324 110\r\n",
            "proxy TCP4 203.0.113.9 192.0.2.1 56324 110\r\n",
            "PROXY\tTCP4 203.0.113.9 192.0.2.1 56324 110\r\n",
            "USER anna\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "\r\n\r\nX",
        ] {
            assert!(read(bad.as_bytes()).is_err(), "{bad:?}");
        }
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(92));
        assert_eq!(long.len(), 108);
        assert!(read(long.as_bytes()).is_err());
    }

    // P-232
    #[test]
    fn a_header_of_version_2() {
        let (header, taken) = whole(&made(0x21, 0x11, &v4()));
        assert_eq!((from(&header).as_str(), taken), ("203.0.113.9:56324", 28));
        assert_eq!(header.addresses.unwrap().1.to_string(), "192.0.2.1:110");
        let mut v6 = vec![0x20, 1, 0x0D, 0xB8];
        v6.extend_from_slice(&[0; 11]);
        v6.push(9);
        v6.extend_from_slice(&[0; 15]);
        v6.extend_from_slice(&[1, 0xDC, 4, 3, 0xE3]);
        assert_eq!(from(&whole(&made(0x21, 0x21, &v6)).0), "[2001:db8::9]:56324");
        // LOCAL, an unknown family, a Unix socket: the real peer counts, the length is kept.
        for octets in [
            made(0x20, 0x00, b""),
            made(0x20, 0x11, &v4()),
            made(0x20, 0x00, b"whatever a proxy says"),
            made(0x21, 0x00, b""),
            made(0x21, 0x31, &[0; 216]),
        ] {
            assert_eq!(whole(&octets), (Header::default(), octets.len()));
        }
    }

    // P-232: what is dropped
    #[test]
    fn what_is_no_version_2_is_refused() {
        for octets in [
            made(0x11, 0x11, &v4()),
            made(0x31, 0x11, &v4()),
            made(0x22, 0x11, &v4()),
            made(0x21, 0x41, &v4()),
            made(0x21, 0x12, &v4()),
            made(0x21, 0x11, &v4()[..11]),
            made(0x21, 0x21, &[0; 35]),
            made(0x21, 0x31, &[0; 215]),
            made(0x21, 0x11, &[0; OCTETS_MAX]),
            made(0x21, 0x11, &[&v4()[..], &[0xE0, 0, 9, 1]].concat()),
            made(0x21, 0x11, &[&v4()[..], &[0xE0, 0]].concat()),
        ] {
            assert!(read(&octets).is_err(), "{octets:02x?}");
        }
    }

    // P-233: parts that are known, and one that is not
    #[test]
    fn parts_are_read_or_skipped() {
        let tls = [
            &[7, 0, 0, 0, 0][..],
            &part(SUBTYPE_SSL_VERSION, b"TLSv1.3"),
            &part(SUBTYPE_SSL_CN, b"anna"),
        ];
        let body = [
            v4(),
            part(0xE0, b"?"),
            part(TYPE_AUTHORITY, b"mail.example.org"),
            part(TYPE_SSL, &tls.concat()),
        ];
        let (header, _) = whole(&made(0x21, 0x11, &body.concat()));
        assert_eq!(header.authority.as_deref(), Some("mail.example.org"));
        let tls = header.tls.unwrap();
        assert_eq!(
            (tls.version.as_deref(), tls.common_name.as_deref()),
            (Some("TLSv1.3"), Some("anna"))
        );
    }

    // A name from a certificate that nobody verified is nobody's name.
    #[test]
    fn an_unverified_common_name_is_none() {
        for (client, verify) in [(7, 1), (1, 0), (0, 0)] {
            let tls = [&[client, 0, 0, 0, verify][..], &part(SUBTYPE_SSL_CN, b"anna")].concat();
            let body = [v4(), part(TYPE_SSL, &tls)].concat();
            let (header, _) = whole(&made(0x21, 0x11, &body));
            assert_eq!(header.tls.and_then(|tls| tls.common_name), None);
        }
        let control = [v4(), part(TYPE_AUTHORITY, b"a\r\nb")].concat();
        assert_eq!(whole(&made(0x21, 0x11, &control)).0.authority, None);
    }

    // P-233; the check value of CRC-32C is that of "123456789"
    #[test]
    fn a_checksum_is_checked() {
        assert_eq!(crc32c(b"123456789".iter()), 0xE306_9283);
        let body = [v4(), part(0xE0, b"?"), part(TYPE_CRC32C, &[0; 4]), part(0xE1, b"!")].concat();
        let mut header = made(0x21, 0x11, &body);
        let sum = crc32c(header.iter());
        let at = header.len() - 4 - 4;
        header[at..at + 4].copy_from_slice(&sum.to_be_bytes());
        assert!(read(&header).is_ok());
        // Without its tag a checksum is none.
        for octet in (16..header.len()).filter(|octet| *octet != at - 3) {
            let mut other = header.clone();
            other[octet] ^= 1;
            assert!(read(&other).is_err(), "octet {octet}");
        }
    }

    proptest! {
        // P-234: cut wherever, the reader asks for no octet that is not the header's, and takes
        // none of what follows.
        #[test]
        fn takes_the_header_and_nothing_else(binary in any::<bool>(), tail in proptest::collection::vec(any::<u8>(), 0..40)) {
            let header = if binary {
                made(0x21, 0x11, &[v4(), part(0xE0, b"??")].concat())
            } else {
                b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 110\r\n".to_vec()
            };
            let all = [header.clone(), tail].concat();
            let mut have = FIRST_OCTETS;
            let taken = loop {
                match read(&all[..have]).unwrap() {
                    Progress::More(more) => {
                        prop_assert!(more > 0);
                        have += more;
                        prop_assert!(have <= header.len());
                    }
                    Progress::Whole(_, taken) => break taken,
                }
            };
            prop_assert_eq!((taken, have), (header.len(), header.len()));
            prop_assert_eq!(whole(&all).1, header.len());
        }

        #[test]
        fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..80), proxy in 0..3) {
            let octets = match proxy {
                0 => octets,
                1 => [&b"PROXY "[..], &octets].concat(),
                _ => [&SIGNATURE[..], &octets].concat(),
            };
            if let Ok(Progress::Whole(_, taken)) = read(&octets) {
                prop_assert!(taken <= octets.len());
            }
        }
    }
}
