//! What happened at which stage → the failure code. It follows "How to choose where two could fit" of
//! docs/reference/reports.md. What to do about a failure is decided elsewhere.

use ownpost_domain::failure::{Cause, EnhancedCode, Failure, FailureCode, Reason, Reply, Stage};
use ownpost_domain::settings::{Auth, Settings};

use super::connection::ReadError;
use super::refusals::{self, Meaning};
use super::wording;

/// The failure of a stage that has got no readable reply.
pub(crate) fn read_error(stage: Stage, error: ReadError) -> Failure {
    let code = match (stage, error) {
        (Stage::Greeting, ReadError::Timeout) => FailureCode::GreetingTimeout,
        (Stage::Greeting, ReadError::Malformed | ReadError::TooLong) => FailureCode::GreetingNotSmtp,
        (_, ReadError::CertificateWanted) => FailureCode::TlsClientCertificate,
        (_, ReadError::Closed | ReadError::NotEncrypted) => FailureCode::ProtocolDisconnected,
        (_, ReadError::Timeout) => FailureCode::ProtocolTimeout,
        (_, ReadError::Malformed) => FailureCode::ProtocolMalformed,
        (_, ReadError::TooLong) => FailureCode::ProtocolTooLong,
    };
    let broken = error == ReadError::NotEncrypted;
    Failure { reason: broken.then(|| Cause::EncryptionBroken.into()), ..Failure::new(stage, code) }
}

/// The credential that AUTH sends. Servers refuse both kinds with the same replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Credential {
    /// None: the session does not sign in.
    #[default]
    None,
    /// A password.
    Password,
    /// An OAuth access token.
    Token,
}

/// The client as the server sees it, without which some refusals can be understood in two ways.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    /// The sender address of every mail.
    pub(crate) sender: String,
    pub(crate) credential: Credential,
}

impl Identity {
    pub(crate) fn of(settings: &Settings) -> Self {
        let credential = match &settings.auth {
            Auth::None => Credential::None,
            Auth::Password { .. } => Credential::Password,
            Auth::OAuth2(_) => Credential::Token,
        };
        Self { sender: settings.sender_address.clone(), credential }
    }

    /// The failure of a stage whose reply is not the expected one.
    pub(crate) fn refusal(&self, stage: Stage, reply: Reply) -> Failure {
        let (code, cause) = self.refusal_code(stage, &reply);
        // The text of an invalid or refusing greeting is not shown: the server may be no mail server.
        let reply = match stage {
            Stage::Greeting if code == FailureCode::GreetingNotSmtp => None,
            Stage::Greeting => Some(Reply { text: String::new(), ..reply }),
            _ => Some(reply),
        };
        Failure { stage, code, reply, reason: cause.map(Reason::from) }
    }

    fn refusal_code(&self, stage: Stage, reply: &Reply) -> Meaning {
        let text = wording::own(stage, &reply.text, &self.sender);
        let meaning = refusals::meaning(stage, reply, &text);
        match reply.code {
            400..=499 => (temporary(stage), meaning.and_then(temporary_cause)),
            500..=599 => self.permanent(stage, reply, &text, meaning),
            _ if stage == Stage::Greeting => (FailureCode::GreetingNotSmtp, None),
            // A positive or intermediate reply where another was due: the two sides are out of step.
            _ => (FailureCode::ProtocolMalformed, None),
        }
    }

    /// The meaning of a 5xx: by the table, or else by the command that it answers.
    fn permanent(&self, stage: Stage, reply: &Reply, text: &str, meaning: Option<Meaning>) -> Meaning {
        let (code, cause) = meaning.unwrap_or_else(|| self.untold(stage, reply, text));
        match code {
            FailureCode::EhloRejected if stage == Stage::Ehlo => (code, cause.or_else(|| ehlo_cause(reply))),
            // The same replies to a token are about the token.
            FailureCode::AuthRejected
            | FailureCode::AuthAppPasswordRequired
            | FailureCode::AuthBasicDisabled
                if self.credential == Credential::Token && cause != Some(Cause::AccountSmtpOff) =>
            {
                (FailureCode::AuthOauthFailed, cause)
            }
            _ => (code, cause),
        }
    }

    /// The meaning of a 5xx that the table does not know.
    fn untold(&self, stage: Stage, reply: &Reply, text: &str) -> Meaning {
        match stage {
            _ if refusals::is_own_fault(reply, text) => {
                (refusals::otherwise(stage), Some(Cause::ServerFault))
            }
            Stage::Auth if is_mechanism_refused(reply) => (FailureCode::AuthMechanismUnsupported, None),
            // The server offers AUTH, and does not know or expect it.
            Stage::Auth if is_command_refused(stage, reply) => {
                (FailureCode::AuthNotOffered, Some(Cause::EhloOutOfStep))
            }
            // Out of step: only AUTH can be missing.
            Stage::Sender | Stage::Recipient if reply.code == 503 && self.credential == Credential::None => {
                (FailureCode::AuthRequired, None)
            }
            // No verdict on the address.
            Stage::Sender | Stage::Recipient | Stage::Message if is_command_refused(stage, reply) => {
                (FailureCode::ProtocolMalformed, Some(Cause::EhloOutOfStep))
            }
            // Too large (RFC 1870 §6.1), or over the account's quota.
            Stage::Sender if reply.code == 552 => (FailureCode::MessageRejected, None),
            _ => (refusals::otherwise(stage), None),
        }
    }
}

/// Whether the server refuses the command as unknown or out of order, or its options, whatever the credentials or the
/// address: 500, 502, 503, 555, and at AUTH and MAIL what RFC 3463 calls a protocol status (X.5), or a feature that the
/// system lacks (X.3.3). At RCPT Postfix gives X.5 to an address that is not full, at the dot to the message.
fn is_command_refused(stage: Stage, reply: &Reply) -> bool {
    let of_protocol = matches!(reply.enhanced, Some(EnhancedCode(5, 5, _) | EnhancedCode(5, 3, 3)));
    matches!(reply.code, 500 | 502 | 503 | 555)
        || (matches!(stage, Stage::Auth | Stage::Sender) && of_protocol)
}

/// The code of a 4xx.
fn temporary(stage: Stage) -> FailureCode {
    if stage == Stage::Auth { FailureCode::AuthTemporary } else { FailureCode::SmtpTemporary }
}

/// What a 4xx is about, as far as it says more than "later".
fn temporary_cause((code, cause): Meaning) -> Option<Cause> {
    cause.or(match code {
        FailureCode::EhloRejected => Some(Cause::TemporaryEhlo),
        FailureCode::RelayDenied => Some(Cause::TemporaryDenied),
        FailureCode::RelayBlocked => Some(Cause::TemporaryBlocked),
        FailureCode::RelaySuspended => Some(Cause::TemporarySuspended),
        FailureCode::RelayQuota => Some(Cause::TemporaryQuota),
        _ => None,
    })
}

/// The cause of a refused EHLO that is not about the name.
fn ehlo_cause(reply: &Reply) -> Option<Cause> {
    match reply.code {
        500 | 502 => Some(Cause::EhloNotKnown),
        503 => Some(Cause::EhloOutOfStep),
        _ => None,
    }
}

/// Whether the server refused the mechanism, not the credentials, so that the next one may be tried.
pub(crate) fn is_mechanism_refused(reply: &Reply) -> bool {
    reply.code == 504 || (reply.is_permanent() && reply.enhanced == Some(EnhancedCode(5, 5, 4)))
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
