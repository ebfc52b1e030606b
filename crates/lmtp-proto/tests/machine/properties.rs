//! Whatever comes in, and however it is cut.

use std::time::Duration;

use lmtp_proto::{
    Answer, BareLineEnds, Dialect, Failure, ForwardPath, Next, Policy, RecipientRefusal,
    ReversePath, Session, Tell, Tls,
};
use mail_wire::dot::Stuffer;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::driver::{Kept, Play};

/// Pieces of sessions: commands good and bad, ends of lines, and anything else.
fn session_octets() -> impl Strategy<Value = Vec<u8>> {
    const WORDS: &[&[u8]] = &[
        b"LHLO a.example\r\n",
        b"EHLO a.example\r\n",
        b"MAIL FROM:<a@b>\r\n",
        b"MAIL FROM:<> SIZE=12 BODY=8BITMIME SMTPUTF8\r\n",
        b"RCPT TO:<c@d>\r\n",
        b"RCPT TO:<\"a b\"@d>\r\n",
        b"DATA\r\n",
        b"BDAT 7\r\n",
        b"BDAT 0 LAST\r\n",
        b"BDAT 3 LAST\r\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"\r\n.\r\n",
        b".\r\n",
        b"\r",
        b"\n",
        b".",
        b"..x\r\n",
        b"\0\xff",
        b"x",
    ];
    let piece = prop_oneof![
        8 => select(WORDS).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..8),
        1 => vec(any::<u8>(), 2040..2060),
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn policy() -> impl Strategy<Value = Policy> {
    (any::<bool>(), any::<bool>(), any::<bool>(), 5_u64..60).prop_map(
        |(lmtp, repair, bare, size)| {
            let dialect = if lmtp { Dialect::Lmtp } else { Dialect::Smtp };
            let mut policy = Policy::new(dialect, "mx.example.org");
            policy.bare_line_ends =
                if repair { BareLineEnds::Repair } else { BareLineEnds::Refuse };
            policy.bare_local_parts = bare;
            policy.limits.message_octets_max = size;
            policy
        },
    )
}

fn outcome(play: &Play) -> (String, Vec<Kept>, usize, String) {
    let counters = format!("{:?} {:?}", play.session.counters(), play.closed);
    (play.output.escape_ascii().to_string(), play.kept.clone(), play.aborted, counters)
}

proptest! {
    /// Any chop of the input gives the same replies and the same messages.
    #[test]
    fn chopping_changes_nothing(
        octets in session_octets(),
        policy in policy(),
        cuts in vec(0_usize..2000, 0..12),
    ) {
        let mut whole = Play::new(policy.clone());
        whole.feed(&octets);
        let mut ones = Play::new(policy.clone());
        crate::driver::chop(&mut ones, &octets, 1);
        let mut cut = Play::new(policy);
        let mut cuts: Vec<_> = cuts.into_iter().map(|at| at.min(octets.len())).collect();
        cuts.extend([0, octets.len()]);
        cuts.sort_unstable();
        cuts.windows(2).for_each(|pair| cut.feed(&octets[pair[0]..pair[1]]));
        prop_assert_eq!(outcome(&whole), outcome(&ones));
        prop_assert_eq!(outcome(&whole), outcome(&cut));
        for kept in &whole.kept {
            // No message holds an end, a bare CR or a bare LF.
            let text = kept.text();
            let without = String::from_utf8_lossy(&text).replace("\r\n", "");
            prop_assert!(!without.contains(['\r', '\n']), "{:?}", text.escape_ascii());
        }
    }

    /// Octets and answers of any kind, in any order, at any time: no panic, and no reply that
    /// is not whole lines.
    #[test]
    fn nothing_panics(
        steps in vec((session_octets(), 0_u8..12, any::<u16>()), 0..12),
        mut policy in policy(),
        tls in any::<bool>(),
    ) {
        if tls {
            policy.tls = Tls::Offered;
        }
        let start = Play::lmtp().now;
        let mut session = Session::new(policy, start);
        let mut output = Vec::new();
        for (octets, answer, wait) in steps {
            let now = start + Duration::from_secs(wait.into());
            let mut input = &octets[..];
            for _ in 0..50 {
                match session.receive(&mut input, &mut output, now) {
                    Next::Take(taken) => prop_assert!(!taken.is_empty()),
                    Next::Flush => output.clear(),
                    Next::Ask(_) | Next::NeedInput | Next::Close(_) => break,
                }
            }
            match answer {
                0 => session.answer(Answer::Recipient(Ok(())), &mut output, now),
                1 => session.answer(
                    Answer::Recipient(Err(RecipientRefusal::Foreign)), &mut output, now),
                2 => session.answer(Answer::Begun(Ok(())), &mut output, now),
                3 => session.answer(Answer::Begun(Err(Failure::DiskFull)), &mut output, now),
                4 => session.answer(Answer::Committed(vec![]), &mut output, now),
                5 => session.answer(Answer::Committed(vec![Ok(()); 9]), &mut output, now),
                6 => session.answer(Answer::Dropped, &mut output, now),
                7 => session.answer(Answer::Secured, &mut output, now),
                8 => session.failed(Failure::Loop),
                9 => session.tell(Tell::Drain, &mut output),
                10 => { let _ = session.expire(&mut output, now); }
                _ => {}
            }
            let _ = (session.deadline(), session.input_octets_max(), session.counters());
            let lines = String::from_utf8(output.clone()).expect("replies are ASCII");
            prop_assert!(lines.is_empty() || lines.ends_with("\r\n"));
            prop_assert!(!lines.replace("\r\n", "").contains(['\r', '\n']));
        }
    }

    /// A message goes through DATA and comes out as it was, at every way to cut it.
    #[test]
    fn data_is_kept_octet_for_octet(
        lines in vec("(\\.{0,3}[ -~é\u{0}]{0,12})", 0..12),
        size in 1_usize..40,
    ) {
        let text: Vec<u8> = lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
        let mut wire = Vec::new();
        let mut stuffer = Stuffer::default();
        stuffer.stuff(&text, &mut wire);
        let unended = wire.clone();
        stuffer.finish(&mut wire);
        let mut play = Play::lmtp();
        play.feed(b"LHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
        crate::driver::chop(&mut play, &wire, size);
        prop_assert_eq!(play.kept.len(), 1);
        prop_assert_eq!(&play.kept[0].octets, &unended);
        prop_assert_eq!(play.kept[0].text(), text.clone());
        prop_assert_eq!(play.session.counters().message_octets, text.len() as u64);
    }

    /// The same through BDAT, whatever the chunks are.
    #[test]
    fn chunks_are_kept_octet_for_octet(
        lines in vec("(\\.{0,3}[ -~é\u{0}]{0,12})", 0..12),
        end in "[a-z.]{0,5}",
        chunk in 1_usize..30,
        size in 1_usize..40,
    ) {
        let text = lines.iter().fold(String::new(), |text, line| text + line + "\r\n") + &end;
        let mut input = Vec::new();
        for piece in text.as_bytes().chunks(chunk) {
            input.extend(format!("BDAT {}\r\n", piece.len()).bytes());
            input.extend(piece);
        }
        input.extend(b"BDAT 0 LAST\r\n");
        let mut play = Play::lmtp();
        play.feed(b"LHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
        crate::driver::chop(&mut play, &input, size);
        prop_assert_eq!(play.kept.len(), 1);
        prop_assert_eq!(&play.kept[0].octets, text.as_bytes());
    }

    /// A path that was read can be written, and reads the same again.
    #[test]
    fn paths_are_written_as_they_read(path in path_octets(), bare in any::<bool>()) {
        if let Ok(forward) = ForwardPath::parse(&path, bare) {
            let written = forward.to_string();
            // A mailbox longer than the limit when it is quoted cannot be read again.
            if written.len() <= 256 {
                prop_assert_eq!(ForwardPath::parse(written.as_bytes(), bare), Ok(forward));
            }
            prop_assert!(!written.chars().any(char::is_control));
        }
        if let Ok(reverse) = ReversePath::parse(&path, bare) {
            let written = reverse.to_string();
            prop_assert_eq!(ReversePath::parse(written.as_bytes(), bare), Ok(reverse));
        }
    }
}

fn path_octets() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "<[a-z.\"\\\\@> +|/é\u{85}-]{0,20}>".prop_map(String::into_bytes),
        "<\"[ -~é]{0,20}\"@[a-z.-]{1,8}>".prop_map(String::into_bytes),
        "<(@[a-z.]{1,5}[,:]){0,2}[!-~]{0,8}@[a-z\\[\\]0-9:.]{1,12}>".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..30),
    ]
}
