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
    /// Whether it was sent with BDAT.
    pub(super) chunk: bool,
    /// Whether its sender or recipient was refused after the mail had been written: only with a window.
    pub(super) refused: bool,
    /// Whether the server had announced the end of the connection, so that the client ignores later replies.
    pub(super) closing: bool,
}

impl Heard {
    /// Whether the server cannot have taken the mail: it does not know BDAT, or has refused the envelope. Then the
    /// mail may be sent again.
    pub(super) fn in_vain(&self) -> bool {
        self.refused || (self.chunk && matches!(self.reply, Some(500..=504)))
    }
}

/// A command or message that the server answers once.
#[derive(Debug, PartialEq)]
enum Asked {
    Hello,
    Mail,
    Rcpt,
    Data,
    Reset,
    Quit,
    /// A dot without a message, which ends a transaction without a recipient.
    LoneDot,
    /// An empty chunk, which tests whether the server knows BDAT.
    NoChunk,
    /// The end of the mail with this number, and whether it was sent with BDAT.
    End(usize, bool),
}

/// Reads a connection. Returns the mails that were written on it, by their number.
pub(super) fn listen(connection: &Connection, mails: &[Mail], window: usize) -> Vec<(usize, Heard)> {
    let asked = read(&connection.written(), mails);
    stays_in_step(connection, mails, window);
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
    let mut left = Vec::new();
    for (asked, answer) in asked.iter().zip(answers) {
        let is_refusal = answer.is_some_and(|reply| !(200..300).contains(&reply.code));
        match asked {
            Asked::Mail => refused = is_refusal,
            Asked::Rcpt => refused |= is_refusal,
            Asked::End(number, chunk) => {
                assert!(window > 1 || !refused, "mail {number} was sent after a refusal");
                let reply = answer.map(|reply| reply.code);
                left.push((*number, Heard { reply, chunk: *chunk, refused, closing }));
            }
            _ => {}
        }
        closing |= answer.is_some_and(|reply| reply.code == 421);
    }
    left
}

/// Checks that the client writes nothing that could deliver a mail after the server has sent more replies than it was
/// asked for.
fn stays_in_step(connection: &Connection, mails: &[Mail], window: usize) {
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
                    // With more than one mail in flight, the reply to one may arrive while the next is written.
                    let whole = said.is_empty() || said.ends_with(b"\n");
                    assert!(window > 1 || whole, "written after half a reply");
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
            asked.push(Asked::End(number, false));
            open = None;
            wire = &wire[end + 5..];
            continue;
        }
        let Some(end) = wire.iter().position(|&byte| byte == b'\n') else { return asked };
        let line = std::str::from_utf8(&wire[..end]).expect("a command is text");
        let line = line.strip_suffix('\r').expect("a command ends in CRLF");
        assert!(!line.contains(char::is_control), "{line:?}");
        wire = &wire[end + 1..];
        if let Some(size) = line.strip_prefix("BDAT ").and_then(|rest| rest.strip_suffix(" LAST")) {
            assert!(matches!(asked.last(), Some(Asked::Rcpt | Asked::NoChunk)), "a message has a recipient");
            let number = open.take().expect("a recipient");
            let size: usize = size.parse().expect("a size");
            let Some((chunk, rest)) = wire.split_at_checked(size) else { return asked };
            let lines = normal(&mails[number].message).into_iter().flat_map(|line| [line, b"\r\n".to_vec()]);
            assert_eq!(chunk, lines.collect::<Vec<_>>().concat(), "the message is unchanged");
            asked.push(Asked::End(number, true));
            wire = rest;
            continue;
        }
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
        assert!(open.is_some(), "{to} is the recipient of no mail");
        return Asked::Rcpt;
    }
    match line {
        "DATA" => {
            assert_eq!(before, Some(&Asked::Rcpt), "a message has a recipient");
            Asked::Data
        }
        "." => {
            assert_eq!(before, Some(&Asked::Data), "a dot follows DATA");
            *open = None;
            Asked::LoneDot
        }
        "BDAT 0" => {
            assert_eq!(before, Some(&Asked::Rcpt), "a message has a recipient");
            Asked::NoChunk
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
