//! The HTTP client of the AWS clients: hyper's pool of connections, HTTP/1.1 alone.
//!
//! The SDK's own client always brings HTTP/2 and proxies, which are a tenth of the artefact, and the APIs called here send
//! and take one small document a time. Time limits are [`super::CONNECT`] for a connection, and for the rest the SDK's.

use std::error::Error;
use std::iter::successors;
use std::sync::Arc;
use std::{fmt, io};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::CONNECT;

/// What AWS endpoints' certificates lead to, in PEM (<https://www.amazontrust.com/repository/>).
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// One pool of connections for all clients.
#[derive(Clone)]
pub(super) struct Http(Client<HttpsConnector<Tcp>, SdkBody>);

impl Http {
    /// A client that trusts Amazon's roots alone. Opens no connection. Without TLS it goes only where `AWS_ENDPOINT_URL`
    /// says so.
    ///
    /// # Errors
    /// The roots that are compiled in cannot be read.
    pub(super) fn new() -> Result<Self, Box<dyn Error + Send + Sync>> {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(AMAZON_ROOTS) {
            roots.add(root?)?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(https)))
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Http")
    }
}

impl HttpClient for Http {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let answer = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(no_answer)?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Why there is no answer, as the SDK decides by it: both kinds are tried again.
fn no_answer(error: ClientError) -> ConnectorError {
    let mut causes = successors(error.source(), |cause| (*cause).source());
    let late = causes.any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
    });
    if late { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn get(port: u16) -> HttpRequest {
        let mut request = HttpRequest::get(format!("http://127.0.0.1:{port}/")).unwrap();
        request.headers_mut().insert("x-tried", "once");
        request
    }

    #[tokio::test]
    async fn one_connection_serves_call_after_call_and_one_that_has_ended_is_replaced() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let mut served = Vec::new();
            for calls in [2, 1] {
                let (mut stream, _) = listener.accept().await.unwrap();
                for _ in 0..calls {
                    let mut request = Vec::new();
                    while !request.ends_with(b"\r\n\r\n") {
                        request.push(stream.read_u8().await.unwrap());
                    }
                    served.push(String::from_utf8(request).unwrap());
                    stream
                        .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}")
                        .await
                        .unwrap();
                }
            }
            served
        });
        let http = Http::new().unwrap();
        for _ in 0..3 {
            let mut answer = http.call(get(port)).await.unwrap();
            assert_eq!(answer.status().as_u16(), 400);
            let body = std::mem::replace(answer.body_mut(), SdkBody::taken());
            let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
            assert_eq!(&body[..], b"{}");
        }
        for request in server.await.unwrap() {
            assert!(
                request.starts_with("GET / HTTP/1.1\r\n") && request.contains("x-tried: once\r\n"),
                "{request}"
            );
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_tried_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let error = Http::new().unwrap().call(get(port)).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");
    }

    #[test]
    fn amazons_five_roots_are_trusted() {
        assert_eq!(CertificateDer::pem_slice_iter(AMAZON_ROOTS).filter_map(Result::ok).count(), 5);
    }
}
