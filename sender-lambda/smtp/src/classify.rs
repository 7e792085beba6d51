//! One table: what happened at which stage → the failure code. It follows "How to choose where two could fit" of
//! docs/reference/reports.md line by line. What to do about a failure is decided elsewhere.

use ownpost_domain::failure::{Cause, EnhancedCode, Failure, FailureCode, Reason, Reply, Stage};
use smtp_rules::providers::SENDER_REFUSALS;

use super::connection::ReadError;
use super::wording;

/// The failure of a stage that has got no readable reply.
pub(crate) fn read_error(stage: Stage, error: ReadError) -> Failure {
    let code = match (stage, error) {
        (Stage::Greeting, ReadError::Timeout) => FailureCode::GreetingTimeout,
        (Stage::Greeting, ReadError::Malformed | ReadError::TooLong) => FailureCode::GreetingNotSmtp,
        (_, ReadError::CertificateWanted) => FailureCode::TlsClientCertificate,
        (_, ReadError::Closed) => FailureCode::ProtocolDisconnected,
        (_, ReadError::Timeout) => FailureCode::ProtocolTimeout,
        (_, ReadError::Malformed) => FailureCode::ProtocolMalformed,
        (_, ReadError::TooLong) => FailureCode::ProtocolTooLong,
    };
    Failure::new(stage, code)
}

/// The credential that AUTH has sent. Servers refuse both with the same codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// A password.
    Password,
    /// An OAuth access token.
    Token,
}

/// The failure of a stage whose reply is not the expected one.
pub(crate) fn refusal(stage: Stage, reply: Reply) -> Failure {
    refused(stage, reply, Credential::Password)
}

/// The failure of AUTH with this credential.
pub(crate) fn auth_refusal(reply: Reply, credential: Credential) -> Failure {
    refused(Stage::Auth, reply, credential)
}

fn refused(stage: Stage, reply: Reply, credential: Credential) -> Failure {
    let (code, cause) = refusal_code(stage, &reply, credential);
    // The text of an invalid or refusing greeting is not shown: the server may be no mail server.
    let reply = match stage {
        Stage::Greeting if code == FailureCode::GreetingNotSmtp => None,
        Stage::Greeting => Some(Reply { text: String::new(), ..reply }),
        _ => Some(reply),
    };
    Failure { stage, code, reply, reason: cause.map(Reason::from) }
}

fn refusal_code(stage: Stage, reply: &Reply, credential: Credential) -> (FailureCode, Option<Cause>) {
    let text = wording::own(&reply.text);
    let says = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    match reply.code {
        400..=499 => {
            let code =
                if stage == Stage::Auth { FailureCode::AuthTemporary } else { FailureCode::SmtpTemporary };
            return (code, temporary_cause(stage, reply, &text));
        }
        500..=599 => {}
        _ if stage == Stage::Greeting => return (FailureCode::GreetingNotSmtp, None),
        // A positive or intermediate reply where another was due: the two sides are out of step.
        _ => return (FailureCode::ProtocolMalformed, None),
    }
    let enhanced = reply.enhanced;

    // What a provider means by these does not depend on where it says them.
    if matches!(enhanced, Some(EnhancedCode(5, 7, 60) | EnhancedCode(5, 2, 252))) {
        return (FailureCode::SenderRejected, None);
    }
    if let Some((code, cause)) = wording::relay(stage, reply, &text) {
        return (code, cause);
    }
    if !wording::is_about_recipient(stage, reply, &text)
        && (says(SENDER_NOT_ALLOWED) || says(SENDER_REFUSALS))
    {
        return (FailureCode::SenderRejected, None);
    }
    if reply.code == 530 || says(SIGN_IN_FIRST) {
        return (FailureCode::AuthRequired, None);
    }
    if enhanced == Some(EnhancedCode(5, 7, 30)) {
        let code = match credential {
            Credential::Password => FailureCode::AuthBasicDisabled,
            Credential::Token => FailureCode::AuthOauthFailed,
        };
        return (code, None);
    }

    let code = match stage {
        Stage::Greeting => FailureCode::GreetingRejected,
        Stage::Ehlo => return (FailureCode::EhloRejected, ehlo_cause(reply)),
        Stage::Tls => FailureCode::TlsNotOffered,
        Stage::Auth => auth_code(reply, &says, credential),
        Stage::Sender | Stage::Recipient if says(EHLO_REFUSED) => FailureCode::EhloRejected,
        Stage::Recipient if reply.code == 504 && says(&["helo", "ehlo"]) => FailureCode::EhloRejected,
        // Too large (RFC 1870 §6.1), or over the account's quota.
        Stage::Sender if reply.code == 552 || enhanced == Some(EnhancedCode(5, 3, 4)) => {
            FailureCode::MessageRejected
        }
        Stage::Sender => FailureCode::SenderRejected,
        Stage::Recipient => FailureCode::RecipientRejected,
        _ => FailureCode::MessageRejected,
    };
    (code, None)
}

/// The cause of a refused EHLO that is not about the name.
pub(crate) fn ehlo_cause(reply: &Reply) -> Option<Cause> {
    match reply.code {
        500 | 502 => Some(Cause::EhloNotKnown),
        503 => Some(Cause::EhloOutOfStep),
        _ => None,
    }
}

/// What a 4xx is about, as far as it says more than "later".
fn temporary_cause(stage: Stage, reply: &Reply, text: &str) -> Option<Cause> {
    if EHLO_REFUSED.iter().any(|needle| text.contains(needle)) {
        return Some(Cause::TemporaryEhlo);
    }
    let (code, _) = wording::relay(stage, reply, text)?;
    Some(match code {
        FailureCode::RelayDenied => Cause::TemporaryDenied,
        FailureCode::RelayBlocked => Cause::TemporaryBlocked,
        FailureCode::RelaySuspended => Cause::TemporarySuspended,
        _ => Cause::TemporaryQuota,
    })
}

/// How mail servers refuse the name that EHLO gave, at whatever command.
const EHLO_REFUSED: &[&str] = &["helo command rejected", "ehlo command rejected"];

/// How servers ask for AUTH with another code than 530: SendGrid, Exim, Postmark, hMailServer.
const SIGN_IN_FIRST: &[&str] = &[
    "unauthenticated senders not allowed",
    "authentication required",
    "authentication is required",
    "smtp auth required",
    "must authenticate",
    "need to authenticate",
];

/// How mail servers say that this account may not send as this address: Postfix (which says it at RCPT), OpenSMTPD (with
/// 530, as if nobody had signed in), Exim, and the relays of several providers. Those of one provider are in its own table.
const SENDER_NOT_ALLOWED: &[&str] = &[
    "sender address rejected",
    "sender rejected",
    "sender address [",
    "sender verify failed",
    "not owned by user",
    "permission to send as",
    "not authorized to send as",
    "not authorised to send as",
    "does not match a verified sender identity",
    "sender signature",
    "sender you used",
    "sender address is not allowed",
    "sender address not allowed",
    "unauthorized sender address",
    "not an authorized sender",
    "from address not verified",
    "not allowed to send mail from",
];

fn auth_code(reply: &Reply, says: &dyn Fn(&[&str]) -> bool, credential: Credential) -> FailureCode {
    // Not known, not enabled, not expected: the server does not do AUTH here at all.
    if matches!(reply.code, 500 | 502 | 503) {
        return FailureCode::AuthNotOffered;
    }
    if is_mechanism_refused(reply) {
        return FailureCode::AuthMechanismUnsupported;
    }
    if credential == Credential::Token {
        return FailureCode::AuthOauthFailed;
    }
    let enhanced = reply.enhanced;
    if says(&[
        "application-specific password",
        "app password",
        "app-specific password",
        "application password",
    ]) {
        return FailureCode::AuthAppPasswordRequired;
    }
    if reply.code == 534 && enhanced == Some(EnhancedCode(5, 7, 9)) {
        // RFC 4954 §6 gives 534 5.7.9 to a mechanism that is too weak, Google to a missing application password.
        return if says(&["mechanism", "weak"]) {
            FailureCode::AuthMechanismUnsupported
        } else {
            FailureCode::AuthAppPasswordRequired
        };
    }
    if says(&[
        "smtpclientauthentication is disabled",
        "basic authentication is disabled",
        "basic authentication is not",
    ]) {
        return FailureCode::AuthBasicDisabled;
    }
    // Microsoft has one code for "switched off" and for "wrong password"; only the text tells them apart.
    if enhanced == Some(EnhancedCode(5, 7, 139))
        && !says(&["credentials were incorrect", "account is locked"])
    {
        return FailureCode::AuthBasicDisabled;
    }
    FailureCode::AuthRejected
}

/// Whether the server refused the mechanism, not the credentials, so that the next one may be tried.
pub(crate) fn is_mechanism_refused(reply: &Reply) -> bool {
    reply.code == 504 || (reply.is_permanent() && reply.enhanced == Some(EnhancedCode(5, 5, 4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(reply: &str) -> Reply {
        let mut parser = super::super::reply::ReplyParser::default();
        parser.push(reply.as_bytes()).unwrap().unwrap().into_reply()
    }

    fn check(stage: Stage, reply: &str, want: FailureCode) {
        assert_eq!(refusal(stage, parsed(reply)).code, want, "{stage:?} {reply}");
    }

    fn check_token(reply: &str, want: FailureCode) {
        assert_eq!(auth_refusal(parsed(reply), Credential::Token).code, want, "{reply}");
    }

    #[test]
    fn each_refusal_has_its_code() {
        use FailureCode as F;
        check(Stage::Greeting, "554 5.7.1 go away", F::GreetingRejected);
        check(Stage::Greeting, "421 4.3.2 later", F::SmtpTemporary);
        check(Stage::Greeting, "250 hello", F::GreetingNotSmtp);
        check(Stage::Greeting, "354 hello", F::GreetingNotSmtp);
        check(Stage::Ehlo, "550 5.7.1 bad name", F::EhloRejected);
        check(Stage::Ehlo, "421 later", F::SmtpTemporary);
        check(Stage::Ehlo, "354 what", F::ProtocolMalformed);
        check(Stage::Tls, "502 5.5.1 no", F::TlsNotOffered);
        check(Stage::Tls, "454 4.7.0 not now", F::SmtpTemporary);

        check(Stage::Auth, "535 5.7.8 bad credentials", F::AuthRejected);
        check(Stage::Auth, "535 authentication failed", F::AuthRejected);
        check(Stage::Auth, "550 5.7.1 denied", F::AuthRejected);
        check(Stage::Auth, "454 4.7.0 backend down", F::AuthTemporary);
        check(Stage::Auth, "421 4.7.0 too many", F::AuthTemporary);
        check(Stage::Auth, "504 5.5.4 unknown mechanism", F::AuthMechanismUnsupported);
        check(Stage::Auth, "535 5.5.4 unknown mechanism", F::AuthMechanismUnsupported);
        check(Stage::Auth, "502 5.5.1 not implemented", F::AuthNotOffered);
        check(Stage::Auth, "503 5.5.1 not now", F::AuthNotOffered);
        check(Stage::Auth, "530 5.7.0 required", F::AuthRequired);
        check(Stage::Auth, "534 5.7.9 Application-specific password required.", F::AuthAppPasswordRequired);
        check(Stage::Auth, "534 5.7.9 Please log in another way", F::AuthAppPasswordRequired);
        check(Stage::Auth, "534 5.7.9 Authentication mechanism is too weak", F::AuthMechanismUnsupported);
        check(Stage::Auth, "535 5.7.8 use an app password", F::AuthAppPasswordRequired);
        check(
            Stage::Auth,
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
            F::AuthBasicDisabled,
        );
        check(
            Stage::Auth,
            "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.",
            F::AuthRejected,
        );
        check(Stage::Auth, "535 5.7.3 Authentication unsuccessful", F::AuthRejected);
        check(Stage::Auth, "550 5.7.30 Basic authentication is not supported", F::AuthBasicDisabled);
        check(Stage::Sender, "550 5.7.30 Basic authentication is not supported", F::AuthBasicDisabled);
        check(Stage::Auth, "235 fine", F::ProtocolMalformed);
        check_token("535 5.7.8 bad token", F::AuthOauthFailed);
        check_token("454 4.7.0 later", F::AuthTemporary);

        check(Stage::Sender, "530 5.7.57 Client not authenticated", F::AuthRequired);
        check(Stage::Sender, "530 Sender rejected", F::SenderRejected);
        check(Stage::Sender, "553 5.7.1 no", F::SenderRejected);
        check(Stage::Sender, "552 5.3.4 too big", F::MessageRejected);
        check(Stage::Sender, "451 4.7.1 later", F::SmtpTemporary);
        check(Stage::Recipient, "550 5.1.1 no such user", F::RecipientRejected);
        check(
            Stage::Recipient,
            "553 5.7.1 <a@b>: Sender address rejected: not owned by user x",
            F::SenderRejected,
        );
        check(
            Stage::Recipient,
            "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname",
            F::EhloRejected,
        );
        check(
            Stage::Recipient,
            "504 5.5.2 <jan>: Recipient address rejected: need a domain",
            F::RecipientRejected,
        );
        check(Stage::Recipient, "450 4.1.1 greylisted", F::SmtpTemporary);
        check(
            Stage::Message,
            "550 5.7.60 Client does not have permissions to send as this sender",
            F::SenderRejected,
        );
        check(Stage::Message, "554 5.2.252 SendAsDenied; x not allowed to send as y", F::SenderRejected);
        check(Stage::Message, "554 Message rejected: Email address is not verified.", F::SenderRejected);
        check(Stage::Message, "554 5.7.1 spam", F::MessageRejected);
        check(Stage::Message, "452 4.3.1 full", F::SmtpTemporary);
    }

    #[test]
    fn the_text_of_a_refusing_greeting_is_not_shown() {
        let reply = Reply { code: 554, enhanced: Some(EnhancedCode(5, 7, 1)), text: "secret banner".into() };
        let failure = refusal(Stage::Greeting, reply);
        assert_eq!(failure.reply.map(|r| (r.code, r.text)), Some((554, String::new())));
    }
}
