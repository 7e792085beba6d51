//! Looks for a combination of port and security that works where this one does not, and proves it by a
//! connection of its own before it is offered.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::session::{Limits, NoObserver, TlsSetup, open};
use super::{Network, Timeouts};
use crate::domain::failure::{Failure, FailureCode, Stage};
use crate::domain::settings::{Auth, Security, Settings};

/// A combination that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) port: u16,
    pub(crate) security: Security,
}

impl Found {
    /// As a JSON merge patch of the settings.
    pub(crate) fn patch(self) -> serde_json::Value {
        let security = match self.security {
            Security::StartTls => "starttls",
            Security::Tls => "tls",
        };
        json!({ "port": self.port, "security": security })
    }
}

/// The usual combinations, the better ones first (RFC 8314 §3.3).
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
/// How long a second connection may take at each step: it is a guess, and the admin is waiting.
const STEP: Duration = Duration::from_secs(3);
/// How long a server may keep silent before a second connection asks whether it is waiting for a ClientHello.
const SILENCE: Duration = Duration::from_millis(2500);

/// A combination that works, if this failure is one that another combination could cure.
pub(crate) async fn look(
    network: &Network,
    settings: &Settings,
    failure: &Failure,
    limits: Limits,
) -> Option<Found> {
    // The same port with the other kind of TLS: what answered did not speak as expected. A server that was silent
    // for long was asked meanwhile.
    let asked = failure.code == FailureCode::GreetingTimeout && limits.timeouts.greeting > SILENCE;
    let limits = guess(limits);
    if is_mismatch(settings.security, failure) && !asked {
        let other = flipped(settings);
        if works(network, settings, other, limits).await {
            return Some(other);
        }
    }
    if !is_dead(failure) {
        return None;
    }
    let mut candidates = Vec::new();
    for (port, security) in USUAL {
        candidates.push(Found { port, security });
    }
    for &port in network.allowed.extra_ports().iter().take(MAX_EXTRA) {
        for security in [settings.security, flip(settings.security)] {
            candidates.push(Found { port, security });
        }
    }
    candidates.retain(|found| found.port != settings.port);
    // All at once, and the best of those that work: a filtered port takes as long as it is given.
    let mut tries: FuturesUnordered<_> = candidates
        .iter()
        .enumerate()
        .map(|(index, &found)| async move { (index, works(network, settings, found, limits).await) })
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

/// Comes to an end once a server that should greet and does not has proven, over a second connection, to be waiting for
/// TLS. A server that greets late on purpose (Postfix' postscreen by 6 seconds) has all the time it had.
pub(crate) async fn behind_silence(
    network: &Network,
    settings: &Settings,
    limits: Limits,
    mut stage: watch::Receiver<Option<Stage>>,
) -> Found {
    let is_greeting = |stage: &Option<Stage>| *stage == Some(Stage::Greeting);
    if settings.security == Security::StartTls
        && stage.wait_for(is_greeting).await.is_ok()
        && timeout(SILENCE, stage.wait_for(|stage| !is_greeting(stage))).await.is_err()
    {
        let other = flipped(settings);
        let proven = tokio::select! {
            proven = works(network, settings, other, guess(limits)) => proven,
            _ = stage.wait_for(|stage| !is_greeting(stage)) => false,
        };
        if proven {
            return other;
        }
    }
    std::future::pending().await
}

/// The same port with the other kind of TLS.
fn flipped(settings: &Settings) -> Found {
    Found { port: settings.port, security: flip(settings.security) }
}

/// The limits of a connection that is a guess.
fn guess(limits: Limits) -> Limits {
    let overall = limits.overall.min(Instant::now() + STEP * 4);
    Limits { timeouts: shorter(limits.timeouts), overall }
}

/// Whether a server that refused our handshake without a reason takes one of old.
pub(crate) async fn is_old(network: &Network, settings: &Settings, limits: Limits) -> bool {
    let mut random = [0; 32];
    // No secret comes of it, so a system without randomness does no harm.
    let _ = getrandom::fill(&mut random);
    let setup = TlsSetup::Old(random);
    let opened = open(network, settings, &setup, guess(limits), None, &mut NoObserver).await;
    opened.is_err_and(|failure| failure.code == FailureCode::TlsLegacy)
}

fn flip(security: Security) -> Security {
    match security {
        Security::StartTls => Security::Tls,
        Security::Tls => Security::StartTls,
    }
}

fn is_mismatch(security: Security, failure: &Failure) -> bool {
    match security {
        Security::Tls => {
            failure.stage == Stage::Tls
                && matches!(failure.code, FailureCode::TlsFailed | FailureCode::ProtocolTimeout)
        }
        // A server that waits for a ClientHello is silent, or soon tired of waiting, or says in a TLS alert that
        // it has read no TLS.
        Security::StartTls => {
            failure.stage == Stage::Greeting
                && matches!(
                    failure.code,
                    FailureCode::GreetingTimeout
                        | FailureCode::GreetingNotSmtp
                        | FailureCode::ProtocolDisconnected
                )
        }
    }
}

/// Whether another port of the same host may do better.
fn is_dead(failure: &Failure) -> bool {
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

fn shorter(timeouts: Timeouts) -> Timeouts {
    let short = |step: Duration| step.min(STEP);
    Timeouts {
        resolve: short(timeouts.resolve),
        connect: short(timeouts.connect),
        greeting: timeouts.greeting.min(STEP * 2),
        tls: short(timeouts.tls),
        auth: short(timeouts.auth),
        command: short(timeouts.command),
        data: short(timeouts.data),
        done: short(timeouts.done),
    }
}

/// Whether these settings with this port and security lead to an encrypted, verified session that offers AUTH if
/// AUTH is wanted. No credentials are sent: a wrong guess must not count against the account.
async fn works(network: &Network, settings: &Settings, found: Found, limits: Limits) -> bool {
    let candidate = Settings { port: found.port, security: found.security, ..settings.clone() };
    let trust = network.trust_for(&candidate);
    let setup = TlsSetup::Examine(&trust);
    let opened = open(network, &candidate, &setup, limits, None, &mut NoObserver).await;
    let Ok(session) = opened else { return false };
    let fits = candidate.auth == Auth::None || session.offer.auth.is_some();
    session.quit().await;
    fits
}
