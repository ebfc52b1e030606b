//! What replies say, in every language.

use mail_wire::{MessageNumber, Octets};
use pop3_proto::error::Malformed;
use pop3_proto::language::Language;
use pop3_proto::reply::{Code, Reply};

fn replies() -> Vec<Reply> {
    let number = MessageNumber::new(7).expect("not 0");
    let octets = Octets::new(120);
    let mut replies = vec![
        Reply::Ready { hostname: "[192.0.2.1]".to_owned(), timestamp: None },
        Reply::Ready { hostname: String::new(), timestamp: Some("<1.2@a>".to_owned()) },
        Reply::SendPass,
        Reply::Opened { messages: 1, octets },
        Reply::Capabilities,
        Reply::Mechanisms,
        Reply::Languages,
        Reply::LanguageSet(Language::German),
        Reply::BeginTls,
        Reply::Utf8On,
        Reply::Stat { messages: 2, octets },
        Reply::Scans { messages: 2, octets },
        Reply::Scan { number, octets },
        Reply::UniqueIds,
        Reply::UniqueId { number, uidl: "[AUTH]".to_owned() },
        Reply::Message { octets },
        Reply::Top,
        Reply::Marked(number),
        Reply::Unmarked { messages: 0, octets },
        Reply::Nothing,
        Reply::Last(0),
        Reply::Committed(3),
        Reply::Digests,
        Reply::Digest { number, digest: [0x5b; 32] },
        Reply::Waited { arrived: true },
        Reply::Waited { arrived: false },
        Reply::Farewell,
        Reply::Removed { left: 0 },
        Reply::Removed { left: 2 },
        Reply::TooLong { octets_max: 1024 },
        Reply::NotYet,
        Reply::NotAnyMore,
        Reply::PassFirst,
        Reply::TlsRequired { stls: true },
        Reply::TlsRequired { stls: false },
        Reply::TlsOn,
        Reply::TlsUnavailable,
        Reply::StlsAfterUtf8,
        Reply::NoApop,
        Reply::Cancelled,
        Reply::NoSuch { number, messages: 0 },
        Reply::NoSuch { number, messages: 3 },
        Reply::IsMarked(number),
        Reply::IsGone(number),
        Reply::NeedsUtf8(number),
        Reply::NotRefreshed { temporary: true },
        Reply::NotRefreshed { temporary: false },
        Reply::Lost { number, temporary: true },
        Reply::Lost { number, temporary: false },
        Reply::Credentials,
        Reply::InUse { holder: None },
        Reply::InUse { holder: Some("since 10:03 from 192.0.2.7".to_owned()) },
        Reply::LoginDelay { seconds: 60 },
        Reply::TooManyFailures { seconds: 47 },
        Reply::Temporary,
        Reply::Permanent,
        Reply::NotRemoved,
        Reply::TooManyBad,
        Reply::PlaintextAfterStls,
        Reply::Draining,
        Reply::ReadOnly,
        Reply::Crowded,
        Reply::AccountChanged,
        Reply::NotHttp,
        Reply::NotSsh,
        Reply::NotTls { stls: true },
        Reply::NotTls { stls: false },
    ];
    replies.extend(malformed().map(Reply::Malformed));
    replies
}

fn malformed() -> impl Iterator<Item = Malformed> {
    use mail_wire::sasl;
    [
        Malformed::Empty,
        Malformed::Unknown,
        Malformed::Control,
        Malformed::ArgumentMissing,
        Malformed::ArgumentUnwanted,
        Malformed::Noise,
        Malformed::NumberNotANumber,
        Malformed::NumberZero,
        Malformed::NumberTooLarge,
        Malformed::LinesMissing,
        Malformed::LinesNotANumber,
        Malformed::SecondsMissing,
        Malformed::SecondsNotANumber,
        Malformed::SecondsOutOfRange,
        Malformed::Digest,
        Malformed::NotUtf8,
        Malformed::Mechanism,
        Malformed::Base64,
        Malformed::Sasl(sasl::Malformed::Nuls),
        Malformed::Sasl(sasl::Malformed::Empty),
        Malformed::Sasl(sasl::Malformed::NotUtf8),
        Malformed::Sasl(sasl::Malformed::Over),
        Malformed::Sasl(sasl::Malformed::Grammar),
        Malformed::Sasl(sasl::Malformed::Unexpected),
        Malformed::Sasl(sasl::Malformed::TooLong),
        Malformed::Sasl(sasl::Malformed::Extension),
        Malformed::Sasl(sasl::Malformed::Nonce),
        Malformed::Sasl(sasl::Malformed::Binding),
        Malformed::Sasl(sasl::Malformed::Downgrade),
        Malformed::Sasl(sasl::Malformed::Token),
        Malformed::Sasl(sasl::Malformed::NoIdentity),
        Malformed::Language,
    ]
    .into_iter()
}

fn line(reply: &Reply, language: Language) -> String {
    let mut output = Vec::new();
    reply.write(language, &mut output);
    String::from_utf8(output).expect("UTF-8")
}

/// Every reply in every language.
pub(crate) fn all_replies() -> Vec<String> {
    let replies = replies();
    let lines =
        |language| replies.iter().map(move |reply| line(reply, language)).collect::<Vec<_>>();
    Language::ALL.into_iter().flat_map(lines).collect()
}

// P-002: every reply has a status and words, in every language
#[test]
fn every_reply_says_something() {
    for line in all_replies() {
        let (status, text) = line.split_once(' ').expect("a text");
        assert!(["+OK", "-ERR"].contains(&status), "{line}");
        assert!(text.trim_end().len() > 2 || text.starts_with(['0', '7']), "{line:?}");
        assert!(!text.starts_with(' ') && !text.contains("  "), "{line:?}");
    }
}

// P-087: what text-matching clients look for
#[test]
fn clients_that_read_texts_find_what_they_look_for() {
    for reply in replies() {
        for language in Language::ALL {
            let line = line(&reply, language);
            match reply.code() {
                Some(Code::InUse) => assert!(line.contains("locked"), "{line}"),
                // P-062 fixes the words of a failed UPDATE.
                Some(Code::SysTemp) if reply != Reply::NotRemoved => {
                    assert!(line.contains("service unavailable"), "{line}");
                }
                Some(Code::Auth) => {
                    for word in ["lock", "wait", "unavailable", "verfügbar"] {
                        assert!(!line.to_lowercase().contains(word), "{line}");
                    }
                }
                _ => {}
            }
        }
    }
}

// P-149: English is ASCII; codes and what programs read are the same in every language
#[test]
fn codes_and_numbers_are_never_translated() {
    for reply in replies() {
        let english = line(&reply, Language::English);
        let german = line(&reply, Language::German);
        assert!(english.is_ascii(), "{english}");
        let code =
            |line: &str| line.split(' ').nth(1).filter(|w| w.starts_with('[')).map(str::to_owned);
        if reply.code().is_some() {
            assert_eq!(code(&english), code(&german));
        }
        assert_eq!(&english[..3], &german[..3]);
        if matches!(
            reply,
            Reply::Stat { .. }
                | Reply::Scan { .. }
                | Reply::UniqueId { .. }
                | Reply::Message { .. }
        ) {
            assert_eq!(english, german);
        }
    }
}

// P-018: no `<` and no `>` in a greeting without a timestamp
#[test]
fn only_a_timestamp_has_angle_brackets() {
    let hostname = "a<b>c".to_owned();
    let greeting = line(&Reply::Ready { hostname, timestamp: None }, Language::English);
    assert_eq!(greeting, "+OK Restante ready on abc\r\n");
}
