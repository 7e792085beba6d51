//! The encoder: every message becomes lines, and no content of the message can end them early.

use ownpost_smtp::encode::encode;

/// The longest line in octets, without CRLF and without the dot that is added for transparency.
const MAX_LINE: usize = 998;

/// Encodes the bytes as a message and decodes the result.
pub fn run(data: &[u8]) {
    let mut wire = b"before".to_vec();
    encode(data, &mut wire);
    let wire = wire.strip_prefix(b"before").expect("encode appends");
    let mut lines = decode(wire).into_iter();
    for line in normal(data) {
        let mut got = lines.next().expect("a line for each line");
        // A long line is continued after one space.
        while got.len() < line.len() {
            let more = lines.next().expect("the rest of the line");
            got.extend_from_slice(more.strip_prefix(b" ").expect("a folded line"));
        }
        assert_eq!(got, line, "the decoded line is unchanged");
    }
    assert_eq!(lines.next(), None, "nothing is added");
    if std::str::from_utf8(data).is_ok() {
        let torn = wire.split(|&byte| byte == b'\n').find(|line| std::str::from_utf8(line).is_err());
        assert_eq!(torn, None, "no character is split");
    }
}

/// The lines that a server reads between DATA and the final dot. Panics when the final dot comes early, and when CR,
/// LF or the length of a line is wrong.
pub fn decode(wire: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut rest = wire;
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == b'\r' || byte == b'\n').expect("a line end");
        assert!(rest[end..].starts_with(b"\r\n"), "a bare CR or LF");
        let line = &rest[..end];
        assert_ne!(line, b".", "the end");
        let line = line.strip_prefix(b".").unwrap_or(line);
        assert!(line.len() <= MAX_LINE, "{} octets", line.len());
        lines.push(line.to_vec());
        rest = &rest[end + 2..];
    }
    lines
}

/// The lines of a message, with any line end.
pub fn normal(message: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    let mut bytes = message.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' | b'\n' => {
                if byte == b'\r' {
                    bytes.next_if_eq(&b'\n');
                }
                lines.push(Vec::new());
            }
            byte => lines.last_mut().expect("never empty").push(byte),
        }
    }
    // The part after the last line end is a line only when it is not empty.
    if lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    lines
}
