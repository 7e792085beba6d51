//! The whole client (greeting, EHLO, two batches, QUIT) against a server that sends any bytes, over streams in memory
//! and in virtual time. The first byte of the input selects the client's options, the rest is sent by the server.
//! Bytes from 0xFB on are stage directions, because SMTP does not use them.

use std::cell::RefCell;
use std::future;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use ownpost_domain::failure::{Failure, FailureCode, Reply};
use ownpost_smtp::client::Client;
use ownpost_smtp::{BeforeCommit, Mail, MailResult, Timeouts};
use tokio::runtime::Builder;
use tokio::time::Instant;

use self::observer::{Heard, Verdict};
pub use self::stage::{NEXT, SPLIT, STALL, TURN};
use self::stage::{Stage, Stream};

mod observer;
mod stage;

const FROM: &str = "noreply@example.org";
const EHLO_NAME: &str = "client.test";
/// The most connections that the server's input is divided over; the next one is refused.
const CONNECTIONS: usize = 12;

/// The results of a run, for the tests that compare runs.
#[derive(Debug, PartialEq)]
pub struct Run {
    /// A result for each mail.
    pub outcomes: Vec<MailResult>,
    /// The bytes that the client wrote, by connection.
    pub written: Vec<Vec<u8>>,
}

/// Runs the client against the input.
pub fn run(data: &[u8]) {
    play(data);
}

/// Runs the client against the input, and returns the results.
pub fn play(data: &[u8]) -> Run {
    let (choice, script) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    // A long message leaves in two writes, and the server may speak between them.
    let mails = mails(if choice & 16 == 0 { 700 } else { 2600 });
    let (first, second) = mails.split_at(1 + usize::from(choice & 3));
    // In each batch, the gate may refuse one mail.
    let refuse = (choice & 4 != 0).then_some(1);
    let (gate, other_gate) = (Door::new(refuse), Door::new(refuse));
    let stage = Rc::new(RefCell::new(Stage::new(script, choice & 8 != 0)));

    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let (mut outcomes, took) = runtime.block_on(async {
        let start = Instant::now();
        let connect = || future::ready(Stream::open(&stage, CONNECTIONS));
        let mut client = Client::new(connect, EHLO_NAME, Timeouts::SEND);
        let mut outcomes = client.send(first, &gate).await;
        outcomes.extend(client.send(second, &other_gate).await);
        client.quit().await;
        (outcomes, start.elapsed())
    });

    assert_eq!(outcomes.len(), mails.len(), "an outcome for each");
    let stage = Rc::into_inner(stage).expect("every connection is closed").into_inner();
    assert!(stage.connections.len() <= 2 * mails.len() + 2, "{} connections", stage.connections.len());
    let most = Duration::from_mins(10) * u32::try_from(stage.connections.len() + mails.len()).expect("few");
    assert!(took <= most, "{took:?}");

    let mut heard: Vec<Option<Heard>> = vec![None; mails.len()];
    let mut verdicts = Vec::new();
    for connection in &stage.connections {
        let listened = observer::listen(connection, &mails);
        for (index, new) in listened.left {
            assert!(heard[index].is_none(), "mail {index} was sent twice");
            heard[index] = Some(new);
        }
        verdicts.extend(listened.verdicts);
    }
    let committed =
        [gate.committed(), other_gate.committed().iter().map(|index| index + first.len()).collect()].concat();
    for (index, outcome) in outcomes.iter().enumerate() {
        let in_batch = if index < first.len() { index } else { index - first.len() };
        assert!(
            heard[index].is_none() || committed.contains(&index),
            "mail {index} was sent without the gate"
        );
        let batch = if index < first.len() { &outcomes[..first.len()] } else { &outcomes[first.len()..] };
        let may_be_left = refuse == Some(in_batch) || batch.iter().flatten().any(ends_the_batch);
        judge(index, outcome.as_ref(), heard[index].as_ref(), may_be_left);
        is_its_own(index, outcome.as_ref(), &verdicts);
    }
    let written = stage.connections.iter().map(stage::Connection::written).collect();
    Run { outcomes: std::mem::take(&mut outcomes), written }
}

/// Sends one mail with this envelope to a server that accepts everything. The client must write exactly the two
/// paths, or no envelope at all.
pub fn addressed(from: &str, to: &str) {
    const SCRIPT: &[u8] =
        b"220 mx\r\n\xff250-mx\r\n250 SMTPUTF8\r\n\xff250 a\r\n\xff250 b\r\n\xff354 c\r\n\xff250 d\r\n";
    let mail = Mail { from: from.to_owned(), to: to.to_owned(), message: (*b"X: y\r\n").into() };
    let stage = Rc::new(RefCell::new(Stage::new(SCRIPT, true)));
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let outcomes = runtime.block_on(async {
        let connect = || future::ready(Stream::open(&stage, 1));
        Client::new(connect, EHLO_NAME, Timeouts::SEND).send(&[mail], &Door::new(None)).await
    });
    let stage = Rc::into_inner(stage).expect("every connection is closed").into_inner();
    let written = String::from_utf8(stage.connections[0].written()).expect("text");
    let lines: Vec<&str> = written.split_terminator("\r\n").collect();
    if !matches!(outcomes[..], [Some(Ok(_))]) {
        assert_eq!(lines, ["EHLO client.test"], "an invalid envelope is not begun");
        return;
    }
    let [_, mail, rcpt, "DATA", "X: y", "."] = lines[..] else { panic!("{written:?}") };
    let path = |line: &str, start: &str, parameters: &[&str]| {
        let rest = line.strip_prefix(start).and_then(|rest| rest.split_once('>')).expect("a path");
        assert!(parameters.contains(&rest.1), "{line}");
        assert!(!rest.0.contains(['<', '>']) && !rest.0.contains(char::is_control), "{line}");
    };
    path(mail, "MAIL FROM:<", &["", " SMTPUTF8"]);
    path(rcpt, "RCPT TO:<", &[""]);
}

/// Whether this result of a mail ends its batch: silence after a last octet, or 4xx to a new connection or its first mail.
fn ends_the_batch(outcome: &Result<Reply, Failure>) -> bool {
    outcome.as_ref().is_err_and(|failure| {
        failure.code == FailureCode::MessageUnknown || failure.reply.as_ref().is_some_and(Reply::is_transient)
    })
}

/// Checks that the outcome agrees with the server's reply after the dot.
fn judge(index: usize, outcome: Option<&Result<Reply, Failure>>, heard: Option<&Heard>, may_be_left: bool) {
    match (outcome, heard) {
        (None, None) => assert!(may_be_left, "mail {index} was not sent"),
        (None, Some(_)) => panic!("mail {index} was sent and has no outcome"),
        (Some(Ok(reply)), Some(heard)) => {
            assert!(reply.is_positive());
            assert_eq!(heard.reply, Some(reply.code), "mail {index} was not accepted by this reply");
        }
        (Some(Ok(_)), None) => panic!("mail {index} was never sent"),
        (Some(Err(failure)), Some(heard)) => match heard.reply {
            // No reply to a mail in flight after a 421 is believed.
            _ if heard.closing => assert_eq!(failure.code, FailureCode::MessageUnknown, "mail {index}"),
            Some(200..=299) => panic!("mail {index} was accepted: {failure:?}"),
            Some(code @ 400..=599) => {
                assert_eq!(failure.reply.as_ref().map(|reply| reply.code), Some(code), "mail {index}");
            }
            _ => assert_eq!(failure.code, FailureCode::MessageUnknown, "mail {index}"),
        },
        (Some(Err(_)), None) => {}
    }
}

/// Checks that the reply in a mail's outcome is a reply to that mail and not to another.
fn is_its_own(index: usize, outcome: Option<&Result<Reply, Failure>>, verdicts: &[Verdict]) {
    let reply = match outcome {
        Some(Ok(reply)) => reply,
        Some(Err(Failure { reply: Some(reply), code, .. })) if *code != FailureCode::ProtocolMalformed => {
            reply
        }
        _ => return,
    };
    let mut same =
        verdicts.iter().filter(|verdict| verdict.mail == index && verdict.code == reply.code).peekable();
    // Without one the reply was to the connection: to its greeting, to EHLO, or to nothing.
    assert!(
        same.peek().is_none() || same.any(|verdict| verdict.in_step),
        "mail {index} has a reply to another: {reply:?}"
    );
}

/// Mails of every kind: dots and bare line ends, octets above ASCII, more than one TLS record, an invalid recipient.
/// Each begins with its number.
fn mails(lines: usize) -> Vec<Mail> {
    let mail = |number: usize, to: &str, text: &str| Mail {
        from: FROM.to_owned(),
        to: to.to_owned(),
        message: format!("X-Mail: {number}\r\n{text}").into_bytes().into(),
    };
    vec![
        mail(0, "zero@example.net", "Subject: none\r\n\r\nHello\r\n"),
        mail(1, "one@example.net", "\n.\n..\r\n.\r.\rMAIL FROM:<evil@example.org>\r\n.\r\nQUIT"),
        mail(2, "two@xn--mnchen-3ya.example", "Subject: \u{fc}\r\n\r\n\u{1f980}\r\n"),
        mail(3, "three@example.net", &format!("\r\n{}", "A line of a long message.\r\n".repeat(lines))),
        mail(4, "four@example.net>\r\nRCPT TO:<five@example.net", "Subject: injected\r\n\r\n"),
        mail(5, "five@example.net", "Subject: last\r\n\r\nBye"),
    ]
}

/// A gate that refuses one mail and records the mails that passed.
struct Door {
    refuse: Option<usize>,
    committed: Mutex<Vec<usize>>,
}

impl Door {
    fn new(refuse: Option<usize>) -> Self {
        Self { refuse, committed: Mutex::default() }
    }

    fn committed(&self) -> Vec<usize> {
        self.committed.lock().expect("one thread").clone()
    }
}

#[async_trait]
impl BeforeCommit for Door {
    async fn commit(&self, index: usize) -> bool {
        if self.refuse == Some(index) {
            return false;
        }
        self.committed.lock().expect("one thread").push(index);
        true
    }
}
