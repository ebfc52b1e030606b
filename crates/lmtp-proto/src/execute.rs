//! What a command means where the session stands (RFC 5321 §4.1.4, P-207).

use mail_wire::Form;

use crate::ask::{Ask, Reason, RecipientRefusal};
use crate::command::{Chunk, Command};
use crate::conversation::Conversation;
use crate::params::MailParameters;
use crate::path::{ForwardPath, ReversePath};
use crate::policy::{Dialect, Tls};
use crate::reply::Reply;
use crate::state::{AfterAbort, Asked, Chunking, Hello, Mail, Skip, State, Transaction};

/// Where the session goes, and what is asked on the way.
pub(crate) type Step = (State, Option<Ask>);

/// Carries a command out. `buffered`: octets came behind it already.
pub(crate) fn execute(
    conversation: &mut Conversation,
    mail: Mail,
    command: Command,
    buffered: bool,
    output: &mut Vec<u8>,
) -> Step {
    match command {
        Command::Hello { extended, name } => {
            hello(conversation, &mail, Hello { extended, name }, output)
        }
        Command::Mail(path, parameters) => {
            let mail = begin_mail(conversation, mail, path, parameters, output);
            (State::Ready(mail), None)
        }
        Command::Rcpt(path) => rcpt(conversation, mail, path, output),
        Command::Data => data(conversation, mail, output),
        Command::Bdat(chunk) => bdat(conversation, mail, chunk),
        Command::Rset => reset(&mail, output),
        Command::Noop => reply(mail, Reply::OK, output),
        Command::Vrfy => reply(mail, Reply::VRFY, output),
        Command::Help => reply(mail, Reply::HELP, output),
        // A delivery that chunks have begun goes with the connection.
        Command::Quit => {
            Reply::BYE.write(output);
            (State::Closed(Reason::Quit), None)
        }
        Command::StartTls => start_tls(conversation, mail, buffered, output),
    }
}

fn reply(mail: Mail, reply: Reply, output: &mut Vec<u8>) -> Step {
    reply.write(output);
    (State::Ready(mail), None)
}

fn bad(conversation: &mut Conversation, mail: Mail, reply: Reply, output: &mut Vec<u8>) -> Step {
    conversation.bad(reply, output);
    (State::Ready(mail), None)
}

fn abort(after: AfterAbort) -> Step {
    (State::Asked(Asked::Abort(after)), Some(Ask::Abort))
}

/// RFC 5321 §4.1.4: it ends the mail transaction, as RSET does.
fn hello(conversation: &mut Conversation, mail: &Mail, hello: Hello, output: &mut Vec<u8>) -> Step {
    if has_delivery(mail) {
        return abort(AfterAbort::Hello(hello));
    }
    conversation.greeted(hello, output);
    (State::Ready(Mail::Idle), None)
}

fn reset(mail: &Mail, output: &mut Vec<u8>) -> Step {
    if has_delivery(mail) {
        return abort(AfterAbort::Reset);
    }
    reply(Mail::Idle, Reply::OK, output)
}

fn has_delivery(mail: &Mail) -> bool {
    matches!(mail, Mail::Chunks(message) if message.has_delivery())
}

fn begin_mail(
    conversation: &mut Conversation,
    mail: Mail,
    reverse_path: ReversePath,
    parameters: MailParameters,
    output: &mut Vec<u8>,
) -> Mail {
    let policy = &conversation.policy;
    let Some(hello) = &conversation.hello else {
        conversation.bad(Reply::hello_first(policy.dialect), output);
        return Mail::Refused;
    };
    if !matches!(mail, Mail::Idle | Mail::Refused) {
        // RFC 5321 §4.1.4: no MAIL within a mail transaction.
        conversation.bad(Reply::NESTED_MAIL, output);
        return mail;
    }
    let needs_utf8 = reverse_path.mailbox().is_some_and(|mailbox| !mailbox.is_ascii());
    let refusal = if !hello.extended && parameters != MailParameters::default() {
        Reply::EXTENSIONS_NEED_EHLO
    } else if needs_utf8 && !parameters.smtputf8 {
        // RFC 6531 §3.5, P-211
        Reply::UTF8_PATH
    } else if parameters.size.is_some_and(|size| size > policy.limits.message_octets_max) {
        // RFC 1870 §6.1, P-208
        Reply::TOO_LARGE
    } else {
        Reply::SENDER_OK.write(output);
        return Mail::Envelope(Transaction { reverse_path, parameters, recipients: Vec::new() });
    };
    refusal.write(output);
    Mail::Refused
}

fn rcpt(
    conversation: &mut Conversation,
    mail: Mail,
    path: ForwardPath,
    output: &mut Vec<u8>,
) -> Step {
    let transaction = match mail {
        Mail::Envelope(transaction) => transaction,
        Mail::Chunks(_) => return bad(conversation, mail, Reply::NO_MIXING, output),
        Mail::Idle | Mail::Refused => return no_mail(conversation, mail, output),
    };
    let refusal = if !path.mailbox().is_ascii() && !transaction.parameters.smtputf8 {
        Reply::UTF8_PATH
    } else if transaction.recipients.len() >= conversation.policy.limits.recipients_max {
        // RFC 5321 §4.5.3.1.10, P-201
        Reply::TOO_MANY_RECIPIENTS
    } else {
        let asked = Asked::Recipient(transaction, path.clone());
        return (State::Asked(asked), Some(Ask::Recipient(path)));
    };
    let refused = &mut conversation.counters.recipients_refused;
    *refused = refused.saturating_add(1);
    reply(Mail::Envelope(transaction), refusal, output)
}

/// The driver has said whether a recipient is taken.
pub(crate) fn recipient_answered(
    conversation: &mut Conversation,
    mut transaction: Transaction,
    path: ForwardPath,
    answer: Result<(), RecipientRefusal>,
    output: &mut Vec<u8>,
) -> State {
    let counters = &mut conversation.counters;
    match answer {
        Ok(()) => {
            counters.recipients = counters.recipients.saturating_add(1);
            transaction.recipients.push(path);
            Reply::RECIPIENT_OK.write(output);
        }
        Err(refusal) => {
            counters.recipients_refused = counters.recipients_refused.saturating_add(1);
            Reply::recipient(refusal).write(output);
        }
    }
    State::Ready(Mail::Envelope(transaction))
}

fn data(conversation: &mut Conversation, mail: Mail, output: &mut Vec<u8>) -> Step {
    match mail {
        // RFC 2033 §4.2, P-192. Not counted as bad: with pipelining it is sent before the
        // replies to RCPT are read (RFC 2920 §3.1).
        Mail::Envelope(transaction) if transaction.recipients.is_empty() => {
            reply(Mail::Envelope(transaction), Reply::RCPT_FIRST, output)
        }
        Mail::Envelope(transaction) => {
            let recipients = transaction.recipients.len();
            let ask = Ask::Begin(conversation.envelope(transaction, Form::Wire));
            (State::Asked(Asked::BeginData { recipients }), Some(ask))
        }
        // RFC 3030 §2, P-209
        Mail::Chunks(_) => bad(conversation, mail, Reply::NO_MIXING, output),
        Mail::Idle | Mail::Refused => no_mail(conversation, mail, output),
    }
}

/// RFC 3030 §2, RFC 2033 §4.3. Whatever is said to it in the end, its octets are read first.
fn bdat(conversation: &mut Conversation, mail: Mail, chunk: Chunk) -> Step {
    let Chunk { octets: left, last } = chunk;
    let (none_accepted, counts_recipients) = match mail {
        Mail::Chunks(message) => {
            return (State::Chunk(Chunking { message, left, last }), None);
        }
        Mail::Envelope(transaction) if !transaction.recipients.is_empty() => {
            let recipients = transaction.recipients.len();
            let ask = Ask::Begin(conversation.envelope(transaction, Form::Text));
            return (State::Asked(Asked::BeginChunk { recipients, chunk }), Some(ask));
        }
        Mail::Envelope(_) => (Reply::RCPT_FIRST, true),
        Mail::Refused => (sequence_error(conversation, Reply::MAIL_FIRST), true),
        // RFC 3030 §2: after BDAT LAST there is no further one, and that has a reply.
        Mail::Idle => (sequence_error(conversation, Reply::MAIL_FIRST), false),
    };
    // RFC 2033 §4.3, P-197: LAST gets as many replies as there are recipients, here none. A
    // peer that pipelines counts on it when MAIL or every RCPT was refused.
    let silent = last && counts_recipients && conversation.policy.dialect == Dialect::Lmtp;
    let reply = (!silent).then_some(none_accepted);
    let mail = if last { Mail::Idle } else { mail };
    (State::Skip(Skip { left, reply, mail }), None)
}

/// RCPT or DATA without MAIL. Behind a MAIL that was refused it is not counted as bad: with
/// pipelining it was sent before that was known (RFC 2920 §3.1).
fn no_mail(conversation: &mut Conversation, mail: Mail, output: &mut Vec<u8>) -> Step {
    let error = sequence_error(conversation, Reply::MAIL_FIRST);
    match mail {
        Mail::Refused => reply(mail, error, output),
        _ => bad(conversation, mail, error, output),
    }
}

fn sequence_error(conversation: &Conversation, reply: Reply) -> Reply {
    match conversation.hello {
        Some(_) => reply,
        None => Reply::hello_first(conversation.policy.dialect),
    }
}

fn start_tls(
    conversation: &mut Conversation,
    mail: Mail,
    buffered: bool,
    output: &mut Vec<u8>,
) -> Step {
    let refusal = match conversation.tls {
        Tls::Active => Reply::TLS_ACTIVE,
        Tls::Unavailable => Reply::TLS_UNAVAILABLE,
        Tls::Offered if matches!(mail, Mail::Chunks(_)) => Reply::TLS_IN_MESSAGE,
        // P-215, P-122: somebody put octets there that would be taken for the peer's.
        Tls::Offered if buffered => {
            Reply::PLAINTEXT_AFTER_STARTTLS.write(output);
            return (State::Closed(Reason::PlaintextAfterStarttls), None);
        }
        Tls::Offered => {
            Reply::START_TLS.write(output);
            return (State::Asked(Asked::Secure), Some(Ask::Secure));
        }
    };
    bad(conversation, mail, refusal, output)
}
