//! What a message looks like on the wire (RFC 5321 §4.5.2): CRLF ends every line and no line is longer than 998 octets;
//! between DATA and the final dot, a dot that begins a line is doubled. Pure.

/// The longest line, in octets without CRLF (RFC 5322 §2.1.1).
const MAX_LINE: usize = 998;

/// Appends the message to `out` as it goes after DATA, up to and including the CRLF that the final dot needs before it.
/// Whatever ended the lines, CRLF does now; a line that is too long goes on behind CRLF and a space, as a folded header
/// does.
///
/// ```
/// let mut out = Vec::new();
/// ownpost_smtp::encode::encode(b"Hi\n.dot", &mut out);
/// assert_eq!(out, b"Hi\r\n..dot\r\n");
/// ```
pub fn encode(message: &[u8], out: &mut Vec<u8>) {
    Encoder::new(message).fill(out, usize::MAX);
}

/// Encodes a message piece by piece, so that no more of it is held than is being written.
#[derive(Clone)]
pub(crate) struct Encoder<'a> {
    rest: &'a [u8],
    /// Whether `rest` begins in the middle of a line that was too long.
    folded: bool,
}

/// A line, or as much of one as fits.
struct Piece<'a> {
    dot: bool,
    text: &'a [u8],
    end: &'static [u8],
}

impl<'a> Encoder<'a> {
    /// Begins at the message's first octet.
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message, folded: false }
    }

    /// How many octets are still to come.
    pub(crate) fn len(&self) -> usize {
        let pieces = std::iter::from_fn({
            let mut encoder = self.clone();
            move || encoder.next()
        });
        pieces.map(|piece| usize::from(piece.dot) + piece.text.len() + piece.end.len()).sum()
    }

    /// Appends to `out` until it holds `limit` octets, or a line more. Whether there is more to come.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>, limit: usize) -> bool {
        out.reserve(self.rest.len().min(limit) + self.rest.len().min(limit) / 32 + 16);
        while out.len() < limit {
            let Some(piece) = self.next() else { return false };
            if piece.dot {
                out.push(b'.');
            }
            out.extend_from_slice(piece.text);
            out.extend_from_slice(piece.end);
        }
        !self.rest.is_empty()
    }

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        // The space that continues a line counts.
        let room = MAX_LINE - usize::from(self.folded);
        let look = &self.rest[..self.rest.len().min(room + 1)];
        let dot = !self.folded && look[0] == b'.';
        if let Some(end) = memchr::memchr2(b'\r', b'\n', look) {
            let (text, after) = self.rest.split_at(end);
            self.rest = after.strip_prefix(b"\r\n").unwrap_or(&after[1..]);
            self.folded = false;
            return Some(Piece { dot, text, end: b"\r\n" });
        }
        if look.len() <= room {
            self.rest = &[];
            return Some(Piece { dot, text: look, end: b"\r\n" });
        }
        // Not in the middle of a UTF-8 character.
        let back = look.iter().rev().take(4).position(|b| b & 0xc0 != 0x80).unwrap_or(0);
        let (text, after) = self.rest.split_at(room - back);
        self.rest = after;
        self.folded = true;
        Some(Piece { dot, text, end: b"\r\n " })
    }
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
    fn piece_by_piece_is_the_same() {
        let message = format!("a\n.b\r\n\r\n{}\n..{}", "x".repeat(3000), "\u{e9}".repeat(999));
        for limit in [1, 2, 700, 1000, 5000] {
            let mut encoder = Encoder::new(message.as_bytes());
            let (mut out, mut piece, mut more) = (Vec::new(), Vec::new(), true);
            while more {
                piece.clear();
                more = encoder.fill(&mut piece, limit);
                assert!(piece.len() <= limit + MAX_LINE + 3, "{limit}: {}", piece.len());
                out.extend_from_slice(&piece);
            }
            assert_eq!(out, encoded(message.as_bytes()), "{limit}");
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
