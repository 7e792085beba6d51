//! What a message looks like between DATA and the final dot (RFC 5321 §4.5.2): CRLF ends every line, a dot that
//! begins one is doubled, and no line is longer than 998 octets. Pure.

/// The longest line, in octets without CRLF (RFC 5322 §2.1.1).
const MAX_LINE: usize = 998;

/// Appends the message to `out`, up to and including the CRLF that the final dot needs before it. Whatever ended
/// the lines, CRLF does now; a line that is too long goes on behind CRLF and a space, as a folded header does.
pub fn encode(message: &[u8], out: &mut Vec<u8>) {
    out.reserve(message.len() + message.len() / 32 + 16);
    let mut rest = message;
    while !rest.is_empty() {
        let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        if line.len() <= MAX_LINE {
            out.extend_from_slice(line);
        } else {
            fold(line, out);
        }
        out.extend_from_slice(b"\r\n");
        rest = match after {
            [b'\r', b'\n', after @ ..] | [_, after @ ..] => after,
            [] => after,
        };
    }
}

fn fold(mut line: &[u8], out: &mut Vec<u8>) {
    let mut room = MAX_LINE;
    while line.len() > room {
        // Not in the middle of a UTF-8 character.
        let back = line[..=room].iter().rev().take(4).position(|b| b & 0xc0 != 0x80).unwrap_or(0);
        let (head, tail) = line.split_at(room - back);
        out.extend_from_slice(head);
        out.extend_from_slice(b"\r\n ");
        line = tail;
        room = MAX_LINE - 1;
    }
    out.extend_from_slice(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(message, &mut out);
        out
    }

    #[test]
    fn lines_end_in_crlf_and_dots_are_doubled() {
        for (message, want) in [
            ("", ""),
            ("a", "a\r\n"),
            ("a\r\n", "a\r\n"),
            ("a\nb\rc\r\nd", "a\r\nb\r\nc\r\nd\r\n"),
            (".", "..\r\n"),
            ("\n.\r\n", "\r\n..\r\n"),
            ("\r.\r", "\r\n..\r\n"),
            (".a\n..b\n", "..a\r\n...b\r\n"),
            ("\r\n\r\n", "\r\n\r\n"),
            ("\r\r\n", "\r\n\r\n"),
        ] {
            assert_eq!(encoded(message.as_bytes()), want.as_bytes(), "{message:?}");
        }
    }

    #[test]
    fn nothing_in_a_message_ends_it() {
        // Every string of these five over six places: the dot alone on a line never comes out.
        let letters = b"a.\r\n\x80";
        for n in 0..5usize.pow(6) {
            let message: Vec<u8> = (0..6).map(|place| letters[n / 5usize.pow(place) % 5]).collect();
            let wire = [b"\r\n".as_slice(), &encoded(&message)].concat();
            assert!(memchr::memmem::find(&wire, b"\r\n.\r\n").is_none(), "{message:?}");
            for (at, byte) in wire.iter().enumerate() {
                match byte {
                    b'\n' => assert_eq!(wire[at - 1], b'\r', "{message:?}"),
                    b'\r' => assert_eq!(wire[at + 1], b'\n', "{message:?}"),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn no_line_is_too_long() {
        for (text, length) in [("x", 998), ("x", 999), ("x", 5000), ("é", 2000), ("…", 3001)] {
            let wire = encoded(text.repeat(length).as_bytes());
            let wire = std::str::from_utf8(&wire).unwrap();
            assert!(wire.split("\r\n").all(|line| line.len() <= MAX_LINE), "{text} {length}");
            assert_eq!(wire.replace("\r\n ", "").trim_end(), text.repeat(length));
        }
    }
}
