//! Paths as people and machines write them (RFC 5321 §4.1.2, §4.5.3.1, RFC 6531 §3.3).

use lmtp_proto::error::PathError;
use lmtp_proto::{ForwardPath, ReversePath};

fn forward(path: &str) -> Result<(String, Option<String>, String), PathError> {
    ForwardPath::parse(path.as_bytes(), false).map(|path| {
        let mailbox = path.mailbox();
        (mailbox.local_part().to_owned(), mailbox.domain().map(str::to_owned), path.to_string())
    })
}

/// A path that is read; its local part and domain, and how it is written again.
const GOOD: &[(&str, &str, &str, &str)] = &[
    ("<ann@example.org>", "ann", "example.org", "<ann@example.org>"),
    ("<Ann.B@Example.ORG>", "Ann.B", "Example.ORG", "<Ann.B@Example.ORG>"),
    ("<a+b@example.org>", "a+b", "example.org", "<a+b@example.org>"),
    ("<-oQ/tmp@d>", "-oQ/tmp", "d", "<-oQ/tmp@d>"),
    ("<--help@d>", "--help", "d", "<--help@d>"),
    ("<!#$%&'*+-/=?^_`{|}~@d>", "!#$%&'*+-/=?^_`{|}~", "d", "<!#$%&'*+-/=?^_`{|}~@d>"),
    ("<%s%n@d>", "%s%n", "d", "<%s%n@d>"),
    ("<a!b!c@d>", "a!b!c", "d", "<a!b!c@d>"),
    ("<a%b@d>", "a%b", "d", "<a%b@d>"),
    (r#"<""@x>"#, "", "x", r#"<""@x>"#),
    (r#"<"ann"@d>"#, "ann", "d", "<ann@d>"),
    (r#"<"a b"@d>"#, "a b", "d", r#"<"a b"@d>"#),
    (r#"<"a@b"@d>"#, "a@b", "d", r#"<"a@b"@d>"#),
    (r#"<"a>b"@d>"#, "a>b", "d", r#"<"a>b"@d>"#),
    (r#"<"a..b"@d>"#, "a..b", "d", r#"<"a..b"@d>"#),
    (r#"<".a"@d>"#, ".a", "d", r#"<".a"@d>"#),
    (r#"<"\a"@d>"#, "a", "d", "<a@d>"),
    (r#"<"a\"b\\c"@d>"#, r#"a"b\c"#, "d", r#"<"a\"b\\c"@d>"#),
    (r#"<"|touch /tmp/x"@d>"#, "|touch /tmp/x", "d", r#"<"|touch /tmp/x"@d>"#),
    (r#"<"$(id);`id`"@d>"#, "$(id);`id`", "d", r#"<"$(id);`id`"@d>"#),
    (r#"<"../../etc/passwd"@d>"#, "../../etc/passwd", "d", r#"<"../../etc/passwd"@d>"#),
    (r#"<" "@d>"#, " ", "d", r#"<" "@d>"#),
    ("<ann@[192.0.2.1]>", "ann", "[192.0.2.1]", "<ann@[192.0.2.1]>"),
    ("<ann@[IPv6:2001:db8::1]>", "ann", "[IPv6:2001:db8::1]", "<ann@[IPv6:2001:db8::1]>"),
    ("<ann@[x-tag:content!]>", "ann", "[x-tag:content!]", "<ann@[x-tag:content!]>"),
    ("<@a.example,@b.example:ann@c.example>", "ann", "c.example", "<ann@c.example>"),
    ("<ann@xn--bcher-kva.example>", "ann", "xn--bcher-kva.example", "<ann@xn--bcher-kva.example>"),
    ("<δοκιμή@παράδειγμα.example>", "δοκιμή", "παράδειγμα.example", "<δοκιμή@παράδειγμα.example>"),
    ("<ann@my_host.example>", "ann", "my_host.example", "<ann@my_host.example>"),
    ("<postmaster@d>", "postmaster", "d", "<postmaster@d>"),
];

#[test]
fn odd_addresses_are_read_and_written_again() {
    for (path, local_part, domain, written) in GOOD {
        let expected =
            ((*local_part).to_owned(), Some((*domain).to_owned()), (*written).to_owned());
        assert_eq!(forward(path), Ok(expected), "{path}");
        assert_eq!(
            ForwardPath::parse(written.as_bytes(), false),
            ForwardPath::parse(path.as_bytes(), false),
            "{written}"
        );
    }
}

#[test]
fn what_breaks_the_grammar_is_refused_with_its_reason() {
    use PathError::{Brackets, Domain, DomainMissing, LocalPart, Null};
    for (path, error) in [
        ("", Brackets),
        ("ann@d", Brackets),
        ("<ann@d", Brackets),
        ("ann@d>", Brackets),
        ("<ann@d>x", Brackets),
        ("<<ann@d>>", LocalPart),
        ("<>", Null),
        ("<@>", Domain),
        ("<@d>", Domain),
        ("<ann@>", Domain),
        ("<ann>", DomainMissing),
        ("<ann@d@e>", Domain),
        ("<a..b@d>", LocalPart),
        ("<.a@d>", LocalPart),
        ("<a.@d>", LocalPart),
        ("<a b@d>", LocalPart),
        ("<a,b@d>", LocalPart),
        ("<a;b@d>", LocalPart),
        ("<\"a@d>", Brackets),
        ("<\"a\"b@d>", LocalPart),
        ("<a\"b\"@d>", LocalPart),
        ("<\"a\0b\"@d>", LocalPart),
        ("<\"a\u{85}b\"@d>", LocalPart),
        ("<\"a\rb\"@d>", LocalPart),
        ("<a\u{2028}@d\u{7f}>", Domain),
        ("<ann@-d>", Domain),
        ("<ann@d->", Domain),
        ("<ann@d..e>", Domain),
        ("<ann@d.>", Domain),
        ("<ann@d e>", Domain),
        ("<ann@[300.0.0.1]>", Domain),
        ("<ann@[1.2.3]>", Domain),
        ("<ann@[IPv6:zz]>", Domain),
        ("<ann@[]>", Domain),
        ("<ann@[x:]>", Domain),
        ("<@a,b:ann@d>", Domain),
        ("<@a:@b:ann@d>", LocalPart),
    ] {
        assert_eq!(forward(path).map(|_| ()), Err(error), "{path}");
    }
    assert_eq!(ForwardPath::parse(b"<a\xff@d>", false), Err(PathError::Utf8));
    // CVE-2020-7046: each truncated sequence
    for octets in [&b"<\xc3@d>"[..], b"<\xe2\x82@d>", b"<\xf0\x9f\x92@d>", b"<\xc0\xaf@d>"] {
        assert_eq!(ForwardPath::parse(octets, false), Err(PathError::Utf8));
    }
}

// P-201: what has to be taken is taken, one octet more is not
#[test]
fn lengths() {
    let local = |length: usize, domain: &str| format!("<{}@{domain}>", "a".repeat(length));
    assert!(forward(&local(64, "d")).is_ok());
    assert_eq!(forward(&local(65, "d")).map(|_| ()), Err(PathError::LocalPartTooLong));
    // 256 octets with the brackets: 1 + 1 + 1 + 252 + 1
    let label = "b".repeat(63);
    let domain = format!("{label}.{label}.{label}.{}", "b".repeat(60));
    assert!(forward(&format!("<a@{domain}>")).is_ok());
    assert_eq!(forward(&format!("<a@{domain}b>")).map(|_| ()), Err(PathError::TooLong));
    assert!(lmtp_domain_of(255));
    assert!(!lmtp_domain_of(256));
}

/// A domain of 255 octets fits no path, but it fits LHLO.
fn lmtp_domain_of(length: usize) -> bool {
    let domain: String = "a.".repeat(200).chars().take(length - 1).collect::<String>() + "a";
    let domain = domain.replace("aa", "a");
    let domain = if domain.len() < length { format!("{domain}b") } else { domain };
    let mut play = crate::driver::Play::lmtp();
    play.say(format!("LHLO {domain}\r\n")).starts_with("250-")
}

// P-198: postmaster without a domain, in any case; P-205: the null reverse-path
#[test]
fn only_postmaster_and_null_do_without_a_domain() {
    for name in ["<postmaster>", "<Postmaster>", "<POSTMASTER>"] {
        assert_eq!(forward(name).map(|(_, domain, _)| domain), Ok(None), "{name}");
    }
    assert_eq!(ReversePath::parse(b"<>", false), Ok(ReversePath::NULL));
    assert_eq!(ReversePath::NULL.to_string(), "<>");
    assert_eq!(ReversePath::parse(b"<demo>", false), Err(PathError::DomainMissing));
    let demo = ForwardPath::parse(b"<demo>", true).expect("bare names are taken");
    assert_eq!((demo.mailbox().local_part(), demo.mailbox().domain()), ("demo", None));
    assert!(ReversePath::parse(b"<root>", true).is_ok());
}

// The quirk of return addresses, named at `ReversePath::parse`.
#[test]
fn return_addresses_may_be_long_and_dotted() {
    let verp = format!("<bounces+{}=example.com@lists.example>", "a".repeat(90));
    assert_eq!(ReversePath::parse(verp.as_bytes(), false).unwrap().to_string(), verp);
    let docomo = ReversePath::parse(b"<a..b.@docomo.example>", false).unwrap();
    assert_eq!(docomo.to_string(), r#"<"a..b."@docomo.example>"#);
    let long = format!("<{}@d>", "a".repeat(300));
    assert_eq!(ReversePath::parse(long.as_bytes(), false), Err(PathError::TooLong));
}

// Found by fuzzing: a trailing dot is taken without quotes and written with them, two octets more
#[test]
fn a_path_that_is_taken_can_be_written_and_read_again() {
    let at = |letters: usize| format!("<{}.@example.org>", "a".repeat(letters));
    // 14 octets around the letters, and the two quotes: 256 in all (RFC 5321 §4.5.3.1.3).
    let fits = at(256 - 2 - 13 - 2);
    let path = ReversePath::parse(fits.as_bytes(), false).unwrap();
    assert_eq!(path.to_string().len(), 256);
    assert_eq!(ReversePath::parse(path.to_string().as_bytes(), false), Ok(path));
    let longer = at(256 - 2 - 13 - 1);
    assert_eq!(ReversePath::parse(longer.as_bytes(), false), Err(PathError::TooLong));
}
