//! The Rust clients of the benchmark. Each runs in its own process, so that processor time and memory are counted
//! separately.
//!
//! `client ours|lettre|mail-send HOST PORT MESSAGE.eml COUNT CONNECTIONS [--tls CA.pem]`
//!
//! Prints a line of JSON: the wall time and the processor time of the sending, in seconds.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use async_trait::async_trait;
use futures_util::future::try_join_all;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use ownpost_domain::category::Routing;
use ownpost_domain::settings::{Auth, Security, Settings};
use ownpost_smtp::client::Client;
use ownpost_smtp::{Carrier, BeforeCommit, Mail, Network, NetworkOptions, MailResult, Pool, RelayKey, Timeouts};
use smtp_rules::address::Network as Cidr;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const FROM: &str = "noreply@example.org";
const TO: &str = "someone@example.net";

struct Task {
    host: String,
    port: u16,
    message: Vec<u8>,
    /// The number of mails of each connection.
    count: usize,
    connections: usize,
    ca: Option<String>,
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().context("client WHICH HOST PORT MESSAGE COUNT CONNECTIONS");
    let which = next()?;
    let (host, port, message) = (next()?, next()?.parse()?, std::fs::read(next()?)?);
    let (count, connections): (usize, usize) = (next()?.parse()?, next()?.parse()?);
    let mut task =
        Task { host, port, message, count: count / connections, connections, ca: None };
    while let Some(option) = arguments.next() {
        let value = arguments.next().context("a value")?;
        match option.as_str() {
            "--tls" => task.ca = Some(std::fs::read_to_string(value)?),
            other => bail!("no option {other}"),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let before = processor_time()?;
    let began = Instant::now();
    runtime.block_on(async {
        match which.as_str() {
            "ours" if task.ca.is_some() => ours_over_tls(&task).await,
            "ours" => ours(&task).await,
            "lettre" => lettre(&task).await,
            "mail-send" => mail_send(&task).await,
            other => bail!("no client {other}"),
        }
    })?;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), processor_time()? - before);
    println!("{}", serde_json::json!({ "seconds": seconds, "cpu": cpu }));
    Ok(())
}

/// The processor time of this process so far, in seconds.
fn processor_time() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(micros.unsigned_abs()).as_secs_f64())
}

struct Open;

#[async_trait]
impl BeforeCommit for Open {
    async fn commit(&self, _: usize) -> bool {
        true
    }
}

/// A batch whose mails share one message.
fn batch(task: &Task) -> Vec<Mail> {
    let message: Arc<[u8]> = task.message.clone().into();
    let mail = Mail { from: FROM.into(), to: TO.into(), message };
    vec![mail; task.count]
}

fn all_accepted(results: &[MailResult]) -> Result<()> {
    match results.iter().find(|result| !matches!(result, Some(Ok(_)))) {
        None => Ok(()),
        Some(other) => bail!("not accepted: {other:?}"),
    }
}

/// A TCP connection without TLS, to a sink on loopback.
struct Plain(TcpStream);

impl Carrier for Plain {}

impl AsyncRead for Plain {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Cx<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Plain {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Cx<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Cx<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Cx<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

async fn ours(task: &Task) -> Result<()> {
    let address: SocketAddr = format!("{}:{}", task.host, task.port).parse()?;
    let mails = batch(task);
    let one = async || {
        let connect = || async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            std::io::Result::Ok(Plain(stream))
        };
        let mut client = Client::new(connect, "client.example.org", Timeouts::SEND);
        let results = client.send(&mails, &Open).await;
        client.quit().await;
        all_accepted(&results)
    };
    try_join_all((0..task.connections).map(|_| one())).await?;
    Ok(())
}

/// Sends as the product does: with the pool, over TLS. Each connection has its own pool, because one pool opens at
/// most two connections to a relay.
async fn ours_over_tls(task: &Task) -> Result<()> {
    let settings = Settings {
        host: task.host.clone(),
        port: task.port,
        security: Security::Tls,
        auth: Auth::None,
        sender_address: FROM.into(),
        sender_name: None,
        reply_to: None,
        ehlo_name: None,
        ca_pem: task.ca.clone(),
        routing: Routing::default(),
        contacts: Vec::new(),
    };
    let options = NetworkOptions {
        allow_networks: ["127.0.0.0/8", "10.0.0.0/8"].into_iter().filter_map(Cidr::parse).collect(),
        allow_ports: vec![task.port],
        ..NetworkOptions::default()
    };
    let network = Arc::new(Network::new(options)?);
    let key = RelayKey { tenant: None, revision: "1".into() };
    let mails = batch(task);
    let one = async || {
        let pool = Pool::new(Arc::clone(&network));
        all_accepted(&pool.send(&key, &settings, &mails, &Open).await)
    };
    try_join_all((0..task.connections).map(|_| one())).await?;
    Ok(())
}

async fn lettre(task: &Task) -> Result<()> {
    use lettre::address::Envelope;
    use lettre::transport::smtp::PoolConfig;
    use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
    use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

    let tls = match &task.ca {
        None => Tls::None,
        Some(ca) => {
            let ca = Certificate::from_pem(ca.as_bytes())?;
            Tls::Wrapper(TlsParameters::builder(task.host.clone()).add_root_certificate(ca).build_rustls()?)
        }
    };
    let pool = PoolConfig::new().max_size(u32::try_from(task.connections)?);
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(task.host.clone())
        .port(task.port)
        .tls(tls)
        .pool_config(pool)
        .build();
    let envelope = Envelope::new(Some(FROM.parse()?), vec![TO.parse()?])?;
    let one = async || -> Result<()> {
        for _ in 0..task.count {
            transport.send_raw(&envelope, &task.message).await?;
        }
        Ok(())
    };
    try_join_all((0..task.connections).map(|_| one())).await?;
    Ok(())
}

async fn mail_send(task: &Task) -> Result<()> {
    use mail_send::SmtpClientBuilder;
    use mail_send::smtp::message::Message;

    let message = Message::new(FROM, [TO], task.message.as_slice());
    let mut roots = rustls::RootCertStore::empty();
    if let Some(ca) = &task.ca {
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes())?)?;
    }
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let one = async || -> Result<()> {
        let builder =
            SmtpClientBuilder::new_with_tls_connector(task.host.as_str(), task.port, connector.clone())
                .helo_host("client.example.org");
        if task.ca.is_some() {
            let mut client = builder.implicit_tls(true).connect().await?;
            for _ in 0..task.count {
                client.send(message.clone()).await?;
            }
            client.quit().await?;
        } else {
            let mut client = builder.connect_plain().await?;
            for _ in 0..task.count {
                client.send(message.clone()).await?;
            }
            client.quit().await?;
        }
        Ok(())
    };
    ensure!(task.count > 0, "nothing to send");
    try_join_all((0..task.connections).map(|_| one())).await?;
    Ok(())
}
