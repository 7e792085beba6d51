//! A strict reader of the client's output. It knows every allowed command and message, and assigns each reply of the
//! server to its command.

use ownpost_smtp::Mail;

use super::super::message::{decode, normal};
use super::super::reply::parse;
use super::stage::{Connection, Event};
use super::{EHLO_NAME, FROM};

/// A mail whose last octet the client wrote.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// The code of the reply to its last octet, if a readable one came.
    pub(super) reply: Option<u16>,
    /// Whether the server had announced the end of the connection, so that the client ignores later replies.
    pub(super) closing: bool,
}

/// A reply to a command or to the end of a mail.
pub(super) struct Verdict {
    pub(super) mail: usize,
    pub(super) code: u16,
    /// Whether it is the reply to what it answers by its place: no reply before it came earlier than its command. After
    /// an early one every reply may be of the command before its own.
    pub(super) in_step: bool,
}

/// What was written on a connection, and the replies to it.
pub(super) struct Listened {
    /// The mails whose last octet was written, by their number.
    pub(super) left: Vec<(usize, Heard)>,
    /// The replies about a mail.
    pub(super) verdicts: Vec<Verdict>,
}

/// A command or message that the server answers once.
#[derive(Debug, PartialEq)]
enum Asked {
    Hello,
    Mail,
    /// The recipient of the mail with this number.
    Rcpt(usize),
    Data,
    Reset,
    Quit,
    /// A dot without a message, which ends a transaction without a recipient.
    LoneDot,
    /// The end of the mail with this number.
    End(usize),
}

/// Reads a connection.
pub(super) fn listen(connection: &Connection, mails: &[Mail]) -> Listened {
    let asked = read(&connection.written(), mails);
    stays_in_step(connection, mails);
    let early = first_early(connection, mails);
    let said: Vec<u8> = connection
        .events
        .iter()
        .flat_map(|event| match event {
            Event::Said(bytes) => bytes.as_slice(),
            Event::Wrote(_) => &[],
        })
        .copied()
        .collect();
    let replies = parse(&said);
    // The greeting is no answer to a command.
    let answers = replies.iter().skip(1).map(|reply| reply.as_ref().ok()).chain(std::iter::repeat(None));
    let (mut refused, mut closing) = (false, false);
    let mut listened = Listened { left: Vec::new(), verdicts: Vec::new() };
    let mut data_of = None;
    for (at, (command, answer)) in asked.iter().zip(answers).enumerate() {
        let is_refusal = answer.is_some_and(|reply| !(200..300).contains(&reply.code));
        let mail = match (command, asked.get(at + 1)) {
            (Asked::Mail, Some(Asked::Rcpt(mail))) | (Asked::Rcpt(mail) | Asked::End(mail), _) => Some(*mail),
            (Asked::Data, _) => data_of,
            _ => None,
        };
        match command {
            Asked::Mail => refused = is_refusal,
            Asked::Rcpt(mail) => {
                refused |= is_refusal;
                data_of = Some(*mail);
            }
            Asked::End(number) => {
                assert!(!refused, "mail {number} was sent after a refusal");
                listened.left.push((*number, Heard { reply: answer.map(|reply| reply.code), closing }));
            }
            _ => {}
        }
        if let (Some(mail), Some(reply)) = (mail, answer) {
            let in_step = early.is_none_or(|early| at < early || (at == early && reply.code >= 400));
            listened.verdicts.push(Verdict { mail, code: reply.code, in_step });
        }
        closing |= answer.is_some_and(|reply| reply.code == 421);
    }
    listened
}

/// The place of the first answer that came before what it answers was written to its end.
fn first_early(connection: &Connection, mails: &[Mail]) -> Option<usize> {
    let (mut said, mut wrote) = (Vec::new(), Vec::new());
    connection.events.iter().find_map(|event| match event {
        Event::Wrote(bytes) => {
            wrote.extend_from_slice(bytes);
            None
        }
        Event::Said(bytes) => {
            said.extend_from_slice(bytes);
            let (asked, answers) = (read(&wrote, mails).len(), parse(&said).len().saturating_sub(1));
            (answers > asked).then_some(asked)
        }
    })
}

/// Checks that the client writes nothing that could deliver a mail after the server has sent more replies than it was
/// asked for.
fn stays_in_step(connection: &Connection, mails: &[Mail]) {
    let (mut said, mut wrote) = (Vec::new(), Vec::new());
    for event in &connection.events {
        match event {
            Event::Said(bytes) => said.extend_from_slice(bytes),
            Event::Wrote(bytes) => {
                let before = read(&wrote, mails).len();
                let harmless =
                    [b"QUIT".as_slice(), b"EHLO", b".\r\n"].iter().any(|start| bytes.starts_with(start));
                if !harmless {
                    let replies = parse(&said).len();
                    assert!(said.is_empty() || said.ends_with(b"\n"), "written after half a reply");
                    assert!(replies <= before + 1, "{replies} replies to {before} commands and a greeting");
                }
                wrote.extend_from_slice(bytes);
            }
        }
    }
}

/// Reads the client's output. Every command and message must be complete, except for the last one.
fn read(mut wire: &[u8], mails: &[Mail]) -> Vec<Asked> {
    let mut asked = Vec::new();
    // The number of the mail whose recipient was named last.
    let mut open = None;
    while !wire.is_empty() {
        if asked.last() == Some(&Asked::Data) && wire.starts_with(b"X-Mail: ") {
            let number = usize::from(wire[8] - b'0');
            assert_eq!(open, Some(number), "the mail goes to its recipient");
            let Some(end) = find(wire, b"\r\n.\r\n") else {
                // An incomplete message: the connection broke, or this is the part that is written before the dot.
                return asked;
            };
            assert_eq!(decode(&wire[..end + 2]), normal(&mails[number].message), "the message is unchanged");
            asked.push(Asked::End(number));
            open = None;
            wire = &wire[end + 5..];
            continue;
        }
        let Some(end) = wire.iter().position(|&byte| byte == b'\n') else { return asked };
        let line = std::str::from_utf8(&wire[..end]).expect("a command is text");
        let line = line.strip_suffix('\r').expect("a command ends in CRLF");
        assert!(!line.contains(char::is_control), "{line:?}");
        wire = &wire[end + 1..];
        asked.push(command(line, asked.last(), mails, &mut open));
    }
    asked
}

fn command(line: &str, before: Option<&Asked>, mails: &[Mail], open: &mut Option<usize>) -> Asked {
    let path = |start: &str| line.strip_prefix(start).and_then(|rest| rest.split_once('>'));
    if let Some((from, parameters)) = path("MAIL FROM:<") {
        assert_eq!(from, FROM);
        let known = |word: &str| word.starts_with("SIZE=") || matches!(word, "BODY=8BITMIME" | "SMTPUTF8");
        assert!(parameters.split_whitespace().all(known), "{line}");
        *open = None;
        return Asked::Mail;
    }
    if let Some((to, "")) = path("RCPT TO:<") {
        assert_eq!(before, Some(&Asked::Mail), "one recipient, after the sender");
        *open = mails.iter().position(|mail| mail.to == to);
        return Asked::Rcpt(open.unwrap_or_else(|| panic!("{to} is the recipient of no mail")));
    }
    match line {
        "DATA" => {
            assert!(matches!(before, Some(Asked::Rcpt(_))), "a message has a recipient");
            Asked::Data
        }
        "." => {
            assert_eq!(before, Some(&Asked::Data), "a dot follows DATA");
            *open = None;
            Asked::LoneDot
        }
        "RSET" => Asked::Reset,
        "QUIT" => Asked::Quit,
        _ => {
            assert_eq!(line.strip_prefix("EHLO "), Some(EHLO_NAME), "{line:?}");
            assert_eq!(before, None, "EHLO once");
            Asked::Hello
        }
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
