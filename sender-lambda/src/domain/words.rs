//! What happened, in words for a person reading the ledger.

use super::failure::{Failure, FailureCode as Code, Reply};

/// `250 2.0.0 OK`, on one line and not beyond 300 characters.
pub fn reply(reply: &Reply) -> String {
    let mut words = reply.code.to_string();
    if let Some(enhanced) = reply.enhanced {
        words.push(' ');
        words.push_str(&enhanced.to_string());
    }
    let text = reply.text.split_whitespace().collect::<Vec<_>>().join(" ");
    if !text.is_empty() {
        words.push(' ');
        words.extend(text.chars().take(300));
    }
    words
}

/// A sentence without a subject, to stand behind "the server" and the like: `the connection was refused
/// (connect.refused).`
pub fn failure(failure: &Failure) -> String {
    match &failure.reply {
        Some(said) => {
            format!("{}: it answered “{}” ({}).", plain(failure.code), reply(said), failure.code.code())
        }
        None => format!("{} ({}).", plain(failure.code), failure.code.code()),
    }
}

/// What happened, as a clause: `the connection was refused`.
pub fn plain(code: Code) -> &'static str {
    match code {
        Code::ResolveNotFound => "its name does not exist",
        Code::ResolveTimeout => "no name server answered in time",
        Code::ResolveFailed => "the name servers could not look its name up",
        Code::ResolveForbidden => "its name leads to an address that may not be dialled",
        Code::ConnectRefused => "the connection was refused",
        Code::ConnectTimeout => "the connection attempt got no answer",
        Code::ConnectUnreachable => "there is no way to its network",
        Code::ConnectPortBlocked => "the port is blocked on our side",
        Code::GreetingTimeout => "it did not greet in time",
        Code::GreetingRejected => "it turned us away",
        Code::GreetingNotSmtp => "what answered is no mail server",
        Code::EhloRejected => "it refused the name we gave",
        Code::TlsNotOffered => "it does not offer encryption",
        Code::TlsModeMismatch => "port and encryption do not go together",
        Code::TlsUntrusted => "its certificate is not from a trusted authority",
        Code::TlsSelfSigned => "its certificate is self-signed",
        Code::TlsNameMismatch => "its certificate is for another name",
        Code::TlsExpired => "its certificate has expired",
        Code::TlsNotYetValid => "its certificate is not valid yet",
        Code::TlsLegacy => "its encryption is too old",
        Code::TlsInjected => "it sent plaintext into the encrypted connection",
        Code::TlsFailed => "the encrypted connection could not be set up",
        Code::AuthNotOffered => "it offers no sign-in",
        Code::AuthMechanismUnsupported => "it offers no way of signing in that we know",
        Code::AuthRequired => "it wants us to sign in",
        Code::AuthRejected => "it refused the username or password",
        Code::AuthTemporary => "it could not check the password just now",
        Code::AuthAppPasswordRequired => "it wants an app password",
        Code::AuthBasicDisabled => "it no longer takes passwords",
        Code::AuthOauthFailed => "the sign-in by token failed",
        Code::SenderRejected => "it refused the sender address",
        Code::RecipientRejected => "it refused the recipient",
        Code::MessageRejected => "it refused the message",
        Code::MessageUnknown => "the connection was lost before it said whether it took the mail",
        Code::ProtocolMalformed => "it sent something that is no reply",
        Code::ProtocolTooLong => "it sent more than a reply may have",
        Code::ProtocolDisconnected => "it closed the connection",
        Code::ProtocolTimeout => "it fell silent",
        Code::SmtpTemporary => "it cannot take the mail just now",
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::{EnhancedCode, Stage};
    use super::*;

    #[test]
    fn sentences() {
        let said = Reply {
            code: 535,
            enhanced: Some(EnhancedCode(5, 7, 8)),
            text: format!("Bad\n  credentials {}", "x".repeat(9000)),
        };
        let rejected = Failure { stage: Stage::Auth, code: Code::AuthRejected, reply: Some(said) };
        let sentence = failure(&rejected);
        assert!(
            sentence.starts_with(
                "it refused the username or password: it answered “535 5.7.8 Bad credentials xxx"
            ),
            "{sentence}"
        );
        assert!(sentence.ends_with("” (auth.rejected).") && sentence.len() < 500);
        let silent = Failure { reply: None, ..rejected };
        assert_eq!(failure(&silent), "it refused the username or password (auth.rejected).");
    }
}
