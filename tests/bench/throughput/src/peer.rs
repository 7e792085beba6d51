//! The peer: a loop over lettre's blocking transport, as its documentation shows it, with a kept connection.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lettre::address::Envelope;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport as _};

use crate::program::Local;

/// The rate in mails a second of `loops` loops to the platform's relay, each with its own connection.
pub(crate) fn send(local: &Local, mail: &[u8], loops: usize, during: Duration) -> Result<f64> {
    let relay = local.relay("platform")?;
    let authority = Certificate::from_pem(relay.ca_pem.as_bytes())?;
    let tls = TlsParameters::builder(relay.host.clone()).add_root_certificate(authority).build_rustls()?;
    let envelope = Envelope::new(Some(relay.sender.parse()?), vec!["jan@example.org".parse()?])?;
    let transport = || {
        SmtpTransport::builder_dangerous(&relay.host)
            .port(relay.tls)
            .tls(Tls::Wrapper(tls.clone()))
            .credentials(Credentials::new(relay.username.clone(), relay.password.clone()))
            .pool_config(PoolConfig::new().max_size(1))
            .build()
    };
    // The first mail of each loop opens its connection and is not counted.
    let transports: Vec<_> = (0..loops).map(|_| transport()).collect();
    for transport in &transports {
        transport.send_raw(&envelope, mail).context("lettre's first mail")?;
    }
    let began = Instant::now();
    let sent: Result<Vec<usize>> = std::thread::scope(|scope| {
        let threads: Vec<_> = transports
            .iter()
            .map(|transport| {
                scope.spawn(|| {
                    let mut sent = 0;
                    while began.elapsed() < during {
                        transport.send_raw(&envelope, mail)?;
                        sent += 1;
                    }
                    Ok(sent)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Ok(0))).collect()
    });
    #[expect(clippy::cast_precision_loss, reason = "counts of mails")]
    Ok(sent?.iter().sum::<usize>() as f64 / began.elapsed().as_secs_f64())
}
