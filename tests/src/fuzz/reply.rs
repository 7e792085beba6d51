//! The reply parser, with lines of any bytes.

use ownpost_smtp::reply::{MAX_LINE, MAX_LINES, MAX_REPLY, RawReply, ReplyParser, Unreadable};

/// Parses the bytes as a server's lines.
pub fn run(data: &[u8]) {
    let first = parse(data);
    assert_eq!(first, parse(data), "the same bytes give the same replies");
    for raw in first.iter().flatten() {
        holds(raw);
    }
}

/// The replies in these bytes, up to and including the first unreadable one.
pub fn parse(data: &[u8]) -> Vec<Result<RawReply, Unreadable>> {
    let mut parser = ReplyParser::default();
    let mut replies = Vec::new();
    for line in data.split_inclusive(|&byte| byte == b'\n') {
        // Bytes without a line end are not a line.
        let Some(line) = line.strip_suffix(b"\n") else { break };
        // Some servers write CRCRLF: every CR before the LF belongs to the line end.
        let text = line.iter().rposition(|&byte| byte != b'\r').map_or(0, |last| last + 1);
        match parser.push(&line[..text]) {
            Ok(None) => {}
            Ok(Some(reply)) => replies.push(Ok(reply)),
            Err(unreadable) => {
                replies.push(Err(unreadable));
                break;
            }
        }
    }
    replies
}

/// Writes a reply as a server would.
pub fn render(reply: &RawReply) -> Vec<u8> {
    let mut wire = Vec::new();
    for (index, line) in reply.lines.iter().enumerate() {
        let mark = if index + 1 == reply.lines.len() { ' ' } else { '-' };
        wire.extend_from_slice(format!("{}{mark}{line}\r\n", reply.code).as_bytes());
    }
    wire
}

fn holds(raw: &RawReply) {
    assert!((200..600).contains(&raw.code), "{raw:?}");
    assert!((1..=MAX_LINES).contains(&raw.lines.len()), "{} lines", raw.lines.len());
    // Each octet that is not UTF-8 grows to three octets.
    let size: usize = raw.lines.iter().map(String::len).sum();
    assert!(size <= 3 * MAX_REPLY && raw.lines.iter().all(|line| line.len() <= 3 * MAX_LINE), "{size}");
    assert!(!raw.lines.iter().any(|line| line.contains(['\0', '\r', '\n'])), "{raw:?}");

    let wire = render(raw);
    let short = raw.lines.iter().all(|line| line.len() + 4 <= MAX_LINE) && wire.len() <= MAX_REPLY;
    if short {
        assert_eq!(parse(&wire), [Ok(raw.clone())], "a written reply is parsed unchanged");
    }

    let reply = raw.clone().into_reply();
    assert_eq!(reply.code, raw.code);
    assert!(!reply.text.chars().any(|c| c.is_control() && c != '\n'), "{reply:?}");
    assert_eq!(reply.text.matches('\n').count() + 1, raw.lines.len(), "a line of text for each line");
    assert!(reply.text.len() <= size + raw.lines.len(), "text is removed, never added");
    if let Some(enhanced) = reply.enhanced {
        assert_eq!(u16::from(enhanced.0), raw.code / 100, "the classes agree");
        assert!(raw.lines[0].starts_with(&enhanced.0.to_string()));
    }
}
