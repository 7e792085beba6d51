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
/// secp256r1, secp384r1, secp521r1.
const CURVES: [u16; 3] = [0x0017, 0x0018, 0x0019];

/// Whether the server goes on with a legacy handshake. The handshake is not finished, and nothing else is sent.
pub(super) async fn is_answered<S>(mut stream: S, host: &str, random: [u8; 32], until: Instant) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let hello = client_hello(host, random);
    let mut answer = [0; 7];
    let exchange = async {
        stream.write_all(&hello).await?;
        stream.flush().await?;
        stream.read_exact(&mut answer).await
    };
    matches!(timeout_at(until, exchange).await, Ok(Ok(_))) && is_taken(answer)
}

/// Whether the answer is a ServerHello in a record of any version, or the alert `protocol_version`: even TLS 1.2 is too new
/// for that server.
fn is_taken(answer: [u8; 7]) -> bool {
    matches!(answer, [22, 3, _, _, _, 2, _] | [21, 3, _, 0, 2, _, 70])
}

/// A ClientHello for TLS 1.2 and below (RFC 5246 §7.4.1.2) in a record of TLS 1.0, which servers of that version expect.
fn client_hello(host: &str, random: [u8; 32]) -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut extension = |kind: u16, content: Vec<u8>| {
        extensions.extend(kind.to_be_bytes());
        extensions.extend(prefixed(&content));
    };
    if let Ok(ServerName::DnsName(name)) = ServerName::try_from(host.trim_end_matches('.')) {
        let entry = [&[0], prefixed(name.as_ref().as_bytes()).as_slice()].concat();
        extension(0, prefixed(&entry));
    }
    extension(10, prefixed(&numbers(&CURVES)));
    extension(11, vec![1, 0]);
    extension(13, prefixed(&numbers(&SIGNATURES)));

    let body =
        [&[3, 3][..], &random, &[0], &prefixed(&numbers(&OLD_SUITES)), &[1, 0], &prefixed(&extensions)]
            .concat();
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
        let hello = client_hello("relay.test.", [7; 32]);
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut hello.as_slice()).unwrap();
        let accepted = acceptor.accept().unwrap().expect("a whole ClientHello");
        assert_eq!(accepted.client_hello().server_name(), Some("relay.test"));
        assert_eq!(accepted.client_hello().cipher_suites().len(), OLD_SUITES.len());
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
            ([21, 3, 1, 0, 2, 2, 70], true),
            ([21, 3, 3, 0, 2, 2, 40], false),
            (*b"502 no\r", false),
        ] {
            assert_eq!(is_taken(answer), want, "{answer:?}");
        }
    }
}
