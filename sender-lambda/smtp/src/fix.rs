//! Looks for another port and security where the settings' own fail. An alternative is offered only after a connection
//! over it has worked.

use std::future::pending;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use ownpost_domain::failure::{Cause, Failure, FailureCode, Stage};
use ownpost_domain::report::TlsFacts;
use ownpost_domain::settings::{Security, Settings};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::legacy_tls::Hello;
use super::limits::Limits;
use super::session::{NoObserver, Observer, TlsSetup, open};
use super::{Network, Timeouts, auth};

/// A combination of port and security that a second connection has proven to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The TCP port.
    pub port: u16,
    /// How the connection is encrypted there.
    pub security: Security,
}

/// What second connections have found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Settings that work.
    Works(Fix),
    /// The port takes TLS from the first byte, where the settings say STARTTLS, and something else is wrong too.
    Tls,
}

/// The usual ports with their security, the better ones first (RFC 8314 §3.3).
const USUAL: [(u16, Security); 6] = [
    (587, Security::StartTls),
    (465, Security::Tls),
    (2525, Security::StartTls),
    (2587, Security::StartTls),
    (2465, Security::Tls),
    (25, Security::StartTls),
];
/// The most of the operator's own ports that are tried.
const MAX_EXTRA: usize = 4;
/// The time without an octet of a greeting after which a second connection tries whether the server expects TLS at once.
/// Postfix' postscreen takes 6 seconds for its greeting, and remembers who talks meanwhile.
const SILENCE: Duration = Duration::from_secs(7);

/// Looks for an alternative that works, if another port or security could cure this failure.
pub(crate) async fn look(
    network: &Network,
    settings: &Settings,
    failure: &Failure,
    limits: Limits,
) -> Option<Found> {
    // A server that has begun its greeting speaks SMTP here, and may mind a second connection.
    if failure.reason.as_ref().is_some_and(|reason| reason.cause == Cause::GreetingUnfinished) {
        return None;
    }
    // The server may expect the other kind of TLS on this port. One that was silent for longer than `SILENCE` has been
    // tried by `behind_silence` already.
    let tried = failure.code == FailureCode::GreetingTimeout && limits.timeouts.greeting > SILENCE;
    let limits = shortened(limits);
    let mut found = None;
    if is_mismatch(settings.security, failure) && !tried {
        found = attempt(network, settings, other_security(settings), limits).await;
        if matches!(found, Some(Found::Works(_))) {
            return found;
        }
    }
    if !is_curable_by_port(failure) {
        return found;
    }
    elsewhere(network, settings, limits).await.map(Found::Works).or(found)
}

/// Looks for another port of the same host that works.
async fn elsewhere(network: &Network, settings: &Settings, limits: Limits) -> Option<Fix> {
    let mut candidates = Vec::new();
    for (port, security) in USUAL {
        candidates.push(Fix { port, security });
    }
    for &port in network.allowed.extra_ports().iter().take(MAX_EXTRA) {
        for security in [settings.security, flip(settings.security)] {
            candidates.push(Fix { port, security });
        }
    }
    candidates.retain(|found| found.port != settings.port);
    // All are tried at once, because a filtered port takes its whole time, and the best that works wins.
    let mut tries: FuturesUnordered<_> = candidates
        .iter()
        .enumerate()
        .map(|(index, &fix)| async move {
            let found = attempt(network, settings, fix, limits).await;
            (index, found == Some(Found::Works(fix)))
        })
        .collect();
    let mut waiting = vec![true; candidates.len()];
    let mut best: Option<usize> = None;
    while let Some((index, works)) = tries.next().await {
        waiting[index] = false;
        if works && best.is_none_or(|best| index < best) {
            best = Some(index);
        }
        if best.is_some_and(|best| !waiting[..best].contains(&true)) {
            break;
        }
    }
    best.map(|index| candidates[index])
}

/// Ends when the server is silent and a second connection has proven that the port takes the other kind of TLS. Otherwise it
/// stays pending, so that a server that greets late on purpose (Postfix' postscreen by 6 seconds) keeps its whole time; another
/// port that works meanwhile is left in `works_elsewhere`, because behind that time there may be none left to look for one.
pub(crate) async fn behind_silence(
    network: &Network,
    settings: &Settings,
    limits: Limits,
    mut stage: watch::Receiver<Option<Stage>>,
    works_elsewhere: &OnceLock<Fix>,
) -> (Stage, Found) {
    let stages: &[Stage] = match settings.security {
        Security::StartTls => &[Stage::Greeting],
        Security::Tls => &[Stage::Tls, Stage::Greeting],
    };
    for (index, &silent) in stages.iter().enumerate() {
        let is_silent = |stage: &Option<Stage>| *stage == Some(silent);
        if stage.wait_for(is_silent).await.is_err() {
            break;
        }
        if timeout(SILENCE, stage.wait_for(|stage| !is_silent(stage))).await.is_ok() {
            continue;
        }
        let limits = shortened(limits);
        // Behind TLS that has worked, the other kind is no question.
        let same_port = async {
            let found = if index == 0 {
                attempt(network, settings, other_security(settings), limits).await
            } else {
                None
            };
            match found {
                Some(found) => found,
                None => pending().await,
            }
        };
        let others = async {
            if let Some(fix) = elsewhere(network, settings, limits).await {
                let _ = works_elsewhere.set(fix);
            }
            pending::<()>().await;
        };
        tokio::select! {
            found = same_port => return (silent, found),
            () = others => {}
            _ = stage.wait_for(|stage| !is_silent(stage)) => {}
        }
    }
    pending().await
}

/// The same port with the other kind of TLS.
fn other_security(settings: &Settings) -> Fix {
    Fix { port: settings.port, security: flip(settings.security) }
}

/// The limits of a second connection.
fn shortened(limits: Limits) -> Limits {
    let overall = limits.overall.min(Instant::now() + limits.timeouts.second * 4);
    Limits { timeouts: shorter(limits.timeouts), overall }
}

/// What a server has that refuses the handshake before it shows a certificate: `tls.unsupported` if it takes a modern one
/// with keys, curves or signatures that we lack, `tls.legacy` if it takes a legacy one, and if it still refuses ours when
/// asked again. A connection that was only lost proves neither.
pub(crate) async fn refused_tls(
    network: &Network,
    settings: &Settings,
    limits: Limits,
) -> Option<FailureCode> {
    let limits = shortened(limits);
    let mut code = asks(network, settings, Hello::Wide, limits).await;
    if code != FailureCode::TlsUnsupported {
        code = asks(network, settings, Hello::Legacy, limits).await;
    }
    let taken = matches!(code, FailureCode::TlsUnsupported | FailureCode::TlsLegacy);
    (taken && is_refused(network, settings, limits).await).then_some(code)
}

/// The code with which a session ends that asks for this handshake.
async fn asks(network: &Network, settings: &Settings, hello: Hello, limits: Limits) -> FailureCode {
    let mut random = [0; 32];
    // The handshake ends before it makes a key, so it is safe even without randomness.
    let _ = getrandom::fill(&mut random);
    let setup = TlsSetup::Ask(hello, random);
    let opened = open(network, settings, &setup, limits, None, &mut NoObserver).await;
    opened.map_or_else(|failure| failure.code, |_| FailureCode::TlsFailed)
}

/// Whether the server refuses a modern handshake before it shows a certificate.
async fn is_refused(network: &Network, settings: &Settings, limits: Limits) -> bool {
    struct Refused(bool);
    impl Observer for Refused {
        fn refused(&mut self) {
            self.0 = true;
        }
    }
    let trust = network.trust_for(settings);
    let mut seen = Refused(false);
    let opened = open(network, settings, &TlsSetup::Examine(&trust), limits, None, &mut seen).await;
    if let Ok(session) = opened {
        session.quit().await;
    }
    seen.0
}

/// The other kind of TLS.
fn flip(security: Security) -> Security {
    match security {
        Security::StartTls => Security::Tls,
        Security::Tls => Security::StartTls,
    }
}

/// Whether the server may expect the other kind of TLS on this port.
fn is_mismatch(security: Security, failure: &Failure) -> bool {
    match security {
        Security::Tls => {
            failure.stage == Stage::Tls
                && matches!(failure.code, FailureCode::TlsFailed | FailureCode::ProtocolTimeout)
        }
        // A server that expects a ClientHello is silent, or closes early.
        Security::StartTls => {
            failure.stage == Stage::Greeting
                && matches!(failure.code, FailureCode::GreetingTimeout | FailureCode::ProtocolDisconnected)
        }
    }
}

/// Whether another port of the same host may work.
fn is_curable_by_port(failure: &Failure) -> bool {
    matches!(
        failure.code,
        FailureCode::ConnectRefused
            | FailureCode::ConnectTimeout
            | FailureCode::ConnectPortBlocked
            | FailureCode::GreetingNotSmtp
            | FailureCode::GreetingTimeout
            | FailureCode::TlsNotOffered
            | FailureCode::TlsFailed
            | FailureCode::AuthNotOffered
    )
}

/// The timeouts of a second connection.
fn shorter(timeouts: Timeouts) -> Timeouts {
    let second = timeouts.second;
    let short = |step: Duration| step.min(second);
    Timeouts {
        resolve: short(timeouts.resolve),
        connect: short(timeouts.connect),
        greeting: timeouts.greeting.min(second * 2),
        tls: short(timeouts.tls),
        auth: short(timeouts.auth),
        command: short(timeouts.command),
        data: short(timeouts.data),
        done: short(timeouts.done),
        second,
    }
}

/// Whether the server has answered a handshake in TLS, though no connection came of it: by an alert, or in a version or with a
/// key that we do not take.
fn speaks_tls(failure: &Failure) -> bool {
    let alert = failure.reason.as_ref().is_some_and(|reason| reason.cause == Cause::TlsAlert);
    failure.stage == Stage::Tls
        && (alert
            || matches!(
                failure.code,
                FailureCode::TlsLegacy | FailureCode::TlsUnsupported | FailureCode::TlsClientCertificate
            ))
}

/// Tries the settings with this port and security: whether they lead to an encrypted and verified session, with AUTH if they
/// have credentials; or whether the port takes TLS from the first byte at least. No credentials are sent, because a wrong
/// guess must not count against the account.
async fn attempt(network: &Network, settings: &Settings, fix: Fix, limits: Limits) -> Option<Found> {
    #[derive(Default)]
    struct SeenTls(bool);
    impl Observer for SeenTls {
        fn tls(&mut self, _facts: TlsFacts) {
            self.0 = true;
        }
    }
    let candidate = Settings { port: fix.port, security: fix.security, ..settings.clone() };
    let trust = network.trust_for(&candidate);
    let setup = TlsSetup::Examine(&trust);
    let mut seen = SeenTls::default();
    let opened = open(network, &candidate, &setup, limits, None, &mut seen).await;
    let from_first_byte = (seen.0 && fix.security == Security::Tls).then_some(Found::Tls);
    let session = match opened {
        Ok(session) => session,
        Err(failure) if fix.security == Security::Tls && speaks_tls(&failure) => return Some(Found::Tls),
        Err(_) => return from_first_byte,
    };
    let wanted = auth::wanted(&candidate.auth);
    let fits = wanted.is_empty() || !session.offer.mechanisms(wanted).is_empty();
    session.quit().await;
    if fits { Some(Found::Works(fix)) } else { from_first_byte }
}
