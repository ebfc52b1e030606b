//! What a session knows beside its state: whom it talks to, how, and how often it went wrong.

use crate::ask::{Envelope, Failure};
use crate::counters::Counters;
use crate::policy::{Dialect, Policy, Tls};
use crate::reply::{Reply, write_hello, write_plain_hello};
use crate::state::{Hello, Refused, Transaction};
use mail_wire::Form;

/// The session beside its state.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) policy: Policy,
    pub(crate) tls: Tls,
    pub(crate) hello: Option<Hello>,
    pub(crate) counters: Counters,
    bad_commands: u32,
}

impl Conversation {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            tls: policy.tls,
            policy,
            hello: None,
            counters: Counters::default(),
            bad_commands: 0,
        }
    }

    /// Answers what was no command, or none that may stand there.
    pub(crate) fn bad(&mut self, reply: Reply, output: &mut Vec<u8>) {
        self.count_bad();
        reply.write(output);
    }

    /// Counts a bad command that is answered later.
    pub(crate) fn count_bad(&mut self) {
        self.counters.bad_commands = self.counters.bad_commands.saturating_add(1);
        self.bad_commands = self.bad_commands.saturating_add(1);
    }

    pub(crate) fn has_too_many_bad_commands(&self) -> bool {
        self.bad_commands >= self.policy.limits.bad_commands_max
    }

    /// TLS is on: everything that was said before is forgotten (RFC 3207 §4.2, P-215).
    pub(crate) fn secured(&mut self) {
        self.tls = Tls::Active;
        self.hello = None;
        self.bad_commands = 0;
    }

    /// The peer introduces itself.
    pub(crate) fn greeted(&mut self, hello: Hello, output: &mut Vec<u8>) {
        if hello.extended {
            write_hello(&self.policy, self.tls, output);
        } else {
            write_plain_hello(&self.policy, output);
        }
        self.hello = Some(hello);
    }

    /// What the driver has to know to begin a delivery.
    pub(crate) fn envelope(&self, transaction: Transaction, form: Form) -> Envelope {
        let Transaction { reverse_path, parameters, recipients } = transaction;
        let hello = self.hello.as_ref();
        let extended = hello.is_none_or(|hello| hello.extended);
        Envelope {
            reverse_path,
            recipients,
            form,
            declared_octets: parameters.size,
            eight_bit: parameters.eight_bit,
            smtputf8: parameters.smtputf8,
            transport: self.transport(extended, parameters.smtputf8),
            helo: hello.map(|hello| hello.name.clone()).unwrap_or_default(),
        }
    }

    /// RFC 3848 and RFC 6531 §4.3, P-203. There is no registered word for HELO under TLS.
    fn transport(&self, extended: bool, smtputf8: bool) -> &'static str {
        let secure = self.tls == Tls::Active;
        match (self.policy.dialect, smtputf8, secure) {
            (Dialect::Smtp, ..) if !extended => "SMTP",
            (Dialect::Lmtp, false, false) => "LMTP",
            (Dialect::Lmtp, false, true) => "LMTPS",
            (Dialect::Lmtp, true, false) => "UTF8LMTP",
            (Dialect::Lmtp, true, true) => "UTF8LMTPS",
            (Dialect::Smtp, false, false) => "ESMTP",
            (Dialect::Smtp, false, true) => "ESMTPS",
            (Dialect::Smtp, true, false) => "UTF8SMTP",
            (Dialect::Smtp, true, true) => "UTF8SMTPS",
        }
    }

    /// A message was read to its end, and nobody gets it.
    pub(crate) fn refused(&mut self, recipients: usize, why: Refused, output: &mut Vec<u8>) {
        let counters = &mut self.counters;
        counters.messages_refused = counters.messages_refused.saturating_add(1);
        match why {
            Refused::BareLineEnd => {
                counters.bare_line_ends = counters.bare_line_ends.saturating_add(1);
            }
            Refused::Failure(Failure::TooLarge) => {
                counters.too_large = counters.too_large.saturating_add(1);
            }
            Refused::Failure(_) => {}
        }
        let replies = match self.policy.dialect {
            Dialect::Lmtp => recipients,
            Dialect::Smtp => 1,
        };
        for _ in 0..replies {
            why.reply().write(output);
        }
    }

    /// The delivery is over; says how it went for each recipient. What the driver leaves out
    /// is not certain, and so temporary (P-217).
    pub(crate) fn committed(
        &mut self,
        recipients: usize,
        octets: u64,
        outcomes: &[Result<(), Failure>],
        output: &mut Vec<u8>,
    ) {
        let replies: Vec<_> = (0..recipients)
            .map(|recipient| match outcomes.get(recipient) {
                Some(Ok(())) => Reply::DELIVERED,
                Some(Err(failure)) => Reply::failure(*failure),
                None => Reply::failure(Failure::Temporary),
            })
            .collect();
        if replies.contains(&Reply::DELIVERED) {
            self.counters.messages = self.counters.messages.saturating_add(1);
            self.counters.message_octets = self.counters.message_octets.saturating_add(octets);
            self.bad_commands = 0;
        } else {
            self.counters.messages_refused = self.counters.messages_refused.saturating_add(1);
        }
        match self.policy.dialect {
            // RFC 2033 §4.2, P-193: one each, in order, duplicates too.
            Dialect::Lmtp => replies.iter().for_each(|reply| reply.write(output)),
            Dialect::Smtp => one_for_all(&replies).write(output),
        }
    }
}

/// SMTP has one reply for all recipients, and 250 would be a promise to each of them.
///
/// So if one failed for now, all of it is said to have failed for now: the peer tries again,
/// and those who have the message get it twice, where any other answer would lose it for one.
/// If one failed for good, the peer is told so, and it tells the sender.
fn one_for_all(replies: &[Reply]) -> Reply {
    let failed = |reply: &&Reply| **reply != Reply::DELIVERED;
    let mut failures = replies.iter().filter(failed);
    let first = failures.clone().next().copied();
    failures.find(|reply| reply.is_temporary()).copied().or(first).unwrap_or(Reply::DELIVERED)
}
