//! Messages to test with: clean ones as the intake hands them over, and others.

/// Text that an intake filter has passed: CRLF line ends only, no NUL, a blank line. A store
/// gives it back octet by octet. One body is as long as this.
pub(crate) fn clean(octets_long: usize) -> Vec<Vec<u8>> {
    let header = b"From: a@example.org\r\nSubject: x\r\n\r\n".as_slice();
    let with = |body: &[u8]| [header, body].concat();
    let mut all = vec![
        with(b""),
        with(b"plain\r\n"),
        // M1, P-152
        with(b".\r\n..\r\n.text\r\n...\r\n"),
        with(b"\r\n\r\n\r\n"),
        with(b"8-bit: \x80\xfe\xff\r\n"),
        with("UTF-8: grüße\r\n".as_bytes()),
        // A first line of a dot, and a body that looks like the end of a message.
        b".dot: x\r\n\r\n.\r\n".to_vec(),
        b"\r\nno header\r\n".to_vec(),
        // P-155
        with(&[&[b'x'; 20_000][..], b"\r\n"].concat()),
        // M4
        [b"X: ".as_slice(), &[b'y'; 300 << 10], b"\r\n\r\nbody\r\n"].concat(),
        with(&lines(b"a line of a long message, which does not fit the memory\r\n", octets_long)),
    ];
    let mut chance = Chance::new(7);
    for _ in 0..40 {
        let mut body = Vec::new();
        for _ in 0..chance.below(30) {
            for _ in 0..chance.below(6) {
                let octets: [&[u8]; 6] = [b".", b"a", b"..", b"\x80", b"From ", b" "];
                body.extend_from_slice(octets.get(chance.below(6)).copied().unwrap_or_default());
            }
            body.extend_from_slice(b"\r\n");
        }
        all.push(with(&body));
    }
    all
}

/// So many octets of this line, or a few more.
pub(crate) fn lines(line: &[u8], octets: usize) -> Vec<u8> {
    line.repeat(octets.div_ceil(line.len().max(1)))
}

/// What no intake hands over, and what must nevertheless have the size that is listed.
pub(crate) fn unclean() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        b"A: b\r\n".as_slice(),
        b"",
        b"A: b",
        b"A: b\n\nlf only\n.\n",
        b"A: b\r\n\r\nbare\rcr\r.\r\nQUIT\r\n",
        b"A: b\r\n\r\nends in cr\r",
        b"A: b\r\n\r\n\0nul\0\r\n",
    ]
    .map(<[u8]>::to_vec)
    .into();
    let mut chance = Chance::new(11);
    for _ in 0..40 {
        let length = chance.below(50);
        let octet = |chance: &mut Chance| *b"\r\n.a\0\x80".get(chance.below(6)).unwrap_or(&b'a');
        all.push((0..length).map(|_| octet(&mut chance)).collect());
    }
    all
}

/// The text in wire form (RFC 5321 §4.5.2), made in the plainest way.
pub(crate) fn wire(text: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(text.len());
    let mut at_line_start = true;
    for octet in text {
        if at_line_start && *octet == b'.' {
            wire.push(b'.');
        }
        wire.push(*octet);
        at_line_start = *octet == b'\n';
    }
    wire
}

/// Numbers that look random and are the same in every run.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// One of 0 to `limit` − 1.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        // xorshift64, Marsaglia 2003; never 0 from a seed that is not 0.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let limit = u64::try_from(limit.max(1)).unwrap_or(1);
        usize::try_from(self.0.checked_rem(limit).unwrap_or_default()).unwrap_or_default()
    }
}
