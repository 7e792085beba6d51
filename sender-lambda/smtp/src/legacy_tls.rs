//! Asks a server that has refused a handshake whether it accepts a legacy one. rustls offers only TLS 1.2 and 1.3 with
//! current ciphers, and a server that has none of them sends the alert `handshake_failure`, as for many other reasons, or
//! just closes.

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

/// The cipher suites that rustls does not offer and RFC 9325 §4 advises against: key exchange by RSA or without elliptic
/// curves, CBC, 3DES, RC4. A server that accepts one of these after it has refused the others has only these.
const OLD_SUITES: [u16; 22] = [
    0xc013, 0xc014, 0xc009, 0xc00a, 0xc027, 0xc028, 0xc023, 0xc024, 0x009e, 0x009f, 0x0033, 0x0039, 0x0067,
    0x006b, 0x009c, 0x009d, 0x003c, 0x003d, 0x002f, 0x0035, 0x000a, 0x0005,
];
/// RSA and ECDSA with SHA-256, SHA-384 and SHA-1; DSA with SHA-1.
const SIGNATURES: [u16; 7] = [0x0401, 0x0403, 0x0501, 0x0503, 0x0201, 0x0203, 0x0202];
/// secp256r1, secp384r1. A server that wants secp521r1 is not of old.
const CURVES: [u16; 2] = [0x0017, 0x0018];

/// Today's cipher suites, of TLS 1.3 and 1.2, as rustls offers them.
const SUITES: [u16; 9] = [0x1302, 0x1301, 0x1303, 0xc02c, 0xc02b, 0xcca9, 0xc030, 0xc02f, 0xcca8];
/// Signatures beyond those that ring checks too: ECDSA with secp521r1, Ed448, RSA with SHA-512 and PSS.
const WIDE_SIGNATURES: [u16; 15] = [
    0x0603, 0x0503, 0x0403, 0x0807, 0x0808, 0x0806, 0x0805, 0x0804, 0x080b, 0x080a, 0x0809, 0x0601, 0x0501,
    0x0401, 0x0303,
];
/// Curves and groups beyond those of ring too: secp521r1, x448, brainpool, ffdhe.
const WIDE_CURVES: [u16; 10] =
    [0x001d, 0x0017, 0x0018, 0x0019, 0x001e, 0x001a, 0x001b, 0x001c, 0x0100, 0x0101];

/// The handshakes that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    /// TLS 1.2 and below with the cipher suites of old.
    Legacy,
    /// TLS 1.3 and 1.2 with today's cipher suites, and keys, curves and signatures that ring does not have.
    Wide,
}

/// Whether the server goes on with this handshake. The handshake is not finished, and nothing else is sent.
pub(super) async fn is_answered<S>(
    kind: Hello,
    mut stream: S,
    host: &str,
    random: [u8; 32],
    until: Instant,
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let hello = client_hello(kind, host, random);
    let mut answer = [0; 7];
    let exchange = async {
        stream.write_all(&hello).await?;
        stream.flush().await?;
        stream.read_exact(&mut answer).await
    };
    matches!(timeout_at(until, exchange).await, Ok(Ok(_))) && is_taken(answer)
}

/// Whether the answer is a ServerHello in a record of any version.
fn is_taken(answer: [u8; 7]) -> bool {
    matches!(answer, [22, 3, _, _, _, 2, _])
}

/// A ClientHello (RFC 5246 §7.4.1.2) in a record of TLS 1.0, which old servers expect. The wide one asks for TLS 1.3 (RFC
/// 8446 §4.1.2) without a key share, so that such a server answers with a HelloRetryRequest.
fn client_hello(kind: Hello, host: &str, random: [u8; 32]) -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut extension = |kind: u16, content: Vec<u8>| {
        extensions.extend(kind.to_be_bytes());
        extensions.extend(prefixed(&content));
    };
    if let Ok(ServerName::DnsName(name)) = ServerName::try_from(host.trim_end_matches('.')) {
        let entry = [&[0], prefixed(name.as_ref().as_bytes()).as_slice()].concat();
        extension(0, prefixed(&entry));
    }
    let (suites, curves, signatures): (&[u16], &[u16], &[u16]) = match kind {
        Hello::Legacy => (&OLD_SUITES, &CURVES, &SIGNATURES),
        Hello::Wide => (&SUITES, &WIDE_CURVES, &WIDE_SIGNATURES),
    };
    extension(10, prefixed(&numbers(curves)));
    extension(11, vec![1, 0]);
    extension(13, prefixed(&numbers(signatures)));
    if kind == Hello::Wide {
        extension(43, vec![4, 3, 4, 3, 3]);
        extension(51, vec![0, 0]);
    }

    let body =
        [&[3, 3][..], &random, &[0], &prefixed(&numbers(suites)), &[1, 0], &prefixed(&extensions)].concat();
    let message = [&[1, 0][..], &prefixed(&body)].concat();
    [&[22, 3, 1][..], &prefixed(&message)].concat()
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// The content behind its length in two octets. Everything here is far shorter than 64 KiB.
fn prefixed(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], content].concat()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::server::Acceptor;

    use super::*;

    #[test]
    fn a_tls_library_reads_the_hello() {
        for (kind, suites) in [(Hello::Legacy, OLD_SUITES.len()), (Hello::Wide, SUITES.len())] {
            let hello = client_hello(kind, "relay.test.", [7; 32]);
            let mut acceptor = Acceptor::default();
            acceptor.read_tls(&mut hello.as_slice()).unwrap();
            let accepted = acceptor.accept().unwrap().expect("a whole ClientHello");
            assert_eq!(accepted.client_hello().server_name(), Some("relay.test"));
            assert_eq!(accepted.client_hello().cipher_suites().len(), suites);
        }
    }

    /// Otherwise a current server would accept the legacy handshake and be reported as `tls.legacy`.
    #[test]
    fn no_current_cipher_suite_is_in_the_legacy_hello() {
        let today = Arc::new(rustls::crypto::ring::default_provider());
        assert!(today.cipher_suites.iter().all(|suite| !OLD_SUITES.contains(&u16::from(suite.suite()))));
    }

    #[test]
    fn the_servers_answer_says_whether_it_accepts() {
        for (answer, want) in [
            ([22, 3, 1, 0, 90, 2, 0], true),
            ([22, 3, 3, 0, 90, 2, 0], true),
            // A server of old comes down to its version. One that wants TLS 1.3 alone says this.
            ([21, 3, 1, 0, 2, 2, 70], false),
            ([21, 3, 3, 0, 2, 2, 40], false),
            (*b"502 no\r", false),
        ] {
            assert_eq!(is_taken(answer), want, "{answer:?}");
        }
    }
}
