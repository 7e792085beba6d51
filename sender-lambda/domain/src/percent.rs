//! Percent-encoding (RFC 3986 §2.1).

/// Adds a text to a query, a form or a parameter. Every octet that is not unreserved (§2.3) is encoded. It writes into the
/// caller's own buffer, so that a secret leaves no copy.
pub fn encode(text: &str, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_octets_stay() {
        let mut out = "q=".to_owned();
        encode("aZ09-._~ /&=%+ü\u{0}", &mut out);
        assert_eq!(out, "q=aZ09-._~%20%2F%26%3D%25%2B%C3%BC%00");
    }
}
