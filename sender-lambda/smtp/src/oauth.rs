//! Access tokens (RFC 6749), fetched over https. The token endpoint is dialled like a relay: its name is resolved
//! once, every address is checked, and the certificate is verified.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use ownpost_domain::failure::FailureCode;
use ownpost_domain::secret::Secret;
use ownpost_domain::settings::{Grant, OAuth2};
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout_at;
use tokio_rustls::client::TlsStream;
use zeroize::Zeroizing;

use super::limits::Limits;
use super::tokens::key;
use super::{Network, dial, tls};

/// The largest answer taken from a token endpoint. Tokens are JWTs of a few kilobytes.
const MAX_ANSWER: usize = 64 * 1024;
/// Gives an access token, from the cache or fetched. A refusal is `auth.oauth_failed`; an endpoint that cannot answer now
/// is `auth.temporary`.
pub(crate) async fn token(
    network: &Network,
    settings: &OAuth2,
    limits: Limits,
) -> Result<Secret, FailureCode> {
    let key = key(settings);
    if let Some(token) = network.tokens.get(&key) {
        return Ok(token);
    }
    let until = limits.until(limits.timeouts.auth);
    let (token, life) = timeout_at(until, fetch(network, settings, limits))
        .await
        .unwrap_or(Err(FailureCode::AuthTemporary))?;
    network.tokens.put(key, &token, life);
    Ok(token)
}

/// Fetches a token: dials the endpoint, posts the grant, reads the answer.
async fn fetch(
    network: &Network,
    settings: &OAuth2,
    limits: Limits,
) -> Result<(Secret, Duration), FailureCode> {
    let refused = FailureCode::AuthOauthFailed;
    let url: Uri = settings.token_url.parse().map_err(|_| refused)?;
    let stream = connect(network, &url, limits).await?;
    let request = request(settings, &url)?;
    let (mut sender, connection) =
        http1::handshake(Io(stream)).await.map_err(|_| FailureCode::AuthTemporary)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|_| FailureCode::AuthTemporary)?;
        let status = response.status();
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(FailureCode::AuthTemporary);
        }
        // A redirect is not followed: secrets go to the URL of the settings and nowhere else.
        if !status.is_success() {
            return Err(refused);
        }
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(|_| refused)?;
        read_answer(&body.to_bytes()).ok_or(refused)
    };
    // hyper's connection makes progress only while it is polled. Both futures end with the answer.
    tokio::select! {
        result = exchange => result,
        _ = connection => Err(FailureCode::AuthTemporary),
    }
}

/// Connects to the endpoint by https.
async fn connect(network: &Network, url: &Uri, limits: Limits) -> Result<TlsStream<TcpStream>, FailureCode> {
    let refused = FailureCode::AuthOauthFailed;
    let unreachable = |code| match code {
        FailureCode::ResolveTimeout
        | FailureCode::ResolveFailed
        | FailureCode::ConnectTimeout
        | FailureCode::ConnectUnreachable => FailureCode::AuthTemporary,
        // The name does not exist, the address may not be dialled or nothing listens there: the URL is wrong.
        _ => refused,
    };
    let host = url.host().filter(|_| url.scheme_str() == Some("https")).ok_or(refused)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port_u16().unwrap_or(443);
    let until = limits.until(limits.timeouts.auth);
    let allowed = |endpoint| network.allowed.https(endpoint);
    let endpoints =
        dial::resolve(&network.resolver, host, port, allowed, until).await.map_err(unreachable)?;
    let (stream, _) = dial::connect(&endpoints, limits.timeouts.connect, until).await.map_err(unreachable)?;
    let config = network.trust.strict().map_err(|_| refused)?;
    tls::handshake(config, host, stream, until).await.map_err(|_| refused)
}

/// The POST of the grant.
fn request(settings: &OAuth2, url: &Uri) -> Result<Request<Full<Bytes>>, FailureCode> {
    let authority = url.authority().map(ToString::to_string).unwrap_or_default();
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    Request::post(path)
        .header(HOST, authority.rsplit_once('@').map_or(authority.as_str(), |(_, host)| host))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .body(Full::new(Bytes::from(form(settings).as_bytes().to_vec())))
        .map_err(|_| FailureCode::AuthOauthFailed)
}

/// The token of an answer and how long it is good for. `None` when the answer has no bearer token that a SASL response
/// can hold.
fn read_answer(body: &[u8]) -> Option<(Secret, Duration)> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    let usable = !answer.access_token.is_empty()
        && answer.access_token.bytes().all(|b| b.is_ascii_graphic())
        && answer.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let life = Duration::from_secs(answer.expires_in.unwrap_or(0));
    usable.then(|| (Secret::new(answer.access_token), life))
}

/// The fields of a token response (RFC 6749 §5.1) that matter here.
#[derive(Deserialize)]
struct Answer {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<u64>,
}

/// The form of a token request (RFC 6749 §4.4.2 and §6), with the client's credentials in the body (§2.3.1), which Google
/// and Microsoft accept.
fn form(settings: &OAuth2) -> Zeroizing<String> {
    let mut form = Zeroizing::new(String::new());
    let mut add = |name: &str, value: &str| {
        if !form.is_empty() {
            form.push('&');
        }
        form.push_str(name);
        form.push('=');
        percent_encode(value, &mut form);
    };
    match &settings.grant {
        Grant::ClientCredentials => add("grant_type", "client_credentials"),
        Grant::RefreshToken(token) => {
            add("grant_type", "refresh_token");
            add("refresh_token", token.expose());
        }
    }
    add("client_id", &settings.client_id);
    if let Some(secret) = &settings.client_secret {
        add("client_secret", secret.expose());
    }
    if let Some(scope) = &settings.scope {
        add("scope", scope);
    }
    form
}

fn percent_encode(value: &str, out: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from_digit(u32::from(digit), 16).unwrap_or('0').to_ascii_uppercase());
            }
        }
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
        ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_encoded() {
        let settings = OAuth2 {
            username: "jan@example.org".into(),
            token_url: "https://id.test/token".into(),
            client_id: "a&b".into(),
            client_secret: Some(Secret::new("s=ü +".into())),
            grant: Grant::RefreshToken(Secret::new("r/t".into())),
            scope: Some("https://outlook.office365.com/.default".into()),
        };
        assert_eq!(
            form(&settings).as_str(),
            "grant_type=refresh_token&refresh_token=r%2Ft&client_id=a%26b&client_secret=s%3D%C3%BC%20%2B\
             &scope=https%3A%2F%2Foutlook.office365.com%2F.default"
        );
    }
}
