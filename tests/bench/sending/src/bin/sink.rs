//! An SMTP server that accepts every mail and keeps none. It replaces Postfix' `smtp-sink`, which has no TLS.
//! Prints its port, then serves until it is ended.
//!
//! `sink ADDRESS [--tls CERT.pem KEY.pem]`

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use memchr::{memchr, memmem};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().context("an address to listen on")?;
    let mut tls = None;
    while let Some(option) = arguments.next() {
        match option.as_str() {
            "--tls" => {
                let mut file = || arguments.next().context("--tls CERT.pem KEY.pem");
                tls = Some(acceptor(&file()?, &file()?)?);
            }
            other => bail!("no option {other}"),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(&address).await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let tls = tls.clone();
            tokio::spawn(async move {
                // A client that closes the connection early is no error here.
                let _ = match tls {
                    None => serve(stream).await,
                    Some(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => serve(stream).await,
                        Err(error) => Err(error),
                    },
                };
            });
        }
    })
}

fn acceptor(certificate: &str, key: &str) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The kind of the next octets.
enum Expecting {
    Command,
    /// A message up to its final dot. The CRLF before the dot is part of the search.
    Message,
}

/// Serves one connection: reads all available input, then sends all replies in one write.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> std::io::Result<()> {
    let mut input: Vec<u8> = Vec::with_capacity(64 * 1024);
    let mut replies: Vec<u8> = b"220 sink.test ESMTP\r\n".to_vec();
    let mut expecting = Expecting::Command;
    loop {
        stream.write_all(&replies).await?;
        stream.flush().await?;
        replies.clear();
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        let mut taken = 0;
        loop {
            let rest = &input[taken..];
            match expecting {
                Expecting::Command => {
                    let Some(end) = memchr(b'\n', rest) else { break };
                    // With DATA the line's CRLF stays, so that the end of an empty message (a dot without a message)
                    // is found.
                    let line = rest[..end].trim_ascii_end();
                    taken += end + 1;
                    let verb = line.split(|&b| b == b' ').next().unwrap_or_default();
                    match verb.to_ascii_uppercase().as_slice() {
                        b"EHLO" => {
                            replies.extend_from_slice(
                                b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
                            );
                        }
                        b"DATA" => {
                            replies.extend_from_slice(b"354 go on\r\n");
                            taken -= 2;
                            expecting = Expecting::Message;
                        }
                        b"QUIT" => {
                            stream.write_all(b"221 bye\r\n").await?;
                            return stream.shutdown().await;
                        }
                        _ => replies.extend_from_slice(b"250 ok\r\n"),
                    }
                }
                Expecting::Message => {
                    let Some(end) = memmem::find(rest, b"\r\n.\r\n") else {
                        // All octets can go, except a possible beginning of the end.
                        taken += rest.len().saturating_sub(4);
                        break;
                    };
                    taken += end + 5;
                    replies.extend_from_slice(b"250 taken\r\n");
                    expecting = Expecting::Command;
                }
            }
        }
        input.drain(..taken);
    }
}
