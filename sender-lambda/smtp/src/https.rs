//! Requests over https. A server is dialled like a relay: its name is resolved once, every address is checked, and the
//! certificate is verified. No redirect is followed.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST};
use hyper::{Request, StatusCode, Uri};
use ownpost_domain::failure::FailureCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::limits::Limits;
use super::tls::AskedForCertificate;
use super::{Network, dial, tls};

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpsError {
    /// The address is no https URL.
    #[error("the address is no https URL")]
    NoUrl,
    /// The host name does not exist.
    #[error("its host name does not exist")]
    UnknownHost,
    /// An address of the host may not be dialled.
    #[error("its address is private")]
    Forbidden,
    /// The port may not be dialled.
    #[error("its port is unusual")]
    Port,
    /// The host cannot be reached, or not in time.
    #[error("it cannot be reached")]
    Unreachable,
    /// The certificate is not trusted.
    #[error("its certificate is not trusted")]
    Untrusted,
    /// The certificate has expired, or is not valid yet.
    #[error("its certificate has expired or is not valid yet")]
    Expired,
    /// The certificate is for other names.
    #[error("its certificate is for another name")]
    OtherName,
    /// The server asks for a certificate of ours.
    #[error("it asks for a certificate of the client")]
    WantsCertificate,
    /// The TLS handshake failed for another reason.
    #[error("the TLS handshake failed")]
    Handshake,
    /// The connection broke off before the whole answer.
    #[error("it gave no whole answer")]
    NoAnswer,
    /// The answer is not HTTP.
    #[error("it does not speak HTTP")]
    NotHttp,
    /// The answer is larger than it may be.
    #[error("its answer is too large")]
    TooLarge,
    /// The answer is no success; redirects are none.
    #[error("it answered with HTTP status {0}")]
    Status(u16),
}

/// Where a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To the public Internet, and to what the operator allows beside it: for an address that somebody else has chosen.
    Public,
    /// To every address: for one that the operator has named.
    Any,
}

/// Asks for a document: the body of its answer 200, of at most `most` bytes.
///
/// # Errors
/// There is no such answer within `patience`.
pub async fn get(
    network: &Network,
    url: &str,
    reach: Reach,
    most: usize,
    patience: Duration,
) -> Result<Bytes, HttpsError> {
    let url: Uri = url.parse().map_err(|_| HttpsError::NoUrl)?;
    let limits = Limits { timeouts: network.test_timeouts, overall: Instant::now() + patience };
    let answered = async {
        let stream = connect(network, &url, reach, limits).await?;
        let request = Request::get(path(&url)).header(HOST, host_of(&url)).header(ACCEPT, "application/json");
        let request = request.body(Full::default()).map_err(|_| HttpsError::NoUrl)?;
        exchange(stream, request, most).await
    };
    let (status, body) =
        timeout_at(limits.overall, answered).await.map_err(|_| HttpsError::Unreachable)??;
    if status == StatusCode::OK { Ok(body) } else { Err(HttpsError::Status(status.as_u16())) }
}

/// The value of `Host` for a URL: without user and password.
pub(crate) fn host_of(url: &Uri) -> &str {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// The target of a request to a URL (RFC 9112 §3.2.1).
pub(crate) fn path(url: &Uri) -> &str {
    url.path_and_query().map_or("/", |path| path.as_str())
}

/// An encrypted and verified connection for one request.
pub(crate) struct Connected {
    stream: TlsStream<TcpStream>,
    asked: Arc<AskedForCertificate>,
}

/// Connects to the host of a URL.
pub(crate) async fn connect(
    network: &Network,
    url: &Uri,
    reach: Reach,
    limits: Limits,
) -> Result<Connected, HttpsError> {
    let unreachable = |code| match code {
        FailureCode::ResolveNotFound => HttpsError::UnknownHost,
        FailureCode::ResolveForbidden => HttpsError::Forbidden,
        _ => HttpsError::Unreachable,
    };
    let host = url.host().filter(|_| url.scheme_str() == Some("https")).ok_or(HttpsError::NoUrl)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_u16().unwrap_or(443);
    if reach == Reach::Public && !network.allowed.https_port(port) {
        return Err(HttpsError::Port);
    }
    let until = limits.until(limits.timeouts.auth);
    let allowed = |endpoint: SocketAddr| reach == Reach::Any || network.allowed.https(endpoint);
    let endpoints =
        dial::resolve(&network.resolvers, host, port, allowed, until).await.map_err(unreachable)?;
    let (stream, _) = dial::connect(&endpoints, limits.timeouts.connect, until).await.map_err(unreachable)?;
    let (config, asked) = network.trust.strict_once().map_err(|_| HttpsError::Untrusted)?;
    let shaken = tls::handshake(config, host, stream, until).await.map_err(|failure| {
        let failure = asked.explained(failure);
        let lost = failure.lost || failure.code == FailureCode::ProtocolTimeout;
        match failure.code {
            _ if lost => HttpsError::Unreachable,
            FailureCode::TlsExpired | FailureCode::TlsNotYetValid => HttpsError::Expired,
            FailureCode::TlsNameMismatch => HttpsError::OtherName,
            FailureCode::TlsClientCertificate => HttpsError::WantsCertificate,
            FailureCode::TlsFailed | FailureCode::TlsLegacy | FailureCode::TlsUnsupported => {
                HttpsError::Handshake
            }
            _ => HttpsError::Untrusted,
        }
    });
    shaken.map(|stream| Connected { stream, asked })
}

/// Why an exchange broke off. A server with TLS 1.3 that wants a certificate of ours says so only behind the handshake, or just
/// closes where the request is.
fn broken_off(error: &hyper::Error, asked: bool) -> HttpsError {
    if error.is_parse() {
        return HttpsError::NotHttp;
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.downcast_ref::<io::Error>().is_some_and(tls::wants_certificate) {
            return HttpsError::WantsCertificate;
        }
        source = cause.source();
    }
    if asked { HttpsError::WantsCertificate } else { HttpsError::NoAnswer }
}

/// Whether an answer of this status refuses a client without a certificate, where the server has asked for one: 400 and 403 are
/// what web servers give, 495 and 496 nginx's own. Its page is for people; JSON says more.
fn refuses_without_certificate(status: StatusCode, body: &[u8]) -> bool {
    matches!(status.as_u16(), 400 | 401 | 403 | 495 | 496) && !body.trim_ascii_start().starts_with(b"{")
}

/// Sends a request: the status of the answer, and its body of at most `most` bytes, which of a redirect is left unread.
pub(crate) async fn exchange(
    Connected { stream, asked }: Connected,
    request: Request<Full<Bytes>>,
    most: usize,
) -> Result<(StatusCode, Bytes), HttpsError> {
    let asked = asked.was_asked();
    let lost = |error: hyper::Error| broken_off(&error, asked);
    let (mut sender, connection) = http1::handshake(Io(stream)).await.map_err(lost)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(lost)?;
        let status = response.status();
        if status.is_redirection() {
            return Ok((status, Bytes::new()));
        }
        let body = Limited::new(response.into_body(), most).collect().await.map_err(|error| {
            let too_large = error.downcast_ref::<LengthLimitError>().is_some();
            if too_large { HttpsError::TooLarge } else { HttpsError::NoAnswer }
        })?;
        let body = body.to_bytes();
        if asked && refuses_without_certificate(status, &body) {
            return Err(HttpsError::WantsCertificate);
        }
        Ok((status, body))
    };
    // hyper's connection makes progress only while it is polled. Where the server closes behind its answer it ends first,
    // and the answer is there all the same.
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        biased;
        result = &mut exchange => result,
        _ = connection => exchange.await,
    }
}

/// tokio's stream as hyper wants it.
struct Io<S>(S);

impl<S: AsyncRead + Unpin> hyper::rt::Read for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut octets = [0; 4096];
        let room = cursor.remaining().min(octets.len());
        let mut buffer = ReadBuf::new(&mut octets[..room]);
        match ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer)) {
            // Many servers close without TLS' close_notify. An answer that is cut short shows by its length or its JSON.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            result => result?,
        }
        cursor.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> hyper::rt::Write for Io<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
