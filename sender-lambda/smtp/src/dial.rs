//! From a host name to a TCP connection: the name is resolved once, every address is checked, and exactly a
//! checked address is dialled. Nothing else in the crate opens a socket to a relay.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts};
use hickory_resolver::config::{ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::{Resolver, TokioResolver};
use ownpost_domain::failure::FailureCode;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::tls::provider;

/// The most addresses of one name that are tried. No known relay has more, and each costs a connection.
const MAX_ADDRESSES: usize = 16;
/// How long one address is tried alone before the next is tried too (RFC 8305 §8).
const STAGGER: Duration = Duration::from_millis(250);

/// How long the answer for one address family may take once that for the other is there.
const OTHER_FAMILY: Duration = Duration::from_secs(1);

/// A resolver for each address family.
pub(crate) struct Resolvers {
    v4: TokioResolver,
    v6: TokioResolver,
}

impl Resolvers {
    /// The same name server for both.
    pub(crate) fn new(server: Option<SocketAddr>) -> Result<Self, NetError> {
        Ok(Self {
            v4: resolver(server, LookupIpStrategy::Ipv4Only)?,
            v6: resolver(server, LookupIpStrategy::Ipv6Only)?,
        })
    }

    /// One of them, for other records.
    pub(crate) fn any(&self) -> &TokioResolver {
        &self.v4
    }
}

/// An endpoint that has passed the check: the only thing that [`connect`] dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checked(SocketAddr);

impl Checked {
    /// The checked address and port.
    pub(crate) fn endpoint(self) -> SocketAddr {
        self.0
    }
}

/// The resolver: the operator's name server, or the system's.
fn resolver(server: Option<SocketAddr>, strategy: LookupIpStrategy) -> Result<TokioResolver, NetError> {
    let mut builder = match server {
        Some(server) => {
            let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            for connection in &mut connections {
                connection.port = server.port();
            }
            let server = NameServerConfig::new(server.ip(), true, connections);
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
        None => TokioResolver::builder_tokio().unwrap_or_else(|_| {
            Resolver::builder_with_config(ResolverConfig::default(), TokioRuntimeProvider::default())
        }),
    };
    let options: &mut ResolverOpts = builder.options_mut();
    options.ip_strategy = strategy;
    options.timeout = Duration::from_secs(2);
    options.attempts = 2;
    options.cache_size = 64;
    // An admin who has just corrected a record tests again at once.
    options.negative_max_ttl = Some(Duration::ZERO);
    options.positive_max_ttl = Some(Duration::from_mins(1));
    if server.is_some() {
        options.use_hosts_file = ResolveHosts::Never;
    }
    // No name server is asked over TLS. Without this the resolver reads the system's certificates, and fails where there
    // are none.
    let unused = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| NetError::from(io::Error::other(error)))?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    builder.with_tls_config(unused).build()
}

/// The addresses of a name or literal, each of them checked by `allowed`. An answer that contains any forbidden
/// address forbids the name.
pub(crate) async fn resolve(
    resolvers: &Resolvers,
    host: &str,
    port: u16,
    allowed: impl Fn(SocketAddr) -> bool,
    until: Instant,
) -> Result<Vec<Checked>, FailureCode> {
    let addresses: Vec<IpAddr> = if let Ok(literal) = host.parse() {
        vec![literal]
    } else {
        // The final dot keeps search domains out: a name means the same wherever it is looked up.
        let name = format!("{}.", host.trim_end_matches('.'));
        look_up(resolvers, &name, until).await?
    };
    if addresses.is_empty() {
        return Err(FailureCode::ResolveNotFound);
    }
    let endpoints: Vec<SocketAddr> = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    if !endpoints.iter().all(|&endpoint| allowed(endpoint)) {
        return Err(FailureCode::ResolveForbidden);
    }
    Ok(interleave(endpoints).into_iter().take(MAX_ADDRESSES).map(Checked).collect())
}

/// The addresses of both families.
async fn look_up(resolvers: &Resolvers, name: &str, until: Instant) -> Result<Vec<IpAddr>, FailureCode> {
    both(ask(&resolvers.v4, name, until), ask(&resolvers.v6, name, until), until).await
}

/// The answers for both families. Once one family is there the other has a second more: some name servers drop what they
/// do not know (RFC 4074), and an address that nobody has heard of is dialled by nobody.
async fn both(
    v4: impl Future<Output = Result<Vec<IpAddr>, FailureCode>>,
    v6: impl Future<Output = Result<Vec<IpAddr>, FailureCode>>,
    until: Instant,
) -> Result<Vec<IpAddr>, FailureCode> {
    let (mut v4, mut v6) = (pin!(v4), pin!(v6));
    let (first, second) = match select(v4.as_mut(), v6.as_mut()).await {
        Either::Left((first, rest)) => (first, Either::Left(rest)),
        Either::Right((first, rest)) => (first, Either::Right(rest)),
    };
    let until = if first.is_ok() { until.min(Instant::now() + OTHER_FAMILY) } else { until };
    let second = timeout_at(until, second).await.unwrap_or(Err(FailureCode::ResolveTimeout));
    match (first, second) {
        (Ok(mut found), Ok(more)) => {
            found.extend(more);
            Ok(found)
        }
        (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
        // That there is none of one family says nothing about the other.
        (Err(FailureCode::ResolveNotFound), Err(code)) | (Err(code), Err(_)) => Err(code),
    }
}

/// The addresses that this resolver knows.
async fn ask(resolver: &TokioResolver, name: &str, until: Instant) -> Result<Vec<IpAddr>, FailureCode> {
    match timeout_at(until, resolver.lookup_ip(name.to_owned())).await {
        Ok(Ok(found)) => Ok(found.iter().collect()),
        Ok(Err(error)) => Err(resolve_failure(&error)),
        Err(_) => Err(FailureCode::ResolveTimeout),
    }
}

fn resolve_failure(error: &NetError) -> FailureCode {
    match error {
        NetError::Timeout => FailureCode::ResolveTimeout,
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain | ResponseCode::NoError => FailureCode::ResolveNotFound,
            _ => FailureCode::ResolveFailed,
        },
        NetError::Dns(DnsError::ResponseCode(ResponseCode::NXDomain)) => FailureCode::ResolveNotFound,
        _ => FailureCode::ResolveFailed,
    }
}

/// IPv6 and IPv4 in turn, IPv6 first (RFC 8305 §4), without repetitions.
fn interleave(endpoints: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (mut v6, mut v4) = (Vec::new(), Vec::new());
    for endpoint in endpoints {
        let family = if endpoint.is_ipv6() { &mut v6 } else { &mut v4 };
        if !family.contains(&endpoint) {
            family.push(endpoint);
        }
    }
    let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
    let mut all = Vec::new();
    loop {
        let (a, b) = (v6.next(), v4.next());
        if a.is_none() && b.is_none() {
            return all;
        }
        all.extend(a.into_iter().chain(b));
    }
}

/// Connects to the first address that answers; each gets a head start over the next. `each` is how long one
/// address may take. No task of their own: on a busy machine, a connection that is there when the head start is found to
/// be over is seen first, and no second one is opened for nothing.
pub(crate) async fn connect(
    endpoints: &[Checked],
    each: Duration,
    until: Instant,
) -> Result<(TcpStream, SocketAddr), FailureCode> {
    let mut attempts = FuturesUnordered::new();
    let mut waiting = endpoints.iter().copied();
    let mut next_start = Instant::now();
    let mut worst: Option<FailureCode> = None;
    loop {
        let more = waiting.len() > 0;
        if !more && attempts.is_empty() {
            return Err(worst.unwrap_or(FailureCode::ConnectUnreachable));
        }
        tokio::select! {
            biased;
            Some(done) = attempts.next(), if !attempts.is_empty() => match done {
                Ok(connected) => return Ok(connected),
                Err(code) => {
                    worst = Some(worst.map_or(code, |other| more_telling(other, code)));
                    next_start = Instant::now();
                }
            },
            () = sleep_until(next_start), if more => {
                if let Some(Checked(endpoint)) = waiting.next() {
                    let until = until.min(Instant::now() + each);
                    attempts.push(connect_one(endpoint, until));
                    next_start = Instant::now() + STAGGER;
                }
            }
        }
    }
}

async fn connect_one(endpoint: SocketAddr, until: Instant) -> Result<(TcpStream, SocketAddr), FailureCode> {
    match timeout_at(until, TcpStream::connect(endpoint)).await {
        Ok(Ok(stream)) => {
            // A group is one write; waiting for the acknowledgement of the last one (Nagle) only costs time.
            let _ = stream.set_nodelay(true);
            Ok((stream, endpoint))
        }
        Ok(Err(error)) => Err(connect_failure(endpoint.port(), error.kind())),
        Err(_) => Err(connect_failure(endpoint.port(), io::ErrorKind::TimedOut)),
    }
}

fn connect_failure(port: u16, kind: io::ErrorKind) -> FailureCode {
    match kind {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => FailureCode::ConnectRefused,
        // Clouds drop packets to port 25 (AWS until asked to stop), and a local firewall denies the call.
        io::ErrorKind::TimedOut if port == 25 => FailureCode::ConnectPortBlocked,
        io::ErrorKind::PermissionDenied => FailureCode::ConnectPortBlocked,
        io::ErrorKind::TimedOut => FailureCode::ConnectTimeout,
        _ => FailureCode::ConnectUnreachable,
    }
}

/// Of two addresses' failures the one that says more about the relay: a machine without IPv6 finds every IPv6
/// address unreachable.
fn more_telling(a: FailureCode, b: FailureCode) -> FailureCode {
    let rank = |code| match code {
        FailureCode::ConnectRefused => 3,
        FailureCode::ConnectTimeout | FailureCode::ConnectPortBlocked => 2,
        _ => 1,
    };
    if rank(b) > rank(a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_family_waits_a_second_for_the_other() {
        let start = Instant::now();
        let found = || async { Ok(vec![IpAddr::from([192, 0, 2, 1])]) };
        let dropped = || std::future::pending();
        let until = start + Duration::from_mins(1);
        assert_eq!(both(found(), dropped(), until).await.map(|found| found.len()), Ok(1));
        assert_eq!(start.elapsed(), OTHER_FAMILY);
        assert_eq!(both(dropped(), found(), until).await.map(|found| found.len()), Ok(1));
        assert_eq!(start.elapsed(), OTHER_FAMILY * 2);
    }

    #[test]
    fn each_connect_error_has_its_code() {
        for (port, kind, want) in [
            (587, io::ErrorKind::ConnectionRefused, FailureCode::ConnectRefused),
            (25, io::ErrorKind::ConnectionRefused, FailureCode::ConnectRefused),
            (587, io::ErrorKind::TimedOut, FailureCode::ConnectTimeout),
            (25, io::ErrorKind::TimedOut, FailureCode::ConnectPortBlocked),
            (587, io::ErrorKind::PermissionDenied, FailureCode::ConnectPortBlocked),
            (587, io::ErrorKind::NetworkUnreachable, FailureCode::ConnectUnreachable),
            (587, io::ErrorKind::HostUnreachable, FailureCode::ConnectUnreachable),
        ] {
            assert_eq!(connect_failure(port, kind), want, "{port} {kind}");
        }
    }

    #[test]
    fn ipv6_and_ipv4_alternate() {
        let endpoints =
            |texts: &[&str]| -> Vec<SocketAddr> { texts.iter().map(|t| t.parse().unwrap()).collect() };
        let mixed = endpoints(&["192.0.2.1:25", "192.0.2.2:25", "192.0.2.1:25", "[2001:db8::1]:25"]);
        assert_eq!(interleave(mixed), endpoints(&["[2001:db8::1]:25", "192.0.2.1:25", "192.0.2.2:25"]));
    }
}
